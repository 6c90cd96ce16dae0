//! The circuit breaker: after some failed calls in a row the store is asked once a second only.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// One lost call is noise and five in a row are not; at the default budget, a caller that asks one
/// thing after the other has then waited a tenth of a second in vain.
const FAILURES_TO_OPEN: u32 = 5;

/// How often a store that is down is asked again: it is back in use within a second, and a hundred
/// instances are a hundred calls a second, which no store notices.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Pass,
    /// Call: it finds out for all others whether the store is back.
    Probe,
    Refuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    Open,
    /// Open, with a probe under way.
    HalfOpen,
}

/// Closed, then open, then closed again by a probe that succeeds. Reads no clock.
#[derive(Debug, Default)]
pub struct Breaker {
    circuit: Mutex<Circuit>,
}

#[derive(Debug)]
enum Circuit {
    Closed { failures: u32 },
    Open { since: Instant, next_probe: Instant, probing: bool },
}

impl Default for Circuit {
    fn default() -> Circuit {
        Circuit::Closed { failures: 0 }
    }
}

impl Breaker {
    pub fn new() -> Breaker {
        Breaker::default()
    }

    /// Whether a call may be made now. A probe whose caller left without a word costs nothing: a
    /// second later another one is let through.
    pub fn admit(&self, now: Instant) -> Admission {
        match &mut *self.circuit() {
            Circuit::Closed { .. } => Admission::Pass,
            Circuit::Open { next_probe, probing, .. } if now >= *next_probe => {
                *next_probe = now + PROBE_EVERY;
                *probing = true;
                Admission::Probe
            }
            Circuit::Open { .. } => Admission::Refuse,
        }
    }

    /// What became of a call that was admitted. Returns how long the breaker was open when this
    /// closed it.
    pub fn record(&self, admission: Admission, ok: bool, now: Instant) -> Option<Duration> {
        let mut circuit = self.circuit();
        match (&mut *circuit, admission) {
            (_, Admission::Refuse) => {}
            (Circuit::Closed { failures }, _) if ok => *failures = 0,
            (Circuit::Closed { failures }, _) => {
                *failures += 1;
                if *failures >= FAILURES_TO_OPEN {
                    let next_probe = now + PROBE_EVERY;
                    *circuit = Circuit::Open { since: now, next_probe, probing: false };
                }
            }
            // A call from before the breaker opened tells of the past: the next probe will tell.
            (Circuit::Open { .. }, Admission::Pass) => {}
            (Circuit::Open { since, .. }, Admission::Probe) if ok => {
                let open_for = now.saturating_duration_since(*since);
                *circuit = Circuit::default();
                return Some(open_for);
            }
            (Circuit::Open { probing, .. }, Admission::Probe) => *probing = false,
        }
        None
    }

    pub fn state(&self) -> BreakerState {
        match *self.circuit() {
            Circuit::Closed { .. } => BreakerState::Closed,
            Circuit::Open { probing: false, .. } => BreakerState::Open,
            Circuit::Open { probing: true, .. } => BreakerState::HalfOpen,
        }
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        // Nothing inside panics half way.
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    fn opened(start: Instant) -> Breaker {
        let breaker = Breaker::new();
        for _ in 0..FAILURES_TO_OPEN {
            breaker.record(breaker.admit(start), false, start);
        }
        breaker
    }

    #[test]
    fn opens_after_five_failures_in_a_row() {
        let (breaker, start) = (Breaker::new(), Instant::now());
        for ok in [false, false, false, false, true, false, false, false, false] {
            assert_eq!(breaker.admit(start), Admission::Pass);
            breaker.record(Admission::Pass, ok, start);
            assert_eq!(breaker.state(), BreakerState::Closed);
        }
        breaker.record(Admission::Pass, false, start);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.admit(after(start, 999)), Admission::Refuse);
    }

    #[test]
    fn one_probe_a_second_and_success_closes() {
        let start = Instant::now();
        let breaker = opened(start);
        let first = after(start, 1_000);
        assert_eq!(breaker.admit(first), Admission::Probe);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert_eq!(breaker.admit(first), Admission::Refuse);
        assert_eq!(breaker.record(Admission::Probe, false, after(start, 1_020)), None);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.admit(after(start, 1_999)), Admission::Refuse);
        let second = after(start, 2_000);
        assert_eq!(breaker.admit(second), Admission::Probe);
        let open_for = breaker.record(Admission::Probe, true, second);
        assert_eq!(open_for, Some(Duration::from_secs(2)));
        assert_eq!(breaker.admit(second), Admission::Pass);
        // The count begins anew.
        breaker.record(Admission::Pass, false, second);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_probe_whose_caller_left_is_replaced() {
        let start = Instant::now();
        let breaker = opened(start);
        assert_eq!(breaker.admit(after(start, 1_000)), Admission::Probe);
        assert_eq!(breaker.admit(after(start, 1_999)), Admission::Refuse);
        assert_eq!(breaker.admit(after(start, 2_000)), Admission::Probe);
        // The first one was only late, and its word counts as well.
        assert!(breaker.record(Admission::Probe, true, after(start, 2_001)).is_some());
        assert_eq!(breaker.record(Admission::Probe, true, after(start, 2_002)), None);
    }

    #[test]
    fn calls_from_before_change_nothing_once_it_is_open() {
        let start = Instant::now();
        let breaker = opened(start);
        breaker.record(Admission::Pass, true, start);
        breaker.record(Admission::Refuse, true, start);
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn of_many_at_once_only_one_probes() {
        let start = Instant::now();
        let breaker = opened(start);
        let (now, probes) = (after(start, 1_500), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        if breaker.admit(now) == Admission::Probe {
                            probes.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(probes.into_inner(), 1);
    }
}
