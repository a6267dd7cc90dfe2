//! Who is signed in and whose rows he may look at, for every function that answers people; and what lies behind such a
//! function's secret: the store, and what users' tokens are checked with.
//!
//! **Invariant:** whose rows are shown is decided here, before a route is, from our own tables and a verified token.

mod behind_secret;
mod viewers;

pub use behind_secret::{BehindSecret, OpenError};
pub use viewers::{Viewing, address, admit};
