//! Opening, losing callers, failing disks and opening again.

use std::time::Duration;

use super::*;

async fn setting(book: &Book, pragma: &'static str) -> String {
    let mut connection = book.ledger.readers.acquire().await.unwrap();
    let row = query(pragma).fetch_one(&mut connection).await.unwrap();
    let number = || row.first::<i64>().map(|number| number.to_string());
    row.first::<String>().or_else(|_| number()).unwrap()
}

#[tokio::test]
async fn commits_are_durable_and_readers_cannot_write() {
    let book = book(Engine::Sqlite).await;
    assert_eq!(setting(&book, "PRAGMA journal_mode").await, "wal");
    assert_eq!(setting(&book, "PRAGMA synchronous").await, "2");
    assert_eq!(setting(&book, "PRAGMA query_only").await, "1");
    let mut reader = book.ledger.readers.acquire().await.unwrap();
    assert!(query("DELETE FROM decisions").execute(&mut reader).await.is_err());
    let writer = book.ledger.write(settings).await;
    assert_eq!(writer, Ok(("wal".into(), 2)));
}

fn settings(connection: &mut Connection) -> write::Pending<'_, (String, i64)> {
    Box::pin(async move {
        let journal = query("PRAGMA journal_mode").fetch_value(connection).await?.unwrap();
        Ok((journal, query("PRAGMA synchronous").fetch_value(connection).await?.unwrap()))
    })
}

/// A backup tool, for instance, that has the file for longer than SQLite waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_wait_for_whoever_else_writes_to_the_file() {
    let book = book_of_anna(Engine::Sqlite).await;
    let mut other = book.place.writing_beside().await.unwrap();
    other.run("BEGIN IMMEDIATE").await.unwrap();
    let ledger = book.ledger.clone();
    let waiting = tokio::spawn(async move { ledger.assess(order("anna", 700)).await });
    tokio::time::sleep(sqlite::BUSY_TIMEOUT + Duration::from_millis(500)).await;
    assert!(!waiting.is_finished() && book.ledger.works());
    other.run("COMMIT").await.unwrap();
    assert_eq!(waiting.await.unwrap(), Ok(Assessed::Recorded));
}

#[tokio::test]
async fn a_file_has_one_process() {
    let book = book(Engine::Sqlite).await;
    let Err(Error::Unavailable(why)) = Ledger::open(&book.place).await else {
        panic!("opened twice");
    };
    assert!(why.ends_with("is in use by another process"), "{why}");
    let place = book.place.clone();
    book.ledger.close().await;
    Ledger::open(&place).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let Err(Error::Unavailable(why)) = Ledger::open(&Place::file(&file.join("ledger.db"))).await
    else {
        panic!("opened below a file");
    };
    assert!(why.contains("folder") && why.contains("ledger.db") && !why.contains('\n'), "{why}");
}

#[tokio::test]
async fn a_ledger_that_is_opened_again_holds_everything() {
    let Book { ledger, place, folder } = book_of_anna(Engine::Sqlite).await;
    let commit = order("anna", 700);
    assert_eq!(ledger.assess(commit.clone()).await, Ok(Assessed::Recorded));
    let plan = bought(&ledger, "anna", 300).await;
    let before = ledger.check(NOW).await.unwrap();
    ledger.close().await;

    let ledger = Ledger::open(&place).await.unwrap();
    assert_eq!(ledger.check(NOW).await, Ok(before));
    assert_eq!(held(&ledger, "anna", NOW).await, (300, 700));
    assert_eq!(ledger.decision(plan).await.unwrap().unwrap().progress.captured, 300);
    let again = ledger.assess(commit).await.unwrap();
    assert!(matches!(again, Assessed::Before(_)), "{again:?}");
    drop(folder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_outlives_its_caller() {
    let Book { ledger, folder: _folder, .. } = book(Engine::Sqlite).await;
    set_limit(&ledger, "anna", 1_000_000).await;
    let mut keys = Vec::new();
    for round in 0..100 {
        let commit = order("anna", 10);
        keys.push(commit.key.clone());
        let wait = Duration::from_micros(round * 10);
        // The deadline drops the call wherever it stands.
        drop(tokio::time::timeout(wait, ledger.assess(commit)).await);
    }
    // A later write is committed after all that were handed in before it.
    set_limit(&ledger, "anna", 1_000_001).await;
    let mut answered = 0;
    for key in &keys {
        answered += i64::from(ledger.answer(key).await.unwrap().is_some());
    }
    let report = ledger.check(NOW).await.unwrap();
    assert_eq!((report.decisions, report.reservations), (answered, answered));
    assert_eq!(held(&ledger, "anna", NOW).await, (0, answered * 10));
    assert!(answered > 0);
    assert_sound(&ledger, NOW).await;
}

/// Makes the next commit fail: a constraint that is judged by COMMIT itself is broken.
fn break_commit(connection: &mut Connection) -> write::Pending<'_, ()> {
    Box::pin(async move {
        connection
            .run(
                "CREATE TABLE parents (id BIGINT PRIMARY KEY);
             CREATE TABLE children (parent BIGINT
                REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);
             INSERT INTO children VALUES (1)",
            )
            .await?;
        Ok(())
    })
}

/// Makes the disk full: the file may not grow any more.
fn fill_disk(connection: &mut Connection) -> write::Pending<'_, ()> {
    Box::pin(async move { connection.run("PRAGMA max_page_count = 1").await })
}

fn make_room(connection: &mut Connection) -> write::Pending<'_, ()> {
    Box::pin(async move { connection.run("PRAGMA max_page_count = 1000000").await })
}

async fn assert_stopped(ledger: &Ledger) {
    let cause = tokio::time::timeout(Duration::from_secs(5), ledger.failed()).await.unwrap();
    assert!(cause.starts_with("the ledger's writer stopped: "), "{cause}");
    let commit = order("anna", 10);
    let late = ledger.assess(commit.clone()).await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
    assert_eq!(ledger.answer(&commit.key).await, Ok(None));
}

#[tokio::test]
async fn a_failed_commit_stops_the_writer_and_acknowledges_nothing() {
    let Book { ledger, folder, .. } = book_of_anna(Engine::Sqlite).await;
    let kept = approved(&ledger, "anna", 10).await;
    let (before, broken) = tokio::join!(
        // Handed in first, and so in the same group or in the one before.
        ledger.assess(order("anna", 10)),
        ledger.write(break_commit),
    );
    assert!(matches!(broken, Err(Error::Unavailable(_))), "{broken:?}");
    assert_stopped(&ledger).await;
    drop(ledger);

    // The leaked connection still holds the file's write lock, as the process would until it ends.
    let recorded = i64::from(before == Ok(Assessed::Recorded));
    let copy = folder.path().join("after");
    std::fs::create_dir(&copy).unwrap();
    for name in ["ledger.db", "ledger.db-wal"] {
        std::fs::copy(folder.path().join(name), copy.join(name)).unwrap();
    }
    let ledger = Ledger::open(&Place::file(&copy.join("ledger.db"))).await.unwrap();
    assert_eq!(ledger.check(NOW).await.unwrap().decisions, 1 + recorded);
    assert!(ledger.decision(kept).await.unwrap().is_some());
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn a_full_disk_refuses_what_does_not_fit_until_there_is_room_again() {
    let Book { ledger, folder: _folder, .. } = book_of_anna(Engine::Sqlite).await;
    ledger.write(fill_disk).await.unwrap();
    let mut acknowledged = 0;
    let refused = loop {
        let commit = order("anna", 10);
        match ledger.assess(commit.clone()).await {
            Ok(Assessed::Recorded) => acknowledged += 1,
            other => break (commit, other),
        }
    };
    let (commit, answer) = refused;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    assert_eq!(ledger.check(NOW).await.unwrap().decisions, acknowledged);
    ledger.write(make_room).await.unwrap();
    assert_eq!(ledger.assess(commit).await, Ok(Assessed::Recorded));
    assert_eq!(ledger.check(NOW).await.unwrap().decisions, acknowledged + 1);
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn a_writer_that_panics_is_a_writer_that_stopped() {
    let Book { ledger, folder: _folder, .. } = book_of_anna(Engine::Sqlite).await;
    let work = ledger.write::<(), _>(|_| Box::pin(async { panic!("a fault in the writer") }));
    assert!(matches!(work.await, Err(Error::Unavailable(_))));
    tokio::time::timeout(Duration::from_secs(5), ledger.failed()).await.unwrap();
}

/// A file of the first schema, with an approval of before there were chains and cards.
async fn old_file(path: &std::path::Path) {
    let first = migrate::shared().iter().next().unwrap().clone();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::migrate::Migrator::with_migrations(vec![first]).run(&mut connection).await.unwrap();
    let commit = order("anna", 700);
    sqlx::query(
        "INSERT INTO decisions (decision_id, reference, caller, holder, merchant, product, outcome,
            currency, amount, exposure, basket, created, expires, captured, codes, record, facts)
         VALUES ($1, $2, 'checkout', 'anna', 'm-77', 'PURCHASE', 'APPROVED', 'EUR', 700, 700, '',
            $3, $4, 0, ' LARGE_PURCHASE ', $5, $6)",
    )
    .bind(commit.record.id.to_string())
    .bind(commit.record.reference.as_str())
    .bind(NOW.as_micros())
    .bind((NOW + Span::minutes(60)).as_micros())
    .bind(serde_json::to_string(&commit.record).unwrap())
    .bind(&commit.facts)
    .execute(&mut connection)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO reservations (decision_id, holder, amount, captured, created, expires,
            limit_then, held_then) VALUES ($1, 'anna', 700, 0, $2, $3, 1000, 700)",
    )
    .bind(commit.record.id.to_string())
    .bind(NOW.as_micros())
    .bind((NOW + Span::minutes(60)).as_micros())
    .execute(&mut connection)
    .await
    .unwrap();
    sqlx::Connection::close(connection).await.unwrap();
}

#[tokio::test]
async fn a_file_of_the_first_schema_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::file(&folder.path().join("ledger.db"));
    old_file(&folder.path().join("ledger.db")).await;
    let ledger = Ledger::open(&place).await.unwrap();
    set_limit(&ledger, "anna", 1_000).await;
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 700));
    assert_eq!(ledger.assess(order("anna", 400)).await, Ok(Assessed::HeadroomTaken));
    approved(&ledger, "anna", 300).await;
    assert_sound(&ledger, NOW).await;
    // The old decision is in no chain, and no stranger either.
    let mut chains = Chains::open(&place).await.unwrap();
    assert_eq!((chains.strangers().await, chains.links().await), (Ok(0), Ok(1)));
    drop(chains);
    // It goes by its age all the same, and is counted.
    assert_eq!(ledger.drop_decisions(NOW, 9).await, Ok(0));
    assert_eq!(ledger.drop_decisions(NOW + Span::days(1), 1).await, Ok(1));
    let mut chains = Chains::open(&place).await.unwrap();
    assert_eq!((chains.strangers().await, chains.links().await), (Ok(0), Ok(1)));
    assert_eq!(chains.checkpoints().await.unwrap().unwrap().dropped, 1);
}

#[tokio::test]
async fn a_schema_that_is_newer_or_was_changed_by_hand_is_refused_with_what_to_do() {
    for (statement, advice) in [
        (
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'later', 1, x'00', 0)",
            "it was made by a newer surety: start that version, or restore a backup",
        ),
        (
            "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2",
            "its schema was changed by hand: restore a backup",
        ),
    ] {
        let book = book(Engine::Sqlite).await;
        book.ledger.write(move |connection| Box::pin(connection.run(statement))).await.unwrap();
        book.ledger.close().await;
        let error = Ledger::open(&book.place).await.unwrap_err().to_string();
        assert!(error.contains("cannot be migrated") && error.contains(advice), "{error}");
    }
}
