//! The spec as it is written: TOML, unknown keys refused, names with their places.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

pub(super) type Name = Spanned<String>;
pub(super) type Names = Vec<Name>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub name: String,
    pub target: Name,
    pub positive: Spanned<Scalar>,
    #[serde(default)]
    pub outcome: Option<Spanned<super::outcome::File>>,
    #[serde(default)]
    pub seed: u64,
    pub split: Spanned<Split>,
    #[serde(default)]
    pub scaling: Option<Spanned<Scaling>>,
    #[serde(default)]
    pub pass: Option<Spanned<Pass>>,
    #[serde(default)]
    pub binning: Option<Spanned<Binning>>,
    #[serde(default)]
    pub logistic: Logistic,
    #[serde(default)]
    pub forest: Option<Spanned<super::growth::Forest>>,
    #[serde(default)]
    pub special: BTreeMap<Name, Vec<f64>>,
    #[serde(default)]
    pub protected: Vec<Protected>,
    #[serde(default)]
    pub repayment: Option<super::repayment::Repayment>,
    #[serde(default)]
    pub derived: Vec<Spanned<Derived>>,
    pub feature: Vec<Feature>,
}

/// A value as the data file has it: `1` and `"1"` mean the same.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    Text(String),
    Integer(i64),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SplitKind {
    Modulo,
    Kfold,
    Time,
}

/// The keys of all kinds; which belong together is checked later.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Split {
    pub kind: SplitKind,
    pub column: Option<Name>,
    pub modulus: Option<i64>,
    pub test: Option<Vec<i64>>,
    pub folds: Option<usize>,
    pub train_from: Option<Name>,
    pub train_until: Option<Name>,
    pub delay_days: Option<i64>,
    pub test_until: Option<Name>,
    pub folds_back_weeks: Option<Vec<i64>>,
    pub entity: Option<Name>,
    pub drop_known_positive_entities: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scaling {
    pub base_score: f64,
    pub odds: f64,
    pub pdo: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pass {
    pub mark: Option<i32>,
    pub approve_share: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Binning {
    pub min_share: Option<f64>,
    pub max_bins: Option<usize>,
    pub smoothing: Option<f64>,
    pub penalty: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Logistic {
    pub l2: Option<Spanned<f64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Protected {
    pub column: Name,
    pub cuts: Option<Vec<f64>>,
}

/// Exactly one of the rules is expected.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Derived {
    pub name: Name,
    pub ratio: Option<Names>,
    pub difference: Option<Names>,
    pub product: Option<Names>,
    pub sum: Option<Names>,
    pub mean: Option<Names>,
    pub max: Option<Names>,
    pub min: Option<Names>,
    pub trend: Option<Names>,
    pub count_at_least: Option<CountAtLeast>,
    #[serde(rename = "where")]
    pub where_present: Option<Where>,
    pub floor: Option<f64>,
    pub clip: Option<Vec<f64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CountAtLeast {
    pub columns: Names,
    pub least: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Where {
    pub column: Name,
    pub present: Option<Name>,
    pub missing: Option<Name>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FeatureKind {
    Numeric,
    Category,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Feature {
    pub name: Name,
    pub column: Option<Name>,
    pub kind: Option<FeatureKind>,
    pub monotone: Option<Spanned<super::Monotone>>,
    pub reason: Name,
    pub missing_reason: Option<Name>,
    #[serde(default)]
    pub missing: super::MissingPoints,
}
