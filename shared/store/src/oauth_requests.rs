//! Consents that somebody has begun at a provider and not ended.

use jiff::Timestamp;
use tokio_postgres::types::Type;
use zixly_domain::{Provider, TenantId, UserId};

use crate::{Session, StoreError, TenantTx};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("oauth_requests::FORGET_OLD", FORGET_OLD),
    ("oauth_requests::INSERT", INSERT),
    ("oauth_requests::TAKE", TAKE),
];

const FORGET_OLD: &str = "delete from oauth_requests where expires_at < now() - interval '1 hour'";

const INSERT: &str = "
    insert into oauth_requests (state_hash, cookie_hash, tenant_id, user_id, provider, shop, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7)";

const TAKE: &str = "select tenant_id, user_id, provider, shop, is_expired from take_oauth_request($1, $2)";

/// A consent that somebody begins.
#[derive(Debug, Clone, Copy)]
pub struct NewOAuthRequest<'a> {
    /// SHA-256 of what goes by the provider and comes back.
    pub state_hash: &'a [u8; 32],
    /// SHA-256 of what stays in the browser.
    pub cookie_hash: &'a [u8; 32],
    /// For which tenant.
    pub tenant_id: TenantId,
    /// By whom.
    pub user_id: UserId,
    /// At whom.
    pub provider: Provider,
    /// Which shop; Shopify only.
    pub shop: Option<&'a str>,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A consent that somebody has begun, taken for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthRequest {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// By whom.
    pub user_id: UserId,
    /// At whom.
    pub provider: Provider,
    /// Which shop; Shopify only.
    pub shop: Option<String>,
    /// Whether it has taken too long.
    pub is_expired: bool,
}

/// Remembers a consent of the transaction's tenant, and forgets what was never ended.
pub async fn insert(tx: &TenantTx<'_>, new: &NewOAuthRequest<'_>) -> Result<(), StoreError> {
    tx.inner.execute_typed(FORGET_OLD, &[]).await?;
    tx.inner
        .execute_typed(
            INSERT,
            &[
                (&new.state_hash.as_slice(), Type::BYTEA),
                (&new.cookie_hash.as_slice(), Type::BYTEA),
                (&new.tenant_id.0, Type::UUID),
                (&new.user_id.0, Type::UUID),
                (&new.provider.as_str(), Type::TEXT),
                (&new.shop, Type::TEXT),
                (&new.expires_at, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    Ok(())
}

/// The consent that was begun with this state in this browser, once: of two that ask, one gets it.
pub async fn take(
    session: &mut Session<'_>,
    state_hash: &[u8; 32],
    cookie_hash: &[u8; 32],
) -> Result<Option<OAuthRequest>, StoreError> {
    let parameters =
        [(&state_hash.as_slice() as _, Type::BYTEA), (&cookie_hash.as_slice() as _, Type::BYTEA)];
    let rows = session.client().query_typed(TAKE, &parameters).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(OAuthRequest {
        tenant_id: TenantId(row.try_get("tenant_id")?),
        user_id: UserId(row.try_get("user_id")?),
        provider: row.try_get::<_, &str>("provider")?.parse()?,
        shop: row.try_get("shop")?,
        is_expired: row.try_get("is_expired")?,
    }))
}
