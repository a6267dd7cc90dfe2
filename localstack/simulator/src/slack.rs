//! Slack: posting to channels and reading them back with a bot's token, who a token is, and incoming webhooks.
//!
//! A consent for `T0001` gives a bot's token for that workspace; one for `T0001/B0001` gives the URL of an incoming
//! webhook. Every channel id exists; a seed archives one, or has a person write into it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    call::{Answer, Call, Provider},
    ledger::Written,
    oauth::TokenRefusal,
    state::State,
};

/// Slack's users, as they stand in messages.
const BOT: &str = "B0000000001";
const BOT_USER: &str = "U0000000001";
const PERSON: &str = "U0000000001";
const LONGEST_TEXT: usize = 40_000;
const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: usize = 999;

/// What the workspaces hold.
#[derive(Default)]
pub struct SlackRecords {
    workspaces: HashMap<String, Workspace>,
}

#[derive(Default)]
struct Workspace {
    /// Messages by channel and by time in microseconds, which is their id.
    channels: HashMap<String, BTreeMap<i64, Value>>,
    archived: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMessage {
    channel: Option<String>,
    text: Option<String>,
    metadata: Option<Metadata>,
    #[serde(rename = "mrkdwn")]
    _mrkdwn: Option<bool>,
    #[serde(rename = "unfurl_links")]
    _unfurl_links: Option<bool>,
    #[serde(rename = "unfurl_media")]
    _unfurl_media: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    event_type: String,
    event_payload: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HookMessage {
    text: Option<String>,
}

/// Answers one call.
pub fn handle(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    match (call.method.as_str(), call.segments().as_slice()) {
        (_, ["api", method]) => api(state, call, method, now).unwrap_or_else(|refusal| refusal),
        ("POST", ["services", team, hook, secret]) => {
            post_to_hook(state, call, &format!("{team}/{hook}"), secret, now)
                .unwrap_or_else(|refusal| refusal)
        }
        _ => Answer::text(404, "text/plain", "no_service".to_owned()),
    }
}

/// A refusal by a method of the Web API, with a status that says yes.
pub fn refusal(error: &str) -> Answer {
    Answer::json(200, &json!({ "ok": false, "error": error })).refusing()
}

/// A failure of Slack's own. By the status 200 it is one that only the body tells.
pub fn failure(status: u16) -> Answer {
    let error = if status < 500 && status != 200 { "invalid_arguments" } else { "internal_error" };
    refusal(error).with_status(status)
}

/// Slack's 429, which always says when to come again.
pub fn too_many(retry_after_s: f64) -> Answer {
    refusal("ratelimited").with_status(429).with_header("retry-after", retry_after_s)
}

/// Whether this names a workspace, or a workspace and an incoming webhook.
pub fn is_account(name: &str) -> bool {
    match name.split_once('/') {
        None => is_id(name, "T"),
        Some((team, hook)) => is_id(team, "T") && is_id(hook, "B"),
    }
}

fn is_id(text: &str, first: &str) -> bool {
    let rest = text.strip_prefix(first).unwrap_or_default();
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

impl SlackRecords {
    /// Archives a channel, or has a person write into it.
    pub fn seed(&mut self, team: &str, kind: &str, record: &str, now: Timestamp) -> Result<Value, String> {
        let record: Value = serde_json::from_str(record).map_err(|error| error.to_string())?;
        let channel = |name: &str| match record[name].as_str() {
            Some(id) if is_id(id, "C") => Ok(id.to_owned()),
            _ => Err(format!("a Slack {kind} must have a channel's id as its {name}")),
        };
        let workspace = self.workspaces.entry(team.to_owned()).or_default();
        match kind {
            "channel" => {
                let id = channel("id")?;
                match record["is_archived"] == true {
                    true => workspace.archived.insert(id),
                    false => workspace.archived.remove(&id),
                };
                Ok(record)
            }
            "message" => {
                let text = record["text"].as_str().unwrap_or_default();
                Ok(workspace.add(&channel("channel")?, json!({ "user": PERSON, "text": text }), now))
            }
            _ => Err(format!("slack has no kind {kind:?} here; known are channel, message")),
        }
    }
}

impl Workspace {
    /// Adds a message under a time that no other message of the channel has.
    fn add(&mut self, channel: &str, mut message: Value, now: Timestamp) -> Value {
        let messages = self.channels.entry(channel.to_owned()).or_default();
        let after_last = messages.last_key_value().map_or(i64::MIN, |(last, _)| last + 1);
        let ts = now.as_microsecond().max(after_last);
        message["type"] = json!("message");
        message["ts"] = json!(format!("{}.{:06}", ts / 1_000_000, ts % 1_000_000));
        messages.insert(ts, message.clone());
        message
    }
}

fn api(state: &mut State, call: &Call, method: &str, now: Timestamp) -> Result<Answer, Answer> {
    let Some(token) = call.authorization("Bearer") else { return Err(refusal("not_authed")) };
    let team = account(state, token, now).ok_or_else(|| {
        refusal(if state.faults.is_revoked(Provider::Slack) { "token_revoked" } else { "invalid_auth" })
    })?;
    // The key of a webhook opens nothing else.
    if team.contains('/') {
        return Err(refusal("invalid_auth"));
    }
    match (call.method.as_str(), method) {
        ("POST", "auth.test") => Ok(identity(state, &team)),
        ("POST", "chat.postMessage") => post_message(state, call, &team, now),
        ("GET", "conversations.history") => history(state, call, &team, now),
        _ => Err(refusal("unknown_method")),
    }
}

/// Whose token it is.
fn identity(state: &State, team: &str) -> Answer {
    let identity = json!({
        "ok": true,
        "url": format!("https://{}.slack.com/", team.to_lowercase()),
        "team": state.accounts.name(Provider::Slack, team),
        "user": "zixly",
        "team_id": team,
        "user_id": BOT_USER,
        "bot_id": BOT,
        "is_enterprise_install": false,
    });
    Answer::json(200, &identity)
}

/// The workspace or webhook that a token or a webhook's key is for.
fn account(state: &State, token: &str, now: Timestamp) -> Option<String> {
    let revoked_below = state.faults.revoked_below(Provider::Slack);
    match state.oauth.check(Provider::Slack, Some(token), revoked_below, now) {
        Ok(grant) => Some(grant.connections[0].account.clone()),
        Err(TokenRefusal::Unknown | TokenRefusal::Expired(_)) => None,
    }
}

fn post_message(state: &mut State, call: &Call, team: &str, now: Timestamp) -> Result<Answer, Answer> {
    if !call.has_content_type("application/json") {
        return Err(refusal("invalid_arguments"));
    }
    let new: NewMessage = serde_json::from_slice(&call.body).map_err(|_| refusal("invalid_arguments"))?;
    let channel = new.channel.filter(|id| is_id(id, "C")).ok_or_else(|| refusal("channel_not_found"))?;
    let place = format!("{team}/{channel}");
    if !state.limits.admit_slack_message(&state.config.slack_limits, &place, now) {
        return Err(too_many(1.0));
    }
    let workspace = state.slack.workspaces.entry(team.to_owned()).or_default();
    if workspace.archived.contains(&channel) {
        return Err(refusal("is_archived"));
    }
    let text = checked(new.text).map_err(refusal)?;
    let mut message = json!({ "bot_id": BOT, "text": text });
    let mut key = text;
    if let Some(Metadata { event_type, event_payload }) = new.metadata {
        // An app that wants to find its message again writes something into it that no other has.
        if let Some(mark) = event_payload.values().find_map(Value::as_str) {
            key = mark.to_owned();
        }
        message["metadata"] = json!({ "event_type": event_type, "event_payload": event_payload });
    }
    let message = workspace.add(&channel, message, now);
    let written = Written::new("message", key, message["ts"].as_str());
    state.ledger.note_effect(call, team, written, now);
    Ok(Answer::json(200, &json!({ "ok": true, "channel": channel, "ts": message["ts"], "message": message })))
}

/// A page of a channel, its newest message first.
fn history(state: &mut State, call: &Call, team: &str, now: Timestamp) -> Result<Answer, Answer> {
    let known = ["channel", "oldest", "latest", "inclusive", "limit", "cursor", "include_all_metadata"];
    if call.query_names().any(|name| !known.contains(&name)) {
        return Err(refusal("invalid_arguments"));
    }
    if !state.limits.admit_slack_read(&state.config.slack_limits, team, now) {
        return Err(too_many(30.0));
    }
    let channel =
        call.query("channel").filter(|id| is_id(id, "C")).ok_or_else(|| refusal("channel_not_found"))?;
    let time = |name: &str, default: i64| match call.query(name) {
        None => Ok(default),
        Some(text) => microseconds(text).ok_or_else(|| refusal(&format!("invalid_ts_{name}"))),
    };
    let (oldest, latest) = (time("oldest", i64::MIN)?, time("latest", i64::MAX)?);
    let before = match call.query("cursor") {
        None => i64::MAX,
        Some(cursor) => read_cursor(cursor).ok_or_else(|| refusal("invalid_cursor"))?,
    };
    let limit = match call.query("limit").map(str::parse) {
        None => DEFAULT_PAGE,
        Some(Ok(limit @ 1..=LARGEST_PAGE)) => limit,
        Some(_) => return Err(refusal("invalid_limit")),
    };
    let is_inclusive = call.query("inclusive") == Some("true");
    let with_metadata = call.query("include_all_metadata") == Some("true");
    let is_meant = |ts: i64| (oldest < ts && ts < latest) || (is_inclusive && (ts == oldest || ts == latest));
    let workspace = state.slack.workspaces.entry(team.to_owned()).or_default();
    let messages = workspace.channels.get(channel).into_iter().flatten().rev();
    let mut page: Vec<(i64, Value)> = messages
        .filter(|(ts, _)| is_meant(**ts) && **ts < before)
        .take(limit + 1)
        .map(|(ts, message)| (*ts, message.clone()))
        .collect();
    let has_more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| has_more).map(|(ts, _)| STANDARD.encode(format!("before:{ts}")));
    let messages: Vec<Value> = page
        .into_iter()
        .map(|(_, mut message)| {
            if let (false, Some(fields)) = (with_metadata, message.as_object_mut()) {
                fields.remove("metadata");
            }
            message
        })
        .collect();
    let mut body = json!({ "ok": true, "messages": messages, "has_more": has_more, "pin_count": 0 });
    if let Some(next) = next {
        body["response_metadata"] = json!({ "next_cursor": next });
    }
    Ok(Answer::json(200, &body))
}

fn post_to_hook(
    state: &mut State,
    call: &Call,
    hook: &str,
    secret: &str,
    now: Timestamp,
) -> Result<Answer, Answer> {
    let refuse = |status, code: &str| Answer::text(status, "text/plain", code.to_owned());
    match account(state, secret, now) {
        Some(known) if known == hook => {}
        _ if state.faults.is_revoked(Provider::Slack) => return Err(refuse(404, "no_service")),
        _ => return Err(refuse(403, "invalid_token")),
    }
    if !state.limits.admit_slack_message(&state.config.slack_limits, hook, now) {
        return Err(refuse(429, "rate_limited").with_header("retry-after", 1));
    }
    if !call.has_content_type("application/json") {
        return Err(refuse(400, "invalid_payload"));
    }
    let message: HookMessage =
        serde_json::from_slice(&call.body).map_err(|_| refuse(400, "invalid_payload"))?;
    let text = checked(message.text).map_err(|code| refuse(400, code))?;
    state.ledger.note_effect(call, hook, Written::new("webhook message", text, None), now);
    Ok(refuse(200, "ok"))
}

fn checked(text: Option<String>) -> Result<String, &'static str> {
    match text {
        None => Err("no_text"),
        Some(text) if text.trim().is_empty() => Err("no_text"),
        Some(text) if text.chars().count() > LONGEST_TEXT => Err("msg_too_long"),
        Some(text) => Ok(text),
    }
}

/// A `ts`, or a time in seconds, in microseconds.
fn microseconds(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let fraction: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction)
}

fn read_cursor(cursor: &str) -> Option<i64> {
    let decoded = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    decoded.strip_prefix("before:")?.parse().ok()
}
