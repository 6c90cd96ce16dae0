//! How well a score ranks, and how near one series of numbers is to another.

use std::collections::BTreeMap;

/// Scores of wanted and unwanted cases, counted by score.
#[derive(Default)]
pub struct Ranking(BTreeMap<i64, (u64, u64)>);

impl Ranking {
    pub fn add(&mut self, score: i64, positive: bool) {
        let (positives, negatives) = self.0.entry(score).or_default();
        *if positive { positives } else { negatives } += 1;
    }

    /// Positives and negatives.
    pub fn counts(&self) -> (u64, u64) {
        self.0.values().fold((0, 0), |sum, at| (sum.0 + at.0, sum.1 + at.1))
    }

    /// The chance that a positive has a higher score than a negative; a tie counts half.
    pub fn auc(&self) -> f64 {
        let (positives, negatives) = self.counts();
        let (mut below, mut won) = (0, 0.0);
        for (positive, negative) in self.0.values() {
            won += *positive as f64 * (below as f64 + *negative as f64 / 2.0);
            below += negative;
        }
        won / (positives as f64 * negatives as f64)
    }

    /// Mean precision over the positives from the highest score down; equal scores come at once.
    pub fn average_precision(&self) -> f64 {
        let (positives, _) = self.counts();
        let (mut hits, mut seen, mut sum) = (0, 0, 0.0);
        for (positive, negative) in self.0.values().rev() {
            hits += positive;
            seen += positive + negative;
            sum += *positive as f64 * hits as f64 / seen as f64;
        }
        sum / positives as f64
    }
}

/// How far numbers are from those that they should be.
#[derive(Default)]
pub struct Distance {
    rows: u64,
    equal: u64,
    relative: f64,
    largest: f64,
}

impl Distance {
    pub fn add(&mut self, found: f64, wanted: f64) {
        // Below one (counts of nothing) the distance itself is what counts.
        let relative = (found - wanted).abs() / wanted.abs().max(1.0);
        self.rows += 1;
        self.equal += u64::from(found == wanted);
        self.relative += relative;
        self.largest = self.largest.max(relative);
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn all_equal(&self) -> bool {
        self.rows > 0 && self.equal == self.rows
    }

    pub fn mean(&self) -> f64 {
        self.relative / self.rows as f64
    }

    pub fn largest(&self) -> f64 {
        self.largest
    }
}

/// A ranking whose figures are known by hand, so that the others can be believed.
pub fn check() {
    let mut ranking = Ranking::default();
    for (score, positive) in [(9, true), (8, false), (7, true), (7, false), (1, false)] {
        ranking.add(score, positive);
    }
    // Pairs won: 3 of 3 by the first, 1 and a half of 3 by the second.
    assert_eq!(ranking.auc(), 4.5 / 6.0);
    // Precision 1 at the first, 2 of 4 at the second.
    assert_eq!(ranking.average_precision(), 0.75);
    let mut distance = Distance::default();
    distance.add(2.0, 2.0);
    assert!(distance.all_equal());
    distance.add(3.0, 2.0);
    assert_eq!((distance.mean(), distance.largest(), distance.rows()), (0.25, 0.5, 2));
}
