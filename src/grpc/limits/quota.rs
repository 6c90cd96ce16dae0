//! Calls a second of each key, in memory that is bounded.
//!
//! Keys are what callers send, account ids among them, so there is no end of them. A cell that is
//! full again is worth nothing and is dropped now and then. When there are as many as there may be
//! all the same, keys that are new share one cell: nobody makes the process grow, and nobody who
//! has a cell loses it to strangers.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota as Rate, RateLimiter};

/// Keys at once: some 3 MB.
const KEYS_MAX: usize = 100_000;
/// How often full cells are looked for while there are as many as there may be.
const PRUNE_AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// A quota of calls a second for each of any number of keys, by the generic cell rate algorithm: a
/// second's worth of calls may come at once.
#[derive(Debug)]
pub struct Quota {
    per_second: NonZeroU32,
    /// Keyed by chance, so that nobody can choose keys that collide.
    hasher: RandomState,
    cells: RateLimiter<u64, Cells, DefaultClock>,
    keys_max: usize,
    crowded: AtomicBool,
    pruned: Mutex<Instant>,
}

impl Quota {
    pub fn new(per_second: NonZeroU32) -> Quota {
        Quota::with_room(per_second, KEYS_MAX)
    }

    fn with_room(per_second: NonZeroU32, keys_max: usize) -> Quota {
        let cells = Cells { keys_max, kept: Mutex::default() };
        Quota {
            per_second,
            hasher: RandomState::new(),
            cells: RateLimiter::new(Rate::per_second(per_second), cells, DefaultClock::default()),
            keys_max,
            crowded: AtomicBool::new(false),
            pruned: Mutex::new(Instant::now()),
        }
    }

    pub fn per_second(&self) -> NonZeroU32 {
        self.per_second
    }

    /// Takes one call of the key's; fails with the time until it has one.
    pub fn take(&self, key: impl Hash) -> Result<(), Duration> {
        if self.crowded.load(Ordering::Relaxed) {
            self.make_room();
        }
        let key = self.hasher.hash_one(key);
        let taken = self.cells.check_key(&key);
        if self.cells.len() >= self.keys_max {
            self.crowded.store(true, Ordering::Relaxed);
        }
        taken.map_err(|later| later.wait_time_from(self.cells.clock().now()))
    }

    /// Drops what is full again; to be called now and then.
    pub fn prune(&self) {
        self.cells.retain_recent();
        self.cells.shrink_to_fit();
    }

    /// It takes as long as there are keys, so not each call does it.
    fn make_room(&self) {
        let mut pruned = self.pruned.lock().unwrap_or_else(PoisonError::into_inner);
        if pruned.elapsed() < PRUNE_AT_MOST_EVERY {
            return;
        }
        *pruned = Instant::now();
        drop(pruned);
        self.cells.retain_recent();
        self.crowded.store(self.cells.len() >= self.keys_max, Ordering::Relaxed);
    }
}

/// When the cell of a key is full again, by key.
#[derive(Debug)]
struct Cells {
    keys_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    own: HashMap<u64, Nanos>,
    /// Of all who have no cell of their own.
    shared: Option<Nanos>,
}

impl Cells {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Cells {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut kept = self.kept();
        let own = kept.own.get(key).copied();
        if own.is_none() && kept.own.len() >= self.keys_max {
            let (measured, after) = measure(kept.shared)?;
            kept.shared = Some(after);
            return Ok(measured);
        }
        let (measured, after) = measure(own)?;
        kept.own.insert(*key, after);
        Ok(measured)
    }
}

impl ShrinkableKeyedStateStore<u64> for Cells {
    fn retain_recent(&self, drop_below: Nanos) {
        self.kept().own.retain(|_, full| *full > drop_below);
    }

    fn shrink_to_fit(&self) {
        self.kept().own.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.kept().own.len()
    }

    fn is_empty(&self) -> bool {
        self.kept().own.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(per_second: u32) -> Quota {
        Quota::new(NonZeroU32::new(per_second).unwrap())
    }

    #[test]
    fn a_seconds_worth_comes_at_once_and_another_key_has_its_own() {
        let quota = quota(5);
        let begun = Instant::now();
        let taken = (0..50).filter(|_| quota.take("anna").is_ok()).count();
        let more = usize::try_from(begun.elapsed().as_millis()).unwrap() / 200;
        assert!((5..=5 + more).contains(&taken), "{taken}");
        let wait = quota.take("anna").unwrap_err();
        assert!(wait <= Duration::from_millis(200), "{wait:?}");
        assert_eq!(quota.take("bert"), Ok(()));
        assert_eq!(quota.take(("anna", "acc-1")), Ok(()));
    }

    #[test]
    fn a_million_keys_take_no_more_room_than_there_is() {
        let quota = quota(1);
        for number in 0..1_000_000_u32 {
            let _whatever = quota.take(number);
            assert!(quota.cells.len() <= KEYS_MAX);
        }
        assert!(!quota.cells.is_empty());
    }

    /// An empty cell has been full again for as long as it takes to fill it, and is forgotten.
    const PAST: Duration = Duration::from_millis(2_100);

    #[tokio::test]
    async fn who_comes_when_there_is_no_room_shares_a_cell_and_later_has_one() {
        let quota = Quota::with_room(NonZeroU32::MIN, 2);
        for key in ["anna", "bert", "carl"] {
            assert_eq!(quota.take(key), Ok(()), "{key}");
        }
        let wait = quota.take("dora").unwrap_err();
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
        assert!(quota.take("anna").is_err(), "she has a cell of her own, which is empty");
        tokio::time::sleep(PAST).await;
        assert_eq!((quota.take("dora"), quota.take("carl")), (Ok(()), Ok(())));
        assert_eq!(quota.cells.len(), 2, "the others are forgotten");
    }
}
