//! Supabase Auth as a server with the secret key meets it, and what an invited person does next.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod support;

use std::collections::HashMap;

use reqwest::{Method, RequestBuilder, redirect};
use serde_json::{Value, json};
use support::{World, header, send, text};

const KEY: &str = "sb_publishable_local";
const SECRET: &str = "sb_secret_local";
const EMAIL: &str = "grace@example.com";
const PAGE: &str = "http://dashboard.localhost:4566/welcome";

fn call(world: &World, key: &str, method: Method, path: &str) -> RequestBuilder {
    world.client.request(method, format!("{}/auth/v1{path}", world.running.url)).header("apikey", key)
}

fn as_server(world: &World, method: Method, path: &str) -> RequestBuilder {
    call(world, SECRET, method, path).bearer_auth(SECRET)
}

async fn invite(world: &World, email: &str) -> (u16, Value) {
    let request = as_server(world, Method::POST, "/invite").query(&[("redirect_to", PAGE)]);
    send(request.json(&json!({ "email": email, "data": { "tenant": "Acme" } }))).await
}

/// Opens the link of the newest mail, and gives the page and what its fragment tells.
async fn open_newest_link(world: &World) -> (String, HashMap<String, String>) {
    let mails = world.look("mails").await;
    let link = text(&mails.as_array().unwrap().last().unwrap()["link"]);
    open(&link).await
}

async fn open(link: &str) -> (String, HashMap<String, String>) {
    let browser = reqwest::Client::builder().redirect(redirect::Policy::none()).build().unwrap();
    let answer = browser.get(link).send().await.unwrap();
    let location = header(&answer, "location").unwrap();
    let (page, fragment) = location.split_once('#').unwrap();
    let told = form_urlencoded::parse(fragment.as_bytes()).into_owned().collect();
    (page.to_owned(), told)
}

async fn set_password(world: &World, token: &str, password: &str) -> (u16, Value) {
    let request = call(world, KEY, Method::PUT, "/user").bearer_auth(token);
    send(request.json(&json!({ "password": password }))).await
}

async fn sign_in(world: &World, password: &str) -> (u16, Value) {
    let credentials = json!({ "email": EMAIL, "password": password });
    send(call(world, KEY, Method::POST, "/token?grant_type=password").json(&credentials)).await
}

async fn refresh(world: &World, token: &str) -> (u16, Value) {
    let body = json!({ "refresh_token": token });
    send(call(world, KEY, Method::POST, "/token?grant_type=refresh_token").json(&body)).await
}

/// Somebody who was invited, came and chose a password.
async fn user(world: &World) -> (String, HashMap<String, String>) {
    let (_, user) = invite(world, EMAIL).await;
    let (_, told) = open_newest_link(world).await;
    assert_eq!(set_password(world, &told["access_token"], "correct horse").await.0, 200);
    (text(&user["id"]), told)
}

#[tokio::test]
async fn whoever_is_invited_comes_by_the_mail_sets_a_password_and_signs_in() {
    let world = World::start().await;
    let (status, user) = invite(&world, "Grace@Example.com").await;
    assert_eq!((status, &user["email"], &user["email_confirmed_at"]), (200, &json!(EMAIL), &Value::Null));
    assert_eq!(user["user_metadata"], json!({ "tenant": "Acme", "email_verified": false }));
    assert!(user["invited_at"].is_string());
    let mails = world.look("mails").await;
    assert_eq!((&mails[0]["to"], &mails[0]["subject"]), (&json!(EMAIL), &json!("You have been invited")));
    let start = format!("{}/auth/v1/verify?token=", world.running.url);
    let link = text(&mails[0]["link"]);
    assert!(
        link.starts_with(&start) && link.contains("&type=invite&redirect_to=http%3A%2F%2Fdash"),
        "{link}"
    );
    assert_eq!(sign_in(&world, "").await.1["error_code"], "invalid_credentials");

    // A link is good for what it was made for.
    let (_, told) = open(&link.replace("type=invite", "type=magiclink")).await;
    assert_eq!(told["error_code"], "otp_expired");
    let (page, told) = open_newest_link(&world).await;
    assert_eq!((page.as_str(), told["type"].as_str()), (PAGE, "invite"));
    assert_eq!(open_newest_link(&world).await.1["error_code"], "otp_expired");

    let (status, weak) = set_password(&world, &told["access_token"], "short").await;
    assert_eq!((status, &weak["error_code"]), (422, &json!("weak_password")));
    assert_eq!(weak["weak_password"], json!({ "reasons": ["length"] }));
    let (status, user) = set_password(&world, &told["access_token"], "correct horse").await;
    assert_eq!((status, &user["user_metadata"]["email_verified"]), (200, &json!(true)));
    let (status, same) = set_password(&world, &told["access_token"], "correct horse").await;
    assert_eq!((status, &same["error_code"]), (422, &json!("same_password")));
    assert_eq!(sign_in(&world, "correct horse").await.0, 200);
    assert_eq!(refresh(&world, &told["refresh_token"]).await.0, 200);
}

#[tokio::test]
async fn who_has_not_come_is_invited_anew_and_who_has_is_known() {
    let world = World::start().await;
    let (_, first) = invite(&world, EMAIL).await;
    let mails = world.look("mails").await;
    let (_, second) = invite(&world, EMAIL).await;
    assert_eq!(first["id"], second["id"]);
    // The newer link ends the one before.
    assert_eq!(open(&text(&mails[0]["link"])).await.1["error_code"], "otp_expired");
    assert_eq!(open_newest_link(&world).await.1["type"], "invite");
    let (status, refused) = invite(&world, EMAIL).await;
    assert_eq!((status, &refused["error_code"]), (422, &json!("email_exists")));
    assert_eq!(world.look("mails").await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_invitation_is_good_for_an_hour_and_is_no_sign_up() {
    let world = World::start().await;
    invite(&world, EMAIL).await;
    let otp = call(&world, KEY, Method::POST, "/otp").json(&json!({ "email": EMAIL, "create_user": false }));
    assert_eq!(send(otp).await.1["error_code"], "signup_disabled");
    world.advance(3600).await;
    assert_eq!(open_newest_link(&world).await.1["error_code"], "otp_expired");
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let world = World::start().await;
    let (_, told) = user(&world).await;
    let other = sign_in(&world, "correct horse").await.1;
    assert_eq!(set_password(&world, &told["access_token"], "another horse").await.0, 200);
    assert_eq!(refresh(&world, &text(&other["refresh_token"])).await.0, 400);
    assert_eq!(refresh(&world, &told["refresh_token"]).await.0, 200);
    assert_eq!(sign_in(&world, "correct horse").await.0, 400);
}

#[tokio::test]
async fn a_user_who_is_deleted_is_gone_with_his_sessions() {
    let world = World::start().await;
    let (id, told) = user(&world).await;
    let delete = |id: &str| send(as_server(&world, Method::DELETE, &format!("/admin/users/{id}")));
    assert_eq!(delete(&id).await, (200, json!({})));
    let show = call(&world, KEY, Method::GET, "/user").bearer_auth(&told["access_token"]);
    let (status, body) = send(show).await;
    assert_eq!((status, &body["error_code"]), (403, &json!("user_not_found")));
    assert_eq!(refresh(&world, &told["refresh_token"]).await.1["error_code"], "refresh_token_not_found");
    assert_eq!(sign_in(&world, "correct horse").await.0, 400);
    let (status, body) = delete(&id).await;
    assert_eq!((status, &body["error_code"]), (404, &json!("user_not_found")));
    assert_eq!(delete("me").await.0, 404);
    assert_eq!(invite(&world, EMAIL).await.0, 200);
}

#[tokio::test]
async fn only_the_secret_key_invites_and_deletes() {
    let world = World::start().await;
    let (id, told) = user(&world).await;
    let path = format!("/admin/users/{id}");
    for (method, path) in [(Method::POST, "/invite"), (Method::DELETE, &path)] {
        for (key, bearer, status, code) in [
            (KEY, None, 401, "no_authorization"),
            (KEY, Some(KEY), 403, "not_admin"),
            (KEY, Some(told["access_token"].as_str()), 403, "not_admin"),
            (SECRET, Some(told["access_token"].as_str()), 403, "not_admin"),
            (KEY, Some(SECRET), 403, "bad_jwt"),
            (KEY, Some("eyJ.e30.x"), 403, "bad_jwt"),
        ] {
            let mut request =
                call(&world, key, method.clone(), path).json(&json!({ "email": "a@b.example" }));
            if let Some(bearer) = bearer {
                request = request.bearer_auth(bearer);
            }
            let (answered, body) = send(request).await;
            assert_eq!((answered, &body["error_code"]), (status, &json!(code)), "{path}: {body}");
        }
        let blocked = call(&world, "sb_secret_other", method, path).bearer_auth("sb_secret_other");
        assert_eq!(send(blocked).await.0, 401);
    }
    assert_eq!(world.look("mails").await.as_array().unwrap().len(), 1);
    assert_eq!(sign_in(&world, "correct horse").await.0, 200);
}

#[tokio::test]
async fn an_address_that_is_none_is_not_invited() {
    let world = World::start().await;
    for email in ["", "grace", "@example.com", "grace@", "gr ace@example.com"] {
        let (status, body) = invite(&world, email).await;
        assert_eq!((status, &body["error_code"]), (400, &json!("validation_failed")), "{email}");
    }
    let token = "eyJ.e30.x";
    assert_eq!(set_password(&world, token, "correct horse").await.1["error_code"], "bad_jwt");
    let other_field =
        call(&world, KEY, Method::PUT, "/user").bearer_auth(&user(&world).await.1["access_token"]);
    let (status, body) = send(other_field.json(&json!({ "email": "x@example.com" }))).await;
    assert_eq!((status, &body["error_code"]), (400, &json!("bad_json")));
}
