//! The class of a row, as `linfa-trees` is given it.
//!
//! The crate prunes every fitted tree: two leaves with the same majority become one, although one
//! may hold a fraud in three and the other one in a thousand, and a tie of majorities falls as a
//! hash map's order has it, differently in each run. There is no switch for it. What it compares
//! are copies of copies of the targets, the only ones that are: so such copies are equal to
//! nothing, and every split is kept. A test holds the crate to it.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use linfa::Label;

/// Keys of the maps of counts are copies of targets at most; a prediction is a copy of such a key.
const PREDICTED: u8 = 2;

#[derive(Debug, Default)]
pub(super) struct Outcome {
    positive: bool,
    /// How often it was copied from the target.
    copies: u8,
}

impl Outcome {
    pub fn new(positive: bool) -> Outcome {
        Outcome { positive, copies: 0 }
    }
}

impl Clone for Outcome {
    fn clone(&self) -> Outcome {
        Outcome { positive: self.positive, copies: self.copies.saturating_add(1) }
    }
}

impl PartialEq for Outcome {
    fn eq(&self, other: &Outcome) -> bool {
        let predicted = self.copies >= PREDICTED && other.copies >= PREDICTED;
        !predicted && self.positive == other.positive
    }
}

impl Eq for Outcome {}

impl Hash for Outcome {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.positive.hash(state);
    }
}

impl Ord for Outcome {
    fn cmp(&self, other: &Outcome) -> Ordering {
        self.positive.cmp(&other.positive)
    }
}

impl PartialOrd for Outcome {
    fn partial_cmp(&self, other: &Outcome) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Label for Outcome {}
