//! Our SQS messages: the doorbell of a job, a delivery that PostgreSQL could not take, and those that were laid aside.
//!
//! **Invariant:** a doorbell carries ids and no state, so a lost or doubled one changes nothing.

mod dead_letters;
mod message;
mod queue;

pub use dead_letters::{DeadLetter, DeadLetterQueue};
pub use message::{CarriedBody, CarriedDelivery, Message, Unreadable};
pub use queue::{JobQueue, LARGEST_MESSAGE_BYTES, QueueError};
