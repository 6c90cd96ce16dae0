//! One event as a shared store keeps it for one party, until it is folded into what the party
//! remembers.

use super::party::{Held, Lesson};
use super::plan::{Course, KindPlan};
use super::trail::{read_position, write_position};
use super::wire::{Garbled, NUMBER_MAX, Reader, Writer};
use super::{Member, Observation, SpendingPrior};
use crate::domain::{Category, Parties, PartyKey, Time};

const LESSONS: [Lesson; 7] = [
    Lesson::Attempt,
    Lesson::TakenBack,
    Lesson::Purchase,
    Lesson::Recognized,
    Lesson::Forgotten,
    Lesson::SignIn,
    Lesson::Misuse,
];

/// Members by their bit.
const MEMBERS: [Member; 6] = [
    Member::Account,
    Member::Device,
    Member::Network,
    Member::Instrument,
    Member::Region,
    Member::Address,
];
/// The bit of the merchant, which is a member of profiles only.
const MERCHANT: usize = MEMBERS.len();

/// Which optional parts follow.
const POSITION: u8 = 1;
const PURCHASE: u8 = 2;
/// Per course, whether a party with a log did not hold what is taken back.
const NOT_HELD: [u8; 2] = [4, 8];

/// Bytes that lesson and id take at the front; no two events of a party begin alike.
const NAME_LENGTH: usize = 9;

/// An event, cut to what one kind of party learns from it.
#[derive(Debug)]
pub struct Record {
    pub lesson: Lesson,
    pub observation: Observation,
    /// For parties that keep no log of their own.
    pub held: Held,
}

/// The name of an event among those of a party.
pub fn name(lesson: Lesson, id: u64) -> [u8; NAME_LENGTH] {
    let mut name = [0; NAME_LENGTH];
    name[0] = lesson as u8;
    name[1..].copy_from_slice(&id.to_le_bytes());
    name
}

/// The record of an event for one kind of party: its length, then its name, then what it tells.
/// `held` is what parties with a log know of it, for those without one.
pub fn encode(lesson: Lesson, o: &Observation, held: &Held, plan: &KindPlan) -> Vec<u8> {
    let mut body = Writer::default();
    body.bytes.extend_from_slice(&name(lesson, o.id));
    let profiled = lesson == Lesson::Purchase && !plan.spending.is_empty();
    let position = o.position.filter(|_| plan.keeps_trail());
    let mut flags = 0;
    flags |= if position.is_some() { POSITION } else { 0 };
    flags |= if profiled { PURCHASE } else { 0 };
    for (course, flag) in NOT_HELD.into_iter().enumerate() {
        flags |= if held.by_course()[course] == Some(false) { flag } else { 0 };
    }
    body.byte(flags);
    body.signed(o.time.as_micros());
    let has_amount = matches!(lesson, Lesson::Attempt | Lesson::Purchase);
    body.signed(if has_amount { o.amount.clamp(0, NUMBER_MAX) } else { 0 });
    let members = members(lesson, o, plan, profiled);
    let present = members.iter().enumerate().filter(|(_, member)| member.is_some());
    body.byte(present.map(|(bit, _)| 1 << bit).sum());
    members.iter().flatten().for_each(|member| body.fixed_u64(*member));
    if let Some(position) = position {
        write_position(&mut body, position);
    }
    if profiled {
        // Zero and 24 stand for none: no category is 0, and hours end at 23.
        body.number(o.category.map_or(0, |category| category.number().into()));
        body.byte(o.hour.unwrap_or(24));
        body.byte(o.exponent);
        for number in [o.prior.log_mean, o.prior.log_sd, o.prior.weight] {
            body.double(number);
        }
    }
    let mut record = Writer::default();
    record.count(body.bytes.len());
    record.bytes.append(&mut body.bytes);
    record.bytes
}

/// Short keys of what the party's sets and profile learn, by their bit.
fn members(lesson: Lesson, o: &Observation, plan: &KindPlan, profiled: bool) -> [Option<u64>; 7] {
    let course = match lesson {
        Lesson::Attempt => Some(Course::Attempts),
        Lesson::Purchase | Lesson::Recognized | Lesson::Forgotten => Some(Course::Purchases),
        Lesson::TakenBack | Lesson::SignIn | Lesson::Misuse => None,
    };
    let mut members = [None; 7];
    for (slot, member) in members.iter_mut().zip(MEMBERS) {
        let learns =
            |set: &super::plan::SetPlan| set.member == member && Some(set.course) == course;
        *slot = member.of(&o.parties).filter(|_| plan.sets.iter().any(learns));
    }
    members[MERCHANT] = o.parties.merchant.filter(|_| profiled).map(|key| key.short());
    members
}

/// The next record; what is left of it is unknown to this version and skipped.
pub fn decode(reader: &mut Reader<'_>) -> Result<Record, Garbled> {
    let length = reader.count(1)?;
    let mut body = Reader::new(reader.take(length)?);
    let lesson = body.byte()?;
    let lesson = LESSONS.into_iter().find(|known| *known as u8 == lesson);
    let lesson = lesson.ok_or(Garbled("an unknown event"))?;
    let id = body.fixed_u64()?;
    let flags = body.byte()?;
    let time = Time::from_micros(body.time(0)?);
    let amount = body.minor()?;
    let parties = decode_members(&mut body)?;
    let position = match flags & POSITION {
        0 => None,
        _ => Some(read_position(&mut body)?),
    };
    let mut observation =
        Observation { id, time, parties, amount, position, ..Observation::default() };
    if flags & PURCHASE != 0 {
        observation.category = Category::from_number(body.small()?);
        observation.hour = Some(body.byte()?).filter(|hour| *hour < 24);
        observation.exponent = body.byte()?;
        let (log_mean, log_sd, weight) = (body.double()?, body.amount()?, body.amount()?);
        observation.prior = SpendingPrior { log_mean, log_sd, weight };
    }
    let held = match lesson {
        Lesson::TakenBack => NOT_HELD.map(|flag| (flags & flag != 0).then_some(false)),
        _ => [None; 2],
    };
    Ok(Record { lesson, observation, held: Held::told(held) })
}

fn decode_members(body: &mut Reader<'_>) -> Result<Parties, Garbled> {
    let present = body.byte()?;
    let mut parties = Parties::default();
    let slots = [
        &mut parties.account,
        &mut parties.device,
        &mut parties.network,
        &mut parties.instrument,
        &mut parties.region,
        &mut parties.address,
        &mut parties.merchant,
    ];
    for (bit, slot) in slots.into_iter().enumerate() {
        if present >> bit & 1 == 1 {
            *slot = Some(PartyKey::from_short(body.fixed_u64()?));
        }
    }
    Ok(parties)
}
