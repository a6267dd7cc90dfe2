//! Every connector passes the same suite.

mod xero {
    use secrecy::SecretString;
    use zixly_connectors::xero::{Xero, XeroEndpoints};
    use zixly_connectors::{ClientCredentials, ConnectorError};
    use zixly_testkit::connector_conformance;
    use zixly_testkit::connector_conformance::Subject;

    struct XeroSubject;

    impl Subject for XeroSubject {
        type Connector = Xero;

        const GOOD_ANSWER: &'static str =
            r#"{"Invoices":[{"InvoiceID":"1","Type":"ACCREC","Status":"PAID"}]}"#;

        fn connector(http: reqwest::Client, server_url: &str, credentials: ClientCredentials) -> Xero {
            let endpoints = XeroEndpoints {
                api_url: format!("{server_url}/api.xro/2.0").parse().expect("an http URL"),
                token_url: format!("{server_url}/connect/token").parse().expect("an http URL"),
            };
            Xero::new(http, endpoints, credentials)
        }

        async fn read(connector: &Xero, token: &SecretString) -> Result<String, ConnectorError> {
            connector.fetch_invoice(token, "organisation", "1").await.map(|invoice| format!("{invoice:?}"))
        }

        fn rejection(message: &str) -> serde_json::Value {
            serde_json::json!({"Elements": [{"ValidationErrors": [{"Message": message}]}]})
        }
    }

    connector_conformance!(XeroSubject);
}

mod hubspot {
    use secrecy::SecretString;
    use zixly_connectors::hubspot::{HubSpot, HubSpotEndpoints};
    use zixly_connectors::{ClientCredentials, ConnectorError};
    use zixly_testkit::connector_conformance;
    use zixly_testkit::connector_conformance::Subject;

    struct HubSpotSubject;

    impl Subject for HubSpotSubject {
        type Connector = HubSpot;

        const GOOD_ANSWER: &'static str = r#"{"id":"1","properties":{"email":"pat@example.com"}}"#;

        fn connector(http: reqwest::Client, server_url: &str, credentials: ClientCredentials) -> HubSpot {
            let endpoints = HubSpotEndpoints {
                api_url: server_url.parse().expect("an http URL"),
                api_version: "2026-03".to_owned(),
            };
            HubSpot::new(http, endpoints, credentials)
        }

        async fn read(connector: &HubSpot, token: &SecretString) -> Result<String, ConnectorError> {
            let found = connector.find_contact_by_email(token, "pat@example.com", &["email"]).await;
            found.map(|contact| format!("{contact:?}"))
        }

        fn rejection(message: &str) -> serde_json::Value {
            serde_json::json!({"status": "error", "category": "VALIDATION_ERROR", "message": message})
        }
    }

    connector_conformance!(HubSpotSubject);
}
