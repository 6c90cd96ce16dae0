//! What is under way, by key: a retry waits for the first call, and two requests of one holder are
//! decided one after the other.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::Error;

/// How long somebody waits for those before: far longer than a decision takes.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Calls of one key at once, with the one that runs: who asks about one account without end must
/// not have all places of the server in that one's line.
const LINE_MAX: usize = 64;

pub(super) struct Running<K>(Arc<Mutex<HashMap<K, Line>>>);

#[derive(Default)]
struct Line {
    calls: usize,
    /// Held by the one that runs; those who wait get it in the order in which they came.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// A call's place in the line of its key, and from the first on its turn.
pub(super) struct Turn<K: Eq + Hash> {
    running: Running<K>,
    key: K,
    held: Option<OwnedMutexGuard<()>>,
}

impl<K> Default for Running<K> {
    fn default() -> Running<K> {
        Running(Arc::default())
    }
}

impl<K> Running<K> {
    fn lines(&self) -> MutexGuard<'_, HashMap<K, Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash> Running<K> {
    /// Waits until nobody else runs this key, then takes it.
    pub async fn enter(&self, key: &K) -> Result<Turn<K>, Error> {
        let (mut turn, line) = self.line_up(key)?;
        let held = tokio::time::timeout(WAIT_MAX, line.lock_owned()).await;
        turn.held = Some(held.map_err(|_| Error::InProgress)?);
        Ok(turn)
    }

    fn line_up(&self, key: &K) -> Result<(Turn<K>, Arc<tokio::sync::Mutex<()>>), Error> {
        let mut lines = self.lines();
        let line = lines.entry(key.clone()).or_default();
        if line.calls == LINE_MAX {
            return Err(Error::InProgress);
        }
        line.calls += 1;
        let running = Running(Arc::clone(&self.0));
        Ok((Turn { running, key: key.clone(), held: None }, Arc::clone(&line.turn)))
    }
}

impl<K: Eq + Hash> Drop for Turn<K> {
    fn drop(&mut self) {
        self.held = None;
        let mut lines = self.running.lines();
        if let Some(line) = lines.get_mut(&self.key) {
            line.calls -= 1;
            if line.calls == 0 {
                lines.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_has_an_end_and_whoever_leaves_it_makes_room() {
        let running = Running::default();
        let first = running.enter(&"a").await.unwrap();
        let mut waiting: Vec<_> = (1..LINE_MAX)
            .map(|_| {
                let running = Running(Arc::clone(&running.0));
                tokio::spawn(async move { running.enter(&"a").await.map(drop) })
            })
            .collect();
        while running.lines()["a"].calls < LINE_MAX {
            tokio::task::yield_now().await;
        }
        assert!(matches!(running.enter(&"a").await, Err(Error::InProgress)));
        // Another key has a line of its own.
        drop(running.enter(&"b").await.unwrap());
        let gone = waiting.pop().unwrap();
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert_eq!(running.lines()["a"].calls, LINE_MAX - 1);
        drop(first);
        for call in waiting {
            call.await.unwrap().unwrap();
        }
        assert!(running.lines().is_empty());
    }
}
