//! The dashboard function, with a database and a local AWS of its own.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod isolation;
mod lists;
mod pages;
mod read_only;
mod scene;
mod views;
