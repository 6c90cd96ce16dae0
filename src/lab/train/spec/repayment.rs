//! The `[repayment]` table: a data file's columns as a repayment record, so that a model learns
//! from the very function that it is served with.

use serde::Deserialize;
use toml::Spanned;

use super::file::{Name, Names};
use super::{Derived, Rule};
use crate::domain::PERIODS;
use crate::features::CHARACTERISTICS;

/// Columns of the record, the newest period first.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repayment {
    pub limit: Name,
    /// Owed at the end of each period.
    pub balance: Spanned<Names>,
    /// Paid back in each period.
    pub paid: Spanned<Names>,
    /// Months of the longest delay in each period.
    pub months_late: Spanned<Names>,
}

impl Repayment {
    fn lists(&self) -> [&Spanned<Names>; 3] {
        [&self.balance, &self.paid, &self.months_late]
    }

    /// Every column that it takes: the limit, then the lists.
    pub fn names(&self) -> Vec<&Name> {
        let lists = self.lists().into_iter().flat_map(Spanned::get_ref);
        std::iter::once(&self.limit).chain(lists).collect()
    }

    /// Lists of other than six columns.
    pub fn faults(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let wrong = |list: &&Spanned<Names>| list.get_ref().len() != PERIODS;
        self.lists().into_iter().filter(wrong).map(Spanned::span)
    }

    /// A column for each of the record's characteristics, under the name that it is served by.
    pub fn derived(&self) -> impl Iterator<Item = Derived> {
        let columns: Vec<String> =
            self.names().into_iter().map(|name| name.get_ref().clone()).collect();
        CHARACTERISTICS.iter().enumerate().map(move |(place, one)| Derived {
            name: one.name.to_owned(),
            rule: Rule::Repayment { columns: columns.clone(), characteristic: place },
            clip: None,
        })
    }
}
