//! `GET /api/pipelines/errors`: failed jobs by what they have in common.

use jiff::Timestamp;
use lambda_http::Request;
use serde_json::{Value, json};
use zixly_access::Viewing;
use zixly_store::views::jobs::{FailedJob, list_failed};

use crate::{
    App,
    answers::{self, Answer},
    overview,
};

/// How many failed jobs are looked at.
const CAP: u32 = 2000;
/// How many jobs of a group are named.
const NAMED: usize = 5;

pub(crate) async fn list(app: &App, viewing: &Viewing, request: &Request) -> Answer {
    let (from, to) = overview::span(request, Timestamp::now())?;
    let failed = app
        .read(viewing.tenant_id, async |tx| list_failed(tx, viewing.tenant_id, (from, to), CAP).await)
        .await?;
    Ok(answers::json(&json!({
        "groups": groups(&failed).iter().map(Group::to_json).collect::<Value>(),
        "from": from,
        "to": to,
        "jobs": failed.len(),
        "cap": CAP,
        "is_capped": failed.len() >= CAP as usize,
    })))
}

struct Group<'a> {
    message: String,
    /// The newest first.
    jobs: Vec<&'a FailedJob>,
}

impl Group<'_> {
    fn to_json(&self) -> Value {
        let times = || self.jobs.iter().map(|job| job.failed_at);
        json!({
            "job_type": self.jobs[0].job_type,
            "message": self.message,
            "step": self.jobs[0].step,
            "count": self.jobs.len(),
            "first_seen": times().min(),
            "last_seen": times().max(),
            "job_ids": self.jobs.iter().take(NAMED).map(|job| job.job_id.to_string()).collect::<Value>(),
        })
    }
}

/// The largest group first.
fn groups(failed: &[FailedJob]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for job in failed {
        let message = in_common(&job.error);
        let is_same = |group: &&mut Group<'_>| {
            group.message == message
                && group.jobs[0].job_type == job.job_type
                && group.jobs[0].step == job.step
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.jobs.push(job),
            None => groups.push(Group { message, jobs: vec![job] }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.jobs.len()));
    groups
}

/// The message without what differs from one job to the next: words with a digit in them become an ellipsis.
fn in_common(error: &str) -> String {
    let mut message = String::with_capacity(error.len());
    for word in error.split_inclusive(char::is_whitespace) {
        let bare = word.trim_matches(|character: char| !character.is_alphanumeric());
        // A status such as 404 is what they have in common.
        let differs = bare.chars().any(|character| character.is_ascii_digit()) && bare.len() != 3;
        message.push_str(&if differs { word.replacen(bare, "…", 1) } else { word.to_owned() });
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_amounts_are_left_out_and_a_status_is_not() {
        let of = "Xero refused invoice INV-0006 (id 0b6e1f7a-11) with status 404: no contact a@b.example";
        assert_eq!(in_common(of), "Xero refused invoice … (id …) with status 404: no contact a@b.example");
    }
}
