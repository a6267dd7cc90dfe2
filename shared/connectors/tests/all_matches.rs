//! Calls that see one record too many: all with a number, all with a key, or one that a list leaves out.

use secrecy::SecretString;
use serde_json::json;
use wiremock::matchers::{header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};
use zixly_connectors::asana::{Asana, AsanaEndpoints};
use zixly_connectors::slack::{Slack, SlackEndpoints};
use zixly_connectors::xero::{Xero, XeroEndpoints};
use zixly_connectors::{ClientCredentials, ConnectorError, http_client};

const NUMBER: &str = "SHOP-5726128734520";

fn token() -> SecretString {
    SecretString::from("token")
}

fn credentials() -> ClientCredentials {
    ClientCredentials { id: "client".to_owned(), secret: SecretString::from("secret") }
}

fn xero(server: &MockServer) -> Xero {
    let url = |path: &str| format!("{}{path}", server.uri()).parse().expect("an http URL");
    let endpoints = XeroEndpoints { api_url: url("/api.xro/2.0"), token_url: url("/connect/token") };
    Xero::new(http_client(), endpoints, credentials())
}

#[tokio::test]
async fn every_invoice_with_a_number_is_given_but_those_that_do_not_count() {
    let server = MockServer::start().await;
    let invoice = |id: &str, number: &str, status: &str| json!({ "InvoiceID": id, "InvoiceNumber": number, "Type": "ACCREC", "Status": status });
    let answer = json!({ "Invoices": [
        invoice("1", NUMBER, "PAID"), invoice("2", NUMBER, "AUTHORISED"), invoice("3", NUMBER, "VOIDED"),
        invoice("4", NUMBER, "DELETED"), invoice("5", "SHOP-57", "PAID"),
    ] });
    Mock::given(method("GET"))
        .and(path("/api.xro/2.0/Invoices"))
        .and(query_param("InvoiceNumbers", NUMBER))
        .and(header("xero-tenant-id", "organisation"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .expect(1)
        .mount(&server)
        .await;
    let found =
        xero(&server).list_invoices_by_number(&token(), "organisation", NUMBER).await.expect("a list");
    let ids: Vec<&str> = found.iter().map(|invoice| invoice.invoice_id.as_str()).collect();
    assert_eq!(ids, ["1", "2"]);
    let several = xero(&server).list_invoices_by_number(&token(), "organisation", "1,2").await;
    assert_eq!(several.expect("nobody is asked"), []);
}

#[tokio::test]
async fn a_contact_is_there_or_not_and_a_failure_is_neither() {
    let server = MockServer::start().await;
    let contact = json!({ "Contacts": [{ "ContactID": "1", "Name": "Pat", "ContactStatus": "ARCHIVED" }] });
    for (id, answer) in [
        ("1", ResponseTemplate::new(200).set_body_json(contact)),
        ("2", ResponseTemplate::new(404).set_body_string("The resource you're looking for cannot be found")),
        ("3", ResponseTemplate::new(503)),
    ] {
        let path = path(format!("/api.xro/2.0/Contacts/{id}"));
        Mock::given(method("GET")).and(path).respond_with(answer).mount(&server).await;
    }
    let (xero, token) = (xero(&server), token());
    assert!(xero.has_contact(&token, "organisation", "1").await.expect("an answer"));
    assert!(!xero.has_contact(&token, "organisation", "2").await.expect("an answer"));
    let failure = xero.has_contact(&token, "organisation", "3").await.expect_err("no answer");
    assert!(matches!(failure, ConnectorError::Unavailable { status: 503, .. }), "{failure:?}");
}

#[tokio::test]
async fn an_archived_project_is_found_by_its_gid() {
    let server = MockServer::start().await;
    let project = json!({ "data": { "gid": "17", "notes": "[hubspot-deal-1]" } });
    let problem = json!({ "errors": [{ "message": "project: Unknown object: 18" }] });
    for (gid, answer) in [("17", (200, project)), ("18", (404, problem))] {
        Mock::given(method("GET"))
            .and(path(format!("/api/1.0/projects/{gid}")))
            .and(query_param("opt_fields", "notes,workspace"))
            .respond_with(ResponseTemplate::new(answer.0).set_body_json(answer.1))
            .mount(&server)
            .await;
    }
    let url = |path: &str| format!("{}{path}", server.uri()).parse().expect("an http URL");
    let endpoints = AsanaEndpoints { api_url: url("/api/1.0"), token_url: url("/-/oauth_token") };
    let asana = Asana::new(http_client(), endpoints, credentials());
    let found = asana.fetch_project(&token(), "17").await.expect("an answer").expect("a project");
    assert_eq!((found.gid.as_str(), found.notes.as_str()), ("17", "[hubspot-deal-1]"));
    assert_eq!(asana.fetch_project(&token(), "18").await.expect("an answer"), None);
}

#[tokio::test]
async fn every_message_with_a_key_is_given_from_all_pages() {
    let server = MockServer::start().await;
    let message = |ts: &str, key: &str| json!({ "ts": ts, "metadata": { "event_type": "zixly_job", "event_payload": { "effect_key": key } } });
    let first = json!({
        "ok": true, "messages": [message("3.0", "ours"), message("2.0", "another"), { "ts": "1.5" }],
        "response_metadata": { "next_cursor": "more" },
    });
    let second = json!({ "ok": true, "messages": [message("1.0", "ours")] });
    let history = || {
        Mock::given(method("GET"))
            .and(path("/api/conversations.history"))
            .and(query_param("channel", "C1"))
            // A minute earlier and later, since clocks differ.
            .and(query_param("oldest", "940.000000"))
            .and(query_param("latest", "2060.000000"))
            .and(query_param("include_all_metadata", "true"))
    };
    let page = |body| ResponseTemplate::new(200).set_body_json(body);
    history().and(query_param_is_missing("cursor")).respond_with(page(first)).expect(1).mount(&server).await;
    history().and(query_param("cursor", "more")).respond_with(page(second)).expect(1).mount(&server).await;
    let endpoints = SlackEndpoints {
        api_url: format!("{}/api", server.uri()).parse().expect("an http URL"),
        hooks_url: format!("{}/services", server.uri()).parse().expect("an http URL"),
    };
    let at = |second| jiff::Timestamp::from_second(second).expect("a time");
    let slack = Slack::new(http_client(), endpoints);
    let found = slack.list_messages(&token(), "C1", "ours", at(1000), at(2000)).await.expect("a list");
    assert_eq!(found, ["3.0", "1.0"]);
}
