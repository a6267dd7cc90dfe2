//! What a new stack is filled with: two tenants, each with its accounts at both providers, and the functions' secrets.
//!
//! Done again when a server that keeps things in memory was started anew: tokens end with the simulator, secrets with
//! the local AWS.

use std::collections::BTreeMap;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use zixly_auth::ApiKey;
use zixly_domain::{Provider, TenantId, TokenSet, TokenSetId};
use zixly_lambda_kit::aws::{SdkConfig, sdk_config};
use zixly_secrets::{FunctionSecret, TokenSets};
use zixly_store::connections::{self, NewConnection};
use zixly_store::{Store, api_keys, tenants, token_sets as token_set_rows};

use crate::local_aws::CREDENTIALS;
use crate::simulator::Accounts;
use crate::stack::{Stack, digest};
use crate::terraform::Outputs;
use crate::up::Database;

/// What the seeding builds on.
pub struct Servers<'a> {
    /// With the newest schema.
    pub database: &'a Database,
    /// With everything that Terraform makes.
    pub aws_endpoint: &'a str,
    /// What Terraform calls it.
    pub outputs: &'a Outputs,
    /// Of the providers.
    pub simulator_url: &'a str,
    /// What the simulator was told.
    pub accounts: &'a Accounts,
}

/// Fills the stack, unless it is filled; gives what a person may want to know of it, for the stack's env file.
pub async fn seed(stack: &Stack, servers: &Servers<'_>) -> anyhow::Result<Vec<(&'static str, String)>> {
    let tenants = [Tenant::demo(stack, servers.accounts)?, Tenant::other(stack, servers.accounts)?];
    let xero_webhook_key = stack.secret("XERO_WEBHOOK_KEY", crate::random)?;

    let filled_with = digest([
        stack.run_of("simulator"),
        stack.run_of("local-aws"),
        servers.database.superuser_url(stack)?,
        servers.simulator_url.to_owned(),
    ]);
    if !stack.is_done("seed", &filled_with) {
        let aws = aws_config(servers.aws_endpoint)?;
        put_function_secrets(stack, servers, &aws, &xero_webhook_key).await?;
        let store = Store::new(&servers.database.superuser_url(stack)?.into(), None)?;
        let token_sets = TokenSets::new(&aws, servers.outputs.get("token_set_prefix")?.to_owned());
        for tenant in &tenants {
            tenant.make(stack, &store, &token_sets, servers.simulator_url).await?;
        }
        stack.note_done("seed", filled_with)?;
    }

    let mut values = vec![("XERO_WEBHOOK_KEY", xero_webhook_key)];
    for tenant in tenants {
        values.extend([
            (tenant.names.tenant_id, tenant.tenant_id.to_string()),
            (tenant.names.organisation, tenant.organisation),
            (tenant.names.portal, tenant.portal),
            (tenant.names.api_key, tenant.api_key),
        ]);
    }
    Ok(values)
}

/// A tenant and its accounts, made at random at the first start of a stack.
struct Tenant {
    name: &'static str,
    names: Names,
    tenant_id: TenantId,
    api_key: String,
    organisation: String,
    portal: String,
}

/// What a tenant's values are called.
struct Names {
    tenant_id: &'static str,
    api_key: &'static str,
    organisation: &'static str,
    portal: &'static str,
}

impl Tenant {
    fn demo(stack: &Stack, accounts: &Accounts) -> anyhow::Result<Self> {
        let names = Names {
            tenant_id: "DEMO_TENANT_ID",
            api_key: "DEMO_API_KEY",
            organisation: "XERO_TENANT_ID",
            portal: "HUBSPOT_PORTAL_ID",
        };
        Self::new("Demo business", names, stack, accounts)
    }

    fn other(stack: &Stack, accounts: &Accounts) -> anyhow::Result<Self> {
        let names = Names {
            tenant_id: "OTHER_TENANT_ID",
            api_key: "OTHER_API_KEY",
            organisation: "OTHER_XERO_TENANT_ID",
            portal: "OTHER_HUBSPOT_PORTAL_ID",
        };
        Self::new("Other business", names, stack, accounts)
    }

    fn new(name: &'static str, names: Names, stack: &Stack, accounts: &Accounts) -> anyhow::Result<Self> {
        Ok(Self {
            name,
            tenant_id: stack.secret(names.tenant_id, || TenantId::new().to_string())?.parse()?,
            api_key: stack.secret(names.api_key, || ApiKey::generate().expose().to_owned())?,
            organisation: accounts.get(names.organisation).to_owned(),
            portal: accounts.get(names.portal).to_owned(),
            names,
        })
    }

    /// Makes the tenant with its API key and its connections, each with fresh tokens.
    async fn make(
        &self,
        stack: &Stack,
        store: &Store,
        token_sets: &TokenSets,
        simulator_url: &str,
    ) -> anyhow::Result<()> {
        let key = ApiKey::from_authorization(&format!("Bearer {}", self.api_key));
        let key = key.context("the stack remembers an API key that is none: run `make down up`")?;
        let mut session = store.session().await?;
        let tx = session.begin(self.tenant_id).await?;
        tenants::insert(&tx, self.tenant_id, self.name).await?;
        api_keys::insert(&tx, self.tenant_id, "made by zixly up", &key.hash()).await?;
        tx.commit().await?;
        drop(session);

        for (provider, account_id) in
            [(Provider::Xero, &self.organisation), (Provider::HubSpot, &self.portal)]
        {
            let token_set_id = format!("{} token set of {}", provider.name(), self.name);
            let token_set_id = stack.secret(&token_set_id, || TokenSetId::new().to_string())?.parse()?;
            let token_set = grant(simulator_url, provider, account_id).await?;
            token_sets.create(token_set_id, &token_set).await?;

            let mut session = store.session().await?;
            token_set_rows::insert(&mut session, token_set_id, provider).await?;
            let tx = session.begin(self.tenant_id).await?;
            let connection = NewConnection {
                tenant_id: self.tenant_id,
                token_set_id,
                provider,
                account_id,
                account_name: self.name,
            };
            connections::insert(&tx, &connection).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

/// Consent to one account, as its owner gives it in the provider's own pages.
pub async fn grant(simulator_url: &str, provider: Provider, account_id: &str) -> anyhow::Result<TokenSet> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: SecretString,
        refresh_token: SecretString,
        expires_in: i64,
    }
    let client: Client = crate::loopback_client()?;
    let consent = json!({ "provider": provider.as_str(), "accounts": [account_id] });
    let answer = client.post(format!("{simulator_url}/_sim/grant")).json(&consent).send().await?;
    let granted: Granted = answer.error_for_status()?.json().await?;
    Ok(TokenSet {
        access_token: granted.access_token,
        refresh_token: granted.refresh_token,
        expires_at: Timestamp::now() + SignedDuration::from_secs(granted.expires_in),
    })
}

async fn put_function_secrets(
    stack: &Stack,
    servers: &Servers<'_>,
    aws: &SdkConfig,
    xero_webhook_key: &str,
) -> anyhow::Result<()> {
    let put = async |output: &str, fields: &[(&'static str, &str)]| {
        let secret = FunctionSecret::new(aws, servers.outputs.get(output)?.to_owned());
        let fields: BTreeMap<&str, SecretString> =
            fields.iter().map(|(name, value)| (*name, SecretString::from(*value))).collect();
        anyhow::Ok(secret.put(&fields).await?)
    };
    let account = |name| servers.accounts.get(name);
    put(
        "webhook_secret_name",
        &[
            ("database_url", &servers.database.role_url(stack, "zixly_webhook")?),
            ("xero_webhook_key", xero_webhook_key),
        ],
    )
    .await?;
    put(
        "worker_secret_name",
        &[
            ("database_url", &servers.database.role_url(stack, "zixly_worker")?),
            ("xero_client_id", account("XERO_CLIENT_ID")),
            ("xero_client_secret", account("XERO_CLIENT_SECRET")),
            ("hubspot_client_id", account("HUBSPOT_CLIENT_ID")),
            ("hubspot_client_secret", account("HUBSPOT_CLIENT_SECRET")),
        ],
    )
    .await
}

fn aws_config(endpoint: &str) -> anyhow::Result<SdkConfig> {
    sdk_config(|name| match name {
        "AWS_ENDPOINT_URL" => Some(endpoint.to_owned()),
        _ => CREDENTIALS.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
    })
}
