//! Several services on one ledger in PostgreSQL and one store: together they are one service.

use std::collections::HashMap;
use std::fs;
use std::process::Stdio;

use surety::grpc::pb;
use surety::ledger::{Chains, Ledger, Place};
use surety::service::Clock;
use uuid::Uuid;

use crate::client::{Ask, Client};
use crate::sample::{account, purchase};
use crate::servers::{Kind, RedisServer, wait_for};
use crate::service::{Service, Site};

#[path = "../servers/postgres.rs"]
pub mod postgres;

use postgres::Postgres;

const LIMIT: i64 = 1_000;
const AMOUNT: i64 = 100;

/// Two services; ended before the servers that they use.
struct Replicas {
    services: Vec<Service>,
    address: String,
    site: Site,
    _redis: RedisServer,
    _postgres: Postgres,
}

impl Replicas {
    async fn start() -> Replicas {
        let (redis, postgres) =
            (RedisServer::start(Kind::Redis).await, Postgres::start("fsync = off"));
        let (site, address) = (Site::new(), postgres.database().await);
        let mut services = Vec::new();
        for name in ["one", "two"] {
            services.push(site.start_by(name, command(&site, name, &redis.url(), &address)));
        }
        for service in &services {
            service.gets_ready().await;
        }
        Replicas { services, address, site, _redis: redis, _postgres: postgres }
    }

    async fn client(&self, number: usize) -> Client {
        Client::connect(&self.services[number % 2].address).await.unwrap()
    }

    /// What the ledger's own checks find wrong.
    async fn findings(&self) -> Vec<String> {
        let place = Place::parse(&self.address).unwrap();
        let ledger = Ledger::open(&place).await.unwrap();
        let report = ledger.check(Clock::system().now()).await.unwrap();
        let chains = Chains::open(&place).await.unwrap().verify((None, None), || ()).await.unwrap();
        let breaks = chains.into_iter().filter_map(Result::err).map(|found| found.what);
        report.findings.into_iter().chain(breaks).collect()
    }
}

fn command(site: &Site, name: &str, store: &str, ledger: &str) -> std::process::Command {
    let key = site.path("step-up.key");
    fs::write(&key, [9; 32]).unwrap();
    let mut command = site.command(name, store);
    command.args(["--signals-budget-ms", "10000", "--ledger", ledger, "--step-up-key"]).arg(key);
    command
}

/// Asks once more while the answer is that somebody else is at it.
async fn ask(client: &mut Client, ask: &Ask) -> pb::Decision {
    loop {
        match client.ask(ask).await {
            Ok(decision) => return decision,
            Err(status) => assert_eq!(status.code(), tonic::Code::Aborted, "{status}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_requests_at_once_on_two_replicas_take_what_the_limit_holds() {
    let replicas = Replicas::start().await;
    replicas.client(0).await.upsert(account("acc-1", LIMIT)).await;
    let mut tasks = Vec::new();
    for number in 0..100 {
        // No two are the same order.
        let mut context = purchase("acc-1", AMOUNT);
        context.merchant.as_mut().unwrap().merchant_id = format!("m-{number}");
        let one = Ask::buy(Uuid::now_v7().to_string(), context);
        let mut client = replicas.client(number).await;
        tasks.push(tokio::spawn(async move { (ask(&mut client, &one).await, one) }));
    }
    let mut answers = HashMap::new();
    let mut asked = Vec::new();
    for task in tasks {
        let (decision, one) = task.await.unwrap();
        *answers.entry(decision.outcome().as_str_name()).or_insert(0) += 1;
        asked.push((decision, one));
    }
    assert_eq!(answers.get("DECISION_OUTCOME_APPROVED"), Some(&10), "{answers:?}");
    assert_eq!(replicas.client(1).await.held("acc-1").await, LIMIT);
    // The other replica gives the same answers.
    for (number, (decision, one)) in asked.into_iter().enumerate() {
        let again = ask(&mut replicas.client(number + 1).await, &one).await;
        assert_eq!(again.decision_id, decision.decision_id);
    }
    assert_eq!(replicas.findings().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_killed_loses_nothing_that_it_answered() {
    let mut replicas = Replicas::start().await;
    replicas.client(0).await.upsert(account("acc-1", 100_000_000)).await;
    let mut tasks = Vec::new();
    for client in 0..16 {
        let mut one = replicas.client(client).await;
        tasks.push(tokio::spawn(async move {
            let mut answered = Vec::new();
            for number in 0..40 {
                let mut context = purchase("acc-1", AMOUNT);
                context.merchant.as_mut().unwrap().merchant_id = format!("m-{client}-{number}");
                let asked = Ask::buy(Uuid::now_v7().to_string(), context);
                match one.ask(&asked).await {
                    Ok(decision) => answered.push((asked, Some(decision.decision_id))),
                    Err(_) => answered.push((asked, None)),
                }
            }
            answered
        }));
    }
    let mut client = replicas.client(1).await;
    while client.held("acc-1").await < 50 * AMOUNT {
        tokio::task::yield_now().await;
    }
    drop(replicas.services.remove(0));
    let survivor = &replicas.services[0].address;
    let mut client = Client::connect(survivor).await.unwrap();
    let mut approved = 0;
    for task in tasks {
        for (asked, answered) in task.await.unwrap() {
            let decision = ask(&mut client, &asked).await;
            if let Some(id) = answered {
                assert_eq!(decision.decision_id, id, "an answer was lost");
            }
            approved += i64::from(decision.outcome() == pb::DecisionOutcome::Approved);
        }
    }
    assert_eq!(client.held("acc-1").await, approved * AMOUNT);
    assert_eq!(replicas.findings().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_agree_on_keys_and_on_where_signals_are() {
    let replicas = Replicas::start().await;
    let refused = |mut command: std::process::Command| {
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let (redis, address) = (replicas._redis.url(), replicas.address.as_str());
    let embedded = command(&replicas.site, "three", "embedded", address);
    assert!(refused(embedded).contains("keeps signals of its own"));
    let stranger = Site::with_secret([8; 32]);
    let other_key = command(&stranger, "three", &redis, address);
    assert!(refused(other_key).contains("was hashed under another party key"));
    let mut without = replicas.site.command("three", &redis);
    without.args(["--ledger", address]);
    assert!(refused(without).contains("expected --step-up-key"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_comes_later_hears_what_the_others_have_taught() {
    let mut replicas = Replicas::start().await;
    let (redis, address) = (replicas._redis.url(), replicas.address.clone());
    replicas.client(0).await.upsert(account("acc-1", LIMIT)).await;
    let buy = || Ask::buy(Uuid::now_v7().to_string(), purchase("acc-1", AMOUNT));
    ask(&mut replicas.client(0).await, &buy()).await;
    let command = command(&replicas.site, "three", &redis, &address);
    replicas.services.push(replicas.site.start_by("three", command));
    replicas.services[2].gets_ready().await;
    let mut third = Client::connect(&replicas.services[2].address).await.unwrap();
    assert!(!ask(&mut third, &buy()).await.degraded);

    // The store is emptied, and filled from anywhere: all replicas belong to the new filling.
    replicas._redis.command(&["FLUSHALL"]).await;
    assert!(ask(&mut third, &buy()).await.degraded);
    let words = ["rebuild", "--from-ledger", "--ledger", &address];
    let rebuilt = replicas.site.signals("somewhere", &redis, &words);
    assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
    for service in &replicas.services {
        let mut client = Client::connect(&service.address).await.unwrap();
        let whole = async || (!ask(&mut client, &buy()).await.degraded).then_some(());
        wait_for("a replica that hears the store", whole).await;
    }
}
