//! Which rule a `[[derived]]` table states, and which keys a `[split]` has.

use toml::Spanned;

use super::Rule;
use super::file::{Derived, Name, Names, Split, Where};

/// Most columns of one rule.
const COLUMNS_MAX: usize = 1_000;

/// A rule of any number of columns.
type MakeRule = fn(Vec<String>) -> Rule;

fn inner(names: Names) -> Vec<String> {
    names.into_iter().map(Spanned::into_inner).collect()
}

fn pair(names: Names) -> Result<(String, String), &'static str> {
    let [a, b] = <[Name; 2]>::try_from(names).map_err(|_| "expected two columns")?;
    Ok((a.into_inner(), b.into_inner()))
}

impl Derived {
    /// Every column that the rule takes.
    pub(super) fn names(&self) -> Vec<&Name> {
        let lists = [
            &self.ratio,
            &self.difference,
            &self.product,
            &self.sum,
            &self.mean,
            &self.max,
            &self.min,
            &self.trend,
        ];
        let mut names: Vec<&Name> = lists.into_iter().flatten().flatten().collect();
        if let Some(count) = &self.count_at_least {
            names.extend(&count.columns);
        }
        if let Some(Where { column, present, missing }) = &self.where_present {
            names.push(column);
            names.extend(present);
            names.extend(missing);
        }
        names
    }

    pub(super) fn rule(self) -> Result<Rule, &'static str> {
        let floor = self.floor;
        let mut rules: Vec<Result<Rule, &'static str>> = Vec::new();
        rules
            .extend(self.ratio.map(|names| {
                pair(names).map(|(above, below)| Rule::Ratio { above, below, floor })
            }));
        rules.extend(self.difference.map(|names| pair(names).map(|(a, b)| Rule::Difference(a, b))));
        let several: [(Option<Names>, MakeRule); 6] = [
            (self.product, Rule::Product),
            (self.sum, Rule::Sum),
            (self.mean, Rule::Mean),
            (self.max, Rule::Max),
            (self.min, Rule::Min),
            (self.trend, Rule::Trend),
        ];
        for (names, rule) in several {
            rules.extend(names.map(|names| several_of(names).map(rule)));
        }
        rules.extend(self.count_at_least.map(|count| {
            let columns = several_of(count.columns)?;
            Ok(Rule::CountAtLeast { columns, least: count.least })
        }));
        rules.extend(self.where_present.map(|one| {
            let (by, present) = match (one.present, one.missing) {
                (Some(by), None) => (by, true),
                (None, Some(by)) => (by, false),
                _ => return Err("where: expected either `present` or `missing`"),
            };
            let column = one.column.into_inner();
            Ok(Rule::Where { column, by: by.into_inner(), present })
        }));
        match (rules.pop(), rules.pop()) {
            (Some(rule), None) => rule,
            _ => Err("expected one of ratio, difference, product, sum, mean, max, min, trend, \
                      count_at_least, where"),
        }
    }
}

fn several_of(names: Names) -> Result<Vec<String>, &'static str> {
    match names.len() {
        0 | 1 => Err("expected two columns or more"),
        2..=COLUMNS_MAX => Ok(inner(names)),
        _ => Err("expected at most 1000 columns"),
    }
}

impl Split {
    /// The keys that are given, but for the kind.
    pub(super) fn keys(&self) -> Vec<&'static str> {
        [
            ("column", self.column.is_some()),
            ("modulus", self.modulus.is_some()),
            ("test", self.test.is_some()),
            ("folds", self.folds.is_some()),
            ("train_from", self.train_from.is_some()),
            ("train_until", self.train_until.is_some()),
            ("delay_days", self.delay_days.is_some()),
            ("test_until", self.test_until.is_some()),
            ("folds_back_weeks", self.folds_back_weeks.is_some()),
            ("entity", self.entity.is_some()),
            ("drop_known_positive_entities", self.drop_known_positive_entities.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, given)| given.then_some(key))
        .collect()
    }
}
