//! The forest: many trees, each with a chance at every leaf; their mean, calibrated, is the chance.
//!
//! A row goes left when its value is at most the cut. Every node has a mean chance, so that the way
//! from root to leaf is a sum of steps, each owed to the feature that was asked: the base plus all
//! contributions is the raw score. Scoring does not allocate.

mod artifact;
mod calibration;
mod monotone;
mod tree;
#[cfg(test)]
mod tests;

use crate::scoring::Value;

pub use artifact::{
    Artifact, Direction, FORMAT_VERSION, Figures, ForestError, INPUTS_MAX, Input, Kind, Missing,
    Target, Training, TreeParts,
};
pub use calibration::Calibration;
pub use monotone::sides;
use tree::Node;

/// Trees that are walked together: while one waits for memory, the others go on.
const ABREAST: usize = 10;
/// Steps of each before it is asked whether all have reached a leaf.
const LEVELS: usize = 2;

/// A forest that passed every check and is laid out for serving; see [`Forest::parse`].
#[derive(Clone, Debug, PartialEq)]
pub struct Forest {
    artifact: Artifact,
    /// All trees, one after the other.
    nodes: Vec<Node>,
    roots: Vec<u32>,
    /// Mean chance at every node.
    means: Vec<f64>,
    /// Mean of the roots: what is said of a row of which nothing is known.
    base: f64,
}

/// Where a walk of so many trees begins; places that no tree needs repeat the first.
fn places(roots: &[u32]) -> [usize; ABREAST] {
    std::array::from_fn(|place| roots[if place < roots.len() { place } else { 0 }] as usize)
}

impl Forest {
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    pub fn inputs(&self) -> &[Input] {
        &self.artifact.inputs
    }

    /// Raw score of a row about which nothing was asked yet.
    pub fn base(&self) -> f64 {
        self.base
    }

    /// Where each input is found, by its name; refuses the forest when one is not.
    pub fn bind(&self, place: impl Fn(&str) -> Option<usize>) -> Result<Vec<usize>, ForestError> {
        let unknown = |name: &String| ForestError::Unknown { feature: name.clone() };
        let one = |input: &Input| place(&input.name).ok_or_else(|| unknown(&input.name));
        self.inputs().iter().map(one).collect()
    }

    /// The number that stands for `value` of the input at `index`; NaN when it is missing, is of
    /// the other kind, or is a category that training never saw.
    pub fn encode(&self, index: usize, value: Value<'_>) -> f64 {
        let Some(input) = self.artifact.inputs.get(index) else { return f64::NAN };
        match (&input.categories, value) {
            (None, Value::Number(number)) => number,
            (Some(names), Value::Text(text)) => {
                let place = names.iter().position(|name| name == text);
                place.map_or(f64::NAN, |place| place as f64)
            }
            _ => f64::NAN,
        }
    }

    /// Mean chance over the trees, not calibrated. `row` has a number for every input, in their
    /// order; NaN is missing, and so is what lies beyond the end of `row`.
    pub fn raw(&self, row: &[f64]) -> f64 {
        let sum = if self.complete(row) {
            self.sum(|node| node.next_of_complete(row))
        } else {
            self.sum(|node| node.next(row))
        };
        sum / self.roots.len() as f64
    }

    fn complete(&self, row: &[f64]) -> bool {
        row.len() >= self.artifact.inputs.len() && !row.iter().any(|value| value.is_nan())
    }

    /// Sum of the leaves' chances, tree by tree in their order.
    fn sum(&self, next: impl Fn(&Node) -> usize) -> f64 {
        let mut sum = 0.0;
        for roots in self.roots.chunks(ABREAST) {
            let mut at = places(roots);
            loop {
                let before = at;
                for _ in 0..LEVELS {
                    for at in &mut at {
                        *at = next(&self.nodes[*at]);
                    }
                }
                // Whoever is at a leaf stays there.
                if at == before {
                    break;
                }
            }
            sum += at[..roots.len()].iter().map(|at| self.means[*at]).sum::<f64>();
        }
        sum
    }

    /// The chance of the positive class.
    pub fn probability(&self, row: &[f64]) -> f64 {
        self.calibrated(self.raw(row))
    }

    /// The chance of the positive class at a raw score.
    pub fn calibrated(&self, raw: f64) -> f64 {
        self.artifact.calibration.chance(raw)
    }

    /// Writes each input's part in the raw score to `into`, which is as long as the inputs, and
    /// gives the raw score: [`base`](Forest::base) plus all that was written, but for rounding.
    pub fn contributions(&self, row: &[f64], into: &mut [f64]) -> f64 {
        into.fill(0.0);
        let sum = if self.complete(row) {
            self.steps(|node| node.next_of_complete(row), into)
        } else {
            self.steps(|node| node.next(row), into)
        };
        let trees = self.roots.len() as f64;
        for part in into {
            *part /= trees;
        }
        sum / trees
    }

    /// As [`sum`](Forest::sum), and adds the change of the mean chance at every step to the part
    /// of the input that was asked. At a leaf nothing changes.
    fn steps(&self, next: impl Fn(&Node) -> usize, parts: &mut [f64]) -> f64 {
        let mut sum = 0.0;
        for roots in self.roots.chunks(ABREAST) {
            let mut at = places(roots);
            let mut means = at.map(|at| self.means[at]);
            loop {
                let before = at;
                for (at, mean) in at.iter_mut().zip(&mut means).take(roots.len()) {
                    let node = &self.nodes[*at];
                    *at = next(node);
                    let there = self.means[*at];
                    if let Some(part) = parts.get_mut(usize::from(node.feature)) {
                        *part += there - *mean;
                    }
                    *mean = there;
                }
                if at == before {
                    break;
                }
            }
            sum += means[..roots.len()].iter().sum::<f64>();
        }
        sum
    }
}
