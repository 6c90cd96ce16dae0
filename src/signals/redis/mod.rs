//! The store in Redis or Valkey, one server or a cluster, shared by several processes.
//!
//! `observe` is one script call a party, all in flight at once: it adds the event to what is kept
//! of the party and gives that back. The signals are then folded here, by the code that the
//! embedded store runs (`kept.rs`), so both give equal readings.
//!
//! What is not known is missing, never zero. A partition of keys without its mark is cold: it was
//! emptied, and gives and learns nothing until it is rebuilt from the ledger. An event that could
//! not be counted waits in `missed.rs` and is counted later; that, and an answer that got lost, is
//! safe because no event is counted twice: logs know the ids of their events, and of busy parties,
//! which keep no log, the server keeps the names of the last hour's.

mod breaker;
mod dial;
mod faults;
mod forget;
mod keeper;
mod link;
mod missed;
mod rebuild;
mod scripts;
mod upkeep;
mod url;
mod visit;
mod warm;

#[cfg(test)]
mod cluster_tests;
#[cfg(test)]
mod link_tests;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use link::Link;
use missed::Missed;
use scripts::{Named, Scripts};
use visit::{Asking, Told, Visit, visits};

use super::kept;
use super::party::{Held, Lesson, Limits, PartyState, fail};
use super::plan::{Course, KindPlan};
use super::{EmbeddedConfig, Observation, Party, Readings, SignalEvent, catalog};
use crate::domain::{PartyKey, Span, Time};

pub use breaker::BreakerState;
pub use faults::{Fault, FaultCounts, Faults};
pub use link::{LinkError, Options};
pub use rebuild::Rebuild;
pub use url::{Server, UrlError};
pub use warm::{Marks, Unfit};

/// Records of one party that are folded away by whoever reads them: few enough that a party stays
/// small, many enough that folding is rare beside reading.
const RECORDS_MAX: usize = 16;
/// Busy parties gather records quickly, and small ones.
const BUSY_RECORDS_MAX: usize = 64;
/// A party whose value was garbled reads as missing for so long: it may have been known.
const DOUBTFUL: Span = Span::hours(24);
/// For work that nobody waits for.
const UNHURRIED: Duration = Duration::from_secs(2);

/// Signals of all parties, in Redis.
#[derive(Debug)]
pub struct RedisStore {
    link: Arc<Link>,
    scripts: Arc<Scripts>,
    plans: [KindPlan; Party::ALL.len()],
    limits: Limits,
    /// Names the secret under which parties are hashed, without telling it.
    key_id: String,
    /// What the marks say of the filling that holds all that this process's ledger knows; nothing
    /// until it is known, and then other fillings are as good as none.
    filling: RwLock<Arc<str>>,
    missed: Missed,
    /// Held by whoever teaches what was missed.
    teaching: tokio::sync::Mutex<()>,
    /// Parties whose records are being folded away by this process.
    folding: Arc<Mutex<HashSet<PartyKey>>>,
    /// Where the next edition comes from.
    editions: AtomicU64,
    /// Whether the server was found fit for use once.
    ready: watch::Sender<bool>,
}

/// Why a party is asked or taught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Live,
    /// By nobody who waits: on no request's budget, and in spite of the breaker.
    Later,
    /// From the ledger, at that time.
    Rebuild(Time),
}

/// What became of an event that was to be taught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learning {
    /// All of its parties have learnt it.
    Done,
    /// All but those that wait for a rebuild, which will teach them from the ledger.
    WaitsForRebuild,
    Failed,
}

impl Learning {
    fn of(told: &[(Visit, Told)]) -> Learning {
        let mut learning = Learning::Done;
        for (_, told) in told.iter().filter(|(_, told)| !told.counted) {
            match told.party {
                Err(Fault::Cold) => learning = Learning::WaitsForRebuild,
                _ => return Learning::Failed,
            }
        }
        learning
    }
}

impl RedisStore {
    /// Does no I/O: `examine` connects. `key_id` names the secret under which parties are hashed,
    /// without telling it.
    pub fn new(server: Server, options: Options, key_id: &str) -> Result<RedisStore, LinkError> {
        let EmbeddedConfig { log_length, distinct, .. } = EmbeddedConfig::default();
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|failure| LinkError::Refused(failure.to_string()))?;
        Ok(RedisStore {
            link: Arc::new(Link::new(server, options)?),
            scripts: Arc::new(Scripts::new()),
            plans: Party::ALL.map(|kind| KindPlan::compile(kind, catalog())),
            limits: Limits { log: log_length, distinct },
            key_id: key_id.to_owned(),
            filling: RwLock::new(Arc::from("")),
            missed: Missed::default(),
            teaching: tokio::sync::Mutex::default(),
            folding: Arc::default(),
            editions: AtomicU64::new(u64::from_le_bytes(seed)),
            ready: watch::Sender::new(false),
        })
    }

    /// Counts the attempt once and returns all readings as of its time, itself included.
    pub async fn observe(&self, attempt: &Observation) -> Readings {
        let visits = visits(Some(Lesson::Attempt), true, attempt, &self.plans);
        let told = self.ask(visits, attempt, (&Held::new(false), Purpose::Live)).await;
        self.keep_missed(|| SignalEvent::Attempt(attempt.clone()), Learning::of(&told));
        self.readings(attempt, Held::new(true), told)
    }

    /// The readings that `observe` would return, without counting anything.
    pub async fn read(&self, observation: &Observation) -> Readings {
        let visits = visits(None, true, observation, &self.plans);
        let told = self.ask(visits, observation, (&Held::new(false), Purpose::Live)).await;
        self.readings(observation, Held::new(false), told)
    }

    /// Teaches an event, later if it cannot be now.
    pub async fn apply(&self, event: &SignalEvent) {
        // Behind what waits of the account, so that nothing is taken back before it is counted.
        let learning = match self.missed.holds_back(event) {
            true => Learning::Failed,
            false => self.teach(event, Purpose::Live).await,
        };
        self.keep_missed(|| event.clone(), learning);
    }

    /// Teaches an event of the ledger that may be taught already, and does not keep it when that
    /// fails: the caller has it still.
    pub async fn apply_again(&self, event: &SignalEvent) -> Learning {
        self.teach(event, Purpose::Later).await
    }

    fn keep_missed(&self, event: impl FnOnce() -> SignalEvent, learning: Learning) {
        if learning != Learning::Done {
            self.missed.add(event(), learning == Learning::WaitsForRebuild);
        }
    }

    /// Whether calls are made at all.
    pub fn breaker(&self) -> BreakerState {
        self.link.breaker().state()
    }

    /// What went wrong so far, by kind.
    pub fn faults(&self) -> &Faults {
        self.link.faults()
    }

    async fn teach(&self, event: &SignalEvent, purpose: Purpose) -> Learning {
        let (lesson, o) = event.lesson();
        let visits = visits(Some(lesson), false, o, &self.plans);
        if lesson != Lesson::TakenBack {
            let told = self.ask(visits, o, (&Held::new(false), purpose)).await;
            return Learning::of(&self.tidied(told, o.time));
        }
        // Busy parties keep no ids: those with a log say whether there is something to take back.
        let (busy, quiet): (Vec<_>, Vec<_>) = visits.into_iter().partition(|v| v.kind.is_busy());
        let told = self.ask(quiet, o, (&Held::new(false), purpose)).await;
        let held = self.held(&told);
        let learning = Learning::of(&self.tidied(told, o.time));
        if learning != Learning::Done {
            return learning;
        }
        let told = self.ask(busy, o, (&held, purpose)).await;
        Learning::of(&self.tidied(told, o.time))
    }

    /// What the first party with a log of that course knew, as in the embedded store.
    fn held(&self, told: &[(Visit, Told)]) -> Held {
        let mut by_course = [None; 2];
        for (visit, told) in told {
            let Ok(Some(kept)) = &told.party else { continue };
            for course in Course::ALL.map(|course| course as usize) {
                if self.plans[visit.kind as usize].logs[course].is_kept() {
                    by_course[course] = by_course[course].or(kept.held.by_course()[course]);
                }
            }
        }
        Held::told(by_course)
    }

    /// One call a party, all at once.
    async fn ask(
        &self,
        visits: Vec<Visit>,
        o: &Observation,
        (held, purpose): (&Held, Purpose),
    ) -> Vec<(Visit, Told)> {
        let filling = self.filling();
        let mark = match purpose {
            Purpose::Live | Purpose::Later => warm::mark(&self.key_id, &filling),
            Purpose::Rebuild(_) => warm::mark_while_filling(&self.key_id, &filling),
        };
        let command = |visit: &Visit, named| {
            let asking = Asking { mark: &mark, edition: self.edition(), held, purpose };
            let plan = &self.plans[visit.kind as usize];
            visit.command(o, plan, (&self.scripts.tell, named), asking)
        };
        let commands = visits.iter().map(|visit| command(visit, Named::ByHash)).collect();
        let mut replies = self.send(commands, purpose).await;
        let gone: Vec<usize> = (0..replies.len())
            .filter(|place| matches!(replies[*place], Err(Fault::ScriptGone)))
            .collect();
        if !gone.is_empty() {
            let again = gone.iter().map(|place| command(&visits[*place], Named::InFull));
            let again = self.send(again.collect(), purpose).await;
            gone.into_iter().zip(again).for_each(|(place, reply)| replies[place] = reply);
        }
        let told = |(visit, reply): (Visit, _)| {
            let own = visit.lesson.map(|lesson| (lesson, o.id));
            let plan = &self.plans[visit.kind as usize];
            let ours = |mark: &str| warm::is_of(mark, &self.key_id);
            let told = Told::of(reply, (plan, self.limits), own, ours);
            // What the link met it has told itself.
            if let Err(fault @ (Fault::Cold | Fault::Corrupt | Fault::NotOurs)) = told.party {
                self.link.faults().note(fault, 1, None, Instant::now());
            }
            (visit, told)
        };
        visits.into_iter().zip(replies).map(told).collect()
    }

    async fn send(
        &self,
        commands: Vec<::redis::Cmd>,
        purpose: Purpose,
    ) -> Vec<Result<::redis::Value, Fault>> {
        match purpose {
            Purpose::Live => self.link.send(commands).await,
            Purpose::Later | Purpose::Rebuild(_) => {
                self.link.send_unhurried(commands, UNHURRIED).await
            }
        }
    }

    fn readings(&self, o: &Observation, mut held: Held, told: Vec<(Visit, Told)>) -> Readings {
        let mut readings = Readings::not_supplied();
        for (visit, told) in &told {
            let plan = &self.plans[visit.kind as usize];
            match &told.party {
                Ok(Some(kept)) => kept.state.tell(o, plan, &mut held, &mut readings),
                Ok(None) => {
                    let unseen = PartyState::new(o.time.as_micros(), i64::MIN);
                    unseen.tell(o, plan, &mut held, &mut readings);
                }
                Err(_) => fail(plan, &mut readings),
            }
        }
        self.tidied(told, o.time);
        readings
    }

    /// Folds away what has gathered, on nobody's time, and gives back what is told.
    fn tidied(&self, mut told: Vec<(Visit, Told)>, now: Time) -> Vec<(Visit, Told)> {
        for (visit, told) in &mut told {
            let most = if visit.kind.is_busy() { BUSY_RECORDS_MAX } else { RECORDS_MAX };
            let plan = &self.plans[visit.kind as usize];
            let folded = match (&mut told.party, &told.front) {
                (Ok(kept), Some(_)) if kept.as_ref().is_some_and(|kept| kept.records >= most) => {
                    kept.take().map(|kept| kept::checkpoint(kept.state, plan))
                }
                (Err(Fault::Corrupt), Some(_)) => {
                    let now = now.as_micros();
                    let empty = PartyState::new(now, now + DOUBTFUL.as_micros());
                    Some(kept::checkpoint(empty, plan))
                }
                _ => None,
            };
            if let (Some(folded), Some(front)) = (folded, &told.front) {
                let mut value = kept::head(self.edition(), folded.len()).to_vec();
                value.extend(folded);
                self.replace(visit, front, value);
            }
        }
        told
    }

    /// Puts a new front before the records that came since the old one was read; whoever comes
    /// second changes nothing.
    fn replace(&self, visit: &Visit, front: &visit::Front, value: Vec<u8>) {
        let folding = Arc::clone(&self.folding);
        let (party, key) = (visit::party_key(visit.kind, &visit.key), visit.key);
        if !folding.lock().unwrap_or_else(PoisonError::into_inner).insert(key) {
            return;
        }
        let ttl = visit::kept_for_ms(&self.plans[visit.kind as usize]);
        let front = front.clone();
        let (link, scripts) = (Arc::clone(&self.link), Arc::clone(&self.scripts));
        tokio::spawn(async move {
            for named in [Named::ByHash, Named::InFull] {
                let mut command = scripts.replace.call(named, 1);
                command.arg(&party).arg(&front.begins).arg(front.length).arg(&value).arg(ttl);
                let replies = link.send_unhurried(vec![command], UNHURRIED).await;
                if !matches!(replies.first(), Some(Err(Fault::ScriptGone))) {
                    break;
                }
            }
            folding.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        });
    }

    fn filling(&self) -> Arc<str> {
        Arc::clone(&self.filling.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A number that no other value of any process has: drawn at random, then counted on.
    fn edition(&self) -> u64 {
        self.editions.fetch_add(1, Ordering::Relaxed)
    }
}
