//! Fills a store that was emptied with what the ledger remembers, while it is in use.
//!
//! Partitions without their mark learn from a rebuild only, in the order of the ledger. Attempts
//! that are made meanwhile wait in their processes. At the end the marks are set, and what was
//! committed before they were seen is taught once more, which is harmless: no event counts twice.

use std::collections::HashSet;

use futures_util::future::join_all;

use super::visit::visits;
use super::warm::{Marks, Unfit};
use super::{Purpose, RedisStore};
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
    marks: Marks,
    is_cold: Vec<bool>,
    /// Ids of attempts and purchases taught so far, by course: what can be taken back.
    taught: [HashSet<u64>; 2],
}

impl RedisStore {
    /// Looks at what is to be filled; `None` when nothing was emptied.
    pub async fn rebuild(&self, now: Time) -> Result<Option<Rebuild<'_>>, Unfit> {
        self.fitness().await?;
        let marks = self.marks().await?;
        if !marks.foreign.is_empty() {
            return Err(Unfit::Foreign);
        }
        if marks.cold.is_empty() {
            return Ok(None);
        }
        let mut is_cold = vec![false; marks.cold.len() + marks.warm.len()];
        marks.cold.iter().for_each(|partition| is_cold[usize::from(*partition)] = true);
        Ok(Some(Rebuild { store: self, now, marks, is_cold, taught: Default::default() }))
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
        let told = self.store.ask(visits, o, (&held, Purpose::Rebuild(self.now))).await;
        let told = self.store.tidied(told, o.time);
        match told.iter().find(|(_, told)| !told.counted) {
            Some((_, told)) => {
                Err(Unfit::Fault(told.party.as_ref().err().copied().unwrap_or(super::Fault::Other)))
            }
            None => Ok(()),
        }
    }

    /// Gives readings from now on. What the ledger took in since the last event that was taught
    /// has to be taught once more.
    pub async fn warm(&self) -> Result<(), Unfit> {
        self.store.mark_warm(&self.marks.cold).await.map_err(Unfit::Fault)
    }
}
