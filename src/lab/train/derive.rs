//! Columns made of others, as the spec states them. A special code is no quantity: it is missing.

use std::collections::BTreeMap;

use super::error::Error;
use super::spec::{Derived, Rule, Spec};
use super::table::Table;
use crate::domain::PERIODS;
use crate::features::{CHARACTERISTICS, RepaymentNumbers};

/// Adds the derived columns to the table, in the order of the spec.
pub(super) fn derive(spec: &Spec, table: &mut Table) -> Result<(), Error> {
    for derived in &spec.derived {
        let mut parts = Vec::new();
        for name in derived.rule.columns() {
            parts.push(quantities(table.numbers(name)?, spec.special.get(name)));
        }
        let mut cells = Vec::with_capacity(parts.len());
        let values = (0..table.rows).map(|row| {
            cells.clear();
            cells.extend(parts.iter().map(|part| part[row]));
            derived.value(&cells)
        });
        let values: Vec<f64> = values.collect();
        table.insert(&derived.name, values);
    }
    Ok(())
}

fn quantities(numbers: &[f64], codes: Option<&Vec<f64>>) -> Vec<f64> {
    let none = Vec::new();
    let codes = codes.unwrap_or(&none);
    numbers.iter().map(|n| if codes.contains(n) { f64::NAN } else { *n }).collect()
}

impl Derived {
    /// The value from the rule's columns, in the rule's order; NaN is missing, in and out.
    pub fn value(&self, cells: &[f64]) -> f64 {
        let value = self.rule.value(cells);
        if !value.is_finite() {
            return f64::NAN;
        }
        self.clip.map_or(value, |(low, high)| value.clamp(low, high))
    }
}

impl Rule {
    fn value(&self, cells: &[f64]) -> f64 {
        let there = || cells.iter().copied().filter(|cell| !cell.is_nan());
        let count = there().count();
        match (self, cells) {
            (Rule::Ratio { floor, .. }, [above, below]) => {
                // `f64::max` would take the floor for a missing divisor.
                let raise = |floor: f64| if *below < floor { floor } else { *below };
                above / floor.map_or(*below, raise)
            }
            (Rule::Difference(..), [a, b]) => a - b,
            (Rule::Repayment { characteristic, .. }, _) => repayment(*characteristic, cells),
            (Rule::Where { present, .. }, [value, by]) if by.is_nan() != *present => *value,
            (Rule::Product(_), _) => cells.iter().product(),
            (Rule::Trend(_), _) => trend(cells),
            (Rule::CountAtLeast { least, .. }, _) if count > 0 => {
                there().filter(|cell| cell >= least).count() as f64
            }
            (Rule::Sum(_), _) if count > 0 => there().sum(),
            (Rule::Mean(_), _) if count > 0 => there().sum::<f64>() / count as f64,
            (Rule::Max(_), _) => there().fold(f64::NAN, f64::max),
            (Rule::Min(_), _) => there().fold(f64::NAN, f64::min),
            _ => f64::NAN,
        }
    }
}

/// A characteristic of the record that `cells` are: limit, balances, payments, delays.
fn repayment(characteristic: usize, cells: &[f64]) -> f64 {
    let cell = |place: usize| cells.get(place).copied().filter(|cell| !cell.is_nan());
    let list = |at: usize| std::array::from_fn(|period| cell(1 + PERIODS * at + period));
    let record = RepaymentNumbers {
        limit: cell(0),
        balance: list(0),
        payable: list(0),
        paid: list(1),
        months_late: list(2),
    };
    CHARACTERISTICS.get(characteristic).and_then(|one| (one.of)(&record)).unwrap_or(f64::NAN)
}

/// Slope of the least squares line over what is there; the place is the time.
fn trend(cells: &[f64]) -> f64 {
    let points: Vec<(f64, f64)> = cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| !cell.is_nan())
        .map(|(place, cell)| (place as f64, *cell))
        .collect();
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let rise: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let run: f64 = points.iter().map(|(x, _)| (x - mean_x) * (x - mean_x)).sum();
    rise / run
}

/// The special codes of a feature: its column's, unless the column is derived.
pub(super) fn codes_of<'a>(
    special: &'a BTreeMap<String, Vec<f64>>,
    column: &str,
    derived: &[Derived],
) -> &'a [f64] {
    if derived.iter().any(|one| one.name == column) {
        return &[];
    }
    special.get(column).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn names() -> Vec<String> {
        vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]
    }

    fn ratio(floor: Option<f64>) -> Rule {
        Rule::Ratio { above: "a".to_owned(), below: "b".to_owned(), floor }
    }

    fn where_by(present: bool) -> Rule {
        Rule::Where { column: "a".to_owned(), by: "b".to_owned(), present }
    }

    #[test]
    fn every_rule_says_what_it_is_made_of() {
        let at_least = Rule::CountAtLeast { columns: names(), least: 1.0 };
        let cases: [(Rule, &[f64], f64); 25] = [
            (ratio(None), &[3.0, 2.0], 1.5),
            (ratio(None), &[3.0, 0.0], NAN),
            (ratio(None), &[0.0, 0.0], NAN),
            (ratio(Some(1.0)), &[3.0, 0.0], 3.0),
            (ratio(Some(1.0)), &[3.0, -9.0], 3.0),
            (ratio(Some(1.0)), &[3.0, NAN], NAN),
            (ratio(None), &[NAN, 2.0], NAN),
            (Rule::Difference("a".to_owned(), "b".to_owned()), &[5.0, 7.0], -2.0),
            (Rule::Product(names()), &[2.0, 3.0, 4.0], 24.0),
            (Rule::Product(names()), &[2.0, NAN, 4.0], NAN),
            (Rule::Sum(names()), &[2.0, NAN, 4.0], 6.0),
            (Rule::Sum(names()), &[NAN, NAN, NAN], NAN),
            (Rule::Mean(names()), &[2.0, NAN, 4.0], 3.0),
            (Rule::Mean(names()), &[NAN, NAN, NAN], NAN),
            (Rule::Max(names()), &[2.0, NAN, 4.0], 4.0),
            (Rule::Min(names()), &[2.0, NAN, -4.0], -4.0),
            (Rule::Min(names()), &[NAN, NAN, NAN], NAN),
            (Rule::Trend(names()), &[1.0, 3.0, 5.0], 2.0),
            (Rule::Trend(names()), &[1.0, NAN, 5.0], 2.0),
            (Rule::Trend(names()), &[NAN, NAN, 5.0], NAN),
            (at_least.clone(), &[0.0, 1.0, 2.0], 2.0),
            (at_least.clone(), &[NAN, 1.0, 0.0], 1.0),
            (at_least, &[NAN, NAN, NAN], NAN),
            (where_by(true), &[7.0, NAN], NAN),
            (where_by(false), &[7.0, NAN], 7.0),
        ];
        for (rule, cells, expected) in cases {
            let derived = Derived { name: "d".to_owned(), rule, clip: None };
            let value = derived.value(cells);
            let same = value == expected || value.is_nan() && expected.is_nan();
            assert!(same, "{:?} of {cells:?} is {value}, not {expected}", derived.rule);
        }
    }

    #[test]
    fn a_clip_cuts_values_and_leaves_missing_ones() {
        let derived = Derived { name: "d".to_owned(), rule: ratio(None), clip: Some((0.0, 2.0)) };
        assert_eq!(derived.value(&[9.0, 3.0]), 2.0);
        assert_eq!(derived.value(&[-9.0, 3.0]), 0.0);
        assert!(derived.value(&[9.0, 0.0]).is_nan());
    }

    #[test]
    fn special_codes_are_no_quantities() {
        assert_eq!(quantities(&[1.0, 96.0], Some(&vec![96.0]))[0], 1.0);
        assert!(quantities(&[1.0, 96.0], Some(&vec![96.0]))[1].is_nan());
    }
}
