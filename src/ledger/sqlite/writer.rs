//! The one task that writes: it commits waiting jobs together, and answers after the commit.
//!
//! A caller may be dropped at any time; its job runs to the end all the same. When a commit fails
//! nobody knows what the disk holds, so the writer answers nothing, stops for good and says why
//! through [`Ledger::failed`](crate::ledger::Ledger::failed); a second fsync could succeed without
//! the data of the first. A full disk alone says that nothing was written: the writer goes on.

use sqlx::Connection as _;
use tokio::sync::{mpsc, oneshot, watch};

use super::chain::Chain;
use super::checkpoint::{Checkpoints, Cut, LENGTHS};
use super::commit::commit_assessments;
use crate::ledger::Error;
use crate::ledger::assess::{Assessed, Prepared};
use crate::ledger::sql::Connection;
use crate::ledger::write::Pending;
use crate::telemetry::StoreMetrics;

/// Most jobs in one transaction. With the columns of a decision this stays under the 32,766
/// parameters that SQLite binds to a statement (asserted in `rows.rs`).
pub(super) const GROUP_MAX: usize = 256;
/// Jobs that may wait; past it callers wait to hand theirs in.
const QUEUE: usize = 1024;

/// How often a transaction is begun while somebody else, such as a backup tool, has the file: a
/// minute, with what each waits. Nothing is written by then, so this hides nothing.
const BEGINNINGS: u32 = 12;

/// Tells one caller what became of its job; called after the commit, dropped when there was none.
type Acknowledge = Box<dyn FnOnce() + Send>;
type Work = Box<dyn for<'c> FnOnce(&'c mut Connection) -> Pending<'c, Acknowledge> + Send>;

/// Something to write.
pub(in crate::ledger) enum Job {
    /// Goes with the other assessments of its group in a few statements of many rows.
    Assess(Box<Prepared>, oneshot::Sender<Result<Assessed, Error>>),
    /// Runs by itself; when it is refused, nothing of it stays.
    Single(Work),
    /// Writes nothing: what was committed before it came is moved into the file, the log cut.
    Cut(Cut),
}

impl Job {
    /// A job that runs `work` and tells `reply` what came of it.
    pub fn single<T, W>(work: W, reply: oneshot::Sender<Result<T, Error>>) -> Job
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut Connection) -> Pending<'c, T> + Send + Sync + 'static,
    {
        Job::Single(Box::new(move |connection| {
            Box::pin(async move {
                let result = in_savepoint(connection, work).await?;
                // Nobody waits any more when the caller was dropped; what is written stays.
                Ok(Box::new(move || drop(reply.send(result))) as Acknowledge)
            })
        }))
    }
}

/// Starts the writer; it ends when the last sender is dropped or a commit fails. `beside` moves
/// the log.
pub(super) async fn start(
    (mut connection, beside): (Connection, Connection),
    metrics: StoreMetrics,
) -> Result<(mpsc::Sender<Job>, watch::Receiver<Option<String>>), Error> {
    let chain = Chain::open(&mut connection).await?;
    let (jobs, waiting) = mpsc::channel(QUEUE);
    let (tell, failed) = watch::channel(None);
    tokio::spawn(async move {
        let (checkpoints, unmoved) = Checkpoints::start(beside, LENGTHS);
        let writer = Writer { connection, chain, checkpoints, metrics };
        if let Err(error) = writer.run(waiting, unmoved).await {
            tell.send_replace(Some(format!("the ledger's writer stopped: {error}")));
        }
    });
    Ok((jobs, failed))
}

struct Writer {
    connection: Connection,
    chain: Chain,
    checkpoints: Checkpoints,
    metrics: StoreMetrics,
}

impl Writer {
    async fn run(
        mut self,
        mut waiting: mpsc::Receiver<Job>,
        mut unmoved: oneshot::Receiver<Error>,
    ) -> Result<(), Error> {
        let mut group = Vec::with_capacity(GROUP_MAX);
        loop {
            let committed = tokio::select! {
                Ok(error) = &mut unmoved => Err(error),
                waited = waiting.recv_many(&mut group, GROUP_MAX) => match waited {
                    0 => break,
                    _ => {
                        gather(&mut waiting, &mut group).await;
                        self.commit(std::mem::take(&mut group)).await
                    }
                },
            };
            if let Err(error) = committed {
                // Closing would move the log into the main file, as if its sync had succeeded.
                std::mem::forget(self.connection);
                return Err(error);
            }
        }
        self.checkpoints.end().await;
        if let Connection::Sqlite(connection) = self.connection {
            // A failure here loses nothing: what was committed is in the log.
            drop(connection.close().await);
        }
        Ok(())
    }

    async fn commit(&mut self, group: Vec<Job>) -> Result<(), Error> {
        let (mut longer, writes) = (self.chain, group.len());
        match self.commit_group(&mut longer, group).await {
            Ok(acknowledgements) => {
                self.chain = longer;
                self.metrics.committed(writes);
                acknowledgements.into_iter().for_each(|tell| tell());
                self.checkpoints.after_commit(&mut self.connection).await
            }
            // Nothing of the group is there. What was said before holds; there may be room again.
            Err(Error::Full(cause)) => {
                tracing::error!(cause, "the disk of the ledger is full: nothing is recorded");
                self.metrics.error("ledger", "full");
                // SQLite may have rolled back by itself; if neither did, the next group says so.
                drop(self.connection.run("ROLLBACK").await);
                self.checkpoints.after_full(&mut self.connection).await
            }
            Err(error) => Err(error),
        }
    }

    /// All jobs of a group were waiting at once, so their order is ours: single ones first, then
    /// the assessments together, in order of arrival.
    async fn commit_group(
        &mut self,
        chain: &mut Chain,
        group: Vec<Job>,
    ) -> Result<Vec<Acknowledge>, Error> {
        let connection = &mut self.connection;
        let mut acknowledgements = Vec::with_capacity(group.len());
        let mut assessments = Vec::with_capacity(group.len());
        begin(connection).await?;
        for job in group {
            match job {
                Job::Single(work) => acknowledgements.push(work(connection).await?),
                Job::Assess(commit, reply) => assessments.push((commit, reply)),
                Job::Cut(reply) => self.checkpoints.cut(reply),
            }
        }
        if !assessments.is_empty() {
            let (commits, replies): (Vec<_>, Vec<_>) = assessments.into_iter().unzip();
            let results = commit_assessments(connection, chain, &commits).await?;
            for (reply, result) in replies.into_iter().zip(results) {
                acknowledgements.push(Box::new(move || drop(reply.send(result))));
            }
        }
        connection.run("COMMIT").await?;
        Ok(acknowledgements)
    }
}

/// Lets those who are about to hand something in do so: who was answered together often asks again
/// together, and would else find that the first of them has begun a sync without the others. When
/// nobody else runs this takes no time.
async fn gather(waiting: &mut mpsc::Receiver<Job>, group: &mut Vec<Job>) {
    let mut before = 0;
    while group.len() > before && group.len() < GROUP_MAX {
        before = group.len();
        tokio::task::yield_now().await;
        while group.len() < GROUP_MAX
            && let Ok(job) = waiting.try_recv()
        {
            group.push(job);
        }
    }
}

async fn begin(connection: &mut Connection) -> Result<(), Error> {
    let mut begun = connection.run("BEGIN IMMEDIATE").await;
    for _ in 1..BEGINNINGS {
        let Err(Error::Interrupted(cause)) = &begun else { break };
        tracing::warn!(cause, "somebody else has the ledger: decisions wait");
        begun = connection.run("BEGIN IMMEDIATE").await;
    }
    begun
}

/// Runs `work` so that it leaves nothing when it is refused. The outer error is that of a ledger
/// which cannot be written; the inner one is an answer.
async fn in_savepoint<T, W>(connection: &mut Connection, work: W) -> Result<Result<T, Error>, Error>
where
    W: for<'c> Fn(&'c mut Connection) -> Pending<'c, T>,
{
    connection.run("SAVEPOINT job").await?;
    let result = work(connection).await;
    let end = match &result {
        Ok(_) => "RELEASE job",
        Err(error @ (Error::Unavailable(_) | Error::Full(_))) => return Err(error.clone()),
        Err(_) => "ROLLBACK TO job; RELEASE job",
    };
    connection.run(end).await?;
    Ok(result)
}
