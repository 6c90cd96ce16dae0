//! A moment as people write it on a command line.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::Time;

/// A time such as 2026-10-31T18:00:00Z, or a day, which is its beginning, UTC.
pub(super) fn moment(text: &str) -> Result<Time, String> {
    let day = |text: &str| {
        let zoned = text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    };
    let stamp = match text.parse::<Timestamp>() {
        Ok(stamp) => Some(stamp),
        Err(_) if text.len() == "2026-10-31".len() => day(text),
        Err(_) => None,
    };
    stamp
        .map(|stamp| Time::from_micros(stamp.as_microsecond()))
        .ok_or_else(|| "expected a time such as 2026-10-31T18:00:00Z, or 2026-10-31".to_owned())
}
