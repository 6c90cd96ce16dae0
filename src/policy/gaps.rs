//! The gaps that texts keep for times, filled in the market's own time.

use super::Market;
use crate::domain::{Decision, Time};

/// The text with its gaps filled; `None` when it has one whose time is not known.
pub fn fill(text: &str, decision: &Decision, market: Option<&Market>) -> Option<String> {
    let retry = decision.retry.earliest;
    let review = decision.review.map(|review| review.expected);
    let mut text = text.to_owned();
    for (gap, time, with_hour) in [
        ("{end_date}", retry, false),
        ("{retry_time}", retry, true),
        ("{review_time}", review, true),
    ] {
        if text.contains(gap) {
            text = text.replace(gap, &written(time?, with_hour, market)?);
        }
    }
    Some(text)
}

/// `2026-11-21 14:05`, or the date alone; in UTC, and saying so, where no market is known.
fn written(time: Time, with_hour: bool, market: Option<&Market>) -> Option<String> {
    let timestamp = jiff::Timestamp::from_microsecond(time.as_micros()).ok()?;
    let zone = market.map_or(jiff::tz::TimeZone::UTC, |market| market.time_zone.clone());
    let pattern = match (with_hour, market) {
        (false, _) => "%Y-%m-%d",
        (true, Some(_)) => "%Y-%m-%d %H:%M",
        (true, None) => "%Y-%m-%d %H:%M UTC",
    };
    Some(timestamp.to_zoned(zone).strftime(pattern).to_string())
}
