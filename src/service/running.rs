//! Calls under way by their key: a retry that comes while the first one runs waits for its answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::Error;
use crate::ledger::AnswerKey;

/// How long a retry waits for the first call, which answers within its own second.
const WAIT_MAX: Duration = Duration::from_secs(1);

#[derive(Clone, Default)]
pub(super) struct Running(Arc<Mutex<HashMap<AnswerKey, watch::Receiver<()>>>>);

/// Held while a call runs; dropping it wakes those who wait for its key.
pub(super) struct Turn {
    running: Running,
    key: AnswerKey,
    _ended: watch::Sender<()>,
}

impl Running {
    /// Waits until nobody else runs this key, then takes it.
    pub async fn enter(&self, key: &AnswerKey) -> Result<Turn, Error> {
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

    fn take(&self, key: &AnswerKey) -> Result<Turn, watch::Receiver<()>> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = running.get(key) {
            return Err(other.clone());
        }
        let (ended, wait) = watch::channel(());
        running.insert(key.clone(), wait);
        Ok(Turn { running: self.clone(), key: key.clone(), _ended: ended })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
