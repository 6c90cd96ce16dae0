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
use crate::ledger::{Break, Chains, Checkpoints, KnownHead, Verified};

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Follow the chains of hashes, and name the first record that is not what was recorded. Who
    /// can write the whole ledger can make all of it anew, or cut a chain at its end: that is told
    /// by --head alone, so keep the heads that this prints where the ledger's owner cannot write.
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
    /// A head that was printed before, as CHAIN:LINK:HASH, 0 for the checkpoints: fails if it is
    /// not part of the chains any more. May be given several times.
    #[arg(long, value_name = "HEAD", value_parser = head)]
    head: Vec<KnownHead>,
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
        let checkpoints = chains.checkpoints().await?;
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
        match checkpoints {
            Ok(Checkpoints { last: 0, .. }) => {}
            Ok(Checkpoints { last, hash, dropped }) => {
                out +=
                    &format!("chain 0 holds: {dropped} decisions were dropped by retention, up ");
                out += &format!("to checkpoint {last}, hash {hash}\n");
            }
            Err(Break { link, what, .. }) => {
                broken += 1;
                out += &format!("chain 0 is broken at checkpoint {link}: {what}\n");
            }
        }
        let mut lost = 0;
        for head in &self.head {
            if let Some(why) = chains.lost(head).await? {
                lost += 1;
                out += &format!("head {}:{}:{} is lost: {why}\n", head.chain, head.link, head.hash);
            }
        }
        page(&out)?;
        if lost > 0 {
            bail!("{lost} of {} heads are not part of the chains any more", self.head.len());
        }
        if strangers != 0 {
            bail!("{strangers} decisions more than links: they were not recorded by surety");
        }
        if broken > 0 {
            bail!("{broken} of {} chains do not hold", found.len());
        }
        Ok(())
    }
}

/// A head as it was printed.
fn head(text: &str) -> Result<KnownHead, String> {
    let mut parts = text.split(':');
    let mut number = || parts.next()?.parse::<i64>().ok().filter(|number| *number >= 0);
    let (chain, link) = (number(), number());
    let is_hash = |hash: &&str| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    match (chain, link, parts.next().filter(is_hash), parts.next()) {
        (Some(chain), Some(link), Some(hash), None) => {
            Ok(KnownHead { chain, link, hash: hash.to_ascii_lowercase() })
        }
        _ => Err("expected CHAIN:LINK:HASH, such as 1:4711: and 64 hexadecimal digits".to_owned()),
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
