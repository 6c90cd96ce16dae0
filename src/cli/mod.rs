//! The subcommands, one file each.

mod assess;
mod audit;
mod caller;
mod catalog;
mod config;
mod demo;
mod entrance;
mod erase;
mod export;
mod files;
mod health;
mod json;
mod ledger;
mod limits;
mod load;
mod moment;
mod playbook;
mod policy;
mod print;
mod reads;
mod replay;
mod retention;
mod rows;
mod serve;
mod server;
mod settings;
mod signals;
mod store;
mod train;

use std::ffi::OsString;
use std::future::Future;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::lab::train::Error as Fault;

/// Real-time risk decisions for purchases on credit and one-time cards.
#[derive(Debug, Parser)]
#[command(name = "surety", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer checkouts over gRPC.
    Serve(Box<serve::Serve>),
    /// Serve from a temporary folder and show a shopper's story.
    Demo(demo::Demo),
    /// Send one request from a JSON file and print the decision.
    Assess(assess::Assess),
    /// Decide a file of past transactions, one by one.
    Replay(replay::Replay),
    /// Train a model on a table of the past.
    Train(train::Train),
    /// Measure a model on the test part of a data file. The last line is a JSON object.
    Evaluate(train::Evaluate),
    /// Check or print the settings of `serve`, without starting it.
    Config(config::Config),
    /// Print signals, names for rules, rules and reasons.
    Catalog(catalog::Catalog),
    /// Say who may call: add, revoke, list.
    Caller(caller::Caller),
    /// Fill an emptied signal store again, or look into it.
    Signals(signals::Signals),
    /// Erase the person behind an account, through a running service.
    Erase(erase::Erase),
    /// Write what the ledger holds as a table for other programs.
    Export(export::Export),
    /// Put a running service under load and say how it did.
    Load(load::Load),
    /// Ask a running service whether it serves: ends with 0 if it does, else with 1.
    Health(health::Health),
    /// Check a policy, or run its examples.
    Policy(policy::Policy),
    /// Prove that decisions are what they were when they were recorded, or tell who has read them.
    Audit(audit::Audit),
}

/// Runs the command line `arguments`, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<()> {
    let command = Cli::command();
    let parsed = match settings::parse(command.clone(), arguments.into_iter().collect()) {
        Ok(parsed) => parsed,
        // Help and version are answers; a wrong command line ends with clap's own message and code.
        Err(settings::Wrong::Usage(usage)) => usage.exit(),
        Err(settings::Wrong::File(failure)) => return Err(failure),
    };
    match Cli::from_arg_matches(&parsed.matches)?.command {
        Command::Serve(command) => block_on(command.run()),
        Command::Demo(command) => block_on(command.run()),
        Command::Assess(command) => block_on(command.run()),
        Command::Replay(command) => command.run(),
        Command::Train(command) => command.run(),
        Command::Evaluate(command) => command.run(),
        Command::Config(config) => config.run(&command, &parsed),
        Command::Catalog(command) => command.run(),
        Command::Caller(command) => block_on(command.run()),
        Command::Signals(command) => block_on(command.run()),
        Command::Erase(command) => block_on(command.run()),
        Command::Export(command) => block_on(command.run()),
        Command::Load(command) => block_on(command.run()),
        Command::Health(command) => block_on(command.run()),
        Command::Policy(command) => command.run(),
        Command::Audit(command) => block_on(command.run()),
    }
}

/// 2 when the spec, the data or the model is at fault, as for a wrong command line; else 1.
pub fn exit_code(failure: &anyhow::Error) -> u8 {
    let mut faults = failure.chain().filter_map(|cause| cause.downcast_ref::<Fault>());
    let input = faults.any(|fault| !matches!(fault, Fault::Write(_)))
        || failure.chain().any(|cause| cause.is::<clap::Error>() || cause.is::<settings::Faults>());
    if input { 2 } else { 1 }
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
