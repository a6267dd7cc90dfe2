//! Asana's projects, tasks, stories, events and webhooks.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod receiver;
mod support;

use hmac::{Hmac, KeyInit, Mac};
use receiver::Receiver;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::Sha256;
use support::{Tokens, WORKSPACE, World, header, send, status, text};

/// A world whose app is connected to the demo workspace, with one project in it.
struct Office {
    world: World,
    tokens: Tokens,
    project: String,
}

impl Office {
    async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    async fn open_with(change: impl FnOnce(&mut zixly_simulator::SimulatorConfig)) -> Self {
        let world = World::start_with(change).await;
        let tokens = world.grant("asana", json!([WORKSPACE])).await;
        let project = world.seed("asana", "project", json!({"name": "Deal 987654321"})).await;
        Self { world, tokens, project: text(&project["gid"]) }
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/asana/api/1.0{path}", self.world.running.url);
        self.world.client.request(method, url).bearer_auth(&self.tokens.access)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        send(self.call(Method::GET, path)).await
    }

    async fn post(&self, path: &str, data: Value) -> (u16, Value) {
        send(self.call(Method::POST, path).json(&json!({"data": data}))).await
    }

    async fn seed_task(&self, gid: &str, more: Value) -> Value {
        let mut task = json!({"gid": gid, "name": format!("Task {gid}"), "projects": [self.project]});
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.world.seed("asana", "task", task).await
    }

    fn refresh(&self, secret: &str, refresh_token: &str) -> RequestBuilder {
        self.world.client.post(format!("{}/asana/-/oauth_token", self.world.running.url)).form(&[
            ("grant_type", "refresh_token"),
            ("client_id", "asana-app"),
            ("client_secret", secret),
            ("refresh_token", refresh_token),
        ])
    }
}

fn gids(body: &Value) -> Vec<&str> {
    body["data"].as_array().unwrap().iter().map(|record| record["gid"].as_str().unwrap()).collect()
}

fn message(body: &Value) -> String {
    text(&body["errors"][0]["message"])
}

#[tokio::test]
async fn a_task_is_found_by_the_key_that_the_app_gave_it() {
    let office = Office::open().await;
    let key = "hubspot-deal-987654321";
    assert_eq!(office.get(&format!("/tasks/external:{key}")).await.0, 404);
    let task = json!({"name": "Kick-off", "projects": [office.project], "assignee": "me", "due_on": "2026-10-15", "external": {"gid": key, "data": "{}"}});
    let (status, made) = office.post("/tasks", task.clone()).await;
    assert_eq!(status, 201, "{made}");
    let fields = "name,completed,completed_at,permalink_url,memberships.project.gid,external,custom_fields";
    let (_, found) = office.get(&format!("/tasks/external:{key}?opt_fields={fields}")).await;
    assert_eq!(
        found["data"],
        json!({
            "gid": made["data"]["gid"], "name": "Kick-off", "completed": false, "completed_at": null,
            "permalink_url": made["data"]["permalink_url"], "custom_fields": [],
            "memberships": [{"project": {"gid": office.project}}], "external": {"gid": key, "data": "{}"},
        })
    );
    // Shown only when asked for, and not unique.
    assert_eq!(office.get(&format!("/tasks/external:{key}")).await.1["data"]["external"], Value::Null);
    assert_eq!(office.post("/tasks", task).await.0, 201);
    let effects = office.world.effects("asana").await;
    assert_eq!((effects.len(), &effects[0]["account"]), (2, &json!(WORKSPACE)));
    assert_eq!(effects[0]["path"], "/api/1.0/tasks");
}

#[tokio::test]
async fn projects_are_made_and_listed() {
    let office = Office::open().await;
    let (status, made) =
        office.post("/projects", json!({"workspace": WORKSPACE, "name": "Deal 7", "notes": "n"})).await;
    assert_eq!((status, &made["data"]["name"]), (201, &json!("Deal 7")));
    let gid = text(&made["data"]["gid"]);
    assert_eq!(
        office.get(&format!("/projects/{gid}?opt_fields=notes")).await.1["data"],
        json!({"gid": gid, "notes": "n"})
    );
    let (_, listed) = office.get(&format!("/projects?workspace={WORKSPACE}")).await;
    assert_eq!(listed["data"][1], json!({"gid": gid, "resource_type": "project", "name": "Deal 7"}));
    assert_eq!(office.get(&format!("/workspaces/{WORKSPACE}/projects")).await.1, listed);
    assert_eq!(
        message(&office.post("/projects", json!({"workspace": WORKSPACE})).await.1),
        "name: Missing input"
    );
    assert_eq!(office.post("/projects", json!({"workspace": "7", "name": "Deal"})).await.0, 403);
}

#[tokio::test]
async fn what_asana_would_not_take_is_refused() {
    let office = Office::open().await;
    for (task, part) in [
        (json!({"name": "Lost"}), "one of workspace, parent, projects"),
        (json!({"projects": ["7"]}), "Unknown object: 7"),
        (json!({"projects": [office.project], "due_on": "soon"}), "due_on"),
        (json!({"projects": [office.project], "external": {"gid": ""}}), "external"),
        (json!({"projects": [office.project], "shoe": 9}), "shoe"),
    ] {
        let (status, body) = office.post("/tasks", task).await;
        assert_eq!(status, if part.starts_with("Unknown") { 404 } else { 400 });
        assert!(message(&body).contains(part), "{body}");
    }
    assert_eq!(send(office.call(Method::POST, "/tasks").json(&json!({"name": "bare"}))).await.0, 400);
    assert!(office.world.effects("asana").await.is_empty());
}

#[tokio::test]
async fn the_tasks_of_a_project_are_listed_in_pages_by_what_happened_since() {
    let office = Office::open().await;
    for (gid, more) in [
        (
            "1",
            json!({"completed": true, "completed_at": "2026-10-01T00:00:00.000Z", "modified_at": "2026-10-01T00:00:00.000Z"}),
        ),
        (
            "2",
            json!({"completed": true, "completed_at": "2026-10-03T00:00:00.000Z", "modified_at": "2026-10-03T00:00:00.000Z"}),
        ),
        ("3", json!({"modified_at": "2026-10-02T00:00:00.000Z"})),
    ] {
        office.seed_task(gid, more).await;
    }
    let list = |more: &str| format!("/tasks?project={}{more}", office.project);
    assert_eq!(gids(&office.get(&list("&completed_since=2026-10-02T00:00:00Z")).await.1), ["2", "3"]);
    assert_eq!(gids(&office.get(&list("&completed_since=now")).await.1), ["3"]);
    assert_eq!(gids(&office.get(&list("&modified_since=2026-10-02T00:00:00.000Z")).await.1), ["2", "3"]);
    assert_eq!(gids(&office.get(&format!("/projects/{}/tasks", office.project)).await.1), ["1", "2", "3"]);

    let (_, first) = office.get(&list("&limit=2&opt_fields=completed")).await;
    assert_eq!(first["data"][0], json!({"gid": "1", "completed": true}));
    let next = &first["next_page"];
    assert!(text(&next["uri"]).ends_with(&text(&next["path"])));
    let (_, second) = office.get(&text(&next["path"])).await;
    assert_eq!((gids(&second), &second["next_page"]), (vec!["3"], &Value::Null));
    for bad in ["&limit=101", "&limit=1&offset=7", "&modified_since=monday", "&colour=red"] {
        assert_eq!(office.get(&list(bad)).await.0, 400, "{bad}");
    }
    assert_eq!(office.get("/tasks").await.0, 400);
    assert_eq!(office.get("/tasks?project=7").await.0, 404);
}

#[tokio::test]
async fn a_comment_is_added_and_listed() {
    let office = Office::open().await;
    office.seed_task("1", json!({"external": {"gid": "key"}})).await;
    let (status, story) = office.post("/tasks/external:key/stories", json!({"text": "Noted"})).await;
    assert_eq!((status, &story["data"]["type"]), (201, &json!("comment")));
    let (_, stories) = office.get("/tasks/1/stories").await;
    assert_eq!(stories["data"][0]["text"], "Noted");
    assert_eq!(office.post("/tasks/1/stories", json!({})).await.0, 400);
    assert_eq!(office.post("/tasks/2/stories", json!({"text": "Noted"})).await.0, 404);
}

#[tokio::test]
async fn events_are_read_with_a_token_that_a_first_refusal_brings() {
    let office = Office::open().await;
    let path = format!("/events?resource={}", office.project);
    let since = |body: &Value| format!("{path}&sync={}", text(&body["sync"]));
    let count = |body: &Value| body["data"].as_array().unwrap().len();
    let (status, fresh) = office.get(&path).await;
    assert_eq!(status, 412);
    office.seed_task("1", json!({})).await;
    office.seed_task("1", json!({"completed": true})).await;
    let (status, body) = office.get(&since(&fresh)).await;
    assert_eq!((status, &body["has_more"]), (200, &json!(false)));
    let seen: Vec<(String, Value)> = body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (text(&event["action"]), event["change"]["field"].clone()))
        .collect();
    assert_eq!(
        seen,
        [
            ("added".to_owned(), Value::Null),
            ("changed".to_owned(), json!("completed")),
            ("changed".to_owned(), json!("completed_at")),
        ]
    );
    let (_, nothing) = office.get(&since(&body)).await;
    assert_eq!(nothing["data"], json!([]));
    for number in 2..=105 {
        office.seed_task(&number.to_string(), json!({})).await;
    }
    let (_, page) = office.get(&since(&nothing)).await;
    assert_eq!((count(&page), &page["has_more"]), (100, &json!(true)));
    let (_, rest) = office.get(&since(&page)).await;
    assert_eq!((count(&rest), &rest["has_more"]), (4, &json!(false)));
    office.world.advance(24 * 3600).await;
    let tokens = office.world.grant("asana", json!([WORKSPACE])).await;
    let office = Office { tokens, ..office };
    assert_eq!(office.get(&since(&rest)).await.0, 412);
}

#[tokio::test]
async fn a_webhook_is_made_once_its_target_has_echoed_the_secret() {
    let office = Office::open().await;
    let mut receiver = Receiver::start().await;
    let order = json!({
        "resource": office.project, "target": receiver.url("/echo"),
        "filters": [{"resource_type": "task", "action": "changed", "fields": ["completed"]}],
    });
    let (status, made) = office.post("/webhooks", order.clone()).await;
    assert_eq!(status, 201, "{made}");
    let secret = text(&made["X-Hook-Secret"]);
    let handshake = receiver.next().await;
    assert_eq!(
        (handshake.header("x-hook-secret"), handshake.header("x-hook-signature")),
        (Some(&*secret), None)
    );

    let heartbeat = receiver.next().await;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(&heartbeat.body);
    let signature = hex::encode(mac.finalize().into_bytes());
    assert_eq!(
        (heartbeat.json(), heartbeat.header("x-hook-signature")),
        (json!({"events": []}), Some(&*signature))
    );

    let gid = text(&made["data"]["gid"]);
    assert_eq!(office.post("/webhooks", order).await.0, 403);
    let path = format!("/webhooks?workspace={WORKSPACE}&resource={}", office.project);
    assert_eq!(gids(&office.get(&path).await.1), [&*gid]);
    let mut shown = office.get(&format!("/webhooks/{gid}")).await.1;
    while shown["data"]["last_success_at"].is_null() {
        shown = office.get(&format!("/webhooks/{gid}")).await.1;
    }
    assert_eq!(shown["data"]["active"], true);
    let deleted = send(office.call(Method::DELETE, &format!("/webhooks/{gid}"))).await;
    assert_eq!(deleted, (200, json!({"data": {}})));
    assert_eq!(office.get(&format!("/webhooks/{gid}")).await.0, 404);
    let methods: Vec<Value> =
        office.world.effects("asana").await.iter().map(|effect| effect["method"].clone()).collect();
    assert_eq!(methods, ["POST", "DELETE"]);
}

#[tokio::test]
async fn a_target_that_does_not_echo_gets_no_webhook() {
    let office = Office::open().await;
    let receiver = Receiver::start().await;
    for path in ["/refuse", "/silent"] {
        let order = json!({"resource": office.project, "target": receiver.url(path)});
        let (status, body) = office.post("/webhooks", order).await;
        assert_eq!(status, 400);
        assert!(message(&body).contains("handshake secret"), "{body}");
    }
    let far = json!({"resource": office.project, "target": "https://example.com/asana"});
    assert_eq!(office.post("/webhooks", far).await.0, 403);
    let unknown = json!({"resource": "7", "target": receiver.url("/echo")});
    assert_eq!(office.post("/webhooks", unknown).await.0, 404);
    assert!(office.world.effects("asana").await.is_empty());
    assert_eq!(office.get(&format!("/webhooks?workspace={WORKSPACE}")).await.1["data"], json!([]));
}

#[tokio::test]
async fn a_fault_after_the_commit_waits_for_the_handshake_too() {
    let office = Office::open().await;
    let receiver = Receiver::start().await;
    office.world.order_fault("asana", "malformed", json!({"match": {"path": "/webhooks"}})).await;
    let order = |path| json!({"data": {"resource": office.project, "target": receiver.url(path)}});
    assert_eq!(status(office.call(Method::POST, "/webhooks").json(&order("/refuse"))).await, 400);
    let cut = office.call(Method::POST, "/webhooks").json(&order("/echo")).send().await.unwrap();
    assert!(serde_json::from_slice::<Value>(&cut.bytes().await.unwrap()).is_err());
    assert_eq!(office.world.effects("asana").await.len(), 1);
}

#[tokio::test]
async fn a_refresh_brings_no_refresh_token() {
    let office = Office::open().await;
    office.world.advance(3600).await;
    let (status_of_old, body) = office.get("/users/me").await;
    assert_eq!(status_of_old, 401);
    assert!(message(&body).contains("expired"));
    let (status_of_new, refreshed) = send(office.refresh("asana-secret", &office.tokens.refresh)).await;
    assert_eq!((status_of_new, &refreshed["refresh_token"]), (200, &Value::Null));
    assert_eq!(refreshed["expires_in"], 3600);
    let url = format!("{}/asana/api/1.0/users/me", office.world.running.url);
    assert_eq!(status(office.world.client.get(url).bearer_auth(text(&refreshed["access_token"]))).await, 200);
    assert_eq!(status(office.refresh("asana-secret", &office.tokens.refresh)).await, 200);
    let (refused, body) = send(office.refresh("wrong", &office.tokens.refresh)).await;
    assert_eq!((refused, &body["error"]), (401, &json!("invalid_client")));
    office.world.order_fault("asana", "revoke", json!({})).await;
    let (refused, body) = send(office.refresh("asana-secret", &office.tokens.refresh)).await;
    assert_eq!((refused, &body["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn refused_calls_count_against_the_limit_of_the_minute() {
    let office = Office::open_with(|config| config.asana_limits.per_minute = 2).await;
    for _ in 0..2 {
        assert_eq!(office.get("/users/me").await.0, 200);
    }
    office.world.advance(30).await;
    let refused = office.call(Method::GET, "/users/me").send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait: u32 = header(&refused, "retry-after").unwrap().parse().unwrap();
    assert!((29..=30).contains(&wait), "{wait}");
    office.world.advance(wait).await;
    assert_eq!(office.get("/users/me").await.0, 200);
    assert_eq!(office.get("/users/me").await.0, 429);
}

#[tokio::test]
async fn calls_at_once_are_limited_for_reads_and_writes_apart() {
    let office = Office::open_with(|config| config.asana_limits.concurrent_writes = 0).await;
    assert_eq!(office.get("/users/me").await.0, 200);
    assert_eq!(office.post("/projects", json!({"workspace": WORKSPACE, "name": "Deal"})).await.0, 429);
    office.world.order_fault("asana", "rate_limit", json!({"retry_after_s": 9})).await;
    let refused = office.call(Method::GET, "/users/me").send().await.unwrap();
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after").unwrap()), (429, "9".to_owned()));
}
