//! HubSpot's requests and answers. The bodies are quoted from HubSpot's guides (CRM search, API usage guidelines, OAuth
//! 2026-03) and its OpenAPI files, read in October 2026.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;
use wiremock::matchers::{
    any, body_json, body_string, header, method, path, query_param, query_param_is_missing,
};
use wiremock::{Mock, MockServer, ResponseTemplate};
use zixly_connectors::hubspot::{Contact, HubSpot, HubSpotEndpoints};
use zixly_connectors::{
    ClientCredentials, ConnectorError, ReauthorisationReason, RefreshTokens, http_client,
};
use zixly_domain::TokenSet;

const CONTACT: &str = r#"{"id":"100451","properties":{"email":"pat@example.com","firstname":null,"hs_object_id":"100451","lastmodifieddate":"2026-09-11T13:27:39.356Z"},"createdAt":"2024-01-17T19:55:04.281Z","updatedAt":"2026-09-11T13:27:39.356Z","archived":false}"#;

#[tokio::test]
async fn a_contact_is_found_by_its_email_address() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/crm/objects/2026-03/contacts/pat@example.com"))
        .and(query_param("idProperty", "email"))
        .and(query_param("properties", "email,firstname"))
        .and(header("Authorization", "Bearer token"))
        .respond_with(contact())
        .mount(&server)
        .await;
    let found =
        hubspot(&server).find_contact_by_email(&token(), "pat@example.com", &["email", "firstname"]).await;
    let contact = found.unwrap().unwrap();
    assert_eq!(contact.id, "100451");
    assert_eq!(contact.properties["email"].as_deref(), Some("pat@example.com"));
    assert_eq!(contact.properties["firstname"], None);
}

#[tokio::test]
async fn an_unusual_email_address_stays_one_segment_of_the_path() {
    for (address, segment) in [
        ("pat+news@example.com", "pat%2Bnews@example.com"),
        ("a/b?c#d%20@example.com", "a%2Fb%3Fc%23d%2520@example.com"),
        ("zoë@example.com", "zo%C3%AB@example.com"),
    ] {
        let server = server(contact()).await;
        hubspot(&server).find_contact_by_email(&token(), address, &["email"]).await.unwrap();
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests[0].url.path(), format!("/crm/objects/2026-03/contacts/{segment}"));
        assert_eq!(requests[0].url.query(), Some("idProperty=email&properties=email"));
    }
}

#[tokio::test]
async fn a_contact_is_fetched_by_its_id() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/crm/objects/2026-03/contacts/100451"))
        .and(query_param("properties", "lifecyclestage"))
        .respond_with(contact())
        .mount(&server)
        .await;
    let contact = hubspot(&server).fetch_contact(&token(), "100451", &["lifecyclestage"]).await.unwrap();
    assert_eq!(contact.unwrap().id, "100451");
}

#[tokio::test]
async fn an_update_sends_its_properties_and_nothing_else() {
    let server = MockServer::start().await;
    Mock::given(method("PATCH"))
        .and(path("/crm/objects/2026-03/contacts/100451"))
        .and(header("Content-Type", "application/json"))
        .and(body_json(json!({"properties": {"lifecyclestage": "customer"}})))
        .respond_with(contact())
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(update(&server).await.unwrap().id, "100451");
}

#[tokio::test]
async fn an_update_of_a_missing_contact_is_a_rejection() {
    let server = server(ResponseTemplate::new(404)).await;
    let error = update(&server).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Rejected { status: 404, .. }), "{error:?}");
}

#[tokio::test]
async fn a_limit_without_a_time_implies_one_by_its_name() {
    for (body, seconds) in [
        (
            json!({"status": "error", "message": "You have reached your daily limit.", "errorType": "RATE_LIMIT", "policyName": "DAILY"}),
            3600,
        ),
        (
            json!({"message": "You have reached your ten_secondly_rolling limit.", "policyName": "TEN_SECONDLY_ROLLING"}),
            10,
        ),
        (json!({"message": "You have reached your secondly limit."}), 1),
    ] {
        assert_eq!(
            rate_limit(ResponseTemplate::new(429).set_body_json(&body)).await,
            Some(seconds),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_time_that_hubspot_gives_wins_over_the_name_of_the_limit() {
    let answer = ResponseTemplate::new(429).insert_header("Retry-After", "3");
    assert_eq!(rate_limit(answer.set_body_json(json!({"policyName": "DAILY"}))).await, Some(3));
}

#[tokio::test]
async fn a_locked_record_is_free_after_two_seconds() {
    let error = update(&server(ResponseTemplate::new(423)).await).await.unwrap_err();
    let two_seconds = Some(Duration::from_secs(2));
    assert!(
        matches!(error, ConnectorError::Unavailable { status: 423, retry_after, .. } if retry_after == two_seconds)
    );
    assert!(!error.outcome_is_doubtful());
}

#[tokio::test]
async fn a_moving_account_is_back_when_hubspot_says() {
    let answer = ResponseTemplate::new(477).insert_header("Retry-After", "86400");
    let error = update(&server(answer).await).await.unwrap_err();
    let a_day = Some(Duration::from_hours(24));
    assert!(
        matches!(error, ConnectorError::Unavailable { status: 477, retry_after, .. } if retry_after == a_day)
    );
}

#[tokio::test]
async fn a_cloud_proxy_in_trouble_is_an_unavailable_hubspot() {
    for sent in [521, 523, 524] {
        let error = update(&server(ResponseTemplate::new(sent)).await).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Unavailable { status, .. } if status == sent), "{error:?}");
        assert!(error.outcome_is_doubtful());
    }
}

#[tokio::test]
async fn a_missing_scope_needs_a_person() {
    // The error schema of the OpenAPI file allows either field.
    for body in [
        json!({"status": "error", "category": "MISSING_SCOPES", "message": "This app hasn't been granted all required scopes"}),
        json!({"message": "no", "context": {"missingScopes": ["crm.objects.contacts.write"]}}),
    ] {
        let error = update(&server(ResponseTemplate::new(403).set_body_json(&body)).await).await.unwrap_err();
        let ConnectorError::ReauthorisationNeeded { reason, .. } = error else { panic!("{body}: {error:?}") };
        assert_eq!(reason, ReauthorisationReason::ScopeMissing);
    }
}

#[tokio::test]
async fn an_unknown_property_is_told_in_hubspots_words() {
    let body = json!({"status": "error", "category": "VALIDATION_ERROR", "message": "Property values were not valid: Property \"paid\" does not exist", "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf"});
    let error = update(&server(ResponseTemplate::new(400).set_body_json(body)).await).await.unwrap_err();
    assert_eq!(
        with_words(&error),
        "HubSpot rejected the request with status 400: Property values were not valid: Property \"paid\" does not exist"
    );
}

#[tokio::test]
async fn a_deal_says_whether_it_is_won_and_whom_it_is_with() {
    let server = MockServer::start().await;
    let deal = |won: &str| {
        json!({
            "id": "987654321", "createdAt": "2026-09-11T13:27:39.356Z", "updatedAt": "2026-09-11T13:27:39.356Z",
            "properties": { "dealname": "Acme", "amount": "12500", "dealstage": "6712", "hs_is_closed_won": won },
            "associations": { "contacts": { "results": [
                { "id": "100451", "type": "deal_to_contact" }, { "id": "100451", "type": "deal_to_contact_unlabeled" },
            ] } },
            "archived": false,
        })
    };
    for (won, is_won) in [("true", true), ("false", false), ("", false)] {
        let answer = ResponseTemplate::new(200).set_body_json(deal(won));
        Mock::given(method("GET"))
            .and(path("/crm/objects/2026-03/0-3/987654321"))
            .and(query_param("associations", "contacts"))
            .respond_with(answer)
            .up_to_n_times(1)
            .mount(&server)
            .await;
        let deal = hubspot(&server).fetch_deal(&token(), "987654321").await.unwrap().unwrap();
        assert_eq!(deal.is_won, is_won, "{won}");
        assert_eq!((deal.name.as_deref(), deal.amount.as_deref()), (Some("Acme"), Some("12500")));
        assert_eq!(deal.contact_ids, ["100451"]);
    }
}

#[tokio::test]
async fn a_note_is_added_to_a_deal_by_the_type_that_hubspot_defines() {
    let server = MockServer::start().await;
    let note = json!({
        "properties": { "hs_timestamp": "2026-10-01T15:48:22Z", "hs_note_body": "Task done in Asana" },
        "associations": [{
            "to": { "id": "987654321" },
            "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 214 }],
        }],
    });
    Mock::given(method("POST"))
        .and(path("/crm/objects/2026-03/notes"))
        .and(body_json(note))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({ "id": "55", "properties": {} })))
        .expect(1)
        .mount(&server)
        .await;
    let at = "2026-10-01T15:48:22Z".parse().unwrap();
    let made = hubspot(&server).create_note_on_deal(&token(), "987654321", "Task done in Asana", at).await;
    assert_eq!(made.unwrap(), "55");
}

#[tokio::test]
async fn the_notes_of_a_deal_are_listed_page_by_page() {
    let server = MockServer::start().await;
    // HubSpot's guide has numbers here, and texts everywhere else.
    for (after, results, paging) in [
        (None, json!([{ "toObjectId": 9 }, { "toObjectId": "101" }]), json!({ "next": { "after": "X" } })),
        (Some("X"), json!([{ "toObjectId": 55 }]), json!({})),
    ] {
        let page = Mock::given(method("GET"))
            .and(path("/crm/objects/2026-03/0-3/987654321/associations/notes"))
            .and(query_param("limit", "500"));
        let page = match after {
            Some(after) => page.and(query_param("after", after)),
            None => page.and(query_param_is_missing("after")),
        };
        let body = json!({ "results": results, "paging": paging });
        page.respond_with(ResponseTemplate::new(200).set_body_json(body)).expect(1).mount(&server).await;
    }
    let hubspot = hubspot(&server);
    let first = hubspot.list_notes_of_deal(&token(), "987654321", None).await.unwrap();
    assert_eq!((first.ids.as_slice(), first.next.as_deref()), (&["9".into(), "101".into()][..], Some("X")));
    let last = hubspot.list_notes_of_deal(&token(), "987654321", Some("X")).await.unwrap();
    assert_eq!((last.ids.as_slice(), last.next), (&["55".to_owned()][..], None));
}

#[tokio::test]
async fn notes_are_fetched_many_at_once() {
    let server = MockServer::start().await;
    let body = json!({
        "properties": ["hs_note_body"], "propertiesWithHistory": [], "inputs": [{ "id": "55" }, { "id": "9" }],
    });
    let answer = json!({ "status": "COMPLETE", "results": [
        { "id": "55", "properties": { "hs_note_body": "<p>Done</p>" }, "createdAt": "2026-09-11T13:27:39.356Z" },
    ], "numErrors": 1 });
    Mock::given(method("POST"))
        .and(path("/crm/objects/2026-03/notes/batch/read"))
        .and(body_json(body))
        .respond_with(ResponseTemplate::new(207).set_body_json(answer))
        .mount(&server)
        .await;
    let notes = hubspot(&server).fetch_notes(&token(), &["55".into(), "9".into()]).await.unwrap();
    assert_eq!(notes.len(), 1, "the other is gone");
    assert_eq!(notes[0].body.as_deref(), Some("<p>Done</p>"));
    assert_eq!(notes[0].created_at, Some("2026-09-11T13:27:39.356Z".parse().unwrap()));
}

#[tokio::test]
async fn the_token_endpoint_gets_the_credentials_in_the_form() {
    let server = MockServer::start().await;
    let answer = json!({"token_type": "bearer", "access_token": "a", "refresh_token": "na1-b", "expires_in": 1800, "hub_id": 1234567, "scopes": ["oauth", "crm.objects.contacts.read"]});
    Mock::given(method("POST"))
        .and(path("/oauth/2026-03/token"))
        .and(header("Content-Type", "application/x-www-form-urlencoded"))
        .and(body_string("grant_type=refresh_token&refresh_token=na1-old&client_id=id&client_secret=secret"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .expect(1)
        .mount(&server)
        .await;
    let old = TokenSet {
        access_token: "x".into(),
        refresh_token: "na1-old".into(),
        expires_at: Timestamp::UNIX_EPOCH,
    };
    let token_set = hubspot(&server).refresh("12345678", &old, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(token_set.expires_at.as_second(), 1800);
}

async fn rate_limit(answer: ResponseTemplate) -> Option<u64> {
    let error = update(&server(answer).await).await.expect_err("no success");
    let ConnectorError::RateLimited { retry_after, .. } = error else { panic!("{error:?}") };
    retry_after.map(|wait| wait.as_secs())
}

async fn update(server: &MockServer) -> Result<Contact, ConnectorError> {
    let properties = BTreeMap::from([("lifecyclestage".to_owned(), "customer".to_owned())]);
    hubspot(server).update_contact(&token(), "100451", &properties).await
}

async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn contact() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(CONTACT, "application/json")
}

fn token() -> SecretString {
    SecretString::from("token")
}

fn hubspot(server: &MockServer) -> HubSpot {
    let endpoints = HubSpotEndpoints {
        api_url: server.uri().parse().expect("an http URL"),
        api_version: "2026-03".to_owned(),
        oauth_version: "2026-03".to_owned(),
    };
    HubSpot::new(http_client(), endpoints, ClientCredentials { id: "id".to_owned(), secret: "secret".into() })
}

/// The error with what the provider said.
fn with_words(error: &ConnectorError) -> String {
    match error {
        ConnectorError::Rejected { words, .. } => format!("{error}: {}", words.0),
        _ => error.to_string(),
    }
}
