//! Groups of categories: put in order of their rates, then cut like numbers.

use super::super::error::Error;
use super::super::table::Texts;
use super::partition::{Rules, partition};
use super::{Cell, Cut, Limits, Rows};

/// More distinct texts are names, not categories.
const CATEGORIES_MAX: usize = 1_000;

/// Groups categories of alike rates. What is too rare for a bin of its own is one with what
/// training never saw.
pub(super) fn group(
    texts: &Texts,
    rows: Rows<'_>,
    limits: &Limits,
    rules: &Rules,
) -> Result<Cut, Error> {
    if texts.names.len() > CATEGORIES_MAX {
        let count = texts.names.len();
        return Err(Error::data(format!(
            "{count} different categories; expected at most {CATEGORIES_MAX}"
        )));
    }
    let mut counts = vec![Cell::default(); texts.names.len()];
    for place in rows.places {
        counts[texts.codes[*place as usize] as usize].add(rows.positive[*place as usize]);
    }
    let total = rows.total();
    let worth = |code: &usize| counts[*code].evidence(total, limits.smoothing);
    let mut often: Vec<usize> =
        (1..counts.len()).filter(|code| counts[*code].rows >= rules.least_rows).collect();
    // Equal rates in order of the names: the order in the file is chance.
    often.sort_by(|a, b| {
        worth(a).total_cmp(&worth(b)).then_with(|| texts.names[*a].cmp(&texts.names[*b]))
    });
    let cells: Vec<Cell> = often.iter().map(|code| counts[*code]).collect();
    let ends = partition(&cells, rules);
    let mut group = vec![None; texts.names.len()];
    for (place, code) in often.iter().enumerate() {
        group[*code] = Some(ends.iter().filter(|end| **end <= place).count() as u16);
    }
    let groups = if often.is_empty() { 0 } else { ends.len() as u16 + 1 };
    Ok(Cut::Category { group, groups })
}
