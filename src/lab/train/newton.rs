//! L2 logistic regression without negative weights, by Newton's method: for the many fits that only
//! choose.
//!
//! The loss is that of `linfa-logistic`, so where no weight is zero the two agree. A dozen passes
//! over the rows do where L-BFGS takes hundreds, since weights of evidence are much alike.

use ndarray::{Array1, Array2, Axis};

/// Steps at most: from nothing ten are enough, from close by three.
const STEPS_MAX: usize = 60;
const HALVINGS_MAX: usize = 30;
/// The search ends when a step promises to gain less log-likelihood, in nats over all rows.
const CLOSE: f64 = 1e-5;
/// Of the curvature in a direction: below it the direction is flat, and nothing moves that way.
const FLAT: f64 = 1e-10;

/// Rows to be fitted: evidence by feature, then a one for the intercept.
pub(super) struct Problem<'a> {
    pub evidence: &'a Array2<f64>,
    pub positive: &'a [bool],
    /// Strength of the penalty on the weights; the intercept has none.
    pub l2: f64,
}

/// -log of the chance of what came.
pub(super) fn surprise(log_odds: f64, positive: bool) -> f64 {
    let z = if positive { -log_odds } else { log_odds };
    z.max(0.0) + libm::log1p(libm::exp(-z.abs()))
}

/// Weights, and what they say of the rows.
struct Point {
    weights: Array1<f64>,
    log_odds: Array1<f64>,
    loss: f64,
}

impl Problem<'_> {
    /// The weights of the least loss of all that are not below zero, the intercept last. The
    /// search begins at `start`.
    pub fn fit(&self, start: &[f64]) -> Vec<f64> {
        let mut here = self.at(Array1::from(start.to_vec()));
        for _ in 0..STEPS_MAX {
            let slope = self.slope(&here);
            let direction = self.direction(&here.weights, &slope);
            let promised = -0.5 * direction.dot(&slope.column(direction.len()));
            let Some(next) = self.step(&here, &direction) else { break };
            here = next;
            if promised < CLOSE {
                break;
            }
        }
        here.weights.to_vec()
    }

    fn features(&self) -> usize {
        self.evidence.ncols() - 1
    }

    fn at(&self, weights: Array1<f64>) -> Point {
        let column = weights.view().insert_axis(Axis(1));
        let log_odds = self.evidence.dot(&column).remove_axis(Axis(1));
        let miss: f64 = log_odds.iter().zip(self.positive).map(|(z, y)| surprise(*z, *y)).sum();
        let size: f64 = weights.iter().take(self.features()).map(|weight| weight * weight).sum();
        Point { weights, log_odds, loss: miss + 0.5 * self.l2 * size }
    }

    /// The Hessian of the loss and, as a last column, its gradient: one product of matrices.
    fn slope(&self, here: &Point) -> Array2<f64> {
        let side = self.evidence.ncols();
        let mut weighted = Array2::zeros((self.positive.len(), side + 1));
        let rows = weighted.rows_mut().into_iter().zip(self.evidence.rows());
        for ((mut to, from), (z, y)) in rows.zip(here.log_odds.iter().zip(self.positive)) {
            let chance = 1.0 / (1.0 + libm::exp(-z));
            let weight = chance * (1.0 - chance);
            to.iter_mut().zip(from).for_each(|(to, from)| *to = weight * from);
            to[side] = if *y { chance - 1.0 } else { chance };
        }
        let mut slope = self.evidence.t().dot(&weighted);
        for at in 0..self.features() {
            slope[[at, side]] += self.l2 * here.weights[at];
            slope[[at, at]] += self.l2;
        }
        slope
    }

    /// Newton's direction among the weights that may move: not those at zero that would fall.
    fn direction(&self, weights: &Array1<f64>, slope: &Array2<f64>) -> Array1<f64> {
        let side = weights.len();
        let moves = |at: &usize| {
            let held = *at < self.features() && weights[*at] <= 0.0 && slope[[*at, side]] >= 0.0;
            !held && slope[[*at, *at]] > FLAT
        };
        let free: Vec<usize> = (0..side).filter(moves).collect();
        let mut direction = Array1::zeros(side);
        let right = free.iter().map(|at| -slope[[*at, side]]).collect();
        let part = slope.select(Axis(0), &free).select(Axis(1), &free);
        for (at, value) in free.iter().zip(solve(part, right)) {
            direction[*at] = value;
        }
        direction
    }

    /// As far along as the loss falls, no weight below zero; none when it does not fall.
    fn step(&self, here: &Point, direction: &Array1<f64>) -> Option<Point> {
        let mut length = 1.0;
        for _ in 0..HALVINGS_MAX {
            let mut weights = &here.weights + &(direction * length);
            weights.iter_mut().take(self.features()).for_each(|weight| *weight = weight.max(0.0));
            let next = self.at(weights);
            if next.loss < here.loss {
                return Some(next);
            }
            length *= 0.5;
        }
        None
    }
}

/// Solves a system with a symmetric matrix, by Cholesky's decomposition. A direction that is flat
/// beside those before it gets zero.
fn solve(mut matrix: Array2<f64>, mut right: Vec<f64>) -> Vec<f64> {
    let side = right.len();
    for at in 0..side {
        let before = matrix[[at, at]];
        for row in at..side {
            let done: f64 = (0..at).map(|k| matrix[[row, k]] * matrix[[at, k]]).sum();
            matrix[[row, at]] -= done;
        }
        let pivot = matrix[[at, at]];
        let root = if pivot > FLAT * before { pivot.sqrt() } else { f64::INFINITY };
        for row in at..side {
            matrix[[row, at]] /= root;
        }
        let done: f64 = (0..at).map(|k| matrix[[at, k]] * right[k]).sum();
        right[at] = (right[at] - done) / root;
        matrix[[at, at]] = root;
    }
    for at in (0..side).rev() {
        let done: f64 = (at + 1..side).map(|k| matrix[[k, at]] * right[k]).sum();
        right[at] = (right[at] - done) / matrix[[at, at]];
    }
    right
}
