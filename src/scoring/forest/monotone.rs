//! Trees that never fall, or never rise, with an input: what the chances of a node's sides may be.
//!
//! Bounds go down from the root. At a split on a monotone input the two sides part at the middle of
//! their mean chances, the lower half for the side that must be lower; when they are the wrong way
//! round, at the mean of both. Every leaf's chance is then cut to its bounds. Raising the input
//! moves a row only from a side that lies below such a middle to one that lies above it, so the
//! tree is monotone, and so is a mean of trees. A missing value that training knew stands below
//! every number, so it is the least there is.

use super::artifact::Direction;

/// Least and greatest chance of a split's left and right side: `within` are the split's own,
/// `here` its mean chance and `means` those of its sides.
pub fn sides(
    direction: Direction,
    within: (f64, f64),
    here: f64,
    means: [f64; 2],
) -> [(f64, f64); 2] {
    let (low, high) = within;
    let [left, right] = means.map(|mean| mean.clamp(low, high));
    let in_order = match direction {
        Direction::Increasing => left <= right,
        Direction::Decreasing => left >= right,
    };
    let middle = if in_order { left / 2.0 + right / 2.0 } else { here.clamp(low, high) };
    match direction {
        Direction::Increasing => [(low, middle), (middle, high)],
        Direction::Decreasing => [(middle, high), (low, middle)],
    }
}
