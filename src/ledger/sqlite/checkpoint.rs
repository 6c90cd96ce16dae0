//! Moves the write-ahead log into the main file beside the writer, who would stall for it.
//!
//! SQLite's own way is that the commit which makes the log long moves all of it: one in a few
//! hundred decisions then takes tens of milliseconds, and all that wait behind it too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::Connection as _;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::ledger::Error;
use crate::ledger::sql::{Connection, query};

/// Lengths of the log, in pages of 4 KiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lengths {
    /// So many are gathered before they are moved.
    part: i64,
    /// At this length the writer moves the rest itself,
    most: i64,
    /// if that is less: behind a reader who holds back more it could only wait too.
    rest: i64,
}

/// Small parts, since commits wait behind what a sync of the file has to write: at half load the
/// 99th percentile was 18 to 39 ms so, and 89 to 188 ms with parts of 16,000.
/// The log begins anew only when all of it was moved, which never happens while commits follow one
/// another without a pause. At 250 MiB fewer than one decision in a hundred waits for it.
pub(super) const LENGTHS: Lengths = Lengths { part: 500, most: 64_000, rest: 16_000 };
/// Between looks at a log that grows.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Cuts that may be asked for at once; each erasure asks for one.
const CUTS: usize = 16;
/// How often a cut is tried, a few seconds in all: somebody may read just then, and who holds up
/// commits waits for a short time only.
const CUT_TRIES: u32 = 12;

/// Told whether the log was cut.
pub(super) type Cut = oneshot::Sender<bool>;

/// What the writer knows of it.
pub(super) struct Checkpoints {
    committed: watch::Sender<()>,
    cuts: mpsc::Sender<Cut>,
    asked: Arc<AtomicBool>,
    running: JoinHandle<()>,
}

/// Frames in the log, and how many of them are moved.
struct Moved {
    frames: i64,
    moved: i64,
}

impl Checkpoints {
    /// Starts moving by a connection of its own; what ends that is told by the receiver. It stops
    /// with the writer.
    pub fn start(
        connection: Connection,
        lengths: Lengths,
    ) -> (Checkpoints, oneshot::Receiver<Error>) {
        let (committed, commits) = watch::channel(());
        let (cuts, cutting) = mpsc::channel(CUTS);
        let asked = Arc::new(AtomicBool::new(false));
        let (tell, failed) = oneshot::channel();
        let run = run((connection, lengths), (commits, cutting), Arc::clone(&asked));
        let running = tokio::spawn(async move {
            if let Err(error) = run.await {
                // Nobody listens any more when the writer has ended too.
                drop(tell.send(error));
            }
        });
        (Checkpoints { committed, cuts, asked, running }, failed)
    }

    /// To be called by the writer after each commit: moves the rest, where that was asked for.
    pub async fn after_commit(&self, writer: &mut Connection) -> Result<(), Error> {
        self.committed.send_replace(());
        if self.asked.swap(false, Ordering::Relaxed) {
            unless_full(pass(writer).await)?;
        }
        Ok(())
    }

    /// Moves all of the log and cuts it to nothing, after what is committed so far; says that it
    /// could not where somebody reads for long, or too many ask.
    pub fn cut(&self, reply: Cut) {
        if let Err(refused) = self.cuts.try_send(reply) {
            // Who asked may be gone.
            let _gone = refused.into_inner().send(false);
        }
    }

    /// Stops moving, and has closed its connection: who closes the last one moves all that is left.
    pub async fn end(self) {
        let Checkpoints { committed, cuts, running, .. } = self;
        drop((committed, cuts));
        // It says itself what went wrong.
        let _ended = running.await;
    }

    /// To be called by the writer when there was no room for a commit: a log of which all is moved
    /// begins anew, in the room that it has.
    pub async fn after_full(&self, writer: &mut Connection) -> Result<(), Error> {
        unless_full(pass(writer).await)
    }
}

async fn run(
    (mut connection, lengths): (Connection, Lengths),
    (mut commits, mut cuts): (watch::Receiver<()>, mpsc::Receiver<Cut>),
    asked: Arc<AtomicBool>,
) -> Result<(), Error> {
    loop {
        let moved = tokio::select! {
            Some(reply) = cuts.recv() => cut(&mut connection).await.map(|done| {
                // Who asked may be gone.
                let _gone = reply.send(done);
            }),
            Ok(()) = commits.changed() => {
                tokio::time::sleep(LOOK_EVERY).await;
                keep_short(&mut connection, lengths, &asked).await
            }
            else => break,
        };
        if let Err(error) = moved {
            // Closing would try once more, and a second sync could succeed without the data.
            std::mem::forget(connection);
            return Err(error);
        }
    }
    if let Connection::Sqlite(connection) = connection {
        // A failure here loses nothing: what was committed is in the log.
        drop(connection.close().await);
    }
    Ok(())
}

async fn keep_short(
    connection: &mut Connection,
    lengths: Lengths,
    asked: &AtomicBool,
) -> Result<(), Error> {
    let log = look(connection).await?;
    if log.frames - log.moved < lengths.part {
        return Ok(());
    }
    unless_full(pass(connection).await)?;
    // A pass tells of the log as it was at its beginning: what came since is told here. Even when
    // nothing is left the log goes on, where the next commit has begun on it meanwhile.
    let log = look(connection).await?;
    if log.frames >= lengths.most && log.frames - log.moved < lengths.rest {
        asked.store(true, Ordering::Relaxed);
    }
    Ok(())
}

async fn cut(connection: &mut Connection) -> Result<bool, Error> {
    for _ in 1..CUT_TRIES {
        if try_cut(connection).await? {
            return Ok(true);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    try_cut(connection).await
}

/// No commit begins while the log is cut, so nearly all of it is moved before.
async fn try_cut(connection: &mut Connection) -> Result<bool, Error> {
    unless_full(pass(connection).await)?;
    let row = match query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await {
        Err(Error::Full(_)) => return Ok(false),
        row => row?,
    };
    Ok(row.first::<i64>()? == 0)
}

/// On a full disk the log stays as it is; there may be room again.
fn unless_full(moved: Result<Moved, Error>) -> Result<(), Error> {
    match moved {
        Err(Error::Full(_)) => Ok(()),
        other => other.map(drop),
    }
}

async fn look(connection: &mut Connection) -> Result<Moved, Error> {
    counted(connection, "PRAGMA wal_checkpoint(NOOP)").await
}

/// Moves what no reader still needs in the log; waits for nobody.
async fn pass(connection: &mut Connection) -> Result<Moved, Error> {
    counted(connection, "PRAGMA wal_checkpoint(PASSIVE)").await
}

async fn counted(connection: &mut Connection, text: &'static str) -> Result<Moved, Error> {
    let row = query(text).fetch_one(connection).await?;
    Ok(Moved { frames: row.try_get("log")?, moved: row.try_get("checkpointed")? })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sqlx::ConnectOptions;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};

    use super::*;

    async fn open(path: &Path) -> Connection {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("wal_autocheckpoint", "0")
            .pragma("synchronous", "OFF");
        Connection::Sqlite(options.connect().await.unwrap())
    }

    /// Commits without a pause, each of more pages than are moved at a time, until the log is
    /// shorter than it was.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_log_begins_anew_while_commits_follow_one_another() {
        const COMMITS: usize = 20_000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.sqlite");
        let (mut writer, beside) = (open(&path).await, open(&path).await);
        writer.run("CREATE TABLE rows (text TEXT)").await.unwrap();
        let lengths = Lengths { part: 5, most: 2_000, rest: 1_000 };
        let (checkpoints, mut unmoved) = Checkpoints::start(beside, lengths);
        let mut longest = 0;
        for _ in 0..COMMITS {
            writer.run("INSERT INTO rows VALUES (HEX(ZEROBLOB(30000)))").await.unwrap();
            checkpoints.after_commit(&mut writer).await.unwrap();
            let frames = look(&mut writer).await.unwrap().frames;
            if frames < longest {
                assert!(longest >= lengths.most, "{longest}");
                assert!(unmoved.try_recv().is_err());
                return;
            }
            longest = frames;
        }
        panic!("{COMMITS} commits left a log of {longest} pages");
    }
}
