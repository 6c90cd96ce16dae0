//! The use cases: the only place where signals, ledger and decide meet.

mod accounts;
mod again;
mod assess;
mod callers;
mod cards;
mod claims;
mod clock;
mod decisions;
mod draw;
mod erase;
mod error;
mod events;
mod message;
mod owed;
mod related;
mod resolve;
mod reviews;
mod retention;
mod running;
mod scrape;
mod snapshot;
mod staff_reads;
mod step_up;
mod support;
mod teach;
mod upkeep;
mod watch;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use tokio::sync::{RwLock, Semaphore};
use tracing::Instrument;

use crate::domain::{
    Caller, DecisionRecord, Fault, FaultKind, Holder, MerchantId, PARTY_SECRET_LEN, PartyHasher,
    Role, Time,
};
use crate::ledger::{self, Answer, AnswerKey, Claim, Ledger};
use crate::playbook::Playbook;
use crate::policy::ReasonCatalog;
use crate::signals::SignalStore;
use crate::telemetry::{self, Metrics};

pub use callers::{Callers, Stranger, TOKEN_BYTES, token_text};
pub use clock::Clock;
pub use error::Error;
pub use related::Related;
pub use resolve::Resolved;
pub use retention::Retention;
pub use scrape::Ready;
pub use teach::signal_event;
pub use watch::Watch;

use owed::Owed;
use running::Running;
use scrape::Looked;
use snapshot::SnapshotFile;
use upkeep::Upkeep;
use watch::Watches;

/// Calls under way at once. Each holds a few kilobytes; the ledger commits thousands a second.
const PLACES: usize = 2_048;

/// How long the end may wait for a signal store that was away: supervisors give a process ten
/// seconds or more, and the ledger wants five of them.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// What the service is made of.
pub struct Settings {
    pub ledger: Ledger,
    pub playbook: Arc<Playbook>,
    pub signals: SignalStore,
    /// Where a store in memory is saved, and found at the start.
    pub snapshot: Option<PathBuf>,
    pub party_secret: [u8; PARTY_SECRET_LEN],
    /// Key of the signature over step-up results, shared with whoever runs the checks.
    pub step_up_secret: Vec<u8>,
    pub clock: Clock,
}

/// Everything behind the edges. Calls that write run to their end even when their caller leaves.
pub struct Service {
    ledger: Ledger,
    signals: SignalStore,
    playbook: Arc<Playbook>,
    hasher: PartyHasher,
    step_up_secret: Vec<u8>,
    clock: Clock,
    running: Running<AnswerKey>,
    /// Whose requests are being decided: a duplicate must see the order before it.
    holders: Running<Holder>,
    /// Calls that may be under way at once, their callers gone or not.
    places: Arc<Semaphore>,
    /// Shared by calls under way: when nobody has it the store is what the ledger says.
    quiet: Arc<RwLock<()>>,
    snapshot: SnapshotFile,
    /// Who may call.
    callers: Callers,
    /// Who waits for a decision to change.
    watches: Watches,
    /// What the store may still have to be taught.
    owed: Owed,
    /// How often in a row the ledger did not answer when it was last asked for callers.
    unanswered: AtomicU32,
    metrics: Metrics,
    /// What was read for metrics last.
    looked: Looked,
    /// What a shared signal store does beside requests; ends with the service.
    _upkeep: Option<Upkeep>,
}

/// An answer, and whether it was given before under the same `request_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<T> {
    pub value: T,
    pub replayed: bool,
}

impl Service {
    /// Starts the service. A store of its own is loaded from its snapshot and taught what the
    /// ledger remembers since; a shared one is looked after, and may not be there yet.
    pub async fn start(mut settings: Settings) -> Result<Arc<Service>, ledger::Error> {
        let begun = Instant::now();
        let loaded = snapshot::load(&mut settings).await?;
        let (owed, debts) = Owed::new();
        let callers = Callers::read(settings.ledger.clone()).await?;
        let metrics = Metrics::new(settings.ledger.metrics().clone())?;
        let mut service = Service {
            ledger: settings.ledger,
            signals: settings.signals,
            playbook: settings.playbook,
            hasher: PartyHasher::new(&settings.party_secret),
            step_up_secret: settings.step_up_secret,
            clock: settings.clock,
            running: Running::default(),
            holders: Running::default(),
            places: Arc::new(Semaphore::new(PLACES)),
            quiet: Arc::default(),
            snapshot: SnapshotFile::new(settings.snapshot, loaded),
            callers,
            watches: Watches::default(),
            owed,
            unanswered: AtomicU32::new(0),
            metrics,
            looked: Looked::default(),
            _upkeep: None,
        };
        match &service.signals {
            SignalStore::Embedded(_) => {
                let tail = service.rebuild_signals(loaded.sequence).await?;
                loaded.tell(tail, begun.elapsed());
            }
            SignalStore::Redis(store) => {
                let (ledger, clock) = (service.ledger.clone(), service.clock.clone());
                let upkeep = Upkeep::start(Arc::clone(store), ledger, clock);
                service._upkeep = Some(upkeep.await?);
            }
        }
        service.begin_metrics();
        let service = Arc::new(service);
        tokio::spawn(owed::settle(Arc::downgrade(&service), debts));
        tokio::spawn(callers::keep(Arc::downgrade(&service)));
        Ok(service)
    }

    /// Resolves once requests can be answered as they should be. From then on a shared store that
    /// is away makes decisions degraded, not the service unready.
    pub async fn ready(&self) {
        if let SignalStore::Redis(store) = &self.signals {
            store.ready().await;
        }
    }

    /// Ends what is under way in the signal store, once nothing more is served.
    pub async fn close(&self) {
        let SignalStore::Redis(store) = &self.signals else { return };
        // When the time is over the rest stays in the ledger, which teaches it at the next start.
        let _in_time = tokio::time::timeout(CLOSE_MAX, store.teach_missed()).await;
        let missed = store.missed();
        if missed > 0 {
            tracing::warn!(events = missed, "signals stay untaught: the store is away at the end");
        }
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    pub fn hasher(&self) -> &PartyHasher {
        &self.hasher
    }

    pub fn callers(&self) -> &Callers {
        &self.callers
    }

    pub fn catalog(&self) -> &ReasonCatalog {
        &self.playbook.catalog
    }

    pub fn playbook(&self) -> &Playbook {
        &self.playbook
    }

    /// Runs `work` to its end, whatever becomes of the caller: a handler is dropped at its deadline
    /// and when the client leaves, and half an effect must not be what is left.
    async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        // A stalled disk must not gather work without end: what finds no place is sent away.
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(Error::Unavailable { reason: "STORE_UNAVAILABLE" });
        };
        let quiet = Arc::clone(&self.quiet);
        let held = async move {
            let _busy = quiet.read_owned().await;
            let result = work.await;
            drop(place);
            result
        };
        match tokio::spawn(held.in_current_span()).await {
            Ok(result) => result,
            Err(failure) => Err(Error::unexpected(&failure)),
        }
    }

    fn claim(&self, key: AnswerKey, hash: [u8; 32]) -> Claim {
        Claim { key, hash, now: self.now() }
    }
}

/// Who may see what another caller asked.
fn sees_all(role: Role) -> bool {
    !matches!(role, Role::Checkout | Role::Issuer | Role::Ledger | Role::CustomerApp)
}

/// A caller asks for its own merchants only.
fn allowed(caller: &Caller, merchant: &MerchantId) -> Result<(), Error> {
    if caller.merchants.has(merchant) {
        return Ok(());
    }
    Err(Error::Forbidden {
        reason: "MERCHANT_NOT_ALLOWED",
        description: "the caller may not ask for this merchant".to_owned(),
    })
}

fn key(caller: &Caller, call: &'static str, request_id: crate::domain::RequestId) -> AnswerKey {
    telemetry::requested(&request_id);
    AnswerKey { caller: caller.name.clone(), call, request_id }
}

/// A stored answer is for the same content only.
fn same_content(answer: &Answer, hash: [u8; 32]) -> Result<(), Error> {
    if answer.hash == hash {
        return Ok(());
    }
    Err(Error::Invalid(vec![Fault {
        field: "request_id".to_owned(),
        problem: "was used before with other content".to_owned(),
        kind: FaultKind::RequestIdReused,
    }]))
}

/// The decision that was answered before.
fn answered_before(answer: Answer, hash: [u8; 32]) -> Result<Answered<DecisionRecord>, Error> {
    same_content(&answer, hash)?;
    let value = match answer.decision {
        Some(record) => *record,
        None => answer.read()?,
    };
    Ok(Answered { value, replayed: true })
}

/// The same for a call that names no merchant: the decision's may not be the caller's any more.
fn answered_to(
    caller: &Caller,
    answer: Answer,
    hash: [u8; 32],
) -> Result<Answered<DecisionRecord>, Error> {
    let answered = answered_before(answer, hash)?;
    allowed(caller, &answered.value.merchant)?;
    Ok(answered)
}

fn not_pending() -> Error {
    Error::Precondition {
        reason: "DECISION_NOT_PENDING",
        subject: "decision".to_owned(),
        description: "the decision does not wait for this step-up, or no longer".to_owned(),
    }
}
