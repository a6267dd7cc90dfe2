//! Our SQS messages: the doorbell of a job, and a delivery that PostgreSQL could not take.
//!
//! **Invariant:** a doorbell carries ids and no state, so a lost or doubled one changes nothing.

mod message;
mod queue;

pub use message::{CarriedBody, CarriedDelivery, Message, Unreadable};
pub use queue::{DeadLetterQueue, JobQueue, LARGEST_MESSAGE_BYTES, QueueError};
