//! The suite that every connector passes: what any provider may answer, or fail to answer, and which class of error
//! the caller sees then. A connector's tests describe it by a [`Subject`], say by further traits what else it can do, and
//! call [`connector_conformance!`](crate::connector_conformance!) with the names of those.

use std::error::Error;
use std::fmt::Debug;
use std::future::Future;
use std::net::TcpListener;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use wiremock::matchers::{any, body_string_contains, header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};
use zixly_connectors::{
    ClientCredentials, Connector, ConnectorError, MalformedAnswer, ReauthorisationReason, RefreshTokens,
    http_client, http_client_with_timeout,
};
use zixly_domain::TokenSet;

/// The token that a call is given.
pub const ACCESS_TOKEN: &str = "access-token-that-nobody-may-see";
const REFRESH_TOKEN: &str = "refresh-token-that-nobody-may-see";
/// The secret half of the credentials that a connector is given.
pub const CLIENT_SECRET: &str = "client-secret-that-nobody-may-see";
const NEW_ACCESS_TOKEN: &str = "new-access-token-that-nobody-may-see";
const NEW_REFRESH_TOKEN: &str = "new-refresh-token-that-nobody-may-see";

/// A connector as the suite sees it: how to make one, and one call.
pub trait Subject {
    /// The connector under test.
    type Connector: Connector + Debug;

    /// A connector whose every address is on the server at `server_url`; one without credentials of its own ignores them.
    fn connector(http: reqwest::Client, server_url: &str, credentials: ClientCredentials) -> Self::Connector;

    /// Makes the call and gives its result in its `Debug` form; a connector with a key of its own ignores the token.
    fn call(
        connector: &Self::Connector,
        token: &SecretString,
    ) -> impl Future<Output = Result<String, ConnectorError>>;

    /// The provider's answer to that call when all is well.
    const GOOD_ANSWER: &'static str;

    /// The secret that the call carries.
    const CARRIES: &'static str = ACCESS_TOKEN;

    /// The provider's way to say why it rejects a request.
    fn rejection(message: &str) -> serde_json::Value;
}

/// Its call carries the token that it is given.
pub trait TakesToken: Subject {
    /// The header that carries an access token.
    fn token_header(token: &str) -> (&'static str, String) {
        ("Authorization", format!("Bearer {token}"))
    }
}

/// Its tokens expire and are refreshed.
pub trait Refreshes: TakesToken<Connector: RefreshTokens> {
    /// An account of the provider.
    const ACCOUNT: &'static str = "account";
}

/// Its call looks for a record, and gives `None` when there is none.
pub trait Looks: Subject {
    /// The provider's answer when there is no such record.
    const MISSING: (u16, &'static str) = (404, "not here");
}

/// Makes one test for every rule that holds for the given [`Subject`]: the general ones, and those of what it can do
/// (`takes_token`, `refreshes`, `looks`).
#[macro_export]
macro_rules! connector_conformance {
    ($subject:ty $(, $ability:ident)* $(,)?) => {
        $crate::connector_conformance!(@general $subject);
        $($crate::connector_conformance!(@$ability $subject);)*
    };
    (@general $subject:ty) => {
        $crate::connector_conformance!(@rules $subject:
            a_429_with_a_time_is_a_rate_limit_with_that_wait,
            a_429_without_a_time_is_a_rate_limit_without_a_wait,
            a_401_is_a_class_of_its_own,
            a_server_error_is_unavailable_and_leaves_a_write_in_doubt,
            a_silent_server_is_unreachable_and_leaves_a_write_in_doubt,
            a_closed_port_is_unreachable_and_leaves_no_doubt,
            a_failed_tls_handshake_is_unreachable_and_leaves_no_doubt,
            an_unreadable_success_is_malformed_and_leaves_a_write_in_doubt,
            an_endless_answer_is_given_up,
            a_rejection_tells_the_reason_without_secrets,
            a_redirect_is_not_followed,
            the_same_call_twice_gives_the_same_result,
            no_secret_shows_in_debug,
        );
    };
    (@takes_token $subject:ty) => {
        $crate::connector_conformance!(@rules $subject: a_token_that_fits_no_header_is_never_sent);
    };
    (@refreshes $subject:ty) => {
        $crate::connector_conformance!(@rules $subject:
            an_expired_token_is_healed_by_one_refresh,
            a_refresh_without_a_new_refresh_token_keeps_the_old_one,
            a_refused_refresh_token_needs_a_person,
            wrong_client_credentials_are_a_rejection_and_no_reason_to_refresh,
            a_failing_token_endpoint_is_told_from_a_refused_token,
            an_unreadable_token_answer_is_malformed,
            a_refresh_at_a_closed_port_is_unreachable,
        );
    };
    (@looks $subject:ty) => {
        $crate::connector_conformance!(@rules $subject: a_missing_record_is_nothing_and_no_error);
    };
    (@rules $subject:ty: $($rule:ident),+ $(,)?) => {$(
        #[tokio::test]
        async fn $rule() {
            $crate::connector_conformance::$rule::<$subject>().await;
        }
    )+};
}

/// `Retry-After` is believed, also when it is hours.
pub async fn a_429_with_a_time_is_a_rate_limit_with_that_wait<S: Subject>() {
    let error = call_error::<S>(ResponseTemplate::new(429).insert_header("Retry-After", "7200")).await;
    let two_hours = Duration::from_hours(2);
    assert!(
        matches!(error, ConnectorError::RateLimited { retry_after: Some(wait), .. } if wait == two_hours)
    );
    assert!(!error.outcome_is_doubtful());
}

/// Without `Retry-After` the caller backs off as it sees fit.
pub async fn a_429_without_a_time_is_a_rate_limit_without_a_wait<S: Subject>() {
    let error = call_error::<S>(ResponseTemplate::new(429)).await;
    assert!(matches!(error, ConnectorError::RateLimited { retry_after: None, .. }));
}

/// Whoever gets it refreshes the token, or has the key put right, and nothing was written.
pub async fn a_401_is_a_class_of_its_own<S: Subject>() {
    let error = call_error::<S>(ResponseTemplate::new(401)).await;
    assert!(matches!(error, ConnectorError::Unauthorised { .. }), "{error:?}");
    assert!(!error.outcome_is_doubtful());
}

/// The refresh takes one request, and the new token opens the door.
pub async fn an_expired_token_is_healed_by_one_refresh<S: Refreshes>() {
    let server = MockServer::start().await;
    let answer_to = |token: &str, answer| {
        let (name, value) = S::token_header(token);
        Mock::given(header(name, value)).respond_with(answer).mount(&server)
    };
    answer_to(ACCESS_TOKEN, ResponseTemplate::new(401)).await;
    answer_to(NEW_ACCESS_TOKEN, good::<S>()).await;
    let new_tokens = json!({
        "access_token": NEW_ACCESS_TOKEN,
        "refresh_token": NEW_REFRESH_TOKEN,
        "token_type": "Bearer",
        "expires_in": 1800,
    });
    Mock::given(method("POST"))
        .and(body_string_contains("grant_type"))
        .and(body_string_contains(REFRESH_TOKEN))
        .respond_with(ResponseTemplate::new(200).set_body_json(new_tokens))
        .expect(1)
        .mount(&server)
        .await;
    let connector = connector::<S>(&server);

    let error = S::call(&connector, &access_token()).await.expect_err("the token has expired");
    assert!(matches!(error, ConnectorError::Unauthorised { .. }), "{error:?}");
    let token_set =
        connector.refresh(S::ACCOUNT, &token_set(), now()).await.expect("the refresh token is good");
    S::call(&connector, &token_set.access_token).await.expect("the new token is good");

    assert_eq!(token_set.refresh_token.expose_secret(), NEW_REFRESH_TOKEN);
    assert_eq!(token_set.expires_at, now() + Duration::from_secs(1800));
    assert_shows_no_secret(&format!("{token_set:?}"));
}

/// A provider that does not rotate refresh tokens may leave them out of its answers.
pub async fn a_refresh_without_a_new_refresh_token_keeps_the_old_one<S: Refreshes>() {
    let answer = json!({"access_token": NEW_ACCESS_TOKEN, "token_type": "bearer", "expires_in": 1800});
    let token_set =
        refresh::<S>(ResponseTemplate::new(200).set_body_json(answer)).await.expect("a good answer");
    assert_eq!(token_set.access_token.expose_secret(), NEW_ACCESS_TOKEN);
    assert_eq!(token_set.refresh_token.expose_secret(), REFRESH_TOKEN);
}

/// `invalid_grant` ends the authorisation.
pub async fn a_refused_refresh_token_needs_a_person<S: Refreshes>() {
    let answer = ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_grant"}));
    let error = refresh_error::<S>(answer).await;
    let reason = ReauthorisationReason::RefreshTokenRefused;
    assert!(matches!(error, ConnectorError::ReauthorisationNeeded { reason: found, .. } if found == reason));
}

/// Were this 401 taken for an expired token, the caller would refresh again and again.
pub async fn wrong_client_credentials_are_a_rejection_and_no_reason_to_refresh<S: Refreshes>() {
    let answer = json!({"error": "invalid_client", "error_description": format!("{CLIENT_SECRET} is wrong")});
    let error = refresh_error::<S>(ResponseTemplate::new(401).set_body_json(answer)).await;
    let ConnectorError::Rejected { status: 401, words, .. } = &error else { panic!("{error:?}") };
    assert!(words.0.contains("invalid_client: [removed] is wrong"), "{}", words.0);
}

/// A token endpoint has limits and bad days like any other; neither ends the authorisation.
pub async fn a_failing_token_endpoint_is_told_from_a_refused_token<S: Refreshes>() {
    let error = refresh_error::<S>(ResponseTemplate::new(429).insert_header("Retry-After", "5")).await;
    assert!(matches!(error, ConnectorError::RateLimited { retry_after: Some(_), .. }), "{error:?}");
    let error = refresh_error::<S>(ResponseTemplate::new(503)).await;
    assert!(matches!(error, ConnectorError::Unavailable { status: 503, .. }), "{error:?}");
}

/// A token answer that cannot be read is an error that holds nothing of it.
pub async fn an_unreadable_token_answer_is_malformed<S: Refreshes>() {
    for body in [
        String::new(),
        "<html>".to_owned(),
        format!(r#"{{"access_token":"{NEW_ACCESS_TOKEN}","token_type":"bearer","expires_in":"#),
        format!(r#"{{"access_token":"{NEW_ACCESS_TOKEN}","token_type":"bearer"}}"#),
        format!(r#"{{"access_token":"a","token_type":"bearer","expires_in":"{NEW_ACCESS_TOKEN}"}}"#),
        format!(r#""{NEW_ACCESS_TOKEN}""#),
    ] {
        let error = refresh_error::<S>(ResponseTemplate::new(200).set_body_string(body.clone())).await;
        assert!(matches!(error, ConnectorError::Malformed { .. }), "{body}: {error:?}");
    }
}

/// The provider may have done the work before it failed.
pub async fn a_server_error_is_unavailable_and_leaves_a_write_in_doubt<S: Subject>() {
    for sent in [500, 502, 503, 504] {
        let error = call_error::<S>(ResponseTemplate::new(sent).insert_header("Retry-After", "30")).await;
        let ConnectorError::Unavailable { status, retry_after, .. } = error else {
            panic!("{sent}: {error:?}")
        };
        assert_eq!((status, retry_after), (sent, Some(Duration::from_secs(30))));
        assert!(error.outcome_is_doubtful());
    }
}

/// The request has been sent, and nobody knows what became of it.
pub async fn a_silent_server_is_unreachable_and_leaves_a_write_in_doubt<S: Subject>() {
    let server = server_with(good::<S>().set_delay(Duration::from_secs(30))).await;
    let impatient = http_client_with_timeout(Duration::from_millis(100));
    let connector = S::connector(impatient, &server.uri(), credentials());
    let error = S::call(&connector, &access_token()).await.expect_err("nothing answers in time");
    assert!(matches!(&error, ConnectorError::Unreachable { source, .. } if source.is_timeout()), "{error:?}");
    assert!(error.outcome_is_doubtful());
    assert_error_is_clean(&error, &server.uri());
}

/// Nothing was sent, so nothing can have happened.
pub async fn a_closed_port_is_unreachable_and_leaves_no_doubt<S: Subject>() {
    let connector = S::connector(http_client(), &closed_port(), credentials());
    let error = S::call(&connector, &access_token()).await.expect_err("nobody listens");
    assert!(matches!(error, ConnectorError::Unreachable { .. }), "{error:?}");
    assert!(!error.outcome_is_doubtful());
}

/// The old tokens are as good as before.
pub async fn a_refresh_at_a_closed_port_is_unreachable<S: Refreshes>() {
    let connector = S::connector(http_client(), &closed_port(), credentials());
    let error = connector.refresh(S::ACCOUNT, &token_set(), now()).await.expect_err("nobody listens");
    assert!(matches!(error, ConnectorError::Unreachable { .. }), "{error:?}");
}

/// The connection ends before the request; this also shows that the client can speak TLS at all.
pub async fn a_failed_tls_handshake_is_unreachable_and_leaves_no_doubt<S: Subject>() {
    let server = server_with(good::<S>()).await;
    let connector = S::connector(http_client(), &server.uri().replace("http://", "https://"), credentials());
    let error = S::call(&connector, &access_token()).await.expect_err("the server speaks plain HTTP");
    assert!(matches!(error, ConnectorError::Unreachable { .. }), "{error:?}");
    assert!(!error.outcome_is_doubtful());
}

/// A damaged secret must not become part of another request.
pub async fn a_token_that_fits_no_header_is_never_sent<S: TakesToken>() {
    let server = server_with(good::<S>()).await;
    let broken = SecretString::from(format!("{ACCESS_TOKEN}\r\nHost: elsewhere"));
    let error = S::call(&connector::<S>(&server), &broken).await.expect_err("no header can hold it");
    assert!(!error.outcome_is_doubtful());
    assert_error_is_clean(&error, &server.uri());
    assert!(server.received_requests().await.expect("requests are recorded").is_empty());
}

/// HTML, XML, half an answer, another record: the status says success, so a write has probably been made.
pub async fn an_unreadable_success_is_malformed_and_leaves_a_write_in_doubt<S: Subject>() {
    let half = &S::GOOD_ANSWER[..S::GOOD_ANSWER.len() / 2];
    let twice = S::GOOD_ANSWER.repeat(2);
    for body in ["", "<html></html>", "<?xml version=\"1.0\"?><Response/>", half, &twice] {
        let error = call_error::<S>(ResponseTemplate::new(200).set_body_string(body)).await;
        let ConnectorError::Malformed { source, .. } = &error else { panic!("{body}: {error:?}") };
        assert_eq!(source, &MalformedAnswer::NotJson, "{body}");
        assert!(error.outcome_is_doubtful());
    }
    for body in [json!({}), json!([]), json!(null), json!({"error": ACCESS_TOKEN}), json!(ACCESS_TOKEN)] {
        let error = call_error::<S>(ResponseTemplate::new(200).set_body_json(&body)).await;
        let ConnectorError::Malformed { source, .. } = &error else { panic!("{body}: {error:?}") };
        assert!(matches!(source, MalformedAnswer::WrongShape { .. }), "{body}: {source:?}");
    }
}

/// A broken server cannot fill our memory; its status still counts.
pub async fn an_endless_answer_is_given_up<S: Subject>() {
    let endless = " ".repeat(5 * 1024 * 1024);
    let error = call_error::<S>(ResponseTemplate::new(200).set_body_string(endless.clone())).await;
    assert!(
        matches!(error, ConnectorError::Malformed { source: MalformedAnswer::TooLarge { .. }, .. }),
        "{error:?}"
    );
    let error = call_error::<S>(ResponseTemplate::new(500).set_body_string(endless)).await;
    assert!(matches!(error, ConnectorError::Unavailable { status: 500, .. }), "{error:?}");
}

/// The provider's own words reach the reader, without what must not be shown.
pub async fn a_rejection_tells_the_reason_without_secrets<S: Subject>() {
    let body = S::rejection(&format!("the field\r\n is wrong for {}, {}", S::CARRIES, "x".repeat(1000)));
    let error = call_error::<S>(ResponseTemplate::new(400).set_body_json(body)).await;
    let ConnectorError::Rejected { status: 400, words, .. } = &error else { panic!("{error:?}") };
    let message = &words.0;
    assert!(message.starts_with("the field is wrong for [removed], xxx"), "{message}");
    assert!(message.chars().count() <= 300, "{message}");
    assert!(!error.outcome_is_doubtful());
}

/// A redirect would carry the token to an address that nobody configured.
pub async fn a_redirect_is_not_followed<S: Subject>() {
    let elsewhere = server_with(good::<S>()).await;
    let error = call_error::<S>(ResponseTemplate::new(302).insert_header("Location", elsewhere.uri())).await;
    assert!(matches!(error, ConnectorError::Rejected { status: 302, .. }), "{error:?}");
    assert!(elsewhere.received_requests().await.expect("requests are recorded").is_empty());
}

/// Absence is an answer.
pub async fn a_missing_record_is_nothing_and_no_error<S: Looks>() {
    let (status, body) = S::MISSING;
    let server = server_with(ResponseTemplate::new(status).set_body_raw(body, "application/json")).await;
    let found = S::call(&connector::<S>(&server), &access_token()).await;
    assert_eq!(found.expect("absence is no error"), "None");
}

/// A repeated step asks the same question and gets the same answer.
pub async fn the_same_call_twice_gives_the_same_result<S: Subject>() {
    let server = server_with(good::<S>()).await;
    let connector = connector::<S>(&server);
    let first = S::call(&connector, &access_token()).await.expect("a good answer");
    let second = S::call(&connector, &access_token()).await.expect("a good answer");
    assert_ne!(first, "None");
    assert_eq!(first, second);
    let requests = server.received_requests().await.expect("requests are recorded");
    let [one, two] = requests.as_slice() else { panic!("{} requests for two calls", requests.len()) };
    assert_eq!(
        (&one.method, &one.url, &one.headers, &one.body),
        (&two.method, &two.url, &two.headers, &two.body)
    );
}

/// Connectors are parts of things that get logged.
pub async fn no_secret_shows_in_debug<S: Subject>() {
    let server = server_with(good::<S>()).await;
    let connector = connector::<S>(&server);
    S::call(&connector, &access_token()).await.expect("a good answer");
    assert_shows_no_secret(&format!("{connector:?} {connector:#?} {:?}", credentials()));
}

/// A port that was free a moment ago; a dropped `MockServer` goes on listening in its pool.
fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    format!("http://{}", listener.local_addr().expect("the port is bound"))
}

async fn call_error<S: Subject>(answer: ResponseTemplate) -> ConnectorError {
    let server = server_with(answer).await;
    let connector = connector::<S>(&server);
    let error = S::call(&connector, &access_token()).await.expect_err("the answer is no success");
    assert_eq!(error.provider(), connector.provider());
    assert_error_is_clean(&error, &server.uri());
    error
}

async fn refresh_error<S: Refreshes>(answer: ResponseTemplate) -> ConnectorError {
    let error = refresh::<S>(answer).await.expect_err("the answer is no success");
    assert_error_is_clean(&error, "http://");
    error
}

async fn refresh<S: Refreshes>(answer: ResponseTemplate) -> Result<TokenSet, ConnectorError> {
    let server = server_with(answer).await;
    connector::<S>(&server).refresh(S::ACCOUNT, &token_set(), now()).await
}

async fn server_with(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn connector<S: Subject>(server: &MockServer) -> S::Connector {
    S::connector(http_client(), &server.uri(), credentials())
}

fn good<S: Subject>() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(S::GOOD_ANSWER, "application/json")
}

fn credentials() -> ClientCredentials {
    ClientCredentials { id: "client-id".to_owned(), secret: SecretString::from(CLIENT_SECRET) }
}

fn access_token() -> SecretString {
    SecretString::from(ACCESS_TOKEN)
}

fn token_set() -> TokenSet {
    TokenSet {
        access_token: access_token(),
        refresh_token: SecretString::from(REFRESH_TOKEN),
        expires_at: now(),
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).expect("a time of this century")
}

/// No secret and no URL, in no form and no cause; and no cause that is repeated in the message before it. What the
/// provider said, which may name a person, is printed in no way at all.
fn assert_error_is_clean(error: &ConnectorError, url: &str) {
    let mut shown = format!("{error:?} {error:#?} {error}");
    let mut outer: &dyn Error = error;
    while let Some(cause) = outer.source() {
        assert!(!outer.to_string().contains(&cause.to_string()), "{outer} repeats its cause");
        shown.push_str(&format!(" {cause} {cause:?}"));
        outer = cause;
    }
    if let ConnectorError::Rejected { words, .. } = error {
        assert!(!shown.contains(&words.0), "{shown} holds the provider's words");
        assert_shows_no_secret(&words.0);
    }
    assert_shows_no_secret(&shown);
    assert!(!shown.contains(url), "{shown}");
}

fn assert_shows_no_secret(shown: &str) {
    assert!(!shown.contains("nobody-may-see"), "a secret shows in: {shown}");
}
