//! Who is over a quota, in the log: a line a minute, however often they ask.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(60);

/// What the log knows.
#[derive(Debug, Default)]
pub struct Told(Mutex<Since>);

#[derive(Debug, Default)]
struct Since {
    last: Option<Instant>,
    /// Refusals that no line has told of.
    untold: u64,
}

impl Told {
    /// A call of that caller was refused.
    pub fn tell(&self, caller: &str) {
        if let Some(calls) = self.due(Instant::now()) {
            tracing::warn!(calls, caller, "calls refused: their caller is over its quota");
        }
    }

    /// How many a line has to tell of, if one is due.
    fn due(&self, now: Instant) -> Option<u64> {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.untold += 1;
        if since.last.is_some_and(|last| now.duration_since(last) < EVERY) {
            return None;
        }
        since.last = Some(now);
        Some(std::mem::take(&mut since.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_line_a_minute_with_its_number() {
        let (told, start) = (Told::default(), Instant::now());
        let due = |seconds| told.due(start + Duration::from_secs(seconds));
        assert_eq!(due(0), Some(1));
        assert_eq!((0..500).filter_map(|_| due(59)).count(), 0);
        assert_eq!(due(60), Some(501));
    }
}
