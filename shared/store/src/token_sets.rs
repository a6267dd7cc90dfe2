//! The lease on refreshing a token set. The tokens are not here.

use tokio_postgres::types::Type;
use zixly_domain::{Provider, TokenSetId};

use crate::{Session, StoreError};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("token_sets::INSERT", INSERT),
    ("token_sets::LEASE_REFRESH", LEASE_REFRESH),
    ("token_sets::END_REFRESH", END_REFRESH),
    ("token_sets::REFUSED", REFUSED),
];

const INSERT: &str = "
    insert into token_sets (token_set_id, provider)
    values ($1, $2)
    on conflict (token_set_id) do nothing";

/// Longer than a token request may take, so that nobody begins a second one beside it.
const LEASE_REFRESH: &str = "
    update token_sets
       set refresh_fence = refresh_fence + 1,
           refresh_lease_expires_at = now() + interval '30 seconds'
     where token_set_id = $1
       and (refresh_lease_expires_at is null or refresh_lease_expires_at < now())
    returning refresh_fence, refused_version";

const END_REFRESH: &str = "
    update token_sets
       set refresh_lease_expires_at = null
     where token_set_id = $1
       and refresh_fence = $2";

/// Only by whoever has the latest lease.
const REFUSED: &str = "
    with refused as (
        update token_sets
           set refused_version = $3
         where token_set_id = $1
           and refresh_fence = $2
        returning token_set_id
    )
    select end_connections(token_set_id) as ended from refused";

/// The right to refresh a token set, held by one worker at a time. A worker that is held up for longer than it lasts
/// may refresh beside the next one: what it stores then is held back by the version that it read.
#[derive(Debug)]
pub struct RefreshLease {
    /// The version whose refresh token the provider has refused, if it was one: not to be sent again.
    pub refused_version: Option<String>,
    token_set_id: TokenSetId,
    fence: i64,
}

/// Makes a token set, unless it is there.
pub async fn insert(
    session: &mut Session<'_>,
    token_set_id: TokenSetId,
    provider: Provider,
) -> Result<(), StoreError> {
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&token_set_id.0, Type::UUID), (&provider.as_str(), Type::TEXT)];
    session.client().execute_typed(INSERT, &parameters).await?;
    Ok(())
}

/// Takes the right to refresh for half a minute; none while another worker has it.
pub async fn lease_refresh(
    session: &mut Session<'_>,
    token_set_id: TokenSetId,
) -> Result<Option<RefreshLease>, StoreError> {
    let rows = session.client().query_typed(LEASE_REFRESH, &[(&token_set_id.0, Type::UUID)]).await?;
    rows.first()
        .map(|row| {
            let refused_version = row.try_get("refused_version")?;
            Ok(RefreshLease { refused_version, token_set_id, fence: row.try_get("refresh_fence")? })
        })
        .transpose()
}

/// Records that the provider has refused the refresh token of this version, and that every connection that it opened
/// needs authorisation, whichever tenant's; nothing if the lease is not held any more. Gives how many there were.
pub async fn refused(
    session: &mut Session<'_>,
    lease: &RefreshLease,
    version: &str,
) -> Result<i64, StoreError> {
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(&lease.token_set_id.0, Type::UUID), (&lease.fence, Type::INT8), (&version, Type::TEXT)];
    let rows = session.client().query_typed(REFUSED, &parameters).await?;
    rows.first().map_or(Ok(0), |row| Ok(row.try_get("ended")?))
}

/// Gives the right back, if it is still held.
pub async fn end_refresh(session: &mut Session<'_>, lease: RefreshLease) -> Result<(), StoreError> {
    session
        .client()
        .execute_typed(END_REFRESH, &[(&lease.token_set_id.0, Type::UUID), (&lease.fence, Type::INT8)])
        .await?;
    Ok(())
}
