//! The store lost everything: nobody looks new, until it is rebuilt.

use crate::servers::{Kind, RedisServer};
use crate::service::{Service, Site};
use crate::shopper::{Attempts, Counter, Shopper, is_blind};

const ACCOUNT: &str = "acc-1";
const ADVICE: &str = "surety signals rebuild --from-ledger";

/// A service whose store knows the account, and that account's owner.
async fn known(site: &Site, server: &RedisServer) -> (Service, Shopper) {
    let service = site.serve("service", &server.url()).await;
    let mut shopper = Shopper::of(&service, ACCOUNT).await;
    for _ in 0..3 {
        shopper.buy_until_full().await;
    }
    (service, shopper)
}

async fn nobody_looks_new(service: &Service, shopper: &mut Shopper) {
    for _ in 0..8 {
        let decision = shopper.buy().await;
        is_blind(&decision);
    }
    shopper.buy_often(8).await.iter().for_each(is_blind);
    assert!(service.is_ready().await);
    assert_eq!(service.told(ADVICE).len(), 1, "{}", service.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_empty_gives_no_readings() {
    let (site, server) = (Site::new(), RedisServer::start(Kind::Redis).await);
    let (service, mut shopper) = known(&site, &server).await;
    server.restart().await;
    // Until it is connected again, decisions are degraded for another reason.
    let back = async || {
        is_blind(&shopper.buy().await);
        (!service.told(ADVICE).is_empty()).then_some(())
    };
    crate::servers::wait_for("word of the empty store", back).await;
    nobody_looks_new(&service, &mut shopper).await;
    service.stop();

    // The ledger remembers that there was something.
    let service = site.serve("service", &server.url()).await;
    let mut shopper = Shopper::of(&service, ACCOUNT).await;
    shopper.cheapest = 2_000;
    is_blind(&shopper.buy().await);
    assert!(service.told("the signal store is empty and the ledger is not").len() == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_flushed_gives_no_readings() {
    let (site, server) = (Site::new(), RedisServer::start(Kind::Valkey).await);
    let (service, mut shopper) = known(&site, &server).await;
    server.command(&["FLUSHALL"]).await;
    nobody_looks_new(&service, &mut shopper).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_flushed_is_filled_from_the_ledger() {
    let (site, server) = (Site::new(), RedisServer::start(Kind::Redis).await);
    let (service, mut shopper) = known(&site, &server).await;
    let signals = |words: &[&str]| {
        let out = site.signals("service", &server.url(), words);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    let told = signals(&["rebuild", "--from-ledger"]);
    assert_eq!(told, "nothing to do: no part of the signal store was emptied\n");
    let shown = signals(&["show", "--account", ACCOUNT]);

    server.command(&["FLUSHALL"]).await;
    is_blind(&shopper.buy().await);
    let blind = site.signals("service", &server.url(), &["show", "--account", ACCOUNT]);
    assert!(!blind.status.success() && String::from_utf8_lossy(&blind.stdout).contains("missing"));
    let told = signals(&["rebuild", "--from-ledger"]);
    assert!(told.starts_with("taught "), "{told}");

    // What was attempted meanwhile is counted too, by the service that saw it.
    let counter = Counter::new(&site, &server.url()).await;
    counter.gets_to(ACCOUNT, Attempts::all(shopper.made)).await;
    let attempts = |page: &str| {
        let line = page.lines().find(|line| line.contains("account_attempts_24h")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap()
    };
    assert_eq!(attempts(&signals(&["show", "--account", ACCOUNT])), attempts(&shown) + 1);
    shopper.buy_until_full().await;
    service.stop();
}
