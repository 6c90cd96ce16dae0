//! A shared signal store at the start: somebody who looks after it, and recent events once more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::clock::Clock;
use super::teach::signal_event;
use crate::domain::{PartyKey, Span, Time};
use crate::ledger::{self, Ledger, StoredSignal};
use crate::signals::redis::{Learning, RedisStore, Unfit};
use crate::signals::{Observation, SignalEvent};

/// How far back signals are taught once more. The store keeps their names for an hour longer, so
/// that no attempt or purchase counts twice; other events are harmless twice, but for those that a
/// later one undoes, which are left out.
const TAUGHT_AGAIN: Span = Span::hours(2);
/// Rows read at once.
const BATCH: u32 = 1_000;
/// Between tries while the store is away.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// Between looks at what was missed, and at which filling the ledger belongs to.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between looks at the settings of the servers, in looks.
const FITNESS_EVERY: u32 = 10;
/// Between tries to open the store at the start: a server that comes up is used soon after.
const OPEN_EVERY: Duration = Duration::from_millis(500);

/// Tasks that end with their owner.
pub(super) struct Upkeep(Vec<JoinHandle<()>>);

impl Upkeep {
    pub async fn start(
        store: Arc<RedisStore>,
        ledger: Ledger,
        clock: Clock,
    ) -> Result<Upkeep, ledger::Error> {
        let past = match ledger.last_signal_event().await? {
            None => Past::Blank,
            Some(_) => Past::HasSignals,
        };
        let (keeper, known) = (Arc::clone(&store), ledger.clone());
        let kept_up = tokio::spawn(async move { keep_up(&keeper, &known, past).await });
        let taught_again = tokio::spawn(async move {
            store.ready().await;
            if let Err(error) = teach_again(&store, &ledger, &clock).await {
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

/// What the ledger remembers when a service starts on it.
#[derive(Clone, Copy)]
enum Past {
    /// Nothing was ever taught, so an empty store is whole.
    Blank,
    HasSignals,
}

/// Runs for as long as the store is used.
async fn keep_up(store: &RedisStore, ledger: &Ledger, past: Past) {
    open(store, ledger, past).await;
    let mut looks = 0;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // A rebuild may have made another filling the one that the ledger belongs to.
        if let Ok(Some(filling)) = ledger.filling().await {
            store.belong_to(&filling);
        }
        store.teach_missed().await;
        looks += 1;
        if looks % FITNESS_EVERY == 0 {
            store.watch_over().await;
        }
    }
}

/// Tries until the server is fit for use; says once what is wrong.
async fn open(store: &RedisStore, ledger: &Ledger, past: Past) {
    let mut told = None;
    loop {
        match try_open(store, ledger, past).await {
            Ok(cold) => {
                if cold > 0 {
                    tracing::warn!(
                        partitions = cold,
                        "the signal store is empty and the ledger is not: no readings until \
                         `surety signals rebuild --from-ledger` has run"
                    );
                }
                return store.open_up();
            }
            Err(unfit) if told.as_ref() != Some(&unfit) => {
                tracing::warn!(cause = %unfit, "not ready: the signal store is unfit for use");
                told = Some(unfit);
            }
            Err(_) => {}
        }
        tokio::time::sleep(OPEN_EVERY).await;
    }
}

/// How many partitions are cold in a store that can be used.
async fn try_open(store: &RedisStore, ledger: &Ledger, past: Past) -> Result<usize, Unfit> {
    let forgetful = |error: ledger::Error| Unfit::Forgetful(error.to_string());
    let marks = store.examine().await?;
    if let Some(known) = ledger.filling().await.map_err(forgetful)? {
        // Whoever claimed it may have ended before all marks were set.
        if ledger.last_signal_event().await.map_err(forgetful)?.is_none() {
            return store.begin(&known).await;
        }
        store.belong_to(&known);
        return Ok(marks.cold_for(&known));
    }
    match past {
        // What was emptied while a ledger holds signals is for a rebuild.
        Past::HasSignals => Ok(marks.cold_for("")),
        // What others have taught an empty ledger is right to hear.
        Past::Blank => {
            let found = store.first_filling().await?;
            store.begin(&ledger.claim_filling(&found).await.map_err(forgetful)?).await
        }
    }
}

/// A process that ended while the store was away took with it what it had still to teach. The
/// store is ready now: what comes from here on this process has taught, or knows that it has not.
async fn teach_again(
    store: &RedisStore,
    ledger: &Ledger,
    clock: &Clock,
) -> Result<(), ledger::Error> {
    let Some(last) = ledger.last_signal_event().await? else { return Ok(()) };
    let mut after = start_of_recent(ledger, last.seq, clock.now() - TAUGHT_AGAIN).await?;
    let mut undoings = Undoings { read_to: after, ..Undoings::default() };
    let mut events = 0;
    'pages: while after < last.seq {
        undoings.read_on(ledger).await?;
        let rows = ledger.signal_events(after, BATCH).await?;
        let Some(newest) = rows.last() else { break };
        // The store may have been away for hours since it was asked last.
        let since = clock.now() - TAUGHT_AGAIN;
        let old = rows.iter().rposition(|row| is_attempt_before(row, since));
        for row in &rows[old.map_or(0, |old| old + 1)..] {
            let Some(event) = event_of(row)? else { continue };
            if undoings.undo(row.seq, &event) {
                continue;
            }
            // What waits for a rebuild will be taught by it.
            if store.apply_again(&event).await == Learning::Failed {
                after = row.seq - 1;
                tokio::time::sleep(TRY_EVERY).await;
                continue 'pages;
            }
            events += 1;
        }
        after = newest.seq;
    }
    tracing::info!(events, "recent signals are taught once more");
    Ok(())
}

/// Only attempts are written down as they happen; other events may tell of long ago.
fn is_attempt_before(row: &StoredSignal, since: Time) -> bool {
    row.kind == "attempt" && row.time < since
}

/// The sequence of a row before all that happened since then, and not long before.
async fn start_of_recent(ledger: &Ledger, last: i64, since: Time) -> Result<i64, ledger::Error> {
    let mut after = last;
    while after > 0 {
        after = (after - i64::from(BATCH)).max(0);
        let rows = ledger.signal_events(after, BATCH).await?;
        let first = rows.iter().find(|row| row.kind == "attempt");
        if first.is_some_and(|row| is_attempt_before(row, since)) {
            break;
        }
    }
    Ok(after)
}

fn event_of(row: &StoredSignal) -> Result<Option<SignalEvent>, ledger::Error> {
    let garbled = |failure| ledger::Error::Corrupt(format!("signal event {}: {failure}", row.seq));
    signal_event(row).transpose().map_err(garbled)
}

/// An account and a device.
type Pair = (PartyKey, PartyKey);

/// What rows undo that came before them, each with the newest such row. The store may have been
/// taught those already, so it must not be taught the others behind them.
#[derive(Debug, Default)]
struct Undoings {
    read_to: i64,
    taken_back: HashMap<u64, i64>,
    forgotten: HashMap<Pair, i64>,
    /// A purchase makes a forgotten device known again, and is taught but once.
    bought: HashMap<Pair, i64>,
}

impl Undoings {
    /// Up to the ledger's end.
    async fn read_on(&mut self, ledger: &Ledger) -> Result<(), ledger::Error> {
        loop {
            let rows = ledger.signal_events(self.read_to, BATCH).await?;
            let Some(newest) = rows.last() else { return Ok(()) };
            for row in &rows {
                if let Some(event) = event_of(row)? {
                    self.note(row.seq, &event);
                }
            }
            self.read_to = newest.seq;
        }
    }

    fn note(&mut self, seq: i64, event: &SignalEvent) {
        match event {
            SignalEvent::TakenBack(o) => drop(self.taken_back.insert(o.id, seq)),
            SignalEvent::Forgotten(o) => {
                self.forgotten.extend(pair(o).map(|pair| (pair, seq)));
            }
            SignalEvent::Purchase(o) => self.bought.extend(pair(o).map(|pair| (pair, seq))),
            _ => {}
        }
    }

    /// Whether a later row undoes the event of that row.
    fn undo(&self, seq: i64, event: &SignalEvent) -> bool {
        let is_later = |undoing: Option<&i64>| undoing.is_some_and(|undoing| *undoing > seq);
        let is_taken_back = |o: &Observation| is_later(self.taken_back.get(&o.id));
        let of_pair = |undoings: &HashMap<Pair, i64>, o| {
            is_later(pair(o).and_then(|pair| undoings.get(&pair)))
        };
        match event {
            SignalEvent::Attempt(o) => is_taken_back(o),
            SignalEvent::Purchase(o) => is_taken_back(o) || of_pair(&self.forgotten, o),
            SignalEvent::Recognized(o) => of_pair(&self.forgotten, o),
            SignalEvent::Forgotten(o) => of_pair(&self.bought, o),
            _ => false,
        }
    }
}

fn pair(o: &Observation) -> Option<Pair> {
    o.parties.account.zip(o.parties.device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Parties;

    fn of(id: u64, device: u8) -> Observation {
        let (account, device) = (Some(PartyKey([1; 16])), Some(PartyKey([device; 16])));
        let parties = Parties { account, device, ..Parties::default() };
        Observation { id, parties, ..Observation::default() }
    }

    #[test]
    fn what_a_later_row_undoes_is_left_out_and_nothing_else() {
        let rows = [
            (SignalEvent::Attempt(of(1, 2)), true),
            (SignalEvent::Attempt(of(2, 2)), false),
            (SignalEvent::Purchase(of(1, 3)), true),
            (SignalEvent::Purchase(of(3, 2)), true),
            (SignalEvent::Recognized(of(4, 2)), true),
            (SignalEvent::Recognized(of(5, 3)), false),
            (SignalEvent::TakenBack(of(1, 2)), false),
            (SignalEvent::Forgotten(of(6, 2)), false),
            (SignalEvent::Forgotten(of(7, 4)), true),
            (SignalEvent::Recognized(of(8, 2)), false),
            (SignalEvent::Purchase(of(9, 4)), false),
            (SignalEvent::SignIn(of(10, 2)), false),
        ];
        let mut undoings = Undoings::default();
        for (seq, (event, _)) in (1..).zip(&rows) {
            undoings.note(seq, event);
        }
        for (seq, (event, is_undone)) in (1..).zip(&rows) {
            assert_eq!(undoings.undo(seq, event), *is_undone, "{seq} {event:?}");
        }
    }
}
