//! The simulator with the records that the calls are about.

use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;
use zixly_simulator::{ClientCredentials, Running, Simulator, SimulatorConfig};

pub const ORGANISATION: &str = "c2cc9b6e-9458-4c7d-93cc-f02b81b0594f";
pub const WORKSPACE: &str = "1200000000000100";
pub const PORTAL: u64 = 12_345_678;
pub const INVOICE: &str = "a03ffcd2-5d91-4c7e-b483-318584e9e439";
pub const INVOICE_NUMBER: &str = "INV-0006";
pub const CONTACT: &str = "430fa14a-f945-44d3-9f97-5df5e28441b8";
pub const EMAIL: &str = "liam@rockstar.com";
pub const PERSON: &str = "100451";
pub const DEAL: &str = "987654321";
pub const PROJECT: &str = "1200000000000200";
pub const TASK: &str = "1200000000000300";
pub const KEY: &str = "hubspot-deal-987654321";

pub struct Simulated {
    pub url: String,
    pub xero: SecretString,
    pub hubspot: SecretString,
    pub hubspot_refresh: SecretString,
    pub asana: SecretString,
    _running: Running,
}

impl Simulated {
    pub async fn start() -> Self {
        let client = || ClientCredentials { id: "client".to_owned(), secret: "secret".to_owned() };
        let mut config =
            SimulatorConfig::new(client(), client(), Uuid::parse_str(ORGANISATION).unwrap(), PORTAL);
        config.asana_client = client();
        let running = Simulator::start(config, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = running.url.clone();
        let (xero, _) = grant(&url, "xero", ORGANISATION).await;
        let (hubspot, hubspot_refresh) = grant(&url, "hubspot", &PORTAL.to_string()).await;
        let (asana, _) = grant(&url, "asana", WORKSPACE).await;
        let contact = json!({ "ContactID": CONTACT, "Name": "Liam Gallagher", "EmailAddress": EMAIL });
        let invoice = json!({
            "Type": "ACCREC", "InvoiceID": INVOICE, "InvoiceNumber": INVOICE_NUMBER, "Status": "PAID",
            "AmountDue": 0.00, "AmountPaid": 148062.76, "Total": 148062.76, "CurrencyCode": "NZD",
            "FullyPaidOnDate": "/Date(1552953600000+0000)/", "UpdatedDateUTC": "/Date(1551981568133+0000)/",
            "Contact": contact,
            "Payments": [{
                "PaymentID": "38928000-e9a0-420c-8884-f624bab2a351", "Date": "/Date(1552953600000+0000)/",
                "Amount": 148062.76,
            }],
        });
        let deal = json!({ "dealname": "Acme: new website", "dealstage": "closedwon", "amount": "12500" });
        let task = json!({
            "gid": TASK, "name": "Kick-off", "completed": true, "completed_at": "2026-10-01T02:44:21.987Z",
            "projects": [PROJECT], "external": { "gid": KEY },
        });
        for (provider, kind, record) in [
            ("xero", "contact", contact),
            ("xero", "invoice", invoice),
            ("hubspot", "contact", json!({ "id": PERSON, "properties": { "email": EMAIL } })),
            ("hubspot", "deal", json!({ "id": DEAL, "properties": deal, "contacts": [PERSON] })),
            ("asana", "project", json!({ "gid": PROJECT, "name": "Acme", "notes": format!("[{KEY}]") })),
            ("asana", "task", task),
        ] {
            control(&url, "seed", json!({ "provider": provider, "kind": kind, "record": record })).await;
        }
        Self { url, xero, hubspot, hubspot_refresh, asana, _running: running }
    }
}

async fn grant(url: &str, provider: &str, account: &str) -> (SecretString, SecretString) {
    let granted = control(url, "grant", json!({ "provider": provider, "accounts": [account] })).await;
    let token = |name: &str| SecretString::from(granted[name].as_str().unwrap());
    (token("access_token"), token("refresh_token"))
}

async fn control(url: &str, route: &str, body: Value) -> Value {
    let request = zixly_connectors::http_client().post(format!("{url}/_sim/{route}")).json(&body);
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{route}: {}", answer.text().await.unwrap());
    answer.json().await.unwrap()
}
