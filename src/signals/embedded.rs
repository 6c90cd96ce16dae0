//! The store in memory: bounded for each kind of party, and honest about what it had to forget.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use serde::Deserialize;

use super::party::{Held, Lesson, Limits, PartyState, in_order};
use super::plan::{KindPlan, LATENESS};
use super::{Observation, Party, Readings, SignalEvent, catalog};
use crate::domain::{PartyKey, Span};

// A copy of one moment, made while the store goes on learning.
mod copy;
// An account and what was its own, gone.
mod forget;
// The bytes of such a copy in a file.
mod format;
// The store made from them again.
mod load;
#[cfg(test)]
mod tests;

use copy::ShardCopy;

pub use copy::{SnapshotCut, SnapshotMark, SnapshotWritten};
pub use format::SnapshotError;
pub use load::StoredSnapshot;

/// Enough that two cores rarely wait for each other, few enough that small caps stay even.
const SHARDS: usize = 16;

/// Entries looked at to find one to evict: the stalest of 8 is among the stalest eighth two times
/// in three, at the price of one cache line each.
const EVICTION_SAMPLE: usize = 8;

/// A party that was active so recently is missed when it is evicted: velocity looks back so long.
const MISSED: Span = Span::hours(24);

/// Parties measured in each shard for the statistics.
const BYTES_SAMPLE: usize = 64;

/// How much the store may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddedConfig {
    /// Parties of each kind.
    pub account: usize,
    pub device: usize,
    pub network: usize,
    pub instrument: usize,
    pub contact: usize,
    pub merchant: usize,
    /// Events kept a log; counts, sums and means are exact up to it.
    pub log_length: usize,
    /// Members kept a set.
    pub distinct: usize,
}

impl Default for EmbeddedConfig {
    fn default() -> EmbeddedConfig {
        EmbeddedConfig {
            account: 1_000_000,
            device: 1_000_000,
            network: 200_000,
            instrument: 1_000_000,
            contact: 1_000_000,
            merchant: 100_000,
            log_length: 160,
            distinct: 64,
        }
    }
}

impl EmbeddedConfig {
    fn cap(&self, kind: Party) -> usize {
        match kind {
            Party::Account => self.account,
            Party::Device => self.device,
            Party::Network => self.network,
            Party::Instrument => self.instrument,
            Party::Contact => self.contact,
            Party::Merchant => self.merchant,
        }
    }
}

/// What the store holds of one kind of party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindStatistics {
    pub kind: Party,
    pub parties: usize,
    /// Parties forgotten for want of room; those that had nothing left to tell are not counted.
    pub evictions: u64,
    /// Estimated from a sample, without what the allocator adds.
    pub bytes: usize,
}

pub type Statistics = [KindStatistics; Party::ALL.len()];

/// Signals of all parties in the memory of this process.
#[derive(Debug)]
pub struct EmbeddedStore {
    config: EmbeddedConfig,
    kinds: Box<[Kind; Party::ALL.len()]>,
    limits: Limits,
    /// The newest event time seen, in microseconds.
    newest: AtomicI64,
    /// A copy is being made.
    copying: AtomicBool,
}

#[derive(Debug)]
struct Kind {
    plan: KindPlan,
    shards: [Mutex<Shard>; SHARDS],
    shard_cap: usize,
    /// Latest activity of a party that was evicted although it will be missed; microseconds.
    watermark: AtomicI64,
}

#[derive(Debug, Default)]
struct Shard {
    parties: IndexMap<PartyKey, Slot, BuildHasherDefault<KeyHasher>>,
    /// Where the next sample for eviction begins.
    cursor: usize,
    evictions: u64,
    /// What a copy that is being made still has to get from here.
    copy: Option<Box<ShardCopy>>,
}

#[derive(Debug)]
struct Slot {
    /// Microseconds; beside the pointer, so that eviction need not follow it.
    last_active: i64,
    state: Box<PartyState>,
}

impl EmbeddedStore {
    pub fn new(config: EmbeddedConfig) -> EmbeddedStore {
        let kind = |kind: Party| Kind {
            plan: KindPlan::compile(kind, catalog()),
            shards: Default::default(),
            shard_cap: config.cap(kind).div_ceil(SHARDS).max(1),
            watermark: AtomicI64::new(i64::MIN),
        };
        EmbeddedStore {
            config,
            kinds: Box::new(Party::ALL.map(kind)),
            limits: Limits { log: config.log_length.max(1), distinct: config.distinct.max(1) },
            newest: AtomicI64::new(i64::MIN),
            copying: AtomicBool::new(false),
        }
    }

    pub fn config(&self) -> EmbeddedConfig {
        self.config
    }

    /// Counts the attempt, once an id while it is in a log, and returns all readings as of its
    /// time, itself included. Of an attempt without account, device and instrument no log is
    /// kept: it is counted each time.
    pub fn observe(&self, attempt: &Observation) -> Readings {
        let mut readings = Readings::not_supplied();
        self.visit(Some(Lesson::Attempt), attempt, Some(&mut readings));
        readings
    }

    /// The readings that `observe` would return, without counting anything. An attempt that was
    /// counted before stands where it was then, and is not added once more.
    pub fn read(&self, observation: &Observation) -> Readings {
        let mut readings = Readings::not_supplied();
        self.visit(None, observation, Some(&mut readings));
        readings
    }

    /// Teaches an event, as it happens or again when the store is rebuilt.
    pub fn apply(&self, event: &SignalEvent) {
        let (lesson, observation) = event.lesson();
        self.visit(Some(lesson), observation, None);
    }

    /// What is held of each kind, in the order of [`Party::ALL`].
    pub fn statistics(&self) -> Statistics {
        Party::ALL.map(|kind| self.kinds[kind as usize].statistics(kind))
    }

    /// Goes through the parties of an event one by one, those with logs first, and never holds more
    /// than one lock.
    fn visit(
        &self,
        lesson: Option<Lesson>,
        observation: &Observation,
        mut readings: Option<&mut Readings>,
    ) {
        if lesson.is_some() {
            self.newest.fetch_max(observation.time.as_micros(), Ordering::Relaxed);
        }
        let newest = self.newest.load(Ordering::Relaxed);
        let mut held = Held::new(lesson == Some(Lesson::Attempt));
        for (kind, key) in in_order(&observation.parties) {
            let kind = &self.kinds[kind as usize];
            let begins = lesson.is_some_and(|lesson| PartyState::begins_with(lesson, &kind.plan));
            let learns = lesson.is_some_and(|lesson| PartyState::learns(lesson, &kind.plan));
            if readings.is_none() && !learns {
                continue;
            }
            let now = observation.time.as_micros();
            let mut shard = kind.shard(&key);
            let slot = match shard.parties.get_index_of(&key) {
                Some(index) => {
                    shard.save(index, &kind.plan);
                    shard.parties.get_index_mut(index).map(|(_, slot)| slot)
                }
                None if begins => Some(kind.begin(&mut shard, key, (now, newest))),
                None => None,
            };
            match (slot, readings.as_deref_mut()) {
                (Some(slot), readings) => {
                    if let Some(lesson) = lesson {
                        slot.last_active = slot.last_active.max(now);
                        let how = (&mut held, self.limits);
                        slot.state.teach(lesson, observation, &kind.plan, how);
                    }
                    if let Some(readings) = readings {
                        slot.state.tell(observation, &kind.plan, &mut held, readings);
                    }
                }
                (None, Some(readings)) => {
                    let unseen = PartyState::new(now, kind.doubtful_until());
                    unseen.tell(observation, &kind.plan, &mut held, readings);
                }
                (None, None) => {}
            }
        }
    }
}

impl Kind {
    fn shard(&self, key: &PartyKey) -> MutexGuard<'_, Shard> {
        let mut hasher = KeyHasher::default();
        hasher.write(&key.0);
        // Bits that the table inside the shard does not use first.
        self.lock((hasher.finish() >> 40) as usize % SHARDS)
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        // A panic elsewhere left at worst one party half taught, which is no reason to stop.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when a party that is not there may have been evicted.
    fn doubtful_until(&self) -> i64 {
        self.watermark.load(Ordering::Relaxed).saturating_add(MISSED.as_micros())
    }

    /// Adds a party, in the place of the stalest of a sample when there is no room.
    fn begin<'a>(
        &self,
        shard: &'a mut Shard,
        key: PartyKey,
        (now, newest): (i64, i64),
    ) -> &'a mut Slot {
        let doubtful_until = self.doubtful_until();
        if let Some(last_active) = shard.make_room(newest, self.shard_cap, &self.plan)
            && last_active > newest - MISSED.as_micros()
        {
            self.watermark.fetch_max(last_active, Ordering::Relaxed);
        }
        let state = Box::new(PartyState::new(now, doubtful_until));
        shard.parties.entry(key).or_insert(Slot { last_active: now, state })
    }

    fn statistics(&self, kind: Party) -> KindStatistics {
        let mut statistics = KindStatistics { kind, parties: 0, evictions: 0, bytes: 0 };
        for shard in 0..SHARDS {
            let shard = self.lock(shard);
            statistics.parties += shard.parties.len();
            statistics.evictions += shard.evictions;
            statistics.bytes += shard.bytes();
        }
        statistics
    }
}

impl Shard {
    /// Drops what has expired among a sample and, when that gave no room, the stalest of it, whose
    /// last activity is returned.
    fn make_room(&mut self, newest: i64, cap: usize, plan: &KindPlan) -> Option<i64> {
        // What comes late may still ask for a party that is forgotten by now.
        let expired = newest - plan.idle - LATENESS.as_micros();
        let mut stalest: Option<(i64, PartyKey)> = None;
        for _ in 0..EVICTION_SAMPLE.min(self.parties.len()) {
            self.cursor = if self.cursor < self.parties.len() { self.cursor } else { 0 };
            let Some((key, slot)) = self.parties.get_index(self.cursor) else { break };
            if slot.last_active <= expired {
                self.remove(self.cursor, plan);
                continue;
            }
            if stalest.is_none_or(|(last_active, _)| slot.last_active < last_active) {
                stalest = Some((slot.last_active, *key));
            }
            self.cursor += 1;
        }
        if self.parties.len() < cap {
            return None;
        }
        let (last_active, key) = stalest?;
        if let Some(index) = self.parties.get_index_of(&key) {
            self.remove(index, plan);
        }
        self.evictions += 1;
        Some(last_active)
    }

    fn bytes(&self) -> usize {
        // IndexMap keeps hash, key and value in a list and a table of positions beside it.
        let entry = size_of::<u64>() + size_of::<PartyKey>() + size_of::<Slot>();
        let table = self.parties.capacity() * (entry + size_of::<usize>() + 1);
        let sampled = self.parties.len().min(BYTES_SAMPLE);
        let states = self.parties.values().take(sampled).map(|slot| slot.state.bytes());
        let mean = states.sum::<usize>() / sampled.max(1);
        table + mean * self.parties.len()
    }
}

/// Keys are keyed hashes already, which nobody outside can choose: folding them is enough.
#[derive(Debug, Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.chunks_exact(8) {
            let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
            // Odd constant from the golden ratio: spreads the keys of tests, which are not hashes.
            self.0 = (self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            self.0 ^= self.0 >> 29;
        }
    }

    /// The length before the bytes is the same for all keys.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
