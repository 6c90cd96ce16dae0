//! What is under way, by key: a retry waits for the first call, and two requests of one holder are
//! decided one after the other.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::Error;

/// How long somebody waits for those before: far longer than a decision takes.
const WAIT_MAX: Duration = Duration::from_secs(5);

pub(super) struct Running<K>(Arc<Mutex<HashMap<K, watch::Receiver<()>>>>);

/// Held while a call runs; dropping it wakes those who wait for its key.
pub(super) struct Turn<K: Eq + Hash> {
    running: Running<K>,
    key: K,
    _ended: watch::Sender<()>,
}

impl<K> Default for Running<K> {
    fn default() -> Running<K> {
        Running(Arc::default())
    }
}

impl<K: Clone + Eq + Hash> Running<K> {
    /// Waits until nobody else runs this key, then takes it.
    pub async fn enter(&self, key: &K) -> Result<Turn<K>, Error> {
        let waiting = async {
            loop {
                match self.take(key) {
                    Ok(turn) => return turn,
                    // The sender is dropped with the other's turn.
                    Err(mut other) => while other.changed().await.is_ok() {},
                }
            }
        };
        tokio::time::timeout(WAIT_MAX, waiting).await.map_err(|_| Error::InProgress)
    }

    fn take(&self, key: &K) -> Result<Turn<K>, watch::Receiver<()>> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = map.get(key) {
            return Err(other.clone());
        }
        let (ended, wait) = watch::channel(());
        map.insert(key.clone(), wait);
        let running = Running(Arc::clone(&self.0));
        drop(map);
        Ok(Turn { running, key: key.clone(), _ended: ended })
    }
}

impl<K: Eq + Hash> Drop for Turn<K> {
    fn drop(&mut self) {
        self.running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
