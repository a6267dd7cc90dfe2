//! Supabase Auth as a page in a browser meets it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod support;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Method, RequestBuilder, Response, redirect};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use support::{World, header, send, text};

const KEY: &str = "sb_publishable_local";
const USER: &str = "7b7ad1ec-7a6c-4d32-8b2a-4a7c1c6b0a11";
const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse";

/// A call with the key that pages carry.
fn call(world: &World, method: Method, path: &str) -> RequestBuilder {
    bare(world, method, path).header("apikey", KEY)
}

fn bare(world: &World, method: Method, path: &str) -> RequestBuilder {
    world.client.request(method, format!("{}/auth/v1{path}", world.running.url))
}

async fn world_with_user() -> World {
    let world = World::start().await;
    let user = json!({ "id": USER, "email": EMAIL, "password": PASSWORD });
    assert_eq!(world.seed("auth", "user", user).await["email"], EMAIL);
    world
}

async fn sign_in(world: &World, password: &str) -> (u16, Value) {
    let credentials = json!({ "email": EMAIL, "password": password });
    send(call(world, Method::POST, "/token?grant_type=password").json(&credentials)).await
}

async fn refresh(world: &World, token: &str) -> (u16, Value) {
    let body = json!({ "refresh_token": token });
    send(call(world, Method::POST, "/token?grant_type=refresh_token").json(&body)).await
}

async fn ask_for_link(world: &World, body: Value, redirect_to: &str) -> (u16, Value) {
    let request = call(world, Method::POST, "/otp").query(&[("redirect_to", redirect_to)]);
    send(request.json(&body)).await
}

/// Opens the newest mail's link as a browser does, and gives where it leads.
async fn open_newest_link(world: &World) -> String {
    let mails = world.look("mails").await;
    let link = text(&mails.as_array().unwrap().last().unwrap()["link"]);
    let client = reqwest::Client::builder().redirect(redirect::Policy::none()).build().unwrap();
    let answer: Response = client.get(link).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    header(&answer, "location").unwrap()
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn a_password_gives_a_session_whose_token_the_jwks_verifies() {
    let world = world_with_user().await;
    let (status, session) = sign_in(&world, PASSWORD).await;
    assert_eq!(
        (status, &session["token_type"], &session["expires_in"]),
        (200, &json!("bearer"), &json!(3600))
    );
    assert_eq!(session["user"]["id"], USER);
    let token = text(&session["access_token"]);
    let claims = claims(&token);
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!(USER), &json!("authenticated")));
    assert_eq!(claims["iss"], format!("{}/auth/v1", world.running.url));
    assert_eq!(claims["exp"].as_i64().unwrap(), claims["iat"].as_i64().unwrap() + 3600);

    // No key is needed for this one.
    let (_, jwks) = send(bare(&world, Method::GET, "/.well-known/jwks.json")).await;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let coordinate = |name: &str| decode(&text(&jwks["keys"][0][name]));
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    key.verify(signed.as_bytes(), &decode(signature)).unwrap();
    let header: Value = serde_json::from_slice(&decode(token.split('.').next().unwrap())).unwrap();
    assert_eq!((&header["alg"], &header["kid"]), (&json!("ES256"), &jwks["keys"][0]["kid"]));
}

#[tokio::test]
async fn refusals_are_worded_as_supabase_words_them() {
    let world = world_with_user().await;
    let refused = (
        400,
        json!({ "code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials" }),
    );
    assert_eq!(sign_in(&world, "wrong").await, refused);
    let stranger = json!({ "email": "nobody@example.com", "password": PASSWORD });
    assert_eq!(send(call(&world, Method::POST, "/token?grant_type=password").json(&stranger)).await, refused);
    for (request, status, code) in [
        (call(&world, Method::POST, "/token?grant_type=password").json(&json!({})), 400, "validation_failed"),
        (call(&world, Method::POST, "/token?grant_type=password").body("{"), 400, "bad_json"),
        (call(&world, Method::POST, "/token?grant_type=pkce").json(&json!({})), 400, "invalid_credentials"),
        (call(&world, Method::GET, "/user"), 401, "no_authorization"),
        (call(&world, Method::GET, "/user").bearer_auth("eyJ.e30.x"), 403, "bad_jwt"),
        (
            call(&world, Method::POST, "/logout?scope=planet").bearer_auth("eyJ.e30.x"),
            400,
            "validation_failed",
        ),
        (call(&world, Method::POST, "/otp").json(&json!({ "email": "nobody" })), 400, "validation_failed"),
    ] {
        let (answered, body) = send(request).await;
        assert_eq!(
            (answered, &body["error_code"], &body["code"]),
            (status, &json!(code), &json!(status)),
            "{body}"
        );
    }
    let (status, body) = refresh(&world, "").await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
    assert_eq!(refresh(&world, "unknown").await.1["error_code"], "refresh_token_not_found");
}

#[tokio::test]
async fn without_the_projects_key_nobody_gets_in() {
    let world = world_with_user().await;
    let (status, body) = send(bare(&world, Method::POST, "/token?grant_type=password")).await;
    assert_eq!((status, &body["message"]), (401, &json!("No API key found in request")));
    let (status, body) = send(bare(&world, Method::GET, "/user").header("apikey", "another")).await;
    assert_eq!((status, &body["message"]), (401, &json!("Invalid API key")));
}

#[tokio::test]
async fn a_refresh_rotates_and_a_lost_answer_can_be_asked_for_again() {
    let world = world_with_user().await;
    let first = text(&sign_in(&world, PASSWORD).await.1["refresh_token"]);
    let second = text(&refresh(&world, &first).await.1["refresh_token"]);
    assert_ne!(first, second);
    world.advance(3600).await;
    assert_eq!(text(&refresh(&world, &first).await.1["refresh_token"]), second);
    assert_eq!(refresh(&world, &second).await.0, 200);
}

#[tokio::test]
async fn a_refresh_token_that_was_used_long_ago_ends_its_session() {
    let world = world_with_user().await;
    let first = text(&sign_in(&world, PASSWORD).await.1["refresh_token"]);
    let second = text(&refresh(&world, &first).await.1["refresh_token"]);
    let third = text(&refresh(&world, &second).await.1["refresh_token"]);
    // Within ten seconds two tabs may do the same.
    let fourth = text(&refresh(&world, &first).await.1["refresh_token"]);
    assert_ne!(third, fourth);
    world.advance(11).await;
    assert_eq!(refresh(&world, &second).await.1["error_code"], "refresh_token_already_used");
    assert_eq!(refresh(&world, &fourth).await.1["error_code"], "refresh_token_already_used");
}

#[tokio::test]
async fn a_mailed_link_signs_in_once_and_tells_the_page_in_the_fragment() {
    let world = world_with_user().await;
    let asked = json!({ "email": "Ada@Example.com", "create_user": false });
    assert_eq!(
        ask_for_link(&world, asked.clone(), "http://abc.execute-api.localhost:4566/?tenant=x").await,
        (200, json!({}))
    );
    let mails = world.look("mails").await;
    assert_eq!((&mails[0]["to"], &mails[0]["subject"]), (&json!(EMAIL), &json!("Your Magic Link")));

    let location = open_newest_link(&world).await;
    let (page, fragment) = location.split_once('#').unwrap();
    assert_eq!(page, "http://abc.execute-api.localhost:4566/?tenant=x");
    let field = |name: &str| {
        let pair = fragment.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        pair.unwrap_or_else(|| panic!("{name} is not in {fragment}")).to_owned()
    };
    assert_eq!(
        (field("type"), field("token_type"), field("expires_in")),
        ("magiclink".into(), "bearer".into(), "3600".into())
    );
    assert_eq!(claims(&field("access_token"))["amr"][0]["method"], "otp");
    assert_eq!(refresh(&world, &field("refresh_token")).await.0, 200);

    let again = open_newest_link(&world).await;
    assert!(again.contains("#error=access_denied&error_code=otp_expired"), "{again}");
    let (status, body) = ask_for_link(&world, asked.clone(), "http://127.0.0.1/").await;
    assert_eq!((status, &body["error_code"]), (429, &json!("over_email_send_rate_limit")));
    world.advance(60).await;
    assert_eq!(ask_for_link(&world, asked, "http://127.0.0.1/").await.0, 200);
    world.advance(3600).await;
    assert!(open_newest_link(&world).await.contains("error_code=otp_expired"));
}

#[tokio::test]
async fn a_link_leads_to_no_page_outside_this_machine() {
    let world = world_with_user().await;
    for target in [
        "https://evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.1@evil.example/",
        "http://x:1@evil.example/",
        "http://evil.example/.localhost",
        "http://a.localhost\\evil.example/",
        "http://127.0.0.1/#x",
    ] {
        assert_eq!(ask_for_link(&world, json!({ "email": EMAIL }), target).await.0, 200);
        assert!(open_newest_link(&world).await.starts_with(&format!("{}#", world.running.url)), "{target}");
        world.advance(60).await;
    }
}

#[tokio::test]
async fn nobody_signs_up() {
    let world = world_with_user().await;
    let ask = async |create: bool| {
        let body = json!({ "email": "new@example.com", "create_user": create });
        let (status, body) = ask_for_link(&world, body, "http://127.0.0.1/").await;
        (status, text(&body["error_code"]))
    };
    assert_eq!(ask(false).await, (422, "otp_disabled".to_owned()));
    assert_eq!(ask(true).await, (422, "signup_disabled".to_owned()));
    assert_eq!(world.look("mails").await, json!([]));
}

#[tokio::test]
async fn a_sign_out_ends_the_sessions_that_it_names() {
    let world = world_with_user().await;
    for (scope, own, others) in
        [("local", false, true), ("others", true, false), ("global", false, false), ("", false, false)]
    {
        let (mine, other) = (sign_in(&world, PASSWORD).await.1, sign_in(&world, PASSWORD).await.1);
        let request = call(&world, Method::POST, "/logout").query(&[("scope", scope)]);
        assert_eq!(send(request.bearer_auth(text(&mine["access_token"]))).await.0, 204);
        for (session, goes_on) in [(&mine, own), (&other, others)] {
            let user = call(&world, Method::GET, "/user").bearer_auth(text(&session["access_token"]));
            let (status, body) = send(user).await;
            let expected = if goes_on { (200, &json!(EMAIL)) } else { (403, &Value::Null) };
            assert_eq!((status, &body["email"]), expected, "{scope}: {body}");
            assert_eq!(refresh(&world, &text(&session["refresh_token"])).await.0 == 200, goes_on, "{scope}");
        }
    }
}

#[tokio::test]
async fn pages_of_any_origin_may_call_and_read() {
    let world = world_with_user().await;
    let preflight = bare(&world, Method::OPTIONS, "/token?grant_type=password");
    let answer = preflight.header("origin", "http://127.0.0.1:4566").send().await.unwrap();
    assert_eq!(answer.status(), 204);
    assert!(header(&answer, "access-control-allow-headers").unwrap().contains("apikey"));
    let refused = call(&world, Method::POST, "/token?grant_type=password").body("{").send().await.unwrap();
    assert_eq!(header(&refused, "access-control-allow-origin").unwrap(), "*");
}

#[tokio::test]
async fn faults_are_worded_as_supabase_words_them_and_the_key_can_be_blocked() {
    let world = world_with_user().await;
    world.order_fault("auth", "status", json!({})).await;
    let (status, body) = sign_in(&world, PASSWORD).await;
    assert_eq!((status, &body["error_code"]), (500, &json!("unexpected_failure")));
    world.order_fault("auth", "rate_limit", json!({})).await;
    assert_eq!(sign_in(&world, PASSWORD).await.1["error_code"], "over_request_rate_limit");
    world.order_fault("auth", "revoke", json!({})).await;
    assert_eq!(sign_in(&world, PASSWORD).await.0, 401);
    for (route, order) in [
        ("faults", json!({ "provider": "auth", "fault": "expire" })),
        ("grant", json!({ "provider": "auth", "accounts": ["project"] })),
        ("seed", json!({ "provider": "auth", "kind": "role", "record": {} })),
        (
            "seed",
            json!({ "provider": "auth", "kind": "user", "record":
            { "id": "7b7ad1ec-7a6c-4d32-8b2a-4a7c1c6b0a12", "email": "ADA@example.com", "password": "x" } }),
        ),
    ] {
        let refused = world.post_control(route, order).await;
        assert_eq!(refused.status(), 400, "{route}");
        assert!(!text(&refused.json::<Value>().await.unwrap()["error"]).is_empty());
    }
}

#[tokio::test]
async fn a_reset_keeps_users_and_sessions_and_forgets_mails() {
    let world = world_with_user().await;
    let session = sign_in(&world, PASSWORD).await.1;
    assert_eq!(ask_for_link(&world, json!({ "email": EMAIL }), "http://127.0.0.1/").await.0, 200);
    world.post_control("reset", json!({})).await;
    assert_eq!(world.look("mails").await, json!([]));
    assert_eq!(refresh(&world, &text(&session["refresh_token"])).await.0, 200);
    assert_eq!(sign_in(&world, PASSWORD).await.0, 200);
}
