//! How fast decisions are recorded; run by hand, in release, and read the figures:
//! `cargo test --release --lib ledger::tests::speed -- --ignored --nocapture`.

use std::time::Instant;

use super::*;

async fn record(ledger: Ledger, callers: usize, each: usize) {
    let began = Instant::now();
    let calls: Vec<_> = (0..callers)
        .map(|caller| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                for number in 0..each {
                    let mut commit = order(&format!("account-{}", (caller + number) % 1_000), 10);
                    commit.facts = "x".repeat(2_000);
                    assert_eq!(ledger.assess(commit).await, Ok(Assessed::Recorded));
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    let seconds = began.elapsed().as_secs_f64();
    let rate = (callers * each) as f64 / seconds;
    println!("{callers} callers: {rate:.0} decisions/s, {:.2} ms each", 1e3 / rate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn decisions_per_second() {
    let Book { ledger, folder: _folder, .. } = book().await;
    for account in 0..1_000 {
        set_limit(&ledger, &format!("account-{account}"), 1_000_000_000).await;
    }
    record(ledger.clone(), 1, 2_000).await;
    record(ledger.clone(), 16, 1_000).await;
    record(ledger.clone(), 256, 200).await;
    record(ledger.clone(), 256, 200).await;
    let began = Instant::now();
    for number in 0..5_000 {
        standing_at(&ledger, &format!("account-{}", number % 1_000), NOW).await;
    }
    println!("standing: {:.0} us", began.elapsed().as_secs_f64() * 1e6 / 5_000.0);
}
