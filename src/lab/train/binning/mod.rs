//! Supervised binning: fine cells first, then the best partition of them, and what each is worth.
//!
//! Cells are quantiles of the values, and of the positive rows' values, so that a tail that holds
//! the positives is not one cell. The [partition] has the highest likelihood, less a price for
//! every bin more, so that noise does not make bins. [`Cells`] are made once and cut at any price.
//! Missing values and special codes have bins of their own.

mod cells;
mod category;
pub mod partition;

use super::column::Column;
use super::error::Error;
use super::spec::Kind;
use partition::{Partition, Rules, worthiest};

pub use cells::Cell;

/// The bins of one feature, without their worth.
#[derive(Clone, Debug, PartialEq)]
pub enum Cut {
    /// See `scoring::Bins`. Bins stand in the order: numbers, special codes, missing.
    Numeric { upper: Vec<f64>, special: Vec<f64> },
    /// The group of each category, and the number of groups. Bins: groups, then rare or never seen
    /// ones, then missing.
    Category { group: Vec<Option<u16>>, groups: u16 },
}

/// A feature cut into bins, with what training rows are in each.
#[derive(Clone, Debug, PartialEq)]
pub struct Binned {
    pub cut: Cut,
    pub cells: Vec<Cell>,
    /// Weight of evidence: log odds of the positive class beyond those of all rows.
    pub woe: Vec<f64>,
}

/// How fine bins may be; see `spec::Binning`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub min_share: f64,
    pub max_bins: usize,
    pub smoothing: f64,
}

/// The rows that bins are made from.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    pub places: &'a [u32],
    pub positive: &'a [bool],
}

impl Rows<'_> {
    pub fn total(&self) -> Cell {
        let mut total = Cell::default();
        for place in self.places {
            total.add(self.positive[*place as usize]);
        }
        total
    }
}

/// A feature's fine cells, and the best ways to join them by what `rows` show.
pub struct Cells<'a> {
    column: Column<'a>,
    rows: Rows<'a>,
    smoothing: f64,
    fine: Fine,
    partitions: Vec<Partition>,
}

/// What the cells are, in their order.
enum Fine {
    /// The highest number of each; the special codes.
    Numbers { upper: Vec<f64>, special: Vec<f64> },
    /// The code of each; how many codes there are.
    Categories { often: Vec<usize>, names: usize },
}

impl<'a> Cells<'a> {
    pub fn new(
        column: Column<'a>,
        codes: &[f64],
        kind: Kind,
        rows: Rows<'a>,
        limits: &Limits,
    ) -> Result<Cells<'a>, Error> {
        let least = (limits.min_share * f64::from(rows.total().rows)).ceil() as u32;
        let mut rules = Rules {
            least_rows: least.max(BIN_ROWS_MIN),
            max_bins: limits.max_bins,
            monotone: super::spec::Monotone::None,
        };
        let (fine, partitions) = match (column, kind) {
            (Column::Numbers(numbers), Kind::Numeric(monotone)) => {
                rules.monotone = monotone;
                cells::numbers(numbers, codes, rows, &rules)
            }
            (Column::Texts(texts), _) => category::categories(texts, rows, limits, &rules)?,
            (Column::Numbers(_), Kind::Category) => {
                return Err(Error::data("a category is read as text"));
            }
        };
        Ok(Cells { column, rows, smoothing: limits.smoothing, fine, partitions })
    }

    /// The bins that are worth most when one more must gain `price` of log-likelihood.
    pub fn bin(&self, price: f64) -> Binned {
        let cut = self.fine.cut(&worthiest(&self.partitions, price));
        let mut cells = vec![Cell::default(); cut.bins()];
        for place in self.rows.places {
            cells[cut.bin(self.column, *place as usize)].add(self.rows.positive[*place as usize]);
        }
        let total = self.rows.total();
        let woe = cells.iter().map(|cell| cell.evidence(total, self.smoothing)).collect();
        Binned { cut, cells, woe }
    }
}

impl Fine {
    fn cut(&self, Partition { ends, .. }: &Partition) -> Cut {
        match self {
            Fine::Numbers { upper, special } => {
                let upper = ends.iter().map(|end| upper[end - 1]).collect();
                Cut::Numeric { upper, special: special.clone() }
            }
            Fine::Categories { often, names } => {
                let mut group = vec![None; *names];
                for (place, code) in often.iter().enumerate() {
                    group[*code] = Some(ends.iter().filter(|end| **end <= place).count() as u16);
                }
                let groups = if often.is_empty() { 0 } else { ends.len() as u16 + 1 };
                Cut::Category { group, groups }
            }
        }
    }
}

/// Fewer rows say nothing of a chance.
const BIN_ROWS_MIN: u32 = 20;

impl Cut {
    pub fn bins(&self) -> usize {
        match self {
            Cut::Numeric { upper, special } => upper.len() + 1 + special.len() + 1,
            Cut::Category { groups, .. } => usize::from(*groups) + 2,
        }
    }

    /// The bin of a row.
    pub fn bin(&self, column: Column<'_>, row: usize) -> usize {
        match (self, column) {
            (Cut::Numeric { upper, special }, Column::Numbers(numbers)) => {
                let number = numbers[row];
                if number.is_nan() {
                    return upper.len() + 1 + special.len();
                }
                match special.iter().position(|code| *code == number) {
                    Some(code) => upper.len() + 1 + code,
                    None => upper.partition_point(|bound| *bound < number),
                }
            }
            (Cut::Category { group, groups }, Column::Texts(texts)) => {
                match texts.codes[row] as usize {
                    0 => usize::from(*groups) + 1,
                    code => usize::from(group.get(code).copied().flatten().unwrap_or(*groups)),
                }
            }
            // A cut is only asked about the column that it was made from.
            (_, _) => self.bins() - 1,
        }
    }
}

impl Binned {
    /// Whether any two rows are told apart.
    pub fn tells(&self) -> bool {
        let mut worths = self.cells.iter().zip(&self.woe).filter(|(cell, _)| cell.rows > 0);
        let first = worths.next().map(|(_, woe)| *woe);
        worths.any(|(_, woe)| Some(*woe) != first)
    }

    /// Information value: how far the classes are apart in this feature.
    pub fn information(&self) -> f64 {
        let of = |count: fn(&Cell) -> u32| -> f64 {
            self.cells.iter().map(|cell| f64::from(count(cell))).sum::<f64>().max(1.0)
        };
        let (positives, negatives) = (of(|cell| cell.positives), of(Cell::negatives));
        let value = |(cell, woe): (&Cell, &f64)| {
            let shares = f64::from(cell.positives) / positives;
            (shares - f64::from(cell.negatives()) / negatives) * woe
        };
        self.cells.iter().zip(&self.woe).map(value).sum()
    }
}

#[cfg(test)]
mod tests;
