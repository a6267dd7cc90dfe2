//! What the workflows are about: a record of each kind that one of them does something for.

use serde_json::{Value, json};
use zixly_domain::Workflow;

use super::{EMAIL, INVOICE_ID, PORTAL_ID, SHOP, Scene, WORKSPACE};

pub const PROJECT: &str = "1200000000000050";
pub const TASK: &str = "1200000000000002";
pub const DEAL: &str = "987654321";
pub const ORDER: &str = "5726128734520";

impl Scene {
    /// A scene with a record that the workflow does something for, and the parameters of a job about it.
    pub async fn with_record_for(workflow: Workflow) -> (Self, Value) {
        match workflow {
            Workflow::XeroInvoiceToHubspot => {
                let scene = Self::paid_invoice().await;
                let organisation_id = scene.organisation_id.clone();
                (scene, json!({ "organisation_id": organisation_id, "invoice_id": INVOICE_ID }))
            }
            Workflow::ShopifyOrderToXero => {
                let scene = Self::empty().await;
                scene.seed("shopify", "order", paid_order()).await;
                (scene, json!({ "shop": SHOP, "order_id": ORDER }))
            }
            Workflow::HubspotDealToAsana => {
                let scene = Self::empty().await;
                let properties = json!({ "dealname": "Acme", "amount": "12500", "dealstage": "closedwon" });
                scene.seed("hubspot", "deal", json!({ "id": DEAL, "properties": properties })).await;
                (scene, json!({ "portal_id": PORTAL_ID.to_string(), "deal_id": DEAL }))
            }
            Workflow::AsanaTaskToHubspot => {
                let scene = Self::empty().await;
                scene
                    .seed("hubspot", "deal", json!({ "id": DEAL, "properties": { "dealname": "Acme" } }))
                    .await;
                scene.seed("asana", "project", json!({ "gid": PROJECT, "name": "Acme" })).await;
                let task = json!({
                    "gid": TASK, "name": "Kick-off", "completed": true, "completed_at": "2026-10-01T02:44:21.987Z",
                    "projects": [PROJECT], "external": { "gid": format!("hubspot-deal-{DEAL}") },
                });
                scene.seed("asana", "task", task).await;
                (scene, json!({ "workspace": WORKSPACE, "task": TASK }))
            }
            other => panic!("{other} is about no record"),
        }
    }

    /// Seeds the invoice, paid and with a customer, changed by what `change` says.
    pub async fn seed_invoice(&self, change: Value) {
        let mut record = json!({
            "Type": "ACCREC", "InvoiceID": INVOICE_ID, "InvoiceNumber": "INV-0006", "Status": "PAID",
            "AmountDue": 0.00, "AmountPaid": 148062.76, "Total": 148062.76, "CurrencyCode": "NZD",
            "FullyPaidOnDate": "/Date(1552953600000+0000)/",
            "Contact": {
                "ContactID": "430fa14a-f945-44d3-9f97-5df5e28441b8", "Name": "Liam Gallagher", "EmailAddress": EMAIL,
            },
        });
        for (name, value) in change.as_object().unwrap() {
            record[name] = value.clone();
        }
        self.control("seed", json!({ "provider": "xero", "kind": "invoice", "record": record })).await;
    }

    pub async fn seed_contact(&self) {
        let record = json!({ "id": "100451", "properties": { "email": EMAIL, "firstname": "Liam" } });
        self.control("seed", json!({ "provider": "hubspot", "kind": "contact", "record": record })).await;
    }

    /// Puts so many notes on a deal, as another client of HubSpot.
    pub async fn add_notes(&self, deal_id: &str, count: usize) {
        let token = self
            .control("grant", json!({ "provider": "hubspot", "accounts": [PORTAL_ID.to_string()] }))
            .await;
        for n in 0..count {
            let note = json!({
                "properties": { "hs_timestamp": "2026-10-01T15:48:22Z", "hs_note_body": format!("Note {n}") },
                "associations": [{
                    "to": { "id": deal_id },
                    "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 214 }],
                }],
            });
            let url = format!("{}/hubspot/crm/objects/2026-03/notes", self.simulator.url);
            let request =
                self.http.post(url).bearer_auth(token["access_token"].as_str().unwrap()).json(&note);
            assert_eq!(request.send().await.unwrap().status(), 201);
        }
    }

    /// The numbers of the invoices that are paid in Xero, as another client of it sees them.
    pub async fn paid_xero_invoices(&self) -> Vec<String> {
        let consent = json!({ "provider": "xero", "accounts": [self.organisation_id] });
        let token = self.control("grant", consent).await;
        let url = format!("{}/xero/api.xro/2.0/Invoices?Statuses=PAID", self.simulator.url);
        let request = self.http.get(url).bearer_auth(token["access_token"].as_str().unwrap());
        let request =
            request.header("xero-tenant-id", &self.organisation_id).header("accept", "application/json");
        let found: Value = request.send().await.unwrap().json().await.unwrap();
        let invoices = found["Invoices"].as_array().unwrap();
        invoices.iter().map(|invoice| invoice["InvoiceNumber"].as_str().unwrap().to_owned()).collect()
    }
}

fn paid_order() -> Value {
    json!({
        "id": ORDER.parse::<u64>().unwrap(), "name": "#1002", "email": "pat@example.com", "financial_status": "paid",
        "currency": "EUR", "total_price": "20.00", "total_tax": "0.00",
        "customer": { "id": 7, "email": "pat@example.com", "first_name": "Pat", "last_name": "Moe" },
        "line_items": [{ "id": 1, "title": "Mug", "quantity": 2, "price": "10.00" }],
        "processed_at": "2026-10-01T17:28:06-05:00",
    })
}
