use jiff::Timestamp;
use lambda_http::{
    Body, Request, RequestExt, Response,
    http::{HeaderValue, StatusCode, header},
};
use secrecy::SecretString;
use zixly_access::{OpenError, address};
use zixly_auth::{ConsentCookie, ConsentState};
use zixly_connectors::{
    ConnectorError, ReauthorisationReason,
    consent::{Consent, Question},
};
use zixly_domain::{Provider, Role};
use zixly_lambda_kit::{Chain, requests::note_caller};
use zixly_store::{
    oauth_requests::{self, OAuthRequest},
    views::viewers,
};
use zixly_webhooks::{SigningKeys, shopify::oauth_callback};

use super::{cookie, cookie_name, pages, provider, redirect_url};
use crate::{App, answers::Refused, connections::connect, deeds::Doer};

/// Why a consent came to nothing: a status, and a sentence for the person in front of the browser.
pub(super) struct Failed {
    pub(super) status: StatusCode,
    pub(super) words: String,
}

impl Failed {
    fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self { status, words: words.into() }
    }
}

impl<E: Into<OpenError>> From<E> for Failed {
    fn from(error: E) -> Self {
        let error: OpenError = error.into();
        tracing::error!(error = %Chain(&error), "a consent could not be ended");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Zixly cannot keep this at the moment. Start again in a minute.",
        )
    }
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Open(error) => error.into(),
            Refused::Problem(_) => Self::new(StatusCode::CONFLICT, "Start again from Connections."),
        }
    }
}

/// Ends what was begun: the browser goes back to the pages, or is shown why nothing was connected. The cookie has served its
/// purpose either way.
pub(crate) async fn end(app: &App, request: &Request, name: &str) -> Response<Body> {
    let Some(provider) = provider(name) else {
        let words = format!("There is no provider called {name} that can be connected.");
        return pages::failed(app, &Failed::new(StatusCode::NOT_FOUND, words));
    };
    let mut answer = match try_end(app, request, provider).await {
        Ok(()) => back(app, provider),
        Err(failed) => {
            tracing::info!(%provider, status = failed.status.as_u16(), "consent.failed");
            pages::failed(app, &failed)
        }
    };
    answer.headers_mut().insert(header::SET_COOKIE, cookie(&app.config, provider, "", 0));
    answer
}

async fn try_end(app: &App, request: &Request, provider: Provider) -> Result<(), Failed> {
    let signed_shop = match provider {
        Provider::Shopify => Some(signed_shop(app, request).await?),
        _ => None,
    };
    let (state, browser) = (state(request)?, browser(app, request, provider)?);
    let begun = take(app, &state, &browser).await?;
    if begun.provider != provider {
        return Err(Failed::new(StatusCode::BAD_REQUEST, "This answer is to another question. Start again."));
    }
    if signed_shop.is_some() && signed_shop != begun.shop {
        let words = format!(
            "You asked for {}, and another shop answered. Nothing was connected. Start again.",
            begun.shop.as_deref().unwrap_or("a shop")
        );
        return Err(Failed::new(StatusCode::BAD_REQUEST, words));
    }
    refuse_what_was_refused(request, provider)?;
    let doer = still_admin(app, &begun, request).await?;
    note_caller(begun.tenant_id, &doer.name);
    let consent = redeem(app, request, provider, &begun, &state, &browser).await?;
    connect(app, begun.tenant_id, &doer, provider, &consent.token_set, &consent.accounts).await?;
    tracing::info!(%provider, accounts = consent.accounts.len(), "consent.given");
    Ok(())
}

/// The shop that Shopify says it is, in a query that Shopify has signed just now.
async fn signed_shop(app: &App, request: &Request) -> Result<String, Failed> {
    let secret = app.credentials(Provider::Shopify).await?.map(|credentials| credentials.secret);
    let query = raw_query(request);
    let callback = oauth_callback::verify(&SigningKeys::new(secret), &query, Timestamp::now());
    let grant =
        callback.and_then(|callback| callback.answering(&parameter(request, "state").unwrap_or_default()));
    grant.map(|grant| grant.shop).map_err(|refusal| {
        tracing::info!(error = %Chain(&refusal), "consent.not_shopifys");
        let words =
            format!("{}. Nothing was connected. Start again from Connections.", capitalised(&refusal));
        Failed::new(StatusCode::BAD_REQUEST, words)
    })
}

fn state(request: &Request) -> Result<ConsentState, Failed> {
    let state = parameter(request, "state").and_then(|state| ConsentState::parse(&state));
    state.ok_or_else(|| {
        let words = "This address has no state of ours, so it is no answer to a question of Zixly's. Start again from \
                     Connections.";
        Failed::new(StatusCode::BAD_REQUEST, words)
    })
}

fn browser(app: &App, request: &Request, provider: Provider) -> Result<ConsentCookie, Failed> {
    let name = cookie_name(&app.config, provider);
    let sent = request.headers().get_all(header::COOKIE);
    let pairs = sent.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let mut named = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(key, _)| *key == name);
    named.find_map(|(_, value)| ConsentCookie::parse(value)).ok_or_else(another)
}

async fn take(app: &App, state: &ConsentState, browser: &ConsentCookie) -> Result<OAuthRequest, Failed> {
    let store = app.behind.store().await?;
    let mut session = store.session().await?;
    let begun = oauth_requests::take(&mut session, &state.hash(), &browser.hash()).await?;
    let begun = begun.ok_or_else(another)?;
    if begun.is_expired {
        let words =
            "This took more than ten minutes, so it does not count any more. Start again from Connections.";
        return Err(Failed::new(StatusCode::CONFLICT, words));
    }
    Ok(begun)
}

fn another() -> Failed {
    let words = "This link was used before, or was begun in another browser. Nothing was connected. Start again from \
                 Connections, in this browser.";
    Failed::new(StatusCode::CONFLICT, words)
}

/// Looks at what the provider says of the user, RFC 6749, section 4.1.2.1. Its own words are not shown: anybody can write an
/// address.
fn refuse_what_was_refused(request: &Request, provider: Provider) -> Result<(), Failed> {
    let name = provider.name();
    match parameter(request, "error").as_deref() {
        None => Ok(()),
        Some("access_denied") => {
            let words =
                format!("You did not let Zixly into {name}. Nothing was connected, and nothing has changed.");
            Err(Failed::new(StatusCode::FORBIDDEN, words))
        }
        Some(_) => {
            let words = format!("{name} could not ask you. Nothing was connected. Start again in a minute.");
            Err(Failed::new(StatusCode::BAD_GATEWAY, words))
        }
    }
}

/// Ten minutes are long enough to lose a role.
async fn still_admin(app: &App, begun: &OAuthRequest, request: &Request) -> Result<Doer, Failed> {
    let store = app.behind.store().await?;
    let viewer = viewers::find(&mut store.session().await?, begun.user_id).await?;
    let may = viewer.is_some_and(|viewer| {
        viewer.is_platform_admin || viewer.role == Role::Admin && viewer.tenant.tenant_id == begun.tenant_id
    });
    if !may {
        let words = "Only an ADMIN can connect an account, and you are none any more. Nothing was connected.";
        return Err(Failed::new(StatusCode::FORBIDDEN, words));
    }
    Ok(Doer { name: format!("user/{}", begun.user_id), address: address(request) })
}

async fn redeem(
    app: &App,
    request: &Request,
    provider: Provider,
    begun: &OAuthRequest,
    state: &ConsentState,
    browser: &ConsentCookie,
) -> Result<Consent, Failed> {
    let name = provider.name();
    let code = parameter(request, "code").filter(|code| !code.is_empty()).ok_or_else(|| {
        Failed::new(StatusCode::BAD_REQUEST, format!("{name} sent no code. Start again from Connections."))
    })?;
    let oauth_app = app.oauth_app(provider).await?.ok_or_else(|| {
        Failed::new(StatusCode::CONFLICT, format!("This installation has no app at {name} any more."))
    })?;
    let question = Question {
        redirect_url: redirect_url(&app.config, provider),
        state: SecretString::from(state.expose()),
        pkce_verifier: browser.pkce_verifier(),
        shop: begun.shop.clone(),
    };
    oauth_app.redeem(&question, &SecretString::from(code)).await.map_err(|error| {
        tracing::warn!(%provider, error = %Chain(&error), "consent.not_redeemed");
        match error {
            ConnectorError::ReauthorisationNeeded {
                reason: ReauthorisationReason::RefreshTokenRefused, ..
            } => {
                let words = format!(
                    "{name} does not take this code any more: it was used before, or is too old. Nothing was connected. \
                     Start again from Connections."
                );
                Failed::new(StatusCode::CONFLICT, words)
            }
            ConnectorError::NoSuchAccount { .. } => {
                let words = format!("You chose no account at {name}, so nothing was connected. Start again.");
                Failed::new(StatusCode::CONFLICT, words)
            }
            error => {
                let words = format!("{}. Nothing was connected. Start again in a minute.", capitalised(&error));
                Failed::new(StatusCode::BAD_GATEWAY, words)
            }
        }
    })
}

fn back(app: &App, provider: Provider) -> Response<Body> {
    let target = app.config.page(&format!("/connections?connected={provider}"));
    let target = HeaderValue::from_str(&target).expect("an address of ours is plain text");
    let mut answer = Response::new(Body::Empty);
    *answer.status_mut() = StatusCode::SEE_OTHER;
    answer.headers_mut().insert(header::LOCATION, target);
    answer
}

fn parameter(request: &Request, name: &str) -> Option<String> {
    request.query_string_parameters_ref()?.first(name).map(ToOwned::to_owned)
}

/// The query as API Gateway got it, or one that means the same.
fn raw_query(request: &Request) -> String {
    match request.uri().query() {
        Some(query) => query.to_owned(),
        None => {
            let parameters = request.query_string_parameters();
            form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters.iter()).finish()
        }
    }
}

fn capitalised(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", characters.as_str())
}
