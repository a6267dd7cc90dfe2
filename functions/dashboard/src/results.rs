//! `GET /api/pipelines/results/{id}`: where the files of a job's result can be fetched, for some minutes and without a
//! token.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use zixly_access::Viewing;
use zixly_domain::{JobId, TenantId};
use zixly_payload_store::results_of;
use zixly_store::jobs;

use crate::{
    App,
    answers::{self, Answer, Refused, unknown},
};

/// How long an address is good for.
const LIFETIME: Duration = Duration::from_secs(300);

/// A file of a result.
pub(crate) struct ResultFile {
    pub(crate) name: String,
    pub(crate) size_bytes: Option<u64>,
}

pub(crate) async fn list(app: &App, viewing: &Viewing, id: &str) -> Answer {
    let Ok(job_id) = id.parse::<JobId>() else { return Err(unknown("job", id)) };
    let job = app.read(viewing.tenant_id, async |tx| jobs::find(tx, job_id).await).await?;
    let Some(job) = job else { return Err(unknown("job", id)) };
    let mut results = Vec::new();
    for file in files(viewing.tenant_id, job_id, &job.result.unwrap_or_default()) {
        results.push(address(app, viewing.tenant_id, job_id, file).await?);
    }
    Ok(answers::passing_json(&json!({ "results": results })))
}

/// The files that the result of a job names: those that lie in the job's own folder, whatever else it says.
pub(crate) fn files(tenant_id: TenantId, job_id: JobId, result: &Value) -> Vec<ResultFile> {
    let folder = results_of(tenant_id, job_id);
    let values = result.as_object().into_iter().flat_map(|result| result.values());
    let file = |value: &Value| {
        let name = value["key"].as_str()?.strip_prefix(&folder)?;
        let is_name = !name.is_empty() && !name.contains('/');
        is_name.then(|| ResultFile { name: name.to_owned(), size_bytes: value["size_bytes"].as_u64() })
    };
    values.filter_map(file).collect()
}

async fn address(app: &App, tenant_id: TenantId, job_id: JobId, file: ResultFile) -> Result<Value, Refused> {
    let expires_at = Timestamp::now() + SignedDuration::try_from(LIFETIME).expect("it is minutes");
    let url = app.payloads.presign_result(tenant_id, job_id, &file.name, LIFETIME).await?;
    let content_type = match file.name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("json") => "application/json",
        Some("ndjson" | "jsonl") => "application/x-ndjson",
        _ => "application/octet-stream",
    };
    Ok(json!({
        "name": file.name,
        "content_type": content_type,
        "size_bytes": file.size_bytes,
        "url": url,
        "expires_at": expires_at,
    }))
}
