//! The stored form: JSON with a checksum; what it does not know or trust it refuses.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{Bins, Calibration, Scorecard};

pub const FORMAT_VERSION: u32 = 1;

/// More points than any card has; sums of so few stay far from overflow.
const POINTS_MAX: i32 = 1_000_000;
const CHARACTERISTICS_MAX: usize = 1_000;

/// Why an artifact is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ArtifactError {
    #[error("not a scorecard: {0}")]
    Form(String),
    #[error("format version {found}, expected {FORMAT_VERSION}")]
    Version { found: u64 },
    #[error("the checksum does not match: the file was changed after training")]
    Checksum,
    #[error("{place}: {problem}")]
    Content { place: String, problem: &'static str },
}

#[derive(Deserialize)]
struct Version {
    format_version: u64,
}

impl Scorecard {
    pub fn parse(bytes: &[u8]) -> Result<Scorecard, ArtifactError> {
        let form = |error: serde_json::Error| ArtifactError::Form(error.to_string());
        // The version first: another one may well have other fields.
        let version: Version = serde_json::from_slice(bytes).map_err(form)?;
        if version.format_version != u64::from(FORMAT_VERSION) {
            return Err(ArtifactError::Version { found: version.format_version });
        }
        let card: Scorecard = serde_json::from_slice(bytes).map_err(form)?;
        if card.checksum != card.digest().map_err(form)? {
            return Err(ArtifactError::Checksum);
        }
        card.check()?;
        Ok(card)
    }

    /// Its bytes, with the checksum that they must have.
    pub fn seal(mut self) -> Result<(Scorecard, Vec<u8>), ArtifactError> {
        let form = |error: serde_json::Error| ArtifactError::Form(error.to_string());
        self.check()?;
        self.checksum = self.digest().map_err(form)?;
        let mut bytes = serde_json::to_vec_pretty(&self).map_err(form)?;
        bytes.push(b'\n');
        Ok((self, bytes))
    }

    pub(super) fn digest(&self) -> serde_json::Result<String> {
        let bare = Scorecard { checksum: String::new(), ..self.clone() };
        let digest = Sha256::digest(serde_json::to_vec(&bare)?);
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn check(&self) -> Result<(), ArtifactError> {
        let fault =
            |place: &str, problem| Err(ArtifactError::Content { place: place.to_owned(), problem });
        let Calibration { intercept, slope } = self.calibration;
        if !intercept.is_finite() || !slope.is_finite() || slope >= 0.0 {
            return fault("calibration", "expected finite numbers and a slope below zero");
        }
        let sound = |points: i32| points.abs() <= POINTS_MAX;
        if !sound(self.base_points) || !sound(self.pass_mark) {
            return fault("base_points, pass_mark", "expected at most a million points");
        }
        if !(1..=CHARACTERISTICS_MAX).contains(&self.characteristics.len()) {
            return fault("characteristics", "expected 1 to 1000");
        }
        for (index, one) in self.characteristics.iter().enumerate() {
            if self.characteristics[..index].iter().any(|other| other.name == one.name) {
                return fault(&one.name, "the name stands twice");
            }
            if !sound(one.reference) || !one.bins.all_points().all(sound) {
                return fault(&one.name, "expected at most a million points");
            }
            if let Some(problem) = one.bins.problem() {
                return fault(&one.name, problem);
            }
        }
        Ok(())
    }
}

impl Bins {
    /// The points of every bin, the missing one's last.
    fn all_points(&self) -> Box<dyn Iterator<Item = i32> + '_> {
        match self {
            Bins::Numeric { points, missing, special, .. } => Box::new(
                points
                    .iter()
                    .copied()
                    .chain(special.iter().map(|special| special.points))
                    .chain([*missing]),
            ),
            Bins::Category { groups, other, missing } => {
                Box::new(groups.iter().map(|group| group.points).chain([*other, *missing]))
            }
        }
    }

    fn problem(&self) -> Option<&'static str> {
        match self {
            Bins::Numeric { upper, points, special, .. } => {
                let finite = upper.iter().chain(special.iter().map(|special| &special.value));
                if !finite.into_iter().all(|number| number.is_finite()) {
                    return Some("a bound or special value is not finite");
                }
                if !upper.windows(2).all(|pair| pair[0] < pair[1]) {
                    return Some("the bounds of its bins are not in ascending order");
                }
                let expected = upper.len() + 1;
                (points.len() != expected).then_some("expected one more of points than of bounds")
            }
            Bins::Category { groups, .. } => {
                let mut values: Vec<&String> =
                    groups.iter().flat_map(|group| &group.values).collect();
                values.sort_unstable();
                let twice = values.windows(2).any(|pair| pair[0] == pair[1]);
                twice.then_some("a category stands in two groups")
            }
        }
    }
}
