//! What a job leaves behind for its owner: a JSON document in S3.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zixly_domain::JobId;

use crate::{
    error::StepError,
    steps::{Done, Halt, JobRun, StepContext},
};

/// What every workflow calls this step.
pub(super) const STEP: &str = "store-report";

/// What a report is called among the results of its job.
const NAME: &str = "report.json";

/// Where a job's report is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    bucket: String,
    key: String,
    size_bytes: usize,
}

/// Leaves a report of these `facts`. A dry run has nothing to report, and leaves none.
pub(super) async fn leave(job: &mut JobRun<'_>, facts: Value) -> Result<Option<Report>, Halt> {
    if job.context.claim.is_dry_run {
        return Ok(None);
    }
    job.step(STEP, async |context| store(context, facts).await).await.map(Some)
}

/// Stores `facts`, an object, under the job's name. The same facts twice are the same document, so that storing it again
/// changes nothing.
pub(super) async fn store(context: &StepContext<'_>, facts: Value) -> Result<Done<Report>, StepError> {
    let claim = context.claim;
    let mut report = json!({ "job_id": claim.job_id, "workflow": claim.job_type });
    if let (Some(report), Value::Object(facts)) = (report.as_object_mut(), facts) {
        report.extend(facts);
    }
    let (key, size_bytes) = put(context, claim.job_id, &report).await?;
    Ok(Done::new(Report { bucket: context.app.payloads.bucket().to_owned(), key, size_bytes }))
}

/// Puts a note in the place of another job's report, which tells of a person who wants to be forgotten.
pub(super) async fn remove(context: &StepContext<'_>, job_id: JobId) -> Result<(), StepError> {
    put(context, job_id, &json!({ "job_id": job_id, "removed_by": context.claim.job_id })).await?;
    Ok(())
}

async fn put(
    context: &StepContext<'_>,
    job_id: JobId,
    document: &Value,
) -> Result<(String, usize), StepError> {
    let content = serde_json::to_vec_pretty(document).expect("plain data serialises");
    let size_bytes = content.len();
    let payloads = &context.app.payloads;
    let tenant_id = context.claim.tenant_id;
    let key = payloads.put_result(tenant_id, job_id, NAME, "application/json", content).await?;
    Ok((key, size_bytes))
}
