//! Counts of busy parties in buckets of time; only buckets in which something happened are kept.

use super::log::growth;
use super::plan::{SeriesPass, SeriesPlan, SeriesWindow};

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

/// The buckets of one width of one party, oldest first.
#[derive(Debug, Default)]
pub struct Series {
    buckets: Vec<Bucket>,
}

impl Series {
    pub fn change(&mut self, time: i64, change: Change, plan: &SeriesPlan) {
        let index = plan.index(time);
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

    /// Makes an empty bucket; what no window reaches any more goes before the list grows.
    fn open(&mut self, place: usize, index: u32, plan: &SeriesPlan) -> usize {
        let mut place = place;
        if self.buckets.len() == self.buckets.capacity() {
            let oldest = index.saturating_sub(plan.reach);
            let old = self.buckets.partition_point(|bucket| bucket.index < oldest);
            self.buckets.drain(..old);
            place -= old;
            if self.buckets.len() == self.buckets.capacity() {
                self.buckets.reserve_exact(growth(self.buckets.len()));
            }
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
        let last = plan.index(until);
        // Without delay the last bucket holds nothing later than the request: it counts whole.
        let last_share = if pass.delay == 0 { 1.0 } else { 1.0 - plan.share_after(until) };
        let mut total = Estimate::default();
        let mut windows = pass.windows.iter().peekable();
        for bucket in self.buckets.iter().rev().skip_while(|bucket| bucket.index > last) {
            while let Some(window) =
                windows.next_if(|window| bucket.index <= plan.index(until - window.length))
            {
                let from = until - window.length;
                let inside = bucket.index == plan.index(from);
                let share = if inside { plan.share_after(from) } else { 0.0 };
                close(window, total.plus(bucket, share));
            }
            if windows.peek().is_none() {
                return;
            }
            total = total.plus(bucket, if bucket.index == last { last_share } else { 1.0 });
        }
        windows.for_each(|window| close(window, total));
    }

    pub fn heap_bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
    }
}
