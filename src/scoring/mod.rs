//! Facts to scores, each with the share that every part had in it.

mod spending;

pub use spending::{Part, SpendingModel, SpendingScore};
