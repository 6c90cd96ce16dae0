//! How fast decisions are recorded; run by hand, in release, and read the figures:
//! `cargo test --release --lib ledger::tests::speed -- --ignored --nocapture`.

use std::time::Instant;

use sqlx::SqliteConnection;

use super::*;

/// As many accounts as a lender may have; an order each, then a second and a third.
const ACCOUNTS: usize = 50_000;

fn account_name(number: usize) -> String {
    format!("account-{}", number % ACCOUNTS)
}

fn make_accounts(connection: &mut SqliteConnection) -> writer::Pending<'_, ()> {
    Box::pin(async move {
        sqlx::query(
            "WITH RECURSIVE numbers (n) AS (
                SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < $1
            )
            INSERT INTO accounts (account_id, version, currency, credit_limit, updated, record)
            SELECT 'account-' || n, 1, 'EUR', 1000000, 0, $2 FROM numbers",
        )
        .bind(ACCOUNTS as i64)
        .bind(serde_json::to_string(&account_of("account", 1_000_000))?)
        .execute(connection)
        .await?;
        Ok(())
    })
}

async fn record(ledger: &Ledger, callers: usize, each: usize) {
    let began = Instant::now();
    let calls: Vec<_> = (0..callers)
        .map(|caller| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                for number in 0..each {
                    let mut commit = order(&account_name(caller * each + number), 10);
                    commit.facts = "x".repeat(2_000);
                    assert_eq!(ledger.assess(commit).await, Ok(Assessed::Recorded));
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    let rate = (callers * each) as f64 / began.elapsed().as_secs_f64();
    println!("{callers} callers: {rate:.0} decisions/s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn decisions_per_second() {
    let Book { ledger, folder: _folder, .. } = book().await;
    ledger.write(make_accounts).await.unwrap();
    for (callers, each) in [(1, 1_000), (16, 500), (256, 100), (256, 200), (256, 200)] {
        record(&ledger, callers, each).await;
    }
    let began = Instant::now();
    for number in 0..5_000 {
        standing_at(&ledger, &account_name(number), NOW).await;
    }
    println!("standing: {:.0} us", began.elapsed().as_secs_f64() * 1e6 / 5_000.0);
}
