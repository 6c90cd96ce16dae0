//! Weights of evidence to log odds: L2 logistic regression, features of the wrong sign dropped.
//!
//! A weight below zero says that what alone speaks for default speaks against it beside the
//! others. Such points cannot be explained to anyone, so the feature with the lowest weight is
//! dropped and the rest fitted again, until no weight is below zero.

use linfa::DatasetBase;
use linfa::prelude::{Fit, ParamGuard};
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::binning::{Binned, Limits, Rows, bin};
use super::column::Column;
use super::error::Error;
use super::spec::Spec;

/// The gradient may be so large, for each row, when the search ends.
const TOLERANCE: f64 = 1e-6;
const ITERATIONS_MAX: u64 = 500;
/// Weights below this are zero.
const WEIGHT_MIN: f64 = 1e-6;

/// What is fitted: columns, with their special codes, in the order of the spec's features.
pub(super) type Features<'a> = [(Column<'a>, &'a [f64])];

/// Bins every feature by `rows`.
pub(super) fn bin_all(
    spec: &Spec,
    features: &Features<'_>,
    rows: Rows<'_>,
    price: f64,
) -> Result<Vec<Binned>, Error> {
    let super::Binning { min_share, max_bins, smoothing, .. } = spec.binning;
    let limits = Limits { min_share, max_bins, smoothing, price };
    let named = spec.features.iter().zip(features);
    let one = |(feature, (column, codes)): (&super::Feature, &(Column<'_>, &[f64]))| {
        bin(*column, codes, feature.kind, rows, &limits)
            .map_err(|error| Error::data(format!("feature \"{}\": {error}", feature.name)))
    };
    named.map(one).collect()
}

/// The evidence of `rows`, a column a feature.
pub(super) fn evidence(binned: &[Binned], features: &Features<'_>, rows: &[u32]) -> Array2<f64> {
    let mut matrix = Array2::zeros((rows.len(), binned.len()));
    for (at, (one, (column, _))) in binned.iter().zip(features).enumerate() {
        for (cell, row) in matrix.column_mut(at).iter_mut().zip(rows) {
            *cell = one.woe[one.cut.bin(*column, *row as usize)];
        }
    }
    matrix
}

/// Weights by feature, zero for what is not used, and the intercept.
pub(super) type Weights = (Vec<f64>, f64);

/// Fits weights to `evidence`; no weight is below zero. The search begins at `start`.
pub(super) fn weigh(
    evidence: ArrayView2<'_, f64>,
    positive: &[bool],
    l2: f64,
    start: Option<&Weights>,
) -> Result<Weights, Error> {
    let mut weights = vec![0.0; evidence.ncols()];
    let varies = |at: &usize| {
        let column = evidence.column(*at);
        column.iter().any(|cell| *cell != column[0])
    };
    let mut used: Vec<usize> = (0..evidence.ncols()).filter(varies).collect();
    let mut start: Option<Array1<f64>> = start.map(|(weights, intercept)| {
        used.iter().map(|at| weights[*at]).chain([*intercept]).collect()
    });
    loop {
        if used.is_empty() {
            let positives = positive.iter().filter(|one| **one).count() as f64;
            let negatives = positive.len() as f64 - positives;
            return Ok((weights, libm::log(positives / negatives)));
        }
        let (fitted, intercept) = logistic(evidence.select(Axis(1), &used), positive, l2, start)?;
        let lowest = (0..used.len()).min_by(|a, b| fitted[*a].total_cmp(&fitted[*b]));
        let Some(worst) = lowest.filter(|at| fitted[*at] < WEIGHT_MIN) else {
            for (at, weight) in used.iter().zip(&fitted) {
                weights[*at] = *weight;
            }
            return Ok((weights, intercept));
        };
        used.remove(worst);
        let rest = fitted.iter().enumerate().filter(|(at, _)| *at != worst);
        start = Some(rest.map(|(_, weight)| *weight).chain([intercept]).collect());
    }
}

fn logistic(
    x: Array2<f64>,
    positive: &[bool],
    l2: f64,
    start: Option<Array1<f64>>,
) -> Result<(Vec<f64>, f64), Error> {
    let tolerance = TOLERANCE * positive.len() as f64;
    let targets = Array1::from_iter(positive.iter().copied());
    let dataset = DatasetBase::new(x, targets);
    // Close to the optimum the line search may find no step that lowers the sum any more: then a
    // coarser end is the end.
    let mut problem = String::new();
    for coarser in [1.0, 100.0, 10_000.0] {
        let mut params = LogisticRegression::default()
            .alpha(l2)
            .max_iterations(ITERATIONS_MAX)
            .gradient_tolerance((tolerance * coarser).max(1e-9));
        if let Some(start) = &start {
            params = params.initial_params(start.clone());
        }
        let valid = params.check().map_err(|error| Error::Fit(error.to_string()))?;
        match valid.fit(&dataset) {
            Ok(fitted) => {
                // The more frequent class is linfa's positive one.
                let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
                let weights = fitted.params().iter().map(|weight| sign * weight).collect();
                return Ok((weights, sign * fitted.intercept()));
            }
            Err(error) => problem = error.to_string(),
        }
    }
    Err(Error::Fit(format!("the logistic regression does not end: {problem}")))
}

/// Log odds of the positive class by row: intercept + sum of weight x evidence.
pub(super) fn log_odds_of(weights: &Weights, evidence: ArrayView2<'_, f64>) -> Vec<f64> {
    let (weights, intercept) = weights;
    let of = |row: ndarray::ArrayView1<'_, f64>| {
        intercept + row.iter().zip(weights).map(|(e, w)| e * w).sum::<f64>()
    };
    evidence.rows().into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two features that tell, one that is the first again with its sign turned.
    fn sample() -> (Array2<f64>, Vec<bool>) {
        let mut x = Array2::zeros((4_000, 3));
        let mut positive = Vec::new();
        for row in 0..4_000_usize {
            let (a, b) = (row % 2, (row / 2) % 2);
            // Chances of 0.1, 0.2, 0.4, 0.6 by (a, b).
            let tenths = [[1, 2], [4, 6]][a][b];
            positive.push((row / 4) % 10 < tenths);
            x[[row, 0]] = a as f64;
            x[[row, 1]] = b as f64;
            x[[row, 2]] = -(a as f64) + 0.01 * b as f64;
        }
        (x, positive)
    }

    #[test]
    fn weights_are_those_of_a_fit_by_hand() {
        let (x, positive) = sample();
        let (weights, intercept) =
            weigh(x.select(Axis(1), &[0, 1]).view(), &positive, 1e-6, None).unwrap();
        // The gradient vanishes: sums of chances over each column equal the counts.
        let chance =
            |a: f64, b: f64| 1.0 / (1.0 + (-(intercept + weights[0] * a + weights[1] * b)).exp());
        assert!((chance(0.0, 0.0) + chance(0.0, 1.0) - 0.3).abs() < 1e-4);
        assert!((chance(1.0, 0.0) + chance(1.0, 1.0) - 1.0).abs() < 1e-4);
        assert!((chance(0.0, 1.0) + chance(1.0, 1.0) - 0.8).abs() < 1e-4);
    }

    #[test]
    fn what_speaks_the_wrong_way_is_dropped() {
        let (x, positive) = sample();
        let (weights, _) = weigh(x.view(), &positive, 1.0, None).unwrap();
        assert_eq!(weights[2], 0.0, "{weights:?}");
        assert!(weights[0] > 0.5 && weights[1] > 0.5);
        let (none, intercept) =
            weigh(x.select(Axis(1), &[2]).view(), &positive, 1.0, None).unwrap();
        assert_eq!(none, [0.0]);
        let positives = positive.iter().filter(|one| **one).count() as f64;
        assert!((intercept - (positives / (4_000.0 - positives)).ln()).abs() < 1e-12);
    }

    #[test]
    fn a_stronger_penalty_makes_smaller_weights() {
        let (x, positive) = sample();
        let (weak, _) = weigh(x.view(), &positive, 1.0, None).unwrap();
        let (strong, _) = weigh(x.view(), &positive, 1_000.0, None).unwrap();
        assert!(strong[0] < weak[0] && strong[0] > 0.0);
    }
}
