//! The benches, one plain program: `cargo bench` measures, `cargo test` runs each once and small.
//!
//! `cargo bench -- NAME` measures those whose name has NAME in it; `cargo bench -- --data FOLDER`
//! replays the data that `README.md` beside this file names, and nothing else;
//! `cargo bench -- --accounts N` takes and loads a snapshot of so many, and nothing else;
//! `cargo bench -- --size N` searches a ledger of so many decisions, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench is a check")]

mod assess;
mod commit;
mod conditions;
mod decide;
mod forest;
mod judge;
mod ledger;
mod recorded;
mod redis;
mod replay;
mod sample;
mod search;
mod signals;
mod snapshot;

use std::path::PathBuf;

use criterion::Criterion;

/// The same as the service's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How the program was called, as far as criterion does not see to it.
#[derive(Default)]
struct Call {
    /// Run to see that it works, not to measure.
    small: bool,
    /// Names are asked for, nothing is run.
    listing: bool,
    filters: Vec<String>,
    data: Option<PathBuf>,
    accounts: Option<u64>,
    size: Option<u64>,
}

impl Call {
    fn read() -> Call {
        let mut call = Call::default();
        let (mut bench, mut test) = (false, false);
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--bench" => bench = true,
                "--test" => test = true,
                "--list" => call.listing = true,
                "--data" => call.data = Some(arguments.next().expect("--data FOLDER").into()),
                "--accounts" => call.accounts = Some(number(&mut arguments)),
                "--size" => call.size = Some(number(&mut arguments)),
                _ if argument.starts_with('-') => {}
                _ => call.filters.push(argument),
            }
        }
        call.small = test || !bench;
        call
    }

    /// Whether a measurement that is not criterion's is asked for.
    fn wants(&self, name: &str) -> bool {
        let asked = |filter: &String| name.contains(filter.as_str()) || filter.contains(name);
        !self.listing && (self.filters.is_empty() || self.filters.iter().any(asked))
    }
}

fn number(arguments: &mut impl Iterator<Item = String>) -> u64 {
    arguments.next().and_then(|number| number.parse().ok()).expect("a number after the option")
}

fn main() {
    let call = Call::read();
    if let Some(folder) = &call.data {
        return replay::whole(folder);
    }
    if call.accounts.is_some() {
        return snapshot::define(&call);
    }
    if call.size.is_some() {
        return search::define(&call);
    }
    let mut criterion = Criterion::default().configure_from_args();
    conditions::define(&mut criterion);
    signals::define(&mut criterion, &call);
    decide::define(&mut criterion);
    forest::define(&mut criterion, &call);
    ledger::define(&mut criterion, &call);
    criterion.final_summary();
    commit::define(&call);
    assess::define(&call);
    redis::define(&call);
    snapshot::define(&call);
    search::define(&call);
    replay::define(&call);
}
