//! Who is calling: a tenant's program with an API key, or a user with a token; and whether he may, and may again now.

use std::time::Duration;

use jiff::Timestamp;
use lambda_http::{
    Body, Request, Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use zixly_auth::{ApiKey, TokenRefusal, bearer};
use zixly_budgets::Allowance;
use zixly_domain::{ApiKeyId, Role, TenantId, Workflow};
use zixly_lambda_kit::{Chain, metrics::REQUESTS_UNCOUNTED, problem::Problem, requests};
use zixly_store::{Session, api_keys, users};

use crate::{App, app::OpenError};

/// What a tenant may do in a minute.
const REQUESTS_A_MINUTE: u32 = 100;

/// A counter that does not answer must not hold up a request for longer.
const COUNT_TIMEOUT: Duration = Duration::from_millis(500);

const RATE_LIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATE_LIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Anybody of the tenant.
    Read,
    /// EDITOR and up, or an API key; which triggers it opens is seen when it is known which one is meant.
    Trigger,
    /// EDITOR and up, or an API key for everything.
    Steer,
}

/// Who is calling, and for which tenant.
pub(crate) struct Caller {
    pub(crate) tenant_id: TenantId,
    /// For the rows that he makes: `api-key/…`, `user/…`.
    pub(crate) name: String,
    /// Where he calls from, for the audit log.
    pub(crate) address: Option<String>,
    may_steer: bool,
    /// The triggers that he may use, where they are not all.
    job_types: Option<Vec<String>>,
}

impl Caller {
    fn may(&self, need: Need) -> bool {
        match need {
            Need::Read => true,
            Need::Trigger => self.may_steer || self.job_types.is_some(),
            Need::Steer => self.may_steer,
        }
    }

    /// Whether he may start jobs of this workflow.
    pub(crate) fn may_trigger(&self, workflow: Workflow) -> bool {
        self.job_types.as_ref().is_none_or(|known| known.iter().any(|it| it == workflow.as_str()))
    }
}

/// A caller who is known and within his limit; none of the limit when it could not be looked at.
pub(crate) struct Admitted {
    pub(crate) caller: Caller,
    allowance: Option<Allowance>,
}

impl Admitted {
    /// Tells the caller how much of the minute is left.
    pub(crate) fn note_on(&self, answer: &mut Response<Body>) {
        if let Some(allowance) = &self.allowance {
            note(allowance, answer);
        }
    }
}

/// Finds out who is calling, counts the request, and sees whether he may do what the route does. The answer otherwise.
pub(crate) async fn admit(app: &App, request: &Request, need: Need) -> Result<Admitted, Response<Body>> {
    let caller = match identify(app, request).await {
        Ok(Ok(caller)) => Caller { address: zixly_access::address(request), ..caller },
        Ok(Err(problem)) => return Err(problem.into_response()),
        Err(error) => {
            let detail = "It cannot be found out at the moment who is calling. Try again.";
            return Err(Problem::unavailable(detail, 5, error).into_response());
        }
    };
    requests::note_caller(caller.tenant_id, &caller.name);
    let admitted = Admitted { allowance: count(app, caller.tenant_id).await, caller };
    let refused = refused_by_limit(admitted.allowance.as_ref())
        .or_else(|| (!admitted.caller.may(need)).then(|| may_not(&admitted.caller)));
    match refused {
        None => Ok(admitted),
        Some(problem) => {
            let mut answer = problem.into_response();
            admitted.note_on(&mut answer);
            Err(answer)
        }
    }
}

/// The credential in the request's `Authorization: Bearer …`, whatever it is.
pub(crate) fn credential(request: &Request) -> Option<&str> {
    bearer(request.headers().get(header::AUTHORIZATION)?.to_str().ok()?)
}

/// The answer to who does not show a good credential.
pub(crate) fn unauthorised(detail: &str) -> Unauthorised {
    Unauthorised(detail.to_owned())
}

/// See [`unauthorised`].
pub(crate) struct Unauthorised(String);

impl Unauthorised {
    pub(crate) fn into_response(self) -> Response<Body> {
        let mut answer = Problem::new(StatusCode::UNAUTHORIZED, self.0).into_response();
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        answer
    }
}

const WANTED: &str = "This needs an API key of your tenant, or the token of a signed-in user, as the header \
                      Authorization: Bearer ….";

async fn identify(app: &App, request: &Request) -> Result<Result<Caller, Unauthorised>, OpenError> {
    let Some(credential) = credential(request) else { return Ok(Err(unauthorised(WANTED))) };
    match ApiKey::parse(credential) {
        Some(key) => by_api_key(app, &key).await,
        None => by_token(app, credential).await,
    }
}

async fn by_api_key(app: &App, key: &ApiKey) -> Result<Result<Caller, Unauthorised>, OpenError> {
    let store = app.store().await?;
    let mut session = store.session().await?;
    let Some(found) = api_keys::find(&mut session, &key.hash()).await? else {
        return Ok(Err(unauthorised("This API key is unknown or was revoked.")));
    };
    if !found.was_used_just_now
        && let Err(error) = note_use(&mut session, found.tenant_id, found.api_key_id).await
    {
        // The key is good all the same.
        tracing::warn!(tenant.id = %found.tenant_id, error = %Chain(&error), "api_key.use_not_noted");
    }
    Ok(Ok(Caller {
        tenant_id: found.tenant_id,
        name: format!("api-key/{}", found.api_key_id),
        address: None,
        may_steer: found.job_types.is_none(),
        job_types: found.job_types,
    }))
}

async fn note_use(
    session: &mut Session<'_>,
    tenant_id: TenantId,
    api_key_id: ApiKeyId,
) -> Result<(), OpenError> {
    let tx = session.begin(tenant_id)?;
    api_keys::note_use(&tx, api_key_id).await?;
    Ok(tx.commit().await?)
}

async fn by_token(app: &App, token: &str) -> Result<Result<Caller, Unauthorised>, OpenError> {
    let user_id = match app.user_tokens().await?.verify(token, Timestamp::now()) {
        Ok(user_id) => user_id,
        Err(refusal) => {
            tracing::info!(reason = %refusal, "token.refused");
            return Ok(Err(unauthorised(refusal_for_the_caller(refusal))));
        }
    };
    let store = app.store().await?;
    let found = users::find(&mut store.session().await?, user_id).await?;
    Ok(found
        .map(|(tenant_id, role): (TenantId, Role)| Caller {
            tenant_id,
            name: format!("user/{user_id}"),
            address: None,
            may_steer: role.may_steer(),
            job_types: None,
        })
        .ok_or_else(|| {
            unauthorised("This user belongs to no tenant. An ADMIN of the tenant has to invite him.")
        }))
}

/// Whoever holds a token that ran out should know; of any other, only that it is none.
fn refusal_for_the_caller(refusal: TokenRefusal) -> &'static str {
    match refusal {
        TokenRefusal::Expired => "The session has ended. Sign in again.",
        _ => WANTED,
    }
}

/// Counts the request. While the counters are away, it is let through.
pub(crate) async fn count(app: &App, tenant_id: TenantId) -> Option<Allowance> {
    let taken = app.counters.take_request(tenant_id, REQUESTS_A_MINUTE, Timestamp::now());
    let error = match tokio::time::timeout(COUNT_TIMEOUT, taken).await {
        Ok(Ok(allowance)) => return Some(allowance),
        Ok(Err(error)) => Chain(&error).to_string(),
        Err(_) => "there was no answer in time".to_owned(),
    };
    app.measurements.metrics.count(&REQUESTS_UNCOUNTED, &[]);
    tracing::warn!(tenant.id = %tenant_id, error, "the request was let through uncounted");
    None
}

/// What to answer where the limit is reached; nothing where it is not, or could not be looked at.
pub(crate) fn refused_by_limit(allowance: Option<&Allowance>) -> Option<Problem> {
    allowance.filter(|allowance| !allowance.allowed).map(too_many)
}

fn too_many(allowance: &Allowance) -> Problem {
    let seconds = allowance.reset.as_secs();
    let detail = format!(
        "Your tenant has made its {} requests of this minute. Go on in {seconds} s.",
        allowance.limit
    );
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(seconds)
}

fn may_not(caller: &Caller) -> Problem {
    let detail = match &caller.job_types {
        None => "Your role is VIEWER; this needs EDITOR or ADMIN. An ADMIN of your tenant can change it.",
        Some(_) => {
            "This API key is for some triggers only. An ADMIN of your tenant can make one for everything."
        }
    };
    Problem::new(StatusCode::FORBIDDEN, detail)
}

fn note(allowance: &Allowance, answer: &mut Response<Body>) {
    let headers = answer.headers_mut();
    headers.insert(RATE_LIMIT_LIMIT, u64::from(allowance.limit).into());
    headers.insert(RATE_LIMIT_REMAINING, u64::from(allowance.remaining).into());
    headers.insert(RATE_LIMIT_RESET, allowance.reset.as_secs().into());
}
