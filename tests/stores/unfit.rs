//! A store that is not fit for use at the start: not ready, one line says why, and ready without a
//! restart once it is put right.

use crate::servers::{Kind, RedisServer};
use crate::service::{Service, Site};
use crate::shopper::{Shopper, is_blind};

const ACCOUNT: &str = "acc-1";
const UNFIT: &str = "not ready: the signal store is unfit for use";

/// Not ready, for a reason that is told once; whoever asks anyway gets a person.
pub async fn is_unfit(service: &Service, reason: &str) {
    service.tells(UNFIT).await;
    let mut shopper = Shopper::of(service, ACCOUNT).await;
    is_blind(&shopper.buy().await);
    assert!(!service.is_ready().await);
    let told = service.told(UNFIT);
    assert_eq!(told.len(), 1, "{}", service.log());
    assert!(told[0].contains(reason), "no \"{reason}\" in {}", told[0]);
}

/// In full without a restart.
pub async fn gets_fit(service: &Service) {
    service.gets_ready().await;
    let mut shopper = Shopper::of(service, ACCOUNT).await;
    shopper.cheapest = 2_000;
    shopper.buy_until_full().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password() {
    let server = RedisServer::start_with(Kind::Redis, &["--requirepass", "right"]).await;
    let url = format!("redis://:not-for-the-log@127.0.0.1:{}", server.port());
    let site = Site::new();
    let service = site.start("service", &url);
    is_unfit(&service, "denied").await;
    server.command(&["CONFIG", "SET", "requirepass", "not-for-the-log"]).await;
    gets_fit(&service).await;
    assert_eq!(service.told("refuses user, password or a right").len(), 1);
    assert!(service.told("not-for-the-log").is_empty(), "{}", service.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down() {
    let server = RedisServer::start(Kind::Redis).await;
    server.kill();
    let site = Site::new();
    let service = site.start("service", &server.url());
    is_unfit(&service, "unreachable").await;
    server.restart().await;
    gets_fit(&service).await;
    // From now on an outage is no reason to take the service out: its replicas have the same.
    server.kill();
    let mut shopper = Shopper::of(&service, ACCOUNT).await;
    shopper.cheapest = 3_000;
    for _ in 0..8 {
        is_blind(&shopper.buy().await);
        assert!(service.is_ready().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_evicts() {
    let args = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    for kind in [Kind::Redis, Kind::Valkey] {
        let server = RedisServer::start_with(kind, &args).await;
        let site = Site::new();
        let service = site.start("service", &server.url());
        is_unfit(&service, "maxmemory-policy is allkeys-lru").await;
        assert!(service.told("expected noeviction").len() == 1, "{}", service.log());
        server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
        gets_fit(&service).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_another_party_key_has_filled() {
    let server = RedisServer::start(Kind::Redis).await;
    let (site, stranger) = (Site::new(), Site::with_secret([8; 32]));
    let service = site.serve("service", &server.url()).await;
    gets_fit(&service).await;
    let other = stranger.start("other", &server.url());
    is_unfit(&other, "hashed with another party key").await;
    // It has done no harm to those whose store it is.
    let mut shopper = Shopper::of(&service, ACCOUNT).await;
    shopper.cheapest = 3_000;
    shopper.buy_until_full().await;
    server.command(&["FLUSHALL"]).await;
    gets_fit(&other).await;
}
