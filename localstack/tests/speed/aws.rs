//! An AWS that answers at once and takes note of what it was asked.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

use crate::http::{Connection, Request};

/// The stub, at `url`.
#[derive(Clone)]
pub struct Aws {
    pub url: String,
    secrets: Arc<Mutex<BTreeMap<String, String>>>,
    calls: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Aws {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let aws = Self { url, secrets: Arc::default(), calls: Arc::default() };
        let server = aws.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                thread::spawn(move || server.serve(Connection::new(stream)));
            }
        });
        aws
    }

    /// Keeps a secret under its name.
    pub fn secret(&self, name: &str, value: &Value) {
        lock(&self.secrets).insert(name.to_owned(), value.to_string());
    }

    /// How often each operation was asked for since the last time.
    pub fn take_calls(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut lock(&self.calls))
    }

    fn serve(&self, mut connection: Connection) {
        while let Some(request) = connection.read() {
            let operation = operation(&request);
            *lock(&self.calls).entry(operation.clone()).or_default() += 1;
            let (status, answer) = self.answer(&operation, &request);
            if connection.answer(status, "content-type: application/x-amz-json-1.0\r\n", &answer).is_err() {
                return;
            }
        }
    }

    fn answer(&self, operation: &str, request: &Request) -> (u16, Vec<u8>) {
        let body = || serde_json::from_slice::<Value>(&request.body).expect("it is JSON");
        let answer = match operation {
            "SendMessage" => json!({ "MessageId": "1", "MD5OfMessageBody": "1" }),
            "SendMessageBatch" => {
                let entries = body()["Entries"].as_array().cloned().unwrap_or_default();
                let taken = entries
                    .iter()
                    .map(|entry| json!({ "Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": "1" }));
                json!({ "Successful": taken.collect::<Vec<_>>(), "Failed": [] })
            }
            "GetSecretValue" => {
                let name = body()["SecretId"].as_str().unwrap_or_default().to_owned();
                match lock(&self.secrets).get(&name) {
                    Some(value) => json!({ "Name": name, "SecretString": value, "VersionId": "1" }),
                    None => return (400, br#"{"__type":"ResourceNotFoundException"}"#.to_vec()),
                }
            }
            _ => return (400, br#"{"__type":"UnknownOperationException"}"#.to_vec()),
        };
        (200, answer.to_string().into_bytes())
    }
}

/// `SendMessageBatch`; `PUT`, where the operation is not named.
fn operation(request: &Request) -> String {
    let target = request.header("x-amz-target").rsplit('.').next().filter(|operation| !operation.is_empty());
    target.unwrap_or(&request.method).to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
