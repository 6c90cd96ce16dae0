//! Trees laid out for serving: from the stored parts to nodes in preorder.

use super::artifact::{Artifact, Missing, TreeParts};
use super::monotone::{Shape, bounds};

/// 16 bytes, four to a cache line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Node {
    /// Of a leaf: its chance.
    pub cut: f64,
    /// Place of the right child; of a leaf its own, so that going on from there stays there.
    pub right: u32,
    pub feature: u16,
    /// How far the left child is: 1, and 0 for a leaf.
    pub step: u8,
    /// Where a missing value goes.
    pub missing_left: bool,
}

impl Node {
    pub fn is_leaf(&self) -> bool {
        self.step == 0
    }

    pub fn left(&self, row: &[f64]) -> bool {
        match row.get(usize::from(self.feature)) {
            Some(value) if !value.is_nan() => *value <= self.cut,
            _ => self.missing_left,
        }
    }
}

/// The layout of one forest while it is made.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub nodes: Vec<Node>,
    pub roots: Vec<u32>,
    pub means: Vec<f64>,
}

/// A node whose children are not all there yet.
struct Open {
    at: usize,
    has_left: bool,
}

impl Layout {
    pub fn of(artifact: &Artifact) -> Result<Layout, &'static str> {
        let mut layout = Layout::default();
        for tree in &artifact.trees {
            layout.roots.push(layout.nodes.len() as u32);
            layout.add(artifact, tree)?;
        }
        Ok(layout)
    }

    /// Rows and positives of a node are the sums of its leaves', its mean that of their chances,
    /// weighed by rows. Preorder admits no cycle: each node is somebody's child exactly once.
    fn add(&mut self, artifact: &Artifact, tree: &TreeParts) -> Result<(), &'static str> {
        let (mut cuts, mut counts) = (tree.cut.iter(), tree.rows.iter().zip(&tree.positives));
        let mut open: Vec<Open> = Vec::new();
        let first = self.nodes.len();
        // Rows at each node, and the sum of their leaves' chances.
        let mut covers: Vec<(f64, f64)> = Vec::with_capacity(tree.feature.len());
        for (place, feature) in tree.feature.iter().enumerate() {
            let at = self.nodes.len();
            if place > 0 {
                match open.last_mut() {
                    Some(parent) if !parent.has_left => parent.has_left = true,
                    Some(parent) => self.nodes[parent.at].right = at as u32,
                    None => return Err("nodes beyond the end of a tree"),
                }
            }
            if *feature >= 0 {
                let cut = *cuts.next().ok_or("fewer cuts than splits")?;
                let feature = u16::try_from(*feature).map_err(|_| "a feature out of range")?;
                if usize::from(feature) >= artifact.inputs.len() {
                    return Err("a feature out of range");
                }
                self.nodes.push(Node { cut, right: 0, feature, step: 1, missing_left: true });
                covers.push((0.0, 0.0));
                open.push(Open { at, has_left: false });
                continue;
            }
            let (rows, positives) = counts.next().ok_or("fewer counts than leaves")?;
            let chance = artifact.chance(*rows, *positives);
            self.nodes.push(Node {
                cut: chance,
                right: at as u32,
                feature: 0,
                step: 0,
                missing_left: true,
            });
            let rows = f64::from(*rows);
            covers.push((rows, rows * chance));
            while open.last().is_some_and(|one| one.has_left && self.nodes[one.at].right != 0) {
                if let Some(done) = open.pop() {
                    self.close(artifact, (done.at, first), &mut covers);
                }
            }
        }
        if !open.is_empty() || first == self.nodes.len() {
            return Err("a tree that does not end");
        }
        if cuts.next().is_some() || counts.next().is_some() {
            return Err("cuts or counts beyond those of the tree");
        }
        if artifact.inputs.iter().any(|input| input.monotone.is_some()) {
            self.keep_order(artifact, first, &mut covers);
        }
        let mean = |((rows, sum), node): (&(f64, f64), &Node)| match node.is_leaf() {
            // Its own, exactly: no division of a product.
            true => node.cut,
            false => sum / rows,
        };
        self.means.extend(covers.iter().zip(&self.nodes[first..]).map(mean));
        Ok(())
    }

    /// Cuts the leaves of the tree from `first` on, and takes the means of all nodes from them.
    fn keep_order(&mut self, artifact: &Artifact, first: usize, covers: &mut [(f64, f64)]) {
        let nodes = &mut self.nodes[first..];
        let shape = |(node, (rows, sum)): (&Node, &(f64, f64))| Shape {
            direction: artifact.inputs[usize::from(node.feature)].monotone,
            right: (!node.is_leaf()).then(|| node.right as usize - first),
            mean: sum / rows,
        };
        let shapes: Vec<Shape> = nodes.iter().zip(covers.iter()).map(shape).collect();
        let bounds = bounds(&shapes);
        // From the end, children come before their parents.
        for at in (0..nodes.len()).rev() {
            let node = &mut nodes[at];
            covers[at].1 = if node.is_leaf() {
                node.cut = node.cut.clamp(bounds[at].0, bounds[at].1);
                covers[at].0 * node.cut
            } else {
                covers[at + 1].1 + covers[node.right as usize - first].1
            };
        }
    }

    /// Both children of a node are complete.
    fn close(
        &mut self,
        artifact: &Artifact,
        (at, first): (usize, usize),
        covers: &mut [(f64, f64)],
    ) {
        let (left, right) = (covers[at + 1 - first], covers[self.nodes[at].right as usize - first]);
        covers[at - first] = (left.0 + right.0, left.1 + right.1);
        let node = &mut self.nodes[at];
        node.missing_left = match artifact.inputs[usize::from(node.feature)].missing {
            Missing::Lowest => true,
            Missing::Majority => left.0 >= right.0,
        };
    }
}
