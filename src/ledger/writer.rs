//! The one task that writes: it commits waiting jobs together, and answers after the commit.
//!
//! A caller may be dropped at any time; its job runs to the end all the same. When a commit fails
//! nobody knows what the disk holds, so the writer answers nothing, stops for good and says why
//! through [`Ledger::failed`]; a second fsync could succeed without the data of the first.

use std::pin::Pin;

use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};

use super::assess::{Assessed, Prepared, commit_assessments};
use super::{Error, Ledger};

/// Most jobs in one transaction. With the columns of a decision this stays under the 32,766
/// parameters that SQLite binds to a statement (asserted in `rows.rs`).
pub(super) const GROUP_MAX: usize = 256;
/// Jobs that may wait; past it callers wait to hand theirs in.
const QUEUE: usize = 1024;

/// Tells one caller what became of its job; called after the commit, dropped when there was none.
type Acknowledge = Box<dyn FnOnce() + Send>;
pub(super) type Pending<'c, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'c>>;
type Work = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> Pending<'c, Acknowledge> + Send>;

/// Something to write.
pub(super) enum Job {
    /// Goes with the other assessments of its group in a few statements of many rows.
    Assess(Box<Prepared>, oneshot::Sender<Result<Assessed, Error>>),
    /// Runs by itself; when it is refused, nothing of it stays.
    Single(Work),
}

/// Starts the writer; it ends when the last sender is dropped or a commit fails.
pub(super) fn start(
    connection: SqliteConnection,
) -> (mpsc::Sender<Job>, watch::Receiver<Option<String>>) {
    let (jobs, waiting) = mpsc::channel(QUEUE);
    let (tell, failed) = watch::channel(None);
    tokio::spawn(run(connection, waiting, tell));
    (jobs, failed)
}

impl Ledger {
    /// Resolves when the writer has stopped, with the cause. The process should exit then: the
    /// ledger accepts nothing more.
    pub async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        match failed.wait_for(Option::is_some).await {
            Ok(cause) => cause.clone().unwrap_or_default(),
            Err(_) => "the ledger's writer ended".into(),
        }
    }

    pub(super) async fn submit<T>(
        &self,
        job: Job,
        answer: oneshot::Receiver<Result<T, Error>>,
    ) -> Result<T, Error> {
        let stopped = || Error::Unavailable("the ledger's writer has stopped".into());
        self.jobs.send(job).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Hands `work` to the writer and waits for its answer.
    pub(super) async fn write<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> Pending<'c, T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            Box::pin(async move {
                let result = in_savepoint(connection, work).await?;
                // Nobody waits any more when the caller was dropped; what is written stays.
                Ok(Box::new(move || drop(reply.send(result))) as Acknowledge)
            })
        });
        self.submit(Job::Single(work), answer).await
    }
}

async fn run(
    mut connection: SqliteConnection,
    mut waiting: mpsc::Receiver<Job>,
    tell: watch::Sender<Option<String>>,
) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while waiting.recv_many(&mut group, GROUP_MAX).await > 0 {
        match commit_group(&mut connection, std::mem::take(&mut group)).await {
            Ok(acknowledgements) => acknowledgements.into_iter().for_each(|tell| tell()),
            Err(error) => {
                tell.send_replace(Some(format!("the ledger's writer stopped: {error}")));
                // Closing would move the log into the main file, as if its sync had succeeded.
                std::mem::forget(connection);
                return;
            }
        }
    }
    // A failure here loses nothing: what was committed is in the log.
    drop(connection.close().await);
}

/// All jobs of a group were waiting at once, so their order is ours: single ones first, then the
/// assessments together, in order of arrival.
async fn commit_group(
    connection: &mut SqliteConnection,
    group: Vec<Job>,
) -> Result<Vec<Acknowledge>, Error> {
    let mut acknowledgements = Vec::with_capacity(group.len());
    let mut assessments = Vec::with_capacity(group.len());
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    for job in group {
        match job {
            Job::Single(work) => acknowledgements.push(work(&mut *connection).await?),
            Job::Assess(commit, reply) => assessments.push((commit, reply)),
        }
    }
    if !assessments.is_empty() {
        let (commits, replies): (Vec<_>, Vec<_>) = assessments.into_iter().unzip();
        let results = commit_assessments(&mut *connection, &commits).await?;
        for (reply, result) in replies.into_iter().zip(results) {
            acknowledgements.push(Box::new(move || drop(reply.send(result))));
        }
    }
    sqlx::query("COMMIT").execute(&mut *connection).await?;
    Ok(acknowledgements)
}

/// Runs `work` so that it leaves nothing when it is refused. The outer error is that of a ledger
/// which cannot be written; the inner one is an answer.
async fn in_savepoint<T, W>(
    connection: &mut SqliteConnection,
    work: W,
) -> Result<Result<T, Error>, Error>
where
    W: for<'c> FnOnce(&'c mut SqliteConnection) -> Pending<'c, T>,
{
    sqlx::query("SAVEPOINT job").execute(&mut *connection).await?;
    let result = work(&mut *connection).await;
    let end = match &result {
        Ok(_) => "RELEASE job",
        Err(Error::Unavailable(cause)) => return Err(Error::Unavailable(cause.clone())),
        Err(_) => "ROLLBACK TO job; RELEASE job",
    };
    sqlx::query(end).execute(&mut *connection).await?;
    Ok(result)
}
