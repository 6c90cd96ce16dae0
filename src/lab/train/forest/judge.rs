//! What a tree says of a training row that it was not grown on, as if it had not counted it.

use super::Rows;
use super::grow::{LEAF, Tree};
use crate::scoring::forest::sides;

pub(super) struct Judge<'a> {
    tree: &'a Tree,
    rows: Rows<'a>,
    smoothing: f64,
    /// `smoothing` rows' worth of positives.
    prior: f64,
    /// Rows of every node and the sum of their chances; empty where no input is monotone.
    covers: Vec<(f64, f64)>,
}

impl<'a> Judge<'a> {
    pub fn new(tree: &'a Tree, rows: Rows<'a>, smoothing: f64) -> Judge<'a> {
        let prior = smoothing * rows.prior();
        let mut covers = Vec::new();
        if rows.columns.iter().any(|column| column.monotone.is_some()) {
            covers.resize(tree.nodes.len(), (0.0, 0.0));
            // From the end, children come before their parents.
            for (at, node) in tree.nodes.iter().enumerate().rev() {
                covers[at] = if node.feature == LEAF {
                    let rows = f64::from(node.rows);
                    (rows, rows * (f64::from(node.positives) + prior) / (rows + smoothing))
                } else {
                    let (left, right): ((f64, f64), _) =
                        (covers[at + 1], covers[node.right as usize]);
                    (left.0 + right.0, left.1 + right.1)
                };
            }
        }
        Judge { tree, rows, smoothing, prior, covers }
    }

    /// Chance at the row's leaf, whose counts are taken without it. Where inputs are monotone, it
    /// is cut as serving would cut it, by means that are taken without the row as well: else its
    /// own class would show in them, and the more so the smaller the leaf.
    pub fn chance(&self, row: usize) -> f64 {
        let at = self.tree.leaf(self.rows.columns, row);
        let leaf = &self.tree.nodes[at];
        let own = f64::from(u8::from(self.rows.positive[row]));
        let positives = f64::from(leaf.positives) - own + self.prior;
        let chance = positives / (f64::from(leaf.rows) - 1.0 + self.smoothing);
        if self.covers.is_empty() {
            return chance;
        }
        let (low, high) = self.bounds(row, at, chance);
        chance.clamp(low, high)
    }

    /// Bounds of the leaf on a way where every node has the row less.
    fn bounds(&self, row: usize, leaf: usize, chance: f64) -> (f64, f64) {
        let (rows, sum) = self.covers[leaf];
        let lost = sum - (rows - 1.0) * chance;
        let mean = |at: usize| self.covers[at].1 / self.covers[at].0;
        let without = |at: usize| match self.covers[at] {
            (rows, sum) if rows > 1.0 => (sum - lost) / (rows - 1.0),
            _ => chance,
        };
        let (mut at, mut within) = (0, (0.0, 1.0));
        while at != leaf {
            let node = &self.tree.nodes[at];
            let column = &self.rows.columns[node.feature as usize];
            let (left, right) = (at + 1, node.right as usize);
            let goes_left = column.ranks[row] <= node.rank;
            let parts = column.monotone.map_or([within; 2], |direction| {
                let means = match goes_left {
                    true => [without(left), mean(right)],
                    false => [mean(left), without(right)],
                };
                sides(direction, within, without(at), means)
            });
            (at, within) = if goes_left { (left, parts[0]) } else { (right, parts[1]) };
        }
        within
    }
}
