//! Dates as Xero writes and reads them.

use jiff::{Timestamp, civil, fmt::rfc2822, tz::TimeZone};

/// `/Date(ms+0000)/`.
pub fn xero_date(time: Timestamp) -> String {
    format!("/Date({}+0000)/", time.as_millisecond())
}

/// The ISO text beside it.
pub fn iso_text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// Midnight of the day of a time, in UTC.
pub fn day(time: Timestamp) -> Timestamp {
    midnight(time.to_zoned(TimeZone::UTC).date()).unwrap_or(time)
}

/// Reads `/Date(ms+0000)/`, ISO text with or without a zone (UTC then), plain dates, and HTTP dates.
pub fn parse_date(text: &str) -> Option<Timestamp> {
    if let Some(milliseconds) = text.strip_prefix("/Date(") {
        let end = milliseconds.find(['+', ')'])?;
        return Timestamp::from_millisecond(milliseconds[..end].parse().ok()?).ok();
    }
    if text.len() == 10 {
        return midnight(text.parse().ok()?);
    }
    let zoned = text.parse::<Timestamp>().ok();
    let plain =
        || text.parse::<civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    zoned.or_else(plain).or_else(|| rfc2822::DateTimeParser::new().parse_timestamp(text).ok())
}

fn midnight(date: civil::Date) -> Option<Timestamp> {
    date.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}
