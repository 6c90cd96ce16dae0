//! When requests come in the open loop: a Poisson process, and the thread that keeps to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::mix::Purpose;
use super::random::Random;

/// A stop is noticed after this at most.
const LOOK_UP: Duration = Duration::from_millis(50);

/// The times of a Poisson process with a rate a second, since its beginning. The same seed gives
/// the same times.
#[derive(Debug)]
pub struct Arrivals {
    random: Random,
    rate: f64,
    seconds: f64,
}

impl Arrivals {
    /// `rate` is above zero.
    pub fn new(seed: u64, rate: f64) -> Arrivals {
        Arrivals { random: Random::new(seed, Purpose::Arrivals as u64, 0), rate, seconds: 0.0 }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.seconds += self.random.exponential() / self.rate;
        Duration::try_from_secs_f64(self.seconds).ok()
    }
}

/// Calls `start` at each arrival until `end`, or until it is stopped. A thread of its own does it:
/// tokio's timers are a millisecond wide, which would be seen in the latencies.
pub fn keep_to(
    arrivals: Arrivals,
    (begin, end): (Instant, Instant),
    stopped: &AtomicBool,
    mut start: impl FnMut(u64, Instant),
) {
    for (number, offset) in (0..).zip(arrivals) {
        let due = begin + offset;
        if due >= end {
            return;
        }
        loop {
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            std::thread::park_timeout(left.min(LOOK_UP));
        }
        start(number, due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_come_at_the_rate_and_the_same_again() {
        let minute = Duration::from_secs(60);
        let times = |seed| -> Vec<Duration> {
            Arrivals::new(seed, 500.0).take_while(|time| *time < minute).collect()
        };
        let first = times(1);
        assert!((29_000..31_000).contains(&first.len()), "{}", first.len());
        assert!(first.is_sorted());
        assert_eq!(first, times(1));
        assert_ne!(first[..9], times(2)[..9]);
    }

    #[test]
    fn every_arrival_is_started_and_none_before_its_time() {
        let begin = Instant::now();
        let end = begin + Duration::from_millis(100);
        let mut started = Vec::new();
        keep_to(Arrivals::new(1, 1_000.0), (begin, end), &AtomicBool::new(false), |number, due| {
            assert!(Instant::now() >= due);
            started.push((number, due - begin));
        });
        let expected = Arrivals::new(1, 1_000.0).take_while(|time| begin + *time < end);
        let expected: Vec<(u64, Duration)> = (0..).zip(expected).collect();
        assert_eq!(started, expected);
    }

    #[test]
    fn a_stop_ends_it() {
        let begin = Instant::now();
        let span = (begin, begin + Duration::from_secs(3_600));
        keep_to(Arrivals::new(1, 1.0), span, &AtomicBool::new(true), |_, _| {
            panic!("it was stopped before it began");
        });
    }
}
