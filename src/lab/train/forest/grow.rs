//! One tree: grown on its sample, every node on features of its own, then counted on all rows.

use super::coded::Coded;
use super::draws::Draws;
use super::stump::{Cut, cut};
use super::{Growth, Rows};
use crate::lab::train::Error;
use crate::scoring::forest::{Direction, TreeParts};

pub(super) const LEAF: i32 = -1;

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

/// What is to become a node.
struct Part {
    rows: Vec<u32>,
    depth: usize,
    /// Whose right child it is; a left child follows its parent.
    right_of: Option<usize>,
}

/// A tree while it grows.
struct Grower<'a> {
    rows: Rows<'a>,
    growth: &'a Growth,
    min_leaf: usize,
    draws: Draws,
    /// Ranks and classes of a part's rows, by one feature.
    sorted: Vec<(u32, bool)>,
}

impl Tree {
    /// The tree with a number: its rows and features are drawn by the seed and the number alone.
    pub fn grow(rows: Rows<'_>, growth: &Growth, seed: u64, number: u64) -> Result<Tree, Error> {
        let mut draws = Draws::new(seed, number);
        let bag = sample(&mut draws, rows.positive, growth);
        let mut in_bag = vec![false; rows.positive.len()];
        bag.iter().for_each(|row| in_bag[*row as usize] = true);
        let (min_leaf, sorted) = (growth.min_leaf.unwrap_or(1), Vec::with_capacity(bag.len()));
        let grower = Grower { rows, growth, min_leaf, draws, sorted };
        let mut tree = Tree { nodes: grower.nodes(bag)?, in_bag };
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

impl Grower<'_> {
    /// All nodes in preorder.
    fn nodes(mut self, bag: Vec<u32>) -> Result<Vec<RankNode>, Error> {
        let mut nodes: Vec<RankNode> = Vec::new();
        let mut waiting = vec![Part { rows: bag, depth: 0, right_of: None }];
        while let Some(part) = waiting.pop() {
            let at = nodes.len();
            if let Some(parent) = part.right_of {
                nodes[parent].right = at as u32;
            }
            let Some((feature, Cut { rank, .. })) = self.split(&part)? else {
                nodes.push(RankNode { feature: LEAF, ..RankNode::default() });
                continue;
            };
            nodes.push(RankNode { feature: feature as i32, rank, ..RankNode::default() });
            let ranks = &self.rows.columns[feature].ranks;
            let (left, right) = part.rows.iter().partition(|row| ranks[**row as usize] <= rank);
            let depth = part.depth + 1;
            waiting.push(Part { rows: right, depth, right_of: Some(at) });
            waiting.push(Part { rows: left, depth, right_of: None });
        }
        Ok(nodes)
    }

    /// The best cut among some features that are drawn for this node; one that is the same in all
    /// of its rows does not count.
    fn split(&mut self, part: &Part) -> Result<Option<(usize, Cut)>, Error> {
        let positives = part.rows.iter().filter(|row| self.rows.positive[**row as usize]).count();
        let pure = positives == 0 || positives == part.rows.len();
        if pure || part.depth >= self.growth.depth {
            return Ok(None);
        }
        let features = self.rows.columns.len();
        let mut wanted = (self.growth.features_share * features as f64).ceil() as usize;
        let mut best: Option<(usize, Cut)> = None;
        for feature in self.draws.order(features) {
            if wanted == 0 {
                break;
            }
            self.sort(feature, &part.rows);
            if self.sorted.first().map(|one| one.0) == self.sorted.last().map(|one| one.0) {
                continue;
            }
            wanted -= 1;
            let found = cut(&self.sorted, self.min_leaf)?;
            // Cuts against the order of a monotone input would only be taken back later.
            let kept = |found: &Cut| match self.rows.columns[feature].monotone {
                Some(Direction::Increasing) => found.rises,
                Some(Direction::Decreasing) => !found.rises,
                None => true,
            };
            let better = |found: &Cut| best.is_none_or(|(_, best)| found.gain > best.gain);
            if let Some(found) = found.filter(kept).filter(better) {
                best = Some((feature, found));
            }
        }
        Ok(best)
    }

    fn sort(&mut self, feature: usize, rows: &[u32]) {
        let ranks = &self.rows.columns[feature].ranks;
        let positive = self.rows.positive;
        self.sorted.clear();
        let keys = rows.iter().map(|row| (ranks[*row as usize], positive[*row as usize]));
        self.sorted.extend(keys);
        self.sorted.sort_unstable();
    }
}
