//! Folds inside the training rows: they choose how many bins and how much penalty, weigh the
//! features, and calibrate.
//!
//! A row's evidence here is by bins that were made without it: bins know their own rows by heart,
//! and a feature of nothing but noise would get a weight for it. So the weights are those of
//! stacked regression with weights that are not negative (Breiman, Machine Learning 24, 1996).

use ndarray::{Array2, ArrayView1, Axis, aview1, concatenate};

use super::binning::{Binned, Rows};
use super::calibrate::Platt;
use super::error::Error;
use super::fit::{Features, cells, evidence, nothing, weigh};
use super::metrics::measure;
use super::newton::{Problem, surprise};
use super::spec::Spec;
use super::split::{Fold, kfold};

const FOLDS: usize = 5;
/// Folds of few rows are drawn again and again, until so many rows were judged: what one draw
/// chooses would be chance.
const JUDGED_ENOUGH: usize = 5_000;
const DRAWS_MAX: usize = 5;
/// With fewer of a class in all, folds of it say nothing.
const CLASS_MIN: usize = 20;
/// Penalties that are tried, the strongest first: among equals the simpler model wins.
const STRENGTHS: [f64; 7] = [1_000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0];
const STRENGTH_DEFAULT: f64 = 10.0;
/// Prices of a bin that are tried, in nats: from what suits many rows to Akaike's for few. The
/// highest wins whose gain in log-likelihood over no features is this share of the best one's:
/// bins that bring less are not worth explaining.
const GOOD_ENOUGH: f64 = 0.995;
const PRICES: [f64; 4] = [10.0, 5.0, 2.5, 1.0];
const PRICE_DEFAULT: f64 = 2.5;

/// What the folds chose.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    /// Of one more bin.
    pub price: f64,
    pub l2: f64,
    /// By feature, the intercept last; see [`weigh`].
    pub weights: Vec<f64>,
    pub platt: Platt,
    /// On rows that the bins and weights had not seen; none when there were no folds.
    pub auc: Option<f64>,
}

/// Chooses the price of a bin and the strength of the penalty, and weighs, on so many threads. What
/// the spec states is not chosen.
pub(super) fn choose(
    spec: &Spec,
    features: &Features<'_>,
    rows: Rows<'_>,
    threads: usize,
) -> Result<Choice, Error> {
    let total = rows.total();
    if total.positives.min(total.negatives()) < CLASS_MIN as u32 {
        return without_folds(spec, features, rows);
    }
    let folds = Folds::new(spec, features, rows);
    let count = folds.folds.len();
    let unseen = on_threads(count, threads, |fold| folds.unseen(&folds.folds[fold]))?;
    let judged = on_threads(count, threads, |fold| folds.judge(fold, &unseen))?;
    folds.best(&unseen, &judged)
}

fn without_folds(spec: &Spec, features: &Features<'_>, rows: Rows<'_>) -> Result<Choice, Error> {
    let price = spec.binning.penalty.unwrap_or(PRICE_DEFAULT);
    let l2 = spec.l2.unwrap_or(STRENGTH_DEFAULT);
    let cells = cells(spec, features, rows)?;
    let binned: Vec<Binned> = cells.iter().map(|cells| cells.bin(price)).collect();
    let classes: Vec<bool> = rows.places.iter().map(|row| rows.positive[*row as usize]).collect();
    let weights = weigh(&evidence(&binned, features, rows.places), &classes, l2)?;
    Ok(Choice { price, l2, weights, platt: Platt::NONE, auc: None })
}

/// The training rows in folds, and what is tried on them.
struct Folds<'a> {
    spec: &'a Spec,
    features: &'a Features<'a>,
    positive: &'a [bool],
    /// Rows by their places in the table, draw after draw.
    folds: Vec<Fold>,
    draws: usize,
    prices: Vec<f64>,
    strengths: Vec<f64>,
}

/// Evidence of a fold's rows by bins of the others, at one price.
struct Unseen {
    evidence: Array2<f64>,
    /// By feature: how much likelier its evidence alone makes the rows.
    gains: Vec<f64>,
}

/// Log odds of a fold's rows by weights of the others: by price, then by strength.
type Judged = Vec<Vec<Vec<f64>>>;

impl<'a> Folds<'a> {
    fn new(spec: &'a Spec, features: &'a Features<'a>, rows: Rows<'a>) -> Folds<'a> {
        let draws = (JUDGED_ENOUGH / rows.places.len().max(1)).clamp(1, DRAWS_MAX);
        let mut folds = Vec::new();
        for draw in 0..draws as u64 {
            let drawn = shuffled(rows.places, spec.seed.wrapping_add(draw));
            let classes: Vec<bool> = drawn.iter().map(|row| rows.positive[*row as usize]).collect();
            let at = |part: Vec<u32>| part.iter().map(|one| drawn[*one as usize]).collect();
            let all = kfold(&classes, FOLDS).into_iter();
            folds.extend(all.map(|fold| Fold { train: at(fold.train), test: at(fold.test) }));
        }
        let prices = spec.binning.penalty.map_or(PRICES.to_vec(), |price| vec![price]);
        let strengths = spec.l2.map_or(STRENGTHS.to_vec(), |l2| vec![l2]);
        Folds { spec, features, positive: rows.positive, folds, draws, prices, strengths }
    }

    /// Which of the folds' rows are positive, fold after fold.
    fn classes<'b>(&self, folds: impl IntoIterator<Item = &'b Fold>) -> Vec<bool> {
        let rows = folds.into_iter().flat_map(|fold| &fold.test);
        rows.map(|row| self.positive[*row as usize]).collect()
    }

    /// The fold's rows at every price.
    fn unseen(&self, fold: &Fold) -> Result<Vec<Unseen>, Error> {
        let rows = Rows { places: &fold.train, positive: self.positive };
        let cells = cells(self.spec, self.features, rows)?;
        let classes = self.classes([fold]);
        let base = nothing(0, &classes)[0];
        let at = |price: &f64| {
            let binned: Vec<Binned> = cells.iter().map(|cells| cells.bin(*price)).collect();
            let evidence = evidence(&binned, self.features, &fold.test);
            let columns = evidence.columns().into_iter().take(binned.len());
            let gains = columns.map(|one| gain(one, base, &classes)).collect();
            Unseen { evidence, gains }
        };
        Ok(self.prices.iter().map(at).collect())
    }

    /// Judges a fold by weights of the others of its draw.
    fn judge(&self, fold: usize, unseen: &[Vec<Unseen>]) -> Result<Judged, Error> {
        let first = fold - fold % FOLDS;
        let others: Vec<usize> = (first..first + FOLDS).filter(|other| *other != fold).collect();
        let classes = self.classes(others.iter().map(|other| &self.folds[*other]));
        let mut weights = nothing(self.features.len(), &classes);
        let mut judged = Vec::new();
        for (at, Unseen { evidence, .. }) in unseen[fold].iter().enumerate() {
            let seen = stacked(others.iter().map(|other| &unseen[*other][at]))?;
            let mut by_strength = Vec::new();
            for l2 in &self.strengths {
                let problem = Problem { evidence: &seen, positive: &classes, l2: *l2 };
                weights = problem.fit(&weights);
                by_strength.push(evidence.dot(&aview1(&weights)).to_vec());
            }
            judged.push(by_strength);
        }
        Ok(judged)
    }

    /// Of each price the strength with the least log loss on unseen rows, calibrated; of these the
    /// highest price that is about as good as the best.
    fn best(&self, unseen: &[Vec<Unseen>], judged: &[Judged]) -> Result<Choice, Error> {
        let classes = self.classes(&self.folds);
        let at_price = |price| {
            let one = |strength| tried(price, strength, judged, &classes);
            (0..self.strengths.len()).map(one).reduce(|a, b| if b.loss < a.loss { b } else { a })
        };
        let all: Vec<Tried> = (0..self.prices.len()).filter_map(at_price).collect();
        let base = nothing(0, &classes)[0];
        let without: f64 = classes.iter().map(|y| surprise(base, *y)).sum();
        let gain = |one: &Tried| without - one.loss;
        let most = all.iter().map(gain).fold(0.0, f64::max);
        let best = all.iter().find(|one| gain(one) >= GOOD_ENOUGH * most).or(all.last());
        let Tried { price, strength, platt, .. } =
            best.ok_or_else(|| Error::Fit("no penalty could be fitted".to_owned()))?;
        let auc = Some(measure(&told(judged, *price, *strength), &classes)?.auc);
        let stack = stacked(unseen.iter().map(|fold| &fold[*price]))?;
        let l2 = self.strengths[*strength];
        // Every row stands there once a draw.
        let weights = weigh(&stack, &classes, l2 * self.draws as f64)?;
        Ok(Choice { price: self.prices[*price], l2, weights, platt: *platt, auc })
    }
}

/// A price and a strength on unseen rows.
struct Tried {
    price: usize,
    strength: usize,
    platt: Platt,
    loss: f64,
}

fn tried(price: usize, strength: usize, judged: &[Judged], classes: &[bool]) -> Tried {
    let log_odds = told(judged, price, strength);
    let platt = Platt::fit(&log_odds, classes);
    let calibrated = log_odds.iter().map(|z| platt.shift + platt.scale * z);
    let loss = calibrated.zip(classes).map(|(z, y)| surprise(z, *y)).sum();
    Tried { price, strength, platt, loss }
}

/// Log odds of all folds, one after the other.
fn told(judged: &[Judged], price: usize, strength: usize) -> Vec<f64> {
    judged.iter().flat_map(|fold| fold[price][strength].iter().copied()).collect()
}

/// The evidence of all parts, but for features that tell nothing in them: of those none.
fn stacked<'a>(parts: impl Iterator<Item = &'a Unseen>) -> Result<Array2<f64>, Error> {
    let parts: Vec<&Unseen> = parts.collect();
    let views: Vec<_> = parts.iter().map(|part| part.evidence.view()).collect();
    let mut all = concatenate(Axis(0), &views).map_err(|error| Error::Fit(error.to_string()))?;
    let features = all.ncols() - 1;
    for (at, mut column) in all.columns_mut().into_iter().take(features).enumerate() {
        if parts.iter().map(|part| part.gains[at]).sum::<f64>() <= 0.0 {
            column.fill(0.0);
        }
    }
    Ok(all)
}

/// How much likelier the rows are with the evidence of one feature than with none; with half of it,
/// which is about what it weighs beside others.
fn gain(evidence: ArrayView1<'_, f64>, base: f64, classes: &[bool]) -> f64 {
    let one = |(e, y): (&f64, &bool)| surprise(base, *y) - surprise(base + 0.5 * e, *y);
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
