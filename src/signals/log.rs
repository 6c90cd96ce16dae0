//! The newest events of one party in order of time, from which every count, sum and mean is exact.

use super::plan::{LogPass, LogWindow, PercentileWindow, window_end};
use super::wire::{Garbled, Reader, Writer};

/// Bits of the packed fields. Times reach to the year 2112, amounts to 175 billion major units; an
/// id of 32 bits is mistaken for another one of 160 once in 27 million events.
const ID_BITS: u32 = 32;
const AMOUNT_BITS: u32 = 44;
const TIME_BITS: u32 = 128 - ID_BITS - AMOUNT_BITS;

/// Newest events that percentiles look at; more than a log has unless it is configured longer.
const PERCENTILE_EVENTS: usize = 256;

/// An entry as bytes is no shorter: time and amount a byte each, id.
const LEAST_BYTES: usize = 6;

/// An id as logs and sets keep it; never 0, so that the ids 0 and 1 are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortId(pub u32);

impl ShortId {
    pub fn of(id: u64) -> ShortId {
        ShortId(((id ^ (id >> 32)) as u32).max(1))
    }
}

/// One event in 16 bytes: time, amount, id. Saturates at the ends of the ranges above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry(u128);

impl Entry {
    fn new(time: i64, amount: i64, id: ShortId) -> Entry {
        let time = time.clamp(0, (1 << TIME_BITS) - 1) as u128;
        let amount = amount.clamp(0, (1 << AMOUNT_BITS) - 1) as u128;
        Entry((time << (AMOUNT_BITS + ID_BITS)) | (amount << ID_BITS) | u128::from(id.0))
    }

    fn time(self) -> i64 {
        (self.0 >> (AMOUNT_BITS + ID_BITS)) as i64
    }

    fn amount(self) -> i64 {
        ((self.0 >> ID_BITS) as i64) & ((1 << AMOUNT_BITS) - 1)
    }

    fn id(self) -> ShortId {
        ShortId(self.0 as u32)
    }
}

/// What lies in a window; the event of the request itself is kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub count: i64,
    /// Minor units.
    pub sum: i64,
    pub own_count: i64,
    /// Minor units.
    pub own_sum: i64,
}

/// At most `LogPlan::cap` events of one party, oldest first.
#[derive(Debug, Default)]
pub struct Log {
    entries: Vec<Entry>,
}

impl Log {
    pub fn contains(&self, id: ShortId) -> bool {
        self.entries.iter().any(|entry| entry.id() == id)
    }

    /// Puts an event where it belongs in time. False when its id is there already. When the log is
    /// full its oldest event goes; what is older than `useful_from` goes before the log grows.
    pub fn insert(&mut self, time: i64, amount: i64, id: ShortId, bounds: LogBounds) -> bool {
        if self.contains(id) {
            return false;
        }
        let entry = Entry::new(time, amount, id);
        let place = |entries: &[Entry]| {
            let later = entries.iter().rev().take_while(|e| e.time() > entry.time()).count();
            entries.len() - later
        };
        if self.entries.len() == self.entries.capacity() {
            let old = self.entries.partition_point(|e| e.time() <= bounds.useful_from);
            self.entries.drain(..old);
        }
        if self.entries.len() >= bounds.cap {
            if place(&self.entries) == 0 {
                return true;
            }
            self.entries.remove(0);
        }
        if self.entries.len() == self.entries.capacity() {
            let length = self.entries.len();
            self.entries.reserve_exact(growth(length).min(bounds.cap - length));
        }
        self.entries.insert(place(&self.entries), entry);
        true
    }

    /// False when no event has that id.
    pub fn remove(&mut self, id: ShortId) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.id() != id);
        self.entries.len() < before
    }

    /// One walk from the newest event back that closes window after window, shortest first.
    pub fn totals(
        &self,
        now: i64,
        own: ShortId,
        pass: &LogPass,
        mut close: impl FnMut(&LogWindow, Totals),
    ) {
        let (until, end) = (now - pass.delay, window_end(now, pass.delay));
        let mut totals = Totals::default();
        let mut windows = pass.windows.iter().peekable();
        for entry in self.entries.iter().rev().skip_while(|entry| entry.time() > end) {
            let time = entry.time();
            while let Some(window) = windows.next_if(|w| time <= until - w.length) {
                close(window, totals);
            }
            if windows.peek().is_none() {
                return;
            }
            if entry.id() == own {
                totals.own_count += 1;
                totals.own_sum += entry.amount();
            } else {
                totals.count += 1;
                totals.sum += entry.amount();
            }
        }
        windows.for_each(|window| close(window, totals));
    }

    /// Percentiles of the amounts in a window, those of the request itself left out, interpolated
    /// between the two amounts around them. None is given when there is no amount.
    pub fn percentiles(
        &self,
        now: i64,
        own: ShortId,
        window: &PercentileWindow,
        mut give: impl FnMut(usize, f64),
    ) {
        let (until, end) = (now - window.delay, window_end(now, window.delay));
        let mut amounts = [0; PERCENTILE_EVENTS];
        let inside = self.entries.iter().rev().filter(|entry| entry.id() != own);
        let inside = inside.skip_while(|entry| entry.time() > end);
        let inside = inside.take_while(|entry| entry.time() > until - window.length);
        let mut count = 0;
        for (slot, entry) in amounts.iter_mut().zip(inside) {
            *slot = entry.amount();
            count += 1;
        }
        let amounts = &mut amounts[..count];
        for &(position, percent) in window.outputs.iter().filter(|_| count > 0) {
            give(position, percentile(amounts, percent));
        }
    }

    /// Drops what is not later than `useful_from`.
    pub fn prune(&mut self, useful_from: i64) {
        let old = self.entries.partition_point(|entry| entry.time() <= useful_from);
        self.entries.drain(..old);
    }

    pub fn encode(&self, writer: &mut Writer) {
        writer.count(self.entries.len());
        let mut before = 0;
        for entry in &self.entries {
            writer.signed(entry.time() - before);
            writer.signed(entry.amount());
            writer.fixed_u32(entry.id().0);
            before = entry.time();
        }
    }

    pub fn decode(reader: &mut Reader<'_>) -> Result<Log, Garbled> {
        let count = reader.count(LEAST_BYTES)?;
        let mut entries = Vec::with_capacity(count);
        let mut time = 0;
        for _ in 0..count {
            let before = time;
            time = reader.time(before)?;
            if time < before {
                return Err(Garbled("a log out of order"));
            }
            let amount = reader.minor()?;
            entries.push(Entry::new(time, amount, ShortId(reader.fixed_u32()?)));
        }
        Ok(Log { entries })
    }

    pub fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }
}

fn percentile(amounts: &mut [i64], percent: u8) -> f64 {
    let rank = (amounts.len() - 1) as f64 * f64::from(percent.min(100)) / 100.0;
    let (_, below, above) = amounts.select_nth_unstable(rank as usize);
    let below = *below as f64;
    let above = above.iter().min().map_or(below, |above| *above as f64);
    below + (above - below) * rank.fract()
}

/// How long a log may get, and from when on its events can still matter (microseconds).
#[derive(Clone, Copy, Debug)]
pub struct LogBounds {
    pub cap: usize,
    pub useful_from: i64,
}

/// By how many elements a list of that length grows: by half, so that little of it lies empty.
pub fn growth(length: usize) -> usize {
    (length / 2).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_keeps_its_fields_and_saturates_at_its_bounds() {
        let entry = Entry::new(1_732_200_000_123_456, 12_999, ShortId(u32::MAX));
        assert_eq!(entry.time(), 1_732_200_000_123_456);
        assert_eq!(entry.amount(), 12_999);
        assert_eq!(entry.id(), ShortId(u32::MAX));
        let entry = Entry::new(-5, i64::MAX, ShortId(1));
        assert_eq!((entry.time(), entry.amount()), (0, (1 << AMOUNT_BITS) - 1));
    }

    #[test]
    fn late_events_are_put_where_they_belong_and_the_oldest_goes() {
        let bounds = LogBounds { cap: 3, useful_from: 0 };
        let mut log = Log::default();
        for (time, id) in [(10, 1), (30, 2), (20, 3), (40, 4)] {
            assert!(log.insert(time, 0, ShortId(id), bounds));
        }
        let times: Vec<i64> = log.entries.iter().map(|entry| entry.time()).collect();
        assert_eq!(times, [20, 30, 40]);
        assert!(log.insert(5, 0, ShortId(5), bounds), "older than all that a full log holds");
        assert!(!log.contains(ShortId(5)));
        assert!(!log.insert(99, 0, ShortId(3), bounds), "the same id");
        assert!(log.remove(ShortId(3)) && !log.remove(ShortId(3)));
    }
}
