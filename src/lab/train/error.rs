//! Why a file cannot be trained on or judged: what the user can put right.

use thiserror::Error;

use crate::ledger;
use crate::policy::LoadError;
use crate::scoring::ArtifactError;
use crate::scoring::forest::ForestError;

#[derive(Debug, Error)]
pub enum Error {
    /// Every fault of the spec or of the policy, a line each.
    #[error("{}", lines(.0))]
    Spec(Vec<LoadError>),
    #[error("{0}")]
    Data(String),
    #[error("row {row}, column \"{column}\": {problem}")]
    Cell { row: usize, column: String, problem: String },
    #[error("{0}")]
    Fit(String),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The fault of the disk, not of the input.
    #[error("writing the table: {0}")]
    Write(#[from] csv::Error),
    #[error(transparent)]
    Model(#[from] ArtifactError),
    #[error(transparent)]
    Forest(#[from] ForestError),
}

impl Error {
    pub(super) fn data(problem: impl Into<String>) -> Error {
        Error::Data(problem.into())
    }
}

fn lines(faults: &[LoadError]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
