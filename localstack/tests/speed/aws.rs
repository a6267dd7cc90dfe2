//! An AWS that answers at once and takes note of what it was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Answer, Request, serve};
use crate::rings::Rings;
use crate::table::Table;

/// How often each operation was asked for; of SQS, at which queue.
pub type Calls = BTreeMap<String, u64>;

/// The stub, at `url`.
pub struct Aws {
    pub url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    secrets: Mutex<BTreeMap<String, String>>,
    table: Mutex<Table>,
    rings: Rings,
    calls: Mutex<Calls>,
}

impl Aws {
    pub fn start() -> Self {
        let state = Arc::<State>::default();
        let server = Arc::clone(&state);
        let url = serve(move |request| {
            let (status, body) = server.answer(request);
            Answer {
                status,
                headers: "content-type: application/x-amz-json-1.0\r\n",
                body: body.into_bytes(),
            }
        });
        Self { url, state }
    }

    /// Keeps a secret under its name.
    pub fn secret(&self, name: &str, value: &Value) {
        lock(&self.state.secrets).insert(name.to_owned(), value.to_string());
    }

    /// The queue of jobs.
    pub fn rings(&self) -> &Rings {
        &self.state.rings
    }

    /// How often each operation was asked for since the last time.
    pub fn take_calls(&self) -> Calls {
        std::mem::take(&mut lock(&self.state.calls))
    }
}

impl State {
    fn answer(&self, request: &Request) -> (u16, String) {
        let target = request.header("x-amz-target").rsplit('.').next().filter(|target| !target.is_empty());
        let Some(operation) = target else {
            // S3 names no operation.
            self.count(format!("S3 {}", request.method));
            return (200, String::new());
        };
        let body: Value = serde_json::from_slice(&request.body).expect("it is JSON");
        let queue = body["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next());
        self.count(queue.map_or(operation.to_owned(), |queue| format!("{operation} {queue}")));
        let answer = match operation {
            "SendMessage" => {
                self.take_message(queue, &body);
                json!({ "MessageId": "1", "MD5OfMessageBody": "1" })
            }
            "SendMessageBatch" => {
                let entries = body["Entries"].as_array().map_or(&[][..], Vec::as_slice);
                entries.iter().for_each(|entry| self.take_message(queue, entry));
                let taken = entries
                    .iter()
                    .map(|entry| json!({ "Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": "1" }));
                json!({ "Successful": taken.collect::<Vec<_>>(), "Failed": [] })
            }
            "ChangeMessageVisibility" => json!({}),
            "GetSecretValue" => {
                let name = body["SecretId"].as_str().unwrap_or_default();
                match lock(&self.secrets).get(name) {
                    Some(value) => json!({ "Name": name, "SecretString": value, "VersionId": "1" }),
                    None => return (400, json!({ "__type": "ResourceNotFoundException" }).to_string()),
                }
            }
            "UpdateItem" => match lock(&self.table).update(&body) {
                Ok(item) => json!({ "Attributes": item }),
                Err(item) => {
                    let refused = json!({ "__type": "ConditionalCheckFailedException", "Item": item });
                    return (400, refused.to_string());
                }
            },
            _ => return (400, json!({ "__type": "UnknownOperationException" }).to_string()),
        };
        (200, answer.to_string())
    }

    fn take_message(&self, queue: Option<&str>, message: &Value) {
        if queue == Some("jobs") {
            let delay = Duration::from_secs(message["DelaySeconds"].as_u64().unwrap_or_default());
            self.rings.ring(message["MessageBody"].as_str().unwrap_or_default().to_owned(), delay);
        }
    }

    fn count(&self, operation: String) {
        *lock(&self.calls).entry(operation).or_default() += 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
