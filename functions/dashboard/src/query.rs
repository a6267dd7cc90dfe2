//! The parameters of a request, each with its rule.

use std::str::FromStr;

use jiff::Timestamp;
use lambda_http::{Request, RequestExt};
use zixly_lambda_kit::problem::Problem;

pub(crate) use zixly_lambda_kit::fields::invalid;

/// The most that a page of a list has.
const MAX_LIMIT: u32 = 100;
/// What it has if nobody says.
const DEFAULT_LIMIT: u32 = 50;

/// The parameter's value, if there is one and it is not blank.
pub(crate) fn text(request: &Request, name: &str) -> Option<String> {
    let parameters = request.query_string_parameters_ref()?;
    parameters.first(name).map(str::trim).filter(|value| !value.is_empty()).map(ToOwned::to_owned)
}

/// The parameter's value as a `T`; `rule` says as a sentence what that is.
pub(crate) fn value<T: FromStr>(request: &Request, name: &str, rule: &str) -> Result<Option<T>, Problem> {
    text(request, name).map(|text| text.parse().map_err(|_| invalid(name, rule))).transpose()
}

/// How many to list.
pub(crate) fn limit(request: &Request) -> Result<u32, Problem> {
    let rule = "It must be a number from 1 to 100.";
    match value(request, "limit", rule)? {
        None => Ok(DEFAULT_LIMIT),
        Some(limit @ 1..=MAX_LIMIT) => Ok(limit),
        Some(_) => Err(invalid("limit", rule)),
    }
}

/// Cuts a list that was read one longer than `limit`, which tells whether there is more, and gives the cursor of what comes
/// next.
pub(crate) fn cut<T>(found: &mut Vec<T>, limit: u32, id: impl Fn(&T) -> String) -> Option<String> {
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    found.last().filter(|_| has_more).map(id)
}

/// The times that the request names, or none.
pub(crate) fn times(request: &Request) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
    let rule = "It must be a time like 2026-11-22T10:00:00Z.";
    let (from, to) = (value(request, "from", rule)?, value(request, "to", rule)?);
    if from.zip(to).is_some_and(|(from, to): (Timestamp, Timestamp)| from >= to) {
        return Err(invalid("to", "It must be later than `from`."));
    }
    Ok((from, to))
}
