//! `audit reads`: who of the staff has read what.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::error::ErrorKind as Wrong;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::ledger::Ledger;
use super::moment::moment;
use super::rows::{broken_pipe, safe, stamp};
use crate::domain::{AccountId, DecisionId, Problem, StaffRead, Time};
use crate::ledger::{self, ReadFilter};

/// Reads fetched at once; each may name two hundred decisions.
const AT_ONCE: u32 = 500;

#[derive(Debug, Args)]
pub(super) struct Reads {
    /// Folder of the ledger, as `serve` has it; the service may be running.
    #[arg(long, value_name = "FOLDER", default_value = "./surety-data")]
    data: PathBuf,
    #[command(flatten)]
    ledger: Ledger,
    /// Reads that asked for this account, or were shown a decision of it.
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Option<AccountId>,
    /// Reads that were shown this decision, its review case or its card.
    #[arg(long, value_name = "ID", value_parser = decision)]
    decision: Option<DecisionId>,
    /// Reads by this caller.
    #[arg(long, value_name = "CALLER")]
    by: Option<String>,
    /// Reads at this time or later: such as 2026-10-31T18:00:00Z, or a day, which is its
    /// beginning, UTC.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Time>,
    /// Reads before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Time>,
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// With a header line; in texts that a spreadsheet would take for a formula, `'` comes first.
    Csv,
    /// One object a line.
    Json,
}

impl Reads {
    pub async fn run(self) -> Result<()> {
        let Reads { account, decision, by, since, until, .. } = self;
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            let text = "--until: expected a time later than --since";
            return Err(clap::Error::raw(Wrong::ValueValidation, text).into());
        }
        let filter = ReadFilter { account, decision, caller: by, from: since, until };
        let mut reads = ledger::Reads::open(&self.ledger.place(&self.data)?, filter).await?;
        match write(&mut reads, self.format, io::stdout().lock()).await {
            // A reader who has seen enough is no fault.
            Err(failure) if broken_pipe(&failure) => Ok(()),
            written => written,
        }
    }
}

async fn write(reads: &mut ledger::Reads, format: Format, out: impl Write) -> Result<()> {
    let mut out = BufWriter::new(out);
    if format == Format::Csv {
        out.write_all(HEADER.join(",").as_bytes())?;
        out.write_all(b"\n")?;
    }
    loop {
        let found = reads.next(AT_ONCE).await?;
        if found.is_empty() {
            break;
        }
        match format {
            Format::Csv => write_csv(&found, &mut out)?,
            Format::Json => write_json(&found, &mut out)?,
        }
    }
    Ok(out.flush()?)
}

/// The columns, as the README explains them.
const HEADER: [&str; 7] =
    ["time", "caller", "role", "call", "account_id", "decision_ids", "criteria"];

fn write_csv(reads: &[StaffRead], out: &mut impl Write) -> Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    for read in reads {
        let row = row(read);
        let decisions = row.decision_ids.join(" ");
        let cells: [&str; HEADER.len()] = [
            &row.time,
            row.caller,
            row.role,
            row.call,
            row.account_id.unwrap_or_default(),
            &decisions,
            row.criteria,
        ];
        csv.write_record(cells.map(|cell| safe(cell).into_owned()))?;
    }
    Ok(csv.flush()?)
}

fn write_json(reads: &[StaffRead], out: &mut impl Write) -> Result<()> {
    for read in reads {
        serde_json::to_writer(&mut *out, &row(read))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Row<'r> {
    time: String,
    caller: &'r str,
    role: &'static str,
    call: &'r str,
    account_id: Option<&'r str>,
    decision_ids: Vec<String>,
    criteria: &'r str,
}

fn row(read: &StaffRead) -> Row<'_> {
    Row {
        time: stamp(read.time),
        caller: &read.caller,
        role: read.role.name(),
        call: &read.call,
        account_id: read.seen.account.as_ref().map(AccountId::as_str),
        decision_ids: read.seen.decisions.iter().map(DecisionId::to_string).collect(),
        criteria: &read.seen.criteria,
    }
}

fn account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).map_err(said)
}

fn decision(text: &str) -> Result<DecisionId, String> {
    DecisionId::parse(text).map_err(said)
}

fn said(problem: Problem) -> String {
    problem.text.to_string()
}
