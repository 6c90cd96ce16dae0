//! Weights of evidence to log odds: L2 logistic regression without negative weights.
//!
//! A weight below zero says that what alone speaks for default speaks against it beside the
//! others. Such points cannot be explained to anyone. Newton's method finds which features have a
//! weight above zero in the best fit without negative ones; `linfa-logistic` fits those.

use linfa::DatasetBase;
use linfa::prelude::{Fit, ParamGuard};
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2, Axis};

use super::binning::{Binned, Cells, Limits, Rows};
use super::column::Column;
use super::error::Error;
use super::newton::Problem;
use super::spec::Spec;

/// The gradient may be so large, for each row, when the search ends.
const TOLERANCE: f64 = 1e-6;
const ITERATIONS_MAX: u64 = 500;
/// Weights below this are zero.
const WEIGHT_MIN: f64 = 1e-6;

/// What is fitted: columns, with their special codes, in the order of the spec's features.
pub(super) type Features<'a> = [(Column<'a>, &'a [f64])];

/// The cells of every feature in `rows`.
pub(super) fn cells<'a>(
    spec: &Spec,
    features: &Features<'a>,
    rows: Rows<'a>,
) -> Result<Vec<Cells<'a>>, Error> {
    let super::Binning { min_share, max_bins, smoothing, .. } = spec.binning;
    let limits = Limits { min_share, max_bins, smoothing };
    let named = spec.features.iter().zip(features);
    let one = |(feature, (column, codes)): (&super::Feature, &(Column<'a>, &[f64]))| {
        Cells::new(*column, codes, feature.kind, rows, &limits)
            .map_err(|error| Error::data(format!("feature \"{}\": {error}", feature.name)))
    };
    named.map(one).collect()
}

/// The evidence of `rows`, a column a feature, and a last column of ones for the intercept.
pub(super) fn evidence(binned: &[Binned], features: &Features<'_>, rows: &[u32]) -> Array2<f64> {
    let mut matrix = Array2::ones((rows.len(), binned.len() + 1));
    for (at, (one, (column, _))) in binned.iter().zip(features).enumerate() {
        for (cell, row) in matrix.column_mut(at).iter_mut().zip(rows) {
            *cell = one.woe[one.cut.bin(*column, *row as usize)];
        }
    }
    matrix
}

/// No weights, and the intercept that fits best without any.
pub(super) fn nothing(features: usize, positive: &[bool]) -> Vec<f64> {
    let positives = positive.iter().filter(|one| **one).count() as f64;
    let negatives = positive.len() as f64 - positives;
    let mut weights = vec![0.0; features];
    weights.push(libm::log(positives / negatives));
    weights
}

/// Fits weights to `evidence`, the intercept last. What is not used has the weight zero, and no
/// weight is below it.
pub(super) fn weigh(evidence: &Array2<f64>, positive: &[bool], l2: f64) -> Result<Vec<f64>, Error> {
    let features = evidence.ncols() - 1;
    let mut weights = nothing(features, positive);
    let chosen = Problem { evidence, positive, l2 }.fit(&weights);
    let used: Vec<usize> = (0..features).filter(|at| chosen[*at] >= WEIGHT_MIN).collect();
    if used.is_empty() {
        return Ok(weights);
    }
    let targets = Array1::from_iter(positive.iter().copied());
    let dataset = DatasetBase::new(evidence.select(Axis(1), &used), targets);
    let start = used.iter().chain([&features]).map(|at| chosen[*at]).collect();
    let (fitted, intercept) = logistic(&dataset, l2, start)?;
    for (at, weight) in used.iter().zip(&fitted) {
        // What was above zero by the last digits only is none.
        weights[*at] = weight.max(0.0);
    }
    weights[features] = intercept;
    Ok(weights)
}

/// Fits `linfa-logistic`, from a start that is close already.
fn logistic(
    dataset: &DatasetBase<Array2<f64>, Array1<bool>>,
    l2: f64,
    start: Array1<f64>,
) -> Result<(Vec<f64>, f64), Error> {
    let rows = dataset.targets.len();
    let tolerance = TOLERANCE * rows as f64;
    // The more frequent class is linfa's positive one.
    let positives = dataset.targets.iter().filter(|one| **one).count();
    let start = if 2 * positives < rows { -start } else { start };
    // Close to the optimum the line search may find no step that lowers the sum any more: then a
    // coarser end is the end.
    let mut problem = String::new();
    for coarser in [1.0, 100.0, 10_000.0] {
        let params = LogisticRegression::default()
            .alpha(l2)
            .max_iterations(ITERATIONS_MAX)
            .initial_params(start.clone())
            .gradient_tolerance((tolerance * coarser).max(1e-9));
        let valid = params.check().map_err(|error| Error::Fit(error.to_string()))?;
        match valid.fit(dataset) {
            Ok(fitted) => {
                let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
                let weights = fitted.params().iter().map(|weight| sign * weight).collect();
                return Ok((weights, sign * fitted.intercept()));
            }
            Err(error) => problem = error.to_string(),
        }
    }
    Err(Error::Fit(format!("the logistic regression does not end: {problem}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two features that tell, one that is the first again with its sign turned; ones.
    fn sample() -> (Array2<f64>, Vec<bool>) {
        let mut x = Array2::ones((4_000, 4));
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
        let weights = weigh(&x.select(Axis(1), &[0, 1, 3]), &positive, 1e-6).unwrap();
        // The gradient vanishes: sums of chances over each column equal the counts.
        let chance =
            |a: f64, b: f64| 1.0 / (1.0 + (-(weights[2] + weights[0] * a + weights[1] * b)).exp());
        assert!((chance(0.0, 0.0) + chance(0.0, 1.0) - 0.3).abs() < 1e-4);
        assert!((chance(1.0, 0.0) + chance(1.0, 1.0) - 1.0).abs() < 1e-4);
        assert!((chance(0.0, 1.0) + chance(1.0, 1.0) - 0.8).abs() < 1e-4);
    }

    #[test]
    fn both_methods_agree() {
        let (x, positive) = sample();
        for l2 in [0.5, 20.0, 500.0] {
            let problem = Problem { evidence: &x, positive: &positive, l2 };
            let newton = problem.fit(&[0.0; 4]);
            let linfa = weigh(&x, &positive, l2).unwrap();
            let apart = newton.iter().zip(&linfa).map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f64::max) < 1e-4, "{newton:?}, {linfa:?}");
            assert!(
                problem
                    .fit(&[9.0, 0.0, 5.0, -7.0])
                    .iter()
                    .zip(&newton)
                    .all(|(a, b)| (a - b).abs() < 1e-4),
                "from far away"
            );
        }
    }

    #[test]
    fn what_speaks_the_wrong_way_has_no_weight() {
        let (x, positive) = sample();
        let weights = weigh(&x, &positive, 1.0).unwrap();
        assert_eq!(weights[2], 0.0, "{weights:?}");
        assert!(weights[0] > 0.5 && weights[1] > 0.5);
        let none = weigh(&x.select(Axis(1), &[2, 3]), &positive, 1.0).unwrap();
        let positives = positive.iter().filter(|one| **one).count() as f64;
        assert_eq!(none[0], 0.0);
        assert!((none[1] - (positives / (4_000.0 - positives)).ln()).abs() < 1e-12);
    }

    #[test]
    fn a_feature_that_stands_twice_shares_its_weight() {
        let (x, positive) = sample();
        let twice = weigh(&x.select(Axis(1), &[0, 0, 3]), &positive, 1e-6).unwrap();
        let once = weigh(&x.select(Axis(1), &[0, 3]), &positive, 1e-6).unwrap();
        assert!((twice[0] + twice[1] - once[0]).abs() < 1e-3, "{twice:?}, {once:?}");
    }

    #[test]
    fn a_stronger_penalty_makes_smaller_weights() {
        let (x, positive) = sample();
        let weak = weigh(&x, &positive, 1.0).unwrap();
        let strong = weigh(&x, &positive, 1_000.0).unwrap();
        assert!(strong[0] < weak[0] && strong[0] > 0.0);
    }
}
