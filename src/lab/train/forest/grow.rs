//! One tree: fitted by `linfa-trees` on its sample, then counted on all training rows.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_trees::{DecisionTree, TreeNode};
use ndarray::{Array1, Array2};

use super::coded::Coded;
use super::draws::Draws;
use super::outcome::Outcome;
use super::{Growth, Rows};
use crate::lab::train::Error;
use crate::scoring::forest::TreeParts;

/// Fall in Gini impurity that a split must bring: more than rounding in 32 bits makes of none.
const GAIN_MIN: f64 = 1e-6;
const LEAF: i32 = -1;

/// A tree on ranks, in preorder.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tree {
    pub nodes: Vec<RankNode>,
    /// Of the training rows, by their place: whether the tree was grown on it.
    pub in_bag: Vec<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RankNode {
    /// -1 for a leaf.
    pub feature: i32,
    /// Ranks up to this go left.
    pub rank: u32,
    pub right: u32,
    /// Of a leaf.
    pub rows: u32,
    pub positives: u32,
}

impl Tree {
    /// The tree with a number: its rows and features are drawn by the seed and the number alone.
    pub fn grow(rows: Rows<'_>, growth: &Growth, seed: u64, number: u64) -> Result<Tree, Error> {
        let mut draws = Draws::new(seed, number);
        let all: Vec<usize> = (0..rows.columns.len()).collect();
        let share = (growth.features_share * all.len() as f64).ceil() as usize;
        let features = draws.some(&all, share.max(1));
        let bag = sample(&mut draws, rows.positive, growth);
        let records = Array2::from_shape_fn((bag.len(), features.len()), |(row, feature)| {
            f64::from(rows.columns[features[feature]].ranks[bag[row] as usize])
        });
        let targets: Array1<Outcome> =
            bag.iter().map(|row| Outcome::new(rows.positive[*row as usize])).collect();
        let fitted = DecisionTree::params()
            .max_depth(Some(growth.depth))
            .min_weight_split(2.0 * growth.min_leaf as f32)
            .min_weight_leaf(growth.min_leaf as f32)
            .min_impurity_decrease(GAIN_MIN)
            .fit(&DatasetBase::new(records, targets))
            .map_err(|failure| Error::Fit(format!("linfa-trees: {failure}")))?;
        let mut in_bag = vec![false; rows.positive.len()];
        bag.iter().for_each(|row| in_bag[*row as usize] = true);
        let mut tree = Tree { nodes: flat(fitted.root_node(), &features), in_bag };
        tree.count(rows);
        Ok(tree)
    }

    /// Place of the leaf where a training row ends.
    pub fn leaf(&self, columns: &[Coded], row: usize) -> usize {
        let mut at = 0;
        loop {
            let node = &self.nodes[at];
            if node.feature == LEAF {
                return at;
            }
            let left = columns[node.feature as usize].ranks[row] <= node.rank;
            at = if left { at + 1 } else { node.right as usize };
        }
    }

    fn count(&mut self, rows: Rows<'_>) {
        for (row, positive) in rows.positive.iter().enumerate() {
            let leaf = self.leaf(rows.columns, row);
            self.nodes[leaf].rows += 1;
            self.nodes[leaf].positives += u32::from(*positive);
        }
    }

    pub fn parts(&self, columns: &[Coded]) -> TreeParts {
        let mut parts = TreeParts::default();
        for node in &self.nodes {
            parts.feature.push(node.feature);
            match node.feature {
                LEAF => {
                    parts.rows.push(node.rows);
                    parts.positives.push(node.positives);
                }
                feature => parts.cut.push(columns[feature as usize].cut(node.rank)),
            }
        }
        parts
    }
}

/// Rows of both classes, each at most once: a share of the positives and so many times as many
/// negatives, of which a share stays out as well.
fn sample(draws: &mut Draws, positive: &[bool], growth: &Growth) -> Vec<u32> {
    let of = |class: bool| -> Vec<u32> {
        let rows = positive.iter().enumerate().filter(|(_, one)| **one == class);
        rows.map(|(row, _)| row as u32).collect()
    };
    let (positives, negatives) = (of(true), of(false));
    let part = |rows: usize| ((growth.bag_share * rows as f64).round() as usize).max(1);
    let wanted = part(positives.len());
    let others = (growth.negatives_per_positive * wanted as f64).round() as usize;
    let mut bag = draws.some(&positives, wanted);
    bag.extend(draws.some(&negatives, others.clamp(1, part(negatives.len()))));
    bag.sort_unstable();
    bag
}

/// The fitted tree in preorder. Its features are places in `features`.
fn flat(root: &TreeNode<f64, Outcome>, features: &[usize]) -> Vec<RankNode> {
    let mut nodes: Vec<RankNode> = Vec::new();
    // What is to come, with the parent whose right child it is.
    let mut waiting: Vec<(&TreeNode<f64, Outcome>, Option<usize>)> = vec![(root, None)];
    while let Some((node, parent)) = waiting.pop() {
        let at = nodes.len();
        if let Some(parent) = parent {
            nodes[parent].right = at as u32;
        }
        match node.children().as_slice() {
            [Some(left), Some(right)] if !node.is_leaf() => {
                let (feature, split, _) = node.split();
                let (feature, rank) = (features[feature] as i32, split as u32);
                nodes.push(RankNode { feature, rank, ..RankNode::default() });
                waiting.push((right, Some(at)));
                waiting.push((left, None));
            }
            _ => nodes.push(RankNode { feature: LEAF, ..RankNode::default() }),
        }
    }
    nodes
}
