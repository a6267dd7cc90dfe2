//! Tells the pages that look at a tenant's jobs what has become of them, over WebSockets.
//!
//! A page has a ticket from the dashboard function and opens a socket with it: [`App`] lets it in, once, and writes down
//! whose socket it is (`doorway`). What the worker says of a job comes through the queue of job events and is sent to
//! each socket of the job's tenant (`fan_out`). A socket that turns out to be gone is forgotten; an event that does not
//! arrive is no loss, since a page asks for its rows again when it has been away.
//!
//! What is said on a socket: the page sends `{"action":"subscribe"}`, first to know that it is heard and then now and
//! again, as API Gateway closes what has been silent for ten minutes; the answer is `{"type":"subscribed"}`. All else that
//! comes to the page is `JobEvent` of the dashboard's openapi.json.
//!
//! **Invariant:** links no database and changes nothing but the table of sockets. An event is sent to what is found under
//! its own tenant and nothing else.

mod app;
mod config;
mod doorway;
mod fan_out;
mod wire;

pub use app::{App, UnknownEvent};
pub use config::RealtimeConfig;
