//! How good chances are: AUC, Gini, KS, Brier, log loss. Exact; ties count half.

use super::error::Error;
use crate::scoring::TestFigures;

/// Chances are kept this far from 0 and 1, as log loss needs it.
const CHANCE_MIN: f64 = 1e-15;

pub type Metrics = TestFigures;

/// Measures chances of the positive class against what came. Both classes must be there.
pub fn measure(chances: &[f64], positive: &[bool]) -> Result<Metrics, Error> {
    let positives = positive.iter().filter(|one| **one).count();
    let negatives = positive.len() - positives;
    if chances.len() != positive.len() || positives == 0 || negatives == 0 {
        return Err(Error::data("figures need rows of both classes"));
    }
    let (auc, ks) = ranks(chances, positive, positives as f64, negatives as f64);
    let rows = positive.len() as f64;
    let truth = |positive: bool| if positive { 1.0 } else { 0.0 };
    let pairs = || chances.iter().zip(positive);
    let brier = pairs().map(|(p, y)| (p - truth(*y)) * (p - truth(*y))).sum::<f64>() / rows;
    let log_loss = pairs().map(|(p, y)| surprise(*p, *y)).sum::<f64>() / rows;
    Ok(Metrics {
        rows: positive.len() as u64,
        positives: positives as u64,
        auc,
        gini: 2.0 * auc - 1.0,
        ks,
        brier,
        log_loss,
    })
}

fn surprise(chance: f64, positive: bool) -> f64 {
    let chance = chance.clamp(CHANCE_MIN, 1.0 - CHANCE_MIN);
    if positive { -libm::log(chance) } else { -libm::log1p(-chance) }
}

/// Area under the ROC curve, and the largest distance between the classes' distributions. Equal
/// chances are one step of both.
fn ranks(chances: &[f64], positive: &[bool], positives: f64, negatives: f64) -> (f64, f64) {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_unstable_by(|a, b| chances[*a].total_cmp(&chances[*b]));
    // Counts are exact in 64 bits: two classes of a billion rows make 1e18 pairs.
    let (mut below_positive, mut below_negative) = (0_u64, 0_u64);
    let mut twice_pairs = 0_u128;
    let mut ks: f64 = 0.0;
    let same = |a: &usize, b: &usize| chances[*a] == chances[*b];
    for equal in order.chunk_by(same) {
        let here = equal.iter().filter(|row| positive[**row]).count() as u64;
        let others = equal.len() as u64 - here;
        twice_pairs += u128::from(here) * u128::from(2 * below_negative + others);
        below_positive += here;
        below_negative += others;
        let distance = below_negative as f64 / negatives - below_positive as f64 / positives;
        ks = ks.max(distance.abs());
    }
    (twice_pairs as f64 / (2.0 * positives * negatives), ks)
}

/// Means of the figures over folds; rows and positives are added up.
pub(super) fn mean(figures: &[Metrics]) -> Metrics {
    let count = figures.len().max(1) as f64;
    let mean = |of: fn(&Metrics) -> f64| figures.iter().map(of).sum::<f64>() / count;
    Metrics {
        rows: figures.iter().map(|one| one.rows).sum(),
        positives: figures.iter().map(|one| one.positives).sum(),
        auc: mean(|one| one.auc),
        gini: mean(|one| one.gini),
        ks: mean(|one| one.ks),
        brier: mean(|one| one.brier),
        log_loss: mean(|one| one.log_loss),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    /// Every pair of a positive and a negative row, one by one.
    fn naive_auc(chances: &[f64], positive: &[bool]) -> f64 {
        let (mut won, mut pairs) = (0.0, 0.0);
        for (p, _) in chances.iter().zip(positive).filter(|(_, y)| **y) {
            for (n, _) in chances.iter().zip(positive).filter(|(_, y)| !**y) {
                pairs += 1.0;
                won += if p > n {
                    1.0
                } else if p == n {
                    0.5
                } else {
                    0.0
                };
            }
        }
        won / pairs
    }

    /// The distance between the shares at or below every chance that occurs.
    fn naive_ks(chances: &[f64], positive: &[bool]) -> f64 {
        let share = |cut: f64, class: bool| {
            let of: Vec<f64> = chances
                .iter()
                .zip(positive)
                .filter(|(_, y)| **y == class)
                .map(|(p, _)| *p)
                .collect();
            of.iter().filter(|p| **p <= cut).count() as f64 / of.len() as f64
        };
        let distance = |cut: &f64| (share(*cut, true) - share(*cut, false)).abs();
        chances.iter().map(distance).fold(0.0, f64::max)
    }

    proptest! {
        #[test]
        fn ranks_agree_with_counting_pairs(
            rows in proptest::collection::vec((0_u8..12, any::<bool>()), 2..60)
        ) {
            let chances: Vec<f64> = rows.iter().map(|(p, _)| f64::from(*p) / 12.0).collect();
            let positive: Vec<bool> = rows.iter().map(|(_, y)| *y).collect();
            match measure(&chances, &positive) {
                Ok(told) => {
                    prop_assert!((told.auc - naive_auc(&chances, &positive)).abs() < 1e-12);
                    prop_assert!((told.ks - naive_ks(&chances, &positive)).abs() < 1e-12);
                    prop_assert!((told.gini - (2.0 * told.auc - 1.0)).abs() < 1e-12);
                }
                Err(_) => {
                    prop_assert!(positive.iter().all(|y| *y) || !positive.iter().any(|y| *y));
                }
            }
        }
    }

    #[test]
    fn figures_by_hand() {
        let told = measure(&[0.9, 0.2, 0.2, 0.6], &[true, false, true, false]).unwrap();
        // Pairs: 0.9 beats both; 0.2 ties one and loses one.
        assert_eq!((told.rows, told.positives, told.auc), (4, 2, 0.625));
        assert_eq!(told.ks, 0.5);
        assert!((told.brier - (0.01 + 0.04 + 0.64 + 0.36) / 4.0).abs() < 1e-15);
        let log_loss = -(0.9_f64.ln() + 0.8_f64.ln() + 0.2_f64.ln() + 0.4_f64.ln()) / 4.0;
        assert!((told.log_loss - log_loss).abs() < 1e-15);
    }

    #[test]
    fn certainty_that_is_wrong_costs_much_and_not_everything() {
        let told = measure(&[0.0, 1.0], &[true, false]).unwrap();
        assert!(told.log_loss > 30.0 && told.log_loss.is_finite());
        assert_eq!((told.auc, told.ks, told.brier), (0.0, 1.0, 1.0));
    }
}
