//! `/api/admin/connections`: what is connected, what can be, and how a connection ends.

use garde::Validate;
use jiff::{SignedDuration, Timestamp};
use lambda_http::{Request, http::StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;
use zixly_connectors::{ConnectorError, ReauthorisationReason, consent::Account};
use zixly_domain::{ConnectionId, JobId, Provider, TenantId, TokenSet, TokenSetId};
use zixly_lambda_kit::{Chain, fields, problem::Problem};
use zixly_secrets::{SecretsError, StoredTokenSet};
use zixly_store::{
    TenantTx,
    connections::{self, NewConnection, ShownConnection},
    tenants, token_sets,
};

use crate::{
    App,
    answers::{self, Answer, Refused, conflict, provider_failed, unknown},
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
    let kept = match keep(app, tenant_id, doer, (token_set_id, provider), accounts).await {
        Ok(kept) => kept,
        Err(error) => {
            forget_unless_kept(app, tenant_id, token_set_id).await;
            return Err(error);
        }
    };
    for token_set_id in kept.unused {
        forget(app, token_set_id).await;
    }
    let woken: Vec<_> = kept.woken.into_iter().map(|job_id| (tenant_id, job_id)).collect();
    if let Err(error) = app.queue.ring(&woken).await {
        answers::log_lost_ring(&error);
    }
    Ok(kept.ids)
}

/// What came of a consent.
struct Kept {
    ids: Vec<ConnectionId>,
    /// Token sets that nothing needs any more.
    unused: Vec<TokenSetId>,
    /// Jobs that can go on.
    woken: Vec<JobId>,
}

async fn keep(
    app: &App,
    tenant_id: TenantId,
    doer: &Doer,
    (token_set_id, provider): (TokenSetId, Provider),
    accounts: &[Account],
) -> Result<Kept, Refused> {
    let store = app.behind.store().await?;
    token_sets::insert(&mut store.session().await?, token_set_id, provider).await?;
    app.behind
        .in_tenant(tenant_id, async |tx| {
            tenants::hold(tx, tenant_id).await?;
            let removed = connections::list_removed(tx, provider).await?;
            let (mut ids, mut unused) = (Vec::new(), Vec::new());
            for account in wanted(accounts, &removed) {
                let new = NewConnection {
                    tenant_id,
                    token_set_id,
                    provider,
                    account_id: &account.id,
                    account_name: &account.name,
                };
                let before = connections::list(tx, provider, Some(&account.id)).await?.pop();
                let id = connections::insert(tx, &new).await?;
                connections::poll_now(tx, id).await?;
                record_connected(tx, tenant_id, doer, id, &new).await?;
                if let Some(before) = before
                    && !connections::is_token_set_needed(tx, before.token_set_id, id).await?
                {
                    unused.push(before.token_set_id);
                }
                ids.push(id);
            }
            Ok(Kept { ids, unused, woken: connections::end_waits(tx).await? })
        })
        .await
}

/// A consent may open more than its owner had in mind: what he has disconnected comes back only if he asks for nothing else.
fn wanted<'a>(accounts: &'a [Account], removed: &[String]) -> Vec<&'a Account> {
    let others: Vec<&Account> = accounts.iter().filter(|account| !removed.contains(&account.id)).collect();
    if others.is_empty() { accounts.iter().collect() } else { others }
}

/// After a failure whose outcome may not be known: removed are only tokens of which it is sure that nothing names them.
async fn forget_unless_kept(app: &App, tenant_id: TenantId, token_set_id: TokenSetId) {
    let nobody = ConnectionId(Uuid::nil());
    let needed = app.behind.in_tenant::<_, Refused>(tenant_id, async |tx| {
        Ok(connections::is_token_set_needed(tx, token_set_id, nobody).await?)
    });
    match needed.await {
        Ok(false) => forget(app, token_set_id).await,
        Ok(true) => {}
        Err(_) => tracing::warn!(token_set.id = %token_set_id, "token_set.left_behind"),
    }
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
    let (connection, alone) = look(app, tenant_id, connection_id).await?;
    if !alone.elsewhere {
        revoke(app, &connection, alone.is_last).await?;
    }
    let is_last = app
        .behind
        .in_tenant::<_, Refused>(tenant_id, async |tx| {
            tenants::hold(tx, tenant_id).await?;
            let token_set_id = connection.token_set_id;
            if !connections::remove(tx, connection_id, token_set_id).await? {
                return Err(
                    conflict("Somebody has changed this connection meanwhile. Look at it again.").into()
                );
            }
            let change = Change {
                action: "connection.disconnect",
                subject: format!("connection/{connection_id}"),
                before: Some(without_state(&connection.shown)),
                after: None,
            };
            doer.record(tx, tenant_id, change).await?;
            Ok(!connections::is_token_set_needed(tx, token_set_id, connection_id).await?)
        })
        .await?;
    if is_last {
        // The other one that needed it has ended in the same moment.
        if !alone.is_last && revoke(app, &connection, true).await.is_err() {
            tracing::warn!(connection.id = %connection_id, "consent.not_taken_back");
        }
        forget(app, connection.token_set_id).await;
    }
    Ok(answers::done())
}

/// What else hangs on a connection.
struct Alone {
    /// Nothing else needs its tokens.
    is_last: bool,
    /// Another tenant is connected to the same account, and would be cut off with it.
    elsewhere: bool,
}

async fn look(
    app: &App,
    tenant_id: TenantId,
    connection_id: ConnectionId,
) -> Result<(ShownConnection, Alone), Refused> {
    app.behind
        .in_tenant(tenant_id, async |tx| {
            let found = connections::find_shown(tx, connection_id).await?;
            let found = found.ok_or_else(|| unknown("connection", &connection_id.to_string()))?;
            let is_last = !connections::is_token_set_needed(tx, found.token_set_id, connection_id).await?;
            let elsewhere =
                connections::is_connected_elsewhere(tx, found.provider, &found.account_id).await?;
            Ok((found, Alone { is_last, elsewhere }))
        })
        .await
}

async fn revoke(app: &App, connection: &ShownConnection, is_last: bool) -> Result<(), Refused> {
    let Some(oauth_app) = app.oauth_app(connection.provider).await? else { return Ok(()) };
    let Some(tokens) = good_tokens(app, &oauth_app, connection).await? else { return Ok(()) };
    match oauth_app.revoke(&tokens, &connection.account_id, is_last).await {
        Ok(()) => Ok(()),
        Err(error) if has_ended(&error) => Ok(()),
        Err(error) => Err(provider_failed(&error, "the connection stays").into()),
    }
}

/// The tokens, renewed under the same lease as the worker's where they have ended. None where they are gone, or the provider
/// takes them no more: then there is nothing to take back.
async fn good_tokens(
    app: &App,
    oauth_app: &AnyApp,
    connection: &ShownConnection,
) -> Result<Option<TokenSet>, Refused> {
    let Some(stored) = stored_tokens(app, connection.token_set_id).await? else { return Ok(None) };
    if !stored.token_set.is_due(Timestamp::now()) {
        return Ok(Some(stored.token_set));
    }
    let store = app.behind.store().await?;
    let lease = token_sets::lease_refresh(&mut store.session().await?, connection.token_set_id).await?;
    let lease = lease.ok_or_else(being_renewed)?;
    let renewed = renew(app, oauth_app, connection).await;
    token_sets::end_refresh(&mut store.session().await?, lease).await?;
    renewed
}

/// Under the lease, and so from what is stored now: whoever had it before may have renewed them.
async fn renew(
    app: &App,
    oauth_app: &AnyApp,
    connection: &ShownConnection,
) -> Result<Option<TokenSet>, Refused> {
    let (token_sets, id) = (&app.token_sets, connection.token_set_id);
    let Some(stored) = stored_tokens(app, id).await? else { return Ok(None) };
    if !stored.token_set.is_due(Timestamp::now()) {
        return Ok(Some(stored.token_set));
    }
    match oauth_app.refresh(&connection.account_id, &stored.token_set).await {
        Ok(new) => match token_sets.replace(id, &stored, &new).await {
            // The new pair is nowhere else.
            Err(SecretsError::Unreachable { .. }) => {
                Ok(Some(token_sets.replace(id, &stored, &new).await?.token_set))
            }
            kept => Ok(Some(kept?.token_set)),
        },
        Err(error) if has_ended(&error) => {
            let now = stored_tokens(app, id).await?;
            if now.is_some_and(|now| now.version != stored.version) {
                return Err(being_renewed().into());
            }
            Ok(None)
        }
        Err(error) => Err(provider_failed(&error, "the connection stays").into()),
    }
}

/// Whether the provider lets us in no more at all. A permission that is missing ends nothing.
fn has_ended(error: &ConnectorError) -> bool {
    match error {
        ConnectorError::Unauthorised { .. } => true,
        ConnectorError::ReauthorisationNeeded { reason, .. } => {
            *reason != ReauthorisationReason::ScopeMissing
        }
        _ => false,
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

fn being_renewed() -> Problem {
    let detail = "Its tokens are being renewed at this moment. Try again in a moment.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(5)
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
