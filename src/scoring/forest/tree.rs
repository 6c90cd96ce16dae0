//! Trees laid out for serving: from the stored parts to nodes in preorder.

use super::artifact::{Artifact, Missing, TreeParts};
use super::monotone::sides;

/// 16 bytes; the two children of a split stand side by side, so that the next place is a sum and
/// not a branch that a processor could guess wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Node {
    /// What is greater goes right; nothing is, at a leaf.
    pub cut: f64,
    /// Place of the left child, before the right one; of a leaf its own, so that it is never left.
    pub child: u32,
    pub feature: u16,
    /// Where a missing value goes.
    pub missing_right: bool,
    pub is_leaf: bool,
}

impl Node {
    fn leaf(at: usize) -> Node {
        let (cut, child) = (f64::INFINITY, at as u32);
        Node { cut, child, feature: 0, missing_right: false, is_leaf: true }
    }

    /// Where a row goes that has a number for every input.
    pub fn next_of_complete(&self, row: &[f64]) -> usize {
        self.child as usize + usize::from(row[usize::from(self.feature)] > self.cut)
    }

    /// Where a row goes that lacks some.
    pub fn next(&self, row: &[f64]) -> usize {
        let right = match row.get(usize::from(self.feature)) {
            Some(value) if !value.is_nan() => *value > self.cut,
            _ => self.missing_right,
        };
        self.child as usize + usize::from(right)
    }
}

/// The layout of one forest while it is made.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub nodes: Vec<Node>,
    pub roots: Vec<u32>,
    /// Mean chance at every node; of a leaf its chance.
    pub means: Vec<f64>,
}

/// A node as it is stored, with what is below it.
#[derive(Clone, Copy, Debug)]
struct Stored {
    /// The split's input and cut; none of a leaf.
    split: Option<(u16, f64)>,
    /// Place of the right child in preorder; the left one follows its parent.
    right: usize,
    /// Training rows, and the sum of their leaves' chances.
    rows: f64,
    sum: f64,
    /// Its own, exactly: no division of a product.
    chance: f64,
}

impl Stored {
    fn mean(&self) -> f64 {
        if self.split.is_some() { self.sum / self.rows } else { self.chance }
    }
}

impl Layout {
    pub fn of(artifact: &Artifact) -> Result<Layout, &'static str> {
        let mut layout = Layout::default();
        for tree in &artifact.trees {
            let mut stored = stored(artifact, tree)?;
            if artifact.inputs.iter().any(|input| input.monotone.is_some()) {
                keep_order(artifact, &mut stored);
            }
            add_up(&mut stored);
            layout.add(artifact, &stored);
        }
        Ok(layout)
    }

    /// Pairs of children, what follows the side with more rows first: most rows find it near.
    fn add(&mut self, artifact: &Artifact, tree: &[Stored]) {
        let root = self.nodes.len();
        self.roots.push(root as u32);
        self.push(tree[0].mean());
        // Places in preorder and here, of nodes whose children are not yet placed.
        let mut waiting = vec![(0, root)];
        while let Some((from, at)) = waiting.pop() {
            let node = tree[from];
            let Some((feature, cut)) = node.split else { continue };
            let child = self.nodes.len();
            let (left, right) = (&tree[from + 1], &tree[node.right]);
            self.push(left.mean());
            self.push(right.mean());
            let missing_right = match artifact.inputs[usize::from(feature)].missing {
                Missing::Lowest => false,
                Missing::Majority => left.rows < right.rows,
            };
            let is_leaf = false;
            self.nodes[at] = Node { cut, child: child as u32, feature, missing_right, is_leaf };
            let sides = [(from + 1, child), (node.right, child + 1)];
            let order = if left.rows < right.rows { [0, 1] } else { [1, 0] };
            waiting.extend(order.map(|side| sides[side]));
        }
    }

    fn push(&mut self, mean: f64) {
        self.nodes.push(Node::leaf(self.nodes.len()));
        self.means.push(mean);
    }
}

/// The tree with the right children's places. Preorder admits no cycle: each node is somebody's
/// child exactly once.
fn stored(artifact: &Artifact, tree: &TreeParts) -> Result<Vec<Stored>, &'static str> {
    let (mut cuts, mut counts) = (tree.cut.iter(), tree.rows.iter().zip(&tree.positives));
    let mut nodes: Vec<Stored> = Vec::with_capacity(tree.feature.len());
    // Splits that still wait for their right child.
    let mut open: Vec<usize> = Vec::new();
    let mut after_leaf = false;
    for (at, feature) in tree.feature.iter().enumerate() {
        if after_leaf {
            let parent = open.pop().ok_or("nodes beyond the end of a tree")?;
            nodes[parent].right = at;
        }
        after_leaf = *feature < 0;
        if after_leaf {
            let (rows, positives) = counts.next().ok_or("fewer counts than leaves")?;
            let (chance, rows) = (artifact.chance(*rows, *positives), f64::from(*rows));
            nodes.push(Stored { split: None, right: 0, rows, sum: 0.0, chance });
            continue;
        }
        let cut = *cuts.next().ok_or("fewer cuts than splits")?;
        let feature = u16::try_from(*feature).map_err(|_| "a feature out of range")?;
        if usize::from(feature) >= artifact.inputs.len() {
            return Err("a feature out of range");
        }
        open.push(at);
        let split = Some((feature, cut));
        nodes.push(Stored { split, right: 0, rows: 0.0, sum: 0.0, chance: 0.0 });
    }
    if !open.is_empty() || nodes.is_empty() {
        return Err("a tree that does not end");
    }
    if cuts.next().is_some() || counts.next().is_some() {
        return Err("cuts or counts beyond those of the tree");
    }
    Ok(nodes)
}

/// Rows of a node are the sums of its leaves', its mean that of their chances, weighed by rows.
fn add_up(tree: &mut [Stored]) {
    // From the end, children come before their parents.
    for at in (0..tree.len()).rev() {
        let node = tree[at];
        (tree[at].rows, tree[at].sum) = match node.split {
            None => (node.rows, node.rows * node.chance),
            Some(_) => {
                let (left, right) = (tree[at + 1], tree[node.right]);
                (left.rows + right.rows, left.sum + right.sum)
            }
        };
    }
}

/// Cuts the chances of leaves to what monotone inputs ask for.
fn keep_order(artifact: &Artifact, tree: &mut [Stored]) {
    add_up(tree);
    let mut bounds = vec![(0.0, 1.0); tree.len()];
    for at in 0..tree.len() {
        let (node, within) = (tree[at], bounds[at]);
        let Some((input, _)) = node.split else {
            tree[at].chance = node.chance.clamp(within.0, within.1);
            continue;
        };
        // Neither side was reached yet, so their means are those before any cut.
        let means = [tree[at + 1].mean(), tree[node.right].mean()];
        let direction = artifact.inputs[usize::from(input)].monotone;
        let parts = direction.map(|direction| sides(direction, within, node.mean(), means));
        [bounds[at + 1], bounds[node.right]] = parts.unwrap_or([within; 2]);
    }
}
