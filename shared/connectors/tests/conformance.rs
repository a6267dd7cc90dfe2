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

mod shopify {
    use secrecy::SecretString;
    use zixly_connectors::shopify::{Shopify, ShopifyEndpoints};
    use zixly_connectors::{ClientCredentials, ConnectorError};
    use zixly_testkit::connector_conformance;
    use zixly_testkit::connector_conformance::Subject;

    struct ShopifySubject;

    impl Subject for ShopifySubject {
        type Connector = Shopify;

        const GOOD_ANSWER: &'static str = r##"{"data":{"order":{"id":"gid://shopify/Order/1","name":"#1","currencyCode":"EUR",
            "totalPriceSet":{"shopMoney":{"amount":"1.0"}},"lineItems":{"pageInfo":{"hasNextPage":false},"nodes":[]}}}}"##;
        const MISSING: (u16, &'static str) = (200, r#"{"data":{"order":null}}"#);
        const ACCOUNT: &'static str = "quickstart.myshopify.com";

        fn token_header(token: &str) -> (&'static str, String) {
            ("X-Shopify-Access-Token", token.to_owned())
        }

        fn connector(http: reqwest::Client, server_url: &str, credentials: ClientCredentials) -> Shopify {
            let endpoints = ShopifyEndpoints {
                shop_url: format!("{server_url}/shopify/{{shop}}").parse().expect("a shop's URL"),
                api_version: "2026-07".to_owned(),
            };
            Shopify::new(http, endpoints, credentials)
        }

        async fn read(connector: &Shopify, token: &SecretString) -> Result<String, ConnectorError> {
            let found = connector.fetch_order(token, Self::ACCOUNT, "1", None).await;
            found.map(|order| format!("{order:?}"))
        }

        fn rejection(message: &str) -> serde_json::Value {
            serde_json::json!({ "errors": message })
        }
    }

    connector_conformance!(ShopifySubject);
}

mod asana {
    use secrecy::SecretString;
    use zixly_connectors::asana::{Asana, AsanaEndpoints};
    use zixly_connectors::{ClientCredentials, ConnectorError};
    use zixly_testkit::connector_conformance;
    use zixly_testkit::connector_conformance::Subject;

    struct AsanaSubject;

    impl Subject for AsanaSubject {
        type Connector = Asana;

        const GOOD_ANSWER: &'static str = r#"{"data":{"gid":"1","name":"Kick-off","completed":false}}"#;

        fn connector(http: reqwest::Client, server_url: &str, credentials: ClientCredentials) -> Asana {
            let endpoints = AsanaEndpoints {
                api_url: format!("{server_url}/api/1.0").parse().expect("an http URL"),
                token_url: format!("{server_url}/-/oauth_token").parse().expect("an http URL"),
            };
            Asana::new(http, endpoints, credentials)
        }

        async fn read(connector: &Asana, token: &SecretString) -> Result<String, ConnectorError> {
            connector.fetch_task(token, "1").await.map(|task| format!("{task:?}"))
        }

        fn rejection(message: &str) -> serde_json::Value {
            serde_json::json!({"errors": [{"message": message, "help": "For more information on API status codes"}]})
        }
    }

    connector_conformance!(AsanaSubject);
}
