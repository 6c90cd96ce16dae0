//! What a shared signal store is given at the start: somebody who looks after it, and once more
//! what a process before may have failed to teach it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::teach::signal_event;
use crate::domain::{Span, Time};
use crate::ledger::{self, Ledger, StoredSignal};
use crate::signals::redis::{Past, RedisStore};

/// How far back signals are taught once more. Their names are kept for longer, so that none of them
/// counts twice.
const TAUGHT_AGAIN: Span = Span::hours(2);
/// Rows read at once.
const BATCH: u32 = 1_000;
/// Between looks at whether the store has caught up with what it missed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tasks that end with their owner.
pub(super) struct Upkeep(Vec<JoinHandle<()>>);

impl Upkeep {
    pub async fn start(
        store: Arc<RedisStore>,
        ledger: Ledger,
        now: Time,
    ) -> Result<Upkeep, ledger::Error> {
        let past = match ledger.last_signal_event().await? {
            None => Past::Blank,
            Some(_) => Past::HasSignals,
        };
        let keeper = Arc::clone(&store);
        let kept_up = tokio::spawn(async move { keeper.keep_up(past).await });
        let taught_again = tokio::spawn(async move {
            if let Err(error) = teach_again(&store, &ledger, now - TAUGHT_AGAIN).await {
                tracing::warn!(%error, "recent signals could not be taught again");
            }
        });
        Ok(Upkeep(vec![kept_up, taught_again]))
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// A process that ended while the store was away took with it what it had still to teach.
async fn teach_again(
    store: &RedisStore,
    ledger: &Ledger,
    since: Time,
) -> Result<(), ledger::Error> {
    let Some(last) = ledger.last_signal_event().await? else { return Ok(()) };
    // Only attempts are written down as they happen; other events may tell of long ago.
    let is_recent = |row: &StoredSignal| row.kind == "attempt" && row.time >= since;
    let mut after = last.seq;
    while after > 0 {
        after = (after - i64::from(BATCH)).max(0);
        let rows = ledger.signal_events(after, BATCH).await?;
        let first = rows.iter().find(|row| row.kind == "attempt");
        if let Some(row) = first.filter(|row| !is_recent(row)) {
            let before = rows.iter().take_while(|row| !is_recent(row)).last();
            after = before.map_or(row.seq, |row| row.seq);
            break;
        }
    }
    store.ready().await;
    let mut events = 0;
    while after < last.seq {
        let rows = ledger.signal_events(after, BATCH).await?;
        let Some(newest) = rows.last() else { break };
        after = newest.seq;
        for event in rows.iter().filter_map(signal_event) {
            let event = event.map_err(|failure| ledger::Error::Corrupt(failure.to_string()))?;
            while store.missed() > 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            store.apply(&event).await;
            events += 1;
        }
    }
    tracing::info!(events, "recent signals are taught once more");
    Ok(())
}
