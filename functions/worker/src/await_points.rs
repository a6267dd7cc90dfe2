//! Where a worker may be killed with something begun and not yet recorded. Tests and the chaos run do it at each of them.

/// The points by name, but for those of the steps: `begun:`, `worked:` and `recorded:`, each followed by a step's name.
pub const AWAIT_POINTS: &[&str] = &[
    "job:claimed",
    "job:ended",
    "job:waiting",
    "effect:intended",
    "effect:written",
    "effect:settled",
    "refresh:leased",
    "refresh:answered",
    "refresh:stored",
    "filing:filed",
];

/// A point of that name: with the action `return` the process dies there, as if it was killed. Compiled to nothing
/// outside of tests.
macro_rules! await_point {
    ($name:expr) => {
        fail::fail_point!($name, |_| std::process::abort())
    };
}

pub(crate) use await_point;
