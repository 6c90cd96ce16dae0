//! What the signals are owed by writes of which nobody knows whether they got through.
//!
//! A write that lost its connection may be in the ledger all the same. What it teaches is taught
//! once the ledger says so, whether its caller asks again or not; until then no snapshot is taken,
//! which would say that the store knows all that the ledger does.

use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::{Service, teach};
use crate::domain::Holder;
use crate::ledger::{Answer, Claim, Error, SignalRow, Written};
use crate::signals::SignalEvent;

/// Most writes that wait to be looked up. What finds no room is taught at the next start.
const MOST: usize = 10_000;
/// Between questions while the ledger is away.
const ASKED_EVERY: Duration = Duration::from_secs(1);
/// A statement that was under way when its connection was lost has ended by then, by the timeout
/// that the ledger sets for each.
const ENDED_AFTER: Duration = Duration::from_secs(3);

/// Something to be taught, and about whom.
pub(super) type Lesson = (Holder, SignalEvent);
/// What an answer says to have been taught.
type Teaches = Box<dyn FnOnce(&Answer) -> Result<Vec<Lesson>, Error> + Send>;

/// A write of which nobody knows whether it got through.
pub(super) struct Debt {
    claim: Claim,
    teaches: Teaches,
}

pub(super) struct Owed {
    debts: mpsc::Sender<Debt>,
    /// Debts that are not settled, those without room among them.
    open: AtomicUsize,
}

impl Owed {
    pub fn new() -> (Owed, mpsc::Receiver<Debt>) {
        let (debts, waiting) = mpsc::channel(MOST);
        (Owed { debts, open: AtomicUsize::new(0) }, waiting)
    }

    /// Whether the store may lack something that the ledger holds.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::SeqCst) > 0
    }

    /// Teaches what `teaches` gives once the ledger turns out to hold an answer to this claim.
    pub fn add(
        &self,
        claim: Claim,
        teaches: impl FnOnce(&Answer) -> Result<Vec<Lesson>, Error> + Send + 'static,
    ) {
        self.open.fetch_add(1, Ordering::SeqCst);
        let debt = Debt { claim, teaches: Box::new(teaches) };
        if self.debts.try_send(debt).is_err() {
            tracing::warn!("too many writes are in doubt: the signals of one wait for a start");
        }
    }
}

impl Service {
    /// Teaches what a write has taught: now, or as soon as it is known to have got through.
    pub(super) async fn taught_by<T: DeserializeOwned>(
        &self,
        claim: Claim,
        written: Result<Written<T>, Error>,
        teaches: impl FnOnce(&T) -> Vec<Lesson> + Send + 'static,
    ) -> Result<Written<T>, Error> {
        match &written {
            Ok(Written::Now(done)) => {
                for (_, event) in teaches(done) {
                    self.signals.apply(&event).await;
                }
            }
            Err(Error::Unavailable(_) | Error::Interrupted(_)) => {
                self.owed.add(claim, |answer| Ok(teaches(&answer.read()?)));
            }
            // Whoever wrote it has taught it.
            Ok(Written::Before(_)) | Err(_) => {}
        }
        written
    }
}

/// Settles debts until the service is gone.
pub(super) async fn settle(service: Weak<Service>, mut waiting: mpsc::Receiver<Debt>) {
    let mut debts = Vec::new();
    while waiting.recv_many(&mut debts, MOST).await > 0 {
        loop {
            tokio::time::sleep(ASKED_EVERY).await;
            let Some(service) = service.upgrade() else { return };
            if service.ledger.last_signal_event().await.is_ok() {
                break;
            }
        }
        tokio::time::sleep(ENDED_AFTER).await;
        for debt in debts.drain(..) {
            let Some(service) = service.upgrade() else { return };
            service.settle(debt).await;
        }
    }
}

impl Service {
    async fn settle(&self, debt: Debt) {
        let Debt { claim, teaches } = debt;
        let answer = loop {
            match self.ledger.answer_to(&claim).await {
                Ok(answer) => break answer,
                Err(Error::Unavailable(_) | Error::Interrupted(_)) => {
                    tokio::time::sleep(ASKED_EVERY).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the signals of a write in doubt wait for a start");
                    return;
                }
            }
        };
        let settled = async {
            for lesson in answer.as_ref().map(teaches).transpose()?.unwrap_or_default() {
                self.teach_late(lesson).await?;
            }
            Ok::<_, super::Error>(())
        };
        match settled.await {
            Ok(()) => drop(self.owed.open.fetch_sub(1, Ordering::SeqCst)),
            Err(error) => {
                tracing::warn!(%error, "the signals of a write in doubt wait for a start");
            }
        }
    }

    /// Teaches what the ledger still says: its holder may have been erased since.
    async fn teach_late(&self, (holder, event): Lesson) -> Result<(), super::Error> {
        let _alone = self.holders.enter(&holder).await?;
        let SignalRow { payload, .. } = teach::row(&event)?;
        if self.ledger.signals_of(&holder).await?.contains(&payload) {
            self.signals.apply(&event).await;
        }
        Ok(())
    }
}
