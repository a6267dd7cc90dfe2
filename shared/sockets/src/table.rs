//! One table with items of three kinds, told apart by what they belong to:
//!
//! | `belongs_to` | `item` | says |
//! | --- | --- | --- |
//! | `tenant/{tenant_id}` | the connection id | this socket is the tenant's |
//! | `connection/{connection_id}` | `tenant` | whose socket it is, for the one who hears only that it was closed |
//! | `ticket/{ticket_id}` | `used` | nobody is let in by it again |
//!
//! Each expires by itself. DynamoDB takes its time with that, so who reads looks at the time as well.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValue, TransactWriteItem};
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;
use zixly_domain::TenantId;

/// API Gateway closes a socket after two hours; should nobody hear of it, its items are gone ten minutes later.
const KEPT_FOR: SignedDuration = SignedDuration::from_mins(130);

type Item = HashMap<String, AttributeValue>;

/// DynamoDB did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the table of sockets did not answer as it should")]
pub struct SocketTableError(#[source] BoxError);

impl SocketTableError {
    fn from_sdk(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}

/// A socket that wants to be opened.
#[derive(Debug, Clone, Copy)]
pub struct NewSocket<'a> {
    /// Whose job events it is for.
    pub tenant_id: TenantId,
    /// API Gateway's name for it.
    pub connection_id: &'a str,
    /// The ticket that it comes with, which nobody may come with again.
    pub ticket_id: Uuid,
    /// When the ticket expires, and need not be remembered any more.
    pub ticket_expires_at: Timestamp,
}

/// Whether a socket was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// It is among the tenant's sockets.
    Yes,
    /// Somebody has come with this ticket before.
    TicketIsUsed,
}

/// A socket of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// Whose it is.
    pub tenant_id: TenantId,
    /// API Gateway's name for it.
    pub connection_id: String,
    /// When it was opened.
    pub opened_at: Timestamp,
}

/// The table of sockets and used tickets.
#[derive(Clone)]
pub struct SocketTable {
    client: Client,
    table: String,
}

impl SocketTable {
    /// The table called `table`: keys `belongs_to` and `item`, time to live `expires_at`.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self { client: Client::new(config), table }
    }

    /// Uses the ticket and adds the socket, both or neither.
    pub async fn open(&self, socket: NewSocket<'_>, now: Timestamp) -> Result<Opened, SocketTableError> {
        let NewSocket { tenant_id, connection_id, ticket_id, ticket_expires_at } = socket;
        let expires_at = now + KEPT_FOR;
        let ticket = self
            .put(ticket_key(ticket_id), ticket_expires_at)
            .condition_expression("attribute_not_exists(belongs_to)");
        let row = self
            .put(socket_key(tenant_id, connection_id), expires_at)
            .item("opened_at_ms", number(now.as_millisecond()));
        let whose = self
            .put(whose_key(connection_id), expires_at)
            .item("tenant_id", AttributeValue::S(tenant_id.to_string()));
        let mut transaction = self.client.transact_write_items();
        for put in [ticket, row, whose] {
            let put = put.build().map_err(SocketTableError::from_sdk)?;
            transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
        }
        match transaction.send().await {
            Ok(_) => Ok(Opened::Yes),
            Err(error) => match error.into_service_error() {
                TransactWriteItemsError::TransactionCanceledException(cancelled)
                    if cancelled
                        .cancellation_reasons()
                        .first()
                        .is_some_and(|reason| reason.code() == Some("ConditionalCheckFailed")) =>
                {
                    Ok(Opened::TicketIsUsed)
                }
                error => Err(SocketTableError::from_sdk(error)),
            },
        }
    }

    /// The tenant's sockets, about: one that was opened or closed at this moment may be missing or still there.
    pub async fn list(&self, tenant_id: TenantId, now: Timestamp) -> Result<Vec<Socket>, SocketTableError> {
        let mut sockets = Vec::new();
        let mut start = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("#belongs_to = :tenant")
                .filter_expression("#expires_at > :now")
                .expression_attribute_names("#belongs_to", "belongs_to")
                .expression_attribute_names("#expires_at", "expires_at")
                .expression_attribute_values(":tenant", AttributeValue::S(tenant_text(tenant_id)))
                .expression_attribute_values(":now", number(now.as_second()))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(SocketTableError::from_sdk)?;
            for item in page.items() {
                sockets.push(Socket::read(tenant_id, item)?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(sockets);
            }
        }
    }

    /// Removes a socket of which only its name is known. Gives the tenant whose it was; none if it is not there.
    pub async fn close(&self, connection_id: &str) -> Result<Option<TenantId>, SocketTableError> {
        let Some(whose) = self.delete(whose_key(connection_id)).await? else { return Ok(None) };
        let tenant_id = text(&whose, "tenant_id").and_then(|text| text.parse().ok());
        let tenant_id =
            tenant_id.ok_or_else(|| SocketTableError("a socket's item names no tenant".into()))?;
        self.delete(socket_key(tenant_id, connection_id)).await?;
        Ok(Some(tenant_id))
    }

    /// Removes a socket that turned out to be gone.
    pub async fn remove(&self, socket: &Socket) -> Result<(), SocketTableError> {
        self.delete(socket_key(socket.tenant_id, &socket.connection_id)).await?;
        self.delete(whose_key(&socket.connection_id)).await?;
        Ok(())
    }

    fn put(&self, [belongs_to, item]: [String; 2], expires_at: Timestamp) -> PutBuilder {
        Put::builder()
            .table_name(&self.table)
            .item("belongs_to", AttributeValue::S(belongs_to))
            .item("item", AttributeValue::S(item))
            .item("expires_at", number(expires_at.as_second()))
    }

    async fn delete(&self, [belongs_to, item]: [String; 2]) -> Result<Option<Item>, SocketTableError> {
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("belongs_to", AttributeValue::S(belongs_to))
            .key("item", AttributeValue::S(item))
            .return_values(ReturnValue::AllOld)
            .send()
            .await
            .map_err(SocketTableError::from_sdk)?;
        Ok(deleted.attributes)
    }
}

impl Socket {
    fn read(tenant_id: TenantId, item: &Item) -> Result<Self, SocketTableError> {
        let opened_at = || {
            let milliseconds = item.get("opened_at_ms")?.as_n().ok()?.parse().ok()?;
            Timestamp::from_millisecond(milliseconds).ok()
        };
        let read = text(item, "item").zip(opened_at()).map(|(connection_id, opened_at)| Self {
            tenant_id,
            connection_id: connection_id.to_owned(),
            opened_at,
        });
        read.ok_or_else(|| SocketTableError("a socket's item has no item or opened_at_ms".into()))
    }
}

fn socket_key(tenant_id: TenantId, connection_id: &str) -> [String; 2] {
    [tenant_text(tenant_id), connection_id.to_owned()]
}

fn tenant_text(tenant_id: TenantId) -> String {
    format!("tenant/{tenant_id}")
}

fn whose_key(connection_id: &str) -> [String; 2] {
    [format!("connection/{connection_id}"), "tenant".to_owned()]
}

fn ticket_key(ticket_id: Uuid) -> [String; 2] {
    [format!("ticket/{ticket_id}"), "used".to_owned()]
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
