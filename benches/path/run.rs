//! All cells, one after the other: each system is started, filled with accounts, and asked.

use std::path::Path;
use std::time::{Duration, Instant};

use surety::load::{Load, Options as LoadOptions, Pace, Target, Tls};
use tempfile::TempDir;
use uuid::Uuid;

use super::Outcome;
use super::options::Options;
use super::result::{Cell, Results};
use super::system::{Name, System};

/// As `surety load` has it.
const CONNECTIONS: usize = 4;
const TIMEOUT: Duration = Duration::from_secs(1);
const OUTSTANDING: u32 = 10_000;
/// How long a system may take to get ready.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Measures every system; what is done when it fails or is dropped stays in `results`.
pub async fn all(options: &Options, results: &mut Results) -> Outcome<()> {
    let root = TempDir::with_prefix("surety-path-")?;
    for name in &options.systems {
        results.look_around(root.path())?;
        let folder = root.path().join(name.text());
        std::fs::create_dir(&folder)?;
        one(*name, &folder, options, results).await?;
        // The next one starts on a disk that has as much room.
        std::fs::remove_dir_all(folder)?;
    }
    results.look_around(root.path())
}

async fn one(name: Name, folder: &Path, options: &Options, results: &mut Results) -> Outcome<()> {
    eprintln!("{}: starting", name.text());
    let system = System::start(name, folder).await?;
    let mut runs = Runs { name, system: &system, options, next_seed: 1 };
    runs.open_accounts().await?;
    for clients in &options.clients {
        results.add(runs.cell(Pace::Closed { clients: *clients }).await?);
    }
    let rate = results.saturation(name) / 2.0;
    if rate <= 0.0 {
        anyhow::bail!("{} answered nothing: {}", name.text(), system.said());
    }
    results.add(runs.cell(Pace::Open { rate, outstanding: OUTSTANDING }).await?);
    Ok(())
}

/// Runs of the load generator against one system.
struct Runs<'r> {
    name: Name,
    system: &'r System,
    options: &'r Options,
    /// Another one for each run on a ledger: the same purchase again would be a duplicate.
    next_seed: u64,
}

impl Runs<'_> {
    async fn open_accounts(&self) -> Outcome<()> {
        let generator = self.connected(Pace::Closed { clients: 1 }).await?;
        // The floor has none, and says yes all the same.
        if self.name == Name::NoOp {
            return Ok(());
        }
        let begun = Instant::now();
        generator.open_accounts(&|_| ()).await.map_err(|status| {
            anyhow::anyhow!("{}: no accounts: {status}; {}", self.name.text(), self.system.said())
        })?;
        let (name, accounts) = (self.name.text(), self.options.accounts);
        eprintln!("{name}: {accounts} accounts in {:.1} s", begun.elapsed().as_secs_f64());
        Ok(())
    }

    /// The same program as `surety load`, in this process, which does nothing else meanwhile.
    async fn cell(&mut self, pace: Pace) -> Outcome<Cell> {
        eprintln!("{}: {pace:?}", self.name.text());
        let generator = self.connected(pace).await?;
        self.next_seed += 1;
        let system = self.system;
        // The same part of the run as the report's: what follows the warm-up.
        let warm = async {
            tokio::time::sleep(self.options.warm_up()).await;
            (system.used(), tokio::task::block_in_place(|| system.degraded()))
        };
        let run = generator.run(std::future::pending(), &|_| ());
        let ((before, degraded), report) = tokio::join!(warm, run);
        let (report, after) = (report?, system.used());
        if report.answered == 0 || report.retries.different > 0 {
            let faults = &report.errors_by_code;
            anyhow::bail!("{}: {faults:?}; it said: {}", self.name.text(), system.said());
        }
        let per_call = |after: Duration, before: Duration| {
            after.saturating_sub(before).as_secs_f64() * 1e6 / report.sent.max(1) as f64
        };
        Ok(Cell {
            system: self.name,
            of_floor: None,
            degraded: system.degraded() - degraded,
            service_us_per_call: per_call(after.service, before.service),
            stores_us_per_call: per_call(after.stores, before.stores),
            report,
        })
    }

    /// A generator with its connections, once the system is ready.
    async fn connected(&self, pace: Pace) -> Outcome<Load> {
        let begun = Instant::now();
        loop {
            let error = match Load::connect(self.load_options(pace)?).await {
                Ok(generator) => return Ok(generator),
                Err(error) => error,
            };
            if begun.elapsed() > PATIENCE {
                anyhow::bail!("{}: {error}; it said: {}", self.name.text(), self.system.said());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn load_options(&self, pace: Pace) -> Outcome<LoadOptions> {
        Ok(LoadOptions {
            target: Target {
                urls: vec![format!("http://{}", self.system.address).parse()?],
                connections: CONNECTIONS,
                timeout: TIMEOUT,
                caller: None,
                authorization: None,
                setup_authorization: None,
                tls: Tls::default(),
            },
            pace,
            duration: self.options.duration(),
            warm_up: self.options.warm_up(),
            seed: self.next_seed,
            run: Uuid::now_v7(),
            accounts: self.options.accounts,
        })
    }
}
