//! Opening the ledger: one process a file, settings that make a commit durable, migrations.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Row, SqliteConnection};

use super::{Error, Ledger, writer};

const READERS: u32 = 4;
/// With one writer nobody should ever wait; a backup tool may hold the file for a moment.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A read that gets no connection for so long is answered that the ledger is unavailable.
const READER_TIMEOUT: Duration = Duration::from_secs(2);
/// Pages of 4 KiB that the write-ahead log gathers before they are moved into the main file.
const CHECKPOINT_PAGES: &str = "4000";
/// Memory for pages, in KiB as SQLite wants it: the default of 2 MiB has the writer read pages of
/// its indexes again for every group.
const WRITER_CACHE: &str = "-65536";
const READER_CACHE: &str = "-16384";
/// `PRAGMA synchronous` answers FULL with this number.
const SYNCHRONOUS_FULL: i64 = 2;

impl Ledger {
    /// Opens the ledger at `path`, making or migrating it where needed, and starts its writer.
    pub async fn open(path: &Path) -> Result<Ledger, Error> {
        let lock = lock(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            // By hand: the defaults are another journal, with which FULL means something else.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let mut connection = options
            .clone()
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("cache_size", WRITER_CACHE)
            // What is erased is overwritten, not only forgotten.
            .pragma("secure_delete", "ON")
            .connect()
            .await
            .map_err(|error| unavailable(path, "cannot be opened", &error))?;
        assert_durable(&mut connection).await?;
        sqlx::migrate!("src/ledger/migrations")
            .run(&mut connection)
            .await
            .map_err(|error| unavailable(path, "cannot be migrated", &error))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .min_connections(READERS)
            .acquire_timeout(READER_TIMEOUT)
            // One file and no server: a connection does not go stale while it rests.
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.pragma("query_only", "ON").pragma("cache_size", READER_CACHE))
            .await?;
        let (jobs, failed) = writer::start(connection);
        Ok(Ledger { readers, jobs, failed, _lock: Arc::new(lock) })
    }

    /// Waits until every write that was handed in is committed, and closes the file. Writes of
    /// other clones keep the writer alive until those are dropped.
    pub async fn close(self) {
        let Ledger { readers, jobs, mut failed, _lock } = self;
        drop(jobs);
        // The writer holds the sending end until it is done.
        while failed.changed().await.is_ok() {
            if failed.borrow().is_some() {
                break;
            }
        }
        readers.close().await;
    }
}

/// Takes the file beside the ledger that says who uses it. The operating system releases it when
/// the process ends, however it ends.
fn lock(path: &Path) -> Result<File, Error> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|error| unavailable(path, "has a folder that cannot be made", &error))?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(name)
        .map_err(|error| unavailable(path, "is in a folder that cannot be written", &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Unavailable(format!(
            "the ledger {} is in use by another process",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(unavailable(path, "cannot be locked", &error)),
    }
}

async fn assert_durable(connection: &mut SqliteConnection) -> Result<(), Error> {
    let journal: String =
        sqlx::query("PRAGMA journal_mode").fetch_one(&mut *connection).await?.try_get(0)?;
    let synchronous: i64 =
        sqlx::query("PRAGMA synchronous").fetch_one(&mut *connection).await?.try_get(0)?;
    match journal == "wal" && synchronous == SYNCHRONOUS_FULL {
        true => Ok(()),
        false => Err(Error::Unavailable(format!(
            "the ledger cannot be made durable here: journal_mode {journal}, \
             synchronous {synchronous}; expected wal, {SYNCHRONOUS_FULL}"
        ))),
    }
}

pub(super) fn unavailable(path: &Path, what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Unavailable(format!("the ledger {} {what}: {error}", path.display()))
}
