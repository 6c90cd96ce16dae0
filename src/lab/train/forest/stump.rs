//! The best cut of one feature at a node: a tree of one split, fitted by `linfa-trees`.
//!
//! The crate is handed runs instead of rows: neighbours in the order of the feature and of one
//! class are one record, with their number as its weight. A cut inside a run is never the best one
//! (Fayyad and Irani, "On the handling of continuous-valued attributes in decision tree
//! generation", Machine Learning 8, 1992), and 20,000 rows with 100 positives make 201 runs at
//! most. Runs are numbered: the crate takes values closer than 0.00001 for equal.
//!
//! Whole trees of the crate are not taken: they look at every row of the sample at every node, ask
//! the same features everywhere, and below the root they miss cuts between tied values.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_trees::{DecisionTree, SplitQuality};
use ndarray::{Array1, Array2};

use super::outcome::Outcome;
use crate::lab::train::Error;

/// Fall in entropy that a cut must bring: more than rounding in 32 bits makes of none.
const GAIN_MIN: f64 = 1e-6;

/// Ranks up to `rank` go left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    pub rank: u32,
    /// Fall in entropy, in bits a row.
    pub gain: f64,
    /// Whether there are more positives among the rows on the right.
    pub rises: bool,
}

/// Ranks between which no cut is tried.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    low: u32,
    high: u32,
    /// Rows by class: negatives, positives.
    rows: [u32; 2],
}

impl Run {
    fn total(&self) -> usize {
        self.rows.iter().sum::<u32>() as usize
    }

    fn pure_as(&self, other: &Run) -> bool {
        (0..2).any(|class| self.rows[class] == 0 && other.rows[class] == 0)
    }
}

/// The best cut with so many rows on each side; `sorted` are ranks with classes, ascending.
pub(super) fn cut(sorted: &[(u32, bool)], min_leaf: usize) -> Result<Option<Cut>, Error> {
    let runs = runs(sorted, min_leaf);
    let records: Vec<(usize, bool, u32)> = runs
        .iter()
        .enumerate()
        .flat_map(|(place, run)| [(place, false, run.rows[0]), (place, true, run.rows[1])])
        .filter(|(_, _, rows)| *rows > 0)
        .collect();
    if runs.len() < 2 {
        return Ok(None);
    }
    let places = Array2::from_shape_fn((records.len(), 1), |(row, _)| records[row].0 as f64);
    let targets: Array1<Outcome> = records.iter().map(|one| Outcome::new(one.1)).collect();
    let weights: Array1<f32> = records.iter().map(|one| one.2 as f32).collect();
    let fitted = DecisionTree::params()
        .split_quality(SplitQuality::Entropy)
        .max_depth(Some(1))
        .min_weight_leaf(min_leaf as f32)
        .min_impurity_decrease(GAIN_MIN)
        .fit(&DatasetBase::new(places, targets).with_weights(weights))
        .map_err(|failure| Error::Fit(format!("linfa-trees: {failure}")))?;
    let root = fitted.root_node();
    if root.is_leaf() {
        return Ok(None);
    }
    let (_, split, gain) = root.split();
    let left = split as usize;
    // Half way to the next run, but never into it.
    let rank = match (runs.get(left), runs.get(left + 1)) {
        (Some(left), Some(right)) => left.high + (right.low - left.high) / 2,
        _ => return Err(Error::Fit("linfa-trees: a split beyond the rows".to_owned())),
    };
    let share = |runs: &[Run]| {
        let [negatives, positives] =
            [0, 1].map(|class| -> u32 { runs.iter().map(|run| run.rows[class]).sum() });
        f64::from(positives) / f64::from(negatives + positives)
    };
    let rises = share(&runs[..=left]) < share(&runs[left + 1..]);
    Ok(Some(Cut { rank, gain, rises }))
}

/// Joins neighbours of one class, but not across a cut that only just leaves a side enough rows:
/// it may be the best of those allowed.
fn runs(sorted: &[(u32, bool)], min_leaf: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    // Rows before the last block of equal ranks.
    let mut before = 0;
    let mut last = 0;
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        let positives = equal.iter().filter(|(_, positive)| *positive).count() as u32;
        let rows = [equal.len() as u32 - positives, positives];
        let block = Run { low: equal[0].0, high: equal[0].0, rows };
        let left = before + last;
        let right = sorted.len() - left;
        let first_enough = before < min_leaf && left >= min_leaf;
        let last_enough = right >= min_leaf && right - equal.len() < min_leaf;
        let just_enough = min_leaf > 1 && (first_enough || last_enough);
        match runs.last_mut() {
            Some(run) if run.pure_as(&block) && !just_enough => {
                run.high = block.high;
                run.rows[0] += block.rows[0];
                run.rows[1] += block.rows[1];
            }
            _ => runs.push(block),
        }
        (before, last) = (left, block.total());
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    fn entropy(rows: &[(u32, bool)]) -> f64 {
        let share = rows.iter().filter(|one| one.1).count() as f64 / rows.len() as f64;
        let part = |share: f64| if share > 0.0 { -share * share.log2() } else { 0.0 };
        part(share) + part(1.0 - share)
    }

    /// The largest fall over all cuts between different ranks.
    fn naive(sorted: &[(u32, bool)], min_leaf: usize) -> f64 {
        let fall = |at: usize| {
            let (left, right) = sorted.split_at(at);
            let share = left.len() as f64 / sorted.len() as f64;
            entropy(sorted) - share * entropy(left) - (1.0 - share) * entropy(right)
        };
        let enough = |at: &usize| *at >= min_leaf && sorted.len() - at >= min_leaf;
        let cuts = (1..sorted.len()).filter(|at| sorted[at - 1].0 != sorted[*at].0);
        cuts.filter(enough).map(fall).fold(0.0, f64::max)
    }

    proptest! {
        #[test]
        fn the_best_of_all_cuts_is_found(
            rows in proptest::collection::vec((0_u32..30, any::<bool>(), any::<bool>()), 1..80),
            min_leaf in 1_usize..12,
        ) {
            let mut sorted: Vec<(u32, bool)> =
                rows.into_iter().map(|(rank, a, b)| (rank, a && b)).collect();
            sorted.sort_unstable();
            let best = naive(&sorted, min_leaf);
            match cut(&sorted, min_leaf).unwrap() {
                Some(cut) => {
                    let left = sorted.iter().filter(|one| one.0 <= cut.rank).count();
                    prop_assert!(left >= min_leaf && sorted.len() - left >= min_leaf);
                    prop_assert!((cut.gain - best).abs() < 1e-5, "{cut:?} {best} {sorted:?}");
                }
                None => prop_assert!(best < 1e-5, "{best}: {sorted:?}"),
            }
        }
    }

    #[test]
    fn neighbours_of_one_class_are_one_run() {
        let sorted = [(1, false), (3, false), (4, false), (6, false), (6, true), (9, true)];
        let joined = runs(&sorted, 1);
        let told: Vec<(u32, u32)> = joined.iter().map(|run| (run.low, run.high)).collect();
        assert_eq!(told, [(1, 4), (6, 6), (9, 9)]);
        // A cut with two rows on each side must be there to be found.
        let told: Vec<(u32, u32)> =
            runs(&sorted, 2).iter().map(|run| (run.low, run.high)).collect();
        assert_eq!(told, [(1, 3), (4, 4), (6, 6), (9, 9)]);
    }

    #[test]
    fn a_cut_is_half_way_between_the_ranks_that_occur() {
        let cut = cut(&[(2, false), (10, true)], 1).unwrap().unwrap();
        assert_eq!((cut.rank, cut.gain, cut.rises), (6, 1.0, true));
        no_cut(&[(2, false), (2, true)]);
        no_cut(&[(2, false), (3, false)]);
    }

    fn no_cut(sorted: &[(u32, bool)]) {
        assert_eq!(cut(sorted, 1).unwrap(), None);
    }
}
