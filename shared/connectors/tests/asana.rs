//! Asana's requests and answers. The bodies follow its OpenAPI file (Asana/openapi, `asana_oas.yaml`, June 2026) and
//! its guides on OAuth, errors and pagination.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use wiremock::matchers::{
    any, body_json, body_string, header, method, path, query_param, query_param_is_missing,
};
use wiremock::{Mock, MockServer, ResponseTemplate};
use zixly_connectors::asana::{Asana, AsanaEndpoints, NewTask};
use zixly_connectors::{
    ClientCredentials, ConnectorError, ReauthorisationReason, RefreshTokens, http_client,
};
use zixly_domain::TokenSet;

const FIELDS: &str = "name,completed,completed_at,permalink_url,external";

#[tokio::test]
async fn a_task_is_found_by_its_own_gid_and_by_ours() {
    let server = MockServer::start().await;
    let task = json!({ "data": {
        "gid": "1200000000000002", "name": "Kick-off", "completed": true, "completed_at": "2026-10-01T02:44:21.987Z",
        "permalink_url": "https://app.asana.com/0/1/2", "external": { "gid": "hubspot-deal-987654321" },
    } });
    for name in ["1200000000000002", "external:hubspot-deal-987654321"] {
        Mock::given(method("GET"))
            .and(path(format!("/api/1.0/tasks/{name}")))
            .and(query_param("opt_fields", FIELDS))
            .and(header("Authorization", "Bearer token"))
            .respond_with(ResponseTemplate::new(200).set_body_json(&task))
            .expect(1)
            .mount(&server)
            .await;
    }
    let asana = asana(&server);
    let by_gid = asana.fetch_task(&token(), "1200000000000002").await.unwrap().unwrap();
    let by_key = asana.find_task_by_external(&token(), "hubspot-deal-987654321").await.unwrap().unwrap();
    assert_eq!(by_gid, by_key);
    assert_eq!(by_gid.completed_at, Some("2026-10-01T02:44:21.987Z".parse().unwrap()));
    assert_eq!(by_gid.external_gid.as_deref(), Some("hubspot-deal-987654321"));
}

#[tokio::test]
async fn a_project_and_its_task_are_made_with_what_finds_them_again() {
    let server = MockServer::start().await;
    for (route, body) in [
        (
            "projects",
            json!({ "data": { "workspace": "12345", "name": "Acme", "notes": "[hubspot-deal-1]" } }),
        ),
        (
            "tasks",
            json!({ "data": {
                "name": "Kick-off", "notes": "n", "projects": ["67890"], "external": { "gid": "hubspot-deal-1" },
            } }),
        ),
    ] {
        Mock::given(method("POST"))
            .and(path(format!("/api/1.0/{route}")))
            .and(body_json(body))
            .respond_with(ResponseTemplate::new(201).set_body_json(json!({ "data": { "gid": "67890" } })))
            .expect(1)
            .mount(&server)
            .await;
    }
    let asana = asana(&server);
    let project = asana.create_project(&token(), "12345", "Acme", "[hubspot-deal-1]").await.unwrap();
    let new = NewTask { project_gid: &project, name: "Kick-off", notes: "n", external_gid: "hubspot-deal-1" };
    assert_eq!(asana.create_task(&token(), new).await.unwrap(), "67890");
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let server = MockServer::start().await;
    let page = |gid: &str, next: Option<&str>| {
        let next = next.map(|offset| json!({ "offset": offset, "path": "/tasks?…", "uri": "https://…" }));
        let task = json!({ "gid": gid, "name": gid, "completed": false });
        ResponseTemplate::new(200).set_body_json(json!({ "data": [task], "next_page": next }))
    };
    let list = || {
        Mock::given(method("GET"))
            .and(path("/api/1.0/tasks"))
            .and(query_param("project", "67890"))
            .and(query_param("modified_since", "2026-10-01T00:00:00Z"))
            .and(query_param("limit", "100"))
    };
    list().and(query_param_is_missing("offset")).respond_with(page("1", Some("eyJ0"))).mount(&server).await;
    list().and(query_param("offset", "eyJ0")).respond_with(page("2", None)).mount(&server).await;
    let asana = asana(&server);
    let since = "2026-10-01T00:00:00Z".parse().unwrap();
    let first = asana.list_tasks(&token(), "67890", since, None).await.unwrap().unwrap();
    let second =
        asana.list_tasks(&token(), "67890", since, first.next_offset.as_deref()).await.unwrap().unwrap();
    assert_eq!((first.records[0].gid.as_str(), second.records[0].gid.as_str()), ("1", "2"));
    assert_eq!(second.next_offset, None);
}

#[tokio::test]
async fn a_project_that_is_gone_or_invisible_has_no_tasks() {
    for status in [403, 404] {
        let answer =
            ResponseTemplate::new(status).set_body_json(json!({ "errors": [{ "message": "Forbidden" }] }));
        let server = server(answer).await;
        let page = asana(&server).list_tasks(&token(), "67890", Timestamp::UNIX_EPOCH, None).await.unwrap();
        assert_eq!(page, None);
    }
}

#[tokio::test]
async fn a_rejection_is_told_in_asanas_words() {
    for status in [400, 402, 403, 451] {
        let body = json!({ "errors": [{ "message": "project: Missing input", "help": "…" }] });
        let server = server(ResponseTemplate::new(status).set_body_json(body)).await;
        let error = asana(&server).create_project(&token(), "1", "n", "n").await.unwrap_err();
        let ConnectorError::Rejected { words, .. } = &error else { panic!("{status}: {error:?}") };
        assert_eq!(words.0, "project: Missing input");
    }
}

#[tokio::test]
async fn a_missing_scope_needs_a_person() {
    let body =
        json!({ "errors": [{ "message": "This request requires the following scopes: projects:write" }] });
    let server = server(ResponseTemplate::new(403).set_body_json(body)).await;
    let error = asana(&server).create_project(&token(), "1", "n", "n").await.unwrap_err();
    let missing = ReauthorisationReason::ScopeMissing;
    assert!(
        matches!(error, ConnectorError::ReauthorisationNeeded { reason, .. } if reason == missing),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_refresh_keeps_the_refresh_token_that_asana_gave_once() {
    let server = MockServer::start().await;
    let answer = json!({
        "access_token": "a", "expires_in": 3600, "token_type": "bearer", "refresh_token": null,
        "data": { "id": "4673218951", "name": "Pat", "email": "pat@example.com" },
    });
    Mock::given(method("POST"))
        .and(path("/-/oauth_token"))
        .and(body_string("grant_type=refresh_token&refresh_token=old&client_id=id&client_secret=secret"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .expect(1)
        .mount(&server)
        .await;
    let old =
        TokenSet { access_token: "x".into(), refresh_token: "old".into(), expires_at: Timestamp::UNIX_EPOCH };
    let token_set = asana(&server).refresh("12345", &old, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(token_set.refresh_token.expose_secret(), "old");
    assert_eq!(token_set.expires_at.as_second(), 3600);
}

#[tokio::test]
async fn a_webhook_tells_of_completed_tasks_only() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/1.0/webhooks"))
        .and(body_json(json!({ "data": {
            "resource": "67890", "target": "https://hooks.example.com/webhook/asana/name",
            "filters": [{ "resource_type": "task", "action": "changed", "fields": ["completed"] }],
        } })))
        .respond_with(ResponseTemplate::new(201).set_body_json(
            json!({ "data": { "gid": "12", "active": true }, "X-Hook-Secret": "b537207f20cbfa02357cf448134da559" }),
        ))
        .expect(1)
        .mount(&server)
        .await;
    let target = "https://hooks.example.com/webhook/asana/name";
    assert_eq!(asana(&server).create_webhook(&token(), "67890", target).await.unwrap(), "12");
}

#[tokio::test]
async fn a_webhook_that_fails_or_is_off_is_not_delivered_to() {
    let webhook = |gid: &str, active: bool, deleted_at: Option<&str>| {
        json!({
            "gid": gid, "active": active, "failure_deletion_timestamp": deleted_at,
            "resource": { "gid": "67890", "resource_type": "project" }, "target": "https://hooks.example.com/x",
        })
    };
    let all = json!({ "data": [
        webhook("1", true, None),
        webhook("2", false, None),
        webhook("3", true, Some("2026-10-02T02:44:21.987Z")),
    ], "next_page": null });
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/api/1.0/webhooks"))
        .and(query_param("workspace", "12345"))
        .respond_with(ResponseTemplate::new(200).set_body_json(all))
        .mount(&server)
        .await;
    let page = asana(&server).list_webhooks(&token(), "12345", None).await.unwrap();
    let good: Vec<bool> = page.records.iter().map(|webhook| webhook.is_delivered_to).collect();
    assert_eq!(good, [true, false, false]);
}

#[tokio::test]
async fn a_webhook_that_is_gone_is_as_good_as_deleted() {
    for (status, is_gone) in [(200, true), (404, true), (403, false)] {
        let server = server(ResponseTemplate::new(status).set_body_json(json!({ "data": {} }))).await;
        assert_eq!(asana(&server).delete_webhook(&token(), "12").await.is_ok(), is_gone, "{status}");
    }
}

fn token() -> SecretString {
    SecretString::from("token")
}

async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn asana(server: &MockServer) -> Asana {
    let endpoints = AsanaEndpoints {
        api_url: format!("{}/api/1.0", server.uri()).parse().expect("an http URL"),
        token_url: format!("{}/-/oauth_token", server.uri()).parse().expect("an http URL"),
    };
    Asana::new(http_client(), endpoints, ClientCredentials { id: "id".to_owned(), secret: "secret".into() })
}
