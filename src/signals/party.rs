//! What is remembered about one party: how an event teaches it, and how it is read.

use super::buckets::{Change, Series};
use super::log::{Log, LogBounds, ShortId};
use super::plan::{Course, KindPlan, SetPlan};
use super::profile::Profile;
use super::sightings::{Seen, Sightings};
use super::trail::Trail;
use super::{Member, Observation, Party, SignalEvent};
use crate::domain::{Parties, PartyKey};

mod reading;
mod stored;

pub use reading::fail;

/// What an event does to a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lesson {
    Attempt,
    TakenBack,
    Purchase,
    Recognized,
    Forgotten,
    SignIn,
    Misuse,
}

impl SignalEvent {
    /// What the event does to its parties, and what it tells about them.
    pub(super) fn lesson(&self) -> (Lesson, &Observation) {
        match self {
            SignalEvent::Attempt(o) => (Lesson::Attempt, o),
            SignalEvent::TakenBack(o) => (Lesson::TakenBack, o),
            SignalEvent::Purchase(o) => (Lesson::Purchase, o),
            SignalEvent::Recognized(o) => (Lesson::Recognized, o),
            SignalEvent::Forgotten(o) => (Lesson::Forgotten, o),
            SignalEvent::SignIn(o) => (Lesson::SignIn, o),
            SignalEvent::Misuse(o) => (Lesson::Misuse, o),
        }
    }
}

/// The parties of an event, those first that keep logs and can tell a repetition.
pub fn in_order(parties: &Parties) -> impl Iterator<Item = (Party, PartyKey)> {
    let phone = parties.phone.filter(|phone| Some(*phone) != parties.email);
    [
        (Party::Account, parties.account),
        (Party::Device, parties.device),
        (Party::Instrument, parties.instrument),
        (Party::Contact, parties.email),
        (Party::Contact, phone),
        (Party::Network, parties.network),
        (Party::Merchant, parties.merchant),
    ]
    .into_iter()
    .filter_map(|(kind, key)| key.map(|key| (kind, key)))
}

/// Bounds on what one party keeps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events a log.
    pub log: usize,
    /// Members a set.
    pub distinct: usize,
}

/// Whether the request is in a log already, by course; the first party that keeps such a log says
/// it for the others, of which some keep no ids.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    by_course: [Option<bool>; 2],
    /// The attempt was put into the logs just now.
    attempt_noted: bool,
}

impl Held {
    pub fn new(attempt_noted: bool) -> Held {
        Held { by_course: [None; 2], attempt_noted }
    }

    /// What another party has told already.
    pub fn told(by_course: [Option<bool>; 2]) -> Held {
        Held { by_course, attempt_noted: false }
    }

    /// By course; `None` when no party could tell.
    pub fn by_course(&self) -> [Option<bool>; 2] {
        self.by_course
    }

    fn is_new(&self, course: Course) -> bool {
        self.by_course[course as usize] != Some(true)
    }

    /// How many events readings have to add for the request: 0 when it is among those kept.
    fn missing(&self, course: Course) -> i64 {
        let held = self.by_course[course as usize];
        match course {
            Course::Attempts => i64::from(!self.attempt_noted && held == Some(false)),
            Course::Purchases => i64::from(held != Some(true)),
        }
    }
}

/// One party. Empty parts take no memory of their own.
#[derive(Debug)]
pub struct PartyState {
    /// Microseconds.
    first_seen: i64,
    /// Of the newest event, in microseconds.
    newest: i64,
    /// Until then the party may have been known and evicted: its readings fail (microseconds).
    pub doubtful_until: i64,
    /// By course.
    logs: [Log; 2],
    sightings: Sightings,
    /// In the order of the plan; empty until the first event.
    series: Box<[Series]>,
    trail: Option<Box<Trail>>,
    profile: Option<Box<Profile>>,
}

impl PartyState {
    pub fn new(first_seen: i64, doubtful_until: i64) -> PartyState {
        PartyState {
            first_seen,
            newest: first_seen,
            doubtful_until,
            logs: Default::default(),
            sightings: Sightings::default(),
            series: Box::default(),
            trail: None,
            profile: None,
        }
    }

    /// Whether nothing happened for so long that the party is as good as new. Stores may drop it
    /// then, and read the same whether they have or not.
    fn is_forgotten(&self, now: i64, plan: &KindPlan) -> bool {
        now - self.newest >= plan.idle
    }

    /// Whether such an event changes what is remembered of a party of this kind.
    pub fn learns(lesson: Lesson, plan: &KindPlan) -> bool {
        match lesson {
            Lesson::TakenBack => true,
            Lesson::Forgotten => plan.sets.iter().any(SetPlan::is_of_known_devices),
            _ => PartyState::begins_with(lesson, plan),
        }
    }

    /// Whether such an event makes a party of this kind known.
    pub fn begins_with(lesson: Lesson, plan: &KindPlan) -> bool {
        let is_seen = || !plan.singles.is_empty();
        match lesson {
            Lesson::Attempt => plan.keeps_course(Course::Attempts) || is_seen(),
            Lesson::Purchase => plan.keeps_course(Course::Purchases) || is_seen(),
            Lesson::Recognized => {
                plan.sets.iter().any(|set| set.course == Course::Purchases) || is_seen()
            }
            Lesson::SignIn => is_seen(),
            Lesson::Misuse => !plan.series.is_empty() && plan.keeps_course(Course::Purchases),
            Lesson::TakenBack | Lesson::Forgotten => false,
        }
    }

    pub fn teach(
        &mut self,
        lesson: Lesson,
        observation: &Observation,
        plan: &KindPlan,
        (held, limits): (&mut Held, Limits),
    ) {
        let (time, id) = (observation.time.as_micros(), ShortId::of(observation.id));
        if self.is_forgotten(time, plan) {
            *self = PartyState::new(time, self.doubtful_until);
        }
        self.newest = self.newest.max(time);
        match lesson {
            Lesson::Attempt | Lesson::Purchase => {
                let course = match lesson {
                    Lesson::Attempt => Course::Attempts,
                    _ => Course::Purchases,
                };
                self.first_seen = self.first_seen.min(time);
                if self.note(course, observation, plan, (held, limits)) {
                    self.see_members(course, (observation, Some(id)), &plan.sets, limits);
                    self.change_series(course, (time, Change::Event), plan);
                    self.see(observation, plan);
                    if course == Course::Purchases && !plan.spending.is_empty() {
                        let profile = || Box::new(Profile::new(time));
                        self.profile.get_or_insert_with(profile).teach(observation);
                    }
                }
            }
            Lesson::Recognized => {
                self.first_seen = self.first_seen.min(time);
                // A passed check holds even when the request that asked for it is taken back.
                self.see_members(Course::Purchases, (observation, None), &plan.sets, limits);
                self.see(observation, plan);
            }
            Lesson::Forgotten => {
                let sets = plan.sets.iter().enumerate();
                for (set, plan) in sets.filter(|(_, plan)| plan.is_of_known_devices()) {
                    if let Some(member) = plan.member.of(&observation.parties) {
                        self.sightings.forget(set, member);
                    }
                }
            }
            Lesson::SignIn => {
                self.first_seen = self.first_seen.min(time);
                self.see(observation, plan);
            }
            Lesson::Misuse => {
                self.change_series(Course::Purchases, (time, Change::Outcome), plan);
            }
            Lesson::TakenBack => self.take_back(observation, plan, held),
        }
    }

    /// Puts the event into the log, if the kind keeps one. False when it is a repetition.
    fn note(
        &mut self,
        course: Course,
        observation: &Observation,
        plan: &KindPlan,
        (held, limits): (&mut Held, Limits),
    ) -> bool {
        let log_plan = &plan.logs[course as usize];
        if log_plan.is_kept() && held.is_new(course) {
            let time = observation.time.as_micros();
            let bounds = LogBounds { cap: limits.log, useful_from: time - log_plan.kept };
            let log = &mut self.logs[course as usize];
            let is_new = log.insert(time, observation.amount, ShortId::of(observation.id), bounds);
            held.by_course[course as usize].get_or_insert(!is_new);
        }
        held.is_new(course)
    }

    fn see_members(
        &mut self,
        course: Course,
        (observation, id): (&Observation, Option<ShortId>),
        plans: &[SetPlan],
        limits: Limits,
    ) {
        for (set, plan) in plans.iter().enumerate().filter(|(_, plan)| plan.course == course) {
            if let Some(member) = plan.member.of(&observation.parties) {
                let seen = Seen { set, member, time: observation.time.as_micros(), id };
                self.sightings.see(seen, plans, limits.distinct);
            }
        }
    }

    fn change_series(&mut self, course: Course, (time, change): (i64, Change), plan: &KindPlan) {
        if self.series.len() != plan.series.len() {
            self.series = plan.series.iter().map(|_| Series::default()).collect();
        }
        for (series, plan) in self.series.iter_mut().zip(&plan.series) {
            if plan.course == course {
                series.change(time, change, plan);
            }
        }
    }

    fn see(&mut self, observation: &Observation, plan: &KindPlan) {
        if plan.keeps_trail() {
            let trail = self.trail.get_or_insert_with(|| Box::new(Trail::new()));
            trail.see(observation.time.as_micros(), observation.id, observation.position);
        }
    }

    fn take_back(&mut self, observation: &Observation, plan: &KindPlan, held: &mut Held) {
        let (time, id) = (observation.time.as_micros(), ShortId::of(observation.id));
        for course in Course::ALL {
            if plan.logs[course as usize].is_kept() {
                let was_held = self.logs[course as usize].remove(id);
                held.by_course[course as usize].get_or_insert(was_held);
            }
            if held.by_course[course as usize] != Some(false) {
                self.change_series(course, (time, Change::EventTakenBack), plan);
            }
        }
        self.sightings.take_back(id);
    }

    /// Whether another account than this one was seen with the party, as far as it remembers.
    pub fn is_shared(&self, account: &PartyKey, plan: &KindPlan) -> bool {
        let sets = plan.sets.iter().enumerate();
        let mut accounts = sets.filter(|(_, set)| set.member == Member::Account);
        accounts.any(|(set, _)| self.sightings.has_other(set, account.short()))
    }

    /// Bytes that the party takes, without what the allocator adds.
    pub fn bytes(&self) -> usize {
        size_of::<PartyState>()
            + self.logs.iter().map(Log::heap_bytes).sum::<usize>()
            + self.sightings.heap_bytes()
            + self.series.iter().map(|s| size_of::<Series>() + s.heap_bytes()).sum::<usize>()
            + self.trail.as_ref().map_or(0, |trail| trail.heap_bytes())
            + self.profile.as_ref().map_or(0, |profile| profile.bytes())
    }
}
