//! Supervised binning: fine cells first, then the best partition of them, and what each is worth.
//!
//! Cells are quantiles of the values, and of the positive rows' values, so that a tail that holds
//! the positives is not one cell. The [partition] has the highest likelihood, less a price for
//! every bin more, so that noise does not make bins. Missing values and special codes have bins of
//! their own.

mod cells;
mod category;
pub mod partition;

use super::column::Column;
use super::error::Error;
use super::spec::Kind;
use partition::Rules;

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
    pub price: f64,
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

/// Cuts a feature into bins by what `rows` show.
pub fn bin(
    column: Column<'_>,
    codes: &[f64],
    kind: Kind,
    rows: Rows<'_>,
    limits: &Limits,
) -> Result<Binned, Error> {
    let total = rows.total();
    let least = (limits.min_share * f64::from(total.rows)).ceil() as u32;
    let mut rules = Rules {
        least_rows: least.max(BIN_ROWS_MIN),
        max_bins: limits.max_bins,
        price: limits.price,
        monotone: super::spec::Monotone::None,
    };
    let cut = match (column, kind) {
        (Column::Numbers(numbers), Kind::Numeric(monotone)) => {
            rules.monotone = monotone;
            cells::numeric(numbers, codes, rows, &rules)
        }
        (Column::Texts(texts), _) => category::group(texts, rows, limits, &rules)?,
        (Column::Numbers(_), Kind::Category) => {
            return Err(Error::data("a category is read as text"));
        }
    };
    let mut cells = vec![Cell::default(); cut.bins()];
    for place in rows.places {
        cells[cut.bin(column, *place as usize)].add(rows.positive[*place as usize]);
    }
    let woe = cells.iter().map(|cell| cell.evidence(total, limits.smoothing)).collect();
    Ok(Binned { cut, cells, woe })
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
