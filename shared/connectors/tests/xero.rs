//! Xero's requests and answers. The bodies are quoted from Xero's OpenAPI file (XeroAPI/Xero-OpenAPI,
//! `xero_accounting.yaml` 16.1.0) and from answers reported at XeroAPI/xero-node, read in October 2026.

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{any, body_json, body_string, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};
use zixly_connectors::xero::{Invoice, InvoiceLine, NewContact, NewInvoice, NewPayment, Xero, XeroEndpoints};
use zixly_connectors::{
    ClientCredentials, ConnectorError, MalformedAnswer, ReauthorisationReason, RefreshTokens, http_client,
};
use zixly_domain::TokenSet;

const INVOICE_ID: &str = "a03ffcd2-5d91-4c7e-b483-318584e9e439";

/// `xero_accounting.yaml`, getInvoice: the fields that the workflows use.
const PAID_INVOICE: &str = r#"{"Invoices":[{"Type":"ACCREC","InvoiceID":"a03ffcd2-5d91-4c7e-b483-318584e9e439","InvoiceNumber":"INV-0006","Reference":"Tour","Status":"PAID","AmountDue":0.00,"AmountPaid":148062.76,"Total":148062.76,"CurrencyCode":"NZD","FullyPaidOnDate":"/Date(1552953600000+0000)/","UpdatedDateUTC":"/Date(1551981568133+0000)/","Contact":{"ContactID":"430fa14a-f945-44d3-9f97-5df5e28441b8","Name":"Liam Gallagher","EmailAddress":"liam@rockstar.com"},"Payments":[{"PaymentID":"38928000-e9a0-420c-8884-f624bab2a351","Date":"/Date(1552953600000+0000)/","Amount":148062.76}]}]}"#;

#[tokio::test]
async fn a_paid_invoice_is_read_with_exact_money_and_its_day_of_payment() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(format!("/api.xro/2.0/Invoices/{INVOICE_ID}")))
        .and(header("Authorization", "Bearer token"))
        .and(header("xero-tenant-id", "c2cc9b6e-9458-4c7d-93cc-f02b81b0594f"))
        .and(header("Accept", "application/json"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(PAID_INVOICE, "application/json"))
        .mount(&server)
        .await;

    let invoice = fetch(&server, INVOICE_ID).await.unwrap().unwrap();

    assert_eq!(invoice.invoice_number.as_deref(), Some("INV-0006"));
    assert_eq!((invoice.kind.as_str(), invoice.status.as_str()), ("ACCREC", "PAID"));
    assert_eq!(invoice.total.unwrap().to_string(), "148062.76");
    assert_eq!(invoice.amount_paid, invoice.total);
    assert_eq!(invoice.currency_code.as_deref(), Some("NZD"));
    assert_eq!(invoice.fully_paid_on, Some(jiff::civil::date(2019, 3, 19)));
    let contact = invoice.contact.unwrap();
    assert_eq!(contact.contact_id.as_deref(), Some("430fa14a-f945-44d3-9f97-5df5e28441b8"));
    assert_eq!(contact.name.as_deref(), Some("Liam Gallagher"));
    assert_eq!(contact.email_address.as_deref(), Some("liam@rockstar.com"));
}

#[tokio::test]
async fn a_draft_without_amounts_and_contact_is_still_an_invoice() {
    let body = format!(r#"{{"Invoices":[{{"InvoiceID":"{INVOICE_ID}","Type":"ACCPAY","Status":"DRAFT"}}]}}"#);
    let invoice = fetch_answer(200, &body).await.unwrap().unwrap();
    assert_eq!((invoice.total, invoice.fully_paid_on, invoice.contact), (None, None, None));
}

#[tokio::test]
async fn an_empty_email_address_is_none() {
    for address in [r#""""#, r#""  ""#, "null"] {
        let body = PAID_INVOICE.replace(r#""liam@rockstar.com""#, address);
        let invoice = fetch_answer(200, &body).await.unwrap().unwrap();
        assert_eq!(invoice.contact.unwrap().email_address, None, "{address}");
    }
}

#[tokio::test]
async fn another_invoice_than_the_one_asked_for_is_not_taken() {
    let server = server(200, PAID_INVOICE).await;
    assert_eq!(fetch(&server, "").await.unwrap(), None);
    assert_eq!(fetch(&server, "INV-0006").await.unwrap(), None);
    assert!(fetch(&server, &INVOICE_ID.to_uppercase()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_wrong_amount_is_named_by_its_place() {
    let body = PAID_INVOICE.replace(r#""Total":148062.76"#, r#""Total":{"secret":1}"#);
    let error = fetch_answer(200, &body).await.unwrap_err();
    let ConnectorError::Malformed { source: MalformedAnswer::WrongShape { path }, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(path, "Invoices[0].Total");
}

#[tokio::test]
async fn the_concurrent_limit_has_no_time() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(429).insert_header("X-Rate-Limit-Problem", "concurrent");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let error = fetch(&server, INVOICE_ID).await.unwrap_err();
    assert!(matches!(error, ConnectorError::RateLimited { retry_after: None, .. }), "{error:?}");
}

#[tokio::test]
async fn a_disconnected_organisation_needs_a_person() {
    // XeroAPI/xero-node issue 432.
    let body = r#"{"Title":"Forbidden","Status":403,"Detail":"AuthenticationUnsuccessful"}"#;
    check_reason(403, body, ReauthorisationReason::Disconnected).await;
}

#[tokio::test]
async fn a_missing_scope_needs_a_person_and_no_refresh() {
    let body = r#"{"Title":"Unauthorized","Status":401,"Detail":"AuthorizationUnsuccessful"}"#;
    check_reason(401, body, ReauthorisationReason::ScopeMissing).await;
}

#[tokio::test]
async fn an_expired_token_calls_for_a_refresh() {
    let body = r#"{"Title":"Unauthorized","Status":401,"Detail":"TokenExpired: token expired at 10/01/2026 02:44:21"}"#;
    let error = fetch_answer(401, body).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Unauthorised { .. }), "{error:?}");
}

#[tokio::test]
async fn a_validation_error_tells_what_is_wrong_with_the_element() {
    let body = r#"{"ErrorNumber":10,"Type":"ValidationException","Message":"A validation exception occurred","Elements":[{"ValidationErrors":[{"Message":"Invoice # must be unique."}]}]}"#;
    let error = fetch_answer(400, body).await.unwrap_err();
    assert_eq!(with_words(&error), "Xero rejected the request with status 400: Invoice # must be unique.");
}

#[tokio::test]
async fn another_403_is_a_rejection_in_the_words_of_the_gateway() {
    let error =
        fetch_answer(403, r#"{"Title":"Forbidden","Status":403,"Detail":"Blocked"}"#).await.unwrap_err();
    assert_eq!(with_words(&error), "Xero rejected the request with status 403: Blocked");
}

#[tokio::test]
async fn the_token_endpoint_gets_the_credentials_in_a_basic_header() {
    let server = MockServer::start().await;
    // XeroAPI/Xero-OpenAPI `xero-identity.yaml`; the access token is a JWT there.
    let answer = r#"{"id_token":"x","access_token":"a","expires_in":1800,"token_type":"Bearer","refresh_token":"b","scope":"offline_access accounting.invoices"}"#;
    Mock::given(method("POST"))
        .and(path("/connect/token"))
        .and(header("Authorization", "Basic aWQ6c2VjcmV0"))
        .and(body_string("grant_type=refresh_token&refresh_token=old"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(answer, "application/json"))
        .expect(1)
        .mount(&server)
        .await;
    let old =
        TokenSet { access_token: "x".into(), refresh_token: "old".into(), expires_at: Timestamp::UNIX_EPOCH };
    let token_set = xero(&server).refresh("organisation", &old, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(token_set.expires_at.as_second(), 1800);
}

#[tokio::test]
async fn paid_invoices_are_listed_from_a_time_on_page_by_page() {
    let server = MockServer::start().await;
    let body = json!({
        "pagination": { "page": 1, "pageSize": 100, "pageCount": 2, "itemCount": 101 },
        "Invoices": [{ "Type": "ACCREC", "InvoiceID": INVOICE_ID, "Status": "PAID", "FullyPaidOnDate": "/Date(1552953600000+0000)/",
                       "UpdatedDateUTC": "/Date(1551981568133+0000)/" }],
    });
    for page in [1, 2] {
        Mock::given(method("GET"))
            .and(path("/api.xro/2.0/Invoices"))
            .and(query_param("Statuses", "PAID"))
            .and(query_param("order", "UpdatedDateUTC ASC"))
            .and(query_param("page", page.to_string()))
            .and(header("If-Modified-Since", "2026-10-01T09:12:44Z"))
            .respond_with(ResponseTemplate::new(200).set_body_json(&body))
            .mount(&server)
            .await;
    }
    let since = "2026-10-01T09:12:44.917Z".parse().unwrap();
    for (page, has_more) in [(1, true), (2, false)] {
        let found =
            xero(&server).list_paid_invoices(&"token".into(), "organisation", since, page).await.unwrap();
        assert_eq!(found.has_more, has_more);
        assert_eq!(found.invoices[0].fully_paid_on, Some(jiff::civil::date(2019, 3, 19)));
        assert_eq!(found.invoices[0].updated_at, Some("2019-03-07T17:59:28.133Z".parse().unwrap()));
    }
}

#[tokio::test]
async fn contacts_are_found_by_their_address_whatever_xero_adds() {
    let server = MockServer::start().await;
    let contact = |id: &str, email: &str, status: &str| json!({ "ContactID": id, "Name": id, "EmailAddress": email, "ContactStatus": status });
    let body = json!({ "Contacts": [
        contact("archived", "pat@example.com", "ARCHIVED"),
        contact("another", "patrick@example.com", "ACTIVE"),
        contact("pat", "Pat@example.com", "ACTIVE"),
    ] });
    Mock::given(method("GET"))
        .and(path("/api.xro/2.0/Contacts"))
        .and(query_param("where", "EmailAddress==\"pat@example.com\""))
        .and(query_param("includeArchived", "true"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .expect(1)
        .mount(&server)
        .await;
    let xero = xero(&server);
    let found = xero.find_contacts_by_email(&"token".into(), "organisation", "pat@example.com").await;
    let found = found.unwrap().into_iter().map(|contact| (contact.contact_id, contact.is_archived));
    assert_eq!(found.collect::<Vec<_>>(), [("archived".to_owned(), true), ("pat".to_owned(), false)]);
    // A quotation mark would end the text in the filter and begin another condition.
    let smuggled = xero.find_contacts_by_email(&"token".into(), "organisation", "a\" OR Name==\"b").await;
    assert_eq!(smuggled.unwrap(), []);
}

#[tokio::test]
async fn a_contact_an_invoice_and_a_payment_are_made_with_every_digit() {
    let server = MockServer::start().await;
    let expect = |route: &str, body: Value, answer: Value| {
        Mock::given(method("PUT"))
            .and(path(format!("/api.xro/2.0/{route}")))
            .and(body_json(body))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
            .expect(1)
            .mount(&server)
    };
    expect(
        "Contacts",
        json!({ "Contacts": [{ "Name": "Pat", "EmailAddress": "pat@example.com", "ContactNumber": "shopify-1" }] }),
        json!({ "Contacts": [{ "ContactID": "430fa14a", "Name": "Pat" }] }),
    )
    .await;
    expect(
        "Invoices",
        json!({ "Invoices": [{
            "Type": "ACCREC", "Status": "AUTHORISED", "Contact": { "ContactID": "430fa14a" },
            "InvoiceNumber": "SHOP-1", "Reference": "#1002", "Date": "2026-10-01", "DueDate": "2026-10-01",
            "CurrencyCode": "EUR", "LineAmountTypes": "Exclusive",
            "LineItems": [{
                "Description": "Mug", "Quantity": 2, "UnitAmount": 112.485, "TaxAmount": 13.50, "AccountCode": "200",
                "TaxType": "OUTPUT2",
            }],
        }] }),
        json!({ "Invoices": [{ "InvoiceID": INVOICE_ID, "Type": "ACCREC", "Status": "AUTHORISED", "AmountDue": 238.47 }] }),
    )
    .await;
    expect(
        "Payments",
        json!({ "Payments": [{
            "Invoice": { "InvoiceID": INVOICE_ID }, "Account": { "Code": "970" }, "Date": "2026-10-01", "Amount": 238.47,
        }] }),
        json!({ "Payments": [{ "PaymentID": "38928000", "Amount": 238.47 }] }),
    )
    .await;

    let (xero, token, date) = (xero(&server), SecretString::from("token"), jiff::civil::date(2026, 10, 1));
    let contact = NewContact {
        name: "Pat".into(),
        first_name: None,
        last_name: None,
        email_address: Some("pat@example.com".into()),
        contact_number: "shopify-1".into(),
    };
    let contact_id = xero.create_contact(&token, "organisation", &contact).await.unwrap();
    let line = InvoiceLine {
        description: "Mug".into(),
        quantity: "2".parse().unwrap(),
        unit_amount: "112.485".parse().unwrap(),
        tax_amount: "13.50".parse().unwrap(),
        account_code: "200".into(),
        tax_type: Some("OUTPUT2".into()),
    };
    let invoice = NewInvoice {
        contact_id,
        invoice_number: "SHOP-1".into(),
        reference: "#1002".into(),
        date,
        currency_code: "EUR".into(),
        tax_included: false,
        lines: vec![line],
    };
    let invoice = xero.create_invoice(&token, "organisation", &invoice).await.unwrap();
    assert_eq!(invoice.amount_due.unwrap().to_string(), "238.47");
    let payment = NewPayment {
        invoice_id: invoice.invoice_id,
        account_code: "970".into(),
        date,
        amount: "238.47".parse().unwrap(),
    };
    assert_eq!(xero.create_payment(&token, "organisation", &payment).await.unwrap(), "38928000");
    let requests = server.received_requests().await.unwrap();
    let sent = String::from_utf8(requests[1].body.clone()).unwrap();
    assert!(sent.contains(r#""UnitAmount":112.485,"TaxAmount":13.50,"#), "{sent}");
    assert_eq!(requests[1].url.query(), Some("unitdp=4"));
}

#[tokio::test]
async fn an_invoice_is_found_by_its_number_unless_it_is_void() {
    for (status, is_found) in [("AUTHORISED", true), ("PAID", true), ("VOIDED", false), ("DELETED", false)] {
        let body = PAID_INVOICE.replace(r#""Status":"PAID""#, &format!(r#""Status":"{status}""#));
        let server = server(200, &body).await;
        let found =
            xero(&server).find_invoice_by_number(&"token".into(), "organisation", "INV-0006").await.unwrap();
        assert_eq!(found.is_some(), is_found, "{status}");
        let payment = found.map(|invoice| invoice.payments[0].payment_id.clone());
        assert_eq!(payment.is_some(), is_found);
    }
    let server = server(404, "").await;
    assert_eq!(
        xero(&server).find_invoice_by_number(&"token".into(), "organisation", "SHOP-1").await.unwrap(),
        None
    );
}

async fn check_reason(status: u16, body: &str, expected: ReauthorisationReason) {
    let error = fetch_answer(status, body).await.expect_err("no success");
    let ConnectorError::ReauthorisationNeeded { reason, .. } = error else { panic!("{error:?}") };
    assert_eq!(reason, expected);
}

async fn fetch_answer(status: u16, body: &str) -> Result<Option<Invoice>, ConnectorError> {
    fetch(&server(status, body).await, INVOICE_ID).await
}

async fn fetch(server: &MockServer, invoice_id: &str) -> Result<Option<Invoice>, ConnectorError> {
    let token = SecretString::from("token");
    xero(server).fetch_invoice(&token, "c2cc9b6e-9458-4c7d-93cc-f02b81b0594f", invoice_id).await
}

async fn server(status: u16, body: &str) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_raw(body, "application/json");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn xero(server: &MockServer) -> Xero {
    let endpoints = XeroEndpoints {
        api_url: format!("{}/api.xro/2.0", server.uri()).parse().expect("an http URL"),
        token_url: format!("{}/connect/token", server.uri()).parse().expect("an http URL"),
    };
    Xero::new(http_client(), endpoints, ClientCredentials { id: "id".to_owned(), secret: "secret".into() })
}

/// The error with what the provider said.
fn with_words(error: &ConnectorError) -> String {
    match error {
        ConnectorError::Rejected { words, .. } => format!("{error}: {}", words.0),
        _ => error.to_string(),
    }
}
