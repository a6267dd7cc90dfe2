//! A job event's way to each socket of its tenant.

use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use futures_util::StreamExt;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use zixly_domain::TenantId;
use zixly_lambda_kit::Chain;
use zixly_queues::{Carried, CarriedJobEvent, Unreadable};
use zixly_sockets::{PostError, Posted, Socket, SocketTableError};

use crate::App;

/// How many sockets a text is sent to at once.
const AT_ONCE: usize = 32;

/// How long sending an event to all sockets may take. Whoever has not got it by then finds out when the page asks.
const SENDING: Duration = Duration::from_secs(5);

/// A socket is written down before API Gateway opens it, and until then it is as gone as one that was closed. API Gateway
/// waits 29 s for our consent.
const OPENING: SignedDuration = SignedDuration::from_secs(30);

/// An event that has to come back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undelivered {
    #[error("the message is for a newer function")]
    Newer(#[source] Unreadable),
    #[error("the tenant's sockets cannot be listed")]
    Sockets(#[from] SocketTableError),
    #[error("a socket may still be open")]
    Open(#[from] PostError),
}

/// What became of an event, counted in sockets.
#[derive(Debug, Default)]
struct Tally {
    sent: usize,
    gone: usize,
    failed: usize,
    /// One of the failures: they mostly have one cause.
    failure: Option<PostError>,
}

impl App {
    /// Sends a job event to all sockets of its tenant. It comes back only if it is not known which these are.
    pub(crate) async fn fan_out(&self, message: SqsMessage, now: Timestamp) -> Result<(), Undelivered> {
        let event = match Carried::parse(message.body.as_deref().unwrap_or_default()) {
            Ok(Carried::Event(event)) => event,
            Ok(Carried::EndOfSessions(tenant_id)) => return self.close_all(tenant_id, now).await,
            // Of a version to come: it goes back, for a function that is being deployed at this moment.
            Err(error @ Unreadable::Newer(_)) => return Err(Undelivered::Newer(error)),
            // It can never be read, and is worth nothing to anyone later: acknowledged.
            Err(error) => {
                tracing::error!(error = %Chain(&error), "job_event.dropped");
                return Ok(());
            }
        };
        let sockets = self.sockets.list(event.tenant_id, now).await?;
        let open = sockets.len();
        let mut tally = Tally::default();
        let mut posts = stream::iter(sockets)
            .map(async |socket| self.post(&socket, &event.text, now).await)
            .buffer_unordered(AT_ONCE);
        let all = async {
            while let Some(posted) = posts.next().await {
                tally.count(posted);
            }
        };
        let is_cut_off = tokio::time::timeout(SENDING, all).await.is_err();
        tally.log(&event, open, is_cut_off);
        Ok(())
    }

    /// Closes the tenant's sockets. One that stays open is closed when the message comes back, for which one failure is enough.
    async fn close_all(&self, tenant_id: TenantId, now: Timestamp) -> Result<(), Undelivered> {
        let sockets = self.sockets.list(tenant_id, now).await?;
        tracing::info!(tenant.id = %tenant_id, sockets = sockets.len(), "sessions.ended");
        for socket in &sockets {
            self.api.close(&socket.connection_id).await?;
            self.forget(socket).await;
        }
        Ok(())
    }

    async fn post(&self, socket: &Socket, text: &str, now: Timestamp) -> Result<Posted, PostError> {
        let posted = self.api.post(&socket.connection_id, text).await?;
        if posted == Posted::Gone && now.duration_since(socket.opened_at) > OPENING {
            self.forget(socket).await;
        }
        Ok(posted)
    }

    async fn forget(&self, socket: &Socket) {
        if let Err(error) = self.sockets.remove(socket).await {
            tracing::warn!(tenant.id = %socket.tenant_id, error = %Chain(&error), "socket.not_forgotten");
        }
    }
}

impl Tally {
    fn count(&mut self, posted: Result<Posted, PostError>) {
        match posted {
            Ok(Posted::Sent) => self.sent += 1,
            Ok(Posted::Gone) => self.gone += 1,
            Err(error) => {
                self.failed += 1;
                self.failure = Some(error);
            }
        }
    }

    /// One line for an event that did not get everywhere; that one did is no news.
    fn log(&self, event: &CarriedJobEvent, open: usize, is_cut_off: bool) {
        let Self { sent, gone, failed, failure } = self;
        if *failed == 0 && !is_cut_off {
            tracing::debug!(tenant.id = %event.tenant_id, sent, gone, "job_event.sent");
            return;
        }
        let error = failure.as_ref().map(|error| Chain(error).to_string());
        tracing::warn!(tenant.id = %event.tenant_id, open, sent, gone, failed, is_cut_off, error, "job_event.sent");
    }
}
