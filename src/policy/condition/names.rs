//! The names that conditions may use, and the nearest of them to a misspelt one.

use crate::domain::Type;

/// Names longer than this, in characters, get no suggestion.
const LONGEST_SUGGESTED: usize = 64;

/// Names that conditions may use, each with its slot and type.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Sorted by name, without duplicates.
    entries: Vec<(String, u16, Type)>,
}

impl Names {
    /// Takes dotted names such as `account.credit_limit`, in any order; of entries with the same
    /// name the first counts.
    pub fn new(entries: impl IntoIterator<Item = (String, u16, Type)>) -> Names {
        let mut entries: Vec<_> = entries.into_iter().collect();
        // A stable sort, so that the first of equals stays first and is the one that is kept.
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.dedup_by(|later, earlier| later.0 == earlier.0);
        Names { entries }
    }

    /// Slot and type of `name`, or None when there is no such name.
    pub fn find(&self, name: &str) -> Option<(u16, Type)> {
        let index = self.entries.binary_search_by(|entry| entry.0.as_str().cmp(name)).ok()?;
        self.entries.get(index).map(|entry| (entry.1, entry.2))
    }

    /// The name that takes the fewest edits to reach from `wrong`, or None when every name is more
    /// than a third of `wrong` away.
    pub fn nearest(&self, wrong: &str) -> Option<&str> {
        let wrong: Vec<char> = wrong.chars().take(LONGEST_SUGGESTED + 1).collect();
        if wrong.len() > LONGEST_SUGGESTED {
            return None;
        }
        let furthest = wrong.len().div_ceil(3);
        let distances = self.entries.iter().map(|entry| (edits(&wrong, &entry.0), &entry.0));
        let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
        (distance <= furthest).then_some(name)
    }
}

/// Levenshtein distance: insertions, deletions and substitutions from one word to the other.
fn edits(from: &[char], to: &str) -> usize {
    // distances[i] is the distance from the first i characters of `from` to what of `to` was read.
    let mut distances: Vec<usize> = (0..=from.len()).collect();
    for (row, wanted) in to.chars().enumerate() {
        let mut diagonal = row;
        let mut left = row + 1;
        for (have, above) in from.iter().zip(distances.iter_mut().skip(1)) {
            let substituted = diagonal + usize::from(*have != wanted);
            diagonal = *above;
            left = substituted.min(left + 1).min(*above + 1);
            *above = left;
        }
        if let Some(first) = distances.first_mut() {
            *first = row + 1;
        }
    }
    distances.last().copied().unwrap_or_default()
}
