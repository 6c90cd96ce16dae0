//! Who is over a quota, in the log: a line a minute, however often they ask.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(60);
/// Callers that are told apart; where nobody has credentials names are made up without end.
const CALLERS_MAX: usize = 1_000;

/// What the log knows of each caller.
#[derive(Debug, Default)]
pub struct Told(Mutex<HashMap<String, Since>>);

#[derive(Debug)]
struct Since {
    last: Instant,
    /// Refusals that no line has told of.
    untold: u64,
}

impl Told {
    /// A call of that caller was refused.
    pub fn tell(&self, caller: &str) {
        if let Some(calls) = self.due(caller, Instant::now()) {
            tracing::warn!(calls, caller, "calls refused: their caller is over its quota");
        }
    }

    /// How many a line has to tell of, if one is due.
    fn due(&self, caller: &str, now: Instant) -> Option<u64> {
        let mut callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |since: &Since| now.duration_since(since.last) >= EVERY;
        if let Some(since) = callers.get_mut(caller) {
            since.untold += 1;
            if !is_over(since) {
                return None;
            }
            since.last = now;
            return Some(std::mem::take(&mut since.untold));
        }
        if callers.len() == CALLERS_MAX {
            callers.retain(|_, since| !is_over(since));
        }
        if callers.len() == CALLERS_MAX {
            return None;
        }
        callers.insert(caller.to_owned(), Since { last: now, untold: 0 });
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_line_a_minute_with_its_number() {
        let (told, start) = (Told::default(), Instant::now());
        let due = |caller, seconds| told.due(caller, start + Duration::from_secs(seconds));
        assert_eq!(due("a", 0), Some(1));
        assert_eq!((0..500).filter_map(|_| due("a", 59)).count(), 0);
        // Another's refusals are its own.
        assert_eq!(due("b", 59), Some(1));
        assert_eq!(due("a", 60), Some(501));
    }

    #[test]
    fn names_that_are_made_up_are_bounded() {
        let (told, start) = (Told::default(), Instant::now());
        let lines = (0..5_000).filter_map(|number| told.due(&format!("c-{number}"), start));
        assert_eq!(lines.count(), CALLERS_MAX);
        assert_eq!(told.due("later", start + EVERY), Some(1));
    }
}
