//! Opening, losing callers, failing disks and opening again.

use std::time::Duration;

use sqlx::SqliteConnection;

use super::*;

async fn setting(book: &Book, pragma: &'static str) -> String {
    let row = sqlx::query(pragma).fetch_one(&book.ledger.readers).await.unwrap();
    sqlx::Row::try_get::<String, _>(&row, 0)
        .or_else(|_| sqlx::Row::try_get::<i64, _>(&row, 0).map(|number| number.to_string()))
        .unwrap()
}

#[tokio::test]
async fn commits_are_durable_and_readers_cannot_write() {
    let book = book().await;
    assert_eq!(setting(&book, "PRAGMA journal_mode").await, "wal");
    assert_eq!(setting(&book, "PRAGMA synchronous").await, "2");
    assert_eq!(setting(&book, "PRAGMA query_only").await, "1");
    let write = sqlx::query("DELETE FROM decisions").execute(&book.ledger.readers).await;
    assert!(write.is_err());
    let writer = book.ledger.write(settings).await;
    assert_eq!(writer, Ok(("wal".into(), 2)));
}

fn settings(connection: &mut SqliteConnection) -> writer::Pending<'_, (String, i64)> {
    Box::pin(async move {
        let journal = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *connection).await?;
        Ok((journal, sqlx::query_scalar("PRAGMA synchronous").fetch_one(connection).await?))
    })
}

#[tokio::test]
async fn a_file_has_one_process() {
    let book = book().await;
    let Err(Error::Unavailable(why)) = Ledger::open(&book.path).await else {
        panic!("opened twice");
    };
    assert!(why.ends_with("is in use by another process"), "{why}");
    let path = book.path.clone();
    book.ledger.close().await;
    Ledger::open(&path).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let Err(Error::Unavailable(why)) = Ledger::open(&file.join("ledger.db")).await else {
        panic!("opened below a file");
    };
    assert!(why.contains("folder") && why.contains("ledger.db") && !why.contains('\n'), "{why}");
}

#[tokio::test]
async fn a_ledger_that_is_opened_again_holds_everything() {
    let Book { ledger, path, folder } = book_of_anna().await;
    let commit = order("anna", 700);
    assert_eq!(ledger.assess(commit.clone()).await, Ok(Assessed::Recorded));
    let plan = bought(&ledger, "anna", 300).await;
    let before = ledger.check(NOW).await.unwrap();
    ledger.close().await;

    let ledger = Ledger::open(&path).await.unwrap();
    assert_eq!(ledger.check(NOW).await, Ok(before));
    assert_eq!(held(&ledger, "anna", NOW).await, (300, 700));
    assert_eq!(ledger.decision(plan).await.unwrap().unwrap().progress.captured, 300);
    let again = ledger.assess(commit).await.unwrap();
    assert!(matches!(again, Assessed::Before(_)), "{again:?}");
    drop(folder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_outlives_its_caller() {
    let Book { ledger, folder: _folder, .. } = book().await;
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
fn break_commit(connection: &mut SqliteConnection) -> writer::Pending<'_, ()> {
    Box::pin(async move {
        sqlx::raw_sql(
            "CREATE TABLE parents (id BIGINT PRIMARY KEY);
             CREATE TABLE children (parent BIGINT
                REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);
             INSERT INTO children VALUES (1)",
        )
        .execute(connection)
        .await?;
        Ok(())
    })
}

/// Makes the disk full: the file may not grow any more.
fn fill_disk(connection: &mut SqliteConnection) -> writer::Pending<'_, ()> {
    Box::pin(async move {
        sqlx::raw_sql("PRAGMA max_page_count = 1").execute(connection).await?;
        Ok(())
    })
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
    let Book { ledger, path, folder } = book_of_anna().await;
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
        std::fs::copy(path.with_file_name(name), copy.join(name)).unwrap();
    }
    let ledger = Ledger::open(&copy.join("ledger.db")).await.unwrap();
    assert_eq!(ledger.check(NOW).await.unwrap().decisions, 1 + recorded);
    assert!(ledger.decision(kept).await.unwrap().is_some());
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn a_full_disk_stops_the_writer_and_acknowledges_nothing() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    ledger.write(fill_disk).await.unwrap();
    let mut acknowledged = 0;
    let stopped = loop {
        match ledger.assess(order("anna", 10)).await {
            Ok(Assessed::Recorded) => acknowledged += 1,
            other => break other,
        }
    };
    assert!(matches!(stopped, Err(Error::Unavailable(_))), "{stopped:?}");
    assert_stopped(&ledger).await;
    assert_eq!(ledger.check(NOW).await.unwrap().decisions, acknowledged);
}

#[tokio::test]
async fn a_writer_that_panics_is_a_writer_that_stopped() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let work = ledger.write::<(), _>(|_| Box::pin(async { panic!("a fault in the writer") }));
    assert!(matches!(work.await, Err(Error::Unavailable(_))));
    tokio::time::timeout(Duration::from_secs(5), ledger.failed()).await.unwrap();
}
