//! What a connection is set to, whatever the server's own defaults are.

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

/// Of connections whose statements find single rows: indexes, also while statistics still say that
/// tables are empty. Timeouts are below the deadline of a call.
pub(super) const HOT: &str = "SET synchronous_commit = on; SET statement_timeout = '2s';
    SET lock_timeout = '1s'; SET idle_in_transaction_session_timeout = '10s';
    SET enable_seqscan = off; SET jit = off; SET timezone = 'UTC'";
/// Of lists and searches by people.
pub(super) const SEARCH: &str = "SET default_transaction_read_only = on;
    SET statement_timeout = '5s'; SET jit = off; SET timezone = 'UTC'";
/// Of exports and training, which read all there is.
pub(super) const READ_ONLY: &str = "SET default_transaction_read_only = on;
    SET lock_timeout = '5s'; SET jit = off; SET timezone = 'UTC'";
pub(super) const MIGRATION: &str = "SET synchronous_commit = on; SET timezone = 'UTC'";

pub(super) async fn set(
    connection: &mut PgConnection,
    settings: &'static str,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(settings)).execute(connection).await.map(drop)
}

/// Outside a transaction every statement begins its own; a prepared one would take two steps.
pub(in crate::ledger) async fn is_idle(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let row = sqlx::raw_sql("SELECT NOW() = STATEMENT_TIMESTAMP()").fetch_one(connection).await?;
    row.try_get(0)
}
