//! The scorecard: characteristics to points, points to a probability, shortfalls to reasons.
//!
//! More points are better. Scoring does not allocate; shortfalls do, since they are computed only
//! for what is not approved.

mod artifact;

use serde::{Deserialize, Serialize};

use crate::domain::ReasonCode;

pub use artifact::{ArtifactError, FORMAT_VERSION};

/// Most reasons that a refusal names; the bureau inquiries may come as one more.
pub const PRINCIPAL_MAX: usize = 4;

/// What is known of one characteristic of one applicant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Missing,
    Number(f64),
    Text(&'a str),
}

/// A value that is no quantity but a code, and its points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Special {
    pub value: f64,
    pub points: i32,
}

/// Categories that earn the same points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub values: Vec<String>,
    pub points: i32,
}

/// Which value earns which points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Bins {
    /// Bin `i` holds what is above `upper[i - 1]` and at most `upper[i]`; the last is open, so
    /// there is one more of `points` than of `upper`.
    Numeric { upper: Vec<f64>, points: Vec<i32>, missing: i32, special: Vec<Special> },
    /// A category that training never saw earns `other`.
    Category { groups: Vec<Group>, other: i32, missing: i32 },
}

impl Bins {
    /// Whether a larger number never earns more.
    pub fn fall(&self) -> bool {
        match self {
            Bins::Numeric { points, special, .. } => {
                special.is_empty() && points.windows(2).all(|pair| pair[0] >= pair[1])
            }
            Bins::Category { .. } => false,
        }
    }

    /// What `value` earns. A value of the other kind says nothing, so it counts as missing.
    pub fn points(&self, value: Value<'_>) -> i32 {
        match (self, value) {
            (Bins::Numeric { upper, points, missing, special }, Value::Number(number)) => {
                if number.is_nan() {
                    return *missing;
                }
                if let Some(special) = special.iter().find(|special| special.value == number) {
                    return special.points;
                }
                let bin = upper.partition_point(|bound| *bound < number);
                points.get(bin).copied().unwrap_or(*missing)
            }
            (Bins::Category { groups, other, .. }, Value::Text(text)) => groups
                .iter()
                .find(|group| group.values.iter().any(|value| value == text))
                .map_or(*other, |group| group.points),
            (Bins::Numeric { missing, .. } | Bins::Category { missing, .. }, _) => *missing,
        }
    }
}

/// One thing that is looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Characteristic {
    /// Name of the feature whose value it takes.
    pub name: String,
    /// What a refusal may name for it.
    pub reason: ReasonCode,
    /// The same where the value is missing, which is another fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_reason: Option<ReasonCode>,
    /// Mean points of the applicants who just passed; what falls short of it is a reason.
    pub reference: i32,
    pub bins: Bins,
}

impl Characteristic {
    /// What a refusal may name for a value.
    pub fn reason_of(&self, value: Value<'_>) -> ReasonCode {
        match value {
            Value::Missing => self.missing_reason.unwrap_or(self.reason),
            Value::Number(_) | Value::Text(_) => self.reason,
        }
    }
}

/// What the probability is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub column: String,
    pub positive: String,
}

/// `base_score` points stand for `odds` good ones to one bad; `pdo` more double them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    pub base_score: f64,
    pub odds: f64,
    pub pdo: f64,
}

/// Log odds of the positive class = `intercept` + `slope` x points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    pub intercept: f64,
    pub slope: f64,
}

/// Figures on rows that training did not see.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestFigures {
    pub rows: u64,
    pub positives: u64,
    pub auc: f64,
    pub gini: f64,
    pub ks: f64,
    pub brier: f64,
    pub log_loss: f64,
}

/// What it was trained on, and how well it did on the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Of the data file as it was given, compressed or not.
    pub data_sha256: String,
    pub spec_sha256: String,
    pub rows: u64,
    pub positives: u64,
    pub split: String,
    pub seed: u64,
    /// Log-likelihood that a bin had to gain, and strength of the L2 penalty: stated or chosen.
    pub bin_penalty: f64,
    pub l2: f64,
    pub test: TestFigures,
}

/// A scorecard that passed every check; see [`Scorecard::parse`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scorecard {
    pub format_version: u32,
    pub name: String,
    pub target: Target,
    pub scaling: Scaling,
    pub calibration: Calibration,
    /// An applicant with at least so many points passes.
    pub pass_mark: i32,
    pub base_points: i32,
    pub characteristics: Vec<Characteristic>,
    pub training: Training,
    /// SHA-256 of the same artifact, written without spaces, with this field empty.
    pub checksum: String,
}

/// How many points a reason lacks to its reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    pub reason: ReasonCode,
    pub points: i32,
}

impl Scorecard {
    /// Total points; `value` gives what is known of the characteristic at an index.
    pub fn points<'a>(&self, value: impl Fn(usize) -> Value<'a>) -> i32 {
        let earned = self.characteristics.iter().enumerate();
        earned.fold(self.base_points, |total, (index, one)| total + one.bins.points(value(index)))
    }

    /// Chance of the positive class at so many points.
    pub fn probability(&self, points: i32) -> f64 {
        let log_odds = self.calibration.intercept + self.calibration.slope * f64::from(points);
        1.0 / (1.0 + libm::exp(-log_odds))
    }

    /// Which characteristics fall short of their reference, by their place, and by how many points.
    pub fn lacks<'a>(
        &self,
        value: impl Fn(usize) -> Value<'a>,
    ) -> impl Iterator<Item = (usize, i32)> {
        let lack = move |(index, one): (usize, &Characteristic)| {
            (index, one.reference - one.bins.points(value(index)))
        };
        self.characteristics.iter().enumerate().map(lack).filter(|(_, points)| *points > 0)
    }

    /// What falls short of its reference, merged by reason; the largest first, among equals the
    /// lower code.
    pub fn shortfalls<'a>(&self, value: impl Fn(usize) -> Value<'a>) -> Vec<Shortfall> {
        let mut merged: Vec<Shortfall> = Vec::with_capacity(self.characteristics.len());
        for (index, points) in self.lacks(&value) {
            let reason = self.characteristics[index].reason_of(value(index));
            match merged.iter_mut().find(|shortfall| shortfall.reason == reason) {
                Some(shortfall) => shortfall.points += points,
                None => merged.push(Shortfall { reason, points }),
            }
        }
        merged.sort_by_key(|shortfall| (-shortfall.points, shortfall.reason.number()));
        merged
    }

    /// The principal ones of `shortfalls`: four, and bureau inquiries as a fifth when they fell
    /// below the cut.
    pub fn principal(shortfalls: &[Shortfall]) -> impl Iterator<Item = Shortfall> + '_ {
        let (named, rest) = shortfalls.split_at(PRINCIPAL_MAX.min(shortfalls.len()));
        let inquiries = ReasonCode::RecentCreditInquiries;
        let fifth = rest.iter().filter(move |shortfall| shortfall.reason == inquiries);
        named.iter().chain(fifth).copied()
    }
}

#[cfg(test)]
pub(super) mod tests;
