//! The naive model of the store for tests: all events in a list, gone through for each reading.

use super::profile_reference::NaiveProfile;
use super::*;
use crate::domain::Value;

/// Where an event stands in the order of arrival.
type Arrival = usize;

/// What an event came to: repetitions and what was taken back are sorted out, nothing is forgotten.
#[derive(Clone)]
struct Live {
    at: Arrival,
    course: Taught,
    o: Observation,
}

/// Something that sets, the trail and the profile learn from, in order of arrival.
enum Teaching {
    Seen { course: Option<Taught>, lasting: bool, o: Box<Observation> },
    TakenBack(u64),
}

#[derive(Default)]
pub struct Reference {
    live: Vec<Live>,
    teachings: Vec<(Arrival, Teaching)>,
    /// Everything that makes a device seen.
    seen: Vec<(Arrival, Observation)>,
    /// Everything that a party of that kind learns from.
    learnt: Vec<(Party, Observation)>,
}

impl Reference {
    pub fn apply(&mut self, event: &SignalEvent) {
        for kind in Party::ALL.into_iter().filter(|kind| learns(*kind, event)) {
            self.learnt.push((kind, event.lesson().1.clone()));
        }
        let at = self.learnt.len();
        match event {
            SignalEvent::Attempt(o) => self.add(Taught::Attempt, o),
            SignalEvent::Purchase(o) => self.add(Taught::Purchase, o),
            SignalEvent::Misuse(o) => {
                self.live.push(Live { at, course: Taught::Outcome, o: o.clone() });
            }
            SignalEvent::Recognized(o) | SignalEvent::SignIn(o) => {
                let is_strong = matches!(event, SignalEvent::Recognized(_));
                let course = is_strong.then_some(Taught::Purchase);
                let seen = Teaching::Seen { course, lasting: true, o: o.clone().into() };
                self.teachings.push((at, seen));
                self.seen.push((at, o.clone()));
            }
            // Rare enough to have a test of its own instead.
            SignalEvent::Forgotten(_) => {}
            SignalEvent::TakenBack(o) => {
                self.live.retain(|live| live.course == Taught::Outcome || live.o.id != o.id);
                self.teachings.push((at, Teaching::TakenBack(o.id)));
            }
        }
    }

    fn add(&mut self, course: Taught, o: &Observation) {
        let at = self.learnt.len();
        self.seen.push((at, o.clone()));
        if !self.holds(course, o.id) {
            self.live.push(Live { at, course, o: o.clone() });
            let course = Some(course);
            let seen = Teaching::Seen { course, lasting: false, o: o.clone().into() };
            self.teachings.push((at, seen));
        }
    }

    /// The first event of a party after it was forgotten, for want of any for longer than what is
    /// looked at most.
    fn born(&self, kind: Party, key: PartyKey, now: Time) -> Arrival {
        let reach = |signal: &Signal| signal.window.length + signal.window.delay;
        let idle = catalog().iter().filter(|signal| signal.key == kind).map(reach).max();
        let mut of_party = Vec::new();
        for (place, (other, o)) in self.learnt.iter().enumerate() {
            if *other == kind && keys_of(kind, &o.parties).contains(&key) {
                of_party.push((place + 1, o.time));
            }
        }
        of_party.push((usize::MAX, now));
        let (mut born, mut newest) = (0, of_party[0].1);
        for (at, time) in of_party {
            if Some(time - newest) >= idle {
                born = at;
            }
            newest = newest.max(time);
        }
        born
    }

    fn holds(&self, course: Taught, id: u64) -> bool {
        self.live.iter().any(|live| live.course == course && live.o.id == id)
    }

    /// The reading of a signal for a request that was observed.
    pub fn read(&self, signal: &Signal, o: &Observation) -> Reading {
        let keys = keys_of(signal.key, &o.parties);
        let readings = keys.iter().map(|key| self.read_of(signal, *key, o));
        readings.fold(Reading::NotSupplied, |a, b| match (a, b) {
            (Reading::Int(a), Reading::Int(b)) => Reading::Int(a.max(b)),
            (_, b) => b,
        })
    }

    fn read_of(&self, signal: &Signal, key: PartyKey, o: &Observation) -> Reading {
        let start = o.time - signal.window.delay - signal.window.length;
        let end = match signal.window.delay {
            Span::ZERO => o.time + plan::CLOCK_SKEW,
            delay => o.time - delay,
        };
        let own_scope = matches!(
            signal.fold,
            Fold::Count(Scope::WithRequest)
                | Fold::Sum(Scope::WithRequest)
                | Fold::Mean(Scope::WithRequest)
        );
        let born = self.born(signal.key, key, o.time);
        let mut amounts: Vec<i64> = (self.live.iter())
            .filter(|live| live.at >= born)
            .filter(|live| live.course == signal.taught_by)
            .filter(|live| keys_of(signal.key, &live.o.parties).contains(&key))
            .filter(|live| start < live.o.time && live.o.time <= end)
            .filter(|live| own_scope || live.o.id != o.id || signal.key == Party::Merchant)
            .map(|live| live.o.amount)
            .collect();
        if own_scope && !self.holds(signal.taught_by, o.id) {
            amounts.push(o.amount);
        }
        let sum: i64 = amounts.iter().sum();
        match signal.fold {
            Fold::Count(_) => Reading::Int(amounts.len() as i64),
            Fold::Sum(_) => Reading::Int(sum),
            Fold::Mean(_) if amounts.is_empty() => Reading::NotSupplied,
            Fold::Mean(_) => Reading::Double(sum as f64 / amounts.len() as f64),
            Fold::Percentile(percent) => percentile(amounts, percent),
            Fold::Distinct(member) => {
                let set = self.set(signal, member, (key, born));
                Reading::Int(set.iter().filter(|(_, last, _)| *last > start).count() as i64)
            }
            Fold::Known(member) => match member.of(&o.parties) {
                None => Reading::NotSupplied,
                Some(own) => {
                    let set = self.set(signal, member, (key, born));
                    Reading::Bool(set.iter().any(|(m, last, _)| *m == own && *last > start))
                }
            },
            Fold::Share => {
                let purchases = Signal { fold: Fold::Count(Scope::OwnHistory), ..*signal };
                let purchases = Signal { taught_by: Taught::Purchase, ..purchases };
                match self.read_of(&purchases, key, o) {
                    Reading::Int(0) => Reading::Double(0.0),
                    Reading::Int(n) => Reading::Double(amounts.len() as f64 / n as f64),
                    other => other,
                }
            }
            Fold::FirstSeen => self.first_seen(signal.key, (key, born), o),
            Fold::LastSeen => match self.newest_of_another((key, born), o, |_| true) {
                Some(last) => Reading::Double((o.time - last.time).as_hours_f64().max(0.0)),
                None => Reading::NotSupplied,
            },
            Fold::Travel => {
                let last = self.newest_of_another((key, born), o, |o| o.position.is_some());
                match (last.and_then(|last| Some((last.time, last.position?))), o.position) {
                    (Some((time, there)), Some(here)) => speed(time, there, o.time, here),
                    _ => Reading::NotSupplied,
                }
            }
            Fold::Spending(part) => self.spending((key, born), o).read(part, o),
        }
    }

    fn first_seen(
        &self,
        kind: Party,
        (key, born): (PartyKey, Arrival),
        o: &Observation,
    ) -> Reading {
        let of_party = |(at, o): &&(Arrival, Observation)| {
            *at >= born && keys_of(kind, &o.parties).contains(&key)
        };
        let first = self.seen.iter().filter(of_party).map(|(_, o)| o.time).min();
        Reading::Double((o.time - first.unwrap_or(o.time)).as_hours_f64().max(0.0))
    }

    /// Members with the last sighting and the only teacher. A member idle for longer than the
    /// longest window over its set begins anew.
    fn set(
        &self,
        signal: &Signal,
        member: Member,
        (key, born): (PartyKey, Arrival),
    ) -> Vec<(u64, Time, Option<u64>)> {
        let same_set = |s: &&Signal| {
            s.key == signal.key
                && s.taught_by == signal.taught_by
                && matches!(s.fold, Fold::Distinct(m) | Fold::Known(m) if m == member)
        };
        let longest = catalog().iter().filter(same_set).map(|s| s.window.length).max();
        let longest = longest.unwrap_or_default();
        let mut set: Vec<(u64, Time, Option<u64>)> = Vec::new();
        for teaching in self.since(born) {
            match teaching {
                Teaching::TakenBack(id) => set.retain(|(_, _, teacher)| *teacher != Some(*id)),
                Teaching::Seen { course, lasting, o } if *course == Some(signal.taught_by) => {
                    let of_party = keys_of(signal.key, &o.parties).contains(&key);
                    let Some(own) = member.of(&o.parties).filter(|_| of_party) else { continue };
                    let teacher = Some(o.id).filter(|_| !lasting);
                    match set.iter_mut().find(|(m, ..)| *m == own) {
                        Some(old) if old.1 <= o.time - longest => *old = (own, o.time, teacher),
                        Some(old) => {
                            old.1 = old.1.max(o.time);
                            old.2 = old.2.filter(|old| Some(*old) == teacher);
                        }
                        None => set.push((own, o.time, teacher)),
                    }
                }
                Teaching::Seen { .. } => {}
            }
        }
        set
    }

    fn newest_of_another(
        &self,
        (key, born): (PartyKey, Arrival),
        o: &Observation,
        has: impl Fn(&Observation) -> bool,
    ) -> Option<&Observation> {
        let seen = self.since(born).filter_map(|teaching| match teaching {
            Teaching::Seen { o, .. } => Some(&**o),
            Teaching::TakenBack(_) => None,
        });
        seen.filter(|seen| seen.parties.account == Some(key) && seen.id != o.id && has(seen))
            .max_by_key(|seen| seen.time)
    }

    fn since(&self, born: Arrival) -> impl Iterator<Item = &Teaching> {
        let teachings = self.teachings.iter().filter(move |(at, _)| *at >= born);
        teachings.map(|(_, teaching)| teaching)
    }

    fn spending(&self, (key, born): (PartyKey, Arrival), now: &Observation) -> NaiveProfile {
        let mut profile = NaiveProfile::default();
        for teaching in self.since(born) {
            match teaching {
                Teaching::Seen { course: Some(Taught::Purchase), lasting: false, o }
                    if o.parties.account == Some(key) =>
                {
                    profile.teach(o);
                }
                _ => {}
            }
        }
        profile.advance(now.time);
        profile
    }
}

/// Whether something of the event is remembered of parties of that kind.
fn learns(kind: Party, event: &SignalEvent) -> bool {
    match (kind, event) {
        (_, SignalEvent::Attempt(_)) => true,
        // It bears the time of what it takes back, which was learnt from then.
        (_, SignalEvent::TakenBack(_)) => false,
        (Party::Account, event) => !matches!(event, SignalEvent::Misuse(_)),
        (Party::Device, event) => {
            !matches!(event, SignalEvent::Misuse(_) | SignalEvent::Forgotten(_))
        }
        (Party::Merchant, event) => {
            matches!(event, SignalEvent::Purchase(_) | SignalEvent::Misuse(_))
        }
        (Party::Network | Party::Instrument | Party::Contact, _) => false,
    }
}

fn keys_of(kind: Party, parties: &Parties) -> Vec<PartyKey> {
    let keys = match kind {
        Party::Account => [parties.account, None],
        Party::Device => [parties.device, None],
        Party::Network => [parties.network, None],
        Party::Instrument => [parties.instrument, None],
        Party::Contact => [parties.email, parties.phone],
        Party::Merchant => [parties.merchant, None],
    };
    keys.into_iter().flatten().collect()
}

fn percentile(mut amounts: Vec<i64>, percent: u8) -> Reading {
    amounts.sort_unstable();
    let Some(last) = amounts.len().checked_sub(1) else { return Reading::NotSupplied };
    let rank = last as f64 * f64::from(percent) / 100.0;
    let (below, above) = (amounts[rank.floor() as usize], amounts[rank.ceil() as usize]);
    Reading::Double(below as f64 + (above - below) as f64 * rank.fract())
}

/// By the spherical law of cosines, which is exact enough at these distances.
fn speed(then: Time, there: Position, now: Time, here: Position) -> Reading {
    let radians = |e6: i32| (f64::from(e6) * 1e-6).to_radians();
    let (a, b) = (radians(there.lat_e6), radians(here.lat_e6));
    let turn = radians(here.lon_e6) - radians(there.lon_e6);
    let angle = (a.sin() * b.sin() + a.cos() * b.cos() * turn.cos()).clamp(-1.0, 1.0).acos();
    let accuracy = f64::from(there.accuracy_km) + f64::from(here.accuracy_km);
    let distance = 6371.0088 * angle - accuracy;
    if distance < 50.0 {
        return Reading::Double(0.0);
    }
    let hours = (now - then).as_hours_f64().abs().max(1.0 / 60.0);
    Reading::Double(distance / hours)
}

/// Whether two readings are the same but for the last digits of a double.
pub fn agree(a: Reading, b: Reading) -> bool {
    match (a, b) {
        (Reading::Double(a), Reading::Double(b)) => (a - b).abs() <= 1e-6 * a.abs().max(1.0),
        _ => Value::from(a) == Value::from(b),
    }
}
