//! Places for calls under way, and those who wait for one: decisions before writes before reads.
//!
//! Who waits too long is sent away, as in B. Maurer, "Fail at Scale", ACM Queue 13(8), 2015: as
//! long as a line has been empty now and then, each may wait some time in it, for it is a burst
//! that will pass; once it has not been empty for that time, each may wait a twentieth of it, so
//! that who is answered is answered soon, and who is not can ask somebody else.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::class::Class;

/// How much shorter a wait may be in a line that does not get empty.
const PRESSED: u32 = 20;
/// Below this no timer is exact.
const WAIT_LEAST: Duration = Duration::from_millis(1);
/// Who may wait, for each place.
const WAITING_PER_PLACE: usize = 4;

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Too many are before it.
    Shed,
    /// There is a place, or there may be one soon, and too little time is left to use it.
    TooLate,
}

/// The places of one server.
#[derive(Debug)]
pub struct Queue {
    state: Mutex<State>,
}

/// A place; free again when dropped.
#[derive(Debug)]
pub struct Permit {
    queue: Arc<Queue>,
    class: Class,
}

impl Queue {
    /// So many places, of which reads have half at most, and all but decisions three quarters;
    /// `wait` is the longest for one.
    pub fn new(places: usize, wait: Duration) -> Queue {
        Queue { state: Mutex::new(State::new(places, wait)) }
    }

    /// A place that is free now.
    pub fn enter_at_once(self: &Arc<Queue>, class: Class) -> Option<Permit> {
        let mut state = self.state();
        state.is_free(class).then(|| state.take(class))?;
        Some(Permit { queue: Arc::clone(self), class })
    }

    /// A place, after those who are before; `latest` is the last moment at which it is of use. Who
    /// stops waiting leaves the line.
    pub async fn enter(self: &Arc<Queue>, class: Class, latest: Instant) -> Result<Permit, Denied> {
        let permit = || Permit { queue: Arc::clone(self), class };
        let arrived = self.state().arrive(class, Instant::now(), latest)?;
        let Some(Ticket { number, until, turn }) = arrived else { return Ok(permit()) };
        let mut stand = Stand { queue: self, class, number, turn };
        let called = timeout_at(until.into(), &mut stand.turn).await;
        let permit = matches!(called, Ok(Ok(()))).then(permit);
        match permit {
            _ if Instant::now() >= latest => Err(Denied::TooLate),
            Some(permit) => Ok(permit),
            None => Err(Denied::Shed),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.queue.state().leave(self.class, Instant::now());
    }
}

/// Somebody's stand in a line, until it is called or given up.
struct Stand<'q> {
    queue: &'q Queue,
    class: Class,
    number: u64,
    turn: oneshot::Receiver<()>,
}

impl Drop for Stand<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.step_out(self.class, self.number);
        // Called, and gone before it was heard.
        if self.turn.try_recv().is_ok() {
            state.leave(self.class, Instant::now());
        }
    }
}

/// What somebody who waits is given.
#[derive(Debug)]
struct Ticket {
    number: u64,
    until: Instant,
    turn: oneshot::Receiver<()>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    until: Instant,
    turn: oneshot::Sender<()>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    /// Since when it was not empty.
    busy_since: Option<Instant>,
}

/// Who has a place and who waits, without a clock.
#[derive(Debug)]
struct State {
    places: usize,
    /// Places that reads may have, and all but decisions together: slow ones never fill them all,
    /// unless there is only one.
    for_reads: usize,
    for_others: usize,
    wait: Duration,
    taken: usize,
    taken_by_reads: usize,
    taken_by_others: usize,
    /// One for each class.
    lines: [Line; Class::ALL.len()],
    last_number: u64,
}

impl State {
    fn new(places: usize, wait: Duration) -> State {
        State {
            places,
            for_reads: (places / 2).max(1),
            for_others: (places - places / 4).clamp(1, (places - 1).max(1)),
            wait,
            taken: 0,
            taken_by_reads: 0,
            taken_by_others: 0,
            lines: Default::default(),
            last_number: 0,
        }
    }

    /// Whoever waits could not take a place that is free for this class.
    fn is_free(&self, class: Class) -> bool {
        let for_others = class == Class::Decide || self.taken_by_others < self.for_others;
        let for_reads = class != Class::Look || self.taken_by_reads < self.for_reads;
        self.taken < self.places && for_others && for_reads
    }

    fn take(&mut self, class: Class) {
        self.taken += 1;
        self.taken_by_reads += usize::from(class == Class::Look);
        self.taken_by_others += usize::from(class != Class::Decide);
    }

    /// A place at once, which is `None`, or a ticket.
    fn arrive(
        &mut self,
        class: Class,
        now: Instant,
        latest: Instant,
    ) -> Result<Option<Ticket>, Denied> {
        if now >= latest {
            return Err(Denied::TooLate);
        }
        if self.is_free(class) {
            self.take(class);
            return Ok(None);
        }
        let waiting = self.lines.iter().map(|line| line.waiting.len()).sum::<usize>();
        if waiting >= self.places * WAITING_PER_PLACE && !self.send_away_after(class) {
            return Err(Denied::Shed);
        }
        self.last_number += 1;
        let number = self.last_number;
        let line = &mut self.lines[class as usize];
        let busy_since = *line.busy_since.get_or_insert(now);
        let pressed = now.saturating_duration_since(busy_since) >= self.wait;
        let wait = if pressed { (self.wait / PRESSED).max(WAIT_LEAST) } else { self.wait };
        let until = (now + wait).min(latest);
        let (turn, called) = oneshot::channel();
        line.waiting.push_back(Waiting { number, until, turn });
        Ok(Some(Ticket { number, until, turn: called }))
    }

    /// Makes room in the lines at the cost of a later class; whether there was somebody.
    fn send_away_after(&mut self, class: Class) -> bool {
        let later = self.lines.iter_mut().skip(class as usize + 1);
        // Who came last has waited least.
        later.rev().any(|line| {
            let sent = line.waiting.pop_back();
            line.look();
            sent.is_some()
        })
    }

    fn step_out(&mut self, class: Class, number: u64) {
        let line = &mut self.lines[class as usize];
        line.waiting.retain(|waiting| waiting.number != number);
        line.look();
    }

    /// A place is free again: it goes to the first of the first line.
    fn leave(&mut self, class: Class, now: Instant) {
        self.taken -= 1;
        self.taken_by_reads -= usize::from(class == Class::Look);
        self.taken_by_others -= usize::from(class != Class::Decide);
        for class in Class::ALL {
            while self.is_free(class) && self.call_next(class, now) {}
        }
    }

    /// Gives the first who is still there a place; whether there was one.
    fn call_next(&mut self, class: Class, now: Instant) -> bool {
        let line = &mut self.lines[class as usize];
        let mut called = false;
        while let Some(next) = line.waiting.pop_front() {
            // One whose time is over is sent away by its timer.
            if now < next.until && next.turn.send(()).is_ok() {
                called = true;
                break;
            }
        }
        line.look();
        if called {
            self.take(class);
        }
        called
    }
}

impl Line {
    fn look(&mut self) {
        if self.waiting.is_empty() {
            self.busy_since = None;
        }
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
