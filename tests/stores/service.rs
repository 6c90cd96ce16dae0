//! The real binary on a shared store: services with one party key, each on a ledger of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use surety::domain::{PARTY_SECRET_LEN, PartyHasher};
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::policy;
use crate::servers::wait_for;

/// What requests may wait for the store: long on a busy machine, short beside a store that is away.
const BUDGET_MS: &str = "500";

/// A folder with the party key and the policy that its services share. The policy lets one account
/// of the market GB buy on and on.
pub struct Site {
    root: TempDir,
    secret: [u8; PARTY_SECRET_LEN],
}

/// Killed and waited for when dropped.
pub struct Service {
    process: Child,
    pub address: String,
    log: PathBuf,
}

impl Site {
    pub fn new() -> Site {
        Site::with_secret([7; PARTY_SECRET_LEN])
    }

    pub fn with_secret(secret: [u8; PARTY_SECRET_LEN]) -> Site {
        let site = Site { root: tempfile::tempdir().unwrap(), secret };
        fs::write(site.path("party.key"), secret).unwrap();
        fs::write(site.path("policy.toml"), policy::without_velocity()).unwrap();
        site
    }

    pub fn hasher(&self) -> PartyHasher {
        PartyHasher::new(&self.secret)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// `serve` with a data folder of that name and a store; options may be added.
    pub fn command(&self, name: &str, store: &str) -> Command {
        self.command_at("127.0.0.1:0", name, store)
    }

    /// The same at an address that it keeps when it is started again.
    pub fn command_at(&self, address: &str, name: &str, store: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_surety"));
        command.args(["serve", "--grpc-listen", address, "--data"]).arg(self.path(name));
        command.arg("--policy").arg(self.path("policy.toml"));
        command.arg("--party-key").arg(self.path("party.key"));
        command.args(["--signals", store]);
        command
    }

    /// `surety signals` on the data folder of that name and a store.
    pub fn signals(&self, name: &str, store: &str, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_surety"));
        command.arg("signals").args(words).arg("--data").arg(self.path(name));
        command.arg("--party-key").arg(self.path("party.key"));
        // Nobody waits for it: a busy machine must not make it fail.
        command.args(["--signals", store, "--signals-budget-ms", "5000"]).output().unwrap()
    }

    /// Returns when calls are accepted, ready or not.
    pub fn start(&self, name: &str, store: &str) -> Service {
        let mut command = self.command(name, store);
        command.args(["--signals-budget-ms", BUDGET_MS]);
        self.start_by(name, command)
    }

    /// The same by a command with options of the test's own.
    pub fn start_by(&self, name: &str, mut command: Command) -> Service {
        let log = self.path(&format!("{name}.log"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("serving gRPC on ").unwrap_or_default();
        let service = Service { process, address: address.to_owned(), log };
        assert!(!service.address.is_empty(), "{}", service.log());
        service
    }

    /// Returns when the service is ready.
    pub async fn serve(&self, name: &str, store: &str) -> Service {
        let service = self.start(name, store);
        service.gets_ready().await;
        service
    }
}

impl Service {
    /// What the health service says of the whole.
    pub async fn is_ready(&self) -> bool {
        let url = format!("http://{}", self.address);
        let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
        let asked = HealthCheckRequest { service: String::new() };
        let answer = HealthClient::new(channel).check(asked).await.unwrap().into_inner();
        answer.status() == ServingStatus::Serving
    }

    pub async fn gets_ready(&self) {
        let ready = async || self.is_ready().await.then_some(());
        wait_for(&format!("a service that is ready; log: {}", self.log.display()), ready).await;
    }

    /// Everything that it said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Lines of the log with this word.
    pub fn told(&self, word: &str) -> Vec<String> {
        self.log().lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
    }

    /// Returns once there is such a line.
    pub async fn tells(&self, word: &str) {
        let told = async || (!self.told(word).is_empty()).then_some(());
        wait_for(&format!("a line with \"{word}\""), told).await;
    }

    /// Where it serves HTTP.
    pub fn http(&self) -> String {
        let line: serde_json::Value = serde_json::from_str(&self.told("serving HTTP")[0]).unwrap();
        line["fields"]["address"].as_str().unwrap().to_owned()
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Kilobytes of memory that it holds.
    pub fn resident(&self) -> i64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Asks it to stop, and waits until it has, in order.
    pub fn stop(mut self) {
        self.ends_in_order();
    }

    /// The same where another one takes its place.
    pub fn ends_in_order(&mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success(), "{}", self.log());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
        // It may have ended before.
        let _killed = self.process.kill();
        let _waited = self.process.wait();
    }
}
