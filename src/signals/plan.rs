//! What each kind of party has to keep so that every signal can be read; derived once from the
//! catalog.

use super::{Fold, Member, Party, Scope, Signal, SpendingPart, Taught};
use crate::domain::Span;

/// How late an event may come and still be read exactly. Retries and slow queues are quicker; the
/// marker that keeps a retry from being counted twice lives as long.
pub const LATENESS: Span = Span::hours(1);

/// How far the clocks of two replicas, or of one that was set back, may be apart: an event that
/// claims to be so much later than the request counts, for it may well have been before.
pub const CLOCK_SKEW: Span = Span::seconds(5);

/// Until when events count in a window that ends `delay` before the request; microseconds.
pub fn window_end(now: i64, delay: i64) -> i64 {
    if delay == 0 { now + CLOCK_SKEW.as_micros() } else { now - delay }
}

/// Which log or series an event goes to; misuse is noted where its purchase was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    Attempts = 0,
    Purchases = 1,
}

impl Course {
    pub const ALL: [Course; 2] = [Course::Attempts, Course::Purchases];

    fn of(taught_by: Taught) -> Course {
        match taught_by {
            Taught::Attempt => Course::Attempts,
            Taught::Purchase | Taught::Outcome => Course::Purchases,
        }
    }
}

/// Everything that one kind of party keeps. Lengths of time are microseconds.
#[derive(Debug, Default)]
pub struct KindPlan {
    /// By course.
    pub logs: [LogPlan; 2],
    pub sets: Vec<SetPlan>,
    pub series: Vec<SeriesPlan>,
    /// Readings of when and where the party was seen.
    pub singles: Vec<(usize, Fold)>,
    pub spending: Vec<(usize, SpendingPart)>,
    /// Every signal of the kind, by its position in the catalog.
    pub positions: Vec<usize>,
    /// After so long without an event the party is as good as new.
    pub idle: i64,
}

#[derive(Debug, Default)]
pub struct LogPlan {
    pub passes: Vec<LogPass>,
    pub percentiles: Vec<PercentileWindow>,
    /// Events older than this can be dropped; 0 when no log is kept.
    pub kept: i64,
}

impl LogPlan {
    pub fn is_kept(&self) -> bool {
        self.kept > 0
    }
}

/// Windows that end at the same time, shortest first.
#[derive(Debug)]
pub struct LogPass {
    pub delay: i64,
    pub windows: Vec<LogWindow>,
}

#[derive(Debug)]
pub struct LogWindow {
    pub length: i64,
    pub outputs: Vec<(usize, Fold)>,
}

/// Percentiles of one window, with their positions.
#[derive(Debug)]
pub struct PercentileWindow {
    pub length: i64,
    pub delay: i64,
    pub outputs: Vec<(usize, u8)>,
}

/// A set of members, with the windows over it.
#[derive(Debug)]
pub struct SetPlan {
    pub member: Member,
    pub course: Course,
    /// The longest window.
    pub longest: i64,
    /// Sightings older than this can be dropped.
    pub kept: i64,
    pub outputs: Vec<SetOutput>,
}

impl SetPlan {
    pub fn is_of_known_devices(&self) -> bool {
        self.course == Course::Purchases && self.member == Member::Device
    }

    /// Stands for the set in stored bytes, whatever its place in the plan.
    pub fn code(&self) -> u8 {
        2 * self.member as u8 + self.course as u8
    }
}

#[derive(Debug)]
pub struct SetOutput {
    pub position: usize,
    pub length: i64,
    pub fold: Fold,
}

/// Buckets of one width, with the windows over them.
#[derive(Debug)]
pub struct SeriesPlan {
    pub course: Course,
    /// Of a bucket, as long as they are few.
    pub width: i64,
    /// How many buckets back a window can reach.
    pub reach: u32,
    pub passes: Vec<SeriesPass>,
}

impl SeriesPlan {
    /// Stands for the series in stored bytes, whatever its place in the plan.
    pub fn code(&self) -> u64 {
        let seconds = Span::micros(self.width).as_seconds();
        2 * seconds.unsigned_abs() + self.course as u64
    }
}

/// Windows that end at the same time, shortest first.
#[derive(Debug)]
pub struct SeriesPass {
    pub delay: i64,
    pub windows: Vec<SeriesWindow>,
}

#[derive(Debug)]
pub struct SeriesWindow {
    pub length: i64,
    pub outputs: Vec<(usize, Fold, Taught)>,
}

impl KindPlan {
    pub fn compile(kind: Party, catalog: &[Signal]) -> KindPlan {
        let mut plan = KindPlan::default();
        for (position, signal) in catalog.iter().enumerate().filter(|(_, s)| s.key == kind) {
            plan.positions.push(position);
            plan.idle = plan.idle.max(reach(signal));
            match signal.fold {
                Fold::Count(_) | Fold::Sum(_) | Fold::Mean(_) | Fold::Share if kind.is_busy() => {
                    plan.add_to_series(position, signal);
                }
                Fold::Count(_) | Fold::Sum(_) | Fold::Mean(_) | Fold::Share => {
                    plan.add_to_log(position, signal);
                }
                Fold::Percentile(percent) => plan.add_percentile(position, signal, percent),
                Fold::Distinct(member) | Fold::Known(member) => {
                    plan.add_to_set(position, signal, member);
                }
                Fold::FirstSeen | Fold::LastSeen | Fold::Travel => {
                    plan.singles.push((position, signal.fold));
                }
                Fold::Spending(part) => plan.spending.push((position, part)),
            }
        }
        if !kind.is_busy() && plan.keeps_course(Course::Attempts) {
            // Even where nothing is counted: its ids tell a repetition.
            let log = &mut plan.logs[Course::Attempts as usize];
            log.kept = log.kept.max(LATENESS.as_micros());
        }
        plan
    }

    fn add_to_log(&mut self, position: usize, signal: &Signal) {
        let log = &mut self.logs[Course::of(signal.taught_by) as usize];
        log.kept = log.kept.max(reach(signal) + LATENESS.as_micros());
        let delay = signal.window.delay.as_micros();
        let pass = find_or_insert(
            &mut log.passes,
            |pass| pass.delay.cmp(&delay),
            || LogPass { delay, windows: Vec::new() },
        );
        let length = signal.window.length.as_micros();
        let window = find_or_insert(
            &mut pass.windows,
            |w| w.length.cmp(&length),
            || LogWindow { length, outputs: Vec::new() },
        );
        window.outputs.push((position, signal.fold));
    }

    fn add_percentile(&mut self, position: usize, signal: &Signal, percent: u8) {
        let log = &mut self.logs[Course::of(signal.taught_by) as usize];
        log.kept = log.kept.max(reach(signal) + LATENESS.as_micros());
        let (length, delay) = (signal.window.length.as_micros(), signal.window.delay.as_micros());
        let order = |w: &PercentileWindow| (w.length, w.delay).cmp(&(length, delay));
        let make = || PercentileWindow { length, delay, outputs: Vec::new() };
        let window = find_or_insert(&mut log.percentiles, order, make);
        window.outputs.push((position, percent));
    }

    fn add_to_set(&mut self, position: usize, signal: &Signal, member: Member) {
        let course = Course::of(signal.taught_by);
        let found = self.sets.iter().position(|s| s.member == member && s.course == course);
        let place = found.unwrap_or_else(|| {
            self.sets.push(SetPlan { member, course, longest: 0, kept: 0, outputs: Vec::new() });
            self.sets.len() - 1
        });
        let set = &mut self.sets[place];
        let length = signal.window.length.as_micros();
        set.longest = set.longest.max(length);
        set.kept = set.longest + LATENESS.as_micros();
        set.outputs.push(SetOutput { position, length, fold: signal.fold });
    }

    fn add_to_series(&mut self, position: usize, signal: &Signal) {
        let course = Course::of(signal.taught_by);
        let width = bucket_width(signal).as_micros();
        let found = self.series.iter().position(|s| s.course == course && s.width == width);
        let place = found.unwrap_or_else(|| {
            self.series.push(SeriesPlan { course, width, reach: 0, passes: Vec::new() });
            self.series.len() - 1
        });
        let series = &mut self.series[place];
        let buckets = (reach(signal) + LATENESS.as_micros()) / width;
        series.reach = series.reach.max(u32::try_from(buckets).unwrap_or(u32::MAX));
        let delay = signal.window.delay.as_micros();
        let pass = find_or_insert(
            &mut series.passes,
            |pass| pass.delay.cmp(&delay),
            || SeriesPass { delay, windows: Vec::new() },
        );
        let length = signal.window.length.as_micros();
        let window = find_or_insert(
            &mut pass.windows,
            |w| w.length.cmp(&length),
            || SeriesWindow { length, outputs: Vec::new() },
        );
        window.outputs.push((position, signal.fold, signal.taught_by));
    }

    /// Whether the kind keeps when and where it was seen last.
    pub fn keeps_trail(&self) -> bool {
        self.singles.iter().any(|(_, fold)| matches!(fold, Fold::LastSeen | Fold::Travel))
    }

    pub fn keeps_course(&self, course: Course) -> bool {
        self.logs[course as usize].is_kept()
            || (course == Course::Purchases && !self.spending.is_empty())
            || self.sets.iter().any(|set| set.course == course)
            || self.series.iter().any(|series| series.course == course)
    }
}

/// How far back the signal looks, in microseconds.
fn reach(signal: &Signal) -> i64 {
    signal.window.length.as_micros() + signal.window.delay.as_micros()
}

/// Buckets are a twelfth of the window for the short windows, which is what velocity rules need,
/// and minutes for all that end in the past: there both edges cut a bucket, and the lists of quiet
/// parties are no longer for it.
fn bucket_width(signal: &Signal) -> Span {
    let length = signal.window.length;
    if signal.window.delay > Span::ZERO {
        return Span::minutes(1);
    }
    match length {
        _ if length <= Span::minutes(1) => Span::seconds(5),
        _ if length <= Span::minutes(10) => Span::minutes(1),
        _ if length <= Span::hours(1) => Span::minutes(5),
        _ if length <= Span::hours(24) => Span::hours(1),
        _ => Span::days(1),
    }
}

fn find_or_insert<T>(
    list: &mut Vec<T>,
    order: impl Fn(&T) -> std::cmp::Ordering,
    make: impl Fn() -> T,
) -> &mut T {
    let place = match list.binary_search_by(order) {
        Ok(place) => place,
        Err(place) => {
            list.insert(place, make());
            place
        }
    };
    &mut list[place]
}

/// Whether the request itself belongs into a fold over past events.
pub fn takes_in_request(fold: Fold, delay: i64) -> bool {
    delay == 0
        && matches!(
            fold,
            Fold::Count(Scope::WithRequest)
                | Fold::Sum(Scope::WithRequest)
                | Fold::Mean(Scope::WithRequest)
        )
}
