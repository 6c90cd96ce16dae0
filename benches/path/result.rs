//! What was measured, as JSON writes it.

use std::path::Path;

use serde::Serialize;
use surety::load::{Pace, Report};

use super::disk::{Sync, file_system};
use super::options::Options;
use super::system::Name;

/// Everything.
#[derive(Debug, Serialize)]
pub struct Results {
    pub version: &'static str,
    /// Whether this program, and so the service, was compiled without optimisation.
    pub debug_build: bool,
    pub cores: usize,
    /// Of each cell.
    pub seconds: f64,
    pub warm_up_seconds: f64,
    pub accounts: u32,
    /// What the data lay on.
    pub file_system: String,
    /// All syncs, before every system and at the end.
    pub sync: Sync,
    pub syncs: Vec<Sync>,
    /// Of the last minute, before each system: other work on the machine shows here.
    pub load_averages: Vec<f64>,
    pub cells: Vec<Cell>,
}

/// One run of the load generator against one system.
#[derive(Debug, Serialize)]
pub struct Cell {
    pub system: Name,
    /// Calls answered a second, to those of the floor with as many clients.
    pub of_floor: Option<f64>,
    /// Decisions made without a source.
    pub degraded: u64,
    /// Processor time a call: of the process that is asked, and of the stores behind it.
    pub service_us_per_call: f64,
    pub stores_us_per_call: f64,
    pub report: Report,
}

impl Results {
    pub fn new(options: &Options) -> Results {
        Results {
            version: env!("CARGO_PKG_VERSION"),
            debug_build: cfg!(debug_assertions),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            seconds: options.duration().as_secs_f64(),
            warm_up_seconds: options.warm_up().as_secs_f64(),
            accounts: options.accounts,
            file_system: file_system(&std::env::temp_dir()),
            sync: Sync::all(std::iter::empty()),
            syncs: Vec::new(),
            load_averages: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Looks at the disk and at the machine while nothing of ours runs.
    pub fn look_around(&mut self, folder: &Path) -> super::Outcome<()> {
        self.syncs.push(Sync::measure(folder)?);
        self.sync = Sync::all(self.syncs.iter());
        let loads = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        self.load_averages
            .extend(loads.split(' ').next().and_then(|load| load.parse::<f64>().ok()));
        Ok(())
    }

    /// Adds a cell, compared with the floor where that was measured before.
    pub fn add(&mut self, mut cell: Cell) {
        let floor = self.cells.iter().find(|floor| {
            let as_many = floor.clients().is_some() && floor.clients() == cell.clients();
            floor.system == Name::NoOp && as_many
        });
        let floor = match cell.system {
            Name::NoOp if cell.clients().is_some() => Some(cell.report.calls_per_second),
            _ => floor.map(|floor| floor.report.calls_per_second),
        };
        let rate = cell.report.calls_per_second;
        cell.of_floor = floor.filter(|floor| *floor > 0.0).map(|floor| rate / floor);
        self.cells.push(cell);
    }

    /// Requests that a system answered a second at its best, each client waiting for its answer.
    pub fn saturation(&self, system: Name) -> f64 {
        let of_it = self.cells.iter().filter(|cell| cell.system == system);
        let closed = of_it.filter(|cell| cell.clients().is_some());
        closed.map(|cell| cell.report.requests_per_second).fold(0.0, f64::max)
    }
}

impl Cell {
    /// Of the closed loop.
    pub fn clients(&self) -> Option<u32> {
        match self.report.pace {
            Pace::Closed { clients } => Some(clients),
            Pace::Open { .. } => None,
        }
    }
}

/// What was written is complete: every system closed and open, nothing failed for good; `cargo
/// test` runs this.
pub fn check(output: &Path) {
    let text = std::fs::read_to_string(output).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cells = json["cells"].as_array().unwrap();
    let systems: Vec<&str> = cells.iter().map(|cell| cell["system"].as_str().unwrap()).collect();
    let expected = ["no-op", "embedded", "redis-sqlite", "redis-postgres"];
    assert_eq!(systems, expected.map(|name| [name, name]).concat());
    for cell in cells {
        assert!(cell["report"]["calls_per_second"].as_f64().unwrap() > 0.0, "{cell}");
        assert!(cell["report"]["latency"]["answered_us"]["p99.9"].as_u64().unwrap() > 0, "{cell}");
        let closed = cell["report"]["pace"]["closed"]["clients"] == 4;
        assert_eq!(cell["of_floor"].is_number(), closed, "{cell}");
    }
    assert!(json["sync"]["count"].as_u64().unwrap() > 0);
}
