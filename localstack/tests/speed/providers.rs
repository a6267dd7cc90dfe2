//! Xero and HubSpot, answering at once: each invoice is paid, by a customer of its own whom HubSpot knows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::json;
use uuid::Uuid;

use crate::http::{Answer, Request, serve};

/// So much may be asked that nobody has to wait.
const HEADERS: &str = "content-type: application/json\r\n\
     x-minlimit-remaining: 1000000\r\n\
     x-daylimit-remaining: 1000000\r\n\
     x-appminlimit-remaining: 1000000\r\n\
     x-hubspot-ratelimit-max: 1000000\r\n\
     x-hubspot-ratelimit-remaining: 1000000\r\n\
     x-hubspot-ratelimit-interval-milliseconds: 10000\r\n";
const INVOICES: u64 = 0x1111_1111_2222_4333;

/// The stub, with Xero at `url/xero` and HubSpot at `url/hubspot`.
pub struct Providers {
    pub url: String,
    heard: Arc<Mutex<Heard>>,
}

/// What was asked since the last time.
#[derive(Default)]
pub struct Heard {
    pub calls: u64,
    /// When each invoice was asked for, by its number.
    pub read: HashMap<u64, Instant>,
}

impl Providers {
    pub fn start() -> Self {
        let heard = Arc::<Mutex<Heard>>::default();
        let note = Arc::clone(&heard);
        Self { url: serve(move |request| answer(&note, request)), heard }
    }

    pub fn take(&self) -> Heard {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The id in Xero of the invoice with this number.
pub fn invoice_id(number: u64) -> Uuid {
    Uuid::from_u64_pair(INVOICES, number)
}

/// The number of the invoice with this id in Xero.
pub fn invoice_number(id: &str) -> Option<u64> {
    Some(id.parse::<Uuid>().ok()?.as_u64_pair().1)
}

fn answer(heard: &Mutex<Heard>, request: &Request) -> Answer {
    let path = request.path.split('?').next().unwrap_or_default();
    let id = path.rsplit('/').next().unwrap_or_default();
    let invoice = path.starts_with("/xero/").then(|| invoice_number(id)).flatten();
    {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.calls += 1;
        if let Some(number) = invoice {
            heard.read.entry(number).or_insert_with(Instant::now);
        }
    }
    let record = match (invoice, contact(id)) {
        (Some(number), _) => json!({ "Invoices": [{
            "Type": "ACCREC", "InvoiceID": id, "InvoiceNumber": format!("INV-{number}"), "Status": "PAID",
            "AmountDue": 0.00, "AmountPaid": 148_062.76, "Total": 148_062.76, "CurrencyCode": "NZD",
            "UpdatedDateUTC": "/Date(1790812800000+0000)/", "FullyPaidOnDate": "/Date(1790812800000+0000)/",
            "Contact": {
                "ContactID": id, "Name": format!("Customer {number}"),
                "EmailAddress": format!("customer-{number}@example.com"),
            },
        }] }),
        (None, Some(number)) => json!({
            "id": number.to_string(), "properties": { "email": format!("customer-{number}@example.com") },
            "createdAt": "2026-10-01T00:00:00.000Z", "updatedAt": "2026-10-01T00:00:00.000Z", "archived": false,
        }),
        (None, None) => return Answer { status: 404, headers: HEADERS, body: b"{}".to_vec() },
    };
    Answer { status: 200, headers: HEADERS, body: record.to_string().into_bytes() }
}

/// The number of a contact, of whom the id or the e-mail address is asked for.
fn contact(id: &str) -> Option<u64> {
    let number = id.strip_prefix("customer-").and_then(|rest| rest.split(['@', '%']).next());
    number.unwrap_or(id).parse().ok()
}
