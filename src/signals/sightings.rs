//! Which members a party was seen with, and when last: the sets behind distinct counts.

use super::log::{ShortId, growth};
use super::plan::SetPlan;
use super::wire::{Garbled, Reader, Writer};

/// Stands for the teacher of a member that several events, or a passed check, have taught.
const SEVERAL: u32 = 0;

/// A sighting as bytes is no shorter: set, member, time, teacher.
const LEAST_BYTES: usize = 11;

/// A member of one of the party's sets.
#[derive(Clone, Copy, Debug)]
struct Sighting {
    member: u64,
    /// Microseconds.
    last: i64,
    /// The only event that taught the member, or `SEVERAL`.
    teacher: u32,
    set: u8,
}

/// What is seen in one of the party's sets, by which event.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub set: usize,
    pub member: u64,
    /// Microseconds.
    pub time: i64,
    /// `None` when the member shall stay even if the event is taken back.
    pub id: Option<ShortId>,
}

/// All sets of one party in one list: most sets have a member or two.
#[derive(Debug, Default)]
pub struct Sightings {
    list: Vec<Sighting>,
}

impl Sightings {
    /// Notes a member. A set that is full forgets the member that was seen longest ago; a member
    /// that is older than the longest window begins anew.
    pub fn see(&mut self, seen: Seen, plans: &[SetPlan], cap: usize) {
        let Some(plan) = plans.get(seen.set) else { return };
        let teacher = seen.id.map_or(SEVERAL, |id| id.0);
        let fresh = Sighting { member: seen.member, last: seen.time, teacher, set: seen.set as u8 };
        let mut count = 0;
        let mut oldest: Option<&mut Sighting> = None;
        for sighting in self.list.iter_mut().filter(|s| usize::from(s.set) == seen.set) {
            if sighting.member == seen.member {
                if sighting.last <= seen.time - plan.longest {
                    *sighting = fresh;
                } else {
                    sighting.last = sighting.last.max(seen.time);
                    sighting.teacher = if sighting.teacher == teacher { teacher } else { SEVERAL };
                }
                return;
            }
            count += 1;
            if oldest.as_ref().is_none_or(|oldest| sighting.last < oldest.last) {
                oldest = Some(sighting);
            }
        }
        match oldest {
            Some(oldest) if count >= cap => {
                if oldest.last <= seen.time {
                    *oldest = fresh;
                }
            }
            _ => self.push(fresh, plans),
        }
    }

    fn push(&mut self, sighting: Sighting, plans: &[SetPlan]) {
        if self.list.len() == self.list.capacity() {
            let useful = |s: &Sighting| {
                plans.get(usize::from(s.set)).is_some_and(|p| s.last > sighting.last - p.kept)
            };
            self.list.retain(useful);
        }
        if self.list.len() == self.list.capacity() {
            self.list.reserve_exact(growth(self.list.len()));
        }
        self.list.push(sighting);
    }

    /// Forgets the members that only this event taught.
    pub fn take_back(&mut self, id: ShortId) {
        self.list.retain(|sighting| sighting.teacher != id.0);
    }

    /// Forgets one member of a set, whoever taught it.
    pub fn forget(&mut self, set: usize, member: u64) {
        self.list.retain(|s| usize::from(s.set) != set || s.member != member);
    }

    /// Whether the set has another member than this one.
    pub fn has_other(&self, set: usize, member: u64) -> bool {
        self.list.iter().any(|s| usize::from(s.set) == set && s.member != member)
    }

    /// How many members of the set were last seen after `from`. A request that comes late counts
    /// members seen after it too, which errs to the careful side.
    pub fn count(&self, set: usize, from: i64) -> i64 {
        self.list.iter().filter(|s| usize::from(s.set) == set && s.last > from).count() as i64
    }

    pub fn contains(&self, set: usize, member: u64, from: i64) -> bool {
        let mut sightings = self.list.iter();
        sightings.any(|s| usize::from(s.set) == set && s.member == member && s.last > from)
    }

    /// Drops what no window reaches from `now` (microseconds).
    pub fn prune(&mut self, now: i64, plans: &[SetPlan]) {
        self.list
            .retain(|s| plans.get(usize::from(s.set)).is_some_and(|plan| s.last > now - plan.kept));
    }

    /// Sets go by their code, so that bytes outlive a change of the catalog.
    pub fn encode(&self, base: i64, plans: &[SetPlan], writer: &mut Writer) {
        writer.count(self.list.len());
        for sighting in &self.list {
            writer.byte(plans.get(usize::from(sighting.set)).map_or(u8::MAX, SetPlan::code));
            writer.fixed_u64(sighting.member);
            writer.signed(sighting.last - base);
            writer.number(u64::from(sighting.teacher));
        }
    }

    /// Members of sets that the catalog no longer has are left out.
    pub fn decode(
        base: i64,
        plans: &[SetPlan],
        reader: &mut Reader<'_>,
    ) -> Result<Sightings, Garbled> {
        let count = reader.count(LEAST_BYTES)?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            let code = reader.byte()?;
            let member = reader.fixed_u64()?;
            let last = reader.time(base)?;
            let teacher = reader.small()?;
            if let Some(set) = plans.iter().position(|plan| plan.code() == code) {
                list.push(Sighting { member, last, teacher, set: set as u8 });
            }
        }
        Ok(Sightings { list })
    }

    pub fn heap_bytes(&self) -> usize {
        self.list.capacity() * size_of::<Sighting>()
    }
}
