//! The load generator: asks one server or several as shops do, and measures how they answer.
//!
//! # What is asked
//!
//! Each request is drawn from the seed by its number alone, so the same seed gives the same stream
//! of requests however many clients send it; only the ids of requests are the run's own. All
//! numbers are constants in `mix.rs` and `parties.rs`:
//!
//! - 80 % purchases, 20 % one-time cards, of log-normal amounts (middle 40.00), to be paid in 30
//!   days (60 %), in instalments (25 %) or now; a card never now.
//! - Accounts by Zipf's law with exponent 0.5, shops with 1. An account has three devices, two
//!   cards and two networks, which it shares with others, and mostly uses the first of each.
//! - 3 % are retries: one of the last 2,000 requests again, the same to the byte. An answer that is
//!   not the one before is an error.
//! - 2 % are attacks, in campaigns of ten: half of them the same device and card again and again,
//!   half a new device, card and address each time.
//! - Of the approved purchases 40 % are confirmed at once, the rest and the cards are cancelled, so
//!   that limits do not fill. That is done on top of the rate.
//!
//! An account that is asked for too often is refused for that, as it should be. So a long or fast
//! run needs many accounts, about as many as it has requests in ten minutes, and repeated runs on
//! one ledger need different seeds: the same purchase again within ten minutes is a duplicate.
//!
//! # What is measured
//!
//! In the open loop requests come at a rate, in a Poisson process, whatever is under way, and their
//! latency counts from when they were due: a server that stalls is charged for all that came in
//! meanwhile (Tene, "How NOT to measure latency"). Above a bound of checkouts under way what is due
//! is not sent, and reported. In the closed loop each of some clients asks when it has its answer.
//! What follows an approval counts from when it is sent.
//!
//! # What it costs
//!
//! Processor time of the generator a call, in the closed loop against `surety serve` on SQLite,
//! both on the same two cores of a virtual machine that builds used at the same time (load 5 to
//! 10, November 2026):
//!
//! | clients | calls/s | us a call |
//! |---|---|---|
//! | 1 | 545 | 207 |
//! | 16 | 1,204 | 81 |
//! | 64 | 1,485 | 54 |
//!
//! One client pays for waking threads at each answer; many share a wake-up. In the open loop at 200
//! requests a second it was 228 us a call, and half of the requests were started within 0.14 ms of
//! their time, 99 % within 1.8 ms. A report says both for its own run: where the generator itself
//! is late, a rate is beyond it.

mod arrivals;
mod book;
mod calls;
mod cpu;
mod drive;
mod mix;
mod parties;
mod random;
mod report;
mod setup;
mod tally;

pub use arrivals::Arrivals;
pub use calls::{ConnectError, Target, Tls};
pub use report::{ErrorCount, KindReport, Latencies, Percentiles, Report};
pub use tally::{Kind, Outcomes, Retries};

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use uuid::Uuid;

use book::Book;
use calls::Calls;
use drive::{Driver, Window};
use mix::Mix;
use report::Measured;
use tally::Tally;

/// How often who watches is told.
const SHOW_EVERY: Duration = Duration::from_millis(500);

/// A run.
#[derive(Clone, Debug)]
pub struct Options {
    pub target: Target,
    pub pace: Pace,
    /// How long requests are started and measured, after the warm-up.
    pub duration: Duration,
    /// How long requests are started before that.
    pub warm_up: Duration,
    pub seed: u64,
    /// New for each run.
    pub run: Uuid,
    /// At least one.
    pub accounts: u32,
}

/// Who decides when a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// The clock.
    Open {
        /// Requests a second, above zero.
        rate: f64,
        /// Checkouts that may be under way, at least one.
        outstanding: u32,
    },
    /// The answer to the one before.
    Closed {
        /// At least one.
        clients: u32,
    },
}

/// How far a run is.
#[derive(Clone, Debug)]
pub struct Progress {
    pub warming_up: bool,
    /// Since the end of the warm-up.
    pub measured: Duration,
    pub under_way: u64,
    pub answered: u64,
    pub errors: u64,
    pub not_sent: u64,
    pub latency: Percentiles,
}

/// A generator that has its connections.
#[derive(Debug)]
pub struct Load {
    options: Options,
    calls: Arc<Calls>,
}

impl Load {
    /// Makes the connections, and sees that somebody answers on them.
    pub async fn connect(options: Options) -> Result<Load, ConnectError> {
        let calls = Calls::connect(options.target.clone()).await?;
        Ok(Load { options, calls: Arc::new(calls) })
    }

    /// Writes the accounts of the mix, or finds them; `show` learns how many are there.
    pub async fn open_accounts(&self, show: &dyn Fn(u64)) -> Result<(), tonic::Status> {
        setup::open_accounts(&self.calls, self.options.accounts, show).await
    }

    /// Sends requests until the time is over, or `stop`, and waits for the last answer. Fails only
    /// where the system has no thread left.
    pub async fn run(
        &self,
        stop: impl Future<Output = ()>,
        show: &dyn Fn(&Progress),
    ) -> io::Result<Report> {
        let options = &self.options;
        let begin = Instant::now();
        let measured_from = begin + options.warm_up;
        let window = Window { begin, measured_from, end: measured_from + options.duration };
        let driver = Arc::new(Driver {
            calls: Arc::clone(&self.calls),
            mix: Mix::new(options.seed, options.run, options.accounts),
            tally: Tally::new().ok_or_else(|| io::Error::other("no histogram"))?,
            book: Book::new(),
            window,
            stopped: AtomicBool::new(false),
            under_way: AtomicU64::new(0),
        });
        let work = async {
            match options.pace {
                Pace::Open { rate, outstanding } => {
                    let arrivals = Arrivals::new(options.seed, rate);
                    Arc::clone(&driver).open(arrivals, outstanding).await
                }
                Pace::Closed { clients } => Arc::clone(&driver).closed(clients).await,
            }
        };
        tokio::pin!(work, stop);
        let mut tick = tokio::time::interval(SHOW_EVERY);
        let mut used_before = None;
        loop {
            tokio::select! {
                ended = &mut work => {
                    ended?;
                    break;
                }
                () = &mut stop, if !driver.stopped.load(Ordering::Relaxed) => {
                    driver.stopped.store(true, Ordering::Relaxed);
                }
                () = tokio::time::sleep_until(measured_from.into()), if used_before.is_none() => {
                    used_before = Some(cpu::used());
                }
                _ = tick.tick() => show(&progress(&driver)),
            }
        }
        let used = used_before.map(|before| cpu::used().saturating_sub(before));
        let counts = driver.tally.counts();
        let last = counts.last.unwrap_or(measured_from);
        let measured = Measured {
            span: last.saturating_duration_since(measured_from),
            processor: used.unwrap_or_default(),
            ended_early: driver.stopped.load(Ordering::Relaxed),
        };
        Ok(Report::new(options, &counts, measured))
    }
}

fn progress(driver: &Driver) -> Progress {
    let now = Instant::now();
    let counts = driver.tally.counts();
    let errors = counts.failed.len();
    Progress {
        warming_up: !driver.window.counts(now),
        measured: now.saturating_duration_since(driver.window.measured_from),
        under_way: driver.under_way.load(Ordering::Relaxed),
        answered: counts.all.len() - errors,
        errors,
        not_sent: counts.not_sent,
        latency: Percentiles::of(&counts.all),
    }
}
