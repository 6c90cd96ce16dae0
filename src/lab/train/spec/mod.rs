//! What to train on what: the target, the features, how rows are split, how points are scaled.
//!
//! The spec is TOML. A name in it is a column of the data file or a `[[derived]]` one above it.

mod check;
mod file;
mod growth;
mod outcome;
mod repayment;
mod rule;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::Growth;
use crate::domain::ReasonCode;
use crate::scoring::Scaling;

pub use outcome::{OUTCOME, Outcome, OutcomeKind};

/// A checked spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    pub name: String,
    pub target: String,
    pub positive: String,
    /// How the target is made of a ledger; a file has it as a column.
    pub outcome: Option<Outcome>,
    /// Draws the folds of the validation inside the training rows.
    pub seed: u64,
    pub split: Split,
    pub scaling: Scaling,
    pub pass: Pass,
    pub binning: Binning,
    /// Strength of the L2 penalty; `None` lets validation on training rows choose.
    pub l2: Option<f64>,
    /// Of a forest; the three above are a scorecard's.
    pub forest: Growth,
    /// Numbers that are codes, by column: each gets a bin of its own and is in no derivation.
    pub special: BTreeMap<String, Vec<f64>>,
    pub protected: Vec<Protected>,
    pub derived: Vec<Derived>,
    pub features: Vec<Feature>,
}

/// Which rows train and which judge.
#[derive(Clone, Debug, PartialEq)]
pub enum Split {
    /// A row judges when its column's remainder is one of `test`.
    Modulo {
        column: String,
        modulus: i64,
        test: Vec<i64>,
    },
    /// Row `i` of its class, in order of the file, judges fold `i % folds`.
    Kfold {
        folds: usize,
    },
    Time(TimeSplit),
}

/// Days are whole days UTC since 1970, both ends included.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeSplit {
    pub column: String,
    pub train_from: i64,
    pub train_until: i64,
    /// Days after training whose labels nobody knows yet.
    pub delay_days: i64,
    pub test_until: i64,
    /// A fold each: how many weeks earlier everything lies. The first trains the artifact.
    pub folds_back_weeks: Vec<i64>,
    pub entity: Option<String>,
    /// Whoever was known as positive before a test day is not judged on it.
    pub drop_known_positive_entities: bool,
}

/// Who passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pass {
    Mark(i32),
    /// The mark that so large a share of the training rows reaches.
    ApproveShare(f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Binning {
    /// Least share of the training rows that a bin may hold.
    pub min_share: f64,
    pub max_bins: usize,
    /// A bin is taken as having so many more rows of the average kind.
    pub smoothing: f64,
    /// Log-likelihood that one more bin must gain; `None` lets validation on training rows choose.
    pub penalty: Option<f64>,
}

impl Default for Binning {
    fn default() -> Binning {
        Binning { min_share: 0.01, max_bins: 12, smoothing: 10.0, penalty: None }
    }
}

/// A column that no input may come from; the report compares its groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Protected {
    pub column: String,
    /// Lower ends of groups of numbers, but for the first.
    pub cuts: Vec<f64>,
}

/// A column made of others.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    pub name: String,
    pub rule: Rule,
    /// The result is cut to this range.
    pub clip: Option<(f64, f64)>,
}

/// Ratio, difference and product are missing when one part is; the others take what is there.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// Missing when `below`, raised to `floor`, is 0.
    Ratio {
        above: String,
        below: String,
        floor: Option<f64>,
    },
    Difference(String, String),
    Product(Vec<String>),
    Sum(Vec<String>),
    Mean(Vec<String>),
    Max(Vec<String>),
    Min(Vec<String>),
    /// Slope a step of the least squares line through the columns, the oldest first.
    Trend(Vec<String>),
    CountAtLeast {
        columns: Vec<String>,
        least: f64,
    },
    /// The column where `by` is there, or where it is missing.
    Where {
        column: String,
        by: String,
        present: bool,
    },
    /// One of the characteristics of a repayment record: the limit, then six balances, payments and
    /// delays.
    Repayment {
        columns: Vec<String>,
        characteristic: usize,
    },
}

impl Rule {
    pub fn columns(&self) -> Vec<&String> {
        match self {
            Rule::Ratio { above, below, .. } => vec![above, below],
            Rule::Difference(a, b) => vec![a, b],
            Rule::Product(columns)
            | Rule::Sum(columns)
            | Rule::Mean(columns)
            | Rule::Max(columns)
            | Rule::Min(columns)
            | Rule::Trend(columns)
            | Rule::CountAtLeast { columns, .. }
            | Rule::Repayment { columns, .. } => columns.iter().collect(),
            Rule::Where { column, by, .. } => vec![column, by],
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// The characteristic's name in the artifact.
    pub name: String,
    pub column: String,
    pub kind: Kind,
    pub reason: ReasonCode,
    /// What a refusal may name when the value is missing.
    pub missing_reason: Option<ReasonCode>,
    pub missing: MissingPoints,
}

/// What a missing value earns on a scorecard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingPoints {
    /// What training rows without a value tell.
    #[default]
    Learnt,
    /// What applicants earn who just pass, and no less than any bin but the best: it is never a
    /// reason. For values that are missing in training for another cause than in service.
    Neutral,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Numeric(Monotone),
    Category,
}

/// How the chance of the positive class may go with the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Monotone {
    Increasing,
    Decreasing,
    /// The better of the two.
    Auto,
    #[default]
    None,
}

/// How a column of the file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub number: bool,
    pub text: bool,
    pub time: bool,
}

impl Spec {
    /// Whether the test rows of a file may have trained a model: folds train it on all rows, and a
    /// ledger that has grown since still has them.
    pub fn judges_training_rows(&self, same_file: bool) -> bool {
        let folds = matches!(self.split, Split::Kfold { .. });
        folds && (same_file || self.outcome.is_some())
    }

    /// The columns of the data file that are needed, and as what.
    pub fn columns(&self) -> BTreeMap<String, Reading> {
        let mut columns: BTreeMap<String, Reading> = BTreeMap::new();
        let derived: BTreeSet<&String> = self.derived.iter().map(|derived| &derived.name).collect();
        columns.entry(self.target.clone()).or_default().text = true;
        for name in self.derived.iter().flat_map(|derived| derived.rule.columns()) {
            if !derived.contains(name) {
                columns.entry(name.clone()).or_default().number = true;
            }
        }
        for feature in self.features.iter().filter(|feature| !derived.contains(&feature.column)) {
            let reading = columns.entry(feature.column.clone()).or_default();
            match feature.kind {
                Kind::Numeric(_) => reading.number = true,
                Kind::Category => reading.text = true,
            }
        }
        for protected in &self.protected {
            let reading = columns.entry(protected.column.clone()).or_default();
            if protected.cuts.is_empty() {
                reading.text = true;
            } else {
                reading.number = true;
            }
        }
        match &self.split {
            Split::Modulo { column, .. } => {
                columns.entry(column.clone()).or_default().number = true;
            }
            Split::Kfold { .. } => {}
            Split::Time(time) => {
                columns.entry(time.column.clone()).or_default().time = true;
                if let Some(entity) = &time.entity {
                    columns.entry(entity.clone()).or_default().text = true;
                }
            }
        }
        columns
    }
}
