//! Many trees, and what they say of rows that they were not grown on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::grow::Tree;
use super::judge::Judge;
use super::{Growth, Rows};
use crate::lab::train::Error;

/// Trees in the order of their numbers.
pub(super) struct Bag {
    pub trees: Vec<Tree>,
}

impl Bag {
    /// Grows the trees on so many threads; the trees are the same with any number of them.
    pub fn grow(rows: Rows<'_>, growth: &Growth, seed: u64, threads: usize) -> Result<Bag, Error> {
        let next = AtomicUsize::new(0);
        let mut trees: Vec<Option<Tree>> = (0..growth.trees).map(|_| None).collect();
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            for _ in 0..threads.clamp(1, growth.trees) {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= growth.trees {
                            return;
                        }
                        let tree = Tree::grow(rows, growth, seed, number as u64);
                        // The other side stops listening after the first failure.
                        if sender.send((number, tree)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            for (number, tree) in receiver {
                trees[number] = Some(tree?);
            }
            Ok::<(), Error>(())
        })?;
        let grown: Vec<Tree> = trees.into_iter().flatten().collect();
        if grown.len() < growth.trees {
            return Err(Error::Fit("a tree was not grown".to_owned()));
        }
        Ok(Bag { trees: grown })
    }

    /// Of each row, the mean chance over the trees that were not grown on it, as if they had not
    /// counted it: so as a new row would be judged. NaN when every tree knows the row.
    pub fn out_of_bag(&self, rows: Rows<'_>, smoothing: f64) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); rows.positive.len()];
        for tree in &self.trees {
            let judge = Judge::new(tree, rows, smoothing);
            for (row, (sum, trees)) in sums.iter_mut().enumerate() {
                if !tree.in_bag[row] {
                    *sum += judge.chance(row);
                    *trees += 1.0;
                }
            }
        }
        sums.into_iter().map(|(sum, trees)| sum / trees).collect()
    }
}
