//! What metrics say of a shared store that goes away and comes back.

use crate::http::get;
use crate::servers::{Kind, RedisServer, wait_for};
use crate::service::Site;
use crate::shopper::{Shopper, is_blind};

/// Enough for the breaker to open, which takes five.
const BLIND: usize = 8;

/// The sum of the samples of that family that have these labels.
fn sum(text: &str, family: &str, labels: &str) -> f64 {
    let begins = |line: &&str| line.starts_with(&format!("{family}{{")) || *line == family;
    let samples = text.lines().filter(|line| begins(line) && line.contains(labels));
    samples.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_seen_and_so_is_its_end() {
    let server = RedisServer::start_with(Kind::Redis, &["--appendonly", "yes"]).await;
    let site = Site::new();
    let mut command = site.command("service", &server.url());
    command.args(["--signals-budget-ms", "500", "--http-listen", "127.0.0.1:0"]);
    let service = site.start_by("service", command);
    service.gets_ready().await;
    let http = service.http();
    let metrics = || get(&http, "/metrics").1;
    let waiting = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("surety_signals_waiting "));
        line.unwrap().parse::<u64>().unwrap()
    };

    let mut shopper = Shopper::of(&service, "acc-1").await;
    shopper.buy_until_full().await;
    let before = metrics();
    assert_eq!(sum(&before, "surety_breaker_state", "signals"), 0.0, "{before}");
    assert_eq!(waiting(&before), 0);

    server.kill();
    for _ in 0..BLIND {
        is_blind(&shopper.buy().await);
    }
    let text = metrics();
    assert!(sum(&text, "surety_breaker_state", "signals") > 0.0, "{text}");
    assert!(waiting(&text) >= BLIND as u64, "{text}");
    let degraded = |text: &str| sum(text, "surety_decisions_degraded_total", "signals");
    assert!(degraded(&text) - degraded(&before) >= BLIND as f64, "{text}");
    assert!(sum(&text, "surety_store_errors_total", "store=\"signals\"") >= BLIND as f64);
    assert_eq!(sum(&text, "surety_store_errors_total", "store=\"ledger\""), 0.0);
    // It never changes readiness.
    assert_eq!(get(&http, "/readyz").0, 200);
    assert_eq!(sum(&text, "surety_ready", "signals"), 1.0);

    server.restart().await;
    shopper.buy_until_full().await;
    wait_for("a store that is in use and has nothing to learn", async || {
        let text = metrics();
        let closed = sum(&text, "surety_breaker_state", "signals") == 0.0;
        (closed && waiting(&text) == 0).then_some(())
    })
    .await;
    service.stop();
}
