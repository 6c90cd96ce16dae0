//! `policy check` and `policy test`: what risk staff run before a policy goes anywhere.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::playbook::Rest;

#[derive(Debug, Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check that a policy and a catalogue load; the first fault is told with line and column.
    Check(Files),
    /// Run the policy's examples and print each.
    Test(Files),
}

#[derive(Debug, Args)]
struct Files {
    /// The shipped policy when not given.
    policy: Option<PathBuf>,
    #[command(flatten)]
    rest: Rest,
}

impl Policy {
    pub fn run(self) -> Result<()> {
        let (files, verbose) = match self.command {
            Command::Check(files) => (files, false),
            Command::Test(files) => (files, true),
        };
        let playbook = files.rest.files(files.policy).load()?;
        let policy = &playbook.policy;
        if verbose {
            for example in policy.examples() {
                let says = if example.hit { "hits" } else { "does not hit" };
                println!("line {:>4}  {} {says}: ok", example.place.line, example.code);
            }
        }
        println!(
            "policy {}: {} rules, {} markets, {} examples passed; fingerprint {}",
            policy.version,
            policy.rules.len(),
            policy.markets().len(),
            policy.examples().len(),
            playbook.versions.fingerprint,
        );
        Ok(())
    }
}
