//! The stored form: JSON with a checksum; what it does not know or trust it refuses.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::calibration::Calibration;
use super::tree::Layout;
use super::{ABREAST, Forest};
use crate::domain::ReasonCode;
pub use crate::scoring::Target;
use crate::scoring::TestFigures;

pub const FORMAT_VERSION: u32 = 1;
pub const INPUTS_MAX: usize = 1_000;
const TREES_MAX: usize = 10_000;
const NODES_MAX: usize = 50_000_000;

/// Why an artifact is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ForestError {
    #[error("not a forest: {0}")]
    Form(String),
    #[error("format version {found}, expected {FORMAT_VERSION}")]
    Version { found: u64 },
    #[error("the checksum does not match: the file was changed after training")]
    Checksum,
    #[error("{place}: {problem}")]
    Content { place: String, problem: &'static str },
    #[error("the feature \"{feature}\" is not known here")]
    Unknown { feature: String },
}

/// Tells a forest from models of other kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Forest,
}

/// Where a missing value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// Below every number, as it was in training, so that trees learned what it means.
    Lowest,
    /// To the side with more training rows: training never saw one.
    Majority,
}

/// How the chance may go with an input's value, all else being equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// A larger value never lowers it.
    Increasing,
    /// A larger value never raises it.
    Decreasing,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub name: String,
    pub reason: ReasonCode,
    /// The same where the value is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_reason: Option<ReasonCode>,
    pub missing: Missing,
    /// Chances at leaves are cut so that it holds; see `monotone.rs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monotone: Option<Direction>,
    /// Of a category: its values, from the fewest positives to the most; the place is the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
}

/// A tree in preorder: a split, all of its left side, all of its right side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeParts {
    /// Place of the input that a split asks; -1 for a leaf.
    pub feature: Vec<i32>,
    /// Of each split, in order: at most this goes left.
    pub cut: Vec<f64>,
    /// Of each leaf, in order: training rows, in the bag or not.
    pub rows: Vec<u32>,
    pub positives: Vec<u32>,
}

/// Figures on rows that training did not see.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    #[serde(flatten)]
    pub test: TestFigures,
    pub average_precision: f64,
    /// Only of a split by time that names an entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_precision_100: Option<f64>,
}

/// What it was trained on and how, and how well it did on the rest.
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
    pub test: Figures,
}

/// A forest as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    pub format_version: u32,
    pub kind: Kind,
    pub name: String,
    pub target: Target,
    pub inputs: Vec<Input>,
    /// Share of positives among the training rows.
    pub prior: f64,
    /// A leaf is taken as having so many more rows of the average kind.
    pub smoothing: f64,
    pub calibration: Calibration,
    pub training: Training,
    pub trees: Vec<TreeParts>,
    /// SHA-256 of the same artifact, written without spaces, with this field empty.
    pub checksum: String,
}

#[derive(Deserialize)]
struct Version {
    format_version: u64,
}

impl Artifact {
    /// Chance at a leaf.
    pub fn chance(&self, rows: u32, positives: u32) -> f64 {
        let prior = self.smoothing * self.prior;
        (f64::from(positives) + prior) / (f64::from(rows) + self.smoothing)
    }

    /// The forest with the checksum that its bytes must have, and these.
    pub fn seal(mut self) -> Result<(Forest, Vec<u8>), ForestError> {
        self.checksum = self.digest()?;
        let mut bytes = serde_json::to_vec(&self).map_err(form)?;
        bytes.push(b'\n');
        Ok((self.open()?, bytes))
    }

    pub(super) fn digest(&self) -> Result<String, ForestError> {
        let mut bare = self.clone();
        bare.checksum.clear();
        let digest = Sha256::digest(serde_json::to_vec(&bare).map_err(form)?);
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Lays the forest out for serving, after every check but that of the checksum.
    pub fn open(self) -> Result<Forest, ForestError> {
        self.check()?;
        let fault = |problem| content("trees", problem);
        let Layout { nodes, roots, means } = Layout::of(&self).map_err(fault)?;
        let sum: f64 = roots.chunks(ABREAST).fold(0.0, |sum, chunk| {
            sum + chunk.iter().map(|root| means[*root as usize]).sum::<f64>()
        });
        let base = sum / roots.len() as f64;
        Ok(Forest { artifact: self, nodes, roots, means, base })
    }

    fn check(&self) -> Result<(), ForestError> {
        if !(1..=INPUTS_MAX).contains(&self.inputs.len()) {
            return Err(content("inputs", "expected 1 to 1000"));
        }
        for (index, one) in self.inputs.iter().enumerate() {
            if self.inputs[..index].iter().any(|other| other.name == one.name) {
                return Err(content(&one.name, "the name stands twice"));
            }
        }
        if !(0.0..=1.0).contains(&self.prior) {
            return Err(content("prior", "expected 0 to 1"));
        }
        if !(1e-6..=1e6).contains(&self.smoothing) {
            return Err(content("smoothing", "expected more than 0, up to a million"));
        }
        if let Some(problem) = self.calibration.problem() {
            return Err(content("calibration", problem));
        }
        let nodes = self.trees.iter().map(|tree| tree.feature.len()).sum::<usize>();
        if !(1..=TREES_MAX).contains(&self.trees.len()) || nodes > NODES_MAX {
            return Err(content("trees", "expected 1 to 10000, with 50 million nodes at most"));
        }
        for tree in &self.trees {
            if tree.rows.len() != tree.positives.len() {
                return Err(content("trees", "expected as many rows as positives"));
            }
            let mut counts = tree.rows.iter().zip(&tree.positives);
            if counts.any(|(rows, positives)| *rows == 0 || positives > rows) {
                return Err(content("trees", "a leaf without rows, or with more positives"));
            }
            if !tree.cut.iter().all(|cut| cut.is_finite()) {
                return Err(content("trees", "a cut is not finite"));
            }
            if tree.feature.iter().any(|feature| *feature < -1) {
                return Err(content("trees", "a feature out of range"));
            }
        }
        Ok(())
    }
}

impl Forest {
    pub fn parse(bytes: &[u8]) -> Result<Forest, ForestError> {
        // The version first: another one may well have other fields.
        let version: Version = serde_json::from_slice(bytes).map_err(form)?;
        if version.format_version != u64::from(FORMAT_VERSION) {
            return Err(ForestError::Version { found: version.format_version });
        }
        let artifact: Artifact = serde_json::from_slice(bytes).map_err(form)?;
        if artifact.checksum != artifact.digest()? {
            return Err(ForestError::Checksum);
        }
        artifact.open()
    }

    /// Whether `bytes` claim to be a forest, sound or not.
    pub fn claimed(bytes: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct Claim {
            #[serde(rename = "kind")]
            _kind: Kind,
        }
        serde_json::from_slice::<Claim>(bytes).is_ok()
    }
}

fn form(error: serde_json::Error) -> ForestError {
    ForestError::Form(error.to_string())
}

fn content(place: &str, problem: &'static str) -> ForestError {
    ForestError::Content { place: place.to_owned(), problem }
}
