//! How long the service keeps what, as options of `serve`.

use std::time::Duration;

use clap::{Args, value_parser};

use crate::domain::Span;
use crate::service;

/// Confirmations, step-ups and a shared store's restart look so far back.
const SIGNAL_EVENTS_LEAST: Span = Span::days(2);
/// An event that a lender sends again must still be known.
const EVENTS_LEAST: Span = Span::days(30);
/// A retry must find its answer, and a customer what was decided.
const DECISIONS_LEAST: Span = Span::days(30);
/// Auditors do not come each day.
const STAFF_READS_LEAST: Span = Span::days(30);

#[derive(Debug, Args)]
pub(super) struct Retention {
    /// How long to keep what was sent about devices, networks, guests and addresses: such as 90d,
    /// 36h or 30m, or `forever`.
    #[arg(long, value_name = "AGE", default_value = "90d", value_parser = age)]
    keep_raw_context: Age,
    /// How long to keep what the signals were taught, at least 2d. Signals look back 365 days.
    #[arg(long, value_name = "AGE", default_value = "400d", value_parser = age_of_signals)]
    keep_signal_events: Age,
    /// How long to keep what the lender told of accounts, at least 30d. What is owed and was repaid
    /// is kept for ever. Events that happened before what is kept are not taken any more: nobody
    /// could tell whether they were sent before.
    #[arg(long, value_name = "AGE", default_value = "761d", value_parser = age_of_events)]
    keep_events: Age,
    /// How long to keep decisions with their facts, cards, reviews and answers, at least 30d.
    #[arg(long, value_name = "AGE", default_value = "761d", value_parser = age_of_decisions)]
    keep_decisions: Age,
    /// How long to keep who of the staff has read what, at least 30d.
    #[arg(long, value_name = "AGE", default_value = "761d", value_parser = age_of_reads)]
    keep_staff_reads: Age,
    /// How often what is past its age is looked for.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600,
          value_parser = value_parser!(u64).range(1..))]
    retention_every: u64,
}

/// An age, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Age(Option<Span>);

impl Retention {
    pub fn ages(&self) -> service::Retention {
        service::Retention {
            raw_context: self.keep_raw_context.0,
            signal_events: self.keep_signal_events.0,
            events: self.keep_events.0,
            decisions: self.keep_decisions.0,
            staff_reads: self.keep_staff_reads.0,
            every: Duration::from_secs(self.retention_every),
        }
    }
}

fn age(text: &str) -> Result<Age, String> {
    at_least(Span::seconds(1), text)
}

fn age_of_signals(text: &str) -> Result<Age, String> {
    at_least(SIGNAL_EVENTS_LEAST, text)
}

fn age_of_events(text: &str) -> Result<Age, String> {
    at_least(EVENTS_LEAST, text)
}

fn age_of_decisions(text: &str) -> Result<Age, String> {
    at_least(DECISIONS_LEAST, text)
}

fn age_of_reads(text: &str) -> Result<Age, String> {
    at_least(STAFF_READS_LEAST, text)
}

fn at_least(least: Span, text: &str) -> Result<Age, String> {
    if text == "forever" {
        return Ok(Age(None));
    }
    let parsed = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let number: u32 = number.parse().ok()?;
        let number = i64::from(number);
        match unit {
            "d" => Some(Span::days(number)),
            "h" => Some(Span::hours(number)),
            "m" => Some(Span::minutes(number)),
            "s" => Some(Span::seconds(number)),
            _ => None,
        }
    };
    match parsed() {
        None => Err("expected a number with d, h, m or s behind it, or forever".to_owned()),
        Some(age) if age < least => Err(format!("expected at least {} s", least.as_seconds())),
        Some(age) => Ok(Age(Some(age))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_as_people_write_them() {
        for (text, expected) in [
            ("90d", Ok(Age(Some(Span::days(90))))),
            ("36h", Ok(Age(Some(Span::hours(36))))),
            ("30m", Ok(Age(Some(Span::minutes(30))))),
            ("1s", Ok(Age(Some(Span::seconds(1))))),
            ("forever", Ok(Age(None))),
            ("0s", Err(())),
            ("-1d", Err(())),
            ("d", Err(())),
            ("", Err(())),
            ("90", Err(())),
            ("1å", Err(())),
            ("99999999999d", Err(())),
        ] {
            assert_eq!(age(text).map_err(drop), expected, "{text}");
        }
        assert!(age_of_signals("47h").is_err() && age_of_signals("2d").is_ok());
        assert!(age_of_events("29d").is_err());
    }
}
