//! The realtime function: who is let in, and who hears what.

mod doorway;
mod fan_out;
mod logs;
mod scene;
