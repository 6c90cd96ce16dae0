//! Where signals are kept, for the commands that open the store.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use crate::app::Signals;
use crate::signals::EmbeddedConfig;
use crate::signals::redis::{Options, Server};

#[derive(Debug, Args)]
pub(super) struct Store {
    /// Where signals are kept: `embedded` in this process, or the address of a Redis or Valkey that
    /// several processes share: redis://user:password@host:port/database, of which the host alone
    /// is needed, rediss:// with TLS, redis+cluster://host:port,host:port or rediss+cluster:// for
    /// a cluster.
    #[arg(
        long,
        value_name = "STORE",
        default_value = "embedded",
        env = "SURETY_SIGNALS",
        hide_env_values = true
    )]
    signals: String,
    /// File with the password of the store, so that no command line shows it.
    #[arg(long, value_name = "FILE")]
    signals_password_file: Option<PathBuf>,
    /// Certificates in PEM of the authorities that the store's certificate may come from.
    #[arg(long, value_name = "FILE")]
    signals_ca_file: Option<PathBuf>,
    /// Milliseconds that a request may wait for the store; then it is decided without readings.
    #[arg(long, value_name = "MS", default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(1..=10_000))]
    signals_budget_ms: u64,
    /// File of 32 random bytes under which parties are hashed; a shared store needs the same one in
    /// every process. The embedded store makes its own in the data folder.
    #[arg(long, value_name = "FILE", env = "SURETY_PARTY_KEY")]
    pub party_key: Option<PathBuf>,
}

impl Store {
    pub fn signals(&self) -> Result<Signals> {
        if self.signals == "embedded" {
            return Ok(Signals::Embedded(EmbeddedConfig::default()));
        }
        let mut server = Server::parse(&self.signals).context("--signals")?;
        if let Some(path) = &self.signals_password_file {
            let password = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the password file {}", path.display()))?;
            server = server.with_password(password.trim_end_matches(['\r', '\n']).to_owned());
        }
        if let Some(path) = &self.signals_ca_file {
            let pem = std::fs::read(path)
                .with_context(|| format!("cannot read the certificates {}", path.display()))?;
            server = server.with_ca(pem);
        }
        let budget = Duration::from_millis(self.signals_budget_ms);
        Ok(Signals::Redis { server, options: Options { budget, ..Options::default() } })
    }
}
