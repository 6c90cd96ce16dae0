//! The whole path: what the load generator gets from each system, against a server that does
//! nothing. `README.md` in the folder above says how to call it and how to read it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench is a check")]

// A child process that ends with the bench.
mod child;
// Processor time of the children.
mod cpu;
// What a sync of the disk takes.
mod disk;
// The floor: a server that answers at once.
mod noop;
// The pages of the service's HTTP port.
#[path = "../../tests/servers/http.rs"]
mod http;
// How the program is called.
mod options;
// What a real PostgreSQL needs to run.
#[path = "../../tests/servers/postgres.rs"]
mod postgres;
// What was measured, as JSON and as a table.
mod result;
// All cells, one after the other.
mod run;
// The systems that are compared, started afresh.
mod system;
mod table;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use options::Options;
use result::Results;

/// The same as the service's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, anyhow::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_told = |word: &str| arguments.iter().any(|argument| argument == word);
    if is_told("--bench") || is_told("--serve-noop") {
        let options = Options::parse();
        return match options.serve_noop {
            true => told(runtime().block_on(noop::serve())),
            false => told(block_on(&options)),
        };
    }
    // `cargo test` runs every bench without that word, to see that it works, and gives it the names
    // of the tests that are asked for.
    let mut names = arguments.iter().filter(|argument| !argument.starts_with('-'));
    let wanted = names.clone().next().is_none() || names.any(|name| "path".contains(name.as_str()));
    if !wanted || is_told("--list") {
        return ExitCode::SUCCESS;
    }
    options::check();
    table::check();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = folder.path().join("path.json");
    let ended = block_on(&Options::small(&output));
    if ended.is_ok() {
        result::check(&output);
    }
    told(ended)
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

fn block_on(options: &Options) -> Outcome<()> {
    let runtime = runtime();
    let ended = runtime.block_on(measure(options));
    // What the load generator still has under way is not waited for.
    runtime.shutdown_background();
    ended
}

fn told(ended: Outcome<()>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("path: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures until all is done or somebody asks for the end. Either way every child is gone when
/// this returns, and what was measured is told.
async fn measure(options: &Options) -> Outcome<()> {
    options.check_output()?;
    system::all_there(&options.systems)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut results = Results::new(options);
    let ended = tokio::select! {
        ended = run::all(options, &mut results) => ended,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("stopped")),
        _ = terminate.recv() => Err(anyhow::anyhow!("stopped")),
    };
    if !results.cells.is_empty() {
        println!("{}", table::text(&results));
    }
    ended?;
    let output = options.output();
    std::fs::write(&output, serde_json::to_string_pretty(&results)? + "\n")
        .map_err(|error| anyhow::anyhow!("cannot write {}: {error}", output.display()))?;
    println!("all figures: {}", output.display());
    Ok(())
}
