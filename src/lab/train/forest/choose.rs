//! What the spec leaves open, chosen by rows out of the bag.
//!
//! How small a leaf may be depends on the data: where positives are rare and tell-tale, a leaf of a
//! single one is right; where they are many and noisy, it is luck.

use super::bag::Bag;
use super::{Growth, Rows, known};
use crate::lab::train::Error;
use crate::lab::train::metrics::measure;

/// Tried for `min_leaf`, the largest first: among equals the simpler forest wins.
const LEAVES: [usize; 3] = [20, 5, 1];
/// Enough that nearly every row is out of some tree's bag.
const TREES: usize = 25;

/// The growth with the `min_leaf` whose calibrated chances have the least log loss.
pub(super) fn choose(
    rows: Rows<'_>,
    growth: &Growth,
    seed: u64,
    threads: usize,
) -> Result<Growth, Error> {
    if growth.min_leaf.is_some() {
        return Ok(*growth);
    }
    let mut best = (f64::INFINITY, *growth);
    for min_leaf in LEAVES {
        let tried = Growth { min_leaf: Some(min_leaf), ..*growth };
        let trial = Growth { trees: growth.trees.min(TREES), ..tried };
        let bag = Bag::grow(rows, &trial, seed, threads)?;
        let (raw, positive) = known(&bag.out_of_bag(rows, growth.smoothing), rows.positive);
        let calibration = super::calibrate(&raw, &positive, growth.calibration);
        let chances: Vec<f64> = raw.iter().map(|raw| calibration.chance(*raw)).collect();
        // Too few rows to tell: the last one, which suits few rows best.
        let loss = measure(&chances, &positive).map_or(f64::INFINITY, |told| told.log_loss);
        if loss < best.0 || best.1.min_leaf.is_none() || loss.is_infinite() {
            best = (loss, tried);
        }
    }
    Ok(best.1)
}
