//! Deliveries as the four providers send them, for two tenants.

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use serde_json::{Value, json};
use zixly_domain::Provider;
use zixly_testkit::Post;

/// A tenant's accounts at the providers.
pub struct Accounts {
    pub organisation: String,
    pub portal: u64,
    pub shop: String,
    pub workspace: String,
    /// The endpoint of the tenant's Asana webhook.
    pub endpoint: String,
}

/// `different` deliveries, one in fifty too large for a message of the queue, and `repeated` more of the same, in an
/// order that depends on `random` only.
pub fn mixed(tenants: &[Accounts; 2], different: usize, repeated: usize, random: &mut StdRng) -> Vec<Post> {
    let mut posts: Vec<Post> = (0..different).map(|number| post(tenants, number)).collect();
    let first_ones = posts.clone();
    posts.extend((0..repeated).map(|number| repeat(first_ones.choose(random).unwrap(), number)));
    posts.shuffle(random);
    posts
}

/// A delivery of every provider in turn, to both tenants.
pub fn post(tenants: &[Accounts; 2], number: usize) -> Post {
    let (provider, number) = (Provider::ALL[number % 4], number / 4);
    // Every tenth is for both, where a provider puts accounts together.
    let shared = if number.is_multiple_of(10) { &tenants[..] } else { &tenants[number % 2..=number % 2] };
    match provider {
        Provider::Xero => xero(shared, number),
        Provider::HubSpot => hubspot(shared, number),
        Provider::Shopify => shopify(&tenants[number % 2], number),
        Provider::Asana => asana(&tenants[number % 2], number),
        Provider::Slack | Provider::Ses | Provider::Trading => unreachable!("it sends no deliveries"),
    }
}

/// What Asana sends when nothing has happened.
pub fn heartbeat(tenant: &Accounts) -> Post {
    let path = format!("/webhook/asana/{}", tenant.endpoint);
    Post { provider: Provider::Asana, path, body: r#"{"events":[]}"#.to_owned(), headers: Vec::new() }
}

/// As a provider sends it once more.
fn repeat(post: &Post, number: usize) -> Post {
    let mut again = post.clone();
    match again.provider {
        Provider::HubSpot => again.body = again.body.replace(r#""attemptNumber":0"#, r#""attemptNumber":1"#),
        // Shopify's pages disagree on which of its two ids stays the same.
        Provider::Shopify if number.is_multiple_of(2) => {
            let id = again.headers.iter_mut().find(|(name, _)| *name == "x-shopify-webhook-id").unwrap();
            id.1 = format!("again-{number}");
        }
        _ => {}
    }
    again
}

fn xero(tenants: &[Accounts], number: usize) -> Post {
    // No workflow is about a contact.
    let category = if number % 7 == 3 { "CONTACT" } else { "INVOICE" };
    let resource_id = format!("a03ffcd2-5d91-4c7e-b483-{number:012}");
    let event = |tenant: &Accounts| {
        json!({
            "resourceUrl": format!("https://api.xero.com/api.xro/2.0/Invoices/{resource_id}"),
            "resourceId": resource_id,
            "tenantId": tenant.organisation,
            "tenantType": "ORGANISATION",
            "eventCategory": category,
            "eventType": "UPDATE",
            "eventDateUtc": "2026-10-01T09:12:44.917",
        })
    };
    let events: Vec<Value> = tenants.iter().map(event).collect();
    let body = json!({ "events": events, "firstEventSequence": 1, "lastEventSequence": 1, "entropy": "x" });
    Post {
        provider: Provider::Xero,
        path: "/webhook/xero".to_owned(),
        body: body.to_string(),
        headers: Vec::new(),
    }
}

fn hubspot(tenants: &[Accounts], number: usize) -> Post {
    // An amount that changes starts nothing.
    let property = if number % 6 == 1 { "amount" } else { "dealstage" };
    let event = |tenant: &Accounts| {
        json!({
            "eventId": 100 + number, "subscriptionId": 5_100_003, "portalId": tenant.portal, "appId": 7_100_001,
            "occurredAt": 1_790_000_000_000_u64, "subscriptionType": "object.propertyChange", "attemptNumber": 0,
            "objectId": 987_000_000 + number, "objectTypeId": "0-3", "propertyName": property,
            "propertyValue": "closedwon", "changeSource": "CRM_UI",
        })
    };
    let events: Vec<Value> = tenants.iter().map(event).collect();
    let (path, body) = ("/webhook/hubspot".to_owned(), Value::from(events).to_string());
    Post { provider: Provider::HubSpot, path, body, headers: Vec::new() }
}

/// Three deliveries are about one order; it gets one job.
fn shopify(tenant: &Accounts, number: usize) -> Post {
    let (order, topic) = (
        5_726_128_000_000 + number / 2 / 3,
        ["orders/create", "orders/updated", "orders/paid"][number / 2 % 3],
    );
    let is_unpaid = topic == "orders/create" && order.is_multiple_of(2);
    let line = json!({ "id": 487_817_672_276_298_554_u64, "title": "Mug & Spoon", "quantity": 2, "price": "112.485" });
    // 300 KiB, one in fifty of all deliveries.
    let lines = if number % 25 % 12 == 5 { 4000 } else { 1 };
    let body = json!({
        "id": order,
        "admin_graphql_api_id": format!("gid://shopify/Order/{order}"),
        "financial_status": if is_unpaid { "pending" } else { "paid" },
        "test": false,
        "line_items": vec![line; lines],
    });
    let headers = vec![
        ("x-shopify-topic", topic.to_owned()),
        ("x-shopify-shop-domain", tenant.shop.clone()),
        ("x-shopify-webhook-id", format!("webhook-{number}")),
        ("x-shopify-event-id", format!("event-{number}")),
        ("x-shopify-triggered-at", "2026-10-01T09:12:44.917Z".to_owned()),
    ];
    Post { provider: Provider::Shopify, path: "/webhook/shopify".to_owned(), body: body.to_string(), headers }
}

fn asana(tenant: &Accounts, number: usize) -> Post {
    // Another name starts nothing; a completion changes two fields and starts one job.
    let fields = if number % 8 == 3 { &["name"][..] } else { &["completed", "completed_at"] };
    let event = |field: &&str| {
        json!({
            "user": { "gid": "1200000000000001", "resource_type": "user" },
            "created_at": "2026-10-01T02:44:21.987Z",
            "action": "changed",
            "parent": null,
            "change": { "field": field, "action": "changed" },
            "resource": {
                "gid": (1_200_000_000_000_000_u64 + number as u64).to_string(), "resource_type": "task",
                "resource_subtype": "default_task",
            },
        })
    };
    let events: Vec<Value> = fields.iter().map(event).collect();
    Post { body: json!({ "events": events }).to_string(), ..heartbeat(tenant) }
}
