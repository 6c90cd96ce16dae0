//! Moves the write-ahead log into the main file beside the writer, who would stall for it.
//!
//! SQLite's own way is that the commit which makes the log long moves all of it: one in a few
//! hundred decisions then takes tens of milliseconds, and all that wait behind it too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::ledger::Error;
use crate::ledger::sql::{Connection, query};

/// Pages of 4 KiB that the log gathers before they are moved.
const PAGES: i64 = 4_000;
/// The log begins anew only when all of it was moved, which never happens while commits follow one
/// another without a pause. At this length the writer moves the rest itself: 128 MiB, and seldom
/// enough that fewer than one decision in a hundred waits for it.
const PAGES_MOST: i64 = 32_000;
/// Between looks at a log that grows.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What the writer knows of it.
pub(super) struct Checkpoints {
    committed: watch::Sender<()>,
    asked: Arc<AtomicBool>,
}

/// Frames in the log, and how many of them are moved.
struct Moved {
    frames: i64,
    moved: i64,
}

impl Checkpoints {
    /// Starts moving by a connection of its own; what ends that is told by the receiver. It stops
    /// with the writer.
    pub fn start(connection: Connection) -> (Checkpoints, oneshot::Receiver<Error>) {
        let (committed, commits) = watch::channel(());
        let asked = Arc::new(AtomicBool::new(false));
        let (tell, failed) = oneshot::channel();
        let run = run(connection, commits, Arc::clone(&asked));
        tokio::spawn(async move {
            if let Err(error) = run.await {
                // Nobody listens any more when the writer has ended too.
                drop(tell.send(error));
            }
        });
        (Checkpoints { committed, asked }, failed)
    }

    /// To be called by the writer after each commit: moves the rest, where that was asked for.
    pub async fn after_commit(&self, writer: &mut Connection) -> Result<(), Error> {
        self.committed.send_replace(());
        if self.asked.swap(false, Ordering::Relaxed) {
            unless_full(pass(writer).await)?;
        }
        Ok(())
    }
}

async fn run(
    mut connection: Connection,
    mut commits: watch::Receiver<()>,
    asked: Arc<AtomicBool>,
) -> Result<(), Error> {
    while commits.changed().await.is_ok() {
        tokio::time::sleep(LOOK_EVERY).await;
        let log = look(&mut connection).await?;
        if log.frames - log.moved < PAGES {
            continue;
        }
        match unless_full(pass(&mut connection).await) {
            Ok(Some(after)) if after.moved < after.frames && after.frames >= PAGES_MOST => {
                asked.store(true, Ordering::Relaxed);
            }
            Ok(_) => {}
            Err(error) => {
                // Closing would try once more, and a second sync could succeed without the data.
                std::mem::forget(connection);
                return Err(error);
            }
        }
    }
    Ok(())
}

/// On a full disk the log stays as it is; there may be room again.
fn unless_full(moved: Result<Moved, Error>) -> Result<Option<Moved>, Error> {
    match moved {
        Err(Error::Full(_)) => Ok(None),
        other => other.map(Some),
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
