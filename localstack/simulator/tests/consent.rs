//! The pages on which an owner lets the app in, and the codes that they give.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod browser;
mod support;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use browser::{ASANA, CALLBACK, CHALLENGE, DOORS, Door, HUBSPOT, SHOPIFY, VERIFIER, XERO, browser};
use ring::hmac;
use serde_json::{Value, json};
use support::{ORGANISATION, OTHER_ORGANISATION, PORTAL, SHOP, WORKSPACE, World, header, send, status, text};

/// The account that the owner chooses on this page, where he has a choice.
fn choice(door: &Door) -> Option<String> {
    match door.provider {
        "xero" => Some(ORGANISATION.to_string()),
        "hubspot" => Some(PORTAL.to_string()),
        _ => None,
    }
}

async fn code(world: &World, door: &Door) -> String {
    let choice = choice(door);
    let accounts: Vec<&str> = choice.iter().map(String::as_str).collect();
    door.allow(world, &[], &accounts).await.code().to_owned()
}

async fn page(world: &World, door: &Door, changes: &[(&str, &str)]) -> (u16, String) {
    let response = browser().get(door.address(world, changes)).send().await.unwrap();
    assert_eq!(header(&response, "content-type").unwrap(), "text/html; charset=utf-8");
    assert!(header(&response, "content-security-policy").unwrap().starts_with("default-src 'none'"));
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn seed(world: &World, provider: &str, kind: &str, field: &str, id: &str, name: &str) {
    world.seed(provider, kind, json!({ field: id, "name": name })).await;
}

#[tokio::test]
async fn a_page_says_who_asks_for_what_and_offers_the_owners_accounts() {
    let world = World::start().await;
    seed(&world, "xero", "organisation", "id", &OTHER_ORGANISATION.to_string(), "Grün & Co").await;
    let (status, html) = page(&world, &XERO, &[]).await;
    assert_eq!(status, 200);
    for part in [
        "<strong>xero-app</strong>",
        "<li>offline_access</li><li>accounting.invoices</li>",
        "<form method=\"post\">",
        "<legend>Select organisations</legend>",
        &format!(
            "<label><input type=\"checkbox\" name=\"account\" value=\"{OTHER_ORGANISATION}\" checked> Grün &amp; Co</label>"
        ),
        ">Allow access</button>",
        ">Cancel</button>",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert_eq!(html.matches("type=\"checkbox\"").count(), 2);
    assert!(!html.contains("<script"));
    assert_eq!(page(&world, &HUBSPOT, &[]).await.1.matches("type=\"radio\"").count(), 1);
    assert!(page(&world, &SHOPIFY, &[]).await.1.contains(">Install app</button>"));
    assert!(page(&world, &ASANA, &[]).await.1.contains("<li>Demo workspace (simulated)</li>"));
}

#[tokio::test]
async fn nothing_that_others_write_becomes_markup() {
    let world = World::start().await;
    let evil = "\"'><script>alert(1)</script>&";
    seed(&world, "hubspot", "portal", "id", "7", evil).await;
    let (_, html) = page(&world, &HUBSPOT, &[("scope", evil)]).await;
    let escaped = "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;";
    assert_eq!(html.matches(escaped).count(), 2, "{html}");
    assert!(!html.contains("<script"));
}

#[tokio::test]
async fn a_request_that_is_not_the_apps_own_gets_a_page_and_no_redirect() {
    let world = World::start().await;
    for door in DOORS {
        let mut cases = vec![
            ("client_id", "another-app"),
            ("client_id", ""),
            ("redirect_uri", "https://evil.example/oauth/callback"),
            ("redirect_uri", "http://127.0.0.1.evil.example/"),
            ("redirect_uri", "http://127.0.0.1@evil.example/"),
            ("redirect_uri", "javascript:alert(1)"),
            ("redirect_uri", "http://127.0.0.1/#x"),
            ("redirect_uri", ""),
            ("state", ""),
            ("scope", ""),
            ("scope", " , "),
        ];
        if ["xero", "asana"].contains(&door.provider) {
            cases.extend([("response_type", ""), ("response_type", "token")]);
        }
        for case in cases {
            if case.1 == " , " && door.provider != "shopify" {
                continue;
            }
            let (status, html) = page(&world, door, &[case]).await;
            assert_eq!(status, 400, "{}: {case:?}", door.provider);
            assert!(html.contains("role=\"alert\""));
            let answer = door.answer(&world, &[case], &[("answer", "allow")]).await;
            assert_eq!((answer.status().as_u16(), header(&answer, "location")), (400, None));
        }
    }
    for challenge in [
        &[("code_challenge", CHALLENGE)][..],
        &[("code_challenge", CHALLENGE), ("code_challenge_method", "plain")],
        &[("code_challenge", "short"), ("code_challenge_method", "S256")],
    ] {
        assert_eq!(page(&world, &ASANA, challenge).await.0, 400);
    }
    let other_shop = Door { page: "/shopify/other-shop.myshopify.com/admin/oauth/authorize", ..SHOPIFY };
    assert_eq!(page(&world, &other_shop, &[]).await.0, 404);
}

#[tokio::test]
async fn a_no_goes_back_as_access_denied_and_stays_at_shopify() {
    let world = World::start().await;
    for door in [&XERO, &HUBSPOT, &ASANA] {
        let answer = door.answer(&world, &[], &[("answer", "cancel")]).await;
        assert_eq!(answer.status(), 303);
        let location = header(&answer, "location").unwrap();
        assert!(location.starts_with(&format!("{CALLBACK}?error=access_denied&")), "{location}");
        assert!(location.ends_with("&state=nonce+1%262") && !location.contains("code="), "{location}");
    }
    let answer = SHOPIFY.answer(&world, &[], &[("answer", "cancel")]).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "location")), (200, None));
    assert!(answer.text().await.unwrap().contains("The app was not installed"));
}

#[tokio::test]
async fn an_answer_that_chooses_nothing_or_what_is_not_there_goes_nowhere() {
    let world = World::start().await;
    seed(&world, "hubspot", "portal", "id", "7", "Second portal").await;
    let portal = PORTAL.to_string();
    for (door, form) in [
        (&XERO, &[("answer", "allow")][..]),
        (&XERO, &[("answer", "allow"), ("account", "0f6b1a3c-58a4-4c1f-9d2b-6f0f8f6f1c11")]),
        (&HUBSPOT, &[("answer", "allow"), ("account", "8")]),
        (&HUBSPOT, &[("answer", "allow"), ("account", &portal), ("account", "7")]),
        (&ASANA, &[]),
        (&ASANA, &[("answer", "perhaps")]),
    ] {
        let answer = door.answer(&world, &[], form).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "location")), (400, None), "{form:?}");
    }
}

#[tokio::test]
async fn xero_lets_the_app_into_the_organisations_that_were_checked() {
    let world = World::start().await;
    let other = OTHER_ORGANISATION.to_string();
    seed(&world, "xero", "organisation", "id", &other, "Second Ltd").await;
    let landing = XERO.allow(&world, &[], &[&ORGANISATION.to_string(), &other]).await;
    assert!(landing.url.as_str().starts_with(&format!("{CALLBACK}?code=")));
    assert_eq!(landing.parameters["state"], "nonce 1&2");
    let (status_of_trade, tokens) = XERO.trade(&world, landing.code(), &[]).await;
    assert_eq!(
        (status_of_trade, &tokens["expires_in"], &tokens["token_type"], &tokens["scope"]),
        (200, &json!(1800), &json!("Bearer"), &json!("offline_access accounting.invoices"))
    );
    let token = text(&tokens["access_token"]);
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let event = text(&claims["authentication_event_id"]);
    let connections = |query: String| {
        send(world.client.get(format!("{}/xero/connections{query}", world.running.url)).bearer_auth(&token))
    };
    let (_, listed) = connections(format!("?authEventId={event}")).await;
    let names: Vec<&Value> = listed.as_array().unwrap().iter().map(|it| &it["tenantName"]).collect();
    assert_eq!(names, ["Demo Company (simulated)", "Second Ltd"]);
    assert_eq!(listed[1]["tenantId"], json!(other));
    assert_eq!(connections(format!("?authEventId={ORGANISATION}")).await.1, json!([]));
    assert_eq!(world.refresh_xero(&text(&tokens["refresh_token"])).await.status(), 200);
}

#[tokio::test]
async fn xero_gives_no_refresh_token_without_offline_access() {
    let world = World::start().await;
    let scope = [("scope", "accounting.invoices")];
    let landing = XERO.allow(&world, &scope, &[&ORGANISATION.to_string()]).await;
    let (status, tokens) = XERO.trade(&world, landing.code(), &[]).await;
    assert_eq!((status, tokens.get("refresh_token")), (200, None));
}

#[tokio::test]
async fn hubspot_names_the_portal_and_its_scopes_and_tells_more_when_asked() {
    let world = World::start().await;
    seed(&world, "hubspot", "portal", "id", "7", "second.example.com").await;
    let landing = HUBSPOT.allow(&world, &[], &["7"]).await;
    let (status, tokens) = HUBSPOT.trade(&world, landing.code(), &[]).await;
    assert_eq!((status, &tokens["hub_id"], &tokens["expires_in"]), (200, &json!(7), &json!(1800)));
    assert_eq!(tokens["scopes"], json!(["crm.objects.contacts.read", "oauth"]));
    let introspect = |secret: &'static str, token: Value, hint: &'static str| {
        let url = format!("{}/hubspot/oauth/2026-03/token/introspect", world.running.url);
        let form = [
            ("client_id", "hubspot-app".to_owned()),
            ("client_secret", secret.to_owned()),
            ("token", text(&token)),
            ("token_type_hint", hint.to_owned()),
        ];
        send(world.client.post(url).form(&form))
    };
    let (_, told) = introspect("hubspot-secret", tokens["access_token"].clone(), "access_token").await;
    assert_eq!(
        (&told["active"], &told["hub_id"], &told["hub_domain"], &told["token_use"]),
        (&json!(true), &json!(7), &json!("second.example.com"), &json!("access_token"))
    );
    let seconds_left = told["expires_in"].as_i64().unwrap();
    assert!((1790..=1800).contains(&seconds_left));
    let (_, told) = introspect("hubspot-secret", tokens["refresh_token"].clone(), "refresh_token").await;
    assert_eq!((&told["hub_id"], &told["token_use"]), (&json!(7), &json!("refresh_token")));
    let unknown = introspect("hubspot-secret", json!("unknown"), "access_token").await;
    assert_eq!(unknown, (200, json!({ "active": false })));
    assert_eq!(introspect("wrong", tokens["access_token"].clone(), "access_token").await.0, 401);
}

#[tokio::test]
async fn shopify_signs_what_comes_back_and_its_token_ends_only_where_that_was_asked_for() {
    let world = World::start().await;
    let callback = [("redirect_uri", "http://127.0.0.1:4566/oauth/shopify/callback?a-b=1&a=x%20y%2B*~")];
    let landing = SHOPIFY.allow(&world, &callback, &[]).await;
    // The names sorted, and the values as RFC 3986 has them but for `*`, which forms leave alone.
    let expected = format!(
        "a=x%20y%2B*%7E&a-b=1&code={}&host={}&shop={SHOP}&state=nonce%201%262&timestamp={}",
        landing.code(),
        landing.parameters["host"],
        landing.parameters["timestamp"],
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"shopify-secret");
    let mac = hmac::sign(&key, expected.as_bytes());
    assert_eq!(landing.parameters["hmac"], hex::encode(mac.as_ref()));
    assert_eq!(landing.parameters["shop"], SHOP);
    let age = jiff::Timestamp::now().as_second() - landing.parameters["timestamp"].parse::<i64>().unwrap();
    assert!((0..10).contains(&age));

    let (status, tokens) = SHOPIFY.trade(&world, landing.code(), &[("expiring", "1")]).await;
    assert_eq!((status, &tokens["scope"]), (200, &json!("read_orders,read_customers")));
    assert_eq!(
        (&tokens["expires_in"], &tokens["refresh_token_expires_in"]),
        (&json!(3600), &json!(7_776_000))
    );
    assert!(text(&tokens["refresh_token"]).starts_with("shprt_"));

    let code = code(&world, &SHOPIFY).await;
    let (_, tokens) = SHOPIFY.trade(&world, &code, &[]).await;
    assert_eq!((tokens.get("refresh_token"), tokens.get("expires_in")), (None, None));
    world.advance(400 * 24 * 3600).await;
    let ask = world
        .client
        .post(format!("{}/shopify/{SHOP}/admin/api/2026-07/graphql.json", world.running.url))
        .header("x-shopify-access-token", text(&tokens["access_token"]))
        .json(&json!({ "query": "{ shop { name myshopifyDomain } }" }));
    let (_, shop) = send(ask).await;
    let expected = json!({ "name": "Demo shop (simulated)", "myshopifyDomain": SHOP });
    assert_eq!(shop["data"]["shop"], expected);
}

#[tokio::test]
async fn a_code_of_one_shop_is_none_of_another() {
    let world = World::start().await;
    seed(&world, "shopify", "shop", "domain", "other-shop.myshopify.com", "Other").await;
    let other = Door { page: "/shopify/other-shop.myshopify.com/admin/oauth/authorize", ..SHOPIFY };
    let landing = other.allow(&world, &[], &[]).await;
    assert_eq!(landing.parameters["shop"], "other-shop.myshopify.com");
    let (status, body) = SHOPIFY.trade(&world, landing.code(), &[("expiring", "1")]).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
}

#[tokio::test]
async fn asana_lets_the_app_into_all_workspaces_and_gives_the_refresh_token_once() {
    let world = World::start().await;
    seed(&world, "asana", "workspace", "gid", "1200000000000777", "Second office").await;
    let pkce = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let landing = ASANA.allow(&world, &pkce, &[]).await;
    let (status_of_trade, tokens) = ASANA.trade(&world, landing.code(), &[("code_verifier", VERIFIER)]).await;
    assert_eq!((status_of_trade, &tokens["expires_in"]), (200, &json!(3600)));
    assert_eq!(tokens["data"]["gid"], tokens["data"]["id"]);
    let refresh_token = text(&tokens["refresh_token"]);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
    let (_, refreshed) = ASANA.trade(&world, "", &refresh).await;
    assert_eq!(refreshed.get("refresh_token"), None);
    let token = text(&refreshed["access_token"]);
    let call = |method: reqwest::Method, path: &str| {
        let url = format!("{}/asana/api/1.0{path}", world.running.url);
        world.client.request(method, url).bearer_auth(&token)
    };
    let get = |path: &str| send(call(reqwest::Method::GET, path));
    let (_, first) = get("/workspaces?limit=1&opt_fields=name").await;
    assert_eq!(first["data"], json!([{ "gid": WORKSPACE, "name": "Demo workspace (simulated)" }]));
    let next = text(&first["next_page"]["path"]);
    let (_, second) = get(&next).await;
    assert_eq!(second["data"], json!([{ "gid": "1200000000000777", "name": "Second office" }]));
    assert_eq!(get("/users/me").await.1["data"]["workspaces"].as_array().unwrap().len(), 2);

    // What is made in one workspace is there and nowhere else.
    let mut gids = Vec::new();
    for workspace in [WORKSPACE, "1200000000000777"] {
        let project = json!({ "data": { "workspace": workspace, "name": "Project" } });
        let (status, made) = send(call(reqwest::Method::POST, "/projects").json(&project)).await;
        assert_eq!((status, &made["data"]["workspace"]["gid"]), (201, &json!(workspace)));
        gids.push(text(&made["data"]["gid"]));
        let (_, listed) = get(&format!("/projects?workspace={workspace}")).await;
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    }
    assert_ne!(gids[0], gids[1]);
    let task = json!({ "data": { "name": "Task", "projects": [gids[1]], "external": { "gid": "key" } } });
    assert_eq!(status(call(reqwest::Method::POST, "/tasks").json(&task)).await, 201);
    let (_, found) = get("/tasks/external:key").await;
    assert_eq!(found["data"]["workspace"]["name"], "Second office");
    assert_eq!(world.effects("asana").await[2]["account"], "1200000000000777");
    assert_eq!(get("/tasks/1").await.0, 404);
}

/// What a token endpoint says to a code that is not good.
fn refused(door: &Door) -> (u16, &'static str) {
    if door.provider == "shopify" { (400, "invalid_request") } else { (400, "invalid_grant") }
}

fn outcome((status, body): (u16, Value)) -> (u16, String) {
    (status, body["error"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_code_works_once_and_for_five_minutes() {
    let world = World::start().await;
    for door in DOORS {
        let (status_of_refusal, error) = refused(door);
        let refused = (status_of_refusal, error.to_owned());
        let used = code(&world, door).await;
        assert_eq!(door.trade(&world, &used, &[]).await.0, 200, "{}", door.provider);
        assert_eq!(outcome(door.trade(&world, &used, &[]).await), refused);
        assert_eq!(outcome(door.trade(&world, "unknown", &[]).await), refused);
        let old = code(&world, door).await;
        world.advance(5 * 60).await;
        assert_eq!(outcome(door.trade(&world, &old, &[]).await), refused);
        let in_time = code(&world, door).await;
        world.advance(5 * 60 - 10).await;
        assert_eq!(door.trade(&world, &in_time, &[]).await.0, 200);
    }
}

#[tokio::test]
async fn a_code_is_bound_to_its_provider_and_its_redirect_uri() {
    let world = World::start().await;
    for door in [&XERO, &HUBSPOT, &ASANA] {
        let bound = code(&world, door).await;
        let slash = format!("{CALLBACK}/");
        let (status, body) = door.trade(&world, &bound, &[("redirect_uri", &slash)]).await;
        assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
        // One attempt is all that a code has.
        assert_eq!(door.trade(&world, &bound, &[]).await.0, 400);
    }
    let foreign = code(&world, &XERO).await;
    let (status, body) = HUBSPOT.trade(&world, &foreign, &[]).await;
    assert_eq!((status, &body["status"]), (400, &json!("BAD_AUTH_CODE")));
}

#[tokio::test]
async fn a_code_that_was_asked_for_with_a_challenge_wants_its_verifier() {
    let world = World::start().await;
    let pkce = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let wrong = VERIFIER.replace('d', "e");
    for (challenge, verifier, expected) in [
        (&pkce[..], &[("code_verifier", VERIFIER)][..], 200),
        (&pkce, &[("code_verifier", &wrong)], 400),
        (&pkce, &[], 400),
        (&[], &[("code_verifier", VERIFIER)], 400),
    ] {
        let landing = ASANA.allow(&world, challenge, &[]).await;
        let (status, body) = ASANA.trade(&world, landing.code(), verifier).await;
        assert_eq!(status, expected, "{body}");
        assert!(status == 200 || body["error"] == "invalid_grant");
    }
}

#[tokio::test]
async fn a_wrong_secret_leaves_the_code_good() {
    let world = World::start().await;
    for door in DOORS {
        let code = code(&world, door).await;
        let thief = Door { secret: "wrong", ..*door };
        let (status, body) = thief.trade(&world, &code, &[]).await;
        assert_eq!((status, &body["error"]), (401, &json!("invalid_client")));
        assert_eq!(door.trade(&world, &code, &[]).await.0, 200);
    }
}

#[tokio::test]
async fn an_account_is_seeded_by_its_name_and_outlives_a_reset() {
    let world = World::start().await;
    for (provider, kind, record) in [
        ("xero", "organisation", json!({ "id": "demo", "name": "A" })),
        ("xero", "organisation", json!({ "id": ORGANISATION })),
        ("hubspot", "portal", json!({ "id": "x", "name": "A" })),
        ("shopify", "shop", json!({ "domain": "shop.example.com", "name": "A" })),
        ("asana", "workspace", json!({ "gid": "1", "name": "" })),
        ("asana", "organisation", json!({ "gid": "1", "name": "A" })),
    ] {
        let order = json!({ "provider": provider, "kind": kind, "record": record });
        assert_eq!(world.post_control("seed", order.clone()).await.status(), 400, "{order}");
    }
    world.seed("hubspot", "portal", json!({ "id": PORTAL, "name": "Renamed" })).await;
    world.control("reset", Value::Null).await;
    let (_, html) = page(&world, &HUBSPOT, &[]).await;
    assert!(html.contains("> Renamed</label>") && html.matches("<label>").count() == 1, "{html}");
}
