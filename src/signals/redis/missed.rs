//! Events that could not be taught, in order within an account, until they can.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::PartyKey;
use crate::signals::SignalEvent;

/// Most events that wait: minutes of a busy checkout, some 50 MB. Then the oldest are lost here,
/// not in the ledger: the store has to be rebuilt from there.
const LONGEST: usize = 100_000;

/// Whose event it is; those of nobody are kept in order as if they were of one.
type Owner = Option<PartyKey>;

/// Whom an event must not overtake.
fn owner(event: &SignalEvent) -> Owner {
    event.lesson().1.parties.account
}

/// The queue.
#[derive(Debug, Default)]
pub struct Missed {
    waiting: Mutex<Waiting>,
}

/// An event, and whether nothing but a rebuild is still to teach it.
#[derive(Clone, Debug)]
struct Entry {
    event: SignalEvent,
    cold: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<Entry>,
    /// Could not be taught in this round, or must not overtake one that could not.
    aside: Vec<Entry>,
    /// Whose events those are.
    put_aside: HashSet<Owner>,
    /// Is being taught.
    taken: Option<Entry>,
    /// Events of each that wait, wherever.
    owners: HashMap<Owner, u32>,
    lost: u64,
}

impl Missed {
    /// `cold` when the event waits for nothing but the rebuild of an emptied store, which will
    /// teach it from the ledger: it is not lost when there is no room for it.
    pub fn add(&self, event: SignalEvent, cold: bool) {
        let mut waiting = self.lock();
        if waiting.len() >= LONGEST {
            waiting.drop_oldest();
        }
        *waiting.owners.entry(owner(&event)).or_default() += 1;
        waiting.entries.push_back(Entry { event, cold });
    }

    /// Events that wait, the one that is being taught among them.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether an event waits that this one must not overtake.
    pub fn holds_back(&self, event: &SignalEvent) -> bool {
        self.lock().owners.contains_key(&owner(event))
    }

    /// Takes the event that waits longest, to be taught; `taught` tells what became of it. One at
    /// a time. Events behind one that was put aside are put aside as well.
    pub fn take(&self) -> Option<SignalEvent> {
        let mut waiting = self.lock();
        while let Some(entry) = waiting.entries.pop_front() {
            if !waiting.put_aside.contains(&owner(&entry.event)) {
                let event = entry.event.clone();
                waiting.taken = Some(entry);
                return Some(event);
            }
            waiting.aside.push(entry);
        }
        None
    }

    /// The event that was taken is taught.
    pub fn taught(&self) {
        let mut waiting = self.lock();
        if let Some(entry) = waiting.taken.take() {
            waiting.forget(owner(&entry.event));
        }
    }

    /// The event that was taken could not be taught; `cold` as in `add`.
    pub fn put_aside(&self, cold: bool) {
        let mut waiting = self.lock();
        if let Some(mut entry) = waiting.taken.take() {
            entry.cold |= cold;
            waiting.put_aside.insert(owner(&entry.event));
            waiting.aside.push(entry);
        }
    }

    /// Ends a round, and one that was left half way: what could not be taught waits behind all that
    /// was not tried, but before the later events of its own account.
    pub fn end_round(&self) {
        let mut waiting = self.lock();
        if let Some(entry) = waiting.taken.take() {
            waiting.entries.push_front(entry);
        }
        let put_aside = std::mem::take(&mut waiting.put_aside);
        let untried = std::mem::take(&mut waiting.entries);
        let (held_back, free): (VecDeque<Entry>, VecDeque<Entry>) =
            untried.into_iter().partition(|entry| put_aside.contains(&owner(&entry.event)));
        waiting.entries = free;
        let aside = std::mem::take(&mut waiting.aside);
        waiting.entries.extend(aside);
        waiting.entries.extend(held_back);
    }

    /// Drops what waits of an account, but for the event that is being taught.
    pub fn forget_all_of(&self, account: PartyKey) {
        let mut waiting = self.lock();
        let Waiting { entries, aside, .. } = &mut *waiting;
        let stays = |entry: &Entry| owner(&entry.event) != Some(account);
        let before = entries.len() + aside.len();
        entries.retain(stays);
        aside.retain(stays);
        let gone = before - entries.len() - aside.len();
        for _ in 0..gone {
            waiting.forget(Some(account));
        }
    }

    /// How many events did not fit that nothing but a rebuild can teach now.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// The whole store waits for a rebuild because of so many lost events: it will teach all that
    /// wait by now, too.
    pub fn forget_lost(&self, lost: u64) {
        let mut waiting = self.lock();
        waiting.lost = waiting.lost.saturating_sub(lost);
        let Waiting { entries, aside, taken, .. } = &mut *waiting;
        entries.iter_mut().chain(aside).chain(taken).for_each(|entry| entry.cold = true);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn len(&self) -> usize {
        self.entries.len() + self.aside.len() + usize::from(self.taken.is_some())
    }

    fn drop_oldest(&mut self) {
        let oldest = match self.aside.is_empty() {
            // Those aside are older than those that were not tried.
            false => Some(self.aside.remove(0)),
            true => self.entries.pop_front(),
        };
        if let Some(entry) = oldest {
            self.lost += u64::from(!entry.cold);
            self.forget(owner(&entry.event));
        }
    }

    /// One event less of its owner.
    fn forget(&mut self, owner: Owner) {
        if let Some(count) = self.owners.get_mut(&owner) {
            *count -= 1;
            if *count == 0 {
                self.owners.remove(&owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::tests::{START, observation};

    /// The event with that number of that account.
    fn event(account: u64, number: u64) -> SignalEvent {
        SignalEvent::Attempt(observation(number, account, START))
    }

    fn number(event: &SignalEvent) -> u64 {
        event.lesson().1.id
    }

    /// One round, in which the events with these numbers cannot be taught; gives those tried.
    fn round(missed: &Missed, bad: &[u64], most: usize) -> Vec<u64> {
        let mut tried = Vec::new();
        while let Some(event) = (tried.len() < most).then(|| missed.take()).flatten() {
            tried.push(number(&event));
            match bad.contains(&number(&event)) {
                true => missed.put_aside(false),
                false => missed.taught(),
            }
        }
        missed.end_round();
        tried
    }

    #[test]
    fn an_event_that_cannot_be_taught_holds_up_only_its_account() {
        let missed = Missed::default();
        for (account, number) in [(1, 10), (2, 20), (1, 11), (3, 30)] {
            missed.add(event(account, number), false);
        }
        assert_eq!(round(&missed, &[10], 99), [10, 20, 30]);
        assert_eq!(missed.len(), 2);
        assert!(missed.holds_back(&event(1, 12)));
        assert!(!missed.holds_back(&event(2, 21)));
        missed.add(event(1, 12), false);
        assert_eq!(round(&missed, &[], 99), [10, 11, 12], "in their order");
        assert_eq!(missed.len(), 0);
        assert!(!missed.holds_back(&event(1, 13)));
    }

    #[test]
    fn what_was_tried_in_vain_waits_behind_what_was_not_tried() {
        let missed = Missed::default();
        for (account, number) in [(1, 10), (2, 20), (1, 11), (3, 30)] {
            missed.add(event(account, number), false);
        }
        assert_eq!(round(&missed, &[10, 20, 30], 1), [10]);
        assert_eq!(round(&missed, &[], 99), [20, 30, 10, 11]);
    }

    #[test]
    fn a_round_that_was_left_half_way_loses_nothing() {
        let missed = Missed::default();
        [10, 11].into_iter().for_each(|number| missed.add(event(1, number), false));
        assert_eq!(missed.take().as_ref().map(number), Some(10));
        assert_eq!(missed.len(), 2);
        missed.end_round();
        assert_eq!(round(&missed, &[], 99), [10, 11]);
    }

    #[test]
    fn an_account_that_is_erased_has_nothing_waiting() {
        let missed = Missed::default();
        for (account, number) in [(1, 10), (2, 20), (1, 11)] {
            missed.add(event(account, number), false);
        }
        round(&missed, &[10, 20], 2);
        missed.forget_all_of(event(1, 0).lesson().1.parties.account.unwrap());
        assert!(!missed.holds_back(&event(1, 12)));
        assert_eq!(round(&missed, &[], 99), [20]);
        assert_eq!(missed.len(), 0);
    }

    #[test]
    fn only_what_no_rebuild_will_teach_is_lost() {
        let missed = Missed::default();
        missed.add(event(1, 1), true);
        missed.add(event(2, 2), false);
        (3..LONGEST as u64 + 1).for_each(|number| missed.add(event(number, number), false));
        missed.add(event(3, 0), false);
        assert_eq!((missed.len(), missed.lost()), (LONGEST, 0), "it waited for the rebuild");
        missed.add(event(3, 0), false);
        assert_eq!((missed.len(), missed.lost()), (LONGEST, 1));
        // What is lost while the store is being marked is told the next time.
        missed.add(event(3, 0), false);
        missed.forget_lost(1);
        assert_eq!(missed.lost(), 1);
        missed.add(event(3, 0), false);
        assert_eq!(missed.lost(), 1, "all that waited is the rebuild's to teach");
    }
}
