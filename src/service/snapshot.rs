//! Snapshots of the signal store: written now and then and at the end, so that a start replays only
//! what came after the last one.
//!
//! The ledger stays what counts: a snapshot that does not fit it is not used, and one that cannot
//! be written costs a longer start and nothing else. It holds whom the store remembers, so erasing
//! somebody removes the file; the next one is written without them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::sync::oneshot;

use super::{Service, Settings};
use crate::ledger::{self, Ledger, StoredSignal};
use crate::signals::{
    EmbeddedConfig, EmbeddedStore, SignalStore, SnapshotCut, SnapshotError, SnapshotMark,
    SnapshotWritten, StoredSnapshot,
};

/// How long new calls may wait for a moment in which none is under way. A ledger that stalls makes
/// that moment late; then calls go on, and the snapshot is tried again.
const QUIET_WITHIN: Duration = Duration::from_millis(80);
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// At the end nobody waits any more.
const QUIET_AT_THE_END_WITHIN: Duration = Duration::from_secs(2);

/// Bytes after which what was written is brought to the disk: all of it at once would hold up the
/// ledger's own syncs.
const SYNCED_EVERY: usize = 8 * 1024 * 1024;
/// What is read or written at once.
const AT_ONCE: usize = 1024 * 1024;

/// Where the service keeps its snapshot, and how far that one goes.
#[derive(Debug)]
pub(super) struct SnapshotFile {
    path: Option<PathBuf>,
    /// The ledger's sequence in the file; 0 when there is none that fits.
    sequence: AtomicI64,
    /// Set when the process has to end now.
    given_up: AtomicBool,
    /// How often somebody was erased: what was cut before is not to get the file's name.
    erasures: Mutex<u64>,
}

/// What a start found: how far the store is taught already, and how many parties it knows by that.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loaded {
    pub sequence: i64,
    pub parties: usize,
}

impl Loaded {
    pub fn tell(self, tail: u64, took: Duration) {
        let (Loaded { sequence, parties }, duration_ms) = (self, took.as_millis() as u64);
        match sequence {
            0 if tail == 0 => {}
            0 => {
                tracing::info!(rows = tail, duration_ms, "the signals were rebuilt from the ledger")
            }
            _ => tracing::info!(
                parties,
                sequence,
                tail,
                duration_ms,
                "the signals were loaded from their snapshot"
            ),
        }
    }
}

/// What became of a snapshot that was to be taken.
enum Taken {
    /// There is no file to keep, or nothing new to write into it.
    NotNeeded,
    /// Some call was under way all the time or its outcome in doubt, or somebody was erased
    /// meanwhile.
    NeverQuiet,
    Written(SnapshotMark, SnapshotWritten),
}

/// Whether a copy was begun.
enum Cut {
    NotNeeded,
    /// The store may lack something that the ledger holds.
    NotYet,
    Begun(SnapshotMark, Box<SnapshotCut>),
}

impl SnapshotFile {
    pub fn new(path: Option<PathBuf>, loaded: Loaded) -> SnapshotFile {
        let sequence = AtomicI64::new(loaded.sequence);
        let (given_up, erasures) = (AtomicBool::new(false), Mutex::default());
        SnapshotFile { path, sequence, given_up, erasures }
    }

    fn erasures(&self) -> MutexGuard<'_, u64> {
        self.erasures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the file, and any that is being written, since somebody in it is to be forgotten.
    pub fn remove(&self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut erasures = self.erasures();
        *erasures += 1;
        self.sequence.store(0, Ordering::Relaxed);
        match fs::remove_file(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| sync_folder(path)),
        }
    }
}

impl Service {
    /// Writes a snapshot each time that `every` has passed, and a last one when `stop` is told or
    /// dropped.
    pub async fn keep_snapshots(self: Arc<Self>, every: Duration, mut stop: oneshot::Receiver<()>) {
        let mut wait = every;
        loop {
            let stopped = tokio::time::timeout(wait, &mut stop).await.is_ok();
            if self.snapshot.given_up.load(Ordering::Relaxed) {
                return;
            }
            let within = if stopped { QUIET_AT_THE_END_WITHIN } else { QUIET_WITHIN };
            let begun = Instant::now();
            let taken = self.take_snapshot(within).await;
            wait = if matches!(taken, Ok(Taken::NeverQuiet)) { TRIED_AGAIN_AFTER } else { every };
            tell(&taken, begun.elapsed(), stopped);
            if stopped {
                return;
            }
        }
    }

    /// No snapshot from now on, and none of what is being written: the process has to end.
    pub fn give_up_snapshot(&self) {
        self.snapshot.given_up.store(true, Ordering::Relaxed);
    }

    async fn take_snapshot(self: &Arc<Self>, within: Duration) -> io::Result<Taken> {
        let (Some(store), Some(path)) = (in_memory(&self.signals), &self.snapshot.path) else {
            return Ok(Taken::NotNeeded);
        };
        let erasures = *self.snapshot.erasures();
        let cut = match tokio::time::timeout(within, self.cut(store)).await {
            Err(_) => return Ok(Taken::NeverQuiet),
            Ok(cut) => cut.map_err(io::Error::other)?,
        };
        let (mark, cut) = match cut {
            Cut::NotNeeded => return Ok(Taken::NotNeeded),
            Cut::NotYet => return Ok(Taken::NeverQuiet),
            Cut::Begun(mark, cut) => (mark, cut),
        };
        let (service, path) = (Arc::clone(self), path.clone());
        let written = tokio::task::spawn_blocking(move || service.write(&cut, &path, erasures));
        let written = written.await.map_err(io::Error::other)??;
        Ok(written.map_or(Taken::NeverQuiet, |written| Taken::Written(mark, written)))
    }

    /// Begins a copy while no call that writes is under way: all that the ledger holds by then is
    /// taught, and nothing more. (An attempt that the ledger refused counts in the store only, as
    /// it does until the next start anyway.)
    async fn cut(&self, store: &EmbeddedStore) -> Result<Cut, ledger::Error> {
        let _quiet = self.quiet.write().await;
        if self.owed.is_open() {
            return Ok(Cut::NotYet);
        }
        let Some(last) = self.ledger.last_signal_event().await? else { return Ok(Cut::NotNeeded) };
        if last.seq == self.snapshot.sequence.load(Ordering::Relaxed) {
            return Ok(Cut::NotNeeded);
        }
        let mark = SnapshotMark { sequence: last.seq, row: fingerprint(&last), taken: self.now() };
        Ok(store.begin_copy(mark).map_or(Cut::NotNeeded, |cut| Cut::Begun(mark, Box::new(cut))))
    }

    /// `None` when somebody was erased since there were so many erasures.
    fn write(
        &self,
        cut: &SnapshotCut,
        path: &Path,
        erasures: u64,
    ) -> io::Result<Option<SnapshotWritten>> {
        let Some(store) = in_memory(&self.signals) else {
            return Err(io::Error::other("the signals are not in memory"));
        };
        let beside = path.with_extension("snapshot.new");
        let written = match open_beside(&beside) {
            Ok(file) => write_to(file, store, cut, &self.snapshot.given_up),
            Err(error) => {
                store.give_up_copy();
                Err(error)
            }
        };
        let named = written.and_then(|written| {
            let latest = self.snapshot.erasures();
            if *latest != erasures {
                return Ok(None);
            }
            fs::rename(&beside, path)?;
            sync_folder(path)?;
            self.snapshot.sequence.store(cut.sequence(), Ordering::Relaxed);
            Ok(Some(written))
        });
        if !matches!(named, Ok(Some(_))) {
            // Half a file is of no use to anybody; when even this fails, the next one replaces it.
            drop(fs::remove_file(&beside));
        }
        named
    }
}

/// The store that a snapshot is made of; one that others share keeps itself.
fn in_memory(store: &SignalStore) -> Option<&EmbeddedStore> {
    match store {
        SignalStore::Embedded(store) => Some(store),
        SignalStore::Redis(_) => None,
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn open_beside(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn write_to(
    file: File,
    store: &EmbeddedStore,
    cut: &SnapshotCut,
    given_up: &AtomicBool,
) -> io::Result<SnapshotWritten> {
    let mut out = BufWriter::with_capacity(AT_ONCE, Steady { file, unsynced: 0, given_up });
    let written = store.write_copy(cut, &mut out)?;
    out.flush()?;
    out.get_ref().file.sync_all()?;
    Ok(written)
}

/// A file that is brought to the disk as it grows.
struct Steady<'a> {
    file: File,
    unsynced: usize,
    given_up: &'a AtomicBool,
}

impl Write for Steady<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.given_up.load(Ordering::Relaxed) {
            return Err(io::Error::other("the process ends"));
        }
        let length = self.file.write(bytes)?;
        self.unsynced += length;
        if self.unsynced >= SYNCED_EVERY {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Puts the store of the snapshot into the settings, if there is one that fits the ledger.
pub(super) async fn load(settings: &mut Settings) -> Result<Loaded, ledger::Error> {
    let (Some(empty), Some(path)) = (in_memory(&settings.signals), &settings.snapshot) else {
        return Ok(Loaded::default());
    };
    let (path, config) = (path.clone(), empty.config());
    let opened = blocking(move || open(&path, config)).await;
    let loaded = match opened {
        Ok(None) => return Ok(Loaded::default()),
        Ok(Some(snapshot)) if !fits(snapshot.mark(), &settings.ledger).await? => {
            Err(Unusable::OtherLedger { sequence: snapshot.mark().sequence })
        }
        Ok(Some(snapshot)) => {
            let (sequence, parties) = (snapshot.mark().sequence, snapshot.parties());
            let loaded = blocking(move || Ok(snapshot.load()?)).await;
            loaded.map(|store| (store, Loaded { sequence, parties }))
        }
        Err(unusable) => Err(unusable),
    };
    match loaded {
        Ok((store, loaded)) => {
            settings.signals = SignalStore::Embedded(store);
            Ok(loaded)
        }
        Err(cause) => {
            tracing::warn!(
                %cause,
                "the snapshot of the signals is not used; they are rebuilt from the ledger"
            );
            Ok(Loaded::default())
        }
    }
}

/// Why a snapshot is not used.
#[derive(Debug, Error)]
enum Unusable {
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("it is of another ledger, or of a later state of this one: row {sequence} differs")]
    OtherLedger { sequence: i64 },
    #[error("reading it failed: {0}")]
    Failed(#[from] tokio::task::JoinError),
}

type Stored = StoredSnapshot<BufReader<File>>;

/// `None` when there is no file.
fn open(path: &Path, config: EmbeddedConfig) -> Result<Option<Stored>, Unusable> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(SnapshotError::from)?,
    };
    Ok(Some(StoredSnapshot::open(BufReader::with_capacity(AT_ONCE, file), config)?))
}

/// Whether the ledger still has the row that the snapshot was made at.
async fn fits(mark: SnapshotMark, ledger: &Ledger) -> Result<bool, ledger::Error> {
    let rows = ledger.signal_events(mark.sequence.saturating_sub(1), 1).await?;
    Ok(rows.first().is_some_and(|row| row.seq == mark.sequence && fingerprint(row) == mark.row))
}

fn fingerprint(row: &StoredSignal) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(row.seq.to_le_bytes());
    hash.update(row.time.as_micros().to_le_bytes());
    for text in [&row.holder, &row.kind, &row.payload] {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unusable> + Send + 'static,
) -> Result<T, Unusable> {
    tokio::task::spawn_blocking(work).await?
}

fn tell(taken: &io::Result<Taken>, took: Duration, at_the_end: bool) {
    let duration_ms = took.as_millis() as u64;
    match taken {
        Ok(Taken::NotNeeded) => {}
        Ok(Taken::NeverQuiet) => {
            tracing::info!(at_the_end, "no snapshot now: calls were under way all the time");
        }
        Ok(Taken::Written(mark, written)) => {
            let SnapshotWritten { parties, bytes } = *written;
            let sequence = mark.sequence;
            tracing::info!(parties, sequence, bytes, duration_ms, "a snapshot was written");
        }
        Err(cause) => {
            tracing::warn!(%cause, duration_ms, "no snapshot could be written; the old one stays");
        }
    }
}
