//! One training from spec and table to artifact, figures and report.

use super::card::{Made, make};
use super::column::Columns;
use super::error::Error;
use super::evaluate::{Faithfulness, Judged, figures, inputs, judge};
use super::fairness::fairness;
use super::metrics::{Metrics, mean};
use super::plots::{Plot, Rows, plots};
use super::report::Report;
use super::spec::{Spec, Split};
use super::table::Table;
use crate::scoring::{Calibration, Scorecard};

/// SHA-256 of what was read, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    pub data: String,
    pub spec: String,
}

/// A finished training.
#[derive(Debug)]
pub struct Trained {
    pub card: Scorecard,
    /// The artifact as it is stored.
    pub bytes: Vec<u8>,
    pub metrics: Metrics,
    pub report: Report,
    pub plots: Vec<Plot>,
}

/// Trains a scorecard on so many threads. With several folds, figures are means over them; see
/// [`Split`] for the rows that train the artifact.
pub fn train_scorecard(
    spec: &Spec,
    table: Table,
    digests: Digests,
    threads: usize,
) -> Result<Trained, Error> {
    let columns = Columns::new(spec, table)?;
    let folds = spec.split.folds(&columns.table, &columns.positive)?;
    let final_rows = spec.split.final_rows(&folds, columns.table.rows);
    columns.refuse_constant(spec, &final_rows)?;
    let mut first: Option<Made> = None;
    let (mut judged, mut all) = (Vec::new(), Vec::new());
    for fold in &folds {
        let made = make(spec, &columns, &fold.train, threads)?;
        let inputs = inputs(&made.card, spec, &columns)?;
        let rows = judge(&made.card, &inputs, &fold.test);
        all.push(figures(&rows, &columns)?);
        judged.extend(rows);
        first = first.or(Some(made));
    }
    let made = match (&spec.split, first) {
        (Split::Kfold { .. }, _) | (_, None) => make(spec, &columns, &final_rows, threads)?,
        (_, Some(first)) => first,
    };
    let metrics = mean(&all);
    let Made { mut card, tables, choice } = made;
    card.training.test = metrics;
    card.training.data_sha256 = digests.data;
    card.training.spec_sha256 = digests.spec;
    let (card, bytes) = card.seal()?;
    let report = Report {
        name: card.name.clone(),
        training: card.training.clone(),
        pass_mark: card.pass_mark,
        base_points: card.base_points,
        validation_auc: choice.auc,
        folds: all,
        fairness: fairness(spec, &columns, &judged)?,
        faithfulness: Faithfulness::of(&judged),
        references: card
            .characteristics
            .iter()
            .map(|one| (one.name.clone(), (one.reference, one.reason)))
            .collect(),
        characteristics: tables,
    };
    let plots = draw(&card, &judged, &columns)?;
    Ok(Trained { card, bytes, metrics, report, plots })
}

fn draw(card: &Scorecard, judged: &[Judged], columns: &Columns) -> Result<Vec<Plot>, Error> {
    let chances: Vec<f64> = judged.iter().map(|one| one.chance).collect();
    let positive: Vec<bool> = judged.iter().map(|one| columns.positive[one.row as usize]).collect();
    // Cards of several folds have the same scale, so a chance tells the points.
    let Calibration { intercept, slope } = card.calibration;
    let points = chances.iter().map(|p| ((libm::log(p / (1.0 - p)) - intercept) / slope).round());
    let points: Vec<f64> = points.collect();
    let rows = Rows {
        ranks: &chances,
        chances: &chances,
        scores: &points,
        score: "points",
        positive: &positive,
    };
    plots(&card.name, &rows)
}
