use std::env;

/// A setting that `zixly services` gives to the tests.
#[expect(clippy::disallowed_methods, reason = "tests take their servers from the environment")]
pub(crate) fn required(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: the tests need their servers; run `make test`, or `zixly services -- cargo test`")
    })
}

/// A setting that may be absent.
#[expect(clippy::disallowed_methods, reason = "tests take their servers from the environment")]
pub(crate) fn optional(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
