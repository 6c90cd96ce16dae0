//! Folds inside the training rows: they choose how many bins and how much penalty, and calibrate.
//!
//! Bins and weights are made without the fold that they are tried on, so what is chosen by it is
//! not fooled by what they learnt by heart.

use ndarray::{Array2, ArrayView1};

use super::binning::Rows;
use super::calibrate::Platt;
use super::error::Error;
use super::fit::{Features, bin_all, evidence, log_odds_of, weigh};
use super::metrics::measure;
use super::spec::Spec;
use super::split::{Fold, kfold};

const FOLDS: usize = 5;
/// With fewer of a class in all, folds of it say nothing.
const CLASS_MIN: usize = 20;
/// Penalties that are tried, the strongest first: among equals the simpler model wins.
const STRENGTHS: [f64; 7] = [1_000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0];
const STRENGTH_DEFAULT: f64 = 10.0;
/// Prices of a bin that are tried, in nats: from what suits many rows to Akaike's for few.
const PRICES: [f64; 4] = [10.0, 5.0, 2.5, 1.0];
const PRICE_DEFAULT: f64 = 2.5;

/// What the folds chose.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    /// Of one more bin.
    pub price: f64,
    pub l2: f64,
    pub platt: Platt,
    /// On rows that the bins and weights had not seen; none when there were no folds.
    pub auc: Option<f64>,
    /// By feature: whether its evidence alone makes unseen rows more likely than no evidence.
    pub tells: Vec<bool>,
}

/// Chooses the price of a bin at the middle strength, then the strength at that price. What the
/// spec states is not chosen.
pub(super) fn choose(
    spec: &Spec,
    features: &Features<'_>,
    rows: Rows<'_>,
) -> Result<Choice, Error> {
    let total = rows.total();
    if total.positives.min(total.negatives()) < CLASS_MIN as u32 {
        let price = spec.binning.penalty.unwrap_or(PRICE_DEFAULT);
        let l2 = spec.l2.unwrap_or(STRENGTH_DEFAULT);
        let tells = vec![true; features.len()];
        return Ok(Choice { price, l2, platt: Platt::NONE, auc: None, tells });
    }
    let folds = Folds::new(spec, features, rows);
    let prices = spec.binning.penalty.map_or(PRICES.to_vec(), |price| vec![price]);
    let strengths = spec.l2.map_or(STRENGTHS.to_vec(), |l2| vec![l2]);
    let mut price = prices[0];
    if prices.len() > 1 {
        let middle = [spec.l2.unwrap_or(STRENGTH_DEFAULT)];
        let mut least = f64::INFINITY;
        for one in prices {
            let (loss, _) = folds.best(one, &middle)?;
            if loss < least {
                (least, price) = (loss, one);
            }
        }
    }
    Ok(folds.best(price, &strengths)?.1)
}

/// The training rows in folds.
struct Folds<'a> {
    spec: &'a Spec,
    features: &'a Features<'a>,
    positive: &'a [bool],
    /// The training rows in the order drawn, and whether each is positive.
    places: Vec<u32>,
    classes: Vec<bool>,
    folds: Vec<Fold>,
}

impl<'a> Folds<'a> {
    fn new(spec: &'a Spec, features: &'a Features<'a>, rows: Rows<'a>) -> Folds<'a> {
        let places = shuffled(rows.places, spec.seed);
        let classes: Vec<bool> = places.iter().map(|row| rows.positive[*row as usize]).collect();
        let folds = kfold(&classes, FOLDS);
        Folds { spec, features, positive: rows.positive, places, classes, folds }
    }

    /// The strength with the least log loss on unseen rows, calibrated; and that loss.
    fn best(&self, price: f64, strengths: &[f64]) -> Result<(f64, Choice), Error> {
        let mut log_odds = vec![vec![0.0; self.places.len()]; strengths.len()];
        let mut gains = vec![0.0; self.features.len()];
        for fold in &self.folds {
            let unseen = self.unseen(fold, price, strengths, &mut log_odds)?;
            let classes: Vec<bool> =
                fold.test.iter().map(|place| self.classes[*place as usize]).collect();
            for (gain, evidence) in gains.iter_mut().zip(unseen.columns()) {
                *gain += self.gain(evidence, &classes);
            }
        }
        let tells: Vec<bool> = gains.iter().map(|gain| *gain > 0.0).collect();
        let mut best: Option<(f64, Choice)> = None;
        for (l2, log_odds) in strengths.iter().zip(&log_odds) {
            let platt = Platt::fit(log_odds, &self.classes);
            let chance = |z: &f64| 1.0 / (1.0 + libm::exp(-(platt.shift + platt.scale * z)));
            let chances: Vec<f64> = log_odds.iter().map(chance).collect();
            let figures = measure(&chances, &self.classes)?;
            if best.as_ref().is_none_or(|(loss, _)| figures.log_loss < *loss) {
                let (auc, tells) = (Some(figures.auc), tells.clone());
                let choice = Choice { price, l2: *l2, platt, auc, tells };
                best = Some((figures.log_loss, choice));
            }
        }
        best.ok_or_else(|| Error::Fit("no strength was tried".to_owned()))
    }

    /// How much likelier the rows are with the evidence of one feature than with none.
    fn gain(&self, evidence: ArrayView1<'_, f64>, classes: &[bool]) -> f64 {
        let positives = self.classes.iter().filter(|one| **one).count() as f64;
        let base = libm::log(positives / (self.classes.len() as f64 - positives));
        let likelihood = |z: f64, y: bool| -libm::log1p(libm::exp(if y { -z } else { z }));
        let one = |(e, y): (&f64, &bool)| likelihood(base + e, *y) - likelihood(base, *y);
        evidence.iter().zip(classes).map(one).sum()
    }

    /// Log odds of the fold's rows by models of the others, one a strength; and their evidence.
    fn unseen(
        &self,
        fold: &Fold,
        price: f64,
        strengths: &[f64],
        log_odds: &mut [Vec<f64>],
    ) -> Result<Array2<f64>, Error> {
        let at = |part: &[u32]| -> Vec<u32> {
            part.iter().map(|one| self.places[*one as usize]).collect()
        };
        let (train, test) = (at(&fold.train), at(&fold.test));
        let rows = Rows { places: &train, positive: self.positive };
        let binned = bin_all(self.spec, self.features, rows, price)?;
        let seen = evidence(&binned, self.features, &train);
        let unseen = evidence(&binned, self.features, &test);
        let classes: Vec<bool> = train.iter().map(|row| self.positive[*row as usize]).collect();
        let mut last = None;
        for (strength, log_odds) in strengths.iter().zip(log_odds) {
            let weights = weigh(seen.view(), &classes, *strength, last.as_ref())?;
            for (place, told) in fold.test.iter().zip(log_odds_of(&weights, unseen.view())) {
                log_odds[*place as usize] = told;
            }
            last = Some(weights);
        }
        Ok(unseen)
    }
}

/// Fisher and Yates' shuffle, drawn by SplitMix64.
fn shuffled(places: &[u32], seed: u64) -> Vec<u32> {
    let mut places = places.to_vec();
    let mut state = seed;
    for last in (1..places.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        places.swap(last, (mixed % (last as u64 + 1)) as usize);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_keeps_every_row_and_follows_its_seed() {
        let rows: Vec<u32> = (0..1_000).collect();
        let one = shuffled(&rows, 1);
        assert_eq!(one, shuffled(&rows, 1));
        assert_ne!(one, shuffled(&rows, 2));
        assert_ne!(one, rows);
        let mut sorted = one;
        sorted.sort_unstable();
        assert_eq!(sorted, rows);
    }
}
