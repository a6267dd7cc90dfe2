//! One call to a simulated provider: read from the wire, performed, answered.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::{
    errand::Errand,
    limits::Place,
    state::{Delivery, Late, Outcome, Shared},
    until_closed,
};

/// Longer than any client should wait.
const LONGEST_HOLD: Duration = Duration::from_secs(60);
const LARGEST_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Who is being played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    Xero,
    Hubspot,
    Shopify,
    Asana,
    Slack,
    /// Amazon SES, which is the app's own account.
    Ses,
    /// The trading API, which is one house and no account of a customer's.
    Trading,
    /// Supabase Auth, which is the app's own project.
    Auth,
}

impl Provider {
    const ALL: [Self; 8] = [
        Self::Xero,
        Self::Hubspot,
        Self::Shopify,
        Self::Asana,
        Self::Slack,
        Self::Ses,
        Self::Trading,
        Self::Auth,
    ];

    /// As it stands in paths and in orders.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Xero => "xero",
            Self::Hubspot => "hubspot",
            Self::Shopify => "shopify",
            Self::Asana => "asana",
            Self::Slack => "slack",
            Self::Ses => "ses",
            Self::Trading => "trading",
            Self::Auth => "auth",
        }
    }
}

/// Performs a provider call and answers it, late or never where a fault says so.
pub async fn serve(
    State(shared): State<Arc<Shared>>,
    Path((provider, _)): Path<(String, String)>,
    request: Request,
) -> Response {
    let Some(provider) = Provider::ALL.into_iter().find(|known| known.as_str() == provider) else {
        let known: Vec<&str> = Provider::ALL.iter().map(|known| known.as_str()).collect();
        let known = format!("known are /{} and /_sim\n", known.join(", /"));
        return (StatusCode::NOT_FOUND, known).into_response();
    };
    let call = match Call::read(provider, request).await {
        Ok(call) => call,
        Err(refusal) => return refusal,
    };
    let late = shared.lock().begin_late(&call);
    if let Some(late) = late {
        let _work = LateWork { shared: shared.clone(), call: Some(call), late };
        return hold(&shared).await;
    }
    let Outcome { mut answer, delivery } = perform(&shared, &call).await;
    // Dropped with this future when the caller hangs up, so a held call occupies its place no longer than it lasts.
    let _slot = answer.occupies.take().map(|place| Slot { shared: shared.clone(), place });
    match delivery {
        Delivery::Now => answer.into_response(),
        Delivery::Late(by) => {
            tokio::time::sleep(by).await;
            answer.into_response()
        }
        Delivery::Never => hold(&shared).await,
    }
}

/// Keeps the caller waiting until it hangs up, which ends this future, or for longer than it should wait.
async fn hold(shared: &Shared) -> Response {
    tokio::select! {
        () = tokio::time::sleep(LONGEST_HOLD) => {}
        () = until_closed(shared.closed.clone()) => {}
    }
    (StatusCode::GATEWAY_TIMEOUT, [(header::CONNECTION, "close")]).into_response()
}

/// Does the work, or meets the fault that lies in wait for it.
async fn perform(shared: &Arc<Shared>, call: &Call) -> Outcome {
    let (answer, delivery) = shared.lock().begin(call);
    let answer = run_errands(shared, call, answer).await;
    shared.lock().conclude(call, answer, delivery)
}

/// What the provider asks of the app before it answers, and afterwards.
async fn run_errands(shared: &Arc<Shared>, call: &Call, mut answer: Answer) -> Answer {
    if let Some(Errand::Handshake(handshake)) = answer.errand.as_deref() {
        let echo = handshake.offer(&shared.client).await;
        answer = shared.lock().end_handshake(call, handshake, echo, &answer);
    }
    if let Some(errand) = answer.errand.take() {
        tokio::spawn(errand.run(shared.clone()));
    }
    answer
}

/// A request as the provider would see it.
pub struct Call {
    pub provider: Provider,
    pub method: Method,
    /// Path and query as sent, without the simulator's own prefix.
    pub path_and_query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    segments: Vec<String>,
    query: Vec<(String, String)>,
}

impl Call {
    async fn read(provider: Provider, request: Request) -> Result<Self, Response> {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, LARGEST_BODY_BYTES)
            .await
            .map_err(|error| (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()).into_response())?;
        let prefix_length = "/".len() + provider.as_str().len();
        let decode = |segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned();
        let path = &head.uri.path()[prefix_length..];
        let query = head.uri.query().unwrap_or_default();
        Ok(Self {
            provider,
            method: head.method,
            path_and_query: match head.uri.query() {
                Some(query) => format!("{path}?{query}"),
                None => path.to_owned(),
            },
            headers: head.headers,
            body,
            segments: path.trim_matches('/').split('/').map(decode).collect(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        })
    }

    /// A request that the provider makes of the app, so that faults can lie in wait for it too.
    pub fn outgoing(provider: Provider, path: String) -> Self {
        Self {
            provider,
            method: Method::POST,
            path_and_query: path,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            segments: Vec::new(),
            query: Vec::new(),
        }
    }

    /// The path's parts, decoded.
    pub fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The first value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query_values(name).next()
    }

    /// Every value of a query parameter.
    pub fn query_values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The names of all query parameters.
    pub fn query_names(&self) -> impl Iterator<Item = &str> {
        self.query.iter().map(|(key, _)| key.as_str())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The credentials of an `Authorization` header with this scheme.
    pub fn authorization(&self, scheme: &str) -> Option<&str> {
        let (given, credentials) = self.header("authorization")?.split_once(' ')?;
        given.eq_ignore_ascii_case(scheme).then_some(credentials.trim())
    }

    pub fn has_content_type(&self, expected: &str) -> bool {
        let given = self.header("content-type").unwrap_or_default();
        given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(expected)
    }

    /// A field of a form body.
    pub fn form_field(&self, name: &str) -> Option<String> {
        self.form_values(name).next()
    }

    /// Every value of a field of a form body.
    pub fn form_values(&self, name: &str) -> impl Iterator<Item = String> {
        form_urlencoded::parse(&self.body)
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// What a provider says to a call.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    content_type: &'static str,
    /// A refusal in spite of its status.
    is_refusal: bool,
    /// Where this call counts as running until it is answered.
    pub occupies: Option<Place>,
    /// What the provider asks of the app because of this call.
    pub errand: Option<Box<Errand>>,
}

impl Answer {
    pub fn empty(status: u16) -> Self {
        Self::text(status, "text/plain", String::new())
    }

    pub fn json(status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("answers have text keys only, so they always serialise");
        Self::bytes(status, "application/json", body)
    }

    pub fn text(status: u16, content_type: &'static str, body: String) -> Self {
        Self::bytes(status, content_type, body.into_bytes())
    }

    fn bytes(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
            content_type,
            is_refusal: false,
            occupies: None,
            errand: None,
        }
    }

    /// Marks an answer that says no with a status that says yes.
    pub fn refusing(mut self) -> Self {
        self.is_refusal = true;
        self
    }

    pub fn with_header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status) && !self.is_refusal
    }

    /// The same answer as a broken proxy would pass it on: status 200, half of the body.
    pub fn cut_short(mut self) -> Self {
        self.status = 200;
        self.body.truncate(self.body.len() / 2);
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(&value).expect("header values are numbers and plain words");
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// Work that is still to be done when nobody waits for its answer any more.
struct LateWork {
    shared: Arc<Shared>,
    call: Option<Call>,
    late: Late,
}

impl Drop for LateWork {
    fn drop(&mut self) {
        // Without a runtime the simulator is gone, and all that it would do.
        let (Some(call), Ok(runtime)) = (self.call.take(), Handle::try_current()) else { return };
        let (shared, late) = (self.shared.clone(), self.late);
        let due = shared.lock().now() + late.by;
        runtime.spawn(async move {
            if !shared.wait_until(due).await {
                return;
            }
            let Some(mut answer) = shared.lock().work_late(&call, late) else { return };
            let _slot = answer.occupies.take().map(|place| Slot { shared: shared.clone(), place });
            run_errands(&shared, &call, answer).await;
        });
    }
}

/// A place among the calls that an account may have running at once.
struct Slot {
    shared: Arc<Shared>,
    place: Place,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.lock().limits.release(&self.place);
    }
}
