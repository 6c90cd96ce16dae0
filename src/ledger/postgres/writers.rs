//! Who writes to PostgreSQL: a few tasks that commit decisions in groups, and a transaction each
//! for all else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool};
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use super::writer::CommitWriter;
use crate::ledger::Error;
use crate::ledger::assess::{Assessed, Prepared};
use crate::ledger::sql::{Connection, Pool};
use crate::ledger::write::{Pending, submit};
use crate::telemetry::StoreMetrics;

/// Statements that commit decisions at once. While they are at the disk others gather for the next;
/// the server itself syncs those together that end together.
const COMMITTING: usize = 4;
/// Assessments that may wait; past it callers wait to hand theirs in.
const QUEUE: usize = 1024;
/// How often a transaction is tried that lost its connection or stood in somebody's way.
const TRIES: u32 = 4;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(20);

pub(super) type Job = (Box<Prepared>, oneshot::Sender<Result<Assessed, Error>>);
/// The heads of chains that this process has seen: a server that took over may be behind them.
pub(super) type Seen = Arc<std::sync::Mutex<HashMap<i64, i64>>>;
pub(super) type Waiting = Arc<Mutex<mpsc::Receiver<Job>>>;
/// Held by everything that still writes; told why when nothing more can be written.
pub(super) type Alive = watch::Sender<Option<String>>;

#[derive(Clone, Debug)]
pub(in crate::ledger) struct Writers {
    jobs: mpsc::Sender<Job>,
    pool: PgPool,
    alive: Alive,
}

impl Writers {
    pub async fn start(
        options: PgConnectOptions,
        pool: PgPool,
        alive: Alive,
        metrics: &StoreMetrics,
    ) -> Result<Writers, Error> {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let waiting: Waiting = Arc::new(Mutex::new(waiting));
        let seen = Seen::default();
        for _ in 0..COMMITTING {
            let writer = CommitWriter::connect(options.clone(), Arc::clone(&seen), metrics.clone());
            let writer = writer.await?;
            tokio::spawn(watch_over(writer, Arc::clone(&waiting), alive.clone()));
        }
        Ok(Writers { jobs, pool, alive })
    }

    /// Decisions that no writer has taken yet.
    pub fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    #[cfg(test)]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub async fn assess(
        &self,
        prepared: Box<Prepared>,
        reply: oneshot::Sender<Result<Assessed, Error>>,
    ) -> Result<(), Error> {
        submit(&self.jobs, (prepared, reply)).await
    }

    /// Runs `work` in a transaction, in a task of its own: a `BEGIN` that is dropped half way would
    /// make the connection's later writes part of a transaction that nobody ends.
    pub fn write<T, W>(&self, work: W, reply: oneshot::Sender<Result<T, Error>>)
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut Connection) -> Pending<'c, T> + Send + Sync + 'static,
    {
        let Writers { pool, alive, .. } = self.clone();
        tokio::spawn(async move {
            let result = transaction(&Pool::Postgres(pool), &work).await;
            drop(alive);
            // Nobody waits any more when the caller was dropped; what is written stays.
            drop(reply.send(result));
        });
    }
}

/// Runs a writer; one that panics, or finds that the database has lost what was answered, is one
/// that stopped, and the process should end.
async fn watch_over(writer: CommitWriter, waiting: Waiting, alive: Alive) {
    let ended = tokio::spawn(writer.run(waiting)).await;
    let cause = match ended {
        Ok(Ok(())) => return,
        Ok(Err(lost)) => lost.to_string(),
        Err(fault) => fault.to_string(),
    };
    alive.send_replace(Some(format!("the ledger's writer stopped: {cause}")));
}

/// What was interrupted is done again: a write is claimed by its key, so that one whose commit got
/// through, and only its answer was lost, finds that answer.
async fn transaction<T, W>(pool: &Pool, work: &W) -> Result<T, Error>
where
    W: for<'c> Fn(&'c mut Connection) -> Pending<'c, T>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        match once(pool, work).await {
            Err(Error::Interrupted(_)) if tries < TRIES => {
                tokio::time::sleep(TRY_AGAIN_AFTER * tries).await;
            }
            result => return result,
        }
    }
}

async fn once<T, W>(pool: &Pool, work: &W) -> Result<T, Error>
where
    W: for<'c> Fn(&'c mut Connection) -> Pending<'c, T>,
{
    let mut connection = pool.acquire().await?;
    connection.run("BEGIN").await?;
    let result = work(&mut connection).await;
    let end = match &result {
        Ok(_) => connection.run("COMMIT").await,
        Err(_) => connection.run("ROLLBACK").await,
    };
    match (result, end) {
        // After a failed COMMIT nobody knows; after a failed ROLLBACK the pool closes it.
        (Ok(_), Err(lost)) => Err(lost),
        (result, _) => result,
    }
}
