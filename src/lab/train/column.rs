//! The features' columns of a table, and what the scorecard is asked with.

use std::collections::BTreeSet;

use super::derive::{codes_of, derive};
use super::error::Error;
use super::spec::{Feature, Kind, Spec};
use super::table::{Table, Texts};
use crate::scoring::Value;

/// A feature's values, row by row. A missing number is NaN, a missing text is the first name.
#[derive(Clone, Copy, Debug)]
pub enum Column<'a> {
    Numbers(&'a [f64]),
    Texts(&'a Texts),
}

impl<'a> Column<'a> {
    pub fn value(self, row: usize) -> Value<'a> {
        match self {
            Column::Numbers(numbers) if numbers[row].is_nan() => Value::Missing,
            Column::Numbers(numbers) => Value::Number(numbers[row]),
            Column::Texts(texts) if texts.codes[row] == 0 => Value::Missing,
            Column::Texts(texts) => Value::Text(texts.get(row)),
        }
    }

    fn constant(self, rows: &[u32]) -> bool {
        let bits = |row: &u32| match self {
            Column::Numbers(numbers) if numbers[*row as usize] == 0.0 => 0,
            Column::Numbers(numbers) => numbers[*row as usize].to_bits(),
            Column::Texts(texts) => u64::from(texts.codes[*row as usize]),
        };
        rows.iter().map(bits).collect::<BTreeSet<u64>>().len() <= 1
    }
}

/// A table with the spec's derived columns, and which rows are positive.
#[derive(Debug)]
pub struct Columns {
    pub table: Table,
    pub positive: Vec<bool>,
}

impl Columns {
    pub fn new(spec: &Spec, mut table: Table) -> Result<Columns, Error> {
        derive(spec, &mut table)?;
        let positive = positive(spec, &table)?;
        Ok(Columns { table, positive })
    }

    pub fn column(&self, feature: &Feature) -> Result<Column<'_>, Error> {
        Ok(match feature.kind {
            Kind::Numeric(_) => Column::Numbers(self.table.numbers(&feature.column)?),
            Kind::Category => Column::Texts(self.table.texts(&feature.column)?),
        })
    }

    /// The column and the special codes of every feature.
    pub fn features<'a>(&'a self, spec: &'a Spec) -> Result<Vec<(Column<'a>, &'a [f64])>, Error> {
        let one = |feature: &Feature| {
            let codes = codes_of(&spec.special, &feature.column, &spec.derived);
            Ok((self.column(feature)?, codes))
        };
        spec.features.iter().map(one).collect()
    }

    /// Refuses a feature that is the same in all of `rows`: it is a mistake in the data or in the
    /// spec, and nobody should hear of it only from a report.
    pub fn refuse_constant(&self, spec: &Spec, rows: &[u32]) -> Result<(), Error> {
        let mut constant = Vec::new();
        for feature in &spec.features {
            if self.column(feature)?.constant(rows) {
                constant.push(format!("\"{}\"", feature.name));
            }
        }
        if constant.is_empty() {
            return Ok(());
        }
        let names = constant.join(", ");
        Err(Error::data(format!("constant in all training rows: feature {names}")))
    }
}

/// Two values are expected of the target, one of them the positive one.
fn positive(spec: &Spec, table: &Table) -> Result<Vec<bool>, Error> {
    let target = table.texts(&spec.target)?;
    if let Some(row) = target.codes.iter().position(|code| *code == 0) {
        return Err(Error::Cell {
            row: row + 1,
            column: spec.target.clone(),
            problem: "the target is missing".to_owned(),
        });
    }
    let names = &target.names[1..];
    let number = spec.positive.parse::<f64>().ok();
    let means = |name: &String| {
        *name == spec.positive || number.is_some() && name.parse::<f64>().ok() == number
    };
    let shown = || {
        let mut shown: Vec<String> = names.iter().take(5).map(|n| format!("\"{n}\"")).collect();
        shown.sort();
        shown.join(", ")
    };
    if !names.iter().any(means) || names.iter().all(means) {
        return Err(Error::data(format!(
            "one class only: the target \"{}\" is {} and the positive value is \"{}\"",
            spec.target,
            shown(),
            spec.positive
        )));
    }
    if names.iter().filter(|name| !means(name)).count() > 1 {
        let count = names.len();
        return Err(Error::data(format!(
            "the target \"{}\" has {count} values, expected two: {}",
            spec.target,
            shown()
        )));
    }
    let positive: Vec<bool> = [false].into_iter().chain(names.iter().map(means)).collect();
    Ok(target.codes.iter().map(|code| positive[*code as usize]).collect())
}
