//! `/oauth/{provider}/start` and `/callback`: an owner lets us into his account at a provider.
//!
//! A consent is begun by a signed-in ADMIN and ended by a browser that a provider sends back, without a token. What ties the
//! two together is a state, which goes by the provider, and a cookie, which stays in the browser; of both only hashes are
//! kept, they are good for ten minutes and once, and whoever shows only one of them gets nothing.

mod end;
mod pages;
mod start;

use lambda_http::http::HeaderValue;
use zixly_domain::Provider;

pub(crate) use end::end;
pub(crate) use pages::policy;
pub(crate) use start::start;

use crate::{AdminConfig, apps::PROVIDERS};

/// How long somebody may take at the provider.
const MINUTES: i64 = 10;

/// The provider of this name, if owners consent there.
fn provider(name: &str) -> Option<Provider> {
    name.parse().ok().filter(|provider| PROVIDERS.contains(provider))
}

/// Where the provider sends the browser back to.
fn redirect_url(config: &AdminConfig, provider: Provider) -> reqwest::Url {
    let mut url = config.app_url.clone();
    url.set_path(&format!("/oauth/{provider}/callback"));
    url
}

/// A cookie that no script reads, that no other host can set, and that comes along when the provider sends the browser back.
fn cookie(config: &AdminConfig, provider: Provider, value: &str, seconds: i64) -> HeaderValue {
    let name = cookie_name(config, provider);
    let secure = if is_https(config) { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    let mut header = HeaderValue::from_str(&text).expect("it is made of plain text");
    header.set_sensitive(true);
    header
}

/// One a provider, so that two can be connected side by side. A browser takes `__Host-` only over https.
fn cookie_name(config: &AdminConfig, provider: Provider) -> String {
    let prefix = if is_https(config) { "__Host-" } else { "" };
    format!("{prefix}zixly-consent-{provider}")
}

fn is_https(config: &AdminConfig) -> bool {
    config.app_url.scheme() == "https"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(app_url: &str) -> AdminConfig {
        AdminConfig::from_lookup(|name| {
            Some(match name {
                "APP_URL" => app_url.to_owned(),
                "SHOPIFY_SHOP_URL" => "https://{shop}".to_owned(),
                _ => "https://provider.example".to_owned(),
            })
        })
        .expect("everything is set")
    }

    #[test]
    fn over_https_the_cookie_is_this_hosts_and_no_others() {
        let config = config("https://app.example.com");
        let cookie = cookie(&config, Provider::Xero, "value", 600);
        assert_eq!(
            cookie.to_str().expect("it is plain text"),
            "__Host-zixly-consent-xero=value; Path=/; HttpOnly; SameSite=Lax; Max-Age=600; Secure"
        );
        assert!(cookie.is_sensitive());
    }

    #[test]
    fn the_browser_comes_back_to_the_pages_own_host() {
        let config = config("https://app.example.com");
        let url = redirect_url(&config, Provider::HubSpot);
        assert_eq!(url.as_str(), "https://app.example.com/oauth/hubspot/callback");
    }
}
