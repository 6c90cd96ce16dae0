//! A store made from a snapshot again: several threads take block after block.

use std::io::Read;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use indexmap::IndexMap;

use super::copy::{ShardCut, SnapshotCut, SnapshotMark};
use super::format::{SnapshotError, StoredBlock, party, read_head};
use super::{EmbeddedConfig, EmbeddedStore, Kind, SHARDS, Slot};
use crate::domain::PartyKey;
use crate::signals::wire::Reader;

/// More threads than this would wait for the disk.
const THREADS_MAX: usize = 8;

/// A snapshot whose head was read, and fits this program.
#[derive(Debug)]
pub struct StoredSnapshot<R> {
    source: R,
    store: EmbeddedStore,
    cut: SnapshotCut,
}

/// The rest of the file, shared by the threads; gone at the end and after a fault.
struct Source<R> {
    rest: Mutex<Option<R>>,
    /// Blocks and parties so far.
    read: Mutex<(u64, u64)>,
}

/// A shard that is being filled: parties at their places.
struct Filling {
    cut: ShardCut,
    places: Vec<Option<(PartyKey, Slot)>>,
    filled: usize,
}

impl<R: Read + Send> StoredSnapshot<R> {
    /// Reads the head.
    pub fn open(mut source: R, config: EmbeddedConfig) -> Result<StoredSnapshot<R>, SnapshotError> {
        let store = EmbeddedStore::new(config);
        let cut = read_head(&mut source, &store)?;
        Ok(StoredSnapshot { source, store, cut })
    }

    pub fn mark(&self) -> SnapshotMark {
        self.cut.mark
    }

    pub fn parties(&self) -> usize {
        self.cut.kinds.iter().flat_map(|kind| &kind.shards).map(|shard| shard.parties).sum()
    }

    /// Reads the parties.
    pub fn load(self) -> Result<EmbeddedStore, SnapshotError> {
        let StoredSnapshot { source, store, cut } = self;
        store.newest.store(cut.newest, Ordering::Relaxed);
        let mut shards = Vec::new();
        for (kind, cut) in store.kinds.iter().zip(&cut.kinds) {
            kind.watermark.store(cut.watermark, Ordering::Relaxed);
            for (shard, cut) in cut.shards.iter().enumerate() {
                let mut filling = Filling { cut: *cut, places: Vec::new(), filled: 0 };
                if filling.is_done() {
                    // No block will come for it.
                    filling.hand_over(kind, shard)?;
                }
                shards.push(Mutex::new(filling));
            }
        }
        // The head is a block too.
        let source = Source { rest: Mutex::new(Some(source)), read: Mutex::new((1, 0)) };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        thread::scope(|scope| {
            let work =
                || source.work(&store, &shards).inspect_err(|_| drop(lock(&source.rest).take()));
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            let joined = others.into_iter().map(|other| {
                other.join().unwrap_or(Err(SnapshotError::Garbled("what made a thread panic")))
            });
            joined.fold(own, Result::and)
        })?;
        match shards.iter().all(|shard| lock(shard).is_done()) {
            true => Ok(store),
            false => Err(SnapshotError::Garbled("parties are missing")),
        }
    }
}

impl<R: Read> Source<R> {
    /// Takes blocks until there are none.
    fn work(&self, store: &EmbeddedStore, shards: &[Mutex<Filling>]) -> Result<(), SnapshotError> {
        let mut block = StoredBlock::default();
        while self.next(&mut block)? {
            block.check()?;
            let kind = &store.kinds[block.kind];
            let parties = read_parties(&block, kind)?;
            let mut shard = lock(&shards[block.kind * SHARDS + block.shard]);
            shard.put(parties)?;
            if shard.is_done() {
                shard.hand_over(kind, block.shard)?;
            }
        }
        Ok(())
    }

    /// Reads the next block of parties; false after the last.
    fn next(&self, block: &mut StoredBlock) -> Result<bool, SnapshotError> {
        let mut rest = lock(&self.rest);
        let Some(source) = rest.as_mut() else { return Ok(false) };
        block.read(source)?;
        let mut read = lock(&self.read);
        if block.is_end() {
            let (parties, blocks) = block.totals()?;
            if (blocks, parties) != *read {
                return Err(SnapshotError::Garbled("blocks are missing"));
            }
            if source.read(&mut [0])? > 0 {
                return Err(SnapshotError::Garbled("something follows the end"));
            }
            *rest = None;
            return Ok(false);
        }
        if !block.is_parties() {
            return Err(SnapshotError::Garbled("a block of no kind"));
        }
        *read = (read.0 + 1, read.1 + u64::from(block.parties));
        Ok(true)
    }
}

fn read_parties(
    block: &StoredBlock,
    kind: &Kind,
) -> Result<Vec<(usize, PartyKey, Slot)>, SnapshotError> {
    let mut reader = Reader::new(&block.bytes);
    let mut parties = Vec::new();
    while !reader.is_empty() {
        parties.push(party(&mut reader, &kind.plan)?);
    }
    match parties.len() == block.parties as usize {
        true => Ok(parties),
        false => Err(SnapshotError::Garbled("a block of another length")),
    }
}

impl Filling {
    fn is_done(&self) -> bool {
        self.filled == self.cut.parties
    }

    fn put(&mut self, parties: Vec<(usize, PartyKey, Slot)>) -> Result<(), SnapshotError> {
        if self.places.is_empty() {
            // Bounded by the store's own cap, which was checked with the head.
            self.places.resize_with(self.cut.parties, || None);
        }
        for (place, key, slot) in parties {
            match self.places.get_mut(place) {
                Some(free @ None) => *free = Some((key, slot)),
                _ => return Err(SnapshotError::Garbled("two parties at one place")),
            }
            self.filled += 1;
        }
        Ok(())
    }

    /// Puts the parties into their shard, in the order of their places.
    fn hand_over(&mut self, kind: &Kind, shard: usize) -> Result<(), SnapshotError> {
        let mut parties = IndexMap::with_capacity_and_hasher(self.cut.parties, Default::default());
        parties.extend(std::mem::take(&mut self.places).into_iter().flatten());
        if parties.len() < self.cut.parties {
            return Err(SnapshotError::Garbled("a party is there twice"));
        }
        let mut shard = kind.lock(shard);
        shard.parties = parties;
        shard.cursor = self.cut.cursor;
        shard.evictions = self.cut.evictions;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
