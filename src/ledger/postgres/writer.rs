//! A task that commits decisions in groups, each group in one statement.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;

use super::commit::{Verdict, commit};
use super::writers::{Job, Seen, Waiting};
use super::{connect, session};
use crate::ledger::assess::{AssessCommit, Assessed, Prepared};
use crate::ledger::chain::Head;
use crate::ledger::sql::{Connection, query};
use crate::ledger::{Error, answer};
use crate::telemetry::StoreMetrics;

/// Most assessments in one statement.
const GROUP_MAX: usize = 128;
/// How long a group is tried again after its connection was lost; its callers have deadlines.
const PATIENCE: Duration = Duration::from_secs(3);
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// A server that hangs does not keep its own timeouts.
const STATEMENT_MAX: Duration = Duration::from_secs(3);
/// The class of the advisory locks that say who writes a chain.
const CHAIN_LOCKS: i64 = 0x5375_7265;
/// More writers than anybody runs.
const CHAINS_MAX: i64 = 10_000;

/// A connection with the chain that it alone writes. A lost connection takes the chain's head with
/// it: nobody knows whether its last statement got through.
pub(super) struct CommitWriter {
    options: PgConnectOptions,
    session: Option<Session>,
    seen: Seen,
    metrics: StoreMetrics,
    /// Why this writer has to stop.
    lost: Option<Error>,
}

struct Session {
    connection: Connection,
    head: Head,
}

impl CommitWriter {
    pub async fn connect(
        options: PgConnectOptions,
        seen: Seen,
        metrics: StoreMetrics,
    ) -> Result<CommitWriter, Error> {
        let session = Some(Session::open(&options).await?);
        Ok(CommitWriter { options, session, seen, metrics, lost: None })
    }

    /// Ends when nobody can hand in anything more, or with the cause when it has to stop.
    pub async fn run(mut self, waiting: Waiting) -> Result<(), Error> {
        let mut group = Vec::with_capacity(GROUP_MAX);
        loop {
            // What could not go with the group before is in it already.
            let room = GROUP_MAX - group.len();
            if group.is_empty() {
                let found = waiting.lock().await.recv_many(&mut group, room).await;
                if found == 0 {
                    break;
                }
            } else if let Ok(mut waiting) = waiting.try_lock() {
                while group.len() < GROUP_MAX
                    && let Ok(job) = waiting.try_recv()
                {
                    group.push(job);
                }
            }
            let (now, later) = apart(std::mem::take(&mut group));
            group = later;
            self.commit(now).await;
            if let Some(lost) = self.lost.take() {
                return Err(lost);
            }
        }
        Ok(())
    }

    /// Commits a group and tells everybody what became of theirs.
    async fn commit(&mut self, mut group: Vec<Job>) {
        let begun = Instant::now();
        while !group.is_empty() {
            let error = match self.attempt(&group).await {
                Ok(verdicts) => {
                    self.metrics.committed(group.len());
                    for ((_, reply), verdict) in group.drain(..).zip(verdicts) {
                        // Nobody waits any more when the caller was dropped.
                        drop(reply.send(verdict));
                    }
                    return;
                }
                Err(error) => error,
            };
            match error {
                Error::Interrupted(_) if begun.elapsed() < PATIENCE => {
                    self.session = None;
                    tokio::time::sleep(TRY_AGAIN_AFTER).await;
                }
                // One that cannot be written must not hold up the others.
                Error::Corrupt(_) if group.len() > 1 => {
                    let half = group.split_off(group.len() / 2);
                    Box::pin(self.commit(half)).await;
                }
                error => {
                    self.session = None;
                    for (_, reply) in group.drain(..) {
                        drop(reply.send(Err(error.clone())));
                    }
                }
            }
        }
    }

    async fn attempt(&mut self, group: &[Job]) -> Result<Vec<Result<Assessed, Error>>, Error> {
        if self.session.is_none() {
            let opening = tokio::time::timeout(STATEMENT_MAX, Session::open(&self.options)).await;
            let session = opening.map_err(|_| Error::hung())??;
            self.assert_kept(&session.head)?;
            self.session = Some(session);
        }
        let Some(session) = &mut self.session else { return Err(Error::hung()) };
        let prepared: Vec<&Prepared> = group.iter().map(|(prepared, _)| &**prepared).collect();
        let committed = commit(&mut session.connection, &session.head, &prepared);
        let committed = tokio::time::timeout(STATEMENT_MAX, committed);
        let (head, verdicts) = committed.await.map_err(|_| Error::hung())??;
        session.head = head;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(head.chain, head.link);
        let mut results = Vec::with_capacity(group.len());
        for (prepared, verdict) in prepared.iter().zip(verdicts) {
            results.push(session.answer(&prepared.commit, verdict).await?);
        }
        Ok(results)
    }
}

impl CommitWriter {
    /// A server that took over without the last commits of the one before has lost what was
    /// answered: nothing more is decided on it.
    fn assert_kept(&mut self, head: &Head) -> Result<(), Error> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.get(&head.chain).copied().unwrap_or(0);
        drop(seen);
        if head.link >= known {
            return Ok(());
        }
        let lost = Error::Unavailable(format!(
            "the database has lost decisions that were answered: chain {} ends at link {}, and was \
             at {known}",
            head.chain, head.link
        ));
        self.lost = Some(lost.clone());
        Err(lost)
    }
}

impl Session {
    async fn open(options: &PgConnectOptions) -> Result<Session, Error> {
        let connection = connect(options, session::HOT).await?;
        let mut connection = Connection::Postgres(connection);
        // A session that is not quite over may still hold its chain: then another one is taken.
        for chain in 1..CHAINS_MAX {
            let free = query(
                "SELECT CAST(CASE WHEN PG_TRY_ADVISORY_LOCK($1) THEN 1 ELSE 0 END AS BIGINT)",
            )
            .bind(CHAIN_LOCKS << 32 | chain)
            .fetch_value::<i64>(&mut connection)
            .await?;
            if free == Some(1) {
                let head = Head::open(&mut connection, chain).await?;
                return Ok(Session { connection, head });
            }
        }
        Err(Error::Unavailable("the ledger's chains are all being written".into()))
    }

    async fn answer(
        &mut self,
        asked: &AssessCommit,
        verdict: Verdict,
    ) -> Result<Result<Assessed, Error>, Error> {
        if verdict != Verdict::Answered {
            return Ok(Ok(verdict.into()));
        }
        Ok(match answer::load(&mut self.connection, &asked.key).await {
            // Ours: the statement got through and its answer was lost.
            Ok(Some(answer)) if answer.is_of(asked.record.id) => Ok(Assessed::Recorded),
            Ok(Some(answer)) => Ok(Assessed::Before(answer)),
            // Somebody else's statement with this key is not over yet, or was in vain.
            Ok(None) => return Err(Error::Interrupted("the same request is being written".into())),
            Err(error @ Error::Interrupted(_)) => return Err(error),
            Err(error) => Err(error),
        })
    }
}

/// Those of a group that can go together: of one holder, key or reference there may be one, since
/// the statement sees nothing of what it writes itself.
fn apart(group: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
    let (mut holders, mut keys, mut references) = (HashSet::new(), HashSet::new(), HashSet::new());
    let (mut now, mut later) = (Vec::with_capacity(group.len()), Vec::new());
    for job in group {
        let commit = &job.0.commit;
        let alone = keys.insert(commit.key.clone())
            && references.insert(commit.record.reference)
            && (!job.0.is_guarded() || holders.insert(commit.record.holder.clone()));
        if alone { now.push(job) } else { later.push(job) }
    }
    (now, later)
}
