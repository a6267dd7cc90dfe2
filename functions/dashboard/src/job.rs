//! `GET /api/pipelines/jobs/{id}`: one job with its steps, effects, records and delivery.

use serde_json::Value;
use zixly_access::Viewing;
use zixly_domain::JobId;
use zixly_store::views::job;

use crate::{
    App,
    answers::{self, Answer, unknown},
    jobs, links, results,
};

pub(crate) async fn show(app: &App, viewing: &Viewing, id: &str) -> Answer {
    let Ok(job_id) = id.parse::<JobId>() else { return Err(unknown("job", id)) };
    let found =
        app.read(viewing.tenant_id, async |tx| job::find(tx, viewing.tenant_id, job_id).await).await?;
    let Some(found) = found else { return Err(unknown("job", id)) };
    let mut body = found.rest;
    links::add(&mut body);
    let names = results::files(viewing.tenant_id, job_id, &body["result"]);
    body["result_names"] = names.into_iter().map(|file| Value::from(file.name)).collect();
    if let (Value::Object(body), Value::Object(summary)) = (&mut body, jobs::summary(&found.summary)) {
        body.extend(summary);
    }
    Ok(answers::json(&body))
}
