//! What holds on PostgreSQL alone: settings of connections, several processes, lost connections.

use super::*;
use crate::ledger::postgres;

#[tokio::test]
async fn commits_are_durable_whatever_the_server_says_and_searchers_cannot_write() {
    let book = book(Engine::Postgres).await;
    let mut reader = book.ledger.readers.acquire().await.unwrap();
    let setting = query("SHOW synchronous_commit").fetch_value::<String>(&mut reader).await;
    assert_eq!(setting.unwrap().as_deref(), Some("on"));
    let mut searcher = book.ledger.searchers.acquire().await.unwrap();
    assert!(query("DELETE FROM decisions").execute(&mut searcher).await.is_err());
}

/// Two processes on one database, as far as the ledger can tell.
async fn two_replicas() -> (Book, Ledger) {
    let book = book(Engine::Postgres).await;
    let other = Ledger::open(&book.place).await.unwrap();
    (book, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_take_what_the_limit_holds_and_no_more() {
    let (Book { ledger, folder: _folder, .. }, other) = two_replicas().await;
    set_limit(&ledger, "anna", 1_000).await;
    let calls: Vec<_> = (0..100)
        .map(|number| {
            let replica = if number % 2 == 0 { ledger.clone() } else { other.clone() };
            tokio::spawn(async move { assess(&replica, order("anna", 100)).await.unwrap() })
        })
        .collect();
    let mut recorded = 0;
    for call in calls {
        recorded += i64::from(call.await.unwrap() == Assessed::Recorded);
    }
    assert_eq!(recorded, 10);
    assert_eq!(held(&other, "anna", NOW).await, (0, 1_000));
    assert_sound(&ledger, NOW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_on_two_replicas_is_one_decision() {
    let (Book { ledger, folder: _folder, .. }, other) = two_replicas().await;
    set_limit(&ledger, "anna", 1_000_000).await;
    for _ in 0..50 {
        let first = order("anna", 100);
        let mut second = order("anna", 100);
        second.key = first.key.clone();
        let ids = [first.record.id, second.record.id];
        let key = first.key.clone();
        let (one, two) = tokio::join!(assess(&ledger, first), assess(&other, second));
        let (winner, loser) = match (one.unwrap(), two.unwrap()) {
            (Assessed::Recorded, Assessed::Before(answer)) => (ids[0], answer),
            (Assessed::Before(answer), Assessed::Recorded) => (ids[1], answer),
            other => panic!("{other:?}"),
        };
        assert_eq!(loser.decision.unwrap().id, winner);
        assert_eq!(other.answer(&key).await.unwrap().unwrap().decision.unwrap().id, winner);
    }
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 5_000));
    assert_sound(&other, NOW).await;
}

#[tokio::test]
async fn what_was_decided_before_somebody_else_wrote_is_turned_away() {
    let (Book { ledger, folder: _folder, .. }, other) = two_replicas().await;
    set_limit(&ledger, "anna", 1_000).await;
    let version = standing_at(&ledger, "anna", NOW).await.version;
    set_limit(&other, "anna", 50).await;
    let mut commit = order("anna", 10);
    commit.version = version;
    assert_eq!(ledger.assess(commit.clone()).await, Ok(Assessed::Outdated));
    assert_eq!(ledger.answer(&commit.key).await, Ok(None));
    commit.version = standing_at(&ledger, "anna", NOW).await.version;
    assert_eq!(ledger.assess(commit).await, Ok(Assessed::Recorded));
    assert_sound(&ledger, NOW).await;
}

/// Ends every session of the ledger's database but those of the one who asks.
async fn end_all_sessions(book: &Book) {
    let Place::Postgres(options) = &book.place else { panic!("no server") };
    let mut connection = sqlx::ConnectOptions::connect(&**options).await.unwrap();
    sqlx::query(
        "SELECT PG_TERMINATE_BACKEND(pid) FROM pg_stat_activity
         WHERE datname = CURRENT_DATABASE() AND pid <> PG_BACKEND_PID()",
    )
    .execute(&mut connection)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_lose_and_double_nothing() {
    let book = book(Engine::Postgres).await;
    let ledger = book.ledger.clone();
    set_limit(&ledger, "anna", 1_000_000).await;
    let mut recorded = 0;
    for _ in 0..10 {
        let calls: Vec<_> = (0..20)
            .map(|number| {
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    let account = format!("account-{number}");
                    let mut declined = order(&account, 10);
                    declined.record.decision.outcome = Outcome::Declined;
                    ledger.assess(declined).await
                })
            })
            .collect();
        end_all_sessions(&book).await;
        for call in calls {
            recorded += i64::from(call.await.unwrap() == Ok(Assessed::Recorded));
        }
    }
    assert_eq!(recorded, 200, "each is tried again until it is there");
    let report = ledger.check(NOW).await.unwrap();
    assert_eq!((report.decisions, report.findings), (200, Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_writes_dropped_half_way_leave_no_transaction_open() {
    let book = book_of_anna(Engine::Postgres).await;
    let ledger = book.ledger.clone();
    for round in 0..1_000 {
        let wait = std::time::Duration::from_micros(20 + round % 780);
        let write = ledger.upsert_account(claim(), account_of("bert", 1_000), None);
        drop(tokio::time::timeout(wait, write).await);
    }
    // What is written now is there for everybody else.
    set_limit(&ledger, "carl", 70).await;
    let other = Ledger::open(&book.place).await.unwrap();
    let (carl, _) = other.account(&account_id("carl")).await.unwrap().unwrap();
    assert_eq!(carl.credit_limit, 70);
    let Writer::Postgres(writers) = &ledger.writer else { panic!("no server") };
    for _ in 0..16 {
        let mut connection = writers.pool().acquire().await.unwrap();
        assert!(postgres::session::is_idle(&mut connection).await.unwrap());
    }
}

#[tokio::test]
async fn an_address_that_does_not_answer_is_named_in_one_line() {
    let place = Place::parse("postgres://anna:secret@127.0.0.1:1/surety").unwrap();
    let error = Ledger::open(&place).await.unwrap_err().to_string();
    assert!(
        error.starts_with("the ledger postgres://127.0.0.1:1/surety cannot be opened"),
        "{error}"
    );
    assert!(!error.contains("secret") && !error.contains('\n'), "{error}");
    // The port is a server's, but the database is not there.
    let place = Place::parse(&server().address("nowhere")).unwrap();
    let error = Ledger::open(&place).await.unwrap_err().to_string();
    assert!(error.contains("nowhere"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taught_is_read_in_one_order_although_commits_overtake_each_other() {
    let book = book(Engine::Postgres).await;
    let ledger = book.ledger.clone();
    let writing: Vec<_> = (0..8)
        .map(|client| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                for number in 0..50 {
                    let mut declined = order(&format!("account-{client}-{number}"), 10);
                    declined.record.decision.outcome = Outcome::Declined;
                    assert_eq!(ledger.assess(declined).await, Ok(Assessed::Recorded));
                }
            })
        })
        .collect();
    let beside = History::open(&book.place).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 400 {
        let after = seen.last().copied().unwrap_or(0);
        let rows = beside.signal_events(after, 1_000).await.unwrap();
        seen.extend(rows.iter().map(|row| row.seq));
    }
    for client in writing {
        client.await.unwrap();
    }
    let rows = ledger.signal_events(0, 1_000).await.unwrap();
    assert_eq!(seen, rows.iter().map(|row| row.seq).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_that_start_at_once_make_the_tables_once() {
    let place = Place::parse(&server().database().await).unwrap();
    let (one, two, three) =
        tokio::join!(Ledger::open(&place), Ledger::open(&place), Ledger::open(&place));
    let ledgers = [one.unwrap(), two.unwrap(), three.unwrap()];
    set_limit(&ledgers[0], "anna", 1_000).await;
    for ledger in &ledgers {
        assert_eq!(assess(ledger, order("anna", 10)).await, Ok(Assessed::Recorded));
        assert_sound(ledger, NOW).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_capture_on_two_replicas_has_one_answer() {
    let (Book { ledger, folder: _folder, .. }, other) = two_replicas().await;
    set_limit(&ledger, "anna", 1_000_000).await;
    for _ in 0..50 {
        let id = approved(&ledger, "anna", 100).await;
        let claim = claim();
        let (one, two) = tokio::join!(
            ledger.confirm(claim.clone(), capture_of(id, 100)),
            other.confirm(claim, capture_of(id, 100)),
        );
        // Whoever comes second finds nothing left to capture, and the answer that says why.
        for written in [one, two] {
            let record: DecisionRecord = match written.unwrap() {
                Written::Now(record) => record,
                Written::Before(answer) => answer.read().unwrap(),
            };
            assert_eq!(record.progress.captured, 100);
        }
    }
    assert_eq!(held(&ledger, "anna", NOW).await, (5_000, 0));
    assert_sound(&other, NOW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_drop_what_is_old_leave_one_checkpoint() {
    let (book, other) = two_replicas().await;
    let mut declined = Vec::new();
    for number in 0..60 {
        let mut commit = order(&format!("account-{number}"), 10);
        commit.record.decision.outcome = Outcome::Declined;
        declined.push(assess(&book.ledger, commit));
    }
    futures_util::future::join_all(declined).await;
    let later = NOW + Span::days(1);
    for _ in 0..20 {
        let (one, two) =
            tokio::join!(book.ledger.drop_decisions(later, 1), other.drop_decisions(later, 2));
        assert!(one.is_ok() && two.is_ok());
        let mut chains = Chains::open(&book.place).await.unwrap();
        let found = chains.verify((None, None), || ()).await.unwrap();
        assert!(found.iter().all(Result::is_ok), "{found:?}");
    }
}
