//! Amazon SES, version 2 of its API: one mail a call. That a request is signed is looked at, not by whom.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::{
    call::{Answer, Call, Provider},
    ledger::Written,
    state::State,
};

/// The one account: whose mail it is.
pub const ACCOUNT: &str = "aws";
const MOST_RECIPIENTS: usize = 50;
const LONGEST_TAG: usize = 256;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Outbound {
    from_email_address: String,
    destination: Destination,
    content: Content,
    #[serde(default)]
    email_tags: Vec<Tag>,
    #[serde(rename = "ConfigurationSetName")]
    _configuration_set_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destination {
    to_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Content {
    simple: Simple,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Simple {
    subject: Text,
    body: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Body {
    text: Option<Text>,
    html: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Text {
    data: String,
    #[serde(rename = "Charset")]
    _charset: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    name: String,
    value: String,
}

/// Answers one call.
pub fn handle(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    if let Some(refused) = unsigned(call) {
        return refused;
    }
    // There is no consent to withdraw; a revocation blocks the credentials for as long as it stands.
    if state.faults.is_revoked(Provider::Ses) {
        let message = "The security token included in the request is invalid.";
        return refusal(403, "UnrecognizedClientException", message);
    }
    match (call.method.as_str(), call.segments().as_slice()) {
        ("POST", ["v2", "email", "outbound-emails"]) => send(state, call, now),
        _ => refusal(404, "UnknownOperationException", ""),
    }
}

/// A refusal as SES words it.
pub fn refusal(status: u16, kind: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "message": message })).with_header("x-amzn-errortype", kind)
}

/// An answer with this status as SES words it.
pub fn failure(status: u16) -> Answer {
    match status {
        429 => too_many(),
        400..500 => refusal(status, "MessageRejected", "Email address is not verified."),
        _ => refusal(status, "InternalServiceErrorException", "We encountered an internal error."),
    }
}

/// The 429 of SES, which never says when to come again.
pub fn too_many() -> Answer {
    refusal(429, "TooManyRequestsException", "Maximum sending rate exceeded.")
}

fn send(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    if !call.has_content_type("application/json") {
        return refusal(415, "UnsupportedMediaTypeException", "");
    }
    let mail: Outbound = match serde_json::from_slice(&call.body) {
        Ok(mail) => mail,
        Err(error) => return refusal(400, "BadRequestException", &error.to_string()),
    };
    if let Err(problem) = mail.check() {
        return refusal(400, "BadRequestException", &problem);
    }
    if !state.limits.admit_mail(&state.config.ses_limits, now) {
        return too_many();
    }
    let message_id = format!("{}-000000", Uuid::now_v7());
    let written = Written::new("mail", mail.key(), Some(&message_id));
    state.ledger.note_effect(call, ACCOUNT, written, now);
    Answer::json(200, &json!({ "MessageId": message_id }))
}

/// What is wrong with the signature, as far as that shows without the secret.
fn unsigned(call: &Call) -> Option<Answer> {
    let Some(authorization) = call.header("authorization") else {
        return Some(refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token"));
    };
    let part = |name: &str| {
        let rest = authorization.strip_prefix("AWS4-HMAC-SHA256 ").unwrap_or_default();
        rest.split(", ").find_map(|part| part.strip_prefix(name)).unwrap_or_default()
    };
    let scope: Vec<&str> = part("Credential=").split('/').collect();
    let day = call.header("x-amz-date").and_then(|time| time.split_once('T')).map(|(day, _)| day);
    let is_scope = matches!(scope[..], [key, date, region, "ses", "aws4_request"]
        if !key.is_empty() && !region.is_empty() && Some(date) == day);
    let signed: Vec<&str> = part("SignedHeaders=").split(';').collect();
    let is_signature = {
        let signature = part("Signature=");
        signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if is_scope && is_signature && signed.contains(&"host") && signed.contains(&"x-amz-date") {
        return None;
    }
    let message = "The request signature does not conform to AWS standards.";
    Some(refusal(403, "IncompleteSignatureException", message))
}

impl Outbound {
    fn check(&self) -> Result<(), String> {
        let is_address = |address: &str| address.split_once('@').is_some_and(|(name, _)| !name.is_empty());
        let recipients = &self.destination.to_addresses;
        if !is_address(&self.from_email_address) || recipients.iter().any(|to| !is_address(to)) {
            return Err("Missing final '@domain'".to_owned());
        }
        if recipients.is_empty() || recipients.len() > MOST_RECIPIENTS {
            return Err(format!("Recipient count is not between 1 and {MOST_RECIPIENTS}."));
        }
        let body = &self.content.simple.body;
        if body.text.as_ref().or(body.html.as_ref()).is_none_or(|text| text.data.is_empty()) {
            return Err("The message body is empty.".to_owned());
        }
        let is_tag = |text: &str| {
            (1..=LONGEST_TAG).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte))
        };
        match self.email_tags.iter().find(|tag| !is_tag(&tag.name) || !is_tag(&tag.value)) {
            Some(tag) => Err(format!("Invalid tag {}: {}.", tag.name, tag.value)),
            None => Ok(()),
        }
    }

    /// What it is about: its tags and whom it goes to, or its subject where it has no tag.
    fn key(&self) -> String {
        let tags: Vec<String> =
            self.email_tags.iter().map(|tag| format!("{}={}", tag.name, tag.value)).collect();
        let about = if tags.is_empty() { self.content.simple.subject.data.clone() } else { tags.join(",") };
        format!("{about} {}", self.destination.to_addresses.join(","))
    }
}
