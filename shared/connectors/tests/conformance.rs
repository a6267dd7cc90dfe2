//! Every connector passes the same suite.

mod xero {
    use secrecy::SecretString;
    use zixly_connectors::xero::{Xero, XeroEndpoints};
    use zixly_connectors::{ClientCredentials, ConnectorError};
    use zixly_testkit::connector_conformance;
    use zixly_testkit::connector_conformance::{Looks, Refreshes, Subject, TakesToken};

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

        async fn call(connector: &Xero, token: &SecretString) -> Result<String, ConnectorError> {
            connector.fetch_invoice(token, "organisation", "1").await.map(|invoice| format!("{invoice:?}"))
        }

        fn rejection(message: &str) -> serde_json::Value {
            serde_json::json!({"Elements": [{"ValidationErrors": [{"Message": message}]}]})
        }
    }

    impl TakesToken for XeroSubject {}
    impl Refreshes for XeroSubject {}
    impl Looks for XeroSubject {}

    connector_conformance!(XeroSubject, takes_token, refreshes, looks);
}

mod hubspot {
    use secrecy::SecretString;
    use zixly_connectors::hubspot::{HubSpot, HubSpotEndpoints};
    use zixly_connectors::{ClientCredentials, ConnectorError};
    use zixly_testkit::connector_conformance;
    use zixly_testkit::connector_conformance::{Looks, Refreshes, Subject, TakesToken};

    struct HubSpotSubject;

    impl Subject for HubSpotSubject {
        type Connector = HubSpot;

        const GOOD_ANSWER: &'static str = r#"{"id":"1","properties":{"email":"pat@example.com"}}"#;

        fn connector(http: reqwest::Client, server_url: &str, credentials: ClientCredentials) -> HubSpot {
            let endpoints = HubSpotEndpoints {
                api_url: server_url.parse().expect("an http URL"),
                api_version: "2026-03".to_owned(),
                oauth_version: "2026-03".to_owned(),
            };
            HubSpot::new(http, endpoints, credentials)
        }

        async fn call(connector: &HubSpot, token: &SecretString) -> Result<String, ConnectorError> {
            let found = connector.find_contact_by_email(token, "pat@example.com", &["email"]).await;
            found.map(|contact| format!("{contact:?}"))
        }

        fn rejection(message: &str) -> serde_json::Value {
            serde_json::json!({"status": "error", "category": "VALIDATION_ERROR", "message": message})
        }
    }

    impl TakesToken for HubSpotSubject {}
    impl Refreshes for HubSpotSubject {}
    impl Looks for HubSpotSubject {}

    connector_conformance!(HubSpotSubject, takes_token, refreshes, looks);
}

mod shopify {
    use secrecy::SecretString;
    use zixly_connectors::shopify::{Shopify, ShopifyEndpoints};
    use zixly_connectors::{ClientCredentials, ConnectorError};
    use zixly_testkit::connector_conformance;
    use zixly_testkit::connector_conformance::{Looks, Refreshes, Subject, TakesToken};

    struct ShopifySubject;

    impl Subject for ShopifySubject {
        type Connector = Shopify;

        const GOOD_ANSWER: &'static str = r##"{"data":{"order":{"id":"gid://shopify/Order/1","name":"#1","currencyCode":"EUR",
            "totalPriceSet":{"shopMoney":{"amount":"1.0"}},"lineItems":{"pageInfo":{"hasNextPage":false},"nodes":[]}}}}"##;

        fn connector(http: reqwest::Client, server_url: &str, credentials: ClientCredentials) -> Shopify {
            let endpoints = ShopifyEndpoints {
                shop_url: format!("{server_url}/shopify/{{shop}}").parse().expect("a shop's URL"),
                api_version: "2026-07".to_owned(),
            };
            Shopify::new(http, endpoints, credentials)
        }

        async fn call(connector: &Shopify, token: &SecretString) -> Result<String, ConnectorError> {
            let found = connector.fetch_order(token, Self::ACCOUNT, "1", None).await;
            found.map(|order| format!("{order:?}"))
        }

        fn rejection(message: &str) -> serde_json::Value {
            serde_json::json!({ "errors": message })
        }
    }

    impl TakesToken for ShopifySubject {
        fn token_header(token: &str) -> (&'static str, String) {
            ("X-Shopify-Access-Token", token.to_owned())
        }
    }

    impl Refreshes for ShopifySubject {
        const ACCOUNT: &'static str = "quickstart.myshopify.com";
    }

    impl Looks for ShopifySubject {
        const MISSING: (u16, &'static str) = (200, r#"{"data":{"order":null}}"#);
    }

    connector_conformance!(ShopifySubject, takes_token, refreshes, looks);
}

mod asana {
    use secrecy::SecretString;
    use zixly_connectors::asana::{Asana, AsanaEndpoints};
    use zixly_connectors::{ClientCredentials, ConnectorError};
    use zixly_testkit::connector_conformance;
    use zixly_testkit::connector_conformance::{Looks, Refreshes, Subject, TakesToken};

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

        async fn call(connector: &Asana, token: &SecretString) -> Result<String, ConnectorError> {
            connector.fetch_task(token, "1").await.map(|task| format!("{task:?}"))
        }

        fn rejection(message: &str) -> serde_json::Value {
            serde_json::json!({"errors": [{"message": message, "help": "For more information on API status codes"}]})
        }
    }

    impl TakesToken for AsanaSubject {}
    impl Refreshes for AsanaSubject {}
    impl Looks for AsanaSubject {}

    connector_conformance!(AsanaSubject, takes_token, refreshes, looks);
}

mod slack {
    use jiff::Timestamp;
    use secrecy::SecretString;
    use zixly_connectors::slack::{Slack, SlackEndpoints};
    use zixly_connectors::{ClientCredentials, ConnectorError};
    use zixly_testkit::connector_conformance;
    use zixly_testkit::connector_conformance::{Looks, Subject, TakesToken};

    struct SlackSubject;

    impl Subject for SlackSubject {
        type Connector = Slack;

        const GOOD_ANSWER: &'static str = r#"{"ok":true,"messages":[{"type":"message","text":"Paid","ts":"1790000000.000100",
            "metadata":{"event_type":"zixly_job","event_payload":{"effect_key":"job-1/notify"}}}],"has_more":false}"#;

        fn connector(http: reqwest::Client, server_url: &str, _credentials: ClientCredentials) -> Slack {
            let endpoints = SlackEndpoints {
                api_url: format!("{server_url}/api").parse().expect("an http URL"),
                hooks_url: server_url.parse().expect("an http URL"),
            };
            Slack::new(http, endpoints)
        }

        async fn call(connector: &Slack, token: &SecretString) -> Result<String, ConnectorError> {
            let found =
                connector.find_message(token, "C024BE91L", "job-1/notify", Timestamp::UNIX_EPOCH).await;
            found.map(|ts| format!("{ts:?}"))
        }

        fn rejection(message: &str) -> serde_json::Value {
            serde_json::json!({"ok": false, "error": message})
        }
    }

    impl TakesToken for SlackSubject {}

    impl Looks for SlackSubject {
        const MISSING: (u16, &'static str) = (200, r#"{"ok":true,"messages":[]}"#);
    }

    connector_conformance!(SlackSubject, takes_token, looks);
}

mod ses {
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use jiff::Timestamp;
    use secrecy::{ExposeSecret, SecretString};
    use zixly_connectors::ses::{Email, Ses, SesEndpoints};
    use zixly_connectors::{ClientCredentials, ConnectorError};
    use zixly_testkit::connector_conformance;
    use zixly_testkit::connector_conformance::{CLIENT_SECRET, Subject};

    struct SesSubject;

    impl Subject for SesSubject {
        type Connector = Ses;

        const GOOD_ANSWER: &'static str = r#"{"MessageId":"0102019a-1"}"#;
        const CARRIES: &'static str = CLIENT_SECRET;

        fn connector(http: reqwest::Client, server_url: &str, credentials: ClientCredentials) -> Ses {
            let endpoints = SesEndpoints {
                api_url: server_url.parse().expect("an http URL"),
                region: "eu-west-1".to_owned(),
                configuration_set: None,
            };
            let session_token = Some("session-token-that-nobody-may-see".to_owned());
            let secret = credentials.secret.expose_secret();
            let credentials = Credentials::new(credentials.id, secret, session_token, None, "test");
            Ses::new(http, endpoints, SharedCredentialsProvider::new(credentials))
        }

        async fn call(connector: &Ses, _token: &SecretString) -> Result<String, ConnectorError> {
            let email = Email {
                from: "zixly@example.com",
                to: &["pat@example.com"],
                subject: "Paid",
                text: "INV-0006 is paid.",
                job_tag: "job-1",
            };
            connector.send(&email, Timestamp::UNIX_EPOCH).await
        }

        fn rejection(message: &str) -> serde_json::Value {
            serde_json::json!({ "message": message })
        }
    }

    connector_conformance!(SesSubject);
}

mod trading {
    use secrecy::SecretString;
    use zixly_connectors::trading::TradingApi;
    use zixly_connectors::{ClientCredentials, ConnectorError};
    use zixly_testkit::connector_conformance;
    use zixly_testkit::connector_conformance::{CLIENT_SECRET, Looks, Subject};

    struct TradingSubject;

    impl Subject for TradingSubject {
        type Connector = TradingApi;

        const GOOD_ANSWER: &'static str = r#"{"sweeps":[{"sweep_id":"1"}]}"#;
        const CARRIES: &'static str = CLIENT_SECRET;

        fn connector(http: reqwest::Client, server_url: &str, credentials: ClientCredentials) -> TradingApi {
            TradingApi::new(http, server_url.parse().expect("an http URL"), credentials.secret)
        }

        async fn call(connector: &TradingApi, _token: &SecretString) -> Result<String, ConnectorError> {
            connector.find_by_key("job-1").await.map(|sweep_id| format!("{sweep_id:?}"))
        }

        fn rejection(message: &str) -> serde_json::Value {
            serde_json::json!({ "error": message })
        }
    }

    impl Looks for TradingSubject {
        const MISSING: (u16, &'static str) = (200, r#"{"sweeps":[]}"#);
    }

    connector_conformance!(TradingSubject, looks);
}
