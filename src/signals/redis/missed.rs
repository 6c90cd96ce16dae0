//! Events that could not be taught, in order, until they can.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::signals::SignalEvent;

/// Most events that wait: minutes of a busy checkout, some 50 MB. What does not fit is lost here
/// but not in the ledger, and the store is marked as cold so that it is rebuilt from there.
const LONGEST: usize = 100_000;

/// The queue.
#[derive(Debug, Default)]
pub struct Missed {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<SignalEvent>,
    lost: u64,
}

impl Missed {
    pub fn add(&self, event: SignalEvent) {
        let mut waiting = self.lock();
        if waiting.events.len() >= LONGEST {
            waiting.lost += 1;
        } else {
            waiting.events.push_back(event);
        }
    }

    pub fn len(&self) -> usize {
        self.lock().events.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The event that waits longest.
    pub fn first(&self) -> Option<SignalEvent> {
        self.lock().events.front().cloned()
    }

    /// Takes out the event that waits longest, once it is taught; only one task does so.
    pub fn done(&self) {
        self.lock().events.pop_front();
    }

    /// How many events did not fit since it was asked last.
    pub fn take_lost(&self) -> u64 {
        std::mem::take(&mut self.lock().lost)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
