//! Training a model: a table and a spec in, an artifact, figures and a report out.
//!
//! Bins are made by [`binning`], their weights of evidence fitted by logistic regression in
//! `fit.rs`, scaled to points in `card.rs`. Everything that is chosen, the bins, the strength of
//! the penalty, the calibration, is chosen on training rows alone. The same spec, data and seed
//! give the same bytes. `forest/` grows forests. A table is a CSV file, or what `history/` makes of
//! a ledger.

pub mod binning;
mod calibrate;
mod card;
mod column;
mod derive;
mod error;
mod evaluate;
mod fairness;
mod fit;
mod forest;
mod history;
mod metrics;
mod newton;
mod plots;
mod report;
mod run;
mod spec;
mod split;
mod table;
mod validate;

pub use card::{BinRow, CardTable};
pub use column::{Column, Columns};
pub use error::Error;
pub use evaluate::{Evaluation, Faithfulness, evaluate};
pub use fairness::{Fairness, GroupFigures};
pub use forest::{ForestEvaluation, Growth, Method, TrainedForest, evaluate_forest, train_forest};
pub use history::{LeftOut, table_of_ledger};
pub use metrics::{Metrics, measure};
pub use plots::Plot;
pub use report::Report;
pub use run::{Digests, Trained, train_scorecard};
pub use spec::{
    Binning, Derived, Feature, Kind, MissingPoints, Monotone, OUTCOME, Outcome, OutcomeKind, Pass,
    Protected, Reading, Rule, Spec, Split, TimeSplit,
};
pub use split::Fold;
pub use table::{Table, Texts};
