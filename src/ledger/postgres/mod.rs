//! The ledger in a PostgreSQL database that several processes share.
//!
//! A decision costs two round trips: one read of the standing, and one statement that commits it.
//! Everything else that writes is a transaction of its own.

mod commit;
pub(super) mod session;
mod writer;
mod writers;

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, PgConnection};
use tokio::sync::watch;

use super::sql::{Connection, Pool, query};
use super::write::Writer;
use super::{Error, Ledger, Place, card, migrate};
use crate::telemetry::StoreMetrics;

pub(super) use writers::Writers;

/// Connections that read what decisions need, and those of lists and searches: a slow one of these
/// must not hold up a decision.
const READERS: u32 = 8;
const SEARCHERS: u32 = 2;
/// Connections of writes that are no decision.
const WRITERS: u32 = 4;
/// Below the deadline of a call: who gets no connection by then is told so.
const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(750);
const SEARCHER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long anybody waits for the server to take a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// SHA256 of bytes, UNNEST of several arrays and identity columns are older.
const OLDEST_VERSION: i64 = 130_000;

pub(super) async fn open(place: &Place, options: &PgConnectOptions) -> Result<Ledger, Error> {
    let options = options.clone().application_name("surety").disable_statement_logging();
    let cannot = |error: &dyn std::fmt::Display| place.unavailable("cannot be opened", error);
    let connection = connect(&options, session::MIGRATION).await.map_err(|e| cannot(&e))?;
    let mut connection = Connection::Postgres(connection);
    assert_fit(place, &mut connection).await?;
    migrate::run(&mut connection).await.map_err(|error| migrate::refused(place, &error))?;
    card::adopt(&mut connection).await?;

    let readers = pool(READERS, session::HOT).acquire_timeout(ACQUIRE_TIMEOUT);
    let readers = readers.connect_with(options.clone()).await.map_err(|e| cannot(&e))?;
    let searchers = pool(SEARCHERS, session::SEARCH).acquire_timeout(SEARCHER_TIMEOUT);
    let searchers = searchers.connect_with(options.clone()).await.map_err(|e| cannot(&e))?;
    let writing = writing(&options).await.map_err(|e| cannot(&e))?;
    let (tell, failed) = watch::channel(None);
    let metrics = StoreMetrics::new()?;
    let writers = Writers::start(options, writing, tell, &metrics).await?;
    Ok(Ledger {
        readers: Pool::Postgres(readers),
        searchers: Pool::Postgres(searchers),
        writer: Writer::Postgres(writers),
        failed,
        metrics,
        _lock: None,
    })
}

fn pool(size: u32, settings: &'static str) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(size).after_connect(move |connection, _| {
        Box::pin(async move { session::set(connection, settings).await })
    })
}

/// A connection that comes back inside a transaction is closed: a write whose task panicked, or any
/// other way that nobody has thought of, must not make the next one's writes part of it.
async fn writing(options: &PgConnectOptions) -> Result<PgPool, sqlx::Error> {
    pool(WRITERS, session::HOT)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_release(|connection, _| Box::pin(session::is_idle(connection)))
        .connect_with(options.clone())
        .await
}

/// A connection of one's own.
async fn connect(
    options: &PgConnectOptions,
    settings: &'static str,
) -> Result<PgConnection, sqlx::Error> {
    let connecting = async {
        let mut connection = options.connect().await?;
        session::set(&mut connection, settings).await?;
        Ok(connection)
    };
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
    connected.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// A connection that only reads, beside whoever else uses the database.
pub(super) async fn beside(options: &PgConnectOptions) -> Result<Connection, Error> {
    let options = options.clone().application_name("surety-reader");
    Ok(Connection::Postgres(connect(&options, session::READ_ONLY).await?))
}

/// One that writes a little.
pub(super) async fn writing_beside(options: &PgConnectOptions) -> Result<Connection, Error> {
    Ok(Connection::Postgres(connect(options, session::HOT).await?))
}

async fn assert_fit(place: &Place, connection: &mut Connection) -> Result<(), Error> {
    let row = query(
        "SELECT CAST(CURRENT_SETTING('server_version_num') AS BIGINT) AS version,
            CURRENT_SETTING('synchronous_commit') AS synchronous_commit,
            CURRENT_SETTING('fsync') AS fsync,
            CAST(CASE WHEN PG_IS_IN_RECOVERY() THEN 1 ELSE 0 END AS BIGINT) AS standby",
    )
    .fetch_one(connection)
    .await?;
    let version: i64 = row.try_get("version")?;
    if version < OLDEST_VERSION {
        let why = format!("its version is {version}, expected at least {OLDEST_VERSION}");
        return Err(place.unavailable("cannot be used", &why));
    }
    if row.flag("standby")? {
        return Err(place.unavailable("cannot be written", &"the server is a standby"));
    }
    let synchronous: String = row.try_get("synchronous_commit")?;
    if synchronous != "on" {
        let why = format!("synchronous_commit is {synchronous}, expected on");
        return Err(place.unavailable("cannot be made durable", &why));
    }
    if row.try_get::<&str>("fsync")? != "on" {
        tracing::warn!("the database server runs with fsync off: a power failure loses decisions");
    }
    Ok(())
}
