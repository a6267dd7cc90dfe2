//! The user's browser: opens a consent page, answers it, and says where it is sent.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::collections::HashMap;

use reqwest::{Client, RequestBuilder, Response, Url, redirect};
use serde_json::Value;

use crate::support::{SHOP, World, header, send};

pub const CALLBACK: &str = "http://dashboard.localhost:4566/oauth/callback";
/// RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What differs between the providers' pages.
pub struct Door {
    pub provider: &'static str,
    pub page: &'static str,
    pub scope: &'static str,
    pub secret: &'static str,
}

pub const XERO: Door = Door {
    provider: "xero",
    page: "/xero/identity/connect/authorize",
    scope: "offline_access accounting.invoices",
    secret: "xero-secret",
};
pub const HUBSPOT: Door = Door {
    provider: "hubspot",
    page: "/hubspot/oauth/authorize",
    scope: "crm.objects.contacts.read",
    secret: "hubspot-secret",
};
pub const SHOPIFY: Door = Door {
    provider: "shopify",
    page: "/shopify/demo-shop.myshopify.com/admin/oauth/authorize",
    scope: "read_orders,read_customers",
    secret: "shopify-secret",
};
pub const ASANA: Door = Door {
    provider: "asana",
    page: "/asana/-/oauth_authorize",
    scope: "tasks:read projects:read",
    secret: "asana-secret",
};
pub const DOORS: [&Door; 4] = [&XERO, &HUBSPOT, &SHOPIFY, &ASANA];

/// Where a browser was sent, with the parameters of the URL.
pub struct Landing {
    pub url: Url,
    pub parameters: HashMap<String, String>,
}

impl Door {
    pub fn client_id(&self) -> String {
        format!("{}-app", self.provider)
    }

    /// The page's address as the app makes it, with some parameters set anew; an empty one is left out.
    pub fn address(&self, world: &World, changes: &[(&str, &str)]) -> Url {
        let client_id = self.client_id();
        let mut parameters = vec![
            ("client_id", client_id.as_str()),
            ("redirect_uri", CALLBACK),
            ("scope", self.scope),
            ("state", "nonce 1&2"),
        ];
        if ["xero", "asana"].contains(&self.provider) {
            parameters.push(("response_type", "code"));
        }
        parameters.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        parameters.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        Url::parse_with_params(&format!("{}{}", world.running.url, self.page), parameters).unwrap()
    }

    /// Says yes to everything that the page offers, and gives where the browser is sent.
    pub async fn allow(&self, world: &World, changes: &[(&str, &str)], accounts: &[&str]) -> Landing {
        let mut form = vec![("answer", "allow")];
        form.extend(accounts.iter().map(|account| ("account", *account)));
        Landing::of(&self.answer(world, changes, &form).await)
    }

    pub async fn answer(&self, world: &World, changes: &[(&str, &str)], form: &[(&str, &str)]) -> Response {
        browser().post(self.address(world, changes)).form(form).send().await.unwrap()
    }

    /// Trades a code in as the app does.
    pub async fn trade(&self, world: &World, code: &str, more: &[(&str, &str)]) -> (u16, Value) {
        send(self.trading(world, code, more)).await
    }

    fn trading(&self, world: &World, code: &str, more: &[(&str, &str)]) -> RequestBuilder {
        let (url, client_id) = (&world.running.url, self.client_id());
        let mut form = HashMap::from([("code", code)]);
        if self.provider != "shopify" {
            form.extend([("grant_type", "authorization_code"), ("redirect_uri", CALLBACK)]);
        }
        if self.provider != "xero" {
            form.extend([("client_id", client_id.as_str()), ("client_secret", self.secret)]);
        }
        form.extend(more.iter().copied());
        match self.provider {
            "xero" => {
                let request = world.client.post(format!("{url}/xero/connect/token"));
                request.basic_auth(&client_id, Some(self.secret)).form(&form)
            }
            "hubspot" => world.client.post(format!("{url}/hubspot/oauth/2026-03/token")).form(&form),
            "asana" => world.client.post(format!("{url}/asana/-/oauth_token")).form(&form),
            _ => world.client.post(format!("{url}/shopify/{SHOP}/admin/oauth/access_token")).json(&form),
        }
    }
}

impl Landing {
    fn of(response: &Response) -> Self {
        assert_eq!(response.status(), 303);
        let url = Url::parse(&header(response, "location").unwrap()).unwrap();
        let parameters = url.query_pairs().into_owned().collect();
        Self { url, parameters }
    }

    pub fn code(&self) -> &str {
        &self.parameters["code"]
    }
}

/// A client that shows where it is sent instead of going there.
pub fn browser() -> Client {
    Client::builder().redirect(redirect::Policy::none()).build().unwrap()
}
