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
