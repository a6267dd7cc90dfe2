//! `GET /api/dashboards`: how things stand, when jobs came and how long they took.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use lambda_http::Request;
use serde_json::json;
use zixly_access::Viewing;
use zixly_lambda_kit::problem::Problem;
use zixly_store::{TenantTx, views::overview};

use crate::{
    App,
    answers::{self, Answer},
    query,
};

/// What is shown if nobody says.
const DEFAULT_SPAN: SignedDuration = SignedDuration::from_hours(24);
/// The most that is shown at once.
const LONGEST_SPAN: SignedDuration = SignedDuration::from_hours(366 * 24);
const MOST_BUCKETS: i64 = 100;
/// How long a bucket may be: round numbers, as a clock has them.
const BUCKET_SECONDS: [i64; 14] =
    [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];
const DOTS_CAP: u32 = 2000;

pub(crate) async fn show(app: &App, viewing: &Viewing, request: &Request) -> Answer {
    let now = Timestamp::now();
    let (from, to) = span(request, now)?;
    let bucket_seconds = bucket_seconds(from, to);
    let edges = edges(from, to, bucket_seconds);
    let tenant_id = viewing.tenant_id;
    let read = async |tx: &TenantTx<'_>| {
        let numbers = overview::numbers(tx, tenant_id, start_of_day(now)).await?;
        let buckets = overview::timeline(tx, tenant_id, &edges).await?;
        let dots = overview::dots(tx, tenant_id, (from, to), DOTS_CAP + 1).await?;
        Ok((numbers, buckets, dots))
    };
    let (numbers, buckets, mut dots) = app.read(tenant_id, read).await?;
    let is_capped = dots.as_array().is_some_and(|dots| dots.len() > DOTS_CAP as usize);
    if let Some(dots) = dots.as_array_mut() {
        dots.truncate(DOTS_CAP as usize);
    }
    Ok(answers::json(&json!({
        "from": from,
        "to": to,
        "numbers": numbers,
        "bucket_seconds": bucket_seconds,
        "buckets": buckets,
        "dots": dots,
        "dots_cap": DOTS_CAP,
        "is_capped": is_capped,
    })))
}

/// The times that were asked for, or the last day. The end is the next whole ten seconds, so that the answer to a page
/// that asks again is the same while nothing happens.
pub(crate) fn span(request: &Request, now: Timestamp) -> Result<(Timestamp, Timestamp), Problem> {
    let (from, to) = query::times(request)?;
    let to = to.unwrap_or_else(|| at_second((now.as_second() / 10 + 1) * 10));
    let from = from.unwrap_or(to - DEFAULT_SPAN);
    if from >= to || to.duration_since(from) > LONGEST_SPAN {
        return Err(query::invalid("from", "It must be before `to`, by a year at most."));
    }
    Ok((from, to))
}

fn bucket_seconds(from: Timestamp, to: Timestamp) -> i64 {
    let seconds = to.duration_since(from).as_secs();
    let fits = |bucket: &&i64| seconds / **bucket < MOST_BUCKETS - 1;
    let days = || (seconds / MOST_BUCKETS / 86_400 + 1) * 86_400;
    BUCKET_SECONDS.iter().find(fits).copied().unwrap_or_else(days)
}

/// Where the buckets begin and the last one ends: round times, of which the first is not after `from`.
fn edges(from: Timestamp, to: Timestamp, bucket_seconds: i64) -> Vec<Timestamp> {
    let first = from.as_second().div_euclid(bucket_seconds) * bucket_seconds;
    let mut edges = vec![at_second(first)];
    while edges.last().is_some_and(|last| *last < to) {
        edges.push(at_second(first + edges.len() as i64 * bucket_seconds));
    }
    edges
}

fn at_second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

fn start_of_day(now: Timestamp) -> Timestamp {
    now.to_zoned(TimeZone::UTC).start_of_day().map_or(now, |start| start.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_any_length_has_a_hundred_buckets_at_most() {
        let from: Timestamp = "2026-11-22T10:03:27Z".parse().expect("it is a time");
        for seconds in [1, 59, 3600, 86_400, 7 * 86_400, 90 * 86_400, 366 * 86_400] {
            let to = from + SignedDuration::from_secs(seconds);
            let bucket = bucket_seconds(from, to);
            let edges = edges(from, to, bucket);
            assert!(edges.len() - 1 <= MOST_BUCKETS as usize, "{seconds} s have {} buckets", edges.len() - 1);
            assert!(edges[0] <= from && edges[edges.len() - 1] >= to);
            assert!(edges.windows(2).all(|pair| pair[1].duration_since(pair[0]).as_secs() == bucket));
        }
    }
}
