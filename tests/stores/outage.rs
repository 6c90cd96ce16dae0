//! The store is away, slow, full or broken: every call is answered, a person looks meanwhile, and
//! afterwards each attempt is counted, once.

use std::time::Duration;

use crate::servers::{Kind, Mode, Proxy, RedisServer, wait_for};
use crate::service::{Service, Site};
use crate::shopper::{Attempts, Counter, Shopper, is_blind, is_blind_or_full, is_full};

const ACCOUNT: &str = "acc-1";
/// Enough for the breaker to open, which takes five.
const BLIND: usize = 8;
/// Kilobytes that a hostile server may make the service take.
const GROWTH_MAX: i64 = 20_000;

struct Scene {
    service: Service,
    shopper: Shopper,
    proxy: Proxy,
    server: RedisServer,
    site: Site,
}

impl Scene {
    /// A service that reaches the server through a proxy.
    async fn new(server: RedisServer) -> Scene {
        let (site, proxy) = (Site::new(), Proxy::start(server.port()).await);
        let service = site.serve("service", &proxy.url()).await;
        let shopper = Shopper::of(&service, ACCOUNT).await;
        Scene { site, server, proxy, service, shopper }
    }

    async fn on_redis() -> Scene {
        Scene::new(RedisServer::start(Kind::Redis).await).await
    }

    /// On a server that keeps what it is told over a restart.
    async fn on_disk() -> Scene {
        Scene::new(RedisServer::start_with(Kind::Redis, &["--appendonly", "yes"]).await).await
    }

    /// Under which the store keeps what it knows of the account.
    fn key_of_account(&self) -> String {
        let hash = self.site.hasher().key("account", ACCOUNT).to_string();
        let (partition, rest) = hash.split_at(3);
        format!("surety:{{{partition}}}:account:{rest}")
    }

    async fn buys_in_full(&mut self) {
        for _ in 0..3 {
            self.shopper.buy_until_full().await;
        }
    }

    /// One after the other, and all at once.
    async fn buys_blindly(&mut self) {
        let held = self.shopper.held().await;
        for _ in 0..BLIND {
            is_blind(&self.shopper.buy().await);
        }
        self.shopper.buy_often(BLIND).await.iter().for_each(is_blind);
        assert!(self.service.is_ready().await, "to be unready would end all of a shop's replicas");
        assert!(self.shopper.held().await >= held, "what waits for a review is held");
    }

    /// The same process decides in full again, and has taught what it could not.
    async fn recovers(mut self) {
        self.buys_in_full().await;
        let counter = Counter::new(&self.site, &self.server.url()).await;
        let all = Attempts::all(self.shopper.made);
        counter.gets_to(ACCOUNT, all).await;
        self.service.stop();
        assert_eq!(counter.attempts(ACCOUNT).await, Some(all));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_back() {
    let mut scene = Scene::on_disk().await;
    scene.buys_in_full().await;
    scene.server.kill();
    scene.buys_blindly().await;
    scene.server.restart().await;
    scene.recovers().await;
}

/// Nobody knows then what ran: some scripts did whose replies never came.
#[tokio::test(flavor = "multi_thread")]
async fn killed_while_many_ask() {
    let mut scene = Scene::on_disk().await;
    scene.buys_in_full().await;
    for _ in 0..3 {
        let Scene { server, shopper, .. } = &mut scene;
        let (asks, before) =
            (shopper.next_often(20), server.info("total_commands_processed").await);
        let strike = async {
            wait_for("a server at work", async || {
                let calls = server.info("total_commands_processed").await;
                (calls > before + 20).then_some(())
            })
            .await;
            server.kill();
        };
        let (decisions, ()) = tokio::join!(shopper.ask_all(&asks), strike);
        decisions.iter().for_each(is_blind_or_full);
        server.restart().await;
        scene.buys_in_full().await;
    }
    scene.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hangs() {
    let mut scene = Scene::on_redis().await;
    scene.buys_in_full().await;
    scene.server.pause().await;
    scene.buys_blindly().await;
    // Now it runs what was sent while it hung, and long given up.
    scene.server.resume();
    scene.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reply_is_lost_after_the_script_ran() {
    let mut scene = Scene::on_redis().await;
    scene.buys_in_full().await;
    scene.proxy.set(Mode::LoseReplies { count: u64::MAX, to: "EVALSHA" });
    scene.buys_blindly().await;
    let counter = Counter::new(&scene.site, &scene.server.url()).await;
    let ran = counter.attempts(ACCOUNT).await.unwrap();
    assert!(ran.merchant > 3, "scripts ran: {ran:?}");
    scene.proxy.set(Mode::Pass);
    scene.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn some_replies_are_lost_or_cut() {
    let mut scene = Scene::on_redis().await;
    scene.buys_in_full().await;
    for times in 1..=3 {
        scene.proxy.set(Mode::LoseReplies { count: times, to: "EVALSHA" });
        scene.shopper.buy_often(5).await;
        scene.buys_in_full().await;
        assert_eq!(scene.proxy.mode(), Mode::Pass, "all of them were lost");
    }
    // In the middle of greetings and of replies.
    for bytes in [7, 100, 1_500] {
        scene.proxy.set(Mode::CutAfter(bytes));
        scene.shopper.buy_often(5).await;
        scene.proxy.set(Mode::Pass);
        scene.buys_in_full().await;
    }
    scene.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slower_than_the_budget() {
    let mut scene = Scene::on_redis().await;
    scene.buys_in_full().await;
    let (requests, replies) = (Duration::ZERO, Duration::from_secs(2));
    scene.proxy.set(Mode::Delay { requests, replies });
    scene.buys_blindly().await;
    scene.proxy.set(Mode::Pass);
    scene.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_memory() {
    let mut scene = Scene::on_redis().await;
    scene.buys_in_full().await;
    scene.server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    scene.buys_blindly().await;
    assert_eq!(scene.service.told("out of memory").len(), 1, "{}", scene.service.log());
    scene.server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    scene.recovers().await;
}

/// What it had still to teach is in the ledger, and is taught at the next start.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_ends_before_the_store_is_back() {
    let mut scene = Scene::on_redis().await;
    scene.buys_in_full().await;
    scene.server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    scene.buys_blindly().await;
    let all = Attempts::all(scene.shopper.made);
    let counter = Counter::new(&scene.site, &scene.server.url()).await;
    assert_ne!(counter.attempts(ACCOUNT).await, Some(all));
    scene.service.stop();
    scene.server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    let service = scene.site.serve("service", &scene.proxy.url()).await;
    service.tells("recent signals are taught once more").await;
    assert_eq!(counter.attempts(ACCOUNT).await, Some(all));
}

/// A script of somebody else that does not end.
#[tokio::test(flavor = "multi_thread")]
async fn busy_with_other_things() {
    let mut scene = Scene::on_redis().await;
    scene.buys_in_full().await;
    scene.server.command(&["CONFIG", "SET", "busy-reply-threshold", "1"]).await;
    let client = redis::Client::open(scene.server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let endless = tokio::spawn(async move {
        let mut script = redis::cmd("EVAL");
        script.arg("while true do end").arg(0).query_async::<()>(&mut connection).await
    });
    scene.buys_blindly().await;
    scene.server.command(&["SCRIPT", "KILL"]).await;
    assert!(endless.await.unwrap().is_err(), "it was busy all the time");
    scene.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_garbage() {
    let mut scene = Scene::on_redis().await;
    scene.buys_in_full().await;
    let before = scene.service.resident();
    for garbage in ["\0\u{7}no protocol\r\n", "$1000000000\r\n", "*1000000000\r\n", "+OK\r\n"] {
        scene.proxy.set(Mode::Garbage(garbage.into()));
        scene.buys_blindly().await;
    }
    let grown = scene.service.resident() - before;
    assert!(grown < GROWTH_MAX, "lengths that were only announced took {grown} kB");
    scene.proxy.set(Mode::Pass);
    scene.recovers().await;
}

/// Each call gives up by its budget; nothing queues up behind the line.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_too_slow_for_all_who_ask() {
    let mut scene = Scene::on_redis().await;
    scene.buys_in_full().await;
    let mut others = Vec::new();
    for number in 0..20 {
        others.push(Shopper::of(&scene.service, &format!("other-{number}")).await);
    }
    scene.proxy.set(Mode::Bandwidth(5_000));
    let all_buy = others.iter_mut().map(|other| other.buy_often(4));
    let decisions = futures_util::future::join_all(all_buy).await.concat();
    decisions.iter().for_each(is_blind_or_full);
    assert!(decisions.iter().any(|decision| decision.degraded), "the line was fast enough");
    scene.proxy.set(Mode::Pass);
    scene.buys_in_full().await;
    let counter = Counter::new(&scene.site, &scene.server.url()).await;
    let merchant = scene.shopper.made + 20 * 4;
    for other in &others {
        counter.gets_to(&other.account, Attempts { merchant, ..Attempts::all(4) }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_is_not_ours_blinds_only_those_who_meet_it() {
    let mut scene = Scene::on_redis().await;
    scene.buys_in_full().await;
    let key = scene.key_of_account();
    let kept = scene.server.command(&["RENAME", &key, "aside{x}"]).await;
    assert_eq!(kept, redis::Value::Okay, "the key of the account is known");
    let mut other = Shopper::of(&scene.service, "acc-2").await;
    let broken = [["LPUSH", &key, "x"], ["SET", &key, "x"], ["SET", &key, "\u{1}wrong length"]];
    for command in broken {
        scene.server.command(&["DEL", &key]).await;
        scene.server.command(&command).await;
        is_blind(&scene.shopper.buy().await);
        is_full(&other.buy().await);
    }
    scene.server.command(&["RENAME", "aside{x}", &key]).await;
    scene.buys_in_full().await;
    // What came to the account meanwhile went where it could not be kept.
    let counter = Counter::new(&scene.site, &scene.server.url()).await;
    let (own, made) = (scene.shopper.made, scene.shopper.made + other.made);
    let all = Attempts { account: own - broken.len() as i64, device: own, merchant: made };
    assert_eq!(counter.attempts(ACCOUNT).await, Some(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_is_not_ours_holds_up_nobody() {
    let mut scene = Scene::on_redis().await;
    scene.buys_in_full().await;
    let key = scene.key_of_account();
    scene.server.command(&["DEL", &key]).await;
    scene.server.command(&["LPUSH", &key, "x"]).await;
    is_blind(&scene.shopper.buy().await);
    let mut other = Shopper::of(&scene.service, "acc-2").await;
    other.buy_until_full().await;
    scene.server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    is_blind(&other.buy().await);
    scene.server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    other.buy_until_full().await;
    let counter = Counter::new(&scene.site, &scene.server.url()).await;
    let made = scene.shopper.made + other.made;
    counter.gets_to("acc-2", Attempts { merchant: made, ..Attempts::all(other.made) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_are_forgotten_all_the_time() {
    let mut scene = Scene::on_redis().await;
    scene.buys_in_full().await;
    for _ in 0..20 {
        scene.server.command(&["SCRIPT", "FLUSH"]).await;
        is_full(&scene.shopper.buy().await);
    }
    scene.recovers().await;
}
