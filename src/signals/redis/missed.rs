//! Events that could not be taught, in order, until they can.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::signals::SignalEvent;

/// Most events that wait: minutes of a busy checkout, some 50 MB. Then the oldest are lost here,
/// not in the ledger: the store has to be rebuilt from there.
const LONGEST: usize = 100_000;

/// The queue.
#[derive(Debug, Default)]
pub struct Missed {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<SignalEvent>,
    /// One more was taken out and is being taught.
    is_taught: bool,
    lost: u64,
}

impl Missed {
    /// `cold` when the store waits for a rebuild, which will teach what is in the ledger: all but
    /// what happens in its last moments.
    pub fn add(&self, event: SignalEvent, cold: bool) {
        let mut waiting = self.lock();
        if waiting.events.len() >= LONGEST {
            waiting.events.pop_front();
            waiting.lost += 1;
        }
        if cold {
            waiting.lost = 0;
        }
        waiting.events.push_back(event);
    }

    /// Events that wait, the one that is being taught among them.
    pub fn len(&self) -> usize {
        let waiting = self.lock();
        waiting.events.len() + usize::from(waiting.is_taught)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the event that waits longest, to be taught; `taught` tells what became of it. One at
    /// a time.
    pub fn take(&self) -> Option<SignalEvent> {
        let mut waiting = self.lock();
        let event = waiting.events.pop_front()?;
        waiting.is_taught = true;
        Some(event)
    }

    /// What became of the event that was taken; when it could not be taught it waits on.
    pub fn taught(&self, untaught: Option<SignalEvent>) {
        let mut waiting = self.lock();
        waiting.is_taught = false;
        if let Some(event) = untaught {
            waiting.events.push_front(event);
        }
    }

    /// How many events did not fit since it was asked last.
    pub fn take_lost(&self) -> u64 {
        std::mem::take(&mut self.lock().lost)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
