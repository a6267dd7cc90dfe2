//! Who may come in, and who has left.

use jiff::Timestamp;
use zixly_auth::{Ticket, TicketRefusal};
use zixly_lambda_kit::Chain;
use zixly_secrets::SecretsError;
use zixly_sockets::{NewSocket, Opened, SocketTableError};

use crate::App;
use crate::wire::{EventType, SocketAnswer, SocketEvent};

const SUBSCRIBED: &str = r#"{"type":"subscribed"}"#;
const NOT_UNDERSTOOD: &str =
    r#"{"type":"problem","detail":"the one thing to say here is {\"action\":\"subscribe\"}"}"#;

/// Why a socket is not opened. A page is told the status only, as API Gateway has it, and comes back with a new ticket
/// or makes do without a socket.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("there is no ticket in the address")]
    NoTicket,
    #[error(transparent)]
    Ticket(#[from] TicketRefusal),
    #[error("the ticket was used before")]
    TicketIsUsed,
    #[error("the tenant has {0} sockets open")]
    Crowded(usize),
    #[error("the function's secret has no realtime_ticket_key")]
    NotConfigured,
    #[error("the function's secret cannot be read")]
    Secrets(#[from] SecretsError),
    #[error("the socket cannot be written down")]
    Table(#[from] SocketTableError),
}

impl Refusal {
    fn status(&self) -> u16 {
        match self {
            Self::NoTicket | Self::Ticket(_) | Self::TicketIsUsed => 401,
            Self::Crowded(_) => 429,
            Self::NotConfigured | Self::Secrets(_) | Self::Table(_) => 503,
        }
    }
}

impl App {
    /// Does what follows from what happened to a socket.
    pub(crate) async fn meet(&self, event: &SocketEvent, now: Timestamp) -> SocketAnswer {
        let connection_id = &event.request_context.connection_id;
        match event.request_context.event_type {
            EventType::Connect => self.welcome(connection_id, event.ticket(), now).await,
            EventType::Message if event.is_subscribe() => SocketAnswer::say(SUBSCRIBED),
            EventType::Message => SocketAnswer::say(NOT_UNDERSTOOD),
            EventType::Disconnect => self.see_off(connection_id).await,
        }
    }

    async fn welcome(&self, connection_id: &str, ticket: Option<&str>, now: Timestamp) -> SocketAnswer {
        match self.open(connection_id, ticket, now).await {
            Ok(ticket) => {
                tracing::info!(tenant.id = %ticket.tenant_id, user.id = %ticket.user_id, "socket.opened");
                SocketAnswer::status(200)
            }
            Err(refusal) => {
                let status = refusal.status();
                if status == 503 {
                    tracing::error!(error = %Chain(&refusal), "socket.refused");
                } else {
                    tracing::info!(reason = %refusal, status, "socket.refused");
                }
                SocketAnswer::status(status)
            }
        }
    }

    async fn open(
        &self,
        connection_id: &str,
        ticket: Option<&str>,
        now: Timestamp,
    ) -> Result<Ticket, Refusal> {
        let text = ticket.ok_or(Refusal::NoTicket)?;
        let key = self.secret.get("realtime_ticket_key").await?.ok_or(Refusal::NotConfigured)?;
        let ticket = Ticket::verify(&key, text, now)?;
        // Counted from what is there: a counter would be wrong as soon as one socket's end is not heard of.
        let open = self.sockets.list(ticket.tenant_id, now).await?.len();
        if open >= self.sockets_per_tenant as usize {
            return Err(Refusal::Crowded(open));
        }
        let socket = NewSocket {
            tenant_id: ticket.tenant_id,
            connection_id,
            ticket_id: ticket.ticket_id,
            ticket_expires_at: ticket.expires_at,
        };
        match self.sockets.open(socket, now).await? {
            Opened::Yes => Ok(ticket),
            Opened::TicketIsUsed => Err(Refusal::TicketIsUsed),
        }
    }

    /// Nobody waits for this answer. A socket whose end is missed is found gone by the next event, or expires.
    async fn see_off(&self, connection_id: &str) -> SocketAnswer {
        match self.sockets.close(connection_id).await {
            Ok(Some(tenant_id)) => tracing::info!(tenant.id = %tenant_id, "socket.closed"),
            Ok(None) => tracing::debug!("a socket was closed that is not written down"),
            Err(error) => tracing::warn!(error = %Chain(&error), "socket.not_forgotten"),
        }
        SocketAnswer::status(200)
    }
}
