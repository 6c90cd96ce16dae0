//! The file of a snapshot: magic, format, then blocks, each with its length and its checksums.
//!
//! The first block is the head: fingerprint, mark, and what is not about single parties. Then come
//! parties, some hundred of one shard a block, in any order; each goes with its place in the shard.
//! The last block says how many there were. Blocks stand alone, so that several threads can read
//! them.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::copy::{KindCut, ShardCut, SnapshotCut, SnapshotMark, SnapshotWritten};
use super::{EmbeddedStore, SHARDS, Slot};
use crate::domain::{PartyKey, Time};
use crate::signals::Party;
use crate::signals::party::PartyState;
use crate::signals::plan::KindPlan;
use crate::signals::wire::{Garbled, Reader, Writer};

const MAGIC: [u8; 8] = *b"surety-s";
/// To be raised with every change of these bytes or of a party's, and of what they mean: half-lives
/// and the like, which no plan shows.
const FORMAT: u32 = 1;

/// A block is full with so many bytes: some hundred parties.
const BLOCK: usize = 64 * 1024;
/// Tag, kind, shard, nothing, parties, length, checksum of the bytes, checksum of the header.
const HEADER: usize = 20;

const HEAD: u8 = 0;
const PARTIES: u8 = 1;
const END: u8 = 2;

/// Why a snapshot cannot be used.
#[derive(Debug, Error)]
pub enum SnapshotError {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is cut short")]
    CutShort,
    #[error("it is no snapshot")]
    NotASnapshot,
    #[error("it has format {found}, this program reads {FORMAT}")]
    OtherFormat { found: u32 },
    #[error("it is of another catalog of signals, or of other bounds of the store")]
    OtherCatalog,
    #[error("it is garbled: {0}")]
    Garbled(&'static str),
}

impl From<Garbled> for SnapshotError {
    fn from(Garbled(what): Garbled) -> SnapshotError {
        SnapshotError::Garbled(what)
    }
}

impl EmbeddedStore {
    /// Two stores with the same fingerprint keep the same things of a party in the same places.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(format!("{SHARDS} {:?}", self.config));
        for kind in self.kinds.iter() {
            hash.update(format!("{:?}", kind.plan));
        }
        hash.finalize().into()
    }
}

/// Parties of one shard as bytes.
#[derive(Debug, Default)]
pub(super) struct Block {
    parties: u32,
    writer: Writer,
}

impl Block {
    /// Adds a party; gives the block when it is full, and begins another.
    pub fn add(
        &mut self,
        place: usize,
        (key, slot): (&PartyKey, &Slot),
        plan: &KindPlan,
    ) -> Option<Block> {
        self.parties += 1;
        self.writer.count(place);
        self.writer.bytes.extend_from_slice(&key.0);
        self.writer.signed(slot.last_active);
        slot.state.encode(plan, &mut self.writer);
        (self.writer.bytes.len() >= BLOCK).then(|| std::mem::take(self))
    }

    #[cfg(test)]
    pub fn bytes(&self) -> &[u8] {
        &self.writer.bytes
    }
}

/// One party of a block, with its place in the shard.
pub(super) fn party(
    reader: &mut Reader<'_>,
    plan: &KindPlan,
) -> Result<(usize, PartyKey, Slot), Garbled> {
    let place = reader.small()?;
    let mut key = PartyKey([0; 16]);
    key.0.copy_from_slice(reader.take(16)?);
    let last_active = reader.time(0)?;
    let state = Box::new(PartyState::decode(plan, reader)?);
    Ok((place, key, Slot { last_active, state }))
}

/// Writes blocks.
pub(super) struct Output<'o, W> {
    out: &'o mut W,
    written: SnapshotWritten,
    blocks: u64,
}

impl<'o, W: Write> Output<'o, W> {
    pub fn begin(
        out: &'o mut W,
        cut: &SnapshotCut,
        store: &EmbeddedStore,
    ) -> io::Result<Output<'o, W>> {
        out.write_all(&MAGIC)?;
        out.write_all(&FORMAT.to_le_bytes())?;
        let bytes = (MAGIC.len() + size_of_val(&FORMAT)) as u64;
        let mut output = Output { out, written: SnapshotWritten { parties: 0, bytes }, blocks: 0 };
        output.block([HEAD, 0, 0], 0, &head(cut, store.fingerprint()))?;
        Ok(output)
    }

    pub fn parties(&mut self, kind: usize, shard: usize, block: &Block) -> io::Result<()> {
        if block.parties == 0 {
            return Ok(());
        }
        self.written.parties += u64::from(block.parties);
        self.block([PARTIES, kind as u8, shard as u8], block.parties, &block.writer.bytes)
    }

    pub fn end(mut self) -> io::Result<SnapshotWritten> {
        let mut writer = Writer::default();
        writer.number(self.written.parties);
        writer.number(self.blocks);
        self.block([END, 0, 0], 0, &writer.bytes)?;
        Ok(self.written)
    }

    fn block(&mut self, [tag, kind, shard]: [u8; 3], parties: u32, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len())
            .map_err(|_| io::Error::other("a party of more than 4 GiB"))?;
        let mut header = Writer::default();
        header.bytes.extend_from_slice(&[tag, kind, shard, 0]);
        header.fixed_u32(parties);
        header.fixed_u32(length);
        header.fixed_u32(crc32fast::hash(bytes));
        header.fixed_u32(crc32fast::hash(&header.bytes));
        self.out.write_all(&header.bytes)?;
        self.out.write_all(bytes)?;
        self.written.bytes += (HEADER + bytes.len()) as u64;
        self.blocks += 1;
        Ok(())
    }
}

/// A block as it lies in the file; its bytes are not checked yet.
#[derive(Default)]
pub(super) struct StoredBlock {
    tag: u8,
    pub kind: usize,
    pub shard: usize,
    pub parties: u32,
    checksum: u32,
    pub bytes: Vec<u8>,
}

impl StoredBlock {
    /// Reads the next block into this one.
    pub fn read(&mut self, source: &mut impl Read) -> Result<(), SnapshotError> {
        let mut header = [0; HEADER];
        read_exact(source, &mut header)?;
        let (checked, checksum) = header.split_at(HEADER - 4);
        if crc32fast::hash(checked).to_le_bytes() != checksum {
            return Err(SnapshotError::Garbled("the header of a block"));
        }
        let mut reader = Reader::new(&header);
        self.tag = reader.byte()?;
        self.kind = reader.byte()?.into();
        self.shard = reader.byte()?.into();
        reader.byte()?;
        self.parties = reader.fixed_u32()?;
        let length = reader.fixed_u32()?;
        self.checksum = reader.fixed_u32()?;
        self.bytes.clear();
        // Grows with what is there, not with what is claimed.
        source.by_ref().take(length.into()).read_to_end(&mut self.bytes)?;
        match self.bytes.len() == length as usize {
            true => Ok(()),
            false => Err(SnapshotError::CutShort),
        }
    }

    pub fn check(&self) -> Result<(), SnapshotError> {
        match crc32fast::hash(&self.bytes) == self.checksum {
            true => Ok(()),
            false => Err(SnapshotError::Garbled("the bytes of a block")),
        }
    }

    pub fn is_end(&self) -> bool {
        self.tag == END
    }

    pub fn is_parties(&self) -> bool {
        self.tag == PARTIES && self.kind < Party::ALL.len() && self.shard < SHARDS
    }

    /// How many parties and blocks came before the last block.
    pub fn totals(&self) -> Result<(u64, u64), SnapshotError> {
        self.check()?;
        let mut reader = Reader::new(&self.bytes);
        Ok((reader.number()?, reader.number()?))
    }
}

fn head(cut: &SnapshotCut, fingerprint: [u8; 32]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.bytes.extend_from_slice(&fingerprint);
    writer.signed(cut.mark.sequence);
    writer.bytes.extend_from_slice(&cut.mark.row);
    writer.signed(cut.mark.taken.as_micros());
    writer.signed(cut.newest);
    for kind in &cut.kinds {
        writer.signed(kind.watermark);
        for shard in &kind.shards {
            writer.count(shard.parties);
            writer.count(shard.cursor);
            writer.number(shard.evictions);
        }
    }
    writer.bytes
}

/// Reads all that comes before the parties; `empty` is the store that they will be put into.
pub(super) fn read_head(
    source: &mut impl Read,
    empty: &EmbeddedStore,
) -> Result<SnapshotCut, SnapshotError> {
    let mut magic = MAGIC;
    read_exact(source, &mut magic)?;
    if magic != MAGIC {
        return Err(SnapshotError::NotASnapshot);
    }
    let mut format = FORMAT.to_le_bytes();
    read_exact(source, &mut format)?;
    if format != FORMAT.to_le_bytes() {
        return Err(SnapshotError::OtherFormat { found: u32::from_le_bytes(format) });
    }
    let mut block = StoredBlock::default();
    block.read(source)?;
    block.check()?;
    if block.tag != HEAD {
        return Err(SnapshotError::Garbled("no head"));
    }
    let mut reader = Reader::new(&block.bytes);
    if reader.take(32)? != empty.fingerprint() {
        return Err(SnapshotError::OtherCatalog);
    }
    let sequence = reader.signed()?;
    let mut row = [0; 32];
    row.copy_from_slice(reader.take(32)?);
    let mark = SnapshotMark { sequence, row, taken: Time::from_micros(reader.signed()?) };
    let mut cut = SnapshotCut { mark, newest: reader.signed()?, kinds: Default::default() };
    for (cut, kind) in cut.kinds.iter_mut().zip(empty.kinds.iter()) {
        *cut = read_kind(&mut reader, kind.shard_cap)?;
    }
    Ok(cut)
}

fn read_kind(reader: &mut Reader<'_>, shard_cap: usize) -> Result<KindCut, SnapshotError> {
    let mut kind = KindCut { watermark: reader.signed()?, ..KindCut::default() };
    for shard in &mut kind.shards {
        *shard = ShardCut {
            parties: reader.small()?,
            cursor: reader.small()?,
            evictions: reader.number()?,
        };
        if shard.parties > shard_cap {
            return Err(SnapshotError::Garbled("more parties than there is room for"));
        }
    }
    Ok(kind)
}

fn read_exact(source: &mut impl Read, bytes: &mut [u8]) -> Result<(), SnapshotError> {
    source.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => SnapshotError::CutShort,
        _ => SnapshotError::Io(error),
    })
}
