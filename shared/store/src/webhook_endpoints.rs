//! Endpoints: where a provider delivers to that names no account in a delivery. One unguessable name a webhook.

use jiff::Timestamp;
use tokio_postgres::types::Type;
use zixly_domain::{ConnectionId, Provider, TenantId};

use crate::{Session, StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] =
    &[("webhook_endpoints::FIND", FIND), ("webhook_endpoints::INSERT", INSERT)];

const FIND: &str = "select is_registering from find_endpoint($1) where provider = $2";

const INSERT: &str = "
    insert into webhook_endpoints (endpoint, tenant_id, connection_id, provider, resource_id, registering_until)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (tenant_id, connection_id, resource_id) do update
       set endpoint = excluded.endpoint, registering_until = excluded.registering_until";

/// An endpoint that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether its webhook is being made at this moment, so that a handshake may be taken.
    pub is_registering: bool,
}

/// What is needed to open an endpoint.
pub struct NewEndpoint<'a> {
    /// Its name, the last part of the URL.
    pub endpoint: &'a str,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The connection whose account it is for.
    pub connection_id: ConnectionId,
    /// Who delivers to it.
    pub provider: Provider,
    /// What is watched.
    pub resource_id: &'a str,
    /// Until when a handshake may be taken.
    pub registering_until: Option<Timestamp>,
}

/// The endpoint of this name at this provider.
pub async fn find(
    session: &mut Session<'_>,
    provider: Provider,
    endpoint: &str,
) -> Result<Option<Endpoint>, StoreError> {
    let rows = session
        .client()
        .query_typed(FIND, &[(&endpoint, Type::TEXT), (&provider.as_str(), Type::TEXT)])
        .await?;
    rows.first().map(|row| Ok(Endpoint { is_registering: row.try_get("is_registering")? })).transpose()
}

/// Opens an endpoint of the transaction's tenant, in the place of the one that watched the same. A webhook that has to
/// be made anew needs a new name: what was agreed in a handshake is never replaced.
pub async fn insert(tx: &TenantTx<'_>, new: &NewEndpoint<'_>) -> Result<(), StoreError> {
    tx.inner
        .execute_typed(
            INSERT,
            &[
                (&new.endpoint, Type::TEXT),
                (&new.tenant_id.0, Type::UUID),
                (&new.connection_id.0, Type::UUID),
                (&new.provider.as_str(), Type::TEXT),
                (&new.resource_id, Type::TEXT),
                (&new.registering_until, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    Ok(())
}
