//! Webhooks: the handshake with the target, then the first heartbeat. Changes are not delivered; whoever needs such
//! a delivery signs it with the secret.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::{Workspace, data, listing, missing, refusal, sent, time, unknown_object};
use crate::{
    call::{Answer, Call},
    errand::{self, Errand},
    ledger::Written,
    state::{Shared, State},
};

const HEARTBEAT: &str = r#"{"events":[]}"#;
const COMPACT: &[&str] = &["gid", "resource_type", "active", "resource", "target"];

/// A webhook, or one that waits for its target's echo.
pub struct Webhook {
    /// As Asana shows it.
    shown: Value,
    is_established: bool,
}

/// The request that makes sure that a target wants to be called.
#[derive(Clone)]
pub struct Handshake {
    account: String,
    gid: String,
    target: String,
    secret: String,
}

/// The first signed request to a new webhook.
#[derive(Clone)]
pub struct Heartbeat(Handshake);

/// Takes an order for a webhook as far as the handshake.
pub fn create(workspace: &mut Workspace, call: &Call, now: Timestamp) -> Result<Answer, Answer> {
    let fields = sent(call, &["resource", "target", "filters"])?;
    let text = |name| fields.get(name).and_then(Value::as_str).ok_or_else(|| missing(name));
    let (resource, target) = (text("resource")?, text("target")?);
    let followed = workspace.resource(resource).ok_or_else(|| unknown_object(resource))?;
    let resource = json!({
        "gid": followed["gid"],
        "resource_type": followed["resource_type"],
        "name": followed["name"],
    });
    if !errand::is_on_this_machine(target) {
        return Err(refusal(403, "target: the simulator delivers to this machine only"));
    }
    let filters = fields.get("filters").cloned().unwrap_or_else(|| json!([]));
    if !filters.as_array().is_some_and(|filters| filters.iter().all(Value::is_object)) {
        return Err(refusal(400, "filters: Not a list of filters"));
    }
    let is_same = |known: &Webhook| {
        known.shown["resource"]["gid"] == resource["gid"] && known.shown["target"] == target
    };
    if workspace.webhooks.iter().any(is_same) {
        return Err(refusal(403, "Duplicated webhook"));
    }
    let handshake = Handshake {
        account: workspace.gid.clone(),
        gid: workspace.next_gid(),
        target: target.to_owned(),
        secret: format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
    };
    let shown = json!({
        "gid": handshake.gid,
        "resource_type": "webhook",
        "active": true,
        "resource": resource,
        "target": target,
        "filters": filters,
        "created_at": time(now),
        "last_success_at": null,
        "last_failure_at": null,
        "last_failure_content": "",
        "delivery_retry_count": 0,
        "next_attempt_after": null,
        "failure_deletion_timestamp": null,
    });
    // Kept from now on, so that the same order cannot be under way twice.
    workspace.webhooks.push(Webhook { shown, is_established: false });
    let mut answer = Answer::empty(202);
    answer.errand = Some(Box::new(Errand::Handshake(handshake)));
    Ok(answer)
}

/// Answers the order once the target has echoed the secret, or has not.
pub fn end_handshake(
    state: &mut State,
    call: &Call,
    handshake: &Handshake,
    echo: Result<(), String>,
    now: Timestamp,
) -> Answer {
    let is_meant = |webhook: &Webhook| webhook.shown["gid"] == *handshake.gid;
    let workspace = state.asana.workspaces.get_mut(&handshake.account);
    let found = workspace.and_then(|it| Some((it.webhooks.iter().position(is_meant)?, it)));
    let Some((at, workspace)) = found else {
        return refusal(404, "the simulator forgot the webhook during the handshake");
    };
    if let Err(problem) = echo {
        workspace.webhooks.remove(at);
        let message = "The remote server which is intended to receive the webhook did not respond with the \
                       handshake secret";
        return refusal(400, &format!("{message}: {problem}"));
    }
    let webhook = &mut workspace.webhooks[at];
    webhook.is_established = true;
    let body = json!({ "data": webhook.shown, "X-Hook-Secret": handshake.secret });
    let key =
        format!("{} {}", webhook.shown["resource"]["gid"].as_str().unwrap_or_default(), handshake.target);
    let written = Written::new("webhook", key, Some(&handshake.gid));
    state.ledger.note_effect(call, &handshake.account, written, now);
    let mut answer = Answer::json(201, &body);
    answer.errand = Some(Box::new(Errand::Heartbeat(Heartbeat(handshake.clone()))));
    answer
}

pub fn list(workspace: &Workspace, call: &Call) -> Result<Answer, Answer> {
    listing::check_parameters(call, &["workspace", "resource"])?;
    if call.query("workspace") != Some(&workspace.gid) {
        return Err(missing("workspace"));
    }
    let webhooks: Vec<&Value> = established(workspace)
        .filter(|webhook| call.query("resource").is_none_or(|gid| webhook["resource"]["gid"] == gid))
        .collect();
    listing::page(call, &webhooks, COMPACT)
}

pub fn read(workspace: &Workspace, call: &Call, gid: &str) -> Result<Answer, Answer> {
    let webhook = established(workspace).find(|webhook| webhook["gid"] == gid);
    Ok(listing::one(call, webhook.ok_or_else(|| unknown_object(gid))?))
}

pub fn delete(workspace: &mut Workspace, gid: &str) -> Result<Answer, Answer> {
    let is_meant = |webhook: &Webhook| webhook.is_established && webhook.shown["gid"] == gid;
    let at = workspace.webhooks.iter().position(is_meant).ok_or_else(|| unknown_object(gid))?;
    workspace.webhooks.remove(at);
    Ok(data(200, json!({})))
}

/// Whether the workspace has this webhook.
pub fn exists(workspace: &Workspace, gid: &str) -> bool {
    established(workspace).any(|webhook| webhook["gid"] == gid)
}

fn established(workspace: &Workspace) -> impl Iterator<Item = &Value> {
    workspace.webhooks.iter().filter(|webhook| webhook.is_established).map(|webhook| &webhook.shown)
}

impl Handshake {
    /// Sends the secret, unsigned, and wants it back with 200 or 204.
    pub async fn offer(&self, client: &Client) -> Result<(), String> {
        let secret = ("x-hook-secret", self.secret.clone());
        let answer = errand::post(client, &self.target, &[secret], String::new()).await?;
        let status = answer.status();
        if ![StatusCode::OK, StatusCode::NO_CONTENT].contains(&status) {
            return Err(format!("it answered {status}"));
        }
        match answer.headers().get("x-hook-secret") {
            Some(echo) if echo.as_bytes() == self.secret.as_bytes() => Ok(()),
            Some(_) => Err("it answered with another X-Hook-Secret".to_owned()),
            None => Err("it answered without X-Hook-Secret".to_owned()),
        }
    }
}

impl Heartbeat {
    /// Sends the heartbeat and keeps what came of it with the webhook.
    pub async fn send(self, shared: &Arc<Shared>) {
        let Self(handshake) = self;
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("x-hook-signature", signature(&handshake.secret, HEARTBEAT)),
        ];
        let answer = errand::post(&shared.client, &handshake.target, &headers, HEARTBEAT.to_owned()).await;
        let failure = match answer.map(|answer| answer.status()) {
            Ok(StatusCode::OK | StatusCode::NO_CONTENT) => None,
            Ok(status) => Some(status.to_string()),
            Err(problem) => Some(problem),
        };
        let mut state = shared.lock();
        let now = json!(time(state.now()));
        let workspace = state.asana.workspaces.get_mut(&handshake.account);
        let mut webhooks = workspace.into_iter().flat_map(|workspace| &mut workspace.webhooks);
        // Gone when it was deleted meanwhile.
        if let Some(webhook) = webhooks.find(|webhook| webhook.shown["gid"] == *handshake.gid) {
            match failure {
                None => webhook.shown["last_success_at"] = now,
                Some(content) => {
                    webhook.shown["last_failure_at"] = now;
                    webhook.shown["last_failure_content"] = json!(content);
                }
            }
        }
    }
}

/// Lower-case hex of HMAC-SHA256 under the secret as it is written.
fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
