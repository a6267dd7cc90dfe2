//! The function's real binary with a table of sockets on the local AWS, and an API Gateway that writes down what it is
//! to send.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};
use zixly_auth::Ticket;
use zixly_domain::{JobId, JobStatus, Provider, TenantId, UserId};
use zixly_queues::JobEvent;
use zixly_sockets::{NewSocket, SocketTable};
use zixly_testkit::{AWS_ENVIRONMENT, FunctionProcess, LocalAws};

const KEY: &str = "the key of both functions";
/// As small as is enough to be crowded.
const SOCKETS_PER_TENANT: usize = 3;

pub struct Scene {
    pub function: FunctionProcess,
    pub tenant_id: TenantId,
    pub sockets: SocketTable,
    gateway: MockServer,
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(json!({ "realtime_ticket_key": KEY }), None).await
    }

    /// A scene with this secret, and maybe a table of another name.
    pub async fn with(secret: Value, table: Option<&str>) -> Self {
        let aws = LocalAws::new();
        let made = aws.socket_table().await;
        let gateway = MockServer::start().await;
        let settings = [
            ("FUNCTION_SECRET_ARN", aws.secret("realtime", &secret.to_string()).await),
            ("SOCKET_TABLE", table.map_or(made.clone(), str::to_owned)),
            ("SOCKET_API_URL", format!("{}/live", gateway.uri())),
            ("SOCKETS_PER_TENANT", SOCKETS_PER_TENANT.to_string()),
            ("AWS_ENDPOINT_URL", aws.endpoint.clone()),
            ("AWS_LAMBDA_LOG_LEVEL", "TRACE".to_owned()),
        ];
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value));
        let settings =
            settings.chain(AWS_ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let binary = env!("CARGO_BIN_EXE_zixly-realtime");
        Self {
            function: FunctionProcess::start(binary, settings, Duration::from_secs(15)).await,
            tenant_id: TenantId::new(),
            sockets: SocketTable::new(&aws.config, made),
            gateway,
        }
    }

    /// A ticket of the tenant, as the dashboard function gives it out.
    pub fn ticket(&self) -> String {
        ticket_of(self.tenant_id)
    }

    /// Knocks with a ticket; gives the status.
    pub async fn connect(&self, connection_id: &str, ticket: Option<&str>) -> u64 {
        let query = ticket.map(|ticket| json!({ "ticket": ticket, "other": "1" }));
        let answer = self.event("CONNECT", connection_id, json!({ "queryStringParameters": query })).await;
        answer["statusCode"].as_u64().expect("a status is a number")
    }

    /// Hands the function an event of API Gateway; gives the answer.
    pub async fn event(&self, event_type: &str, connection_id: &str, more: Value) -> Value {
        let mut event = json!({
            "requestContext": {
                "routeKey": "$default", "eventType": event_type, "connectionId": connection_id,
                "apiId": "abcdef", "stage": "live", "requestId": "1", "identity": { "sourceIp": "192.0.2.1" },
            },
            "isBase64Encoded": false,
        });
        let fields = event.as_object_mut().expect("it is an object");
        fields.extend(more.as_object().expect("more fields").clone());
        self.function.invoke(event).await.expect("the function does not fail")
    }

    /// Hands the function a batch of these bodies; gives the ids of those that have to come back.
    pub async fn batch(&self, bodies: &[String]) -> Vec<String> {
        let records = bodies.iter().enumerate().map(
            |(index, body)| json!({ "messageId": index.to_string(), "body": body, "eventSource": "aws:sqs" }),
        );
        let records: Vec<Value> = records.collect();
        let answer = self.function.invoke(json!({ "Records": records })).await;
        let answer = answer.expect("the function does not fail");
        let failures = answer["batchItemFailures"].as_array().expect("a list of failures");
        failures
            .iter()
            .map(|failure| failure["itemIdentifier"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Writes sockets down that were opened a while ago.
    pub async fn opened(&self, tenant_id: TenantId, connection_ids: &[&str]) {
        self.opened_at(tenant_id, connection_ids, Timestamp::now() - SignedDuration::from_mins(5)).await;
    }

    pub async fn opened_at(&self, tenant_id: TenantId, connection_ids: &[&str], at: Timestamp) {
        for connection_id in connection_ids {
            let socket =
                NewSocket { tenant_id, connection_id, ticket_id: Uuid::new_v4(), ticket_expires_at: at };
            self.sockets.open(socket, at).await.expect("the table answers");
        }
    }

    /// The names of a tenant's sockets.
    pub async fn sockets_of(&self, tenant_id: TenantId) -> Vec<String> {
        let sockets = self.sockets.list(tenant_id, Timestamp::now()).await.expect("the table answers");
        sockets.into_iter().map(|socket| socket.connection_id).collect()
    }

    /// Has API Gateway answer for these sockets.
    pub async fn gateway_answers(&self, connection_ids: &str, answer: ResponseTemplate) {
        Mock::given(method("POST"))
            .and(path_regex(format!("^/live/@connections/({connection_ids})$")))
            .respond_with(answer)
            .mount(&self.gateway)
            .await;
    }

    /// Has API Gateway close every socket that it is asked to.
    pub async fn gateway_closes(&self) {
        let path = path_regex("^/live/@connections/.*$");
        let answer = ResponseTemplate::new(204);
        Mock::given(method("DELETE")).and(path).respond_with(answer).mount(&self.gateway).await;
    }

    /// The sockets that API Gateway was told to close.
    pub async fn closed(&self) -> Vec<String> {
        let requests = self.gateway.received_requests().await.expect("requests are kept");
        let deletions = requests.iter().filter(|request| request.method.as_str() == "DELETE");
        let mut closed: Vec<String> = deletions
            .map(|request| request.url.path().rsplit('/').next().unwrap_or_default().to_owned())
            .collect();
        closed.sort();
        closed
    }

    /// What API Gateway was told to send: socket and text, in the order of the sockets' names.
    pub async fn posted(&self) -> Vec<(String, Value)> {
        let requests = self.gateway.received_requests().await.expect("requests are kept");
        let mut posted: Vec<(String, Value)> = requests
            .iter()
            .map(|request| {
                let socket = request.url.path().rsplit('/').next().unwrap_or_default();
                (socket.to_owned(), serde_json::from_slice(&request.body).expect("the text is JSON"))
            })
            .collect();
        posted.sort_by(|one, two| one.0.cmp(&two.0));
        posted
    }

    /// The sockets that API Gateway was told to send something to.
    pub async fn reached(&self) -> Vec<String> {
        self.posted().await.into_iter().map(|(socket, _)| socket).collect()
    }
}

pub fn ticket_of(tenant_id: TenantId) -> String {
    Ticket::issue(&SecretString::from(KEY), tenant_id, UserId(Uuid::now_v7()), Timestamp::now())
}

pub fn ok() -> ResponseTemplate {
    ResponseTemplate::new(200)
}

pub fn gone() -> ResponseTemplate {
    let gone = ResponseTemplate::new(410).insert_header("x-amzn-errortype", "GoneException");
    gone.set_body_string(r#"{"message":"GoneException"}"#)
}

/// An event of a tenant's job that has just begun.
pub fn job_event(tenant_id: TenantId) -> JobEvent {
    JobEvent {
        tenant_id,
        job_id: JobId::new(),
        job_type: "xero-invoice-to-hubspot".to_owned(),
        about: None,
        provider: Some(Provider::Xero),
        status: JobStatus::Running,
        at: Timestamp::now(),
        created_at: Timestamp::now(),
        started_at: Timestamp::now(),
        duration_ms: None,
        waiting: None,
        error: None,
    }
}
