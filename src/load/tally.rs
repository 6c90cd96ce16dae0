//! What happened so far: counts, latencies, outcomes, errors. All calls write into one tally.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::book::Comparison;
use super::calls::Failure;
use crate::grpc::pb::DecisionOutcome;

/// Latencies in microseconds, up to an hour, exact to three digits.
const LATENCY_MAX: u64 = 3_600_000_000;
const DIGITS: u8 = 3;

/// Kinds of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Purchase,
    OneTimeCard,
    /// Either of both, sent before.
    Retry,
    Confirm,
    Cancel,
}

impl Kind {
    pub const ALL: [Kind; 5] =
        [Kind::Purchase, Kind::OneTimeCard, Kind::Retry, Kind::Confirm, Kind::Cancel];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Purchase => "purchase",
            Kind::OneTimeCard => "one-time card",
            Kind::Retry => "retry",
            Kind::Confirm => "confirm",
            Kind::Cancel => "cancel",
        }
    }
}

/// Counts of outcomes. One that is none of these is taken for a review, as the protos ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Outcomes {
    pub approved: u64,
    pub declined: u64,
    pub manual_review: u64,
}

/// What became of the retries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Retries {
    /// Answered with the decision that was known.
    pub same: u64,
    /// Answered with another one, in the warm-up too: each is an error.
    pub different: u64,
    /// Answered where no answer was known before.
    pub unknown: u64,
}

/// Calls of one kind.
#[derive(Clone, Debug)]
pub struct KindTally {
    pub sent: u64,
    pub answered: Histogram<u64>,
    pub outcomes: Outcomes,
}

/// What is measured.
#[derive(Clone, Debug)]
pub struct Counts {
    /// In the order of [`Kind::ALL`].
    pub kinds: Vec<KindTally>,
    /// Of the calls that failed, until they did.
    pub failed: Histogram<u64>,
    /// Of every call that ended.
    pub all: Histogram<u64>,
    /// How long after their intended start requests were sent.
    pub late: Histogram<u64>,
    pub errors: BTreeMap<(Kind, Failure), u64>,
    pub retries: Retries,
    /// Requests that were due.
    pub arrivals: u64,
    /// Those of them that were not sent, since too many were under way.
    pub not_sent: u64,
    /// When the last call ended.
    pub last: Option<Instant>,
}

/// Shared by all who call.
#[derive(Debug)]
pub struct Tally(Mutex<Counts>);

impl Tally {
    /// `None` only if the bounds of the histograms made no sense.
    pub fn new() -> Option<Tally> {
        let empty = Histogram::new_with_bounds(1, LATENCY_MAX, DIGITS).ok()?;
        let kind = KindTally { sent: 0, answered: empty.clone(), outcomes: Outcomes::default() };
        Some(Tally(Mutex::new(Counts {
            kinds: vec![kind; Kind::ALL.len()],
            failed: empty.clone(),
            all: empty.clone(),
            late: empty,
            errors: BTreeMap::new(),
            retries: Retries::default(),
            arrivals: 0,
            not_sent: 0,
            last: None,
        })))
    }

    /// A panic elsewhere makes no count wrong.
    pub fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    pub fn sent(&mut self, kind: Kind) {
        self.kinds[kind as usize].sent += 1;
    }

    /// A call ended `took` after it was to begin.
    pub fn ended<T>(&mut self, kind: Kind, took: Duration, result: Result<T, &Failure>) {
        let took = micros(took);
        self.all.saturating_record(took);
        match result {
            Ok(_) => self.kinds[kind as usize].answered.saturating_record(took),
            Err(failure) => {
                self.failed.saturating_record(took);
                *self.errors.entry((kind, failure.clone())).or_insert(0) += 1;
            }
        }
        self.last = Some(Instant::now());
    }

    pub fn outcome(&mut self, kind: Kind, outcome: DecisionOutcome) {
        let outcomes = &mut self.kinds[kind as usize].outcomes;
        match outcome {
            DecisionOutcome::Approved => outcomes.approved += 1,
            DecisionOutcome::Declined => outcomes.declined += 1,
            DecisionOutcome::ManualReview | DecisionOutcome::Unspecified => {
                outcomes.manual_review += 1;
            }
        }
    }

    pub fn retried(&mut self, comparison: Comparison) {
        match comparison {
            Comparison::Same => self.retries.same += 1,
            Comparison::Different => self.retries.different += 1,
            Comparison::First => self.retries.unknown += 1,
        }
    }

    pub fn started(&mut self, late: Duration) {
        self.late.saturating_record(micros(late));
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_answered_or_an_error() {
        let tally = Tally::new().unwrap();
        let mut counts = tally.counts();
        let late = Failure { code: "UNAVAILABLE".to_owned(), reason: "SHEDDING".to_owned() };
        for millis in 1..=100 {
            counts.sent(Kind::Purchase);
            let result = if millis % 10 == 0 { Err(&late) } else { Ok(()) };
            counts.ended(Kind::Purchase, Duration::from_millis(millis), result);
        }
        let purchases = &counts.kinds[Kind::Purchase as usize];
        assert_eq!((purchases.sent, purchases.answered.len()), (100, 90));
        assert_eq!(counts.errors, BTreeMap::from([((Kind::Purchase, late), 10)]));
        assert_eq!((counts.all.len(), counts.failed.len()), (100, 10));
        assert!(counts.all.value_at_quantile(0.5).abs_diff(50_000) < 100);
        assert!(counts.failed.max().abs_diff(100_000) < 100);
    }

    #[test]
    fn kinds_stand_where_their_number_says() {
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }
}
