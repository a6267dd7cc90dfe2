//! What API Gateway says of a text is told apart: taken, no such socket, anything else.

use wiremock::matchers::{body_string, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};
use zixly_sockets::{Posted, SocketApi};
use zixly_testkit::LocalAws;

async fn post(answer: ResponseTemplate) -> Result<Posted, String> {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/live/@connections/L0SM9cOFvHcCIhw%3D"))
        .and(body_string("text"))
        .respond_with(answer)
        .mount(&server)
        .await;
    let api = SocketApi::new(&LocalAws::new().config, &format!("{}/live", server.uri()));
    let posted = api.post("L0SM9cOFvHcCIhw=", "text").await;
    let request = server.received_requests().await.expect("requests are kept").remove(0);
    let authorization = request.headers["authorization"].to_str().expect("it is text");
    assert!(authorization.contains("/ap-southeast-2/execute-api/aws4_request"), "{authorization}");
    posted.map_err(|error| error.to_string())
}

fn problem(status: u16, kind: &str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .insert_header("x-amzn-errortype", kind)
        .set_body_string(r#"{"message":"no"}"#)
}

#[tokio::test]
async fn a_text_that_is_taken_is_sent() {
    assert_eq!(post(ResponseTemplate::new(200)).await, Ok(Posted::Sent));
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_gone() {
    assert_eq!(post(problem(410, "GoneException")).await, Ok(Posted::Gone));
}

#[tokio::test]
async fn a_refusal_is_no_sign_that_a_socket_is_gone() {
    for answer in [
        problem(403, "ForbiddenException"),
        problem(413, "PayloadTooLargeException"),
        problem(429, "LimitExceededException"),
        ResponseTemplate::new(500),
    ] {
        assert_eq!(post(answer).await, Err("API Gateway did not do what it was asked".to_owned()));
    }
}
