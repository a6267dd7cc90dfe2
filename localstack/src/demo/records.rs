//! What the demo's events are about, as it stands at the providers.

use serde_json::{Value, json};

/// The invoice that was paid.
pub const INVOICE_ID: &str = "a03ffcd2-5d91-4c7e-b483-318584e9e439";

/// Who paid it.
pub const CUSTOMER_EMAIL: &str = "liam@rockstar.com";

/// The project in Asana that is watched.
pub const PROJECT_GID: &str = "1200000000000900";

/// For the simulator's Xero.
pub fn at_xero() -> Value {
    json!({ "provider": "xero", "kind": "invoice", "record": paid_invoice() })
}

/// For the simulator's other providers; Shopify's events hold the whole order.
pub fn at_the_others(order: &Value) -> [Value; 6] {
    [
        json!({ "provider": "hubspot", "kind": "contact", "record": customer() }),
        json!({ "provider": "hubspot", "kind": "deal", "record": deal("987654321", "Tour of New Zealand") }),
        json!({ "provider": "hubspot", "kind": "deal", "record": deal("987654322", "Tour of Australia") }),
        json!({ "provider": "shopify", "kind": "order", "record": order }),
        json!({ "provider": "asana", "kind": "project", "record": { "gid": PROJECT_GID, "name": "Tour of Australia" } }),
        json!({ "provider": "asana", "kind": "task", "record": completed_task() }),
    ]
}

/// What is to be swept.
pub fn sweep() -> Value {
    json!({ "ticker": "BTC-USD", "fast_range": [5, 14], "slow_range": [20, 25], "step": 1, "strategy_type": "SMA" })
}

/// The paid invoice, as Xero gives it.
fn paid_invoice() -> Value {
    json!({
        "Type": "ACCREC",
        "InvoiceID": INVOICE_ID,
        "InvoiceNumber": "INV-0006",
        "Reference": "Tour of New Zealand",
        "Contact": {
            "ContactID": "430fa14a-f945-44d3-9f97-5df5e28441b8",
            "Name": "Liam Gallagher",
            "FirstName": "Liam",
            "LastName": "Gallagher",
            "EmailAddress": CUSTOMER_EMAIL,
        },
        "DateString": "2026-09-01T00:00:00",
        "Date": "/Date(1788220800000+0000)/",
        "DueDateString": "2026-09-30T00:00:00",
        "DueDate": "/Date(1790726400000+0000)/",
        "Status": "PAID",
        "LineAmountTypes": "Exclusive",
        "SubTotal": 128_750.23,
        "TotalTax": 19_312.53,
        "Total": 148_062.76,
        "AmountDue": 0.00,
        "AmountPaid": 148_062.76,
        "AmountCredited": 0.00,
        "CurrencyCode": "NZD",
        "FullyPaidOnDate": "/Date(1790812800000+0000)/",
        "UpdatedDateUTC": "/Date(1790845964917+0000)/",
    })
}

/// The customer, as HubSpot has it.
fn customer() -> Value {
    json!({ "properties": { "email": CUSTOMER_EMAIL, "firstname": "Liam", "lastname": "Gallagher" } })
}

/// A deal that was won, as HubSpot has it.
fn deal(id: &str, name: &str) -> Value {
    json!({
        "id": id,
        "properties": {
            "dealname": name, "amount": "148062.76", "dealstage": "closedwon", "pipeline": "default",
            "hs_is_closed_won": "true",
        },
    })
}

/// A task that was completed, as Asana has it; by its external gid it belongs to a deal.
fn completed_task() -> Value {
    json!({
        "gid": "1200000000000002",
        "name": "Kick-off: Tour of Australia",
        "projects": [PROJECT_GID],
        "completed": true,
        "completed_at": "2026-10-01T02:44:21.987Z",
        "external": { "gid": "hubspot-deal-987654322" },
    })
}
