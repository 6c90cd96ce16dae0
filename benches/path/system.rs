//! The systems that are compared: each started afresh on an empty folder, as a process of its own.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Serialize;
use tokio::net::TcpStream;

use super::Outcome;
use super::child::Kept;
use super::cpu::{self, Used};
use super::http;
use super::postgres::{Postgres, found};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    /// The floor: the same messages, answered at once.
    NoOp,
    /// `surety serve` as it comes: SQLite, signals in memory.
    Embedded,
    /// Signals in Redis, SQLite.
    RedisSqlite,
    /// Signals in Redis, PostgreSQL: as several replicas would share them.
    RedisPostgres,
}

/// A system that answers; it ends when it is dropped, the service before its stores.
pub struct System {
    service: Kept,
    pub address: String,
    /// Of its HTTP port.
    http: Option<String>,
    _redis: Option<Kept>,
    _postgres: Option<Postgres>,
}

impl Name {
    /// As on the command line.
    pub fn text(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    fn has_redis(self) -> bool {
        matches!(self, Name::RedisSqlite | Name::RedisPostgres)
    }
}

/// Whether all programs are installed that these systems need.
pub fn all_there(systems: &[Name]) -> Outcome<()> {
    let (redis, postgres) = (program("redis-server").is_some(), found().is_some());
    let mut missing = Vec::new();
    for system in systems {
        if system.has_redis() && !redis {
            missing.push(format!("{} needs redis-server", system.text()));
        }
        if *system == Name::RedisPostgres && !postgres {
            missing.push(format!("{} needs PostgreSQL's initdb and postgres", system.text()));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    anyhow::bail!(
        "{}; on Debian and Ubuntu `apt-get install redis-server postgresql-15` has them, \
         `--systems` leaves a system out",
        missing.join("; ")
    )
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|place| place.is_file())
}

impl System {
    /// Starts it with all its data in an empty `folder`, but for PostgreSQL's, which takes a
    /// temporary folder of its own. Returns when its ports are open; it may not be ready yet.
    pub async fn start(name: Name, folder: &Path) -> Outcome<System> {
        if name == Name::NoOp {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("--serve-noop");
            let service = Kept::start(&command, folder, "no-op")?;
            let address = service.line("serving gRPC on ")?;
            return Ok(System { service, address, http: None, _redis: None, _postgres: None });
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_surety"));
        command.args(["serve", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]);
        command.arg("--data").arg(folder.join("data"));
        let (mut redis, mut postgres) = (None, None);
        if name.has_redis() {
            let (kept, url) = start_redis(folder).await?;
            redis = Some(kept);
            command.args(["--signals", &url, "--party-key"]).arg(key(folder, "party.key")?);
        }
        if name == Name::RedisPostgres {
            // Some seconds, in which ctrl-c is heard.
            let server = tokio::task::spawn_blocking(|| Postgres::start("")).await?;
            command.args(["--ledger", &server.database().await, "--step-up-key"]);
            command.arg(key(folder, "step-up.key")?);
            postgres = Some(server);
        }
        let service = Kept::start(&command, folder, "surety")?;
        let address = service.line("serving gRPC on ")?;
        let http = Some(service.line("serving HTTP on ")?);
        Ok(System { service, address, http, _redis: redis, _postgres: postgres })
    }

    pub fn used(&self) -> Used {
        cpu::used(self.service.pid())
    }

    /// The end of its log.
    pub fn said(&self) -> String {
        self.service.said()
    }

    /// Decisions made so far without a source, as when Redis was too slow.
    pub fn degraded(&self) -> u64 {
        let Some(address) = &self.http else { return 0 };
        let (_, page) = http::get(address, "/metrics");
        let lines = page.lines().filter(|line| line.starts_with("surety_decisions_degraded_total"));
        let counts = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        counts.sum::<f64>() as u64
    }
}

/// Random bytes are not needed here.
fn key(folder: &Path, name: &str) -> Outcome<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, [7; 32])?;
    Ok(path)
}

/// A Redis that keeps nothing on the disk, and its URL.
async fn start_redis(folder: &Path) -> Outcome<(Kept, String)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]);
    command.arg(folder);
    let kept = Kept::start(&command, folder, "redis")?;
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if begun.elapsed() > PATIENCE {
            anyhow::bail!("redis-server takes no connections: {}", kept.said());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok((kept, format!("redis://127.0.0.1:{port}")))
}
