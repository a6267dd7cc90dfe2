//! `GET /api/pipelines/jobs`: the list, its filters and its search.

use lambda_http::Request;
use serde_json::{Value, json};
use zixly_access::Viewing;
use zixly_domain::{JobId, JobStatus, Provider, Workflow};
use zixly_lambda_kit::problem::Problem;
use zixly_store::views::jobs::{self, Filter, JobSummary};

use crate::{
    App,
    answers::{self, Answer},
    query,
};

const STATUS_RULE: &str =
    "Each must be one of QUEUED, RUNNING, COMPLETED, FAILED, CANCELLED, WAITING; several with commas.";
const PROVIDER_RULE: &str = "It must be one of xero, hubspot, shopify, asana.";

pub(crate) async fn list(app: &App, viewing: &Viewing, request: &Request) -> Answer {
    let filter = filter(request)?;
    let limit = query::limit(request)?;
    let mut page = app
        .read(viewing.tenant_id, async |tx| jobs::list(tx, viewing.tenant_id, &filter, limit + 1).await)
        .await?;
    let next = query::cut(&mut page.jobs, limit, |job| job.job_id.to_string());
    let scope = page.scope.map(|scope| {
        json!({
            "rows": scope.looked_at,
            "cap": scope.cap,
            "is_capped": scope.looked_at >= scope.cap,
            "oldest_at": scope.oldest_at,
        })
    });
    Ok(answers::json(&json!({
        "jobs": page.jobs.iter().map(summary).collect::<Value>(),
        "next_cursor": next,
        "search": scope,
    })))
}

/// In the words of `JobSummary`.
pub(crate) fn summary(job: &JobSummary) -> Value {
    let duration = job.started_at.zip(job.completed_at).map(|(from, to)| to.duration_since(from).as_millis());
    json!({
        "job_id": job.job_id.to_string(),
        "job_type": job.job_type,
        "status": job.status.as_str(),
        "about": job.about,
        "is_dry_run": job.is_dry_run,
        "provider": job.job_type.parse().ok().and_then(Workflow::source).map(Provider::as_str),
        "created_at": job.created_at,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
        "duration_ms": duration.map(|ms| i64::try_from(ms.max(0)).unwrap_or(i64::MAX)),
        "waiting_reason": job.waiting_reason.map(|reason| reason.as_str()),
        "due_at": job.due_at,
        "error": job.error,
    })
}

/// What the parameters and the qualifiers of the search say together.
fn filter(request: &Request) -> Result<Filter, Problem> {
    let (from, to) = query::times(request)?;
    let mut filter = Filter {
        from,
        to,
        after: query::value(request, "cursor", "It must be the `next_cursor` of a page.")?,
        ..Filter::default()
    };
    if let Some(statuses) = query::text(request, "status") {
        take_statuses(&mut filter, &statuses, "status")?;
    }
    if let Some(job_type) = query::text(request, "workflow") {
        take_job_types(&mut filter, vec![job_type]);
    }
    if let Some(provider) = query::text(request, "provider") {
        take_provider(&mut filter, &provider, "provider")?;
    }
    if let Some(search) = query::text(request, "q") {
        search_for(&mut filter, &search)?;
    }
    Ok(filter)
}

/// Words with a qualifier narrow the list; the others together are the text to look for.
fn search_for(filter: &mut Filter, search: &str) -> Result<(), Problem> {
    let mut text = Vec::new();
    for word in words(search) {
        match word.split_once(':') {
            Some((qualifier, value)) if !value.is_empty() => match qualifier.to_ascii_lowercase().as_str() {
                "status" => take_statuses(filter, value, "q")?,
                "workflow" => take_job_types(filter, vec![value.to_owned()]),
                "provider" => take_provider(filter, value, "q")?,
                "record" => filter.record = Some(value.to_owned()),
                "job" => take_job(filter, value)?,
                _ => text.push(word),
            },
            _ => text.push(word),
        }
    }
    match text.as_slice() {
        [] => {}
        // Somebody has pasted an id: that is found wherever it is.
        [id] if id.parse::<JobId>().is_ok() => take_job(filter, id)?,
        words => filter.text = Some(words.join(" ")),
    }
    Ok(())
}

/// Split at blanks, but for those within quotation marks.
fn words(search: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
    for character in search.chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            blank if blank.is_whitespace() && !is_quoted => words.extend(some(&mut word)),
            other => word.push(other),
        }
    }
    words.extend(some(&mut word));
    words
}

fn some(word: &mut String) -> Option<String> {
    (!word.is_empty()).then(|| std::mem::take(word))
}

fn take_statuses(filter: &mut Filter, names: &str, field: &str) -> Result<(), Problem> {
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let status = match name.to_ascii_uppercase().as_str() {
            "WAITING" => {
                filter.is_waiting = true;
                JobStatus::Queued
            }
            other => other.parse().map_err(|_| query::invalid(field, STATUS_RULE))?,
        };
        if !filter.statuses.contains(&status) {
            filter.statuses.push(status);
        }
    }
    if filter.is_waiting && filter.statuses.len() > 1 {
        return Err(query::invalid(field, "WAITING cannot be combined with another status."));
    }
    Ok(())
}

fn take_provider(filter: &mut Filter, name: &str, field: &str) -> Result<(), Problem> {
    let provider: Provider =
        name.to_ascii_lowercase().parse().map_err(|_| query::invalid(field, PROVIDER_RULE))?;
    let workflows = Workflow::ALL.iter().filter(|workflow| workflow.source() == Some(provider));
    take_job_types(filter, workflows.map(|workflow| workflow.as_str().to_owned()).collect());
    Ok(())
}

/// Two conditions on the workflow leave what both let through.
fn take_job_types(filter: &mut Filter, job_types: Vec<String>) {
    filter.job_types = Some(match filter.job_types.take() {
        None => job_types,
        Some(before) => before.into_iter().filter(|one| job_types.contains(one)).collect(),
    });
}

/// A list of one.
fn take_job(filter: &mut Filter, id: &str) -> Result<(), Problem> {
    let id: JobId = id.parse().map_err(|_| query::invalid("q", "`job:` takes a job's id."))?;
    filter.only = Some(id);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searched(search: &str) -> Filter {
        let mut filter = Filter::default();
        search_for(&mut filter, search).expect("it can be looked for");
        filter
    }

    #[test]
    fn qualifiers_narrow_and_what_is_left_is_looked_for() {
        let filter = searched("status:failed workflow:xero-invoice-to-hubspot record:INV-0006 not found");
        assert_eq!(filter.statuses, [JobStatus::Failed]);
        assert_eq!(filter.job_types, Some(vec!["xero-invoice-to-hubspot".to_owned()]));
        assert_eq!(filter.record.as_deref(), Some("INV-0006"));
        assert_eq!(filter.text.as_deref(), Some("not found"));
    }

    #[test]
    fn a_qualifier_that_nobody_knows_is_a_text() {
        assert_eq!(searched("error:500 x").text.as_deref(), Some("error:500 x"));
        assert_eq!(searched("status:").text.as_deref(), Some("status:"));
    }

    #[test]
    fn quotation_marks_hold_words_together() {
        assert_eq!(searched(r#"record:"INV 6" status:waiting"#).record.as_deref(), Some("INV 6"));
    }

    #[test]
    fn two_conditions_on_the_workflow_hold_both() {
        let filter = searched("provider:xero workflow:hubspot-deal-to-asana");
        assert_eq!(filter.job_types, Some(Vec::new()));
    }

    #[test]
    fn an_unknown_status_is_refused_with_those_that_are_known() {
        let problem = search_for(&mut Filter::default(), "status:lost").expect_err("there is none");
        assert!(format!("{problem:?}").contains("QUEUED, RUNNING"));
    }
}
