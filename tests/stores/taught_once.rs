//! Writes whose commit got through and whose answer was lost: what they teach is taught, and once.

use surety::grpc::pb;
use tonic::Code;
use uuid::Uuid;

use crate::client::{Ask, Client};
use crate::replicas::postgres::Postgres;
use crate::sample::{MERCHANT, account, pounds, purchase};
use crate::servers::{Kind, Mode, Proxy, RedisServer, wait_for};
use crate::service::{Service, Site};
use crate::shopper::{Attempts, Counter};

const AMOUNT: i64 = 1_000;
/// Ends each transaction that is no decision, as the protocol ends its text.
const COMMITS: &str = "COMMIT\0";

/// A service whose ledger is behind the proxy; ended before the servers that it uses.
struct Scene {
    _service: Service,
    client: Client,
    counter: Counter,
    proxy: Proxy,
    _site: Site,
    _redis: RedisServer,
    _postgres: Postgres,
}

impl Scene {
    async fn open() -> Scene {
        let (redis, postgres) =
            (RedisServer::start(Kind::Redis).await, Postgres::start("fsync = off"));
        let address = postgres.database().await;
        let port = address.split([':', '/']).nth_back(1).unwrap();
        let proxy = Proxy::start(port.parse().unwrap()).await;
        let site = Site::new();
        std::fs::write(site.path("step-up.key"), [9; 32]).unwrap();
        let mut command = site.command("one", &redis.url());
        command.args(["--signals-budget-ms", "10000", "--ledger"]);
        command.arg(address.replace(port, &proxy.port().to_string()));
        command.arg("--step-up-key").arg(site.path("step-up.key"));
        let service = site.start_by("one", command);
        service.gets_ready().await;
        let mut client = Client::connect(&service.address).await.unwrap();
        client.upsert(account("acc-1", 100_000_000)).await;
        let counter = Counter::new(&site, &redis.url()).await;
        Scene {
            _service: service,
            client,
            counter,
            proxy,
            _site: site,
            _redis: redis,
            _postgres: postgres,
        }
    }

    async fn bought(&mut self, number: i64) -> pb::Decision {
        let ask = Ask::buy(Uuid::now_v7().to_string(), purchase("acc-1", AMOUNT + number));
        self.client.ask(&ask).await.unwrap()
    }

    fn lose(&self, count: u64) {
        self.proxy.set(Mode::LoseReplies { count, to: COMMITS });
    }

    /// Each commit gets through, but its word never comes: then the caller cannot be told.
    async fn ask_in_vain(&mut self, ask: &Ask) {
        self.lose(u64::MAX);
        let refused = self.client.ask(ask).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{refused}");
        self.proxy.set(Mode::Pass);
    }
}

fn confirm(decision: &pb::Decision, number: i64) -> Ask {
    Ask::Confirm(pb::ConfirmPurchaseRequest {
        request_id: Uuid::now_v7().to_string(),
        decision_id: decision.decision_id.clone(),
        merchant_id: MERCHANT.to_owned(),
        captured_amount: Some(pounds(AMOUNT + number)),
        ..pb::ConfirmPurchaseRequest::default()
    })
}

fn refused_by_bank(decision: &pb::Decision) -> Ask {
    Ask::Cancel(pb::CancelDecisionRequest {
        request_id: Uuid::now_v7().to_string(),
        decision_id: decision.decision_id.clone(),
        reason: pb::CancelReason::BankRefused.into(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_tried_again_and_finds_itself_teaches_once() {
    let mut scene = Scene::open().await;
    for number in 1..=3 {
        let decision = scene.bought(number).await;
        let ask = confirm(&decision, number);
        scene.lose(1);
        let first = scene.client.ask(&ask).await.unwrap();
        assert_eq!(scene.proxy.mode(), Mode::Pass, "no reply was lost");
        assert_eq!(scene.counter.purchases("acc-1").await, Some(number));
        // A true retry counts no second time.
        assert_eq!(scene.client.ask(&ask).await.unwrap(), first);
        assert_eq!(scene.counter.purchases("acc-1").await, Some(number));
    }
    let decision = scene.bought(4).await;
    assert_eq!(scene.counter.attempts("acc-1").await, Some(Attempts::all(4)));
    scene.lose(1);
    scene.client.ask(&refused_by_bank(&decision)).await.unwrap();
    assert_eq!(scene.counter.attempts("acc-1").await, Some(Attempts::all(3)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_nobody_was_told_of_teaches_once_it_is_found() {
    let mut scene = Scene::open().await;
    let (bought, refused) = (scene.bought(1).await, scene.bought(2).await);
    let asks = [confirm(&bought, 1), refused_by_bank(&refused)];
    for ask in &asks {
        scene.ask_in_vain(ask).await;
    }
    // The caller asks again before, and once more after the service has found out by itself.
    scene.client.ask(&asks[0]).await.unwrap();
    wait_for("an attempt that is taken back", async || {
        let counted = scene.counter.attempts("acc-1").await;
        (counted == Some(Attempts::all(1))).then_some(())
    })
    .await;
    for ask in &asks {
        scene.client.ask(ask).await.unwrap();
    }
    assert_eq!(scene.counter.purchases("acc-1").await, Some(1));
    assert_eq!(scene.counter.attempts("acc-1").await, Some(Attempts::all(1)));
}
