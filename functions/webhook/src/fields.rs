//! The body of a call.

use lambda_http::Request;
use serde_json::Value;
use zixly_lambda_kit::problem::Problem;

pub(crate) use zixly_lambda_kit::fields::{all_invalid, invalid, read};

/// What a call may say at the most; what is larger belongs into the payload bucket.
const LARGEST_BODY_BYTES: usize = 256 * 1024;

/// The body as a JSON object.
pub(crate) fn object(request: &Request) -> Result<Value, Problem> {
    zixly_lambda_kit::fields::object(request, LARGEST_BODY_BYTES)
}
