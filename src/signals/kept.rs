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

/// Folds a value. `None` when there is none: no such party.
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
    let (mut records, mut held) = (0, None);
    while !reader.is_empty() {
        let Record { lesson, observation, held: told } = record::decode(&mut reader)?;
        let time = observation.time.as_micros();
        let state = state.get_or_insert_with(|| PartyState::new(time, i64::MIN));
        let mut knows = told;
        state.teach(lesson, &observation, plan, (&mut knows, limits));
        if own == Some((lesson, observation.id)) {
            // Behind the first one they know it from that.
            held.get_or_insert(knows);
        }
        records += 1;
    }
    // Every value is begun with a record behind its head.
    let state = state.ok_or(Garbled("nothing behind the head"))?;
    Ok(Some(Kept { state, records, held: held.unwrap_or_else(|| Held::new(false)) }))
}

/// What replaces everything that was folded, without the head.
pub fn checkpoint(mut state: PartyState, plan: &KindPlan) -> Vec<u8> {
    let mut writer = Writer::default();
    state.prune(plan);
    state.encode(plan, &mut writer);
    writer.bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Span;
    use crate::signals::tests::{START, key, observation, with};
    use crate::signals::{EmbeddedConfig, Observation, Party, Reading, Readings, catalog};

    const LIMITS: Limits = Limits { log: 160, distinct: 64 };
    const EVENTS: u64 = 12;
    const LESSONS: [Lesson; 6] = [
        Lesson::Attempt,
        Lesson::Purchase,
        Lesson::Recognized,
        Lesson::SignIn,
        Lesson::Misuse,
        Lesson::TakenBack,
    ];

    fn event(n: u64) -> Observation {
        let o = observation(n, 1, START + Span::minutes(n as i64));
        let o = Observation { position: None, hour: Some(n as u8), ..o };
        with(o, |parties| {
            parties.device = Some(key(2, n % 3));
            parties.region = Some(key(5, n % 2));
            parties.merchant = Some(key(4, n % 4));
        })
    }

    /// A value as writers leave it behind: something folded, and records after it.
    fn value(plan: &KindPlan) -> Vec<u8> {
        let records = |value: &mut Vec<u8>, from| {
            for n in from..from + EVENTS {
                for lesson in LESSONS {
                    value.extend(record::encode(lesson, &event(n), &Held::new(false), plan));
                }
            }
        };
        let mut value = head(7, 0).to_vec();
        records(&mut value, 0);
        let kept = fold(&value, plan, LIMITS, None).unwrap().unwrap();
        assert_eq!(kept.records, EVENTS as usize * LESSONS.len());
        let folded = checkpoint(kept.state, plan);
        let mut value = head(8, folded.len()).to_vec();
        value.extend(folded);
        records(&mut value, EVENTS);
        value
    }

    #[test]
    fn what_logs_knew_is_what_they_knew_before_the_first_record() {
        let plan = &plans()[Party::Account as usize];
        let record = record::encode(Lesson::Attempt, &event(3), &Held::new(false), plan);
        let held = |times: usize| {
            let value = [&head(7, 0)[..], &record.repeat(times)].concat();
            let own = Some((Lesson::Attempt, event(3).id));
            fold(&value, plan, LIMITS, own).unwrap().unwrap().held.by_course()
        };
        assert_eq!(held(1)[0], Some(false));
        assert_eq!(held(2), held(1));
    }

    fn plans() -> [KindPlan; 6] {
        Party::ALL.map(|kind| KindPlan::compile(kind, catalog()))
    }

    /// Folds what may be anything and reads it: whatever comes out is a number and takes no more
    /// room than its bytes can hold.
    fn survives(bytes: &[u8], plan: &KindPlan) -> Result<(), TestCaseError> {
        let Ok(Some(kept)) = fold(bytes, plan, LIMITS, Some((Lesson::Attempt, 3))) else {
            return Ok(());
        };
        // An entry of a list takes at most three bytes of memory for one that it is read from,
        // and lists grow by half.
        let most = 8 * bytes.len() + 4_096;
        prop_assert!(kept.state.bytes() <= most, "{} of {}", kept.state.bytes(), bytes.len());
        let mut readings = Readings::not_supplied();
        kept.state.tell(&event(30), plan, &mut Held::new(true), &mut readings);
        for (signal, reading) in readings.iter() {
            if let Reading::Double(number) = reading {
                prop_assert!(number.is_finite(), "{} {number}", signal.name);
            }
        }
        // What is folded away can be read again.
        let folded = checkpoint(kept.state, plan);
        let mut value = head(9, folded.len()).to_vec();
        value.extend(folded);
        prop_assert!(fold(&value, plan, LIMITS, None).is_ok());
        Ok(())
    }

    #[test]
    fn limits_are_those_of_the_embedded_store() {
        let config = EmbeddedConfig::default();
        assert_eq!((config.log_length, config.distinct), (LIMITS.log, LIMITS.distinct));
    }

    #[test]
    fn only_no_value_at_all_is_nobody() {
        for plan in &plans() {
            assert!(fold(&[], plan, LIMITS, None).unwrap().is_none());
            let value = [&head(7, 0)[..], &value(plan)[HEAD..]].concat();
            (1..=HEAD).for_each(|cut| assert!(fold(&value[..cut], plan, LIMITS, None).is_err()));
        }
    }

    #[test]
    fn a_value_that_was_cut_is_garbled_or_shorter_by_whole_records() {
        for plan in &plans() {
            let value = value(plan);
            let (mut whole, mut garbled) = (0, 0);
            for length in 1..value.len() {
                match fold(&value[..length], plan, LIMITS, None) {
                    Ok(_) => whole += 1,
                    Err(_) => garbled += 1,
                }
            }
            assert_eq!(whole, EVENTS as usize * LESSONS.len(), "ends of records");
            assert_eq!(whole + garbled, value.len() - 1);
        }
    }

    proptest! {
        #[test]
        fn random_bytes_are_survived(
            kind in 0..6_usize,
            folded in 0..300_u32,
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let plan = &plans()[kind];
            survives(&bytes, plan)?;
            let mut value = head(1, 0).to_vec();
            value[9..].copy_from_slice(&folded.to_le_bytes());
            value.extend(&bytes);
            survives(&value, plan)?;
        }

        #[test]
        fn a_value_with_some_bytes_changed_is_survived(
            kind in 0..6_usize,
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        ) {
            let plan = &plans()[kind];
            let mut value = value(plan);
            for (place, byte) in changes {
                let place = place.index(value.len());
                value[place] ^= byte;
            }
            survives(&value, plan)?;
        }
    }
}
