//! Where the ledger is, for the commands that open it.

use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;

use crate::ledger::Place;

#[derive(Debug, Args)]
pub(super) struct Ledger {
    /// Where decisions are kept: sqlite:FILE, by default `ledger.sqlite` in the data folder, or
    /// postgres://user:password@host:port/database, which several processes may share.
    #[arg(long, value_name = "LEDGER", env = "SURETY_LEDGER", hide_env_values = true)]
    ledger: Option<String>,
    /// File with the password of the database, so that no command line shows it.
    #[arg(long, value_name = "FILE")]
    ledger_password_file: Option<std::path::PathBuf>,
}

impl Ledger {
    /// The place that was named, or the file in a data folder.
    pub fn place(&self, data: &Path) -> Result<Place> {
        let Some(named) = &self.ledger else {
            return Ok(Place::file(&data.join("ledger.sqlite")));
        };
        let place = Place::parse(named).context("--ledger")?;
        let Some(path) = &self.ledger_password_file else { return Ok(place) };
        let password = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the password file {}", path.display()))?;
        Ok(place.with_password(password.trim_end_matches(['\r', '\n'])))
    }
}
