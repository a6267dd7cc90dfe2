//! `GET /api/audit`: who did what when. For ADMIN.

use lambda_http::{Request, http::StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;
use zixly_access::Viewing;
use zixly_domain::Role;
use zixly_lambda_kit::problem::Problem;
use zixly_store::views::audit;

use crate::{
    App,
    answers::{self, Answer},
    query,
};

pub(crate) async fn list(app: &App, viewing: &Viewing, request: &Request) -> Answer {
    if viewing.role() != Role::Admin {
        let detail = format!("Your role is {}; the audit log is for ADMIN.", viewing.role());
        return Err(Problem::new(StatusCode::FORBIDDEN, detail).into());
    }
    let limit = query::limit(request)?;
    let after: Option<Uuid> = query::value(request, "cursor", "It must be the `next_cursor` of a page.")?;
    let mut found = app
        .read(viewing.tenant_id, async |tx| audit::list(tx, viewing.tenant_id, after, limit + 1).await)
        .await?;
    let next = query::cut(&mut found, limit, |(id, _)| id.to_string());
    let entries: Value = found.into_iter().map(|(_, entry)| entry).collect();
    Ok(answers::json(&json!({ "entries": entries, "next_cursor": next })))
}
