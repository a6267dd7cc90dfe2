//! Our SQS messages: the doorbell of a job, a delivery that PostgreSQL could not take, and those that were laid aside;
//! and what is said of a job to whoever is looking.
//!
//! **Invariant:** a doorbell carries ids and no state, so a lost or doubled one changes nothing. A job event carries what
//! a page shows, and nothing is decided by it.

mod dead_letters;
mod job_events;
mod message;
mod queue;

pub use dead_letters::{DeadLetter, DeadLetterQueue};
pub use job_events::{Carried, CarriedJobEvent, JobEvent, JobEventQueue};
pub use message::{CarriedBody, CarriedDelivery, Message, Unreadable};
pub use queue::{JobQueue, LARGEST_MESSAGE_BYTES, QueueError};
