//! Every call that the connectors can make, found in their source, and one or more ways to make it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use jiff::{Timestamp, civil::date};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};
use zixly_connectors::{
    ClientCredentials, ConnectorError, RefreshTokens,
    asana::{Asana, AsanaEndpoints, NewTask},
    http_client,
    hubspot::{HubSpot, HubSpotEndpoints},
    xero::{InvoiceLine, NewContact, NewInvoice, NewPayment, Xero, XeroEndpoints},
};
use zixly_domain::TokenSet;

use crate::{
    prism::Prism,
    simulated::{
        CONTACT, DEAL, EMAIL, INVOICE, INVOICE_NUMBER, KEY, ORGANISATION, PERSON, PROJECT, Simulated, TASK,
        WORKSPACE,
    },
};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
/// An id that nothing has.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// The calls of all connectors, as `xero::fetch_invoice`.
pub fn all() -> BTreeSet<String> {
    let library = fs::read_to_string(format!("{SOURCE}/lib.rs")).unwrap();
    let connectors = library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    connectors
        .flat_map(|connector| calls_of(connector).map(move |call| format!("{connector}::{call}")))
        .collect()
}

fn calls_of(connector: &str) -> impl Iterator<Item = String> {
    let folder = fs::read_dir(Path::new(SOURCE).join(connector)).into_iter().flatten();
    let files = folder.map(|entry| entry.unwrap().path());
    let files = files.chain([Path::new(SOURCE).join(format!("{connector}.rs"))]);
    let sources: Vec<String> = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    let calls: Vec<String> = sources.iter().flat_map(|source| source.lines().filter_map(call_in)).collect();
    calls.into_iter()
}

fn call_in(line: &str) -> Option<String> {
    let line = line.trim_start();
    if line.starts_with("async fn refresh(") {
        return Some("refresh".to_owned());
    }
    let name = line.strip_prefix("pub async fn ")?;
    Some(name.split(['(', '<']).next()?.to_owned())
}

/// Makes a call, in each way that the provider answers differently.
pub async fn make(call: &str, prism: &Prism, simulated: &Simulated) {
    match call.split_once("::") {
        Some(("xero", call)) => of_xero(call, prism, simulated).await,
        Some(("hubspot", call)) => of_hubspot(call, prism, simulated).await,
        Some(("asana", call)) => of_asana(call, prism, simulated).await,
        _ => panic!("{call} has no case in the test of the OpenAPI files"),
    }
}

async fn of_xero(call: &str, prism: &Prism, simulated: &Simulated) {
    let endpoints = XeroEndpoints {
        api_url: prism.of("xero_accounting.yaml").parse().unwrap(),
        token_url: simulated.url.parse().unwrap(),
    };
    let xero = Xero::new(http_client(), endpoints, credentials());
    let (token, organisation) = (&simulated.xero, ORGANISATION);
    match call {
        "fetch_invoice" => {
            assert!(xero.fetch_invoice(token, organisation, INVOICE).await.unwrap().is_some());
            assert!(xero.fetch_invoice(token, organisation, NOBODY).await.unwrap().is_none());
            let stranger = xero.fetch_invoice(token, NOBODY, INVOICE).await;
            assert!(matches!(stranger, Err(ConnectorError::ReauthorisationNeeded { .. })), "{stranger:?}");
        }
        "find_invoice_by_number" => {
            let found = xero.find_invoice_by_number(token, organisation, INVOICE_NUMBER).await;
            assert!(found.unwrap().is_some());
        }
        "list_paid_invoices" => {
            let since = "2019-01-01T00:00:00.5Z".parse().unwrap();
            let page = xero.list_paid_invoices(token, organisation, since, 1).await.unwrap();
            assert!(!page.invoices.is_empty());
        }
        "list_invoices_by_number" => {
            let found = xero.list_invoices_by_number(token, organisation, INVOICE_NUMBER).await.unwrap();
            assert_eq!(found.len(), 1);
        }
        "has_contact" => {
            assert!(xero.has_contact(token, organisation, CONTACT).await.unwrap());
            assert!(!xero.has_contact(token, organisation, NOBODY).await.unwrap());
        }
        "find_contacts_by_email" => {
            let found = xero.find_contacts_by_email(token, organisation, EMAIL).await.unwrap();
            assert_eq!(found[0].contact_id, CONTACT);
        }
        "find_contacts_by_number" => {
            let found = xero.find_contacts_by_number(token, organisation, "shopify-1").await.unwrap();
            assert_eq!(found, []);
        }
        "create_contact" => {
            let new = new_contact("Pat O'Neil");
            assert!(!xero.create_contact(token, organisation, &new).await.unwrap().is_empty());
            let taken = xero.create_contact(token, organisation, &new).await;
            assert!(matches!(taken, Err(ConnectorError::Rejected { status: 400, .. })), "{taken:?}");
        }
        "create_invoice" => {
            let new = new_invoice("SHOP-5726128734520");
            let made = xero.create_invoice(token, organisation, &new).await.unwrap();
            assert_eq!(made.total, Some("238.47".parse().unwrap()));
            let taken = xero.create_invoice(token, organisation, &new).await;
            assert!(matches!(taken, Err(ConnectorError::Rejected { status: 400, .. })), "{taken:?}");
        }
        "create_payment" => {
            let invoice = xero.create_invoice(token, organisation, &new_invoice("SHOP-1")).await.unwrap();
            let new = NewPayment {
                invoice_id: invoice.invoice_id,
                account_code: "970".into(),
                date: date(2026, 10, 1),
                amount: "238.47".parse().unwrap(),
            };
            assert!(!xero.create_payment(token, organisation, &new).await.unwrap().is_empty());
            let doubled = xero.create_payment(token, organisation, &new).await;
            assert!(matches!(doubled, Err(ConnectorError::Rejected { status: 400, .. })), "{doubled:?}");
        }
        _ => panic!("xero::{call} has no case in the test of the OpenAPI files"),
    }
}

fn new_contact(name: &str) -> NewContact {
    NewContact {
        name: name.to_owned(),
        first_name: Some("Pat".into()),
        last_name: Some("O'Neil".into()),
        email_address: Some("pat@example.com".into()),
        contact_number: "shopify-115310627314723954".into(),
    }
}

fn new_invoice(number: &str) -> NewInvoice {
    let line = InvoiceLine {
        description: "Mug".into(),
        quantity: "2".parse().unwrap(),
        unit_amount: "112.485".parse().unwrap(),
        tax_amount: "13.50".parse().unwrap(),
        account_code: "200".into(),
        tax_type: Some("OUTPUT2".into()),
    };
    NewInvoice {
        contact_id: CONTACT.into(),
        invoice_number: number.to_owned(),
        reference: "#1002".into(),
        date: date(2026, 10, 1),
        currency_code: "EUR".into(),
        tax_included: false,
        lines: vec![line],
    }
}

async fn of_hubspot(call: &str, prism: &Prism, simulated: &Simulated) {
    let through = |file: &str| {
        let endpoints = HubSpotEndpoints {
            api_url: prism.of(file).parse().unwrap(),
            api_version: "2026-03".into(),
            oauth_version: "2026-03".into(),
        };
        HubSpot::new(http_client(), endpoints, credentials())
    };
    let (contacts, deals) = (through("hubspot_contacts_2026-03.json"), through("hubspot_deals_2026-03.json"));
    let notes = through("hubspot_notes_2026-03.json");
    let token = &simulated.hubspot;
    match call {
        "find_contact_by_email" => {
            assert!(
                contacts
                    .find_contact_by_email(token, EMAIL, &["email", "firstname"])
                    .await
                    .unwrap()
                    .is_some()
            );
            assert!(contacts.find_contact_by_email(token, "no@b.dy", &["email"]).await.unwrap().is_none());
            let stranger = contacts.find_contact_by_email(&"stranger".into(), EMAIL, &["email"]).await;
            assert!(matches!(stranger, Err(ConnectorError::Unauthorised { .. })), "{stranger:?}");
        }
        "fetch_contact" => {
            let found = contacts.fetch_contact(token, PERSON, &["lifecyclestage"]).await.unwrap();
            assert!(found.is_some());
        }
        "update_contact" => {
            let update = |name: &str| BTreeMap::from([(name.to_owned(), "customer".to_owned())]);
            contacts.update_contact(token, PERSON, &update("lifecyclestage")).await.unwrap();
            let unknown = contacts.update_contact(token, PERSON, &update("no_such_property")).await;
            assert!(matches!(unknown, Err(ConnectorError::Rejected { status: 400, .. })), "{unknown:?}");
        }
        "fetch_deal" => {
            let deal = deals.fetch_deal(token, DEAL).await.unwrap().unwrap();
            assert!(deal.is_won && deal.contact_ids == [PERSON], "{deal:?}");
            assert!(deals.fetch_deal(token, "1").await.unwrap().is_none());
        }
        "create_note_on_deal" => {
            notes.create_note_on_deal(token, DEAL, "<p>Done</p>", Timestamp::UNIX_EPOCH).await.unwrap();
            let nowhere = notes.create_note_on_deal(token, "1", "<p>Done</p>", Timestamp::UNIX_EPOCH).await;
            assert!(matches!(nowhere, Err(ConnectorError::Rejected { status: 400, .. })), "{nowhere:?}");
        }
        "list_notes_of_deal" => {
            notes.create_note_on_deal(token, DEAL, "<p>Done</p>", Timestamp::UNIX_EPOCH).await.unwrap();
            assert!(!deals.list_notes_of_deal(token, DEAL, None).await.unwrap().ids.is_empty());
        }
        "fetch_notes" => {
            let id =
                notes.create_note_on_deal(token, DEAL, "<p>Done</p>", Timestamp::UNIX_EPOCH).await.unwrap();
            assert_eq!(notes.fetch_notes(token, &[id, "1".into()]).await.unwrap().len(), 1);
        }
        "refresh" => {
            let token_set = |refresh_token| TokenSet {
                access_token: "none".into(),
                refresh_token,
                expires_at: Timestamp::UNIX_EPOCH,
            };
            let oauth = through("hubspot_oauth_2026-03.json");
            let good = token_set(simulated.hubspot_refresh.clone());
            oauth.refresh("12345678", &good, Timestamp::now()).await.unwrap();
            let dead = oauth.refresh("12345678", &token_set("dead".into()), Timestamp::now()).await;
            assert!(matches!(dead, Err(ConnectorError::ReauthorisationNeeded { .. })), "{dead:?}");
        }
        _ => panic!("hubspot::{call} has no case in the test of the OpenAPI files"),
    }
}

async fn of_asana(call: &str, prism: &Prism, simulated: &Simulated) {
    let endpoints = AsanaEndpoints {
        api_url: prism.of("asana_oas.yaml").parse().unwrap(),
        token_url: simulated.url.parse().unwrap(),
    };
    let asana = Asana::new(http_client(), endpoints, credentials());
    let token = &simulated.asana;
    match call {
        "fetch_task" => {
            let task = asana.fetch_task(token, TASK).await.unwrap().unwrap();
            assert_eq!(task.external_gid.as_deref(), Some(KEY));
            assert!(asana.fetch_task(token, "1").await.unwrap().is_none());
            let stranger = asana.fetch_task(&"stranger".into(), TASK).await;
            assert!(matches!(stranger, Err(ConnectorError::Unauthorised { .. })), "{stranger:?}");
        }
        "find_task_by_external" => {
            assert!(asana.find_task_by_external(token, KEY).await.unwrap().is_some());
        }
        "create_task" => {
            let new = |project_gid| NewTask { project_gid, name: "Kick-off", notes: "n", external_gid: KEY };
            asana.create_task(token, new(PROJECT)).await.unwrap();
            let nowhere = asana.create_task(token, new("1")).await;
            assert!(matches!(nowhere, Err(ConnectorError::Rejected { status: 404, .. })), "{nowhere:?}");
        }
        "create_project" => {
            asana.create_project(token, WORKSPACE, "Acme", "n").await.unwrap();
        }
        "fetch_project" => {
            assert!(asana.fetch_project(token, PROJECT).await.unwrap().is_some());
        }
        "list_projects" => {
            assert!(!asana.list_projects(token, WORKSPACE, None).await.unwrap().records.is_empty());
        }
        "list_webhooks" => {
            asana.list_webhooks(token, WORKSPACE, None).await.unwrap();
        }
        "create_webhook" | "delete_webhook" => {
            let door = door().await;
            let gid = asana.create_webhook(token, PROJECT, &door.uri()).await.unwrap();
            let taken = asana.create_webhook(token, PROJECT, &door.uri()).await;
            assert!(matches!(taken, Err(ConnectorError::Rejected { status: 403, .. })), "{taken:?}");
            asana.delete_webhook(token, &gid).await.unwrap();
            asana.delete_webhook(token, &gid).await.unwrap();
        }
        "list_tasks" => {
            let since = Timestamp::UNIX_EPOCH;
            assert!(asana.list_tasks(token, PROJECT, since, None).await.unwrap().is_some());
            assert!(asana.list_tasks(token, "1", since, None).await.unwrap().is_none());
        }
        _ => panic!("asana::{call} has no case in the test of the OpenAPI files"),
    }
}

/// What shakes hands with Asana.
async fn door() -> MockServer {
    const SECRET: &str = "x-hook-secret";
    let door = MockServer::start().await;
    let echo = |request: &Request| match request.headers.get(SECRET) {
        Some(secret) => ResponseTemplate::new(200).insert_header(SECRET, secret.to_str().unwrap()),
        None => ResponseTemplate::new(200),
    };
    Mock::given(any()).respond_with(echo).mount(&door).await;
    door
}

fn credentials() -> ClientCredentials {
    ClientCredentials { id: "client".into(), secret: "secret".into() }
}
