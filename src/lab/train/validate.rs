//! Folds inside the training rows: they choose how many bins and how much penalty, and calibrate.
//!
//! Bins and weights are made without the fold that they are tried on, so what is chosen by it is
//! not fooled by what they learnt by heart.

use ndarray::ArrayView1;

use super::binning::{Binned, Rows};
use super::calibrate::Platt;
use super::error::Error;
use super::fit::{Features, cells, evidence, nothing};
use super::metrics::measure;
use super::newton::{Problem, surprise};
use super::spec::Spec;
use super::split::{Fold, kfold};

const FOLDS: usize = 5;
/// Folds of few rows are drawn again and again, until so many rows were judged: what one draw
/// chooses would be chance.
const JUDGED_ENOUGH: usize = 20_000;
const DRAWS_MAX: usize = 10;
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

/// Chooses the price of a bin and the strength of the penalty, on so many threads. What the spec
/// states is not chosen.
pub(super) fn choose(
    spec: &Spec,
    features: &Features<'_>,
    rows: Rows<'_>,
    threads: usize,
) -> Result<Choice, Error> {
    let total = rows.total();
    if total.positives.min(total.negatives()) < CLASS_MIN as u32 {
        let price = spec.binning.penalty.unwrap_or(PRICE_DEFAULT);
        let l2 = spec.l2.unwrap_or(STRENGTH_DEFAULT);
        let tells = vec![true; features.len()];
        return Ok(Choice { price, l2, platt: Platt::NONE, auc: None, tells });
    }
    let folds = Folds::new(spec, features, rows);
    let judged = on_threads(folds.folds.len(), threads, |fold| folds.judge(&folds.folds[fold]))?;
    folds.best(&judged)
}

/// The training rows in folds, and what is tried on them.
struct Folds<'a> {
    spec: &'a Spec,
    features: &'a Features<'a>,
    positive: &'a [bool],
    /// The training rows in the order drawn, draw after draw, and whether each is positive.
    places: Vec<u32>,
    classes: Vec<bool>,
    folds: Vec<Fold>,
    prices: Vec<f64>,
    strengths: Vec<f64>,
}

/// A fold's rows by models of the other rows.
struct Judged {
    /// By price, then by strength: log odds of the rows.
    log_odds: Vec<Vec<Vec<f64>>>,
    /// By price, then by feature: how much likelier its evidence alone makes the rows.
    gains: Vec<Vec<f64>>,
}

impl<'a> Folds<'a> {
    fn new(spec: &'a Spec, features: &'a Features<'a>, rows: Rows<'a>) -> Folds<'a> {
        let (mut places, mut folds) = (Vec::new(), Vec::new());
        let draws = (JUDGED_ENOUGH / rows.places.len().max(1)).clamp(1, DRAWS_MAX);
        for draw in 0..draws as u64 {
            let drawn = shuffled(rows.places, spec.seed.wrapping_add(draw));
            let classes: Vec<bool> = drawn.iter().map(|row| rows.positive[*row as usize]).collect();
            let first = places.len() as u32;
            for mut fold in kfold(&classes, FOLDS) {
                fold.train.iter_mut().chain(&mut fold.test).for_each(|place| *place += first);
                folds.push(fold);
            }
            places.extend(drawn);
        }
        let classes = places.iter().map(|row| rows.positive[*row as usize]).collect();
        let prices = spec.binning.penalty.map_or(PRICES.to_vec(), |price| vec![price]);
        let strengths = spec.l2.map_or(STRENGTHS.to_vec(), |l2| vec![l2]);
        let positive = rows.positive;
        Folds { spec, features, positive, places, classes, folds, prices, strengths }
    }

    /// The fold's rows by models of the others, one a price and strength.
    fn judge(&self, fold: &Fold) -> Result<Judged, Error> {
        let at = |part: &[u32]| -> Vec<u32> {
            part.iter().map(|one| self.places[*one as usize]).collect()
        };
        let (train, test) = (at(&fold.train), at(&fold.test));
        let classes = |part: &[u32]| -> Vec<bool> {
            part.iter().map(|row| self.positive[*row as usize]).collect()
        };
        let (seen_classes, classes) = (classes(&train), classes(&test));
        let rows = Rows { places: &train, positive: self.positive };
        let cells = cells(self.spec, self.features, rows)?;
        let mut judged = Judged { log_odds: Vec::new(), gains: Vec::new() };
        let none = nothing(self.features.len(), &seen_classes);
        let mut weights = none.clone();
        for price in &self.prices {
            let binned: Vec<Binned> = cells.iter().map(|cells| cells.bin(*price)).collect();
            let seen = evidence(&binned, self.features, &train);
            let unseen = evidence(&binned, self.features, &test);
            let mut log_odds = Vec::new();
            for l2 in &self.strengths {
                let problem = Problem { evidence: &seen, positive: &seen_classes, l2: *l2 };
                weights = problem.fit(&weights);
                log_odds.push(unseen.dot(&ndarray::aview1(&weights)).to_vec());
            }
            judged.log_odds.push(log_odds);
            let features = unseen.columns().into_iter().take(self.features.len());
            let base = none[self.features.len()];
            judged.gains.push(features.map(|one| gain(one, base, &classes)).collect());
        }
        Ok(judged)
    }

    /// The price and strength with the least log loss on unseen rows, calibrated.
    fn best(&self, judged: &[Judged]) -> Result<Choice, Error> {
        let mut least = f64::INFINITY;
        let (mut choice, mut log_odds) = (None, vec![0.0; self.places.len()]);
        for (at, price) in self.prices.iter().enumerate() {
            let gain = |feature| judged.iter().map(|one| one.gains[at][feature]).sum::<f64>();
            let tells: Vec<bool> = (0..self.features.len()).map(|one| gain(one) > 0.0).collect();
            for (strength, l2) in self.strengths.iter().enumerate() {
                for (fold, judged) in self.folds.iter().zip(judged) {
                    for (place, told) in fold.test.iter().zip(&judged.log_odds[at][strength]) {
                        log_odds[*place as usize] = *told;
                    }
                }
                let platt = Platt::fit(&log_odds, &self.classes);
                let loss = self.loss(&log_odds, platt);
                if loss < least {
                    least = loss;
                    let auc = Some(measure(&log_odds, &self.classes)?.auc);
                    choice =
                        Some(Choice { price: *price, l2: *l2, platt, auc, tells: tells.clone() });
                }
            }
        }
        choice.ok_or_else(|| Error::Fit("no penalty could be fitted".to_owned()))
    }

    fn loss(&self, log_odds: &[f64], platt: Platt) -> f64 {
        let told = log_odds.iter().map(|z| platt.shift + platt.scale * z);
        told.zip(&self.classes).map(|(z, y)| surprise(z, *y)).sum()
    }
}

/// How much likelier the rows are with the evidence of one feature than with none.
fn gain(evidence: ArrayView1<'_, f64>, base: f64, classes: &[bool]) -> f64 {
    let one = |(e, y): (&f64, &bool)| surprise(base, *y) - surprise(base + e, *y);
    evidence.iter().zip(classes).map(one).sum()
}

/// What `one` makes of each number up to `count`, in order, whatever the number of threads.
fn on_threads<T: Send>(
    count: usize,
    threads: usize,
    one: impl Fn(usize) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let threads = threads.clamp(1, count.max(1));
    let one = &one;
    let share = |first: usize| (first..count).step_by(threads).map(one).collect::<Vec<_>>();
    let mut shares: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|first| scope.spawn(move || share(first))).collect();
        all.into_iter().map(|thread| thread.join().unwrap_or_default().into_iter()).collect()
    });
    let lost = || Error::Fit("a fold was not judged".to_owned());
    (0..count).map(|at| shares[at % threads].next().ok_or_else(lost)?).collect()
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
