//! `/api/admin/connections`: what is connected, what can be, and how a connection ends.

use garde::Validate;
use jiff::{SignedDuration, Timestamp};
use lambda_http::{Request, http::StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use zixly_connectors::{ConnectorError, consent::Account};
use zixly_domain::{ConnectionId, Provider, TenantId, TokenSet, TokenSetId};
use zixly_lambda_kit::{Chain, fields, problem::Problem};
use zixly_secrets::{SecretsError, StoredTokenSet};
use zixly_store::{
    TenantTx,
    connections::{self, NewConnection, ShownConnection},
    token_sets,
};

use crate::{
    App,
    answers::{self, Answer, Refused, provider_failed, unknown},
    apps::{AnyApp, PROVIDERS},
    deeds::{Change, Doer},
};

/// A key does not expire; a provider that gives one says nothing of a time.
const NEVER: SignedDuration = SignedDuration::from_hours(24 * 365 * 100);

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct NewKeyConnection {
    #[garde(skip)]
    provider: KeyProvider,
    #[garde(skip)]
    key: SecretString,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeyProvider {
    Slack,
}

pub(crate) async fn list(app: &App, tenant_id: TenantId) -> Answer {
    let mut providers = Vec::new();
    for provider in PROVIDERS {
        let is_configured = app.credentials(provider).await?.is_some();
        providers
            .push(json!({ "provider": provider.as_str(), "is_configured": is_configured, "how": "oauth" }));
    }
    providers.push(json!({ "provider": Provider::Slack.as_str(), "is_configured": true, "how": "key" }));
    let found =
        app.behind.in_tenant::<_, Refused>(tenant_id, async |tx| Ok(connections::list_shown(tx).await?));
    let body = json!({ "connections": found.await?, "providers": providers });
    Ok(answers::json(StatusCode::OK, &body))
}

pub(crate) async fn connect_by_key(app: &App, tenant_id: TenantId, doer: &Doer, request: &Request) -> Answer {
    let NewKeyConnection { provider: KeyProvider::Slack, key } =
        fields::read(&answers::object(request)?, "")?;
    let account = app.slack().identify(&key).await.map_err(|error| match error {
        ConnectorError::NoSuchAccount { .. } => fields::invalid(
            "key",
            "It must be the URL of an incoming webhook, https://hooks.slack.com/services/…, or a bot's token, xoxb-….",
        ),
        ConnectorError::ReauthorisationNeeded { .. } | ConnectorError::Unauthorised { .. } => {
            fields::invalid("key", "Slack does not take it.")
        }
        error => provider_failed(&error, "nothing was connected"),
    })?;
    let token_set = TokenSet {
        access_token: key,
        refresh_token: SecretString::default(),
        expires_at: Timestamp::now() + NEVER,
    };
    let ids = connect(app, tenant_id, doer, Provider::Slack, &token_set, &[account]).await?;
    let shown = app
        .behind
        .in_tenant::<_, Refused>(tenant_id, async |tx| Ok(connections::find_shown(tx, ids[0]).await?))
        .await?;
    let shown = shown.ok_or_else(|| unknown("connection", &ids[0].to_string()))?;
    Ok(answers::json(StatusCode::CREATED, &shown.shown))
}

/// Keeps what an owner has consented to: the tokens first, so that no connection is without. Jobs that waited for it go on.
pub(crate) async fn connect(
    app: &App,
    tenant_id: TenantId,
    doer: &Doer,
    provider: Provider,
    token_set: &TokenSet,
    accounts: &[Account],
) -> Result<Vec<ConnectionId>, Refused> {
    let token_set_id = TokenSetId::new();
    app.token_sets.create(token_set_id, token_set).await?;
    let store = app.behind.store().await?;
    token_sets::insert(&mut store.session().await?, token_set_id, provider).await?;
    let kept = app
        .behind
        .in_tenant::<_, Refused>(tenant_id, async |tx| {
            let (mut ids, mut replaced) = (Vec::new(), Vec::new());
            for account in accounts {
                let new = NewConnection {
                    tenant_id,
                    token_set_id,
                    provider,
                    account_id: &account.id,
                    account_name: &account.name,
                };
                let before = connections::list(tx, provider, Some(&account.id)).await?;
                replaced.extend(before.first().map(|before| before.token_set_id));
                let id = connections::insert(tx, &new).await?;
                connections::poll_now(tx, id).await?;
                record_connected(tx, tenant_id, doer, id, &new).await?;
                ids.push(id);
            }
            let mut unused = Vec::new();
            for token_set_id in replaced {
                if !connections::shares_token_set(tx, token_set_id, ids[0]).await? {
                    unused.push(token_set_id);
                }
            }
            Ok((ids, unused, connections::end_waits(tx).await?))
        })
        .await;
    let (ids, unused, woken) = match kept {
        Ok(kept) => kept,
        Err(error) => {
            forget(app, token_set_id).await;
            return Err(error);
        }
    };
    for token_set_id in unused {
        forget(app, token_set_id).await;
    }
    let woken: Vec<_> = woken.into_iter().map(|job_id| (tenant_id, job_id)).collect();
    if let Err(error) = app.queue.ring(&woken).await {
        answers::log_lost_ring(&error);
    }
    Ok(ids)
}

async fn record_connected(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    doer: &Doer,
    connection_id: ConnectionId,
    new: &NewConnection<'_>,
) -> Result<(), Refused> {
    let change = Change {
        action: "connection.connect",
        subject: format!("connection/{connection_id}"),
        before: None,
        after: Some(json!({
            "provider": new.provider.as_str(), "account_id": new.account_id, "account_name": new.account_name,
        })),
    };
    Ok(doer.record(tx, tenant_id, change).await?)
}

/// Takes the authorisation back at the provider, and then ends the connection here: cut off in between, it can be done again.
pub(crate) async fn disconnect(app: &App, tenant_id: TenantId, doer: &Doer, id: &str) -> Answer {
    let connection_id: ConnectionId = id.parse().map_err(|_| unknown("connection", id))?;
    let (connection, is_last) = app
        .behind
        .in_tenant::<_, Refused>(tenant_id, async |tx| {
            let found = connections::find_shown(tx, connection_id).await?;
            let found = found.ok_or_else(|| unknown("connection", id))?;
            let is_shared = connections::shares_token_set(tx, found.token_set_id, connection_id).await?;
            Ok((found, !is_shared))
        })
        .await?;
    revoke(app, &connection, is_last).await?;
    app.behind
        .in_tenant::<_, Refused>(tenant_id, async |tx| {
            connections::remove(tx, connection_id).await?;
            let change = Change {
                action: "connection.disconnect",
                subject: format!("connection/{connection_id}"),
                before: Some(without_state(&connection.shown)),
                after: None,
            };
            Ok(doer.record(tx, tenant_id, change).await?)
        })
        .await?;
    if is_last {
        forget(app, connection.token_set_id).await;
    }
    Ok(answers::done())
}

async fn revoke(app: &App, connection: &ShownConnection, is_last: bool) -> Result<(), Refused> {
    let ShownConnection { provider, account_id, .. } = connection;
    let Some(oauth_app) = app.oauth_app(*provider).await? else { return Ok(()) };
    let Some(stored) = stored_tokens(app, connection.token_set_id).await? else { return Ok(()) };
    let outcome = match good_tokens(app, &oauth_app, connection, stored).await? {
        Ok(token_set) => oauth_app.revoke(&token_set, account_id, is_last).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => Ok(()),
        // It has ended there already.
        Err(ConnectorError::ReauthorisationNeeded { .. } | ConnectorError::Unauthorised { .. }) => Ok(()),
        Err(error) => Err(provider_failed(&error, "the connection stays").into()),
    }
}

/// None where they are gone: whoever was cut off in the middle of this has removed them.
async fn stored_tokens(app: &App, token_set_id: TokenSetId) -> Result<Option<StoredTokenSet>, Refused> {
    match app.token_sets.fetch(token_set_id).await {
        Ok(stored) => Ok(Some(stored)),
        Err(SecretsError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The tokens, refreshed under the same lease as the worker's where they have ended.
async fn good_tokens(
    app: &App,
    oauth_app: &AnyApp,
    connection: &ShownConnection,
    stored: StoredTokenSet,
) -> Result<Result<TokenSet, ConnectorError>, Refused> {
    if !stored.token_set.is_due(Timestamp::now()) {
        return Ok(Ok(stored.token_set));
    }
    let store = app.behind.store().await?;
    let lease = token_sets::lease_refresh(&mut store.session().await?, connection.token_set_id).await?;
    let lease = lease.ok_or_else(|| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Its tokens are being renewed at this moment. Try again in a moment.",
        )
        .retry_after(5)
    })?;
    let refreshed = match oauth_app.refresh(&connection.account_id, &stored.token_set).await {
        Ok(new) => {
            let kept = app.token_sets.replace(connection.token_set_id, &stored, &new).await;
            Ok(kept.map(|kept| kept.token_set)?)
        }
        Err(error) => Err(error),
    };
    token_sets::end_refresh(&mut store.session().await?, lease).await?;
    Ok(refreshed)
}

/// Removes tokens that nobody needs. Should that fail they stay where they are safe, and open nothing that is used.
async fn forget(app: &App, token_set_id: TokenSetId) {
    if let Err(error) = app.token_sets.remove(token_set_id).await {
        tracing::warn!(token_set.id = %token_set_id, error = %Chain(&error), "token_set.left_behind");
    }
}

fn without_state(shown: &Value) -> Value {
    json!({
        "provider": shown["provider"], "account_id": shown["account_id"], "account_name": shown["account_name"],
    })
}
