//! Drops what was kept long enough, table by table, in small batches between the commits of
//! others.
//!
//! Numbers of cards that were in use when their person was erased go too, once they are not.
//!
//! Decisions go by whole prefixes of the audit chain, behind a checkpoint, and their answers and
//! codes with them. What is owed and was repaid stays.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Service;
use crate::domain::{Span, Time};
use crate::ledger::{self, EventPlace};

/// Rows of one batch: a few milliseconds in which nobody else commits.
const BATCH: u32 = 500;
/// Between batches, so that many of them do not fill the log or the disk's time.
const PAUSE: Duration = Duration::from_millis(20);

const MONTHS_25: Span = Span::days(761);

/// How long what is kept; `None` is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// What was sent about devices, networks, guests and addresses.
    pub raw_context: Option<Span>,
    /// What the signals were taught. A window of a year needs a year.
    pub signal_events: Option<Span>,
    /// What the lender told of accounts, but for what is owed. Events that come again are known by
    /// it, so those that are older are not taken any more.
    pub events: Option<Span>,
    /// Decisions with their facts, cards, reviews and answers.
    pub decisions: Option<Span>,
    /// What staff have read.
    pub staff_reads: Option<Span>,
    /// How often what is over its age is looked for.
    pub every: Duration,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention {
            raw_context: Some(Span::days(90)),
            // The longest window, and a month for those who look into what went wrong.
            signal_events: Some(Span::days(400)),
            events: Some(MONTHS_25),
            decisions: Some(MONTHS_25),
            staff_reads: Some(MONTHS_25),
            every: Duration::from_secs(3_600),
        }
    }
}

/// Tables whose oldest rows are found without a walk.
#[derive(Clone, Copy)]
enum Table {
    RawContext,
    SignalEvents,
    Decisions,
    Answers,
    Codes,
    StaffReads,
}

/// What a pass has dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Dropped {
    raw_contexts: u64,
    signal_events: u64,
    events: u64,
    decisions: u64,
    staff_reads: u64,
}

impl Service {
    /// Looks now, and each time that `every` has passed, until `stop` is told or dropped.
    pub async fn keep_retention(
        self: Arc<Self>,
        retention: Retention,
        mut stop: oneshot::Receiver<()>,
    ) {
        loop {
            let begun = Instant::now();
            let passed = tokio::select! {
                // A batch that is under way is committed all the same.
                _ = &mut stop => return,
                passed = self.drop_old(retention) => passed,
            };
            tell(passed, begun.elapsed());
            if tokio::time::timeout(retention.every, &mut stop).await.is_ok() {
                return;
            }
        }
    }

    async fn drop_old(&self, retention: Retention) -> Result<Dropped, ledger::Error> {
        let (now, mut dropped) = (self.now(), Dropped::default());
        if let Some(age) = retention.raw_context {
            dropped.raw_contexts = self.drop_batches(Table::RawContext, now - age).await?;
        }
        if let Some(age) = retention.signal_events {
            dropped.signal_events = self.drop_batches(Table::SignalEvents, now - age).await?;
        }
        if let Some(age) = retention.events {
            dropped.events = self.drop_old_events(now - age).await?;
        }
        if let Some(age) = retention.decisions {
            // In this order nothing points to a decision that is gone.
            self.drop_batches(Table::Answers, now - age).await?;
            self.drop_batches(Table::Codes, now - age).await?;
            dropped.decisions = self.drop_batches(Table::Decisions, now - age).await?;
        }
        if let Some(age) = retention.staff_reads {
            dropped.staff_reads = self.drop_batches(Table::StaffReads, now - age).await?;
        }
        self.ledger.drop_card_numbers(now).await?;
        // Nor is it in the log any more; and what an erasure could not cut is cut now.
        self.ledger.scrub().await;
        Ok(dropped)
    }

    /// Drops batch after batch until one is not full.
    async fn drop_batches(&self, table: Table, before: Time) -> Result<u64, ledger::Error> {
        let mut all = 0;
        loop {
            let dropped = match table {
                Table::RawContext => self.ledger.drop_raw_contexts(before, BATCH).await?,
                Table::SignalEvents => self.ledger.drop_signal_events(before, BATCH).await?,
                Table::Decisions => self.ledger.drop_decisions(before, BATCH).await?,
                Table::Answers => self.ledger.drop_answers(before, BATCH).await?,
                Table::Codes => self.ledger.drop_codes(before, BATCH).await?,
                Table::StaffReads => self.ledger.drop_staff_reads(before, BATCH).await?,
            };
            all += dropped;
            if dropped < u64::from(BATCH) {
                return Ok(all);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn drop_old_events(&self, before: Time) -> Result<u64, ledger::Error> {
        let (mut place, mut all) = (Some(EventPlace::default()), 0);
        while let Some(from) = place {
            let (dropped, next) = self.ledger.drop_events(from, before, BATCH).await?;
            all += dropped;
            place = next;
            // Looking is nobody's burden, dropping is.
            if dropped > 0 {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(all)
    }
}

fn tell(passed: Result<Dropped, ledger::Error>, took: Duration) {
    let duration_ms = took.as_millis() as u64;
    match passed {
        Ok(dropped) if dropped == Dropped::default() => {}
        Ok(Dropped { raw_contexts, signal_events, events, decisions, staff_reads }) => {
            tracing::info!(
                raw_contexts,
                signal_events,
                events,
                decisions,
                staff_reads,
                duration_ms,
                "old rows were dropped"
            );
        }
        Err(error) => tracing::warn!(%error, duration_ms, "old rows could not be dropped"),
    }
}
