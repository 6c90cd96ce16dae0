//! Handing something to whoever writes, and waiting for it.
//!
//! A caller may be dropped at any time; what it handed in runs to the end all the same.

use std::pin::Pin;

use tokio::sync::{mpsc, oneshot};

use super::sql::Connection;
use super::{Error, Ledger, postgres, sqlite};
use crate::telemetry::StoreMetrics;

pub(super) type Pending<'c, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'c>>;

/// Who writes.
#[derive(Clone, Debug)]
pub(super) enum Writer {
    /// One task, to which everything is handed.
    Sqlite(mpsc::Sender<sqlite::Job>),
    /// Tasks that commit decisions, and connections for all else.
    Postgres(postgres::Writers),
}

impl Ledger {
    /// Resolves when the ledger can no longer be written, with the cause. The process should exit
    /// then: nothing more is accepted.
    pub async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        match failed.wait_for(Option::is_some).await {
            Ok(cause) => cause.clone().unwrap_or_default(),
            Err(_) => "the ledger's writer ended".into(),
        }
    }

    /// Runs `work` in a transaction and gives its answer once that is durable; when it is refused,
    /// nothing of it stays. It may run again when a connection was lost.
    pub(super) async fn write<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut Connection) -> Pending<'c, T> + Send + Sync + 'static,
    {
        let (reply, answer) = oneshot::channel();
        match &self.writer {
            Writer::Sqlite(jobs) => {
                submit(jobs, sqlite::Job::single(work, reply)).await?;
            }
            Writer::Postgres(writers) => writers.write(work, reply),
        }
        let written = answer.await.unwrap_or_else(|_| Err(stopped()));
        self.counted(written)
    }

    /// Counts a failure of the ledger itself.
    pub(super) fn counted<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Some(kind) = result.as_ref().err().and_then(Error::failure) {
            self.metrics.error("ledger", kind);
        }
        result
    }

    /// Writes that wait for a commit.
    pub fn waiting(&self) -> usize {
        match &self.writer {
            Writer::Sqlite(jobs) => jobs.max_capacity() - jobs.capacity(),
            Writer::Postgres(writers) => writers.waiting(),
        }
    }

    /// Whether it can still be written.
    pub fn works(&self) -> bool {
        self.failed.borrow().is_none()
    }

    pub fn metrics(&self) -> &StoreMetrics {
        &self.metrics
    }
}

pub(super) async fn submit<J>(jobs: &mpsc::Sender<J>, job: J) -> Result<(), Error> {
    jobs.send(job).await.map_err(|_| stopped())
}

pub(super) fn stopped() -> Error {
    Error::Unavailable("the ledger's writer has stopped".into())
}
