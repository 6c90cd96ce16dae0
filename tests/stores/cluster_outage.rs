//! A cluster of which a master is gone, hangs, or is not heard: as with one server.

use crate::servers::{Kind, Mode, RedisCluster};
use crate::service::{Service, Site};
use crate::shopper::{Attempts, Counter, Shopper, is_blind, is_blind_or_full};

const ACCOUNT: &str = "acc-1";
const BLIND: usize = 8;

struct Scene {
    service: Service,
    shopper: Shopper,
    cluster: RedisCluster,
    site: Site,
}

impl Scene {
    async fn new(cluster: RedisCluster) -> Scene {
        let site = Site::new();
        let service = site.serve("service", &cluster.url()).await;
        let mut shopper = Shopper::of(&service, ACCOUNT).await;
        for _ in 0..3 {
            shopper.buy_until_full().await;
        }
        Scene { service, shopper, cluster, site }
    }

    /// The master that keeps the account. What a master has acknowledged and not yet passed on is
    /// lost with it, by the design of Redis: here it has passed on everything.
    async fn owner(&self) -> usize {
        let hash = self.site.hasher().key("account", ACCOUNT).to_string();
        let owner = self.cluster.master_of(&format!("{{{}}}", &hash[..3])).await;
        self.cluster.is_passed_on(owner).await;
        owner
    }

    /// A replica may take over meanwhile.
    async fn buys_blindly(&mut self) {
        is_blind(&self.shopper.buy().await);
        self.shopper.buy_often(BLIND).await.iter().for_each(is_blind_or_full);
        assert!(self.service.is_ready().await);
    }

    async fn recovers(mut self) {
        let (counter, all) = self.is_whole().await;
        self.service.stop();
        assert_eq!(counter.attempts(ACCOUNT).await, Some(all));
    }

    /// Decides in full again, and all is counted.
    async fn is_whole(&mut self) -> (Counter, Attempts) {
        self.shopper.buy_until_full().await;
        let counter = Counter::new(&self.site, &self.cluster.url()).await;
        let all = Attempts::all(self.shopper.made);
        counter.gets_to(ACCOUNT, all).await;
        (counter, all)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_is_killed() {
    let mut scene = Scene::new(RedisCluster::start(Kind::Redis).await).await;
    scene.cluster.kill_node(scene.owner().await);
    scene.buys_blindly().await;
    scene.recovers().await;
}

/// It wakes when it is a master no more, and runs what was sent to it. What is on its way to it at
/// that moment is acknowledged and lost, by the design of Redis: here nothing is.
#[tokio::test(flavor = "multi_thread")]
async fn a_master_hangs() {
    let mut scene = Scene::new(RedisCluster::start(Kind::Valkey).await).await;
    let owner = scene.owner().await;
    scene.cluster.node(owner).pause().await;
    scene.buys_blindly().await;
    scene.is_whole().await;
    scene.cluster.node(owner).resume();
    scene.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reply_is_lost_after_the_script_ran() {
    let (cluster, proxies) = RedisCluster::start_behind_proxies(Kind::Redis).await;
    let mut scene = Scene::new(cluster).await;
    for proxy in &proxies {
        proxy.set(Mode::LoseReplies { count: u64::MAX, to: "EVALSHA" });
    }
    scene.buys_blindly().await;
    for proxy in &proxies {
        proxy.set(Mode::Pass);
    }
    scene.recovers().await;
}
