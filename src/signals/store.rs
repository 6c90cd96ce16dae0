//! Where signals are kept: in this process, or in Redis, shared by several.

use std::sync::Arc;

use super::forget::Own;
use super::redis::{Fault, RedisStore};
use super::{EmbeddedStore, Observation, Readings, SignalEvent};

/// The store of signals that a service was started with.
#[derive(Debug)]
pub enum SignalStore {
    /// In the memory of this process.
    Embedded(EmbeddedStore),
    /// In Redis or Valkey, one server or a cluster.
    Redis(Arc<RedisStore>),
}

impl SignalStore {
    /// Counts an attempt, once an id, and returns all readings as of its time, itself included.
    /// What the store could not tell is [`Failed`](super::Reading::Failed).
    pub async fn observe(&self, attempt: &Observation) -> Readings {
        match self {
            SignalStore::Embedded(store) => store.observe(attempt),
            SignalStore::Redis(store) => store.observe(attempt).await,
        }
    }

    /// The readings that `observe` would return, without counting anything.
    pub async fn read(&self, observation: &Observation) -> Readings {
        match self {
            SignalStore::Embedded(store) => store.read(observation),
            SignalStore::Redis(store) => store.read(observation).await,
        }
    }

    /// Teaches an event; a store that is away learns it when it is back.
    pub async fn apply(&self, event: &SignalEvent) {
        match self {
            SignalStore::Embedded(store) => store.apply(event),
            SignalStore::Redis(store) => store.apply(event).await,
        }
    }

    /// Forgets an account and what was its own; gives how many parties that were. Fails when a
    /// shared store does not answer: then it may know them still.
    pub async fn forget(&self, own: &Own) -> Result<u64, Fault> {
        match self {
            SignalStore::Embedded(store) => Ok(store.forget(own)),
            SignalStore::Redis(store) => store.forget(own).await,
        }
    }
}
