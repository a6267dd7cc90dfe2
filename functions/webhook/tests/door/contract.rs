//! Holds answers against `openapi.json`: every answer of every test passes through here.

use std::{collections::BTreeSet, sync::LazyLock};

use lambda_http::{
    Body, Response,
    http::{Method, StatusCode},
};
use zixly_testkit::Contract;

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| Contract::new(include_str!("../../openapi.json")));

const HEADERS_OF_EVERY_ANSWER: [(&str, &str); 8] = [
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cross-origin-resource-policy", "same-site"),
    ("permissions-policy", "interest-cohort=()"),
    ("referrer-policy", "no-referrer"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// Method and path of every operation in the file.
pub fn operations() -> BTreeSet<(String, String)> {
    CONTRACT.operations()
}

/// Fails unless the answer is one that the file promises, with the headers that every answer has.
#[track_caller]
pub fn check(method: &Method, path: &str, answer: &Response<Body>) {
    for (name, value) in HEADERS_OF_EVERY_ANSWER {
        assert_eq!(answer.headers().get(name).map(|it| it.as_bytes()), Some(value.as_bytes()), "{name}");
    }
    assert!(!answer.headers().contains_key("set-cookie"));
    CONTRACT.check(method, path, answer);
}

/// Fails unless the answer is a problem document that speaks of itself.
#[track_caller]
pub fn assert_problem(answer: &Response<Body>, status: StatusCode) {
    CONTRACT.assert_problem(answer, status);
}
