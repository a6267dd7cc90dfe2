//! The JSON of SES.

use serde::{Deserialize, Serialize};

use super::Email;
use crate::http::Answer;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Outbound<'a> {
    from_email_address: &'a str,
    destination: Destination<'a>,
    content: Content<'a>,
    email_tags: [Tag<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration_set_name: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Destination<'a> {
    to_addresses: &'a [&'a str],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Content<'a> {
    simple: Simple<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Simple<'a> {
    subject: Text<'a>,
    body: Body<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    text: Text<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Text<'a> {
    data: &'a str,
    charset: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sent {
    pub(super) message_id: String,
}

/// What is wrong, and the provider's word for that kind of thing.
pub(super) struct Problem {
    pub(super) kind: String,
    message: Option<String>,
}

#[derive(Default, Deserialize)]
struct ProblemBody {
    #[serde(rename = "__type", alias = "code")]
    kind: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

impl<'a> Outbound<'a> {
    pub(super) fn new(email: &Email<'a>, job_tag: &'a str, configuration_set: Option<&'a str>) -> Self {
        let text = |data| Text { data, charset: "UTF-8" };
        Self {
            from_email_address: email.from,
            destination: Destination { to_addresses: email.to },
            content: Content {
                simple: Simple { subject: text(email.subject), body: Body { text: text(email.text) } },
            },
            email_tags: [Tag { name: job_tag, value: email.job_tag }],
            configuration_set_name: configuration_set,
        }
    }
}

impl Problem {
    pub(super) fn of(answer: &Answer) -> Self {
        let body: ProblemBody = answer.parse_problem();
        let kind = answer.header("x-amzn-errortype").map(str::to_owned).or(body.kind).unwrap_or_default();
        // As in `com.amazonaws.ses#MessageRejected:http://internal.amazon.com/…`.
        let kind = kind.split(':').next().unwrap_or_default();
        let kind = kind.rsplit('#').next().unwrap_or_default().to_owned();
        Self { kind, message: body.message }
    }

    pub(super) fn words(self) -> Option<String> {
        match (self.kind, self.message) {
            (kind, message) if kind.is_empty() => message,
            (kind, Some(message)) => Some(format!("{kind}: {message}")),
            (kind, None) => Some(kind),
        }
    }
}
