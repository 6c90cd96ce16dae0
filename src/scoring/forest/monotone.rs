//! Trees that never fall, or never rise, with an input: what the chances of a node may be.
//!
//! Bounds go down from the root. At a split on a monotone input the two sides part at the middle of
//! their mean chances, the lower half for the side that must be lower; when they are the wrong way
//! round, at the mean of both. Every leaf's chance is then cut to its bounds. Raising the input
//! moves a row only from a side that lies below such a middle to one that lies above it, so the
//! tree is monotone, and so is a mean of trees. A missing value has no place in the order.

use super::artifact::Direction;

/// A node of a tree in preorder: the left child of a split follows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Of a split: the order that its input asks for.
    pub direction: Option<Direction>,
    /// Place of the right child; none of a leaf.
    pub right: Option<usize>,
    /// Mean chance of its training rows.
    pub mean: f64,
}

/// Least and greatest chance of every node.
pub fn bounds(tree: &[Shape]) -> Vec<(f64, f64)> {
    let mut bounds = vec![(0.0, 1.0); tree.len()];
    for (at, node) in tree.iter().enumerate() {
        let Some(right) = node.right else { continue };
        let (low, high) = bounds[at];
        let sides = node.direction.map(|direction| {
            let cut = |place: usize| tree[place].mean.clamp(low, high);
            let (first, second) = (cut(at + 1), cut(right));
            let in_order = match direction {
                Direction::Increasing => first <= second,
                Direction::Decreasing => first >= second,
            };
            let middle = if in_order { first / 2.0 + second / 2.0 } else { cut(at) };
            match direction {
                Direction::Increasing => ((low, middle), (middle, high)),
                Direction::Decreasing => ((middle, high), (low, middle)),
            }
        });
        (bounds[at + 1], bounds[right]) = sides.unwrap_or(((low, high), (low, high)));
    }
    bounds
}
