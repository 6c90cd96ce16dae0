//! Connections and pools of either engine.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool};

use crate::ledger::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// Begins a transaction in which everything is read as of one moment, until the connection is
    /// closed.
    pub fn begin_snapshot(self) -> &'static str {
        match self {
            Engine::Sqlite => "BEGIN",
            Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

#[derive(Debug)]
pub(in crate::ledger) enum Connection {
    /// A connection of its own: the one that writes, or one that holds a snapshot.
    Sqlite(SqliteConnection),
    SqlitePooled(PoolConnection<Sqlite>),
    Postgres(PgConnection),
    PostgresPooled(PoolConnection<Postgres>),
}

/// A connection as sqlx knows it.
pub(super) enum Kind<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Connection {
    pub(super) fn kind(&mut self) -> Kind<'_> {
        match self {
            Connection::Sqlite(connection) => Kind::Sqlite(connection),
            Connection::SqlitePooled(connection) => Kind::Sqlite(connection),
            Connection::Postgres(connection) => Kind::Postgres(connection),
            Connection::PostgresPooled(connection) => Kind::Postgres(connection),
        }
    }

    pub fn engine(&self) -> Engine {
        match self {
            Connection::Sqlite(_) | Connection::SqlitePooled(_) => Engine::Sqlite,
            Connection::Postgres(_) | Connection::PostgresPooled(_) => Engine::Postgres,
        }
    }

    /// How long a statement may take that others wait for: longer than the server's own timeouts.
    pub(super) fn patience(&self) -> Option<Duration> {
        matches!(self, Connection::PostgresPooled(_)).then_some(Duration::from_secs(6))
    }

    /// The result of a statement; a connection that was lost by it, or hangs, is not used again.
    pub(super) fn unless_lost<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if let (Err(Error::Interrupted(_)), Connection::PostgresPooled(connection)) =
            (&result, self)
        {
            connection.close_on_drop();
        }
        result
    }

    /// Statements without values, several of them parted by semicolons.
    pub async fn run(&mut self, text: &'static str) -> Result<(), Error> {
        match self.kind() {
            Kind::Sqlite(connection) => sqlx::raw_sql(text).execute(connection).await.map(drop)?,
            Kind::Postgres(connection) => {
                sqlx::raw_sql(text).execute(connection).await.map(drop)?
            }
        }
        Ok(())
    }

    /// Takes holders for the rest of the transaction, in which something about them changes: what
    /// somebody else has just read of them is then no longer the present. SQLite has one writer, to
    /// whom everything is the present.
    pub async fn touch(&mut self, holders: &[&str]) -> Result<(), Error> {
        if let Kind::Postgres(connection) = self.kind() {
            // In order of their names, so that no two transactions wait for each other.
            sqlx::query(
                "INSERT INTO holders (holder, version)
                 SELECT DISTINCT holder, 1 FROM UNNEST($1) AS asked (holder) ORDER BY holder
                 ON CONFLICT (holder) DO UPDATE SET version = holders.version + 1",
            )
            .bind(holders)
            .execute(connection)
            .await?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
pub(in crate::ledger) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Pool {
    pub async fn acquire(&self) -> Result<Connection, Error> {
        Ok(match self {
            Pool::Sqlite(pool) => Connection::SqlitePooled(pool.acquire().await?),
            Pool::Postgres(pool) => Connection::PostgresPooled(pool.acquire().await?),
        })
    }

    pub async fn close(&self) {
        match self {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}
