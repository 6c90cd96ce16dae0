//! How a party is read: every signal of its kind, as of one request.

use super::{Held, PartyState, Profile, Series};
use crate::domain::Span;
use crate::signals::buckets::Estimate;
use crate::signals::log::{ShortId, Totals};
use crate::signals::plan::{Course, KindPlan, takes_in_request};
use crate::signals::{Fold, Observation, Reading, Readings, Taught};

impl PartyState {
    /// Says whether the request is in a log, where no party before has said it.
    fn find(&self, id: u64, plan: &KindPlan, held: &mut Held) {
        let id = ShortId::of(id);
        for course in Course::ALL {
            if plan.logs[course as usize].is_kept() {
                let log = &self.logs[course as usize];
                held.by_course[course as usize].get_or_insert_with(|| log.contains(id));
            }
        }
    }

    /// Puts the readings of all signals of the kind into their places; they fail while the party
    /// may have been known and evicted.
    pub fn tell(&self, o: &Observation, plan: &KindPlan, held: &mut Held, readings: &mut Readings) {
        let now = o.time.as_micros();
        let new;
        let state = match self.is_forgotten(now, plan) {
            true => {
                new = PartyState::new(now, self.doubtful_until);
                &new
            }
            false => self,
        };
        state.find(o.id, plan, held);
        if now < state.doubtful_until {
            fail(plan, readings);
        } else {
            state.read(o, plan, held, readings);
        }
    }

    fn read(
        &self,
        observation: &Observation,
        plan: &KindPlan,
        held: &Held,
        readings: &mut Readings,
    ) {
        self.read_logs(observation, plan, held, readings);
        self.read_sets(observation, plan, held, readings);
        self.read_series(observation, plan, held, readings);
        for &(position, fold) in &plan.singles {
            readings.raise(position, self.single(fold, observation));
        }
        self.read_profile(observation, plan, readings);
    }

    fn read_logs(&self, o: &Observation, plan: &KindPlan, held: &Held, readings: &mut Readings) {
        let id = ShortId::of(o.id);
        for course in Course::ALL {
            let missing = held.missing(course);
            let log = &self.logs[course as usize];
            for window in &plan.logs[course as usize].percentiles {
                log.percentiles(o.time.as_micros(), id, window, |position, amount| {
                    readings.raise(position, Reading::Double(amount));
                });
            }
            for pass in &plan.logs[course as usize].passes {
                log.totals(o.time.as_micros(), id, pass, |window, totals| {
                    for &(position, fold) in &window.outputs {
                        let mut totals = totals;
                        if takes_in_request(fold, pass.delay) {
                            totals.count += totals.own_count + missing;
                            totals.sum += totals.own_sum + missing * o.amount;
                        }
                        readings.raise(position, of_totals(fold, totals));
                    }
                });
            }
        }
    }

    fn read_sets(&self, o: &Observation, plan: &KindPlan, held: &Held, readings: &mut Readings) {
        for (set, set_plan) in plan.sets.iter().enumerate() {
            let own = set_plan.member.of(&o.parties);
            for output in &set_plan.outputs {
                let from = o.time.as_micros() - output.length;
                let knows = |member| self.sightings.contains(set, member, from);
                let reading = match (output.fold, own) {
                    (Fold::Known(_), None) => Reading::NotSupplied,
                    (Fold::Known(_), Some(member)) => Reading::Bool(knows(member)),
                    (_, own) => {
                        let adds = set_plan.course == Course::Attempts
                            && held.missing(Course::Attempts) > 0
                            && own.is_some_and(|member| !knows(member));
                        Reading::Int(self.sightings.count(set, from) + i64::from(adds))
                    }
                };
                readings.raise(output.position, reading);
            }
        }
    }

    fn read_series(&self, o: &Observation, plan: &KindPlan, held: &Held, readings: &mut Readings) {
        let empty = Series::default();
        for (place, series_plan) in plan.series.iter().enumerate() {
            let series = self.series.get(place).unwrap_or(&empty);
            let missing = held.missing(series_plan.course) as f64;
            for pass in &series_plan.passes {
                series.estimates(o.time.as_micros(), series_plan, pass, |window, estimate| {
                    for &(position, fold, taught_by) in &window.outputs {
                        let mut estimate = estimate;
                        if takes_in_request(fold, pass.delay) {
                            estimate.events += missing;
                        }
                        readings.raise(position, of_estimate(fold, taught_by, estimate));
                    }
                });
            }
        }
    }

    fn read_profile(&self, o: &Observation, plan: &KindPlan, readings: &mut Readings) {
        if plan.spending.is_empty() {
            return;
        }
        let empty = Profile::new(o.time.as_micros());
        let view = self.profile.as_deref().unwrap_or(&empty).view(o);
        for &(position, part) in &plan.spending {
            readings.raise(position, view.part(part));
        }
    }

    fn single(&self, fold: Fold, o: &Observation) -> Reading {
        let now = o.time.as_micros();
        let number = match fold {
            Fold::FirstSeen => Some(Span::micros((now - self.first_seen).max(0)).as_hours_f64()),
            Fold::LastSeen => {
                let trail = self.trail.as_ref();
                trail.and_then(|trail| trail.idle(now, o.id)).map(Span::as_hours_f64)
            }
            Fold::Travel => {
                let both = self.trail.as_ref().zip(o.position);
                both.and_then(|(trail, here)| trail.speed(now, o.id, here))
            }
            _ => None,
        };
        number.map_or(Reading::NotSupplied, Reading::Double)
    }
}

/// What is said of a party that cannot be told: not even that it is new.
pub fn fail(plan: &KindPlan, readings: &mut Readings) {
    for &position in &plan.positions {
        readings.raise(position, Reading::Failed);
    }
}

fn of_totals(fold: Fold, totals: Totals) -> Reading {
    match fold {
        Fold::Sum(_) => Reading::Int(totals.sum),
        Fold::Mean(_) if totals.count == 0 => Reading::NotSupplied,
        Fold::Mean(_) => Reading::Double(totals.sum as f64 / totals.count as f64),
        _ => Reading::Int(totals.count),
    }
}

fn of_estimate(fold: Fold, taught_by: Taught, estimate: Estimate) -> Reading {
    let whole = |number: f64| Reading::Int((number + 0.5).floor() as i64);
    match (fold, taught_by) {
        (Fold::Share, _) if estimate.events > 0.0 => {
            Reading::Double((estimate.outcomes / estimate.events).min(1.0))
        }
        (Fold::Share, _) => Reading::Double(0.0),
        (_, Taught::Outcome) => whole(estimate.outcomes),
        (_, Taught::Attempt | Taught::Purchase) => whole(estimate.events),
    }
}
