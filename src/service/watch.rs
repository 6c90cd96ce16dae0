//! Watching a decision until it is decided: changes made here wake at once, others are looked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::{Error, Service};
use crate::domain::{Caller, DecisionId, DecisionRecord, DecisionState, Outcome, Time};

/// Watches at once; each reads the ledger once a second.
const WATCHES_MAX: usize = 1_024;
/// And those of one caller: who leaves its streams open shuts out nobody else.
const WATCHES_OF_ONE_MAX: usize = 128;
/// How often a watch looks by itself: another replica may have decided, or the time be over.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// And how often at most, just before the end of what it watches.
const LOOK_RARELY: Duration = Duration::from_millis(5);

/// Who waits for which decision. A watch that is dropped leaves nothing here.
pub(super) struct Watches {
    waiting: Arc<Mutex<HashMap<DecisionId, watch::Sender<()>>>>,
    places: Arc<Semaphore>,
    /// How many places each caller has that has one.
    taken: Arc<Mutex<HashMap<String, usize>>>,
    ending: watch::Sender<bool>,
}

impl Default for Watches {
    fn default() -> Watches {
        let (ending, _) = watch::channel(false);
        let places = Arc::new(Semaphore::new(WATCHES_MAX));
        Watches { waiting: Arc::default(), places, taken: Arc::default(), ending }
    }
}

impl Watches {
    /// Wakes whoever watches this decision.
    pub fn tell(&self, id: DecisionId) {
        if let Some(sender) = locked(&self.waiting).get(&id) {
            sender.send_replace(());
        }
    }

    /// `None` when all places are taken, or all that one caller may have.
    fn place(&self, caller: &str) -> Option<Place> {
        let of_all = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let mut taken = locked(&self.taken);
        let count = taken.entry(caller.to_owned()).or_default();
        if *count == WATCHES_OF_ONE_MAX {
            return None;
        }
        *count += 1;
        let (taken, caller) = (Arc::clone(&self.taken), caller.to_owned());
        Some(Place { taken, caller, _of_all: of_all })
    }

    fn sit(&self, id: DecisionId) -> Seat {
        let mut waiting = locked(&self.waiting);
        let sender = waiting.entry(id).or_insert_with(|| watch::channel(()).0);
        let changed = Some(sender.subscribe());
        Seat { waiting: Arc::clone(&self.waiting), id, changed }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place among all watches, and among those of its caller.
struct Place {
    taken: Arc<Mutex<HashMap<String, usize>>>,
    caller: String,
    _of_all: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = locked(&self.taken);
        if let Some(count) = taken.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.caller);
            }
        }
    }
}

/// A place among those who wait for one decision.
struct Seat {
    waiting: Arc<Mutex<HashMap<DecisionId, watch::Sender<()>>>>,
    id: DecisionId,
    /// Taken when the seat is dropped.
    changed: Option<watch::Receiver<()>>,
}

impl Seat {
    /// Resolves when the decision has changed since this was awaited last.
    async fn changed(&mut self) {
        if let Some(changed) = &mut self.changed
            && changed.changed().await.is_err()
        {
            // Nobody can tell any more; the watch looks by itself.
            std::future::pending().await
        }
    }

    /// What was told so far is about to be read.
    fn looks(&mut self) {
        if let Some(changed) = &mut self.changed {
            changed.mark_unchanged();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut waiting = locked(&self.waiting);
        self.changed = None;
        if waiting.get(&self.id).is_some_and(|sender| sender.receiver_count() == 0) {
            waiting.remove(&self.id);
        }
    }
}

/// What was sent last, as far as it can change.
type Sent = (DecisionId, DecisionState, Outcome);

/// One caller's watch of one request.
pub struct Watch {
    service: Arc<Service>,
    caller: Caller,
    seat: Seat,
    ending: watch::Receiver<bool>,
    sent: Option<Sent>,
    over: bool,
    _place: Place,
}

impl Service {
    /// Begins to watch a decision that the caller may see.
    pub async fn watch(self: &Arc<Self>, caller: Caller, id: DecisionId) -> Result<Watch, Error> {
        let place = self.watches.place(&caller.name);
        let place = place.ok_or(Error::Unavailable { reason: "SHEDDING" })?;
        self.own(&caller, id).await?;
        Ok(Watch {
            service: Arc::clone(self),
            caller,
            seat: self.watches.sit(id),
            ending: self.watches.ending.subscribe(),
            sent: None,
            over: false,
            _place: place,
        })
    }

    /// Ends every watch, so that none holds the server when it stops.
    pub fn end_watches(&self) {
        self.watches.ending.send_replace(true);
    }
}

impl Watch {
    /// The decision as it stands, at first and after each change; `None` after the outcome.
    pub async fn next(&mut self) -> Option<Result<DecisionRecord, Error>> {
        if self.over {
            return None;
        }
        let found = self.changed().await;
        self.over = match &found {
            Ok(record) => record.state(self.service.now()) != DecisionState::Pending,
            Err(_) => true,
        };
        Some(found)
    }

    async fn changed(&mut self) -> Result<DecisionRecord, Error> {
        loop {
            // Before it is read, so that nothing is missed in between.
            self.seat.looks();
            let record = self.service.current(&self.caller, self.seat.id).await?;
            if record.id != self.seat.id {
                self.seat = self.service.watches.sit(record.id);
                continue;
            }
            let now = self.service.now();
            let sent = (record.id, record.state(now), record.decision.outcome);
            if self.sent != Some(sent) {
                self.sent = Some(sent);
                return Ok(record);
            }
            self.wait(&record, now).await?;
        }
    }

    async fn wait(&mut self, record: &DecisionRecord, now: Time) -> Result<(), Error> {
        let end = record.lapses().map_or(LOOK_EVERY, |end| until(now, end));
        tokio::select! {
            () = self.seat.changed() => Ok(()),
            () = tokio::time::sleep(end.clamp(LOOK_RARELY, LOOK_EVERY)) => Ok(()),
            _ = self.ending.wait_for(|ending| *ending) => {
                Err(Error::Unavailable { reason: "DRAINING" })
            }
        }
    }
}

fn until(now: Time, end: Time) -> Duration {
    Duration::from_micros(u64::try_from((end - now).as_micros()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn who_waits_is_woken_and_who_leaves_leaves_nothing() {
        let watches = Watches::default();
        let (one, other) = (DecisionId(Uuid::from_u128(1)), DecisionId(Uuid::from_u128(2)));
        let (mut first, second) = (watches.sit(one), watches.sit(one));
        first.looks();
        watches.tell(other);
        let asleep = tokio::time::timeout(Duration::from_millis(20), first.changed()).await;
        assert!(asleep.is_err());
        watches.tell(one);
        tokio::time::timeout(Duration::from_secs(5), first.changed()).await.unwrap();
        drop(first);
        assert_eq!(locked(&watches.waiting).len(), 1);
        drop(second);
        assert!(locked(&watches.waiting).is_empty());
    }

    #[test]
    fn one_caller_takes_a_part_of_the_places_and_gives_them_back() {
        let watches = Watches::default();
        let many =
            |name: &str| -> Vec<Place> { (0..).map_while(|_| watches.place(name)).collect() };
        let mut held: Vec<_> = (0..8).map(|number| many(&format!("shop-{number}"))).collect();
        assert!(held.iter().all(|places| places.len() == WATCHES_OF_ONE_MAX));
        assert!(watches.place("shop-8").is_none(), "all are taken");
        held[0].pop();
        assert!(watches.place("shop-1").is_none() && watches.place("shop-8").is_some());
        drop(held);
        assert!(locked(&watches.taken).is_empty());
    }

    #[test]
    fn an_end_that_is_past_is_now() {
        let now = Time::from_seconds(10);
        assert_eq!(until(now, Time::from_seconds(9)), Duration::ZERO);
        assert_eq!(until(now, Time::from_seconds(12)), Duration::from_secs(2));
    }
}
