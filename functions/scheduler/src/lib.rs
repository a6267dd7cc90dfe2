//! What has to happen by the clock, once a minute: doorbells that nobody heard are rung again, and those of jobs whose
//! worker died; providers that lose events are asked; deliveries get their partition before their day, and leave the
//! database for S3 after their time; the numbers of instances that are gone are added up; and CloudWatch is told how late
//! the workers are.
//!
//! Each is a duty of its own, in [`App::run`]: one that fails, panics or is slow does not keep the others from being
//! done, and what it leaves undone is done a minute later. Two schedulers at once do no harm.
//!
//! **Invariant:** runs no step, calls no provider, and sees of a tenant's rows nothing but ids, and the deliveries that
//! it archives.

mod app;
mod config;
mod polls;
mod retention;
mod sweeps;

pub use app::App;
pub use config::SchedulerConfig;
