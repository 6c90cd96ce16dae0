//! A copy of the store as it is at one moment, made while the store goes on learning.
//!
//! At the cut each shard notes how many parties it holds, and nothing is copied yet. A party is
//! turned into bytes when a walk over all places comes to it, or before it changes for the first
//! time, whichever is first. The invariant: a place that is not marked as saved still holds the
//! party that was there at the cut, as it was. So the places of the copy are those of the cut, and
//! a store that is made from it evicts in the same order.

use std::io::{self, Write};
use std::sync::atomic::Ordering;

use super::format::{Block, Output};
use super::{EmbeddedStore, SHARDS, Shard};
use crate::domain::Time;
use crate::signals::Party;
use crate::signals::plan::KindPlan;

/// Places looked at under one lock: what waits for it waits some tens of microseconds.
const PIECE: usize = 32;

/// Where in the ledger a copy was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotMark {
    /// The last row that the store was taught.
    pub sequence: i64,
    /// Hash of that row: another ledger has another row there.
    pub row: [u8; 32],
    pub taken: Time,
}

/// One moment of the store: what is not about single parties.
#[derive(Debug)]
pub struct SnapshotCut {
    pub(super) mark: SnapshotMark,
    pub(super) newest: i64,
    pub(super) kinds: [KindCut; Party::ALL.len()],
}

impl SnapshotCut {
    /// The last row that the store was taught.
    pub fn sequence(&self) -> i64 {
        self.mark.sequence
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KindCut {
    pub watermark: i64,
    pub shards: [ShardCut; SHARDS],
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ShardCut {
    pub parties: usize,
    pub cursor: usize,
    pub evictions: u64,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotWritten {
    pub parties: u64,
    pub bytes: u64,
}

/// What a copy has of one shard, and still has to get.
#[derive(Debug)]
pub(super) struct ShardCopy {
    /// Parties at the cut; later places are newer.
    parties: usize,
    /// The walk has come so far.
    walked: usize,
    /// A bit a place: what was there at the cut is saved.
    saved: Vec<u64>,
    /// Parties that change before the walk comes to them wait here, at most all of the shard.
    full: Vec<Block>,
    block: Block,
}

impl EmbeddedStore {
    /// Begins a copy of the store as it is now; `None` while another one is made. Nothing may be
    /// taught during this call, and it is quick; [`Self::write_copy`] or
    /// [`Self::give_up_copy`] must follow.
    pub fn begin_copy(&self, mark: SnapshotMark) -> Option<SnapshotCut> {
        if self.copying.swap(true, Ordering::AcqRel) {
            return None;
        }
        let mut kinds = [KindCut::default(); Party::ALL.len()];
        for (kind, cut) in self.kinds.iter().zip(&mut kinds) {
            cut.watermark = kind.watermark.load(Ordering::Relaxed);
            for (shard, cut) in cut.shards.iter_mut().enumerate() {
                *cut = kind.lock(shard).begin_copy();
            }
        }
        Some(SnapshotCut { mark, newest: self.newest.load(Ordering::Relaxed), kinds })
    }

    /// Writes the copy that was begun; the store may be taught meanwhile.
    pub fn write_copy(
        &self,
        cut: &SnapshotCut,
        out: &mut impl Write,
    ) -> io::Result<SnapshotWritten> {
        // Also when what is written to panics.
        let _ending = Ending(self);
        self.write_blocks(cut, out)
    }

    /// Ends a copy that was begun and will not be written.
    pub fn give_up_copy(&self) {
        for kind in self.kinds.iter() {
            (0..SHARDS).for_each(|shard| kind.lock(shard).copy = None);
        }
        self.copying.store(false, Ordering::Release);
    }

    fn write_blocks(&self, cut: &SnapshotCut, out: &mut impl Write) -> io::Result<SnapshotWritten> {
        let mut output = Output::begin(out, cut, self)?;
        for (number, kind) in self.kinds.iter().enumerate() {
            // One piece of each shard in turn: whoever waits for a shard gets it in between.
            let mut unfinished: Vec<usize> = (0..SHARDS).collect();
            while !unfinished.is_empty() {
                let mut failed = None;
                unfinished.retain(|&shard| {
                    let (blocks, is_done) = kind.lock(shard).walk(&kind.plan);
                    for block in blocks {
                        if failed.is_none() {
                            failed = output.parties(number, shard, &block).err();
                        }
                    }
                    !is_done
                });
                failed.map_or(Ok(()), Err)?;
            }
        }
        output.end()
    }
}

struct Ending<'s>(&'s EmbeddedStore);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.give_up_copy();
    }
}

impl Shard {
    fn begin_copy(&mut self) -> ShardCut {
        let parties = self.parties.len();
        self.copy = Some(Box::new(ShardCopy {
            parties,
            walked: 0,
            saved: vec![0; parties.div_ceil(64)],
            full: Vec::new(),
            block: Block::default(),
        }));
        ShardCut { parties, cursor: self.cursor, evictions: self.evictions }
    }

    /// To be called before the party at that place changes.
    pub(super) fn save(&mut self, place: usize, plan: &KindPlan) {
        let Some(copy) = &mut self.copy else { return };
        if copy.lacks(place)
            && let Some((key, slot)) = self.parties.get_index(place)
        {
            copy.saved[place / 64] |= 1 << (place % 64);
            if let Some(full) = copy.block.add(place, (key, slot), plan) {
                copy.full.push(full);
            }
        }
    }

    /// Takes a party out; the last one takes its place.
    pub(super) fn remove(&mut self, place: usize, plan: &KindPlan) {
        self.save(place, plan);
        self.save(self.parties.len().saturating_sub(1), plan);
        self.parties.swap_remove_index(place);
    }

    /// Goes on for a bounded piece; gives what can be written, and whether that was all.
    fn walk(&mut self, plan: &KindPlan) -> (Vec<Block>, bool) {
        let Some(copy) = &mut self.copy else { return (Vec::new(), true) };
        let (from, all) = (copy.walked, copy.parties);
        let until = all.min(from + PIECE);
        copy.walked = until;
        (from..until).for_each(|place| self.save(place, plan));
        let Some(copy) = &mut self.copy else { return (Vec::new(), true) };
        let mut blocks = std::mem::take(&mut copy.full);
        if until == all {
            blocks.push(std::mem::take(&mut copy.block));
            self.copy = None;
        }
        (blocks, until == all)
    }
}

impl ShardCopy {
    fn lacks(&self, place: usize) -> bool {
        place < self.parties && self.saved[place / 64] & (1 << (place % 64)) == 0
    }
}
