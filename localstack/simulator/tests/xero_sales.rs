//! Xero's contacts, new invoices and payments.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

mod support;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use support::{ORGANISATION, World, send, status, text};
use uuid::Uuid;

fn new_contact(world: &World, contact: Value) -> RequestBuilder {
    world.xero(Method::PUT, "/Contacts").json(&json!({"Contacts": [contact]}))
}

async fn customer(world: &World) -> String {
    let (status, body) = send(new_contact(
        world,
        json!({"Name": "Pat O'Neil", "EmailAddress": "pat@example.com", "ContactNumber": "shopify-7"}),
    ))
    .await;
    assert_eq!(status, 200, "{body}");
    text(&body["Contacts"][0]["ContactID"])
}

/// The order of the providers' example as an invoice, with changes.
fn invoice(contact: &str, changes: Value) -> Value {
    let mut invoice = json!({
        "Type": "ACCREC", "Status": "AUTHORISED", "Contact": {"ContactID": contact},
        "InvoiceNumber": "SHOP-5726128734520", "Reference": "#1002", "Date": "2026-10-01",
        "DueDate": "2026-10-01", "CurrencyCode": "EUR", "LineAmountTypes": "Exclusive",
        "LineItems": [{
            "Description": "Mug", "Quantity": 2, "UnitAmount": 112.485, "AccountCode": "200",
            "TaxType": "OUTPUT2", "TaxAmount": 13.50,
        }],
    });
    invoice.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    invoice
}

fn new_invoice(world: &World, invoice: Value) -> RequestBuilder {
    world.xero(Method::PUT, "/Invoices?unitdp=4").json(&json!({"Invoices": [invoice]}))
}

fn payment(world: &World, amount: &str) -> RequestBuilder {
    let invoice = json!({"InvoiceNumber": "SHOP-5726128734520"});
    let payment =
        json!({"Invoice": invoice, "Account": {"Code": "970"}, "Date": "2026-10-01", "Amount": amount});
    world.xero(Method::PUT, "/Payments").json(&json!({"Payments": [payment]}))
}

fn problem(body: &Value) -> String {
    assert_eq!(body["Type"], "ValidationException", "{body}");
    text(&body["Elements"][0]["ValidationErrors"][0]["Message"])
}

#[tokio::test]
async fn a_contact_is_created_once_by_name_and_found_by_its_fields() {
    let world = World::start().await;
    let id = customer(&world).await;
    for filter in [
        r#"EmailAddress=="pat@example.com""#.to_owned(),
        r#"ContactNumber=="shopify-7" AND Name=="Pat O'Neil""#.to_owned(),
        format!("ContactID==guid(\"{id}\")"),
    ] {
        let list = world.xero(Method::GET, "/Contacts").query(&[("where", &filter)]);
        let (status, body) = send(list).await;
        assert_eq!((status, &body["Contacts"][0]["ContactID"]), (200, &json!(id)), "{filter}");
    }
    let nobody = world.xero(Method::GET, "/Contacts").query(&[("where", r#"EmailAddress=="a@b.c""#)]);
    assert_eq!(send(nobody).await.1["Contacts"], json!([]));
    let unknown = world.xero(Method::GET, "/Contacts").query(&[("where", r#"Shoe=="9""#)]);
    assert_eq!(send(unknown).await.1["Type"], "QueryParseException");
    assert_eq!(status(world.xero(Method::GET, "/Contacts?searchTerm=o'neil&summaryOnly=true")).await, 200);

    let again = new_contact(&world, json!({"Name": "pat o'neil"}));
    let (status, body) = send(again).await;
    assert_eq!(status, 400);
    assert!(problem(&body).contains("already assigned to another contact"));
    assert_eq!(world.effects("xero").await.len(), 1);
}

#[tokio::test]
async fn a_contact_that_xero_would_not_take_is_refused() {
    let world = World::start().await;
    for (contact, part) in [
        (json!({"EmailAddress": "a@example.com"}), "Name must be specified"),
        (json!({"Name": "A", "EmailAddress": "a at example"}), "must be valid"),
        (json!({"Name": "A", "ContactNumber": "9".repeat(51)}), "at most 50"),
        (json!({"Name": "A", "Shoe": 9}), "Shoe"),
    ] {
        let (status, body) = send(new_contact(&world, contact)).await;
        assert_eq!(status, 400);
        assert!(problem(&body).contains(part), "{body}");
    }
    assert!(world.effects("xero").await.is_empty());
}

#[tokio::test]
async fn an_invoice_gets_its_totals_and_its_number_lasts() {
    let world = World::start().await;
    let contact = customer(&world).await;
    let created =
        new_invoice(&world, invoice(&contact, json!({}))).send().await.unwrap().text().await.unwrap();
    for part in [
        r#""LineAmount":224.97,"#,
        r#""SubTotal":224.97,"TotalTax":13.50,"Total":238.47,"#,
        r#""AmountDue":238.47,"AmountPaid":0.00,"#,
        r#""UnitAmount":112.485,"#,
    ] {
        assert!(created.contains(part), "{part} in {created}");
    }
    let (status, body) = send(new_invoice(&world, invoice(&contact, json!({})))).await;
    assert_eq!((status, problem(&body).as_str()), (400, "Invoice # must be unique."));
    let (_, found) = send(world.xero(Method::GET, "/Invoices/SHOP-5726128734520")).await;
    assert_eq!(found["Invoices"][0]["Contact"]["EmailAddress"], "pat@example.com");
    assert_eq!(found["Invoices"][0]["Status"], "AUTHORISED");
}

#[tokio::test]
async fn unit_amounts_are_rounded_unless_four_places_are_asked_for_and_tax_follows_its_type() {
    let world = World::start().await;
    let contact = customer(&world).await;
    let line = |more: Value| {
        let mut line =
            json!({"Description": "Mug", "Quantity": 2, "UnitAmount": 112.485, "AccountCode": "200"});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([line])
    };
    for (number, types, line, totals) in [
        (1, "Exclusive", line(json!({})), [224.98, 33.75, 258.73]),
        (2, "Inclusive", line(json!({"TaxType": "OUTPUT"})), [204.53, 20.45, 224.98]),
        (3, "NoTax", line(json!({})), [224.98, 0.0, 224.98]),
        (4, "Exclusive", line(json!({"TaxType": "NONE", "DiscountRate": 50})), [112.49, 0.0, 112.49]),
    ] {
        let changes =
            json!({"InvoiceNumber": format!("N-{number}"), "LineAmountTypes": types, "LineItems": line});
        let create =
            world.xero(Method::PUT, "/Invoices").json(&json!({"Invoices": [invoice(&contact, changes)]}));
        let (status, body) = send(create).await;
        assert_eq!(status, 200, "{body}");
        let made = &body["Invoices"][0];
        assert_eq!(
            [&made["SubTotal"], &made["TotalTax"], &made["Total"]],
            [&json!(totals[0]), &json!(totals[1]), &json!(totals[2])]
        );
    }
}

#[tokio::test]
async fn an_invoice_that_xero_would_not_take_is_refused_with_every_reason() {
    let world = World::start().await;
    let contact = customer(&world).await;
    for (changes, part) in [
        (json!({"Contact": {"ContactID": Uuid::new_v4()}}), "could not be found"),
        (json!({"DueDate": null}), "Due Date"),
        (json!({"LineItems": []}), "line items"),
        (json!({"Status": "PAID"}), "valid status"),
        (json!({"LineItems": [{"Description": "Mug", "AccountCode": "999"}]}), "Account code '999'"),
        (json!({"LineItems": [{"Description": "Mug", "AccountCode": "200", "TaxType": "VAT"}]}), "TaxType"),
        (
            json!({"LineItems": [{"Description": "Mug", "AccountCode": "200", "UnitAmount": 1, "LineAmount": 2}]}),
            "does not match",
        ),
    ] {
        let (status, body) = send(new_invoice(&world, invoice(&contact, changes))).await;
        assert_eq!(status, 400);
        assert!(problem(&body).contains(part), "{body}");
    }
    let two_reasons = invoice(&contact, json!({"DueDate": null, "LineItems": []}));
    let (_, body) = send(new_invoice(&world, two_reasons)).await;
    assert_eq!(body["Elements"][0]["ValidationErrors"].as_array().unwrap().len(), 2);
    let by_name = invoice(&contact, json!({"Contact": {"Name": "Pat O'Neil"}}));
    assert_eq!(send(new_invoice(&world, by_name)).await.1["Type"], "PostDataInvalidException");
}

#[tokio::test]
async fn payments_pay_an_invoice_and_never_more_than_it() {
    let world = World::start().await;
    let contact = customer(&world).await;
    send(new_invoice(&world, invoice(&contact, json!({})))).await;
    assert!(problem(&send(payment(&world, "238.48")).await.1).contains("exceeds the amount outstanding"));
    assert!(problem(&send(payment(&world, "0")).await.1).contains("greater than zero"));

    let (status, first) = send(payment(&world, "38.47")).await;
    assert_eq!((status, &first["Payments"][0]["Invoice"]["AmountDue"]), (200, &json!(200.0)));
    let (_, last) = send(payment(&world, "200")).await;
    assert_eq!(last["Payments"][0]["Invoice"]["Status"], "PAID");
    assert!(problem(&send(payment(&world, "0.01")).await.1).contains("exceeds"));

    let read = world.xero(Method::GET, "/Invoices/SHOP-5726128734520").send().await.unwrap();
    let read = read.text().await.unwrap();
    for part in [
        r#""AmountDue":0.00,"AmountPaid":238.47,"#,
        r#""FullyPaidOnDate":"/Date(1790812800000+0000)/""#,
        r#""Status":"PAID""#,
    ] {
        assert!(read.contains(part), "{part} in {read}");
    }
    let of = [("where", r#"Invoice.InvoiceNumber=="SHOP-5726128734520""#)];
    let (_, payments) = send(world.xero(Method::GET, "/Payments").query(&of)).await;
    assert_eq!(payments["Payments"].as_array().unwrap().len(), 2);
    let since = world.xero(Method::GET, "/Invoices?Statuses=PAID").header("if-modified-since", "2026-01-01");
    assert_eq!(send(since).await.1["pagination"]["itemCount"], 1);
}

#[tokio::test]
async fn a_seeded_invoice_can_be_paid_too() {
    let world = World::start().await;
    let record =
        json!({"InvoiceNumber": "INV-1", "Status": "AUTHORISED", "AmountDue": 10.50, "AmountPaid": 0});
    world.seed("xero", "invoice", record).await;
    let body = json!({"Payments": [{"Invoice": {"InvoiceNumber": "INV-1"}, "Account": {"Code": "090"}, "Amount": 10.5}]});
    assert_eq!(status(world.xero(Method::PUT, "/Payments").json(&body)).await, 200);
    let (_, read) = send(world.xero(Method::GET, "/Invoices/INV-1")).await;
    assert_eq!(read["Invoices"][0]["Status"], "PAID");
    let draft = world
        .seed("xero", "invoice", json!({"InvoiceNumber": "INV-2", "Status": "DRAFT", "AmountDue": 1}))
        .await;
    let body = json!({"Payments": [{"Invoice": {"InvoiceID": draft["InvoiceID"]}, "Account": {"Code": "200"}, "Amount": 1}]});
    let (_, refused) = send(world.xero(Method::PUT, "/Payments").json(&body)).await;
    assert_eq!(refused["Elements"][0]["ValidationErrors"].as_array().unwrap().len(), 2, "{refused}");
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_done_once_under_its_key() {
    let world = World::start().await;
    let contact = customer(&world).await;
    world
        .order_fault("xero", "timeout_after_commit", json!({"match": {"method": "PUT", "path": "/Invoices"}}))
        .await;
    let create = || new_invoice(&world, invoice(&contact, json!({}))).header("idempotency-key", "key-1");
    let lost = create().timeout(std::time::Duration::from_millis(300)).send().await;
    assert!(lost.unwrap_err().is_timeout());
    assert_eq!(status(create()).await, 200);
    assert_eq!(world.effects("xero").await.len(), 2);
    world.advance(6 * 60).await;
    let (_, body) = send(create()).await;
    assert_eq!(problem(&body), "Invoice # must be unique.");
    let other = world.xero_as(&world.xero.access, ORGANISATION, Method::POST, "/Invoices");
    assert_eq!(status(other).await, 404);
}
