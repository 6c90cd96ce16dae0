//! What the signal store was taught, read beside a service that has the ledger open.

use std::path::Path;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::signal::{StoredSignal, rows_after};
use super::{Error, open};

/// The past of the signals; reads only.
#[derive(Clone, Debug)]
pub struct History {
    reader: SqlitePool,
}

impl History {
    /// Opens a ledger that is there already, in use or not.
    pub async fn open(path: &Path) -> Result<History, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .read_only(true)
            .busy_timeout(open::BUSY_TIMEOUT);
        let reader = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await
            .map_err(|error| open::unavailable(path, "cannot be read", &error))?;
        Ok(History { reader })
    }

    /// Rows after `after_seq` (0 for the first), in order.
    pub async fn signal_events(
        &self,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<StoredSignal>, Error> {
        rows_after(&self.reader, after_seq, limit).await
    }
}
