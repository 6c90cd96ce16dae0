//! `signals`: what support and operations do with the signal store.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::ledger::Ledger;
use super::print::page;
use super::store::Store;
use crate::app::{self, Signals as Kept};
use crate::domain::{AccountId, Parties, PartyHasher};
use crate::ledger::{History, StoredSignal};
use crate::service::{Clock, signal_event};
use crate::signals::redis::{Rebuild as Filling, Unfit};
use crate::signals::{Observation, Party, Reading, SignalEvent, SignalStore, catalog};
use crate::telemetry;

/// A person waits longer for the store than a checkout, whose budget may be used up by the first
/// connection.
const PATIENCE: Duration = Duration::from_secs(2);
/// Rows of the ledger read at once.
const BATCH: u32 = 10_000;

#[derive(Debug, Args)]
pub(super) struct Signals {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fill a shared store that was emptied, while services use it.
    Rebuild(Rebuild),
    /// Print what is remembered of one account.
    Show(Show),
}

#[derive(Debug, Args)]
struct Rebuild {
    /// Take what the ledger was taught; there is no other source.
    #[arg(long, required = true)]
    from_ledger: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Show {
    /// The lender's id of the account.
    #[arg(long, value_name = "ID")]
    account: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Place {
    /// Folder of the ledger and the keys, as `serve` has it.
    #[arg(long, value_name = "FOLDER", default_value = "./surety-data")]
    data: PathBuf,
    #[command(flatten)]
    ledger: Ledger,
    #[command(flatten)]
    store: Store,
}

impl Signals {
    pub async fn run(self) -> Result<()> {
        telemetry::start();
        match self.command {
            Command::Rebuild(command) => command.run().await,
            Command::Show(command) => command.run().await,
        }
    }
}

impl Place {
    fn open(&self) -> Result<(PartyHasher, SignalStore)> {
        let mut kept = self.store.signals()?;
        if let Kept::Redis { options, .. } = &mut kept {
            options.budget = options.budget.max(PATIENCE);
        }
        let path = match (&self.store.party_key, &kept) {
            (Some(path), _) => path.clone(),
            (None, Kept::Embedded(_)) => self.data.join("party.key"),
            (None, Kept::Redis { .. }) => bail!("a shared store needs its --party-key"),
        };
        let secret = app::read_secret(&path)?
            .with_context(|| format!("cannot read the key {}: no such file", path.display()))?;
        app::check_party_key(&self.data, &secret)?;
        Ok((PartyHasher::new(&secret), app::signal_store(&kept, &secret)?))
    }

    async fn history(&self) -> Result<History> {
        Ok(History::open(&self.ledger.place(&self.data)?).await?)
    }
}

impl Rebuild {
    async fn run(self) -> Result<()> {
        let (_, store) = self.place.open()?;
        let SignalStore::Redis(store) = store else {
            bail!("the embedded store is filled at each start; expected --signals redis://…");
        };
        let history = self.place.history().await?;
        let ledger = self.place.ledger.place(&self.place.data)?;
        let known = history.filling().await?.unwrap_or_default();
        let begun = Instant::now();
        let Some(mut rebuild) = store
            .rebuild(Clock::system().now(), &known, async |filling| {
                match ledger.remember_filling(&known, filling).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(Unfit::Forgetful("another rebuild has begun".to_owned())),
                    Err(error) => Err(Unfit::Forgetful(error.to_string())),
                }
            })
            .await
            .map_err(|unfit| anyhow!("the signal store cannot be filled: {unfit}"))?
        else {
            println!("nothing to do: no part of the signal store was emptied");
            return Ok(());
        };
        let bar = progress_bar();
        let filled = fill(&mut rebuild, &history, &bar).await;
        if filled.is_err() {
            // Half of the past is worse than none: the store stays without readings.
            rebuild.give_up().await.map_err(|unfit| anyhow!("giving up: {unfit}"))?;
        }
        let events = filled.context("filling the signal store; run the command again")?;
        bar.finish_and_clear();
        println!("taught {events} events in {:.1} s", begun.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Teaches all rows, and once more what was committed until the marks were seen.
async fn fill(rebuild: &mut Filling<'_>, history: &History, bar: &ProgressBar) -> Result<usize> {
    let (mut after, mut events, mut is_whole) = (0, 0, false);
    loop {
        let rows = history.signal_events(after, BATCH).await?;
        let Some(last) = rows.last() else {
            if is_whole {
                return Ok(events);
            }
            rebuild.warm().await.map_err(|unfit| anyhow!("{unfit}"))?;
            is_whole = true;
            continue;
        };
        after = last.seq;
        let batch = events_of(&rows)?;
        rebuild.teach(&batch).await.map_err(|unfit| anyhow!("{unfit}"))?;
        events += batch.len();
        bar.set_message(format!("{events} events"));
        bar.tick();
    }
}

impl Show {
    async fn run(self) -> Result<()> {
        let account = AccountId::parse(&self.account)
            .map_err(|problem| anyhow!("--account: {}", problem.text))?;
        let (hasher, store) = self.place.open()?;
        if let SignalStore::Embedded(store) = &store {
            // The service's own memory cannot be looked into, but it comes from the ledger.
            let (history, mut after) = (self.place.history().await?, 0);
            loop {
                let rows = history.signal_events(after, BATCH).await?;
                let Some(last) = rows.last() else { break };
                after = last.seq;
                events_of(&rows)?.iter().for_each(|event| store.apply(event));
            }
        }
        let key = hasher.key("account", account.as_str());
        if let SignalStore::Redis(store) = &store {
            store.belong_to(&self.place.history().await?.filling().await?.unwrap_or_default());
        }
        let parties = Parties { account: Some(key), ..Parties::default() };
        let time = Clock::system().now();
        let observation = Observation { time, parties, ..Observation::default() };
        let readings = store.read(&observation).await;
        let mut out =
            format!("account {account} as a request of now would read it, itself counted\n");
        let of_account = |signal: &&crate::signals::Signal| signal.key == Party::Account;
        for signal in catalog().iter().filter(of_account) {
            let reading = match readings.by_name(signal.name).unwrap_or(Reading::NotSupplied) {
                Reading::Bool(known) => known.to_string(),
                Reading::Int(number) => number.to_string(),
                Reading::Double(number) => format!("{number:.3}"),
                Reading::NotSupplied => "-".to_owned(),
                Reading::Failed => "missing".to_owned(),
            };
            let (name, unit, about) = (signal.name, signal.unit, signal.about);
            writeln!(out, "  {name:<28} {reading:>14} {unit:<16} {about}")?;
        }
        page(&out)?;
        match readings.any_failed() {
            true => bail!("the signal store could not tell: see the log above"),
            false => Ok(()),
        }
    }
}

fn events_of(rows: &[StoredSignal]) -> Result<Vec<SignalEvent>> {
    let events = rows.iter().filter_map(|row| {
        let event = signal_event(row)?;
        Some(event.with_context(|| format!("the ledger's signal event {} is garbled", row.seq)))
    });
    events.collect()
}

/// Counts on a terminal only.
fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
    ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
