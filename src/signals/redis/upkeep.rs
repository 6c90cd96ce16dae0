//! What the store does beside requests: finds out whether the server is fit for use, and teaches
//! what was missed while it was away.

use std::time::Duration;

use super::faults::Fault;
use super::rebuild::random;
use super::warm::{ALL, FIRST, Unfit};
use super::{Learning, Purpose, RedisStore};

/// Between looks at what was missed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Events that fail one after the other when the store is away.
const FAILED_MOST: u32 = 16;
/// Events tried in one round that wait for a rebuild.
const COLD_MOST: u32 = 256;
/// Between looks at the settings of the servers, in looks.
const FITNESS_EVERY: u32 = 10;
/// Between tries to open the store at the start: a server that comes up is used soon after.
const TRY_EVERY: Duration = Duration::from_millis(500);

/// How often, and for how long, a new process waits for another that is marking a new store.
const JOIN_EVERY: Duration = Duration::from_millis(100);
const JOIN_LOOKS: u32 = 20;

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
            // A rebuild may have made another filling the one that this process belongs to.
            if let Ok(filling) = self.remembered()
                && !filling.is_empty()
            {
                self.set_filling(&filling);
            }
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

    /// Reads what others have filled the store with, without belonging to it.
    pub async fn adopt(&self) -> Result<(), Unfit> {
        let marks = self.marks().await?;
        self.set_filling(marks.warm.first().map_or("", |(_, filling)| filling));
        Ok(())
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
        let filling = self.remembered()?;
        if !filling.is_empty() {
            self.set_filling(&filling);
            return Ok(marks.cold_for(&filling));
        }
        // What others have taught an empty ledger is right to hear; what was emptied while a ledger
        // holds signals is for a rebuild.
        match (past, marks.warm.first()) {
            (Past::HasSignals, _) => Ok(marks.cold_for("")),
            (Past::Blank, Some((_, filling))) => self.join(filling).await,
            (Past::Blank, None) => {
                // One mark decides whose filling it is when several processes are first.
                let filling = format!("{:016x}", random()?);
                self.mark_new(&filling, FIRST).await.map_err(Unfit::Fault)?;
                let marks = self.marks().await?;
                let filling = marks.warm.first().map_or("", |(_, filling)| filling);
                self.mark_new(filling, ALL).await.map_err(Unfit::Fault)?;
                self.join(filling).await
            }
        }
    }

    /// Belongs to a filling that others have begun, and may be about to finish.
    async fn join(&self, filling: &str) -> Result<usize, Unfit> {
        self.remember(filling)?;
        let mut cold = self.marks().await?.cold_for(filling);
        for _ in 0..JOIN_LOOKS {
            if cold == 0 {
                break;
            }
            tokio::time::sleep(JOIN_EVERY).await;
            cold = self.marks().await?.cold_for(filling);
        }
        Ok(cold)
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
