//! More calls than a service can answer, whose ledger is made slow by a proxy: what is answered, in
//! which order, and what is not. Nothing here is a matter of time; benches measure that.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use surety::grpc::pb;
use surety::grpc::pb::risk_decision_service_client::RiskDecisionServiceClient;
use surety::ledger::{Ledger, Place};
use surety::service::Clock;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::client::{Ask, Client};
use crate::http::get;
use crate::replicas::postgres::Postgres;
use crate::sample::{MERCHANT, account, purchase};
use crate::servers::{Mode, Proxy, wait_for};
use crate::service::{Service, Site};

const LIMIT: i64 = 100_000_000;
/// Four wait for each place.
const CONCURRENCY: f64 = 8.0;
const WAITING: f64 = 4.0 * CONCURRENCY;
/// Kilobytes that an overload may take: what so many calls hold is far less.
const MEMORY_MAX: i64 = 64 * 1024;

/// A service whose ledger is behind a proxy; ended before the servers that it uses.
struct Scene {
    service: Service,
    client: Client,
    channel: Channel,
    http: String,
    proxy: Proxy,
    address: String,
    _site: Site,
    _postgres: Postgres,
}

impl Scene {
    async fn open(options: &[&str]) -> Scene {
        let postgres = Postgres::start("fsync = off");
        let address = postgres.database().await;
        let port = address.split([':', '/']).nth_back(1).unwrap();
        let proxy = Proxy::start(port.parse().unwrap()).await;
        let through = address.replace(port, &proxy.port().to_string());
        let site = Site::new();
        std::fs::write(site.path("step-up.key"), [9; 32]).unwrap();
        let mut command = site.command("one", "embedded");
        command.args(["--ledger", &through, "--step-up-key"]).arg(site.path("step-up.key"));
        command.args(["--http-listen", "127.0.0.1:0"]).args(options);
        let service = site.start_by("one", command);
        let line: Value = serde_json::from_str(&service.told("serving HTTP")[0]).unwrap();
        let http = line["fields"]["address"].as_str().unwrap().to_owned();
        let mut client = Client::connect(&service.address).await.unwrap();
        client.upsert(account("acc-1", LIMIT)).await;
        let url = format!("http://{}", service.address);
        let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
        Scene { service, client, channel, http, proxy, address, _site: site, _postgres: postgres }
    }

    /// Every answer of the ledger comes so much later.
    fn slow(&self, by: Duration) {
        self.proxy.set(Mode::Delay { requests: Duration::ZERO, replies: by });
    }

    fn metric(&self, sample: &str) -> f64 {
        metric(&self.http, sample)
    }

    /// `surety load` with its report.
    async fn load(&self, options: &str) -> Value {
        let mut command = load(&self.service.address);
        command.args(options.split_whitespace());
        let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{said}");
        serde_json::from_slice(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    async fn findings(&self) -> (i64, Vec<String>) {
        let ledger = Ledger::open(&Place::parse(&self.address).unwrap()).await.unwrap();
        let report = ledger.check(Clock::system().now()).await.unwrap();
        ledger.close().await;
        (report.decisions, report.findings)
    }
}

fn load(address: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_surety"));
    command.args(["load", "--url", &format!("http://{address}"), "--accounts", "1000"]);
    command.args(["--format", "json", "--timeout", "30s", "--warm-up", "0s"]);
    command.stdin(Stdio::null());
    command
}

/// The proxy goes on meanwhile: the answer may have to come through it.
fn metric(http: &str, sample: &str) -> f64 {
    let (_, text) = tokio::task::block_in_place(|| get(http, "/metrics"));
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{sample} ")));
    line.unwrap_or_else(|| panic!("no {sample} in:\n{text}")).parse().unwrap()
}

/// Refused for want of room, and told when to come back: the same in both places.
fn assert_shed(status: &Status) -> Duration {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str());
    assert_eq!((status.code(), reason), (Code::Unavailable, Some("SHEDDING")), "{status}");
    let again = details.retry_info().unwrap().retry_delay.unwrap();
    let pushback = status.metadata().get("grpc-retry-pushback-ms").unwrap();
    assert_eq!(pushback.to_str().unwrap(), again.as_millis().to_string());
    assert!(again >= Duration::from_millis(100) && again <= Duration::from_millis(500));
    again
}

fn buy(number: usize) -> Ask {
    let mut context = purchase("acc-1", 100);
    // No two are the same order.
    context.merchant.as_mut().unwrap().merchant_id = format!("m-{number}");
    Ask::buy(Uuid::now_v7().to_string(), context)
}

/// What one client was told while others overloaded the service.
#[derive(Default)]
struct Told {
    decided: Vec<pb::Decision>,
    pushbacks: Vec<Duration>,
    waiting: Vec<f64>,
}

/// Asks on and on until it is told to end; eight at a time, so that some are let in.
async fn ask_on(client: Client, http: String, end: Arc<AtomicBool>) -> Told {
    let mut told = Told::default();
    let mut number = 0;
    while !end.load(Ordering::Relaxed) {
        let asks = (0..8).map(|at| {
            let (mut client, ask) = (client.clone(), buy(number + at));
            async move { client.ask(&ask).await }
        });
        for answer in futures_util::future::join_all(asks).await {
            match answer {
                Ok(decision) => told.decided.push(decision),
                Err(status) => told.pushbacks.push(assert_shed(&status)),
            }
        }
        number += 8;
        told.waiting.push(metric(&http, "surety_calls_waiting"));
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_three_times_its_capacity_it_answers_what_it_can_and_says_when_to_ask_again() {
    let mut scene = Scene::open(&["--concurrency", "8"]).await;
    // The accounts are made while the ledger is quick.
    scene.load("--clients 1 --duration 300ms").await;
    // A write takes some ten answers, and gives up when it has waited 750 ms for a connection.
    scene.slow(Duration::from_millis(5));
    let alone = scene.load("--clients 8 --duration 3s --skip-setup --seed 2").await;
    assert_eq!(alone["errors"], 0, "{alone:#}");
    let capacity = alone["calls_per_second"].as_f64().unwrap();
    let before = (scene.service.resident(), scene.findings().await.0);

    let end = Arc::new(AtomicBool::new(false));
    let asking = ask_on(scene.client.clone(), scene.http.clone(), Arc::clone(&end));
    let asking = tokio::spawn(asking);
    let rate = capacity * 3.0;
    let report = scene.load(&format!("--rate {rate} --duration 4s --skip-setup --seed 3")).await;
    assert!(scene.service.is_ready().await, "health was not answered");
    end.store(true, Ordering::Relaxed);
    let told = asking.await.unwrap();

    let errors = report["errors_by_code"].as_array().unwrap();
    assert!(!errors.is_empty(), "it was no overload: {report:#}");
    for error in errors {
        let why = (error["code"].as_str().unwrap(), error["reason"].as_str().unwrap());
        assert_eq!(why, ("UNAVAILABLE", "SHEDDING"), "{errors:?}");
    }
    assert_eq!(report["not_sent"], 0);
    // Sending away is cheap: it goes on answering what it can.
    let answered = report["answered"].as_u64().unwrap() as f64;
    assert!(answered > 2.0 * capacity, "{answered} in four seconds, where {capacity} fit in one");
    assert!(!told.decided.is_empty() && !told.pushbacks.is_empty());
    assert!(
        told.pushbacks.iter().any(|again| *again != told.pushbacks[0]),
        "all come back at once"
    );
    assert!(told.waiting.iter().all(|waiting| *waiting <= WAITING), "{:?}", told.waiting);
    let grown = scene.service.resident() - before.0;
    assert!(grown < MEMORY_MAX, "{grown} KiB");

    // What was answered stands, and nothing else is held.
    scene.proxy.set(Mode::Pass);
    for decision in &told.decided {
        let found = scene.client.decision(&decision.decision_id).await.unwrap();
        assert_eq!(found.outcome, decision.outcome);
    }
    let (decisions, findings) = scene.findings().await;
    assert_eq!(findings, Vec::<String>::new());
    let kinds = ["purchase", "one_time_card"].map(|kind| &report["kinds"][kind]["answered"]);
    let asked = kinds.iter().map(|count| count.as_i64().unwrap()).sum::<i64>();
    assert!(decisions - before.1 >= asked + told.decided.len() as i64);
    // All of it passes.
    scene.client.ask(&buy(0)).await.unwrap();
    assert_eq!(scene.metric("surety_calls_waiting"), 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_never_take_the_places_of_decisions() {
    let mut scene = Scene::open(&["--concurrency", "2"]).await;
    scene.slow(Duration::from_millis(50));
    let end = Arc::new(AtomicBool::new(false));
    let readers = (0..16).map(|_| {
        let (channel, end) = (scene.channel.clone(), Arc::clone(&end));
        tokio::spawn(async move {
            let mut decisions = RiskDecisionServiceClient::new(channel);
            let (mut read, mut shed) = (0, 0);
            while !end.load(Ordering::Relaxed) {
                let request = pb::ListDecisionsRequest {
                    merchant_id: MERCHANT.to_owned(),
                    ..Default::default()
                };
                match decisions.list_decisions(request).await {
                    Ok(_) => read += 1,
                    Err(status) => {
                        assert_shed(&status);
                        shed += 1;
                    }
                }
            }
            (read, shed)
        })
    });
    let readers: Vec<_> = readers.collect();
    wait_for("readers that wait", async || {
        (scene.metric("surety_calls_refused_total{cause=\"shed\"}") > 0.0).then_some(())
    })
    .await;
    for number in 0..20 {
        scene.client.ask(&buy(number)).await.unwrap();
        assert!(scene.service.is_ready().await);
    }
    end.store(true, Ordering::Relaxed);
    let (mut read, mut shed) = (0, 0);
    for reader in readers {
        let counts = reader.await.unwrap();
        (read, shed) = (read + counts.0, shed + counts.1);
    }
    assert!(read > 0 && shed > 0, "{read} read, {shed} shed");
}

fn send(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_late_when_its_turn_comes_is_not_begun() {
    let scene = Scene::open(&["--concurrency", "1", "--queue-ms", "10000"]).await;
    scene.slow(Duration::from_millis(300));
    let first = tokio::spawn({
        let mut client = scene.client.clone();
        async move { client.ask(&buy(0)).await }
    });
    let waiting = async |count: f64| {
        let found = async || (scene.metric("surety_calls_waiting") == count).then_some(());
        wait_for("calls that wait", found).await;
    };
    wait_for("a call under way", async || {
        (scene.metric("surety_queue_duration_seconds_count") == 2.0).then_some(())
    })
    .await;
    let late = (1..=4).map(|number| {
        let mut client = RiskDecisionServiceClient::new(scene.channel.clone());
        let request_id = Uuid::now_v7().to_string();
        let context = Some(purchase("acc-1", 100 + number));
        let mut request = Request::new(pb::EvaluatePurchaseRequest { request_id, context });
        request.set_timeout(Duration::from_millis(200));
        tokio::spawn(async move { client.evaluate_purchase(request).await })
    });
    let late: Vec<_> = late.collect();
    waiting(4.0).await;
    send("-STOP", scene.service.pid());
    // The stall is the point: nothing is waited for.
    tokio::time::sleep(Duration::from_secs(1)).await;
    send("-CONT", scene.service.pid());
    assert!(first.await.unwrap().is_ok());
    for call in late {
        call.await.unwrap().unwrap_err();
    }
    waiting(0.0).await;
    let begun = "surety_stage_duration_seconds_count{stage=\"edge\"}";
    assert_eq!(scene.metric(begun), 1.0, "work was done for nobody");
}
