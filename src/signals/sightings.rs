//! Which members a party was seen with, and when last: the sets behind distinct counts.

use super::log::{ShortId, growth};
use super::plan::SetPlan;

/// Stands for the teacher of a member that several events, or a passed check, have taught.
const SEVERAL: u32 = 0;

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

    /// How many members of the set were last seen after `from`. A request that comes late counts
    /// members seen after it too, which errs to the careful side.
    pub fn count(&self, set: usize, from: i64) -> i64 {
        self.list.iter().filter(|s| usize::from(s.set) == set && s.last > from).count() as i64
    }

    pub fn contains(&self, set: usize, member: u64, from: i64) -> bool {
        let mut sightings = self.list.iter();
        sightings.any(|s| usize::from(s.set) == set && s.member == member && s.last > from)
    }

    pub fn heap_bytes(&self) -> usize {
        self.list.capacity() * size_of::<Sighting>()
    }
}
