//! What a shared store keeps of one party: what was folded so far, and the records that came since.
//!
//! A writer only adds a record at the end, so writers need no knowledge of folds and cannot undo
//! one another. Whoever reads folds the records with the same code that the embedded store runs,
//! which is why both stores give equal readings. When records have gathered, a reader replaces what
//! it has folded by the result, if nobody did so before.

use super::party::{Held, Lesson, Limits, PartyState};
use super::plan::KindPlan;
use super::record::{self, Record};
use super::wire::{Garbled, Reader, Writer};

/// First byte of every value; another layout gets another number.
pub const FORMAT: u8 = 1;
/// Format, edition, length of what was folded.
pub const HEAD: usize = 1 + 8 + 4;

/// A party as it was read.
#[derive(Debug)]
pub struct Kept {
    pub state: PartyState,
    /// Records that were folded now.
    pub records: usize,
    /// What the logs knew of the asker's own event before it was taught.
    pub held: Held,
}

/// The start of a value. An edition is drawn at random whenever a value is begun or folded: equal
/// editions tell that everything up to a length is still the same.
pub fn head(edition: u64, folded: usize) -> [u8; HEAD] {
    let mut head = [FORMAT; HEAD];
    head[1..9].copy_from_slice(&edition.to_le_bytes());
    let folded = u32::try_from(folded).unwrap_or(u32::MAX);
    head[9..].copy_from_slice(&folded.to_le_bytes());
    head
}

/// Folds a value. `None` when it holds nothing: no such party.
pub fn fold(
    value: &[u8],
    plan: &KindPlan,
    limits: Limits,
    own: Option<(Lesson, u64)>,
) -> Result<Option<Kept>, Garbled> {
    if value.is_empty() {
        return Ok(None);
    }
    let mut reader = Reader::new(value);
    if reader.byte()? != FORMAT {
        return Err(Garbled("another format"));
    }
    let _edition = reader.fixed_u64()?;
    let folded = reader.fixed_u32()? as usize;
    let mut folded = Reader::new(reader.take(folded)?);
    let mut state = match folded.is_empty() {
        true => None,
        false => Some(PartyState::decode(plan, &mut folded)?),
    };
    let (mut records, mut held) = (0, Held::new(false));
    while !reader.is_empty() {
        let Record { lesson, observation, held: told } = record::decode(&mut reader)?;
        let time = observation.time.as_micros();
        let state = state.get_or_insert_with(|| PartyState::new(time, i64::MIN));
        let mut knows = told;
        state.teach(lesson, &observation, plan, (&mut knows, limits));
        if own == Some((lesson, observation.id)) {
            held = knows;
        }
        records += 1;
    }
    Ok(state.map(|state| Kept { state, records, held }))
}

/// What replaces everything that was folded, without the head.
pub fn checkpoint(mut state: PartyState, plan: &KindPlan) -> Vec<u8> {
    let mut writer = Writer::default();
    state.prune(plan);
    state.encode(plan, &mut writer);
    writer.bytes
}
