//! Where a table comes from: a data file, or the own ledger; and the table as a file to look at.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::cli::block_on;
use crate::cli::files::{Draft, Whole, gzipped, hexadecimal};
use crate::cli::moment::moment;
use crate::domain::Time;
use crate::lab::train::{self, Spec, Table};
use crate::ledger::Place;
use crate::playbook::SHIPPED_POLICY;
use crate::policy::Policy;
use crate::service::Clock;

#[derive(Debug, Args)]
pub(super) struct Source {
    /// CSV with a header line; `.gz` is read as such.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "from_ledger",
        conflicts_with = "from_ledger"
    )]
    data: Option<PathBuf>,
    /// The ledger of a service, `ledger.sqlite` in its data folder, which may be running: decisions
    /// with the facts that they were made on, and what came of them. The spec's `[outcome]` says
    /// what to look for.
    #[arg(long, value_name = "LEDGER")]
    from_ledger: Option<String>,
    /// With a ledger: as everything was known then. A time such as 2026-10-31T18:00:00Z, or a day,
    /// which is its beginning, UTC. Now when not given.
    #[arg(long, value_name = "TIME", conflicts_with = "data", value_parser = moment)]
    as_of: Option<Time>,
    /// With a ledger: the policy whose markets say what an ordinary amount is. The shipped one when
    /// not given.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    policy: Option<PathBuf>,
    /// With a ledger: write the table here too; `.gz` compresses.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    table: Option<PathBuf>,
}

impl Source {
    /// The table, and the SHA-256 of what was read: of the file, or of the ledger's table as CSV.
    pub fn read(&self, spec: &Spec) -> Result<(Table, String)> {
        match (&self.data, &self.from_ledger) {
            (Some(path), _) => read_file(spec, path),
            (None, Some(path)) => self.read_ledger(spec, path),
            (None, None) => anyhow::bail!("expected --data or --from-ledger"),
        }
    }

    /// What messages call it.
    pub fn name(&self) -> String {
        match (&self.data, &self.from_ledger) {
            (Some(path), _) => path.display().to_string(),
            (None, Some(place)) => {
                Place::parse(place).map_or_else(|_| place.clone(), |p| p.to_string())
            }
            (None, None) => String::new(),
        }
    }

    fn read_ledger(&self, spec: &Spec, place: &str) -> Result<(Table, String)> {
        let place = Place::parse(place)?;
        if let Place::Sqlite(path) = &place {
            std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        }
        let now = Clock::system().now();
        let as_of = self.as_of.unwrap_or(now);
        if as_of > now {
            let problem = "--as-of lies in the future, of which nothing is known".to_owned();
            return Err(train::Error::Data(problem).into());
        }
        let policy = self.policy()?;
        let mut copy = Copy::new(self.table.as_deref())?;
        let read = train::table_of_ledger(spec, &policy, (&place, as_of), &mut copy);
        let (table, left_out) = block_on(async { read.await.with_context(|| place.to_string()) })?;
        eprintln!("{} rows of the ledger", table.rows);
        for words in left_out.words() {
            eprintln!("left out: {words}");
        }
        Ok((table, copy.finish()?))
    }

    fn policy(&self) -> Result<Policy> {
        let parsed = match &self.policy {
            None => Policy::parse(SHIPPED_POLICY.name, SHIPPED_POLICY.text),
            Some(path) => {
                let name = path.display().to_string();
                let text =
                    std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
                Policy::parse(&name, &text)
            }
        };
        Ok(parsed.map_err(|fault| train::Error::Spec(vec![fault]))?)
    }
}

fn read_file(spec: &Spec, path: &Path) -> Result<(Table, String)> {
    let file = Whole::read(path)?;
    let table = Table::read(file.content(path), &spec.columns())
        .with_context(|| path.display().to_string())?;
    Ok((table, file.sha256))
}

const WRITING: &str = "cannot write the table";

/// Takes the ledger's table as CSV: digests it, and writes it where that is asked for.
struct Copy {
    digest: Sha256,
    file: File,
}

enum File {
    None,
    Plain(BufWriter<Draft>),
    Zipped(Box<GzEncoder<BufWriter<Draft>>>),
}

impl Copy {
    fn new(path: Option<&Path>) -> Result<Copy> {
        let file = match path {
            None => File::None,
            Some(path) => {
                let draft = BufWriter::new(Draft::create(path)?);
                match gzipped(path) {
                    true => File::Zipped(Box::new(GzEncoder::new(draft, Compression::fast()))),
                    false => File::Plain(draft),
                }
            }
        };
        Ok(Copy { digest: Sha256::new(), file })
    }

    /// Gives the file its name, and the digest.
    fn finish(self) -> Result<String> {
        let whole = match self.file {
            File::None => None,
            File::Plain(file) => Some(file),
            File::Zipped(file) => Some(file.finish().context(WRITING)?),
        };
        if let Some(file) = whole {
            let draft = file.into_inner().map_err(|failed| failed.into_error());
            draft.context(WRITING)?.finish()?;
        }
        Ok(hexadecimal(&self.digest.finalize()))
    }
}

impl Write for Copy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            File::None => {}
            File::Plain(file) => file.write_all(bytes)?,
            File::Zipped(file) => file.write_all(bytes)?,
        }
        self.digest.update(bytes);
        Ok(bytes.len())
    }

    /// What is buffered is written at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_days_or_times_with_their_zone() {
        let start = Time::from_seconds(1_793_404_800);
        for (text, expected) in [
            ("2026-10-31", Some(start)),
            ("2026-10-31T00:00:00Z", Some(start)),
            ("2026-10-31T02:00:00+02:00", Some(start)),
            ("2026-10-31T00:00:00.000001Z", Some(Time::from_micros(start.as_micros() + 1))),
            ("2026-10-31T00:00:00", None),
            ("2026-10-32", None),
            ("20261031", None),
            ("1793404800", None),
            ("", None),
        ] {
            assert_eq!(moment(text).ok(), expected, "{text}");
        }
    }
}
