//! Endpoints: where a provider delivers to that names no account in a delivery. One unguessable name a webhook.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio_postgres::types::Type;
use zixly_domain::{ConnectionId, Provider, TenantId};

use crate::{Session, StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("webhook_endpoints::FIND", FIND),
    ("webhook_endpoints::LIST", LIST),
    ("webhook_endpoints::INSERT", INSERT),
    ("webhook_endpoints::REGISTERED", REGISTERED),
    ("webhook_endpoints::CLOSE", CLOSE),
];

const FIND: &str = "select is_registering from find_endpoint($1) where provider = $2";

const INSERT: &str = "
    insert into webhook_endpoints (endpoint, tenant_id, connection_id, provider, resource_id, registering_until)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (tenant_id, connection_id, resource_id) do update
       set endpoint = excluded.endpoint, registering_until = excluded.registering_until";

const LIST: &str = "
    select endpoint, resource_id
      from webhook_endpoints
     where tenant_id = $1 and connection_id = $2";

const REGISTERED: &str = "
    update webhook_endpoints
       set registering_until = null
     where tenant_id = $1 and connection_id = $2 and resource_id = $3 and endpoint = $4";

const CLOSE: &str = "
    delete from webhook_endpoints where tenant_id = $1 and connection_id = $2 and endpoint = $3";

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

/// The endpoints of a connection: the name of each by what is watched.
pub async fn list(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    connection_id: ConnectionId,
) -> Result<BTreeMap<String, String>, StoreError> {
    let rows =
        tx.inner.query_typed(LIST, &[(&tenant_id.0, Type::UUID), (&connection_id.0, Type::UUID)]).await?;
    rows.iter().map(|row| Ok((row.try_get("resource_id")?, row.try_get("endpoint")?))).collect()
}

/// Ends the registering of an endpoint: its webhook is there, and no handshake is taken any more.
pub async fn registered(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    connection_id: ConnectionId,
    resource_id: &str,
    endpoint: &str,
) -> Result<(), StoreError> {
    tx.inner
        .execute_typed(
            REGISTERED,
            &[
                (&tenant_id.0, Type::UUID),
                (&connection_id.0, Type::UUID),
                (&resource_id, Type::TEXT),
                (&endpoint, Type::TEXT),
            ],
        )
        .await?;
    Ok(())
}

/// Closes an endpoint whose webhook is gone: what still comes to it belongs to nobody.
pub async fn close(
    tx: &TenantTx<'_>,
    tenant_id: TenantId,
    connection_id: ConnectionId,
    endpoint: &str,
) -> Result<(), StoreError> {
    tx.inner
        .execute_typed(
            CLOSE,
            &[(&tenant_id.0, Type::UUID), (&connection_id.0, Type::UUID), (&endpoint, Type::TEXT)],
        )
        .await?;
    Ok(())
}
