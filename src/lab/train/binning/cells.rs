//! Counts of rows, and the fine cells that numbers are first put in.

use super::partition::{Partition, Rules, partitions};
use super::{Fine, Rows};

/// As many cells by rows, and as many by positive rows.
const CELLS: usize = 50;

/// How many rows, and how many of them are positive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub rows: u32,
    pub positives: u32,
}

impl Cell {
    pub fn add(&mut self, positive: bool) {
        self.rows += 1;
        self.positives += u32::from(positive);
    }

    pub fn plus(self, other: Cell) -> Cell {
        Cell { rows: self.rows + other.rows, positives: self.positives + other.positives }
    }

    pub fn negatives(&self) -> u32 {
        self.rows - self.positives
    }

    /// Share of positive rows; 0 when there are none at all.
    pub fn rate(&self) -> f64 {
        f64::from(self.positives) / f64::from(self.rows.max(1))
    }

    /// Log-likelihood of the rows at their own rate.
    pub fn likelihood(&self) -> f64 {
        let part = |count: u32| match count {
            0 => 0.0,
            count => f64::from(count) * libm::log(f64::from(count) / f64::from(self.rows)),
        };
        part(self.positives) + part(self.negatives())
    }

    /// Log odds beyond those of `total`, shrunk towards it by `smoothing` average rows.
    pub fn evidence(&self, total: Cell, smoothing: f64) -> f64 {
        if self.rows == 0 || total.positives == 0 || total.negatives() == 0 {
            return 0.0;
        }
        let rate = total.rate();
        let positives = f64::from(self.positives) + smoothing * rate;
        let negatives = f64::from(self.negatives()) + smoothing * (1.0 - rate);
        libm::log(positives / negatives) - libm::log(rate / (1.0 - rate))
    }
}

/// Quantile cells of numbers, and their best partitions.
pub(super) fn numbers(
    numbers: &[f64],
    codes: &[f64],
    rows: Rows<'_>,
    rules: &Rules,
) -> (Fine, Vec<Partition>) {
    let mut values: Vec<(f64, bool)> = rows
        .places
        .iter()
        .map(|place| (numbers[*place as usize], rows.positive[*place as usize]))
        .filter(|(number, _)| !number.is_nan() && !codes.contains(number))
        .collect();
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (upper, cells) = fine(&values);
    (Fine::Numbers { upper, special: codes.to_vec() }, partitions(&cells, rules))
}

/// Cells of about equal counts of rows or of positive rows, whichever is full first; equal values
/// are never parted. The highest value of each cell, and what is in it.
fn fine(values: &[(f64, bool)]) -> (Vec<f64>, Vec<Cell>) {
    let positives = values.iter().filter(|(_, positive)| *positive).count();
    let full_rows = values.len().div_ceil(CELLS).max(1) as u32;
    let full_positives = positives.div_ceil(CELLS).max(1) as u32;
    let (mut upper, mut cells) = (Vec::new(), Vec::new());
    let mut cell = Cell::default();
    for equal in values.chunk_by(|a, b| a.0 == b.0) {
        for (_, positive) in equal {
            cell.add(*positive);
        }
        if cell.rows >= full_rows || cell.positives >= full_positives {
            upper.push(equal[0].0);
            cells.push(std::mem::take(&mut cell));
        }
    }
    if cell.rows > 0 {
        upper.extend(values.last().map(|last| last.0));
        cells.push(cell);
    }
    (upper, cells)
}
