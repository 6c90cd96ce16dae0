//! Who passes and who defaults, by groups that were never inputs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::column::Columns;
use super::error::Error;
use super::evaluate::Judged;
use super::spec::{Protected, Spec};

/// Smaller groups are shown, and not compared: their rates are chance.
const GROUP_ROWS_MIN: u64 = 30;
const GROUP_SHARE_MIN: f64 = 0.01;
/// More distinct values, all numbers, are put into quarters.
const VALUES_MAX: usize = 12;

/// A group of test rows at the pass mark.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupFigures {
    pub group: String,
    pub rows: u64,
    pub approve_rate: f64,
    pub default_rate: f64,
    pub compared: bool,
}

/// The groups of one protected column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fairness {
    pub column: String,
    pub groups: Vec<GroupFigures>,
    /// The lowest approve rate over the highest, of groups that are large enough.
    pub lowest_ratio: Option<f64>,
}

pub(super) fn fairness(
    spec: &Spec,
    columns: &Columns,
    judged: &[Judged],
) -> Result<Vec<Fairness>, Error> {
    let one =
        |protected: &Protected| Ok(compare(protected, group(protected, columns, judged)?, columns));
    spec.protected.iter().map(one).collect()
}

type Groups<'a> = BTreeMap<(usize, String), Vec<&'a Judged>>;

/// The judged rows by group; the number keeps groups of numbers in order.
fn group<'a>(
    protected: &Protected,
    columns: &Columns,
    judged: &'a [Judged],
) -> Result<Groups<'a>, Error> {
    let mut groups = Groups::new();
    let name = &protected.column;
    if !protected.cuts.is_empty() {
        let numbers = columns.table.numbers(name)?;
        for one in judged {
            let key = between(&protected.cuts, numbers[one.row as usize]);
            groups.entry(key).or_default().push(one);
        }
        return Ok(groups);
    }
    let texts = columns.table.texts(name)?;
    let numbers: Option<Vec<f64>> = texts.names[1..].iter().map(|n| n.parse().ok()).collect();
    let cuts = match numbers {
        Some(numbers) if numbers.len() > VALUES_MAX => {
            let number = |one: &Judged| match texts.codes[one.row as usize] as usize {
                0 => f64::NAN,
                code => numbers[code - 1],
            };
            quarters(judged.iter().map(number))
        }
        _ => Vec::new(),
    };
    for one in judged {
        let text = texts.get(one.row as usize);
        let key = if cuts.is_empty() {
            (0, if text.is_empty() { "missing".to_owned() } else { text.to_owned() })
        } else {
            between(&cuts, text.parse().unwrap_or(f64::NAN))
        };
        groups.entry(key).or_default().push(one);
    }
    Ok(groups)
}

fn between(cuts: &[f64], number: f64) -> (usize, String) {
    if number.is_nan() {
        return (cuts.len() + 1, "missing".to_owned());
    }
    let place = cuts.partition_point(|cut| *cut <= number);
    let label = match (place.checked_sub(1).map(|below| cuts[below]), cuts.get(place)) {
        (None, Some(above)) => format!("below {above}"),
        (Some(below), Some(above)) => format!("{below} to below {above}"),
        (Some(below), None) => format!("{below} and above"),
        (None, None) => "all".to_owned(),
    };
    (place, label)
}

fn quarters(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.filter(|number| !number.is_nan()).collect();
    numbers.sort_unstable_by(f64::total_cmp);
    let mut cuts: Vec<f64> =
        (1..4).filter_map(|quarter| numbers.get(numbers.len() * quarter / 4).copied()).collect();
    cuts.dedup();
    cuts
}

fn compare(protected: &Protected, groups: Groups<'_>, columns: &Columns) -> Fairness {
    let all: usize = groups.values().map(Vec::len).sum();
    let least = GROUP_ROWS_MIN.max((all as f64 * GROUP_SHARE_MIN).ceil() as u64);
    let figures = |((_, group), rows): ((usize, String), Vec<&Judged>)| {
        let count = rows.len() as f64;
        let passed = rows.iter().filter(|one| one.passed).count() as f64;
        let positive = rows.iter().filter(|one| columns.positive[one.row as usize]).count() as f64;
        GroupFigures {
            group,
            rows: rows.len() as u64,
            approve_rate: passed / count,
            default_rate: positive / count,
            compared: rows.len() as u64 >= least,
        }
    };
    let groups: Vec<GroupFigures> = groups.into_iter().map(figures).collect();
    let rates = || groups.iter().filter(|one| one.compared).map(|one| one.approve_rate);
    let highest = rates().fold(0.0, f64::max);
    let lowest_ratio = (highest > 0.0 && rates().count() > 1)
        .then(|| rates().fold(f64::INFINITY, f64::min) / highest);
    Fairness { column: protected.column.clone(), groups, lowest_ratio }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::train::{Spec, Table};

    const SPEC: &str = "name = 'x'\ntarget = 'y'\npositive = 1\n[split]\nkind = 'kfold'\n\
        folds = 2\n[[protected]]\ncolumn = 'sex'\n[[protected]]\ncolumn = 'age'\ncuts = [30, 50]\n\
        [[protected]]\ncolumn = 'height'\n[[feature]]\nname = 'a'\nreason = 'PAYMENT_OVERDUE'\n";

    #[test]
    fn rates_by_group_and_the_lowest_ratio() {
        let spec = Spec::parse("spec", SPEC).unwrap();
        let mut csv = "a,y,sex,age,height\n".to_owned();
        for row in 0..400 {
            let sex = if row < 200 {
                "m"
            } else if row < 397 {
                "f"
            } else {
                ""
            };
            csv += &format!("{row},{},{sex},{},{}\n", row % 2, 20 + row % 60, 150 + row % 40);
        }
        let table = Table::read(csv.as_bytes(), &spec.columns()).unwrap();
        let columns = Columns::new(&spec, table).unwrap();
        // Men pass in 2 of 4 cases, women in 3 of 4.
        let passed = |row: u32| if row < 200 { row % 4 < 2 } else { row % 4 < 3 };
        let judged: Vec<Judged> = (0..400)
            .map(|row| Judged { row, chance: 0.5, passed: passed(row), closed: None })
            .collect();
        let told = fairness(&spec, &columns, &judged).unwrap();
        let [women, men, missing] = &told[0].groups[..] else { panic!("{told:?}") };
        assert_eq!((missing.group.as_str(), missing.compared), ("missing", false));
        assert_eq!((men.group.as_str(), men.rows, men.approve_rate), ("m", 200, 0.5));
        assert_eq!(men.default_rate, 0.5);
        let ratio = men.approve_rate / women.approve_rate;
        assert_eq!(told[0].lowest_ratio, Some(ratio));
        let labels = |at: usize| -> Vec<&str> {
            told[at].groups.iter().map(|group| group.group.as_str()).collect()
        };
        assert_eq!(labels(1), ["below 30", "30 to below 50", "50 and above"]);
        assert_eq!(
            labels(2),
            ["below 160", "160 to below 170", "170 to below 180", "180 and above"]
        );
    }
}
