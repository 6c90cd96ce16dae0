//! Facts to scores, each with the share that every part had in it.

pub mod forest;
mod model;
mod scorecard;
mod spending;

pub use model::{Chance, Model, ModelError, Speaks, is_barred};
pub use scorecard::{
    ArtifactError, Bins, Calibration, Characteristic, FORMAT_VERSION, Group, PRINCIPAL_MAX,
    Scaling, Scorecard, Shortfall, Special, Target, TestFigures, Training, Value,
};
pub use spending::{Part, SpendingModel, SpendingScore};
