//! `audit`: proves that decisions are what they were when they were recorded, and tells who of the
//! staff has read what.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::ledger::Ledger;
use super::moment::moment;
use super::print::page;
use super::reads::Reads;
use crate::domain::Time;
use crate::ledger::{Break, Chains, Verified};

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Follow the chains of hashes, and name the first record that is not what was recorded.
    Verify(Verify),
    /// Tell who of the staff has read what, in the order in which it was recorded.
    Reads(Reads),
}

#[derive(Debug, Args)]
struct Verify {
    /// Folder of the ledger, as `serve` has it; the service may be running.
    #[arg(long, value_name = "FOLDER", default_value = "./surety-data")]
    data: PathBuf,
    #[command(flatten)]
    ledger: Ledger,
    /// Decisions of this time or later, such as 2026-10-31T18:00:00Z or 2026-10-31.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Time>,
    /// Decisions before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Time>,
}

impl Audit {
    pub async fn run(self) -> Result<()> {
        match self.command {
            Command::Verify(verify) => verify.run().await,
            Command::Reads(reads) => reads.run().await,
        }
    }
}

impl Verify {
    async fn run(self) -> Result<()> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            bail!("--from is later than --to");
        }
        let mut chains = Chains::open(&self.ledger.place(&self.data)?).await?;
        let bar = progress_bar(chains.links().await?);
        let found = chains.verify((self.from, self.to), || bar.inc(1)).await?;
        let strangers = chains.strangers().await?;
        bar.finish_and_clear();
        let mut broken = 0;
        let mut out = String::new();
        for chain in &found {
            match chain {
                Ok(Verified { chain, decisions, link, hash }) => {
                    out += &format!("chain {chain} holds: {decisions} decisions up to link ");
                    out += &format!("{link}, hash {hash}\n");
                }
                Err(Break { chain, link, what }) => {
                    broken += 1;
                    out += &format!("chain {chain} is broken at link {link}: {what}\n");
                }
            }
        }
        if found.is_empty() {
            out += "there is no chain yet: nothing was decided\n";
        }
        page(&out)?;
        if strangers != 0 {
            bail!("{strangers} decisions more than links: they were not recorded by surety");
        }
        if broken > 0 {
            bail!("{broken} of {} chains do not hold", found.len());
        }
        Ok(())
    }
}

/// Counts on a terminal only.
fn progress_bar(links: i64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} decisions  {eta}");
    ProgressBar::new(u64::try_from(links).unwrap_or(0))
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
