//! Counts of busy parties in buckets of time; only buckets in which something happened are kept.

use super::log::growth;
use super::plan::{SeriesPass, SeriesPlan, SeriesWindow, window_end};
use super::wire::{Garbled, Reader, Writer};

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Time over width, rounded down.
    index: u32,
    events: u32,
    /// Events that were confirmed as misuse later.
    outcomes: u32,
}

/// Estimates for a window: the buckets at its edges count by their share inside it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    pub events: f64,
    pub outcomes: f64,
}

impl Estimate {
    fn plus(self, bucket: &Bucket, share: f64) -> Estimate {
        Estimate {
            events: self.events + share * f64::from(bucket.events),
            outcomes: self.outcomes + share * f64::from(bucket.outcomes),
        }
    }
}

/// What to add to a bucket.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    Event,
    Outcome,
    EventTakenBack,
}

/// Longest list of buckets of one party (12 KiB). A quiet party never gets there and keeps its
/// narrow buckets; a busy one has so many events in each that wide ones lose nothing.
const LONGEST: usize = 1_024;

/// No party is so busy: its buckets would be wider than all windows. The width must not overflow.
const DOUBLINGS_MAX: u8 = 20;

/// A bucket as bytes is no shorter: index, events, outcomes.
const LEAST_BYTES: usize = 3;

/// The buckets of one party, oldest first. They begin as wide as planned and become twice as wide
/// each time the list gets too long.
#[derive(Debug, Default)]
pub struct Series {
    buckets: Vec<Bucket>,
    doublings: u8,
}

impl Series {
    pub fn change(&mut self, time: i64, change: Change, plan: &SeriesPlan) {
        if self.buckets.len() >= LONGEST {
            self.drop_old(self.index(time, plan), plan);
        }
        while self.buckets.len() >= LONGEST {
            self.widen();
        }
        let index = self.index(time, plan);
        let place = match self.buckets.binary_search_by_key(&index, |bucket| bucket.index) {
            Ok(place) => place,
            Err(_) if matches!(change, Change::EventTakenBack) => return,
            Err(place) => self.open(place, index, plan),
        };
        let Some(bucket) = self.buckets.get_mut(place) else { return };
        match change {
            Change::Event => bucket.events = bucket.events.saturating_add(1),
            Change::Outcome => bucket.outcomes = bucket.outcomes.saturating_add(1),
            Change::EventTakenBack => bucket.events = bucket.events.saturating_sub(1),
        }
    }

    fn width(&self, plan: &SeriesPlan) -> i64 {
        plan.width << self.doublings
    }

    /// The bucket of a time; all times before 1970 are in the first.
    fn index(&self, time: i64, plan: &SeriesPlan) -> u32 {
        u32::try_from((time / self.width(plan)).max(0)).unwrap_or(u32::MAX)
    }

    /// Which share of its bucket lies after that time.
    fn share_after(&self, time: i64, plan: &SeriesPlan) -> f64 {
        let width = self.width(plan);
        1.0 - time.rem_euclid(width) as f64 / width as f64
    }

    /// Makes buckets twice as wide.
    fn widen(&mut self) {
        self.doublings += 1;
        self.buckets.dedup_by(|later, earlier| {
            let same = later.index >> 1 == earlier.index >> 1;
            if same {
                earlier.events = earlier.events.saturating_add(later.events);
                earlier.outcomes = earlier.outcomes.saturating_add(later.outcomes);
            }
            same
        });
        self.buckets.iter_mut().for_each(|bucket| bucket.index >>= 1);
    }

    /// Drops what no window reaches any more, and says how many buckets that were.
    fn drop_old(&mut self, newest: u32, plan: &SeriesPlan) -> usize {
        // Two more: windows begin and end inside a bucket, and the reach is rounded down.
        let oldest = newest.saturating_sub((plan.reach >> self.doublings) + 2);
        let old = self.buckets.partition_point(|bucket| bucket.index < oldest);
        self.buckets.drain(..old);
        old
    }

    /// Makes an empty bucket; the list grows only when it holds nothing old.
    fn open(&mut self, place: usize, index: u32, plan: &SeriesPlan) -> usize {
        let mut place = place;
        if self.buckets.len() == self.buckets.capacity() {
            place = place.saturating_sub(self.drop_old(index, plan));
        }
        if self.buckets.len() == self.buckets.capacity() {
            self.buckets.reserve_exact(growth(self.buckets.len()));
        }
        self.buckets.insert(place, Bucket { index, events: 0, outcomes: 0 });
        place
    }

    /// One walk from the newest bucket back that closes window after window, shortest first.
    pub fn estimates(
        &self,
        now: i64,
        plan: &SeriesPlan,
        pass: &SeriesPass,
        mut close: impl FnMut(&SeriesWindow, Estimate),
    ) {
        let until = now - pass.delay;
        let last = self.index(window_end(now, pass.delay), plan);
        // Without delay the last bucket holds nothing later than the request: it counts whole.
        let last_share = if pass.delay == 0 { 1.0 } else { 1.0 - self.share_after(until, plan) };
        let mut total = Estimate::default();
        let starts = pass.windows.iter().map(|window| {
            let start = until - window.length;
            (window, self.index(start, plan), self.share_after(start, plan))
        });
        let mut windows = starts.peekable();
        for bucket in self.buckets.iter().rev().skip_while(|bucket| bucket.index > last) {
            while let Some((window, first, share)) =
                windows.next_if(|(_, first, _)| bucket.index <= *first)
            {
                close(window, total.plus(bucket, if bucket.index == first { share } else { 0.0 }));
            }
            if windows.peek().is_none() {
                return;
            }
            total = total.plus(bucket, if bucket.index == last { last_share } else { 1.0 });
        }
        windows.for_each(|(window, ..)| close(window, total));
    }

    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Drops what no window reaches from `now` (microseconds).
    pub fn prune(&mut self, now: i64, plan: &SeriesPlan) {
        self.drop_old(self.index(now, plan), plan);
    }

    pub fn encode(&self, writer: &mut Writer) {
        writer.byte(self.doublings);
        writer.count(self.buckets.len());
        let mut before = 0;
        for bucket in &self.buckets {
            writer.number(u64::from(bucket.index - before));
            writer.number(u64::from(bucket.events));
            writer.number(u64::from(bucket.outcomes));
            before = bucket.index;
        }
    }

    pub fn decode(reader: &mut Reader<'_>) -> Result<Series, Garbled> {
        let doublings = reader.byte()?;
        if doublings > DOUBLINGS_MAX {
            return Err(Garbled("buckets too wide"));
        }
        let count = reader.count(LEAST_BYTES)?;
        let mut buckets = Vec::with_capacity(count);
        let mut index: u32 = 0;
        for place in 0..count {
            let step: u32 = reader.small()?;
            let next = index.checked_add(step).filter(|_| step > 0 || place == 0);
            index = next.ok_or(Garbled("buckets out of order"))?;
            buckets.push(Bucket { index, events: reader.small()?, outcomes: reader.small()? });
        }
        Ok(Series { buckets, doublings })
    }

    pub fn heap_bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;
    use crate::signals::plan::KindPlan;
    use crate::signals::{Party, Taught, catalog};

    const DAY: i64 = Span::days(1).as_micros();
    const HOUR: i64 = Span::hours(1).as_micros();

    fn purchases_of_merchants() -> SeriesPlan {
        let plan = KindPlan::compile(Party::Merchant, catalog());
        let is_delayed = |plan: &SeriesPlan| plan.passes[0].delay > 0;
        plan.series.into_iter().find(is_delayed).unwrap()
    }

    fn count(series: &Series, plan: &SeriesPlan, now: i64, length: Span) -> f64 {
        let mut events = f64::NAN;
        series.estimates(now, plan, &plan.passes[0], |window, estimate| {
            let is_count = |output: &(usize, _, Taught)| output.2 == Taught::Purchase;
            if window.length == length.as_micros() && window.outputs.iter().any(is_count) {
                events = estimate.events;
            }
        });
        events
    }

    #[test]
    fn a_bucket_at_the_edge_counts_by_its_share() {
        let (plan, mut series) = (purchases_of_merchants(), Series::default());
        let minute = Span::minutes(1).as_micros();
        let start = 20_000 * DAY;
        (0..4).for_each(|_| series.change(start + minute / 2, Change::Event, &plan));
        let newest_edge = |offset| count(&series, &plan, start + 7 * DAY + offset, Span::days(1));
        assert_eq!(newest_edge(0), 0.0);
        assert_eq!(newest_edge(minute / 4), 1.0);
        assert_eq!(newest_edge(minute), 4.0);
        assert_eq!(newest_edge(DAY), 4.0);
        assert_eq!(newest_edge(DAY + minute / 4), 3.0);
        assert_eq!(newest_edge(DAY + minute), 0.0);
    }

    #[test]
    fn a_busy_party_gets_wider_buckets_and_stays_within_bounds() {
        let (plan, mut series) = (purchases_of_merchants(), Series::default());
        // One event every two minutes for 60 days.
        let (start, step) = (20_000 * DAY, HOUR / 30);
        (0..60 * 24 * 30).for_each(|n| series.change(start + n * step, Change::Event, &plan));
        assert!(series.heap_bytes() <= 2 * LONGEST * size_of::<Bucket>());
        assert_eq!(series.width(&plan), 64 * Span::minutes(1).as_micros());
        for (days, exact) in [(1, 720.0), (7, 5_040.0), (30, 21_600.0)] {
            let events = count(&series, &plan, start + 60 * DAY + HOUR / 7, Span::days(days));
            assert!((events - exact).abs() < 0.01 * exact, "{days}: {events}");
        }
    }

    #[test]
    fn what_is_taken_back_never_makes_a_count_negative() {
        let (plan, mut series) = (purchases_of_merchants(), Series::default());
        series.change(DAY, Change::EventTakenBack, &plan);
        series.change(DAY, Change::Event, &plan);
        series.change(DAY, Change::EventTakenBack, &plan);
        series.change(DAY, Change::EventTakenBack, &plan);
        assert_eq!(count(&series, &plan, 8 * DAY + HOUR, Span::days(1)), 0.0);
    }
}
