//! What a request asks of Redis about each of its parties: one script call a party, and what the
//! answer means.

use ::redis::{Cmd, Value};

use super::Purpose;
use super::faults::Fault;
use super::scripts::{Named, Script};
use crate::domain::{PartyKey, Span, Time};
use crate::signals::kept::{self, Kept};
use crate::signals::party::{Held, Lesson, Limits, PartyState, in_order};
use crate::signals::plan::KindPlan;
use crate::signals::{Observation, Party, record};

/// Names of applied events are kept in sets of an hour each, for the hour after it and some more:
/// an event that comes again within the hour is told.
const HOUR: Span = Span::hours(1);
const NAMES_KEPT: Span = Span::hours(3);
/// A rebuild teaches weeks of old events, whose names need not be told from those of today.
const DAY: Span = Span::days(1);
/// An idle party outlives its longest window by this, for late events and clocks that differ.
const SPARE: Span = Span::hours(2);

/// One party of an event, as a script call asks about it.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    pub kind: Party,
    pub key: PartyKey,
    /// What the party is taught; `None` only reads.
    pub lesson: Option<Lesson>,
}

/// The parties of an event that have to be asked or taught.
pub fn visits(
    lesson: Option<Lesson>,
    reads: bool,
    o: &Observation,
    plans: &[KindPlan],
) -> Vec<Visit> {
    let visits = in_order(&o.parties).filter_map(|(kind, key)| {
        let plan = &plans[kind as usize];
        let taught = lesson.filter(|lesson| PartyState::learns(*lesson, plan));
        (reads || taught.is_some()).then_some(Visit { kind, key, lesson: taught })
    });
    visits.collect()
}

/// Keys of one party. The first three digits of its hash are the hash tag: they name one of 4,096
/// partitions, whose mark lies in the same slot as its parties.
pub fn party_key(kind: Party, key: &PartyKey) -> String {
    let hash = key.to_string();
    let (partition, rest) = hash.split_at(3);
    format!("surety:{{{partition}}}:{}:{rest}", kind.name())
}

/// The key of a partition's mark.
pub fn mark_key(partition: u16) -> String {
    format!("surety:{{{partition:03x}}}:mark")
}

/// How long a party is kept when nothing more happens to it, in milliseconds.
pub fn kept_for_ms(plan: &KindPlan) -> i64 {
    (plan.idle + SPARE.as_micros()) / 1_000
}

/// What one call says beyond the party: who asks, and the edition of a value that it begins.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    pub mark: &'a str,
    pub edition: u64,
    /// What parties with a log know of the event.
    pub held: &'a Held,
    pub purpose: Purpose,
}

impl Visit {
    /// The partition of the party: the first three hexadecimal digits of its hash.
    pub fn partition(&self) -> u16 {
        u16::from(self.key.0[0]) << 4 | u16::from(self.key.0[1] >> 4)
    }

    pub fn command(
        &self,
        o: &Observation,
        plan: &KindPlan,
        (script, named): (&Script, Named),
        asking: Asking<'_>,
    ) -> Cmd {
        let party = party_key(self.kind, &self.key);
        let partition = &party[.."surety:{000}".len()];
        let names = self.lesson.filter(|_| self.kind.is_busy());
        let names = names.map(|_| names_keys(&party, o.time, asking.purpose));
        let mut command = script.call(named, if names.is_some() { 4 } else { 2 });
        command.arg(format!("{partition}:mark")).arg(&party);
        if let Some([now, before]) = &names {
            command.arg(now).arg(before);
        }
        command.arg(asking.mark);
        let Some(lesson) = self.lesson else {
            command.arg("");
            return command;
        };
        command.arg(record::encode(lesson, o, asking.held, plan));
        match names {
            // Numbers are kept in a fraction of the memory.
            Some(_) => command.arg((o.id ^ ((lesson as u64) << 61)) as i64),
            // What else happens is harmless twice, and must come again behind what it undoes.
            None if !matches!(lesson, Lesson::Attempt | Lesson::Purchase) => command.arg(""),
            None => command.arg(&record::name(lesson, o.id)[..]),
        };
        match PartyState::begins_with(lesson, plan) {
            true => command.arg(&kept::head(asking.edition, 0)[..]),
            false => command.arg(""),
        };
        let age_ms = match asking.purpose {
            Purpose::Live => 0,
            Purpose::Rebuild(now) => (now - o.time).as_micros().max(0) / 1_000,
        };
        let spare_ms = SPARE.as_micros() / 1_000;
        command.arg((kept_for_ms(plan) - age_ms).max(spare_ms)).arg(NAMES_KEPT.as_micros() / 1_000);
        command.arg(match asking.purpose {
            Purpose::Rebuild(_) => "rebuild",
            Purpose::Live => "",
        });
        command
    }
}

/// Sets of names: of the event's own hour and of the one before.
fn names_keys(party: &str, time: Time, purpose: Purpose) -> [String; 2] {
    let (letter, width) = match purpose {
        Purpose::Rebuild(now) if time < now - NAMES_KEPT => ('d', DAY),
        _ => ('h', HOUR),
    };
    let number = time.as_micros().div_euclid(width.as_micros());
    [number, number - 1].map(|number| format!("{party}:{letter}{number}"))
}

/// What Redis said of one party.
#[derive(Debug)]
pub struct Told {
    /// Whether the event, if there was one, need not come again: it is counted, or the party cannot
    /// learn it however long it waits.
    pub counted: bool,
    /// `None` when it is unknown.
    pub party: Result<Option<Kept>, Fault>,
    /// What a reader who has folded the value may replace, garbled or not.
    pub front: Option<Front>,
}

/// The front of a value as it was read.
#[derive(Clone, Debug)]
pub struct Front {
    pub begins: Vec<u8>,
    pub length: usize,
}

impl Told {
    pub fn failed(fault: Fault) -> Told {
        Told { counted: false, party: Err(fault), front: None }
    }

    /// Reads the reply of `tell.lua`.
    pub fn of(
        reply: Result<Value, Fault>,
        plan: &KindPlan,
        limits: Limits,
        own: Option<(Lesson, u64)>,
    ) -> Told {
        let (state, value) = match reply.and_then(parts) {
            Ok(parts) => parts,
            Err(fault @ Fault::WrongType) => return Told::spoilt(fault),
            Err(fault) => return Told::failed(fault),
        };
        // The ledger has everything but attempts before it is taught, so a rebuild will teach it.
        let known_to_ledger = own.is_none_or(|(lesson, _)| lesson != Lesson::Attempt);
        match state {
            COLD if value.is_empty() => {
                Told { counted: known_to_ledger, party: Err(Fault::Cold), front: None }
            }
            // Without room the event is beyond all counts: what is folded says enough.
            COLD | WARM | NO_ROOM => {
                let begins = value[..value.len().min(kept::HEAD)].to_vec();
                let front = Some(Front { begins, length: value.len() });
                let party = kept::fold(&value, plan, limits, own).map_err(|_| Fault::Corrupt);
                Told { counted: true, party, front }
            }
            NOT_OUR_PARTY => Told::spoilt(Fault::NotOurs),
            _ => Told::failed(Fault::NotOurs),
        }
    }

    /// The fault of one party: its events must not hold up those of all others.
    fn spoilt(fault: Fault) -> Told {
        Told { counted: true, ..Told::failed(fault) }
    }
}

/// States that `tell.lua` gives; all others say that the mark is not ours.
const COLD: i64 = 0;
const WARM: i64 = 1;
const NO_ROOM: i64 = 3;
const NOT_OUR_PARTY: i64 = 4;

fn parts(reply: Value) -> Result<(i64, Vec<u8>), Fault> {
    match reply {
        Value::Array(parts) => match <[Value; 2]>::try_from(parts) {
            Ok([Value::Int(state), Value::BulkString(value)]) => Ok((state, value)),
            _ => Err(Fault::Other),
        },
        _ => Err(Fault::Other),
    }
}
