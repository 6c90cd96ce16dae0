//! What the signal store was taught, read beside a service that has the ledger open.

use tokio::sync::Mutex;

use super::signal::{StoredSignal, rows_after};
use super::sql::Connection;
use super::{Error, Place, shared};

/// The past of the signals; reads only.
#[derive(Debug)]
pub struct History {
    reader: Mutex<Connection>,
}

impl History {
    /// Opens a ledger that is there already, in use or not. All that is read is one snapshot.
    pub async fn open(place: &Place) -> Result<History, Error> {
        Ok(History { reader: Mutex::new(place.beside().await?) })
    }

    /// The filling of a shared signal store that holds what the ledger has taught.
    pub async fn filling(&self) -> Result<Option<String>, Error> {
        shared::filling(&mut *self.reader.lock().await).await
    }

    /// Rows after `after_seq` (0 for the first), in order.
    pub async fn signal_events(
        &self,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<StoredSignal>, Error> {
        rows_after(&mut *self.reader.lock().await, after_seq, limit).await
    }
}
