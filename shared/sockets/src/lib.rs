//! The WebSockets that pages hold open: who has one, as rows in DynamoDB, and how text is sent to it, by API Gateway's
//! management API.
//!
//! **Invariant:** a tenant's sockets are found under the tenant and nowhere else, so nobody can ask for another's by
//! mistake. Knows nothing of what is sent.

mod api;
mod table;

pub use api::{PostError, Posted, SocketApi};
pub use table::{NewSocket, Opened, Socket, SocketTable, SocketTableError};
