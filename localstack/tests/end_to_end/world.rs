//! A deployed stack of the tests' own, and what Xero, a person with SQL and the two providers can do to it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use uuid::Uuid;

const STACK: &str = "end-to-end";

/// A running stack; dropped, it is gone.
pub struct World {
    pub env: BTreeMap<String, String>,
    client: Client,
}

/// What a POST was answered with.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

/// One of the two tenants, with its accounts.
#[derive(Clone, Copy)]
pub struct Tenant {
    pub id: &'static str,
    pub organisation: &'static str,
    pub portal: &'static str,
    pub api_key: &'static str,
}

pub const DEMO: Tenant = Tenant {
    id: "DEMO_TENANT_ID",
    organisation: "XERO_TENANT_ID",
    portal: "HUBSPOT_PORTAL_ID",
    api_key: "DEMO_API_KEY",
};

pub const OTHER: Tenant = Tenant {
    id: "OTHER_TENANT_ID",
    organisation: "OTHER_XERO_TENANT_ID",
    portal: "OTHER_HUBSPOT_PORTAL_ID",
    api_key: "OTHER_API_KEY",
};

impl World {
    /// Deploys the stack anew.
    pub fn deploy() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        zixly(&["down"]);
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let mut world = Self { env: BTreeMap::new(), client };
        world.bring_up();
        world
    }

    /// Starts what does not run.
    pub fn bring_up(&mut self) {
        let output = zixly(&["up", "--owner", &std::process::id().to_string()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = fs::read_to_string(local().join(format!("{STACK}.env"))).unwrap();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        self.env = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    }

    /// A value of the stack's env file.
    pub fn get(&self, name: &str) -> &str {
        self.env.get(name).unwrap_or_else(|| panic!("the env file has no {name}"))
    }

    /// Delivers a body as Xero does.
    pub async fn deliver(&self, body: &str) -> Answer {
        let signature = self.sign(body);
        self.post(body, Some(&signature)).await
    }

    /// Xero's signature of a body.
    pub fn sign(&self, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.get("XERO_WEBHOOK_KEY").as_bytes()).unwrap();
        mac.update(body.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    /// Posts to the webhook whatever it is.
    pub async fn post(&self, body: &str, signature: Option<&str>) -> Answer {
        let mut request = self.client.post(format!("{}/webhook/xero", self.get("WEBHOOK_URL")));
        request = request.header("content-type", "application/json").body(body.to_owned());
        if let Some(signature) = signature {
            request = request.header("x-xero-signature", signature);
        }
        answer(request).await
    }

    /// Delivers that an invoice was updated, and expects the delivery to be accepted.
    pub async fn deliver_update(&self, tenant: Tenant, invoice_id: &str) {
        let answer = self.deliver(&body(&[self.event(tenant, invoice_id)])).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
    }

    /// The event that an invoice was updated.
    pub fn event(&self, tenant: Tenant, invoice_id: &str) -> Value {
        json!({
            "resourceUrl": format!("https://api.xero.com/api.xro/2.0/Invoices/{invoice_id}"),
            "resourceId": invoice_id,
            "tenantId": self.get(tenant.organisation),
            "tenantType": "ORGANISATION",
            "eventCategory": "INVOICE",
            "eventType": "UPDATE",
            "eventDateUtc": "2026-10-01T09:12:44.917",
        })
    }

    /// Seeds a paid invoice whose customer is in HubSpot; gives the invoice's and the contact's id.
    pub async fn seed_paid(&self, tenant: Tenant, email: &str) -> (String, String) {
        let contact = json!({ "properties": { "email": email } });
        let portal = self.get(tenant.portal);
        let contact = self
            .control(
                "seed",
                json!({ "provider": "hubspot", "kind": "contact", "record": contact, "tenant_id": portal }),
            )
            .await;
        let invoice = self.seed_invoice(tenant, json!({ "Contact": { "EmailAddress": email } })).await;
        (invoice, contact["id"].as_str().unwrap().to_owned())
    }

    /// Seeds a paid invoice with these fields instead of the usual ones; gives its id.
    pub async fn seed_invoice(&self, tenant: Tenant, fields: Value) -> String {
        let id = Uuid::new_v4().to_string();
        let mut record = json!({
            "Type": "ACCREC", "InvoiceID": id, "InvoiceNumber": format!("INV-{}", &id[..8]), "Status": "PAID",
            "Total": 12.5, "AmountPaid": 12.5, "CurrencyCode": "NZD",
            "FullyPaidOnDate": "/Date(1790812800000+0000)/", "UpdatedDateUTC": "/Date(1790845964917+0000)/",
        });
        for (name, value) in fields.as_object().unwrap() {
            record[name] = value.clone();
        }
        let organisation = self.get(tenant.organisation);
        let seed =
            json!({ "provider": "xero", "kind": "invoice", "record": record, "tenant_id": organisation });
        self.control("seed", seed).await;
        id
    }

    /// Posts to a control route of the simulator.
    pub async fn control(&self, route: &str, body: Value) -> Value {
        let answer =
            answer(self.client.post(format!("{}/_sim/{route}", self.get("SIM_URL"))).json(&body)).await;
        assert!(answer.status.is_success(), "{route}: {} {}", answer.status, answer.body);
        serde_json::from_str(&answer.body).unwrap_or(Value::Null)
    }

    /// What the simulator's `effects` or `calls` list whose path contains this.
    pub async fn seen(&self, list: &str, in_path: &str) -> Vec<Value> {
        let all = self.get_json(&format!("{}/_sim/{list}", self.get("SIM_URL"))).await;
        let all = all.as_array().unwrap().iter();
        all.filter(|it| it["path"].as_str().unwrap().contains(in_path)).cloned().collect()
    }

    /// Waits until the job about an invoice has ended; gives its id, status and result, or reason.
    pub async fn wait_for_job(&self, invoice_id: &str) -> (String, String, String) {
        let sql = format!(
            "select job_id, status, coalesce(result ->> 'summary', error_message, '')
               from pipeline_jobs where parameters ->> 'invoice_id' = '{invoice_id}' and completed_at is not null"
        );
        let row = self.wait_for(Duration::from_secs(120), &sql).await;
        let [job_id, status, words] = <[String; 3]>::try_from(row).unwrap();
        (job_id, status, words)
    }

    /// Waits until a query has a row, and gives it.
    pub async fn wait_for(&self, patience: Duration, sql: &str) -> Vec<String> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(row) = self.query(sql).await.pop() {
                return row;
            }
            assert!(Instant::now() < deadline, "no row after {} s: {sql}", patience.as_secs());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Asks the database as its superuser; null is an empty text.
    pub async fn query(&self, sql: &str) -> Vec<Vec<String>> {
        zixly_testkit::query(self.get("DATABASE_URL"), sql).await
    }

    /// The one number that a query gives.
    pub async fn count(&self, sql: &str) -> u64 {
        self.query(sql).await[0][0].parse().unwrap()
    }

    /// Calls an action of the local AWS in its JSON protocol.
    pub async fn aws(&self, target: &str, body: Value) -> Value {
        let request = self.client.post(self.get("AWS_ENDPOINT_URL")).header("x-amz-target", target);
        let request = request.header("content-type", "application/x-amz-json-1.0").body(body.to_string());
        let answer = answer(request).await;
        assert!(answer.status.is_success(), "{target}: {} {}", answer.status, answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// What one of the local AWS's own paths answers.
    pub async fn aws_path(&self, path: &str) -> Value {
        self.get_json(&format!("{}{path}", self.get("AWS_ENDPOINT_URL"))).await
    }

    /// An object of the local AWS.
    pub async fn object(&self, bucket: &str, key: &str) -> Value {
        self.get_json(&format!("{}/{bucket}/{key}", self.get("AWS_ENDPOINT_URL"))).await
    }

    /// All values that lie in Secrets Manager, but for what is too short to be one.
    pub async fn secrets(&self) -> Vec<String> {
        let list = self.aws("secretsmanager.ListSecrets", json!({ "MaxResults": 100 })).await;
        let mut values = Vec::new();
        for secret in list["SecretList"].as_array().unwrap() {
            let secret =
                self.aws("secretsmanager.GetSecretValue", json!({ "SecretId": secret["ARN"] })).await;
            let text = secret["SecretString"].as_str().unwrap();
            match serde_json::from_str::<Map<String, Value>>(text) {
                Ok(fields) => values.extend(fields.values().filter_map(Value::as_str).map(str::to_owned)),
                Err(_) => values.push(text.to_owned()),
            }
        }
        values.retain(|value| value.len() >= 12);
        values
    }

    /// Gets a path of the HTTP API, with this API key if there is one.
    pub async fn get_path(&self, path: &str, api_key: Option<&str>) -> Answer {
        let mut request = self.client.get(format!("{}{path}", self.get("WEBHOOK_URL")));
        if let Some(api_key) = api_key {
            request = request.bearer_auth(api_key);
        }
        answer(request).await
    }

    /// Gets a path of the pages and their API, as the user of this name. Only a browser takes every name below
    /// `localhost` for this machine.
    pub async fn get_page(&self, path: &str, user: &str) -> Answer {
        let host = self.get("APP_URL").trim_start_matches("http://");
        let request = self.client.get(format!("{}{path}", self.get("AWS_ENDPOINT_URL"))).header("host", host);
        answer(request.bearer_auth(self.get(user))).await
    }

    /// Posts a JSON body to the HTTP API with the credential of this name and an idempotency key.
    pub async fn call(&self, path: &str, credential: &str, key: &str, body: &Value) -> Answer {
        let request = self.client.post(format!("{}{path}", self.get("WEBHOOK_URL")));
        let request = request.bearer_auth(self.get(credential)).header("idempotency-key", key);
        answer(request.header("content-type", "application/json").body(body.to_string())).await
    }

    async fn get_json(&self, url: &str) -> Value {
        let answer = answer(self.client.get(url)).await;
        assert!(answer.status.is_success(), "{url}: {} {}", answer.status, answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Kills every process of the worker function, as a crash does.
    pub fn kill_workers(&self) -> usize {
        let wanted = [
            format!("ZIXLY_STACK={}", fs::canonicalize(local()).unwrap().join(STACK).display()),
            "AWS_LAMBDA_FUNCTION_NAME=zixly-local-worker".to_owned(),
        ];
        let workers: Vec<i32> = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
            .filter(|pid| {
                let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                let has = |text: &String| environment.split(|it| *it == 0).any(|it| it == text.as_bytes());
                wanted.iter().all(has)
            })
            .collect();
        for pid in &workers {
            kill(Pid::from_raw(*pid), Signal::SIGKILL).unwrap();
        }
        workers.len()
    }

    /// Stops PostgreSQL, as an administrator does; [`Self::bring_up`] starts it again.
    pub fn stop_postgres(&self) {
        let memory = fs::read(local().join(STACK).join("stack.json")).unwrap();
        let memory: Value = serde_json::from_slice(&memory).unwrap();
        let mut servers = memory["servers"].as_array().unwrap().iter();
        let postgres = servers.find(|it| it["name"] == "postgres").unwrap();
        let pid = Pid::from_raw(i32::try_from(postgres["process"]["pid"].as_i64().unwrap()).unwrap());
        kill(pid, Signal::SIGINT).unwrap();
        let port: u16 = memory["ports"]["postgres"].as_u64().unwrap().try_into().unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        zixly(&["down"]);
    }
}

/// A body with these events, as Xero would make it.
pub fn body(events: &[Value]) -> String {
    let last = events.len();
    json!({ "events": events, "firstEventSequence": 1, "lastEventSequence": last, "entropy": Uuid::new_v4() })
        .to_string()
}

/// Runs the command line on the tests' stack.
pub fn zixly(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zixly"));
    command.args(["--stack", STACK]).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.output().unwrap()
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, body: response.text().await.unwrap() }
}

fn local() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local")
}
