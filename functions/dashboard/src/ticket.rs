//! `GET /api/realtime-ticket`: what opens the WebSocket, once and for half a minute, so that no token stands in its
//! address.

use jiff::Timestamp;
use lambda_http::http::StatusCode;
use serde_json::json;
use zixly_access::Viewing;
use zixly_auth::Ticket;
use zixly_lambda_kit::problem::Problem;

use crate::{
    App,
    answers::{self, Answer},
};

pub(crate) async fn issue(app: &App, viewing: &Viewing) -> Answer {
    let Some(websocket_url) = &app.config.websocket_url else {
        let detail = "This installation has no WebSocket; /api/jobs/stream says what has changed.";
        return Err(Problem::new(StatusCode::NOT_FOUND, detail).into());
    };
    let key = app.needed("realtime_ticket_key").await?;
    let now = Timestamp::now();
    let ticket = Ticket::issue(&key, viewing.tenant_id, viewing.user_id, now);
    let body =
        json!({ "url": format!("{websocket_url}?ticket={ticket}"), "expires_at": now + Ticket::LIFETIME });
    Ok(answers::passing_json(&body))
}
