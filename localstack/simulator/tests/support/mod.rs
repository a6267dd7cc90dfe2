//! A simulator on a free port, and the requests that an app would make to it.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::{net::SocketAddr, time::Duration};

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use uuid::{Uuid, uuid};
use zixly_simulator::{ClientCredentials, Running, Simulator, SimulatorConfig};

pub const ORGANISATION: Uuid = uuid!("c2cc9b6e-9458-4c7d-93cc-f02b81b0594f");
pub const OTHER_ORGANISATION: Uuid = uuid!("0f6b1a3c-58a4-4c1f-9d2b-6f0f8f6f1c11");
pub const PORTAL: u64 = 12_345_678;
pub const SHOP: &str = "demo-shop.myshopify.com";
pub const WORKSPACE: &str = "1200000000000100";
pub const INVOICE: &str = "a03ffcd2-5d91-4c7e-b483-318584e9e439";

/// A running simulator and a client that has tokens for both demo accounts.
pub struct World {
    pub running: Running,
    pub client: Client,
    pub xero: Tokens,
    pub hubspot: Tokens,
}

pub struct Tokens {
    pub access: String,
    pub refresh: String,
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut SimulatorConfig)) -> Self {
        // reqwest wants a provider of cryptography even for plain HTTP; a second test in the process finds it set.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let app = |id: &str, secret: &str| ClientCredentials { id: id.to_owned(), secret: secret.to_owned() };
        let mut config = SimulatorConfig::new(
            app("xero-app", "xero-secret"),
            app("hubspot-app", "hubspot-secret"),
            ORGANISATION,
            PORTAL,
        );
        change(&mut config);
        let running = Simulator::start(config, SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let client = Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        let nothing = || Tokens { access: String::new(), refresh: String::new() };
        let mut world = Self { running, client, xero: nothing(), hubspot: nothing() };
        world.xero = world.grant("xero", json!([ORGANISATION])).await;
        world.hubspot = world.grant("hubspot", json!([PORTAL])).await;
        world
    }

    pub async fn grant(&self, provider: &str, accounts: Value) -> Tokens {
        let tokens = self.control("grant", json!({"provider": provider, "accounts": accounts})).await;
        let life = match provider {
            "xero" | "hubspot" => 1800,
            "slack" => 315_360_000,
            _ => 3600,
        };
        assert_eq!(tokens["expires_in"], life);
        Tokens { access: text(&tokens["access_token"]), refresh: text(&tokens["refresh_token"]) }
    }

    /// Posts to a control route and returns what it says; the order must be taken.
    pub async fn control(&self, route: &str, body: Value) -> Value {
        let response = self.post_control(route, body).await;
        assert!(response.status().is_success(), "{route} answered {}", response.status());
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null)
    }

    pub async fn post_control(&self, route: &str, body: Value) -> Response {
        self.client.post(format!("{}/_sim/{route}", self.running.url)).json(&body).send().await.unwrap()
    }

    pub async fn look(&self, route: &str) -> Value {
        self.client
            .get(format!("{}/_sim/{route}", self.running.url))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    pub async fn seed_paid_invoice(&self) {
        let record = json!({
            "Type": "ACCREC", "InvoiceID": INVOICE, "InvoiceNumber": "INV-0006", "Status": "PAID",
            "UpdatedDateUTC": "/Date(1551981568133+0000)/",
            "Contact": {"Name": "Liam Gallagher", "EmailAddress": "liam@rockstar.com"},
        });
        self.control("seed", json!({"provider": "xero", "kind": "invoice", "record": record})).await;
    }

    pub async fn seed_contact(&self) {
        let record =
            json!({"id": "100451", "properties": {"email": "liam@rockstar.com", "firstname": "Liam"}});
        self.control("seed", json!({"provider": "hubspot", "kind": "contact", "record": record})).await;
    }

    /// Gives a provider a record and returns it as stored.
    pub async fn seed(&self, provider: &str, kind: &str, record: Value) -> Value {
        self.control("seed", json!({"provider": provider, "kind": kind, "record": record})).await
    }

    /// The effects that a provider's ledger lists.
    pub async fn effects(&self, provider: &str) -> Vec<Value> {
        self.look(&format!("effects?provider={provider}")).await.as_array().unwrap().clone()
    }

    /// Lays a fault in wait.
    pub async fn order_fault(&self, provider: &str, fault: &str, more: Value) {
        let mut order = json!({"provider": provider, "fault": fault});
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.control("faults", order).await;
    }

    /// A call to Xero's accounting API as the app makes it.
    pub fn xero(&self, method: Method, path: &str) -> RequestBuilder {
        self.xero_as(&self.xero.access, ORGANISATION, method, path)
    }

    pub fn xero_as(&self, token: &str, organisation: Uuid, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}/xero/api.xro/2.0{path}", self.running.url))
            .bearer_auth(token)
            .header("xero-tenant-id", organisation.to_string())
            .header("accept", "application/json")
    }

    pub async fn refresh_xero(&self, refresh_token: &str) -> Response {
        self.client
            .post(format!("{}/xero/connect/token", self.running.url))
            .basic_auth("xero-app", Some("xero-secret"))
            .form(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
            .send()
            .await
            .unwrap()
    }

    /// A call to HubSpot's contacts as the app makes it.
    pub fn contacts(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}/hubspot/crm/objects/2026-03/contacts{path}", self.running.url))
            .bearer_auth(&self.hubspot.access)
    }

    pub fn patch(&self, properties: Value) -> RequestBuilder {
        self.contacts(Method::PATCH, "/100451").json(&json!({ "properties": properties }))
    }

    /// A call to HubSpot's CRM as the app makes it.
    pub fn crm(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}/hubspot/crm{path}", self.running.url))
            .bearer_auth(&self.hubspot.access)
    }

    pub async fn refresh_hubspot(&self, secret: &str, refresh_token: &str) -> Response {
        self.client
            .post(format!("{}/hubspot/oauth/2026-03/token", self.running.url))
            .form(&[
                ("grant_type", "refresh_token"),
                ("client_id", "hubspot-app"),
                ("client_secret", secret),
                ("refresh_token", refresh_token),
            ])
            .send()
            .await
            .unwrap()
    }

    pub async fn advance(&self, seconds: u32) {
        self.control("clock", json!({"advance_s": seconds})).await;
    }
}

/// Sends and returns status and JSON body; null when there is none.
pub async fn send(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null))
}

pub async fn status(request: RequestBuilder) -> u16 {
    send(request).await.0
}

pub fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
