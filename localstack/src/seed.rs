//! What a new stack is filled with: two tenants, each with its users and its accounts at every provider, and the
//! functions' secrets.
//!
//! Done again when a server that keeps things in memory was started anew: tokens end with the simulator, secrets with
//! the local AWS.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use zixly_auth::ApiKey;
use zixly_domain::{Channel, Provider, TenantId, TokenSet, TokenSetId, UserId, Workflow, WorkflowSettings};
use zixly_lambda_kit::aws::{SdkConfig, sdk_config};
use zixly_secrets::{FunctionSecret, TokenSets};
use zixly_store::api_keys::{self, NewKey};
use zixly_store::connections::{self, NewConnection};
use zixly_store::webhook_endpoints::{self, NewEndpoint};
use zixly_store::{Store, tenants, token_sets as token_set_rows, users, workflow_settings};

use crate::demo::records::PROJECT_GID;
use crate::local_aws::CREDENTIALS;
use crate::people::{self, AUTH_KEY, AUTH_SERVICE_KEY, DEMO_PEOPLE, OTHER_PEOPLE, PASSWORD, Person};
use crate::simulator::{Accounts, auth_url};
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
    let tenants =
        [Tenant::new(stack, servers, &DEMO_BUSINESS)?, Tenant::new(stack, servers, &OTHER_BUSINESS)?];
    let keys = Keys::of(stack)?;

    let filled_with = digest([
        stack.run_of("simulator"),
        stack.run_of("local-aws"),
        servers.database.superuser_url(stack)?,
        servers.simulator_url.to_owned(),
    ]);
    if !stack.is_done("seed", &filled_with) {
        let aws = aws_config(servers.aws_endpoint)?;
        put_function_secrets(stack, servers, &aws, &keys).await?;
        let store = Store::new(&servers.database.superuser_url(stack)?.into(), None)?;
        let token_sets = TokenSets::new(&aws, servers.outputs.get("token_set_prefix")?.to_owned());
        for tenant in &tenants {
            tenant.make(stack, &store, &token_sets, servers.simulator_url).await?;
            tenant.register_asana_webhook(&store).await?;
        }
        stack.note_done("seed", filled_with)?;
    }

    let mut values = vec![
        ("XERO_WEBHOOK_KEY", keys.xero_webhook_key.clone()),
        ("HUBSPOT_CLIENT_SECRET", servers.accounts.get("HUBSPOT_CLIENT_SECRET").to_owned()),
        ("SHOPIFY_CLIENT_SECRET", servers.accounts.get("SHOPIFY_CLIENT_SECRET").to_owned()),
    ];
    let auth_url = auth_url(servers.simulator_url);
    for tenant in tenants {
        values.extend(tenant.values(stack, &auth_url)?);
    }
    values.extend([
        ("AUTH_URL", auth_url),
        ("AUTH_KEY", AUTH_KEY.to_owned()),
        ("DEMO_PASSWORD", PASSWORD.to_owned()),
    ]);
    Ok(values)
}

/// What the functions check signatures, tokens and tickets with, besides the providers' client secrets.
struct Keys {
    xero_webhook_key: String,
    auth_jwt_secret: SecretString,
    realtime_ticket_key: String,
}

impl Keys {
    fn of(stack: &Stack) -> anyhow::Result<Self> {
        Ok(Self {
            xero_webhook_key: stack.secret("XERO_WEBHOOK_KEY", crate::random)?,
            auth_jwt_secret: people::legacy_secret(stack)?,
            realtime_ticket_key: stack.secret("REALTIME_TICKET_KEY", crate::random)?,
        })
    }
}

/// Who hears of everything.
const OFFICE: &str = "office@example.com";

/// A tenant, and what its values are called in the stack's env file.
struct Names {
    business: &'static str,
    tenant_id: &'static str,
    api_key: &'static str,
    accounts: [(Provider, &'static str); 5],
    asana_webhook_url: &'static str,
    asana_hook_secret: &'static str,
    people: &'static [Person],
}

const DEMO_BUSINESS: Names = Names {
    business: "Demo business",
    tenant_id: "DEMO_TENANT_ID",
    api_key: "DEMO_API_KEY",
    accounts: [
        (Provider::Xero, "XERO_TENANT_ID"),
        (Provider::HubSpot, "HUBSPOT_PORTAL_ID"),
        (Provider::Shopify, "SHOPIFY_SHOP"),
        (Provider::Asana, "ASANA_WORKSPACE_GID"),
        (Provider::Slack, "SLACK_TEAM_ID"),
    ],
    asana_webhook_url: "ASANA_WEBHOOK_URL",
    asana_hook_secret: "ASANA_HOOK_SECRET",
    people: DEMO_PEOPLE,
};

const OTHER_BUSINESS: Names = Names {
    business: "Other business",
    tenant_id: "OTHER_TENANT_ID",
    api_key: "OTHER_API_KEY",
    accounts: [
        (Provider::Xero, "OTHER_XERO_TENANT_ID"),
        (Provider::HubSpot, "OTHER_HUBSPOT_PORTAL_ID"),
        (Provider::Shopify, "OTHER_SHOPIFY_SHOP"),
        (Provider::Asana, "OTHER_ASANA_WORKSPACE_GID"),
        (Provider::Slack, "OTHER_SLACK_TEAM_ID"),
    ],
    asana_webhook_url: "OTHER_ASANA_WEBHOOK_URL",
    asana_hook_secret: "OTHER_ASANA_HOOK_SECRET",
    people: OTHER_PEOPLE,
};

/// A tenant and its accounts, made at random at the first start of a stack.
struct Tenant {
    names: &'static Names,
    tenant_id: TenantId,
    api_key: String,
    accounts: Vec<(Provider, String)>,
    people: Vec<(&'static Person, UserId)>,
    asana_endpoint: String,
    asana_webhook_url: String,
    asana_hook_secret: String,
}

impl Tenant {
    fn new(stack: &Stack, servers: &Servers<'_>, names: &'static Names) -> anyhow::Result<Self> {
        let people = names.people.iter().map(|person| anyhow::Ok((person, person.user_id(stack)?)));
        let asana_endpoint =
            stack.secret(&format!("endpoint of {}", names.asana_webhook_url), crate::random)?;
        Ok(Self {
            names,
            tenant_id: stack.secret(names.tenant_id, || TenantId::new().to_string())?.parse()?,
            api_key: stack.secret(names.api_key, || ApiKey::generate().expose().to_owned())?,
            accounts: names
                .accounts
                .map(|(provider, name)| (provider, servers.accounts.get(name).to_owned()))
                .to_vec(),
            people: people.collect::<anyhow::Result<_>>()?,
            asana_webhook_url: format!(
                "{}/webhook/asana/{asana_endpoint}",
                servers.outputs.get("webhook_url")?
            ),
            asana_hook_secret: stack.secret(names.asana_hook_secret, crate::random)?,
            asana_endpoint,
        })
    }

    /// For the stack's env file.
    fn values(&self, stack: &Stack, auth_url: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
        let mut values = vec![
            (self.names.tenant_id, self.tenant_id.to_string()),
            (self.names.api_key, self.api_key.clone()),
            (self.names.asana_webhook_url, self.asana_webhook_url.clone()),
            (self.names.asana_hook_secret, self.asana_hook_secret.clone()),
        ];
        let accounts = self.names.accounts.iter().zip(&self.accounts);
        values.extend(accounts.map(|((_, name), (_, account_id))| (*name, account_id.clone())));
        for (person, _) in &self.people {
            values.push((person.email_name, person.email.to_owned()));
            values.push((person.token_name, person.token(stack, auth_url)?));
        }
        Ok(values)
    }

    /// Makes the tenant with its users, its API key and its connections, each with fresh tokens.
    async fn make(
        &self,
        stack: &Stack,
        store: &Store,
        token_sets: &TokenSets,
        simulator_url: &str,
    ) -> anyhow::Result<()> {
        let key = ApiKey::parse(&self.api_key);
        let key = key.context("the stack remembers an API key that is none: run `make down up`")?;
        let mut session = store.session().await?;
        let tx = session.begin(self.tenant_id)?;
        tenants::insert(&tx, self.tenant_id, self.names.business).await?;
        let new = NewKey {
            tenant_id: self.tenant_id,
            name: "made by zixly up",
            key_hash: &key.hash(),
            job_types: None,
            created_by: None,
        };
        api_keys::insert(&tx, &new).await?;
        for (person, user_id) in &self.people {
            users::insert(&tx, self.tenant_id, *user_id, person.email, person.role).await?;
            if person.is_platform_admin {
                users::make_platform_admin(&tx, *user_id).await?;
            }
        }
        for workflow in Workflow::ALL.iter().filter(|workflow| workflow.is_optional()) {
            workflow_settings::set(&tx, self.tenant_id, *workflow, true, &self.settings(*workflow)).await?;
        }
        tx.commit().await?;
        drop(session);
        for (person, user_id) in &self.people {
            sign_up(simulator_url, person, *user_id).await?;
        }

        for (provider, account_id) in &self.accounts {
            let token_set_id = format!("{} token set of {}", provider.name(), self.names.business);
            let token_set_id = stack.secret(&token_set_id, || TokenSetId::new().to_string())?.parse()?;
            let token_set = grant(simulator_url, *provider, account_id).await?;
            token_sets.create(token_set_id, &token_set).await?;

            let mut session = store.session().await?;
            token_set_rows::insert(&mut session, token_set_id, *provider).await?;
            let tx = session.begin(self.tenant_id)?;
            let connection = NewConnection {
                tenant_id: self.tenant_id,
                token_set_id,
                provider: *provider,
                account_id,
                account_name: self.names.business,
            };
            connections::insert(&tx, &connection).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// What a job has done is told to a channel in Slack, and to the office. A channel takes about one message a second,
    /// so each workflow has its own.
    fn settings(&self, workflow: Workflow) -> WorkflowSettings {
        let channel = match workflow {
            Workflow::XeroInvoiceToHubspot => "C0INVOICES",
            Workflow::ShopifyOrderToXero => "C0ORDERS",
            Workflow::HubspotDealToAsana => "C0DEALS",
            Workflow::AsanaTaskToHubspot => "C0TASKS",
            _ => "C0OTHERS",
        };
        let slack = self.accounts.iter().find(|(provider, _)| *provider == Provider::Slack);
        let slack = slack.map(|(_, team)| Channel::Slack { team: team.clone(), channel: channel.to_owned() });
        let email = Channel::Email { addresses: vec![OFFICE.to_owned()] };
        WorkflowSettings { notifications: slack.into_iter().chain([email]).collect() }
    }

    /// Opens the endpoint and shakes hands with it, as Asana does while a webhook is made.
    async fn register_asana_webhook(&self, store: &Store) -> anyhow::Result<()> {
        let mut session = store.session().await?;
        let tx = session.begin(self.tenant_id)?;
        let workspace = self.accounts.iter().find(|(provider, _)| *provider == Provider::Asana);
        // By its account, since this role sees every tenant's connections.
        let workspace = workspace.map(|(_, account_id)| account_id.as_str());
        let connections = connections::list(&tx, Provider::Asana, workspace).await?;
        let connection = connections.first().context("the tenant has no connection to Asana")?;
        let endpoint = NewEndpoint {
            endpoint: &self.asana_endpoint,
            tenant_id: self.tenant_id,
            connection_id: connection.connection_id,
            provider: Provider::Asana,
            resource_id: PROJECT_GID,
            registering_until: Some(Timestamp::now() + SignedDuration::from_mins(5)),
        };
        webhook_endpoints::insert(&tx, &endpoint).await?;
        tx.commit().await?;
        drop(session);

        let client: Client = crate::loopback_client()?;
        let signed =
            crate::delivery::asana(&self.asana_webhook_url, &self.asana_hook_secret, b"{\"events\":[]}");
        let heartbeat = async || anyhow::Ok(signed.post(&client).await?.0);
        if heartbeat().await?.is_success() {
            return Ok(());
        }
        let handshake = client.post(&self.asana_webhook_url).header("x-hook-secret", &self.asana_hook_secret);
        handshake
            .send()
            .await?
            .error_for_status()
            .context("the handshake with the Asana endpoint was refused")?;
        let status = heartbeat().await?;
        ensure!(
            status.is_success(),
            "after its handshake, the Asana endpoint answers a heartbeat with {status}"
        );
        Ok(())
    }
}

/// Makes somebody known to Supabase Auth.
pub async fn sign_up(simulator_url: &str, person: &Person, user_id: UserId) -> anyhow::Result<()> {
    let user = json!({ "id": user_id, "email": person.email, "password": PASSWORD });
    let seed = json!({ "provider": "auth", "kind": "user", "record": user });
    let request = crate::loopback_client()?.post(format!("{simulator_url}/_sim/seed")).json(&seed);
    request.send().await?.error_for_status().context("Supabase Auth does not take its users")?;
    Ok(())
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
    keys: &Keys,
) -> anyhow::Result<()> {
    let put = async |function: &str, fields: &[(&'static str, &str)]| {
        let name = servers.outputs.get(&format!("secret_names.{function}"))?;
        let secret = FunctionSecret::new(aws, name.to_owned());
        let fields: BTreeMap<&str, SecretString> =
            fields.iter().map(|(name, value)| (*name, SecretString::from(*value))).collect();
        anyhow::Ok(secret.put(&fields).await?)
    };
    let account = |name| servers.accounts.get(name);
    let jwks = read_jwks(servers.simulator_url).await?;
    put(
        "webhook",
        &[
            ("database_url", &servers.database.role_url(stack, "zixly_webhook")?),
            ("xero_webhook_key", &keys.xero_webhook_key),
            ("hubspot_client_secret", account("HUBSPOT_CLIENT_SECRET")),
            ("shopify_client_secret", account("SHOPIFY_CLIENT_SECRET")),
            ("auth_jwks", &jwks),
            ("auth_jwt_secret", keys.auth_jwt_secret.expose_secret()),
        ],
    )
    .await?;
    put(
        "dashboard",
        &[
            ("database_url", &servers.database.role_url(stack, "zixly_dashboard")?),
            ("auth_jwks", &jwks),
            ("auth_jwt_secret", keys.auth_jwt_secret.expose_secret()),
            ("realtime_ticket_key", &keys.realtime_ticket_key),
        ],
    )
    .await?;
    put("realtime", &[("realtime_ticket_key", &keys.realtime_ticket_key)]).await?;
    let apps = [
        ("xero_client_id", account("XERO_CLIENT_ID")),
        ("xero_client_secret", account("XERO_CLIENT_SECRET")),
        ("hubspot_client_id", account("HUBSPOT_CLIENT_ID")),
        ("hubspot_client_secret", account("HUBSPOT_CLIENT_SECRET")),
        ("shopify_client_id", account("SHOPIFY_CLIENT_ID")),
        ("shopify_client_secret", account("SHOPIFY_CLIENT_SECRET")),
        ("asana_client_id", account("ASANA_CLIENT_ID")),
        ("asana_client_secret", account("ASANA_CLIENT_SECRET")),
    ];
    let admin = [
        ("database_url", servers.database.role_url(stack, "zixly_admin")?),
        ("auth_jwks", jwks.clone()),
        ("auth_jwt_secret", keys.auth_jwt_secret.expose_secret().to_owned()),
        ("auth_service_key", AUTH_SERVICE_KEY.to_owned()),
    ];
    let admin = admin.iter().map(|(name, value)| (*name, value.as_str()));
    put("admin", &admin.chain(apps).collect::<Vec<_>>()).await?;
    let worker = [
        ("database_url", servers.database.role_url(stack, "zixly_worker")?),
        ("trading_api_key", account("TRADING_API_KEY").to_owned()),
    ];
    let worker = worker.iter().map(|(name, value)| (*name, value.as_str()));
    put("worker", &worker.chain(apps).collect::<Vec<_>>()).await?;
    put("scheduler", &[("database_url", &servers.database.role_url(stack, "zixly_scheduler")?)]).await
}

/// The keys that Supabase Auth signs with, as whoever sets Zixly up copies them from its project.
pub async fn read_jwks(simulator_url: &str) -> anyhow::Result<String> {
    let request = crate::loopback_client()?.get(format!("{}/.well-known/jwks.json", auth_url(simulator_url)));
    Ok(request.send().await?.error_for_status()?.text().await?)
}

fn aws_config(endpoint: &str) -> anyhow::Result<SdkConfig> {
    sdk_config(|name| match name {
        "AWS_ENDPOINT_URL" => Some(endpoint.to_owned()),
        _ => CREDENTIALS.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
    })
}
