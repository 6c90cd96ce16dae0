//! Folds inside the training rows: they choose the strength of the penalty and calibrate.
//!
//! Bins and weights are made without the fold that they are tried on, so what is chosen by it is
//! not fooled by what they learnt by heart.

use super::binning::Rows;
use super::calibrate::Platt;
use super::error::Error;
use super::fit::{Features, Model, bin_all, evidence, weigh};
use super::metrics::measure;
use super::spec::Spec;
use super::split::kfold;

const FOLDS: usize = 5;
/// With fewer of a class in all, folds of it say nothing.
const CLASS_MIN: usize = 20;
/// What is tried, the strongest first: among equals the simpler model wins.
const STRENGTHS: [f64; 5] = [100.0, 30.0, 10.0, 3.0, 1.0];
const STRENGTH_DEFAULT: f64 = 1.0;

/// What the folds chose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    pub l2: f64,
    pub platt: Platt,
    /// On rows that the bins and weights had not seen; none when there were no folds.
    pub auc: Option<f64>,
}

pub(super) fn choose(
    spec: &Spec,
    features: &Features<'_>,
    rows: Rows<'_>,
) -> Result<Choice, Error> {
    let total = rows.total();
    if total.positives.min(total.negatives()) < CLASS_MIN as u32 {
        let l2 = spec.l2.unwrap_or(STRENGTH_DEFAULT);
        return Ok(Choice { l2, platt: Platt::NONE, auc: None });
    }
    let strengths = spec.l2.map_or(STRENGTHS.to_vec(), |l2| vec![l2]);
    let places = shuffled(rows.places, spec.seed);
    let classes: Vec<bool> = places.iter().map(|row| rows.positive[*row as usize]).collect();
    let mut log_odds = vec![vec![0.0; places.len()]; strengths.len()];
    for fold in kfold(&classes, FOLDS) {
        let at = |part: &[u32]| part.iter().map(|one| places[*one as usize]).collect::<Vec<u32>>();
        let (train, test) = (at(&fold.train), at(&fold.test));
        let rows = Rows { places: &train, positive: rows.positive };
        let binned = bin_all(spec, features, rows)?;
        let (seen, unseen) =
            (evidence(&binned, features, &train), evidence(&binned, features, &test));
        let classes: Vec<bool> = train.iter().map(|row| rows.positive[*row as usize]).collect();
        let mut model = Model { binned, weights: Vec::new(), intercept: 0.0 };
        for (strength, log_odds) in strengths.iter().zip(&mut log_odds) {
            (model.weights, model.intercept) = weigh(seen.view(), &classes, *strength)?;
            for (place, told) in fold.test.iter().zip(model.log_odds(unseen.view())) {
                log_odds[*place as usize] = told;
            }
        }
    }
    let mut best: Option<(f64, Choice)> = None;
    for (l2, log_odds) in strengths.iter().zip(&log_odds) {
        let platt = Platt::fit(log_odds, &classes);
        let chance = |z: &f64| 1.0 / (1.0 + libm::exp(-(platt.shift + platt.scale * z)));
        let figures = measure(&log_odds.iter().map(chance).collect::<Vec<_>>(), &classes)?;
        if best.is_none_or(|(loss, _)| figures.log_loss < loss) {
            let choice = Choice { l2: *l2, platt, auc: Some(figures.auc) };
            best = Some((figures.log_loss, choice));
        }
    }
    best.map(|(_, choice)| choice).ok_or_else(|| Error::Fit("no strength was tried".to_owned()))
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
