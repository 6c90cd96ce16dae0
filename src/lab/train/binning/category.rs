//! Groups of categories: put in order of their rates, then cut like numbers.

use super::super::error::Error;
use super::super::table::Texts;
use super::partition::{Partition, Rules, partitions};
use super::{Cell, Fine, Limits, Rows};

/// More distinct texts are names, not categories.
const CATEGORIES_MAX: usize = 1_000;

/// Categories in order of their rates, and their best groups. What is too rare for a bin of its own
/// is none of them: it is one with what training never saw.
pub(super) fn categories(
    texts: &Texts,
    rows: Rows<'_>,
    limits: &Limits,
    rules: &Rules,
) -> Result<(Fine, Vec<Partition>), Error> {
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
    let partitions = partitions(&cells, rules);
    Ok((Fine::Categories { often, names: counts.len() }, partitions))
}
