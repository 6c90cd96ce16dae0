//! Fills a store that was emptied with what the ledger remembers, while it is in use.
//!
//! Partitions that are being filled learn from the rebuild only, in the order of the ledger, and
//! from nothing: what they may still hold is begun anew. Attempts that are made meanwhile wait in
//! their processes. At the end the marks say that the partitions are whole, if they are still those
//! that were filled, and what was committed before the marks were seen is taught once more, which
//! is harmless: no event counts twice.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;

use super::visit::visits;
use super::warm::Unfit;
use super::{Fault, Purpose, RedisStore};
use crate::domain::{Span, Time};
use crate::signals::SignalEvent;
use crate::signals::party::{Held, Lesson};

/// Events in flight at once.
pub const AT_ONCE: usize = 64;

/// A rebuild under way.
#[derive(Debug)]
pub struct Rebuild<'s> {
    store: &'s RedisStore,
    now: Time,
    cold: Vec<u16>,
    is_cold: Vec<bool>,
    /// The marks say that it is done.
    is_whole: bool,
    /// Ids of attempts and purchases taught so far, by course: what can be taken back.
    taught: [HashSet<u64>; 2],
}

impl RedisStore {
    /// Begins to fill what was emptied; `None` when nothing was. `known` is the filling that the
    /// ledger belongs to, if any. A store that is emptied whole is another one when it is filled
    /// again, which processes with other ledgers notice; that filling is told to `remember` first.
    pub async fn rebuild(
        &self,
        now: Time,
        known: &str,
        remember: impl AsyncFnOnce(&str) -> Result<(), Unfit>,
    ) -> Result<Option<Rebuild<'_>>, Unfit> {
        let marks = self.examine().await?;
        if marks.warm.iter().any(|(_, other)| other != known) {
            return Err(Unfit::Another);
        }
        self.belong_to(known);
        if marks.cold.is_empty() {
            return Ok(None);
        }
        let seed = random()?;
        if marks.warm.is_empty() {
            let filling = format!("{seed:016x}");
            remember(&filling).await?;
            self.belong_to(&filling);
        }
        // What it begins is told from what was there before.
        self.editions.store(seed, Ordering::Relaxed);
        self.mark_filling(&marks.cold).await.map_err(Unfit::Fault)?;
        let mut is_cold = vec![false; marks.cold.len() + marks.warm.len()];
        marks.cold.iter().for_each(|partition| is_cold[usize::from(*partition)] = true);
        let (cold, taught) = (marks.cold, Default::default());
        Ok(Some(Rebuild { store: self, now, cold, is_cold, is_whole: false, taught }))
    }
}

impl Rebuild<'_> {
    /// Teaches the next events of the ledger, in their order.
    pub async fn teach(&mut self, events: &[SignalEvent]) -> Result<(), Unfit> {
        let mut rest = events;
        while !rest.is_empty() {
            // What takes something back comes alone: after all before it, and before all after it.
            let undoes = |event: &SignalEvent| {
                matches!(event, SignalEvent::TakenBack(_) | SignalEvent::Forgotten(_))
            };
            let together = rest.iter().take(AT_ONCE).take_while(|event| !undoes(event)).count();
            let (now, later) = rest.split_at(together.max(1));
            join_all(now.iter().map(|event| self.teach_one(event)))
                .await
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?;
            for event in now {
                let (lesson, o) = event.lesson();
                match lesson {
                    Lesson::Attempt => drop(self.taught[0].insert(o.id)),
                    Lesson::Purchase => drop(self.taught[1].insert(o.id)),
                    Lesson::TakenBack => self.taught.iter_mut().for_each(|ids| {
                        ids.remove(&o.id);
                    }),
                    _ => {}
                }
            }
            rest = later;
        }
        Ok(())
    }

    async fn teach_one(&self, event: &SignalEvent) -> Result<(), Unfit> {
        let (lesson, o) = event.lesson();
        let held = match lesson {
            Lesson::TakenBack => {
                Held::told([0, 1].map(|course: usize| Some(self.taught[course].contains(&o.id))))
            }
            _ => Held::new(false),
        };
        let mut visits = visits(Some(lesson), false, o, &self.store.plans);
        visits.retain(|visit| {
            // Of busy parties nothing is remembered that lies before their longest window.
            let idle = Span::micros(self.store.plans[visit.kind as usize].idle);
            let matters = !visit.kind.is_busy() || o.time > self.now - idle;
            matters && self.is_cold[usize::from(visit.partition())]
        });
        let purpose = if self.is_whole { Purpose::Later } else { Purpose::Rebuild(self.now) };
        let told = self.store.ask(visits, o, (&held, purpose)).await;
        let told = self.store.tidied(told, o.time);
        let fault = told.iter().find_map(|(_, told)| match told.party {
            Err(Fault::Cold) => Some(Unfit::Emptied),
            Err(fault) if !told.counted => Some(Unfit::Fault(fault)),
            _ => None,
        });
        fault.map_or(Ok(()), Err)
    }

    /// Gives readings from now on. What the ledger took in since the last event that was taught
    /// has to be taught once more; if that fails, `give_up`.
    pub async fn warm(&mut self) -> Result<(), Unfit> {
        self.store.mark_whole(&self.cold).await?;
        self.is_whole = true;
        Ok(())
    }

    /// Gives no readings, since something is missing.
    pub async fn give_up(&self) -> Result<(), Unfit> {
        self.store.mark_cold().await.map_err(Unfit::Fault)
    }
}

/// Begins editions, and names a filling.
pub(super) fn random() -> Result<u64, Unfit> {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(|failure| Unfit::Forgetful(failure.to_string()))?;
    Ok(u64::from_le_bytes(seed))
}
