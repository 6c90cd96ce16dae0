//! `export`: what the ledger holds as a table for other programs.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::error::ErrorKind as Wrong;
use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::files::Draft;
use super::ledger::Ledger;
use super::moment::moment;
use super::rows::{broken_pipe, safe, stamp};
use crate::domain::{DecisionRecord, Holder, Time};
use crate::ledger;
use crate::service::Clock;

/// Decisions read at once; each may take ten kilobytes.
const AT_ONCE: u32 = 500;

#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// One row a decision, in order of time. No personal data, but all that an auditor may see.
    Decisions(Decisions),
}

#[derive(Debug, Args)]
struct Decisions {
    #[command(flatten)]
    ledger: Ledger,
    /// Folder of a service, which may be running, where its ledger is a file in there.
    #[arg(long, value_name = "FOLDER", default_value = "./surety-data")]
    data: PathBuf,
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Decisions made at this time or later: such as 2026-10-31T18:00:00Z, or a day, which is its
    /// beginning, UTC. From the first one on when not given.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Time>,
    /// Decisions made before this time. Up to now when not given.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Time>,
    /// Where to write: whole or not at all. Standard output when not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// With a header line; in texts that a spreadsheet would take for a formula, `'` comes first.
    Csv,
}

impl Export {
    pub async fn run(self) -> Result<()> {
        let What::Decisions(decisions) = self.what;
        decisions.run().await
    }
}

impl Decisions {
    async fn run(self) -> Result<()> {
        let now = Clock::system().now();
        let (since, until) = (self.since.unwrap_or(Time::EPOCH), self.until.unwrap_or(now));
        if since >= until {
            let text = "--until: expected a time later than --since, and than now without it";
            return Err(clap::Error::raw(Wrong::ValueValidation, text).into());
        }
        let mut export =
            ledger::Export::open(&self.ledger.place(&self.data)?, (since, until)).await?;
        let Some(path) = &self.out else {
            let written = write(&mut export, now, io::stdout().lock()).await;
            return match written {
                // A reader who has seen enough is no fault.
                Err(failure) if broken_pipe(&failure) => Ok(()),
                written => written.map(report),
            };
        };
        let mut draft = Draft::create(path)?;
        let rows = write(&mut export, now, &mut draft).await;
        let rows = rows.with_context(|| format!("cannot write {}", path.display()))?;
        draft.finish()?;
        report(rows);
        Ok(())
    }
}

/// Standard output may be the rows.
fn report(rows: u64) {
    eprintln!("{rows} decisions");
}

/// Writes all rows and tells how many; `now` judges what has lapsed.
async fn write(export: &mut ledger::Export, now: Time, out: impl Write) -> Result<u64> {
    let bar = progress_bar(export).await?;
    let mut out = BufWriter::new(out);
    out.write_all(HEADER.join(",").as_bytes())?;
    out.write_all(b"\n")?;
    loop {
        let records = export.next(AT_ONCE).await?;
        if records.is_empty() {
            break;
        }
        // The writer is made anew, since it may not be held across the reading of the next ones.
        let mut csv = csv::Writer::from_writer(&mut out);
        for record in &records {
            csv.write_record(cells(record, now).iter().map(|cell| safe(cell).into_owned()))?;
        }
        csv.flush()?;
        drop(csv);
        bar.inc(records.len() as u64);
    }
    out.flush()?;
    bar.finish_and_clear();
    Ok(bar.position())
}

/// On a terminal only.
async fn progress_bar(export: &mut ledger::Export) -> Result<ProgressBar> {
    if !io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let bar = ProgressBar::new(export.count().await?);
    let style =
        ProgressStyle::with_template("{bar:40} {percent:>3} %  {pos} decisions  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    Ok(bar)
}

/// The columns, as the README explains them.
const HEADER: [&str; 28] = [
    "decision_id",
    "reference",
    "create_time",
    "duration_us",
    "product",
    "market",
    "account_id",
    "guest",
    "merchant_id",
    "order_reference",
    "currency",
    "amount_minor",
    "plan",
    "outcome",
    "state",
    "codes",
    "credit_score",
    "affordability_score",
    "spending_score",
    "fraud_score",
    "missing_sources",
    "expire_time",
    "captured_minor",
    "cancel_time",
    "superseded_by",
    "policy_version",
    "catalog_version",
    "fingerprint",
];

fn cells(record: &DecisionRecord, now: Time) -> [String; HEADER.len()] {
    let made = &record.decision;
    let (account, guest) = match &record.holder {
        Holder::Account(id) => (id.to_string(), "false"),
        // Who it was is a hash of a contact, which is nobody's to have.
        Holder::Guest(_) => (String::new(), "true"),
    };
    let codes: Vec<&str> = made.reasons.iter().map(|reason| reason.code.name()).collect();
    let missing: Vec<&str> = made.missing_sources.iter().map(|source| source.name()).collect();
    let score = |score: Option<i64>| score.map(|score| score.to_string()).unwrap_or_default();
    let when = |time: Option<Time>| time.map(stamp).unwrap_or_default();
    [
        record.id.to_string(),
        record.reference.as_str().to_owned(),
        stamp(record.created),
        record.duration_micros.to_string(),
        record.product.name().to_owned(),
        record.market.to_string(),
        account,
        guest.to_owned(),
        record.merchant.to_string(),
        record.order_reference.clone().unwrap_or_default(),
        record.amount.currency().code().to_owned(),
        record.amount.minor().to_string(),
        record.plan.kind.name().to_owned(),
        made.outcome.name().to_owned(),
        record.state(now).name().to_owned(),
        codes.join(" "),
        score(made.scores.credit),
        score(made.scores.affordability),
        score(made.scores.spending),
        score(made.scores.fraud),
        missing.join(" "),
        when(made.expires),
        record.progress.captured.to_string(),
        when(record.progress.canceled),
        record.progress.superseded_by.map(|id| id.to_string()).unwrap_or_default(),
        made.versions.policy.clone(),
        made.versions.catalog.clone(),
        made.versions.fingerprint.clone(),
    ]
}
