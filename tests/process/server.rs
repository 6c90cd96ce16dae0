//! A folder with data and a policy, and the service that is started on it again and again.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use surety::domain::Time;
use surety::ledger::{Ledger, Place, Report};
use tempfile::TempDir;

use crate::child::{Ended, Running, surety};
use crate::policy;

/// A folder that goes with its test.
pub struct Folder {
    root: TempDir,
    policy: bool,
}

pub struct Server {
    running: Running,
    pub address: String,
}

impl Folder {
    /// Served by the shipped policy.
    pub fn new() -> Folder {
        Folder { root: tempfile::tempdir().unwrap(), policy: false }
    }

    /// Served by a policy that lets one account of the market GB buy on and on.
    pub fn without_velocity() -> Folder {
        let folder = Folder { policy: true, ..Folder::new() };
        std::fs::write(folder.path("policy.toml"), policy::without_velocity()).unwrap();
        folder
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub fn serve(&self) -> Server {
        self.serve_by(surety("serve"))
    }

    /// Serves by a command of the test's own, which ends with the word `serve`.
    pub fn serve_by(&self, mut command: Command) -> Server {
        command.args(["--grpc-listen", "127.0.0.1:0", "--data"]).arg(self.data());
        if self.policy {
            command.arg("--policy").arg(self.path("policy.toml"));
        }
        let running = Running::start(command.stdin(Stdio::null()));
        let address = running.line("serving gRPC on ");
        Server { running, address }
    }

    /// What the ledger's own check says; no service may run.
    pub async fn check(&self) -> Report {
        let ledger = Ledger::open(&Place::file(&self.data().join("ledger.sqlite"))).await.unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let now = Time::from_micros(i64::try_from(now.as_micros()).unwrap());
        let report = ledger.check(now).await.unwrap();
        ledger.close().await;
        report
    }

    /// A number out of the ledger's tables; no service may run.
    pub async fn count(&self, statement: &'static str) -> i64 {
        let file = SqliteConnectOptions::new().filename(self.data().join("ledger.sqlite"));
        let mut connection = file.connect().await.unwrap();
        sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
    }
}

impl Server {
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Where its HTTP port is, which it was started with.
    pub fn http(&self) -> String {
        self.running.line("serving HTTP on ")
    }

    /// The first line of its log, from here on, that has these words.
    pub fn logged(&self, words: &str) -> String {
        self.running.logged(words)
    }

    pub fn kill(mut self) {
        self.running.kill();
        self.running.end();
    }

    /// SIGKILL, and nobody waits: clients are still there.
    pub fn strike(&mut self) {
        self.running.kill();
    }

    pub fn ask_to_stop(&self) {
        self.running.ask_to_stop();
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(self) -> Ended {
        self.ask_to_stop();
        self.end()
    }

    /// Waits until it has ended by itself.
    pub fn end(self) -> Ended {
        self.running.end()
    }
}
