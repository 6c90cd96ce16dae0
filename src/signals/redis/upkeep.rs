//! What the store does beside requests: finds out whether the server is fit for use, and teaches
//! what was missed while it was away.

use std::time::Duration;

use super::RedisStore;
use super::faults::Fault;
use super::warm::Unfit;

/// Between looks at what was missed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between looks at the settings of the servers, in looks.
const FITNESS_EVERY: u32 = 10;
/// Between tries to open the store at the start: a server that comes up is used soon after.
const TRY_EVERY: Duration = Duration::from_millis(500);

/// What the ledger remembers when a service starts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// Nothing was ever taught, so an empty store is whole.
    Blank,
    HasSignals,
}

impl RedisStore {
    /// Runs for as long as the store is used.
    pub async fn keep_up(&self, past: Past) {
        self.open(past).await;
        let mut looks = 0;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.teach_missed().await;
            looks += 1;
            if looks % FITNESS_EVERY == 0 {
                self.watch_over().await;
            }
        }
    }

    /// Resolves once the server was found fit for use.
    pub async fn ready(&self) {
        let mut ready = self.ready.subscribe();
        // The sender lives as long as the store.
        let _ = ready.wait_for(|ready| *ready).await;
    }

    /// Teaches what was missed, in order, until something cannot be taught.
    pub async fn teach_missed(&self) {
        let _alone = self.teaching.lock().await;
        let waiting = self.missed.len();
        if waiting == 0 {
            return;
        }
        while let Some(event) = self.missed.take() {
            let is_taught = self.teach(&event).await;
            self.missed.taught((!is_taught).then_some(event));
            if !is_taught {
                return;
            }
        }
        tracing::info!(events = waiting, "signals that were missed are taught");
        let lost = self.missed.take_lost();
        if lost > 0 && self.mark_cold().await.is_ok() {
            tracing::error!(
                events = lost,
                "too many signals were missed: no readings until `surety signals rebuild \
                 --from-ledger` has run"
            );
        }
    }

    /// Events that wait to be taught.
    pub fn missed(&self) -> usize {
        self.missed.len()
    }

    /// Tries until the server is fit for use; says once what is wrong.
    async fn open(&self, past: Past) {
        let mut told = None;
        loop {
            match self.try_open(past).await {
                Ok(cold) => {
                    if cold > 0 {
                        tracing::warn!(
                            partitions = cold,
                            "the signal store is empty and the ledger is not: no readings until \
                             `surety signals rebuild --from-ledger` has run"
                        );
                    }
                    self.ready.send_replace(true);
                    return;
                }
                Err(unfit) if told.as_ref() != Some(&unfit) => {
                    tracing::warn!(cause = %unfit, "not ready: the signal store is unfit for use");
                    told = Some(unfit);
                }
                Err(_) => {}
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
    }

    /// How many partitions are cold in a store that can be used.
    async fn try_open(&self, past: Past) -> Result<usize, Unfit> {
        self.fitness().await?;
        self.teach_scripts().await?;
        let marks = self.marks().await?;
        if !marks.foreign.is_empty() {
            return Err(Unfit::Foreign);
        }
        if past == Past::Blank && !marks.cold.is_empty() {
            self.mark_warm(&marks.cold).await.map_err(Unfit::Fault)?;
            return Ok(0);
        }
        Ok(marks.cold.len())
    }

    /// A server that was told to evict has lost nobody knows what.
    async fn watch_over(&self) {
        if let Err(unfit @ Unfit::Evicts(_)) = self.fitness().await {
            let evicted = self.evicted().await;
            tracing::error!(cause = %unfit, evicted, "the signal store forgets parties");
            if evicted > 0 && self.mark_cold().await.is_ok() {
                self.link.faults().note(Fault::Cold, 1, None, tokio::time::Instant::now());
            }
        }
    }
}
