//! What each provider signs with. A second key is there while a new one replaces an old one.

use zixly_domain::Provider;
use zixly_secrets::SecretsError;
use zixly_webhooks::SigningKeys;

use crate::App;

/// The keys that `provider` may have signed a delivery to `endpoint` with. None configured means that nothing
/// verifies.
pub(crate) async fn of(
    app: &App,
    provider: Provider,
    endpoint: Option<&str>,
) -> Result<SigningKeys, SecretsError> {
    let fields = match provider {
        Provider::Xero => ["xero_webhook_key", "xero_webhook_key_previous"],
        Provider::HubSpot => ["hubspot_client_secret", "hubspot_client_secret_previous"],
        Provider::Shopify => ["shopify_client_secret", "shopify_client_secret_previous"],
        Provider::Asana => {
            let secret = match endpoint {
                Some(endpoint) => app.hook_secrets.get(endpoint).await?,
                None => None,
            };
            return Ok(SigningKeys::new(secret));
        }
        // They send no deliveries.
        Provider::Slack | Provider::Ses | Provider::Trading => return Ok(SigningKeys::new([])),
    };
    let mut keys = Vec::new();
    for field in fields {
        keys.extend(app.behind.secret().get(field).await?);
    }
    Ok(SigningKeys::new(keys))
}
