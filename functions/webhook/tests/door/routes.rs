//! Every route against everything that can be wrong with a request to it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use lambda_http::{
    Body, Response,
    http::{Method, StatusCode},
};
use serde_json::json;
use zixly_domain::{JobStatus, Provider, Role, TenantId, Workflow};
use zixly_webhook::routes::Route;

use crate::{
    contract::{self, assert_problem},
    scene::{
        BASE_URL, Delivery, Door, SHOPIFY_SECRET, asana_task, hubspot_deal, json_of, mac, shopify_order,
        sign, xero_invoices,
    },
    triggers::{generic, sweep},
};

const SHOP: &str = "corner.myshopify.com";

/// What can be wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    Nothing,
    NoCredentials,
    GarbageCredentials,
    /// An API key that was revoked, a signature with a key that is no longer ours, a token that has expired.
    RevokedCredentials,
    /// The token of a user who may only read.
    Viewer,
    /// A good API key, of a tenant whose the thing in the path is not; or the other's endpoint.
    OtherTenant,
    MalformedBody,
    OversizedBody,
    WrongMethod,
    UnknownSubPath,
}

const FLAWS: [Flaw; 10] = [
    Flaw::Nothing,
    Flaw::NoCredentials,
    Flaw::GarbageCredentials,
    Flaw::RevokedCredentials,
    Flaw::Viewer,
    Flaw::OtherTenant,
    Flaw::MalformedBody,
    Flaw::OversizedBody,
    Flaw::WrongMethod,
    Flaw::UnknownSubPath,
];

/// The status of the answer. Whoever adds a route or a flaw has to say here what is to become of it.
fn expected(route: Route, flaw: Flaw) -> u16 {
    use Flaw::{
        GarbageCredentials, MalformedBody, NoCredentials, Nothing, OtherTenant, OversizedBody,
        RevokedCredentials, UnknownSubPath, Viewer, WrongMethod,
    };
    match (route, flaw) {
        (_, WrongMethod) => 405,
        (_, UnknownSubPath) => 404,

        // Whoever signs need not be anybody's user, and what he signs is taken whatever it says.
        (Route::Delivery(_) | Route::EndpointDelivery(_), Nothing | Viewer | MalformedBody) => 200,
        (Route::Delivery(_), OtherTenant) => 200,
        (Route::EndpointDelivery(_), OtherTenant) => 401,
        (
            Route::Delivery(_) | Route::EndpointDelivery(_),
            NoCredentials | GarbageCredentials | RevokedCredentials,
        ) => 401,
        (Route::Delivery(_) | Route::EndpointDelivery(_), OversizedBody) => 413,

        (Route::SweepCallback, Nothing) => 202,
        (Route::SweepCallback, NoCredentials | GarbageCredentials | Viewer | OtherTenant) => 401,
        (Route::SweepCallback, RevokedCredentials) => 410,
        (Route::TradingSweep | Route::GenericJob, Nothing | OtherTenant) => 202,
        (Route::DryRun, Nothing) => 202,
        // It names an event.
        (Route::DryRun, OtherTenant) => 404,
        (Route::TradingSweep | Route::GenericJob | Route::DryRun | Route::SweepCallback, MalformedBody) => {
            400
        }
        (Route::TradingSweep | Route::GenericJob | Route::DryRun | Route::SweepCallback, OversizedBody) => {
            413
        }

        (Route::JobStatus, Nothing | Viewer | MalformedBody | OversizedBody) => 200,
        (
            Route::CancelJob | Route::RetryJob | Route::ReplayDelivery,
            Nothing | MalformedBody | OversizedBody,
        ) => 202,
        (Route::JobStatus | Route::CancelJob | Route::RetryJob | Route::ReplayDelivery, OtherTenant) => 404,
        (
            Route::TradingSweep
            | Route::GenericJob
            | Route::DryRun
            | Route::CancelJob
            | Route::RetryJob
            | Route::ReplayDelivery,
            Viewer,
        ) => 403,
        (
            Route::TradingSweep
            | Route::GenericJob
            | Route::DryRun
            | Route::JobStatus
            | Route::CancelJob
            | Route::RetryJob
            | Route::ReplayDelivery,
            NoCredentials | GarbageCredentials | RevokedCredentials,
        ) => 401,

        // Open to whoever asks.
        (
            Route::Health | Route::Metrics,
            Nothing | NoCredentials | GarbageCredentials | RevokedCredentials | Viewer | OtherTenant
            | MalformedBody | OversizedBody,
        ) => 200,
    }
}

#[tokio::test]
async fn every_route_meets_every_flaw_as_it_should() {
    let scene = Scene::new().await;
    for route in Route::ALL {
        for flaw in FLAWS {
            let call = scene.call(*route, flaw).await;
            let before = scene.traces().await;
            let answer = scene.send(&call).await;
            let what = format!("{route:?} with {flaw:?}: {}", String::from_utf8_lossy(answer.body()));
            let status = StatusCode::from_u16(expected(*route, flaw)).unwrap();
            assert_eq!(answer.status(), status, "{what}");
            let is_delivery = matches!(route, Route::Delivery(_) | Route::EndpointDelivery(_));
            match status {
                StatusCode::OK | StatusCode::UNAUTHORIZED if is_delivery => {
                    assert!(answer.body().is_empty(), "{what}")
                }
                status if status.is_success() => assert!(!answer.body().is_empty(), "{what}"),
                status => assert_problem(&answer, status),
            }
            if !status.is_success() {
                assert_eq!(scene.traces().await, before, "{what}");
            }
            if status == StatusCode::METHOD_NOT_ALLOWED {
                assert_eq!(answer.headers()["allow"], route.method().as_str(), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn there_is_nothing_anywhere_else() {
    let door = Door::new().await;
    for path in [
        "/",
        "/webhook",
        "/webhook/fax",
        "/webhook/asana",
        "/webhook/jobs",
        "/webhook/jobs/1/pause",
        "/webhook/deliveries/1",
        "/Webhook/Xero",
        "/health/live",
        "/webhook/xero%2f",
        "/..%2fhealth",
    ] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let answer = door.send(method.clone(), path, &[], b"").await;
            assert_problem(&answer, StatusCode::NOT_FOUND);
            let detail = format!("There is nothing at {method} {path}. See the README for the routes.");
            assert_eq!(json_of(&answer)["detail"], detail);
        }
    }
}

#[tokio::test]
async fn no_method_but_its_own_is_taken() {
    let door = Door::new().await;
    for route in Route::ALL {
        let path = route.template().replace("{id}", "1").replace("{endpoint}", &"e".repeat(40));
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "BREW"] {
            let method: Method = method.parse().unwrap();
            if method != route.method() {
                let answer = door.send(method, &path, &[], b"").await;
                assert_problem(&answer, StatusCode::METHOD_NOT_ALLOWED);
            }
        }
    }
}

#[test]
fn the_openapi_file_has_the_routes_that_there_are() {
    let routes: BTreeSet<(String, String)> =
        Route::ALL.iter().map(|route| (route.method().to_string(), route.template().to_owned())).collect();
    assert_eq!(routes.len(), Route::ALL.len());
    assert_eq!(contract::operations(), routes);
}

struct Call {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

struct Scene {
    door: Door,
    tenant_id: TenantId,
    key: String,
    other_key: String,
    revoked_key: String,
    viewer: String,
    endpoint: String,
    other_endpoint: String,
}

impl Scene {
    /// One tenant with an account at each provider, and another with one at Asana.
    async fn new() -> Self {
        let door = Door::new().await.running();
        let tenant_id = door.tenant("org").await;
        door.database.connect_account(tenant_id, Provider::HubSpot, "62515").await;
        door.database.connect_account(tenant_id, Provider::Shopify, SHOP).await;
        let revoked_key = door.api_key(tenant_id).await;
        door.sql("update api_keys set revoked_at = now()").await;
        let endpoint = door.registered_endpoint("w1").await;
        let other_endpoint = door.endpoint("w2", None).await;
        let other_secret = "the-secret-of-the-other-endpoint".into();
        assert!(door.hook_secrets().create(&other_endpoint, &other_secret).await.unwrap());
        let other = door.tenant("org-2").await;
        door.database.connect_account(other, Provider::HubSpot, "62516").await;
        door.database.connect_account(other, Provider::Shopify, "other.myshopify.com").await;
        Self {
            tenant_id,
            key: door.api_key(tenant_id).await,
            other_key: door.api_key(other).await,
            viewer: door.user(tenant_id, Role::Viewer).await,
            revoked_key,
            endpoint,
            other_endpoint,
            door,
        }
    }

    async fn call(&self, route: Route, flaw: Flaw) -> Call {
        let mut call = match route {
            Route::Delivery(_) | Route::EndpointDelivery(_) => self.delivery(route, flaw),
            _ => self.call_of_a_caller(route, flaw).await,
        };
        match flaw {
            Flaw::WrongMethod => {
                call.method = if route.method() == Method::GET { Method::POST } else { Method::GET };
            }
            Flaw::UnknownSubPath => call.path.push_str("/more"),
            _ => {}
        }
        call
    }

    fn delivery(&self, route: Route, flaw: Flaw) -> Call {
        let is_others = flaw == Flaw::OtherTenant;
        let body = match (route, flaw) {
            (_, Flaw::MalformedBody) => "this is not JSON".to_owned(),
            (_, Flaw::OversizedBody) => "x".repeat(4 * 1024 * 1024 + 1),
            (Route::Delivery(Provider::HubSpot), _) => hubspot_deal(if is_others { 62516 } else { 62515 }, 7),
            (Route::Delivery(Provider::Shopify), _) => shopify_order(1).to_string(),
            (Route::EndpointDelivery(_), _) => asana_task("5"),
            _ => xero_invoices(&[(if is_others { "org-2" } else { "org" }, "inv")]),
        };
        let delivery = match route {
            Route::Delivery(Provider::HubSpot) => Delivery::hubspot(&body),
            Route::Delivery(Provider::Shopify) => {
                let shop = if is_others { "other.myshopify.com" } else { SHOP };
                let signature = sign(SHOPIFY_SECRET, &[body.as_bytes()]);
                let mut delivery = Delivery::shopify(shop, "orders/paid", "w1", &json!({}));
                delivery.body = body;
                delivery.with("x-shopify-hmac-sha256", &signature)
            }
            Route::EndpointDelivery(_) => {
                Delivery::asana(if is_others { &self.other_endpoint } else { &self.endpoint }, &body)
            }
            Route::Delivery(_) => Delivery::xero(&body),
            other => panic!("{other:?} is no delivery"),
        };
        let (signature, revoked) = signature_of(route, &delivery);
        let mut headers = delivery.headers.clone();
        match flaw {
            Flaw::NoCredentials => headers.retain(|(name, _)| *name != signature),
            Flaw::GarbageCredentials => headers = delivery.clone().with(signature, "garbage").headers,
            Flaw::RevokedCredentials => headers = delivery.clone().with(signature, &revoked).headers,
            Flaw::Viewer => headers.push(("authorization", self.viewer.clone())),
            _ => {}
        }
        Call { method: Method::POST, path: delivery.path, headers, body: delivery.body.into_bytes() }
    }

    async fn call_of_a_caller(&self, route: Route, flaw: Flaw) -> Call {
        let door = &self.door;
        let mut path = route.template().to_owned();
        let mut authorization = Some(self.key.clone());
        let mut body = Vec::new();
        match route {
            Route::TradingSweep => body = sweep().to_string().into_bytes(),
            Route::GenericJob => body = generic(Workflow::XeroInvoiceToHubspot).to_string().into_bytes(),
            Route::DryRun => {
                let own = format!(
                    "select event_id::text from events where tenant_id = '{}' and provider = 'xero' limit 1",
                    self.tenant_id
                );
                let event_id = door.database.text(&own).await;
                let run = json!({ "job_type": "xero-invoice-to-hubspot", "event_id": event_id });
                body = run.to_string().into_bytes();
            }
            Route::SweepCallback => {
                let hours = if flaw == Flaw::RevokedCredentials { -1 } else { 1 };
                let expires_at = Timestamp::now() + SignedDuration::from_hours(hours);
                authorization = Some(door.job_that_waits(self.tenant_id, expires_at).await.1);
                body = json!({ "status": "done" }).to_string().into_bytes();
            }
            Route::JobStatus | Route::CancelJob => {
                let job_id = door.job_that_is(self.tenant_id, JobStatus::Queued).await;
                path = path.replace("{id}", &job_id.to_string());
            }
            Route::RetryJob => {
                let job_id = door.job_that_is(self.tenant_id, JobStatus::Failed).await;
                path = path.replace("{id}", &job_id.to_string());
            }
            Route::ReplayDelivery => {
                let own = format!(
                    "select delivery_id::text from deliveries where tenant_id = '{}' and provider = 'xero' limit 1",
                    self.tenant_id
                );
                path = path.replace("{id}", &door.database.text(&own).await);
            }
            Route::Health | Route::Metrics => authorization = None,
            Route::Delivery(_) | Route::EndpointDelivery(_) => panic!("{route:?} has no caller"),
        }
        match flaw {
            Flaw::NoCredentials => authorization = None,
            Flaw::GarbageCredentials => authorization = Some("Bearer garbage".to_owned()),
            Flaw::RevokedCredentials if route != Route::SweepCallback => {
                authorization = Some(self.revoked_key.clone());
            }
            Flaw::Viewer => authorization = Some(self.viewer.clone()),
            Flaw::OtherTenant => authorization = Some(self.other_key.clone()),
            Flaw::MalformedBody => body = b"this is not JSON".to_vec(),
            Flaw::OversizedBody => body = vec![b' '; 256 * 1024 + 1],
            _ => {}
        }
        let headers = authorization.map(|it| ("authorization", it)).into_iter().collect();
        Call { method: route.method(), path, headers, body }
    }

    async fn send(&self, call: &Call) -> Response<Body> {
        let headers: Vec<(&str, &str)> =
            call.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.door.send(call.method.clone(), &call.path, &headers, &call.body).await
    }

    /// What a request could have left behind.
    async fn traces(&self) -> String {
        self.door
            .database
            .text(
                "select concat_ws(' ', (select count(*) from deliveries), (select count(*) from events),
                        (select count(*) from pipeline_jobs), (select count(*) from outbox where ring_at <= now()),
                        (select count(*) from pipeline_jobs where request is not null),
                        (select count(*) from callback_tokens where used_at is not null))",
            )
            .await
    }
}

/// The header that has the signature, and what stood in it if the key were one of before.
fn signature_of(route: Route, delivery: &Delivery) -> (&'static str, String) {
    let body = delivery.body.as_bytes();
    match route {
        Route::Delivery(Provider::HubSpot) => {
            let url = format!("{BASE_URL}/webhook/hubspot");
            let sent = delivery.headers.iter().find(|(name, _)| *name == "x-hubspot-request-timestamp");
            let sent = sent.map(|(_, value)| value.as_bytes()).unwrap_or_default();
            ("x-hubspot-signature-v3", sign("a key of before", &[b"POST", url.as_bytes(), body, sent]))
        }
        Route::Delivery(Provider::Shopify) => ("x-shopify-hmac-sha256", sign("a key of before", &[body])),
        Route::EndpointDelivery(_) => ("x-hook-signature", hex::encode(mac("a key of before", &[body]))),
        _ => ("x-xero-signature", sign("a key of before", &[body])),
    }
}
