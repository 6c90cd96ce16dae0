//! What the store does beside requests: finds out whether the server is fit for use, and teaches
//! what was missed while it was away.

use std::sync::{Arc, PoisonError};

use super::faults::Fault;
use super::rebuild::random;
use super::warm::{ALL, FIRST, Marks, Unfit};
use super::{Learning, Purpose, RedisStore};

/// Events that fail one after the other when the store is away.
const FAILED_MOST: u32 = 16;
/// Events tried in one round that wait for a rebuild.
const COLD_MOST: u32 = 256;
impl RedisStore {
    /// What the marks of a server that can be used say.
    pub async fn examine(&self) -> Result<Marks, Unfit> {
        self.fitness().await?;
        self.teach_scripts().await?;
        let marks = self.marks().await?;
        if !marks.foreign.is_empty() {
            return Err(Unfit::Foreign);
        }
        Ok(marks)
    }

    /// What a store in which nothing was taught yet is to be filled with: a new filling, or that of
    /// another process. One mark decides which when several are first.
    pub async fn first_filling(&self) -> Result<String, Unfit> {
        let new = format!("{:016x}", random()?);
        self.mark_new(&new, FIRST).await.map_err(Unfit::Fault)?;
        let marks = self.marks().await?;
        Ok(marks.filling().map_or(new, str::to_owned))
    }

    /// Says that a store in which nothing was taught yet is whole, under that name. How many
    /// partitions have another name.
    pub async fn begin(&self, filling: &str) -> Result<usize, Unfit> {
        self.mark_new(filling, ALL).await.map_err(Unfit::Fault)?;
        self.belong_to(filling);
        Ok(self.marks().await?.cold_for(filling))
    }

    /// Hears what that filling holds, and nothing of another.
    pub fn belong_to(&self, filling: &str) {
        *self.filling.write().unwrap_or_else(PoisonError::into_inner) = Arc::from(filling);
    }

    /// Says that the server was found fit for use.
    pub fn open_up(&self) {
        self.ready.send_replace(true);
    }

    /// Whether it was found fit for use once.
    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Resolves once it was.
    pub async fn ready(&self) {
        let mut ready = self.ready.subscribe();
        // The sender lives as long as the store.
        let _ = ready.wait_for(|ready| *ready).await;
    }

    /// Teaches what was missed, in order within an account: each event is tried once, until the
    /// store seems to be away.
    pub async fn teach_missed(&self) {
        let _alone = self.teaching.lock().await;
        if !self.owns_up_to_lost().await {
            return;
        }
        // A round before may have been left half way.
        self.missed.end_round();
        let (mut taught, mut failed, mut cold) = (0_usize, 0, 0);
        // What is added meanwhile is for the next round.
        for _ in 0..self.missed.len() {
            let Some(event) = self.missed.take() else { break };
            match self.teach(&event, Purpose::Later).await {
                Learning::Done => {
                    self.missed.taught();
                    (taught, failed) = (taught + 1, 0);
                }
                // The store is there, and has time: but not for all that wait for its rebuild.
                Learning::WaitsForRebuild => {
                    self.missed.put_aside(true);
                    (failed, cold) = (0, cold + 1);
                }
                Learning::Failed => {
                    self.missed.put_aside(false);
                    failed += 1;
                }
            }
            if failed >= FAILED_MOST || cold >= COLD_MOST {
                break;
            }
        }
        self.missed.end_round();
        if taught > 0 {
            let waiting = self.missed.len();
            tracing::info!(events = taught, waiting, "signals that were missed are taught");
        }
    }

    /// When missed events did not fit, the store has to say that it lacks something before it
    /// learns on. Whether it does.
    async fn owns_up_to_lost(&self) -> bool {
        let lost = self.missed.lost();
        if lost == 0 {
            return true;
        }
        if self.mark_cold().await.is_err() {
            return false;
        }
        self.missed.forget_lost(lost);
        tracing::error!(
            events = lost,
            "too many signals were missed: no readings until `surety signals rebuild \
             --from-ledger` has run"
        );
        true
    }

    /// Events that wait to be taught.
    pub fn missed(&self) -> usize {
        self.missed.len()
    }

    /// A server that was told to evict has lost nobody knows what.
    pub async fn watch_over(&self) {
        if let Err(unfit @ Unfit::Evicts(_)) = self.fitness().await {
            let evicted = self.evicted().await;
            tracing::error!(cause = %unfit, evicted, "the signal store forgets parties");
            if evicted > 0 && self.mark_cold().await.is_ok() {
                self.link.faults().note(Fault::Cold, 1, None, tokio::time::Instant::now());
            }
        }
    }
}
