//! Growing a forest: balanced bags, trees by `linfa-trees`, leaf counts of all training rows, a
//! calibration on rows that the trees did not see.
//!
//! Each tree gets its own sample of rows and of features. The sample is balanced, the counts at its
//! leaves are not, so a leaf's chance is that of the data and not that of the sample. For the
//! calibration every row is judged by the trees that were not grown on it, and as if it had not
//! been counted. `linfa-ensemble` is not used: it draws the same share of every class, its members
//! vote with hard classes, it takes one thread, and it keeps no account of who was drawn.

mod bag;
mod choose;
mod coded;
mod draws;
mod grow;
mod isotonic;
mod judge;
mod outcome;
mod rank;
mod report;
mod run;
mod stump;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::Error;
use super::calibrate::Platt;
use crate::scoring::forest::{Calibration, TreeParts};

use bag::Bag;
pub use coded::Coded;
pub use run::{ForestEvaluation, TrainedForest, evaluate_forest, train_forest};

/// How trees are grown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Growth {
    pub trees: usize,
    /// Splits between root and leaf, at most.
    pub depth: usize,
    /// Rows of its sample that a leaf holds at least; `None` lets rows out of the bag choose.
    pub min_leaf: Option<usize>,
    /// Share of the features that are drawn for a node, to find its split among.
    pub features_share: f64,
    /// Negatives in a sample for each positive, as far as there are so many.
    pub negatives_per_positive: f64,
    /// Share of the positives in a sample, and of the negatives at most; the rest calibrates.
    pub bag_share: f64,
    /// A leaf is taken as having so many more rows of the average kind.
    pub smoothing: f64,
    pub calibration: Method,
}

impl Default for Growth {
    fn default() -> Growth {
        Growth {
            trees: 100,
            depth: 16,
            min_leaf: None,
            features_share: 0.5,
            negatives_per_positive: 50.0,
            bag_share: 0.7,
            smoothing: 1.0,
            calibration: Method::Platt,
        }
    }
}

/// How raw scores become chances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Two numbers: sound with few positives, and no two scores become one.
    Platt,
    /// Any rising line: for many positives.
    Isotonic,
}

/// The training rows.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    pub columns: &'a [Coded],
    pub positive: &'a [bool],
}

impl Rows<'_> {
    pub fn prior(&self) -> f64 {
        let positives = self.positive.iter().filter(|one| **one).count();
        positives as f64 / self.positive.len().max(1) as f64
    }
}

/// What a forest's artifact is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Grown {
    /// As it was asked for, with what was chosen.
    pub growth: Growth,
    pub trees: Vec<TreeParts>,
    pub calibration: Calibration,
}

/// Grows and calibrates a forest: the same for the same seed, on any number of threads.
pub fn grow(rows: Rows<'_>, growth: &Growth, seed: u64, threads: usize) -> Result<Grown, Error> {
    let growth = choose::choose(rows, growth, seed, threads)?;
    let bag = Bag::grow(rows, &growth, seed, threads)?;
    let judged = bag.out_of_bag(rows, growth.smoothing);
    let trees = bag.trees.iter().map(|tree| tree.parts(rows.columns)).collect();
    let (raw, positive) = known(&judged, rows.positive);
    Ok(Grown { growth, trees, calibration: calibrate(&raw, &positive, growth.calibration) })
}

/// The rows that some tree was not grown on.
fn known(judged: &[f64], positive: &[bool]) -> (Vec<f64>, Vec<bool>) {
    judged.iter().zip(positive).filter(|(raw, _)| !raw.is_nan()).unzip()
}

fn calibrate(raw: &[f64], positive: &[bool], method: Method) -> Calibration {
    if !positive.iter().any(|one| *one) || positive.iter().all(|one| *one) {
        return Calibration::NONE;
    }
    match method {
        Method::Isotonic => isotonic::isotonic(raw, positive),
        Method::Platt => {
            let log_odds: Vec<f64> = raw.iter().map(|raw| Calibration::log_odds(*raw)).collect();
            let Platt { shift, scale } = Platt::fit(&log_odds, positive);
            Calibration::Platt { shift, scale }
        }
    }
}
