//! The run: requests are started on time or one after the other, and what comes back is counted.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use super::arrivals::{Arrivals, keep_to};
use super::book::{Book, Comparison};
use super::calls::{Answer, Calls, Failure};
use super::mix::Mix;
use super::tally::{Kind, Tally};
use crate::grpc::pb::DecisionOutcome;

/// A client of the closed loop whose call failed waits, as people do: else a server that refuses
/// at once would be asked without end.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(10);

/// When a run begins, from when on it counts, and when nothing more is started.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub begin: Instant,
    pub measured_from: Instant,
    pub end: Instant,
}

/// What all who call share.
#[derive(Debug)]
pub struct Driver {
    pub calls: Arc<Calls>,
    pub mix: Mix,
    pub tally: Tally,
    pub book: Book,
    pub window: Window,
    pub stopped: AtomicBool,
    pub under_way: AtomicU64,
}

impl Driver {
    /// Starts each request when it is due, whatever is under way, and waits for the last answer.
    pub async fn open(self: Arc<Self>, arrivals: Arrivals, outstanding: u32) -> io::Result<()> {
        let permits = Arc::new(Semaphore::new(outstanding as usize));
        let runtime = tokio::runtime::Handle::current();
        let (done, ended) = oneshot::channel::<()>();
        let (driver, free) = (Arc::clone(&self), Arc::clone(&permits));
        std::thread::Builder::new().name("arrivals".to_owned()).spawn(move || {
            let window = driver.window;
            keep_to(arrivals, (window.begin, window.end), &driver.stopped, |number, due| {
                let permit = Arc::clone(&free).try_acquire_owned();
                if window.counts(due) {
                    let mut counts = driver.tally.counts();
                    counts.arrivals += 1;
                    counts.not_sent += u64::from(permit.is_err());
                }
                if let Ok(permit) = permit {
                    let driver = Arc::clone(&driver);
                    runtime.spawn(async move {
                        driver.checkout(number, due).await;
                        drop(permit);
                    });
                }
            });
            // Whoever waits learns of the end by the drop.
            drop(done);
        })?;
        let _dropped = ended.await;
        // All of them are free again when every checkout has ended; it is never closed.
        let _all = permits.acquire_many(outstanding).await;
        Ok(())
    }

    /// Lets each client do one checkout after the other.
    pub async fn closed(self: Arc<Self>, clients: u32) -> io::Result<()> {
        let next = Arc::new(AtomicU64::new(0));
        let mut running = JoinSet::new();
        for _ in 0..clients {
            let (driver, next) = (Arc::clone(&self), Arc::clone(&next));
            running.spawn(async move {
                loop {
                    let now = Instant::now();
                    if driver.stopped.load(Ordering::Relaxed) || now >= driver.window.end {
                        return;
                    }
                    if driver.window.counts(now) {
                        driver.tally.counts().arrivals += 1;
                    }
                    if !driver.checkout(next.fetch_add(1, Ordering::Relaxed), now).await {
                        tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                    }
                }
            });
        }
        while let Some(ended) = running.join_next().await {
            ended.map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// One request and what follows from its answer; whether all of it was answered.
    async fn checkout(&self, number: u64, due: Instant) -> bool {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let answered = self.request(number, due).await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        answered
    }

    async fn request(&self, number: u64, due: Instant) -> bool {
        let counts = self.window.counts(due);
        let ask = self.mix.ask(number);
        let kind = ask.kind();
        let order = ask.order();
        if counts {
            let mut counts = self.tally.counts();
            counts.sent(kind);
            counts.started(due.elapsed());
        }
        let result = self.calls.evaluate(number, ask.message).await;
        let took = due.elapsed();
        let result = result.and_then(|answer| self.compared(ask.number, kind, answer, counts));
        if counts {
            let mut counts = self.tally.counts();
            counts.ended(kind, took, result.as_ref());
            if let Ok(answer) = &result {
                counts.outcome(kind, answer.outcome);
            }
        }
        match result {
            Ok(answer) if kind != Kind::Retry && answer.outcome == DecisionOutcome::Approved => {
                let follow_up = self.mix.follow_up(&order, answer.decision_id);
                let kind = follow_up.kind();
                let begun = Instant::now();
                if counts {
                    self.tally.counts().sent(kind);
                }
                let result = self.calls.follow_up(number, follow_up).await;
                if counts {
                    self.tally.counts().ended(kind, begun.elapsed(), result.as_ref());
                }
                result.is_ok()
            }
            result => result.is_ok(),
        }
    }

    /// An answer that is not the one that its request had before is an error.
    fn compared(
        &self,
        number: u64,
        kind: Kind,
        answer: Answer,
        counts: bool,
    ) -> Result<Answer, Failure> {
        let comparison = self.book.compare(number, &answer);
        let different = comparison == Comparison::Different;
        // Another answer is told even if it came while nothing was measured.
        if different || (counts && kind == Kind::Retry) {
            self.tally.counts().retried(comparison);
        }
        match different {
            true => Err(Failure::ours("ANSWER_DIFFERS")),
            false => Ok(answer),
        }
    }
}

impl Window {
    /// Whether what is due at this time is measured.
    pub fn counts(&self, due: Instant) -> bool {
        due >= self.measured_from
    }
}
