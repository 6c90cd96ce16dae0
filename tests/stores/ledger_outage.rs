//! A service on PostgreSQL whose connections are cut, hang or end with the server: what it answered
//! is there, once.

use sqlx::{Connection, PgConnection};
use surety::grpc::pb;
use surety::ledger::{Chains, Ledger, Place};
use surety::service::Clock;
use tokio::task::JoinHandle;
use tonic::Code;
use uuid::Uuid;

use crate::client::{Ask, Client};
use crate::http::get;
use crate::replicas::postgres::Postgres;
use crate::sample::{account, purchase};
use crate::servers::{Mode, Proxy, wait_for};
use crate::service::{Service, Site};

const AMOUNT: i64 = 100;
const LIMIT: i64 = 100_000_000;
const ACCOUNTS: [&str; 3] = ["acc-1", "acc-2", "acc-3"];
/// Sent to the ledger in the commit of a decision and nowhere else: signals know a hash of it.
const IN_COMMITS: &str = "acc-1-phone";

/// What was asked, and what was answered to it, if anything.
type Asked = (Ask, Option<pb::Decision>);
type Load = Vec<JoinHandle<Vec<Asked>>>;

struct Scene {
    service: Service,
    client: Client,
    proxy: Proxy,
    address: String,
    _site: Site,
    _postgres: Postgres,
}

impl Scene {
    async fn open() -> Scene {
        let postgres = Postgres::start("fsync = off");
        let address = postgres.database().await;
        let port = address.split([':', '/']).nth_back(1).unwrap();
        let proxy = Proxy::start(port.parse().unwrap()).await;
        let through = address.replace(port, &proxy.port().to_string());
        let site = Site::new();
        std::fs::write(site.path("step-up.key"), [9; 32]).unwrap();
        let mut command = site.command("one", "embedded");
        command.args(["--ledger", &through, "--step-up-key"]).arg(site.path("step-up.key"));
        command.args(["--http-listen", "127.0.0.1:0"]);
        let service = site.start_by("one", command);
        let mut client = Client::connect(&service.address).await.unwrap();
        for name in ACCOUNTS {
            client.upsert(account(name, LIMIT)).await;
        }
        Scene { service, client, proxy, address, _site: site, _postgres: postgres }
    }

    /// Buys from many clients; gives what was asked and what was answered to it.
    fn load(&self, account: &'static str) -> Load {
        let client = |number: usize| {
            let mut client = self.client.clone();
            tokio::spawn(async move {
                let mut asked = Vec::new();
                for round in 0..25 {
                    let ask = buy(account, &format!("m-{number}-{round}"));
                    match client.ask(&ask).await {
                        Ok(decision) => asked.push((ask, Some(decision))),
                        Err(status) => {
                            let passing =
                                [Code::Unavailable, Code::Aborted, Code::DeadlineExceeded];
                            assert!(passing.contains(&status.code()), "{status}");
                            asked.push((ask, None));
                        }
                    }
                }
                asked
            })
        };
        (0..8).map(client).collect()
    }

    /// Waits until the service says whether traffic may come.
    async fn says(&self, status: u16) {
        let http = self.service.http();
        wait_for("readiness", async || (get(&http, "/readyz").0 == status).then_some(())).await;
        let serves = status == 200;
        let says = async || (self.service.is_ready().await == serves).then_some(());
        wait_for("the same of health", says).await;
    }

    /// Waits until some of a load is through.
    async fn gets_to(&mut self, account: &str, load: &Load) {
        while self.client.held(account).await < 10 * AMOUNT {
            assert!(!load.iter().all(JoinHandle::is_finished), "the load ended before that");
        }
    }

    /// Every answer stands, every retry gets the first one, and nothing is held beyond that.
    async fn settle(&mut self, account: &str, asked: &[Asked]) {
        let mut approved = 0;
        for (ask, answered) in asked {
            let decision = loop {
                match self.client.ask(ask).await {
                    Ok(decision) => break decision,
                    Err(status) => assert!(
                        [Code::Unavailable, Code::Aborted].contains(&status.code()),
                        "{status}"
                    ),
                }
            };
            if let Some(first) = answered {
                assert_eq!(decision.decision_id, first.decision_id, "an answer was lost");
            }
            approved += i64::from(decision.outcome() == pb::DecisionOutcome::Approved);
        }
        assert_eq!(self.client.held(account).await, approved * AMOUNT);
        let place = Place::parse(&self.address).unwrap();
        let ledger = Ledger::open(&place).await.unwrap();
        let report = ledger.check(Clock::system().now()).await.unwrap();
        assert_eq!(report.findings, Vec::<String>::new());
        let chains = Chains::open(&place).await.unwrap().verify((None, None), || ()).await.unwrap();
        assert!(chains.iter().all(Result::is_ok), "{chains:?}");
    }
}

fn buy(account: &str, merchant: &str) -> Ask {
    let mut context = purchase(account, AMOUNT);
    // No two are the same order.
    context.merchant.as_mut().unwrap().merchant_id = merchant.to_owned();
    Ask::buy(Uuid::now_v7().to_string(), context)
}

async fn gather(load: Load) -> Vec<Asked> {
    let mut all = Vec::new();
    for client in load {
        all.extend(client.await.unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_between_commit_and_answer_doubles_nothing() {
    let mut scene = Scene::open().await;
    let mut asked = Vec::new();
    for number in 0..20 {
        scene.proxy.set(Mode::LoseReplies { count: 1, to: IN_COMMITS });
        let ask = buy("acc-1", &format!("m-{number}"));
        // The commit is sent again under the same ids, and finds itself.
        let decision = scene.client.ask(&ask).await.unwrap();
        assert_eq!(scene.proxy.mode(), Mode::Pass, "no reply was lost");
        asked.push((ask, Some(decision)));
    }
    scene.settle("acc-1", &asked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_is_unavailable_and_forgets_nothing() {
    let mut scene = Scene::open().await;
    let load = scene.load("acc-1");
    scene.gets_to("acc-1", &load).await;
    scene.proxy.set(Mode::BlackHole);
    let refused = scene.client.ask(&buy("acc-2", "m-hung")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    scene.proxy.set(Mode::Pass);
    let asked = gather(load).await;
    scene.settle("acc-1", &asked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_under_load_loses_no_answer() {
    let mut scene = Scene::open().await;
    for account in ACCOUNTS {
        let load = scene.load(account);
        scene.gets_to(account, &load).await;
        // One of its processes: the server ends all others and recovers from its log.
        let mut connection = PgConnection::connect(&scene.address).await.unwrap();
        let victim: i32 = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity
             WHERE datname = CURRENT_DATABASE() AND pid <> PG_BACKEND_PID() LIMIT 1",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        let kill = std::process::Command::new("kill").args(["-9", &victim.to_string()]).status();
        assert!(kill.unwrap().success());
        let asked = gather(load).await;
        scene.settle(account, &asked).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_its_ledger_is_not_ready() {
    let scene = Scene::open().await;
    scene.says(200).await;
    scene.proxy.set(Mode::BlackHole);
    scene.says(503).await;
    scene.proxy.set(Mode::Pass);
    scene.says(200).await;
}
