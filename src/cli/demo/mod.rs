//! `demo`: the real service on a temporary folder, and a story that it decides, call by call.

mod shop;
mod story;

use std::io::Write;

use anyhow::{Context, Result};
use clap::Args;
use tokio::sync::oneshot;

use crate::app::{App, Config, Entrance, PlaybookFiles, Signals};
use crate::ledger::Place;
use crate::service::Clock;
use crate::signals::EmbeddedConfig;
use crate::telemetry;

use shop::Shop;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// End after the story; without it the service stays up until ctrl-c.
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub async fn run(self) -> Result<()> {
        telemetry::start();
        // From the first: an interrupted demo must not leave its folder behind.
        let interrupted = super::serve::asked_to_stop()?;
        tokio::pin!(interrupted);
        let folder = TemporaryFolder::make()?;
        let config = Config {
            grpc_listen: ([127, 0, 0, 1], 0).into(),
            entrance: Entrance::default(),
            http_listen: None,
            ledger: Place::file(&folder.path.join("ledger.sqlite")),
            data: folder.path.clone(),
            playbook: PlaybookFiles::default(),
            signals: Signals::Embedded(EmbeddedConfig::default()),
            party_key: None,
            step_up_key: None,
            clock: Clock::system(),
            snapshot_every: None,
            retention: None,
        };
        let app = App::open(&config).await?;
        let address = app.address()?;
        println!("Surety serves gRPC on {address}, its ledger is in {}\n", folder.path.display());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(app.serve(async move {
            // Dropped without a word is a stop as well.
            let _asked = stopped.await;
        }));
        let step_up_key = std::fs::read(folder.path.join("step-up.key"))?;
        let mut shop = Shop::connect(&format!("http://{address}"), step_up_key).await?;
        tokio::select! {
            told = story::tell(&mut shop) => {
                told?;
                shop.print_table();
                if !self.once {
                    println!("\nThe service stays up on {address}; ask it, or press ctrl-c.");
                    std::io::stdout().flush()?;
                    interrupted.await;
                }
            }
            () = &mut interrupted => {}
        }
        drop(stop);
        serving.await.context("the service ended badly")?
    }
}

/// A folder that goes when the demo does.
struct TemporaryFolder {
    path: std::path::PathBuf,
}

impl TemporaryFolder {
    fn make() -> Result<TemporaryFolder> {
        let path = std::env::temp_dir().join(format!("surety-demo-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(TemporaryFolder { path })
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What is left in the system's temporary folder harms nobody.
        let _removed = std::fs::remove_dir_all(&self.path);
    }
}
