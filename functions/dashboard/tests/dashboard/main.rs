//! The dashboard function, with a database and a local AWS of its own.

mod isolation;
mod lists;
mod pages;
mod read_only;
mod scene;
mod views;
