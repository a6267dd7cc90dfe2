use garde::Validate;
use jiff::{SignedDuration, Timestamp};
use lambda_http::{
    Request,
    http::{StatusCode, header},
};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use zixly_access::Viewing;
use zixly_auth::{ConsentCookie, ConsentState};
use zixly_connectors::consent::Question;
use zixly_domain::Provider;
use zixly_lambda_kit::{fields, problem::Problem};
use zixly_store::oauth_requests::{self, NewOAuthRequest};
use zixly_webhooks::shopify::shop_domain;

use super::{MINUTES, cookie, provider, redirect_url};
use crate::{
    App,
    answers::{self, Answer, Refused, conflict, unknown},
};

#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct StartOfConsent {
    #[garde(skip)]
    #[serde(default)]
    shop: Option<String>,
}

/// Remembers the question and says where the browser has to go.
pub(crate) async fn start(app: &App, viewing: &Viewing, name: &str, request: &Request) -> Answer {
    let provider = provider(name).ok_or_else(|| unknown("provider to connect called", name))?;
    let asked: StartOfConsent = fields::read(&answers::object(request)?, "")?;
    let shop = shop(provider, asked.shop.as_deref())?;
    let oauth_app = app.oauth_app(provider).await?.ok_or_else(|| not_configured(provider))?;
    let (state, browser) = (ConsentState::generate(), ConsentCookie::generate());
    let question = Question {
        redirect_url: redirect_url(&app.config, provider),
        state: SecretString::from(state.expose()),
        pkce_verifier: browser.pkce_verifier(),
        shop,
    };
    let authorize_url = oauth_app
        .authorize_url(&question)
        .map_err(|_| fields::invalid("shop", "It must be the shop's domain: your-shop.myshopify.com."))?;
    let expires_at = Timestamp::now() + SignedDuration::from_mins(MINUTES);
    app.behind
        .in_tenant::<_, Refused>(viewing.tenant_id, async |tx| {
            let new = NewOAuthRequest {
                state_hash: &state.hash(),
                cookie_hash: &browser.hash(),
                tenant_id: viewing.tenant_id,
                user_id: viewing.user_id,
                provider,
                shop: question.shop.as_deref(),
                expires_at,
            };
            Ok(oauth_requests::insert(tx, &new).await?)
        })
        .await?;
    let body = json!({ "authorize_url": authorize_url.as_str(), "expires_at": expires_at });
    let mut answer = answers::json(StatusCode::OK, &body);
    let cookie = cookie(&app.config, provider, browser.expose(), MINUTES * 60);
    answer.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(answer)
}

fn shop(provider: Provider, asked: Option<&str>) -> Result<Option<String>, Problem> {
    match (provider, asked.map(str::trim)) {
        (Provider::Shopify, asked) => {
            let domain = asked.and_then(shop_domain);
            let rule = "It must be the shop's domain: your-shop.myshopify.com.";
            domain.map(Some).ok_or_else(|| fields::invalid("shop", rule))
        }
        (_, None) => Ok(None),
        (_, Some(_)) => Err(fields::invalid("shop", "It is for Shopify only.")),
    }
}

fn not_configured(provider: Provider) -> Problem {
    conflict(format!(
        "This installation has no app at {}. Whoever runs it has to register one, and put {provider}_client_id and \
         {provider}_client_secret into the secrets of the admin function and of the worker.",
        provider.name()
    ))
}
