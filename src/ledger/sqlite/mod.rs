//! The ledger in one SQLite file: one process, settings that make a commit durable, one writer.

mod chain;
mod checkpoint;
mod commit;
mod reserve;
mod rows;
mod writer;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::sql::{Connection, Pool, query};
use super::write::Writer;
use super::{Error, Ledger, Place, card, migrate};
use crate::telemetry::StoreMetrics;

pub(in crate::ledger) use reserve::{HELD, LIMIT};
pub(in crate::ledger) use writer::Job;

const READERS: u32 = 4;
/// Lists and searches have connections of their own: a slow one must not hold up a decision.
const SEARCHERS: u32 = 2;
/// With one writer nobody should ever wait; a backup tool may hold the file for a moment.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Cutting the log holds up commits, so it waits far less than they do.
const CUT_WAITS: Duration = Duration::from_millis(250);
/// A read that gets no connection for so long is answered that the ledger is unavailable.
const READER_TIMEOUT: Duration = Duration::from_secs(2);
/// Memory for pages, in KiB as SQLite wants it. The default of 2 MiB has the writer read pages of
/// its indexes again for every group; but each commit in which a page was split looks through the
/// whole cache, which took a fifth of the writer's time where it had 64 MiB (measured with perf).
const WRITER_CACHE: &str = "-16384";
const READER_CACHE: &str = "-16384";
/// `PRAGMA synchronous` answers FULL with this number.
const SYNCHRONOUS_FULL: i64 = 2;

/// Opens the file at `path`, making or migrating it where needed, and starts its writer.
pub(super) async fn open(path: &Path) -> Result<Ledger, Error> {
    let place = Place::file(path);
    let lock = lock(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        // By hand: the defaults are another journal, with which FULL means something else.
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT);
    let connection = options
        .clone()
        // The log is moved beside the writer.
        .pragma("wal_autocheckpoint", "0")
        .pragma("cache_size", WRITER_CACHE)
        // What is erased is overwritten, not only forgotten.
        .pragma("secure_delete", "ON")
        .connect()
        .await
        .map_err(|error| place.unavailable("cannot be opened", &error))?;
    let mut connection = Connection::Sqlite(connection);
    assert_durable(&mut connection).await?;
    migrate::run(&mut connection).await.map_err(|error| migrate::refused(&place, &error))?;
    card::adopt(&mut connection).await?;
    let reading = options.clone().pragma("query_only", "ON").pragma("cache_size", READER_CACHE);
    let readers = pool(READERS, &reading).await?;
    let searchers = pool(SEARCHERS, &reading).await?;
    let beside = options.pragma("wal_autocheckpoint", "0").busy_timeout(CUT_WAITS);
    let beside = beside.connect().await?;
    let metrics = StoreMetrics::new()?;
    let connections = (connection, Connection::Sqlite(beside));
    let (writer, failed) = writer::start(connections, metrics.clone()).await?;
    let writer = Writer::Sqlite(writer);
    let _lock = Some(Arc::new(lock));
    Ok(Ledger { readers, searchers, writer, failed, metrics, _lock })
}

async fn pool(size: u32, options: &SqliteConnectOptions) -> Result<Pool, Error> {
    let pool = SqlitePoolOptions::new()
        .max_connections(size)
        .min_connections(size)
        .acquire_timeout(READER_TIMEOUT)
        // One file and no server: a connection does not go stale while it rests.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.clone())
        .await?;
    Ok(Pool::Sqlite(pool))
}

/// A connection that only reads, beside whoever has the file open.
pub(super) async fn beside(path: &Path) -> Result<Connection, Error> {
    let connection = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        .connect()
        .await?;
    Ok(Connection::Sqlite(connection))
}

/// One that writes a little, while the writer waits.
pub(super) async fn writing_beside(path: &Path) -> Result<Connection, Error> {
    let connection = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .connect()
        .await?;
    Ok(Connection::Sqlite(connection))
}

/// Takes the file beside the ledger that says who uses it. The operating system releases it when
/// the process ends, however it ends.
fn lock(path: &Path) -> Result<File, Error> {
    let place = Place::file(path);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|error| place.unavailable("has a folder that cannot be made", &error))?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(name)
        .map_err(|error| place.unavailable("is in a folder that cannot be written", &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Unavailable(format!(
            "the ledger {} is in use by another process",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(place.unavailable("cannot be locked", &error)),
    }
}

async fn assert_durable(connection: &mut Connection) -> Result<(), Error> {
    let journal: Option<String> = query("PRAGMA journal_mode").fetch_value(connection).await?;
    let synchronous: Option<i64> = query("PRAGMA synchronous").fetch_value(connection).await?;
    match (journal.as_deref(), synchronous) {
        (Some("wal"), Some(SYNCHRONOUS_FULL)) => Ok(()),
        _ => Err(Error::Unavailable(format!(
            "the ledger cannot be made durable here: journal_mode {journal:?}, \
             synchronous {synchronous:?}; expected wal, {SYNCHRONOUS_FULL}"
        ))),
    }
}
