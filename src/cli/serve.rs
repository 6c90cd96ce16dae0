//! `serve`: the main job.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, value_parser};
use tokio::signal::unix::{SignalKind, signal};

use super::entrance::Entrance;
use super::ledger::Ledger;
use super::playbook::Playbook;
use super::retention::Retention;
use super::store::Store;
use crate::app::{App, Config, SNAPSHOT_EVERY};
use crate::service::Clock;
use crate::telemetry::{self, Level, Traces};

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// File of settings, TOML: a key for each of these options, by its name. Options and variables
    /// of the environment (`SURETY_` and the name in capitals) are stronger.
    #[arg(long, value_name = "FILE", env = "SURETY_CONFIG")]
    config: Option<PathBuf>,
    /// Address and port for gRPC; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:50051")]
    grpc_listen: SocketAddr,
    #[command(flatten)]
    entrance: Entrance,
    /// Address and port of `/metrics`, `/livez` and `/readyz`, over HTTP and without credentials;
    /// port 0 takes a free one. Without it there is none: of several services on one machine only
    /// one can have the usual port, 9090.
    #[arg(long, value_name = "ADDRESS:PORT", env = "SURETY_HTTP_LISTEN")]
    http_listen: Option<SocketAddr>,
    /// URL of an OpenTelemetry collector that takes traces, as OTLP over gRPC.
    #[arg(long, value_name = "URL", env = "SURETY_OTLP_ENDPOINT")]
    otlp_endpoint: Option<String>,
    /// The least grave things that are logged. `SURETY_LOG`, a filter by module, is stronger.
    #[arg(long, value_name = "LEVEL", default_value = Level::default().name(),
          value_parser = PossibleValuesParser::new(Level::ALL.map(Level::name)).map(level))]
    log_level: Level,
    /// Folder of the ledger and the keys; made when it is not there.
    #[arg(long, value_name = "FOLDER", default_value = "./surety-data")]
    data: PathBuf,
    #[command(flatten)]
    ledger: Ledger,
    #[command(flatten)]
    playbook: Playbook,
    /// File of 32 random bytes with which results of step-ups are signed; processes on one ledger
    /// need the same one. Without it the data folder has its own.
    #[arg(long, value_name = "FILE", env = "SURETY_STEP_UP_KEY")]
    step_up_key: Option<PathBuf>,
    /// How often the signals are saved, so that the next start is quick.
    #[arg(long, value_name = "SECONDS", default_value_t = SNAPSHOT_EVERY.as_secs(),
          value_parser = value_parser!(u64).range(1..))]
    snapshot_every: u64,
    #[command(flatten)]
    retention: Retention,
    #[command(flatten)]
    store: Store,
}

impl Serve {
    /// What the service is told.
    pub fn config(&self) -> Result<Config> {
        Ok(Config {
            grpc_listen: self.grpc_listen,
            entrance: self.entrance.entrance()?,
            http_listen: self.http_listen,
            ledger: self.ledger.place(&self.data)?,
            data: self.data.clone(),
            playbook: self.playbook.clone().files(),
            signals: self.store.signals()?,
            party_key: self.store.party_key.clone(),
            step_up_key: self.step_up_key.clone(),
            clock: Clock::system(),
            snapshot_every: Some(Duration::from_secs(self.snapshot_every)),
            retention: Some(self.retention.ages()),
        })
    }

    pub async fn run(self) -> Result<()> {
        let traces = match &self.otlp_endpoint {
            Some(endpoint) => Traces::to(endpoint)?,
            None => Traces::none(),
        };
        telemetry::start_with(&traces, self.log_level);
        let app = App::open(&self.config()?).await?;
        // Before the line: whoever reads it may ask at once.
        let stop = asked_to_stop()?;
        // Lines that scripts can read, once calls are accepted; gRPC is always the first.
        let mut lines = format!("serving gRPC on {}\n", app.address()?);
        if let Some(address) = app.http_address() {
            lines.push_str(&format!("serving HTTP on {address}\n"));
        }
        // At once: a script may hang up after the line that it wants.
        std::io::stdout().write_all(lines.as_bytes())?;
        std::io::stdout().flush()?;
        let served = app.serve(stop).await;
        traces.end().await;
        served
    }
}

fn level(name: String) -> Level {
    Level::ALL.into_iter().find(|level| level.name() == name).unwrap_or_default()
}

/// Ends at the first SIGTERM or ctrl-c.
pub(super) fn asked_to_stop() -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
