//! Two services stopped and started in turn under the load of a stock gRPC client that follows the
//! published service config: no call of it fails.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use surety::grpc::pb;
use tempfile::TempDir;
use tonic::Streaming;
use tonic::transport::Channel;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::client::Client;
use crate::http::get;
use crate::replicas::postgres::Postgres;
use crate::sample::account;
use crate::servers::{Kind, RedisServer, free_port, wait_for};
use crate::service::{Service, Site};

/// Times that each of both is stopped.
const ROUNDS: usize = 2;
/// Of `tests/python/rolling.py`.
const SHOPPERS: usize = 4;
/// Calls that an instance has answered once the client has found it again.
const CALLS: f64 = 10.0;
/// What checkouts write there failed.
const ERRORS: &str = "errors";
/// Far longer than the calls under way take; an end that waited for something else is noticed.
const DRAIN_SECONDS: u64 = 100;
const SOON: Duration = Duration::from_secs(40);

/// Both instances, each on a port of its own that it keeps.
struct Pair {
    site: Site,
    redis: RedisServer,
    ledger: String,
    ports: [u16; 2],
}

impl Pair {
    async fn start(&self, number: usize) -> Service {
        let name = format!("instance-{number}");
        let address = format!("127.0.0.1:{}", self.ports[number]);
        let mut command = self.site.command_at(&address, &name, &self.redis.url());
        command.args(["--signals-budget-ms", "1000", "--http-listen", "127.0.0.1:0"]);
        command.args(["--drain-seconds", &DRAIN_SECONDS.to_string(), "--ledger", &self.ledger]);
        command.arg("--step-up-key").arg(self.site.path("step-up.key"));
        let service = self.site.start_by(&name, command);
        service.gets_ready().await;
        service
    }
}

/// Returns once the instance has answered calls of the checkouts, unless one of them fails.
async fn is_asked(service: &Service, checkouts: &Checkouts) {
    let line: serde_json::Value = serde_json::from_str(&service.told("serving HTTP")[0]).unwrap();
    let http = line["fields"]["address"].as_str().unwrap();
    wait_for("an instance that the client asks", async || {
        assert_eq!(checkouts.failures(), "");
        let page = get(http, "/metrics").1;
        let evaluated = page.lines().filter(|line| {
            line.starts_with("surety_calls_total{") && line.contains("method=\"Evaluate")
        });
        let calls = evaluated.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap());
        (calls.sum::<f64>() > CALLS).then_some(())
    })
    .await;
}

/// Checkouts in a process of their own; killed and waited for when dropped.
struct Checkouts {
    process: Child,
    answers: Receiver<String>,
    /// With the code for Python, and what failed.
    folder: TempDir,
}

impl Checkouts {
    fn start(ports: [u16; 2]) -> Checkouts {
        let folder = stubs();
        let errors = File::create(folder.path().join(ERRORS)).unwrap();
        let mut process = Command::new(python())
            .arg("tests/python/rolling.py")
            .arg(format!("ipv4:127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1]))
            .arg("proto/service_config.json")
            .current_dir(root())
            .env("PYTHONPATH", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        Checkouts { process, answers, folder }
    }

    /// Calls that failed so far, with what they were told.
    fn failures(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(ERRORS)).unwrap()
    }

    /// Ends them; the decisions that they were told.
    fn end(mut self) -> Vec<String> {
        drop(self.process.stdin.take());
        let answers: Vec<String> = self.answers.iter().collect();
        assert!(self.process.wait().unwrap().success(), "{}", self.failures());
        assert_eq!(self.failures(), "", "calls failed, of {}", answers.len());
        answers
    }
}

impl Drop for Checkouts {
    fn drop(&mut self) {
        // It may have ended before.
        let _killed = self.process.kill();
        let _waited = self.process.wait();
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn python() -> PathBuf {
    let python = root().join(".tools/venv/bin/python");
    assert!(python.exists(), "there is no .tools/venv: run the tests by tests/run, which makes it");
    python
}

/// The code for Python that `protoc` makes of the protos.
fn stubs() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let line = r#""$0" -m grpc_tools.protoc -I proto --python_out="$1" --grpc_python_out="$1" \
                  proto/surety/v1/*.proto"#;
    let mut command = Command::new("sh");
    command.args(["-c", line]).arg(python()).arg(folder.path()).current_dir(root());
    assert!(command.status().unwrap().success());
    folder
}

/// A watch of health and a socket that says nothing: neither is waited for.
async fn linger(service: &Service) -> (TcpStream, Streaming<HealthCheckResponse>) {
    let idle = TcpStream::connect(&service.address).unwrap();
    let channel = Channel::from_shared(format!("http://{}", service.address)).unwrap();
    let mut health = HealthClient::new(channel.connect().await.unwrap());
    let watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    (idle, watch)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_are_replaced_in_turn_and_no_call_fails() {
    let (redis, postgres) = (RedisServer::start(Kind::Redis).await, Postgres::start("fsync = off"));
    let ports = [free_port(), free_port()];
    let pair = Pair { site: Site::new(), redis, ledger: postgres.database().await, ports };
    std::fs::write(pair.site.path("step-up.key"), [9; 32]).unwrap();
    let mut services = [pair.start(0).await, pair.start(1).await];
    let mut client = Client::connect(&services[0].address).await.unwrap();
    for shopper in 0..SHOPPERS {
        client.upsert(account(&format!("acc-{shopper}"), 100_000_000)).await;
    }
    let checkouts = Checkouts::start(ports);
    for service in &services {
        is_asked(service, &checkouts).await;
    }
    for number in [0, 1].repeat(ROUNDS) {
        let _lingering = linger(&services[number]).await;
        let begun = Instant::now();
        services[number].ends_in_order();
        assert!(begun.elapsed() < SOON, "it took {:?} to end", begun.elapsed());
        services[number] = pair.start(number).await;
        is_asked(&services[number], &checkouts).await;
    }
    let answers = checkouts.end();
    assert!(answers.len() as f64 > CALLS * (2 * ROUNDS) as f64);

    // What was answered is in the ledger, and nothing was decided twice.
    let mut ledger = PgConnection::connect(&pair.ledger).await.unwrap();
    let kept: Vec<String> = sqlx::query_scalar("SELECT decision_id FROM decisions")
        .fetch_all(&mut ledger)
        .await
        .unwrap();
    let unique: HashSet<&String> = answers.iter().collect();
    assert_eq!(unique.len(), answers.len(), "two requests got one decision");
    assert_eq!(unique, kept.iter().collect());
    let mut client = Client::connect(&services[1].address).await.unwrap();
    let last = client.decision(answers.last().unwrap()).await.unwrap();
    assert_ne!(last.outcome(), pb::DecisionOutcome::Unspecified);
    for service in services {
        service.stop();
    }
}
