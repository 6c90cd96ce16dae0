//! A scorecard on rows: points, chances, and how much of a refusal its named reasons explain.

use serde::Serialize;

use super::column::{Column, Columns};
use super::error::Error;
use super::metrics::{Metrics, mean, measure};
use super::spec::Spec;
use super::table::Table;
use crate::scoring::Scorecard;

/// Reasons are faithful when they close so much of the gap to the pass mark.
const CLOSED_MIN: f64 = 0.6;

/// A test row with what the card says of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Judged {
    pub row: u32,
    pub chance: f64,
    pub passed: bool,
    /// Of what is refused: which share of the gap to the pass mark is closed by setting the named
    /// characteristics to their references.
    pub closed: Option<f64>,
}

/// How often the reasons that are named explain a refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Faithfulness {
    pub refused: u64,
    /// Of those, the ones whose named reasons close at least 60 % of the gap.
    pub explained: u64,
    pub share: f64,
}

impl Faithfulness {
    pub(super) fn of(judged: &[Judged]) -> Faithfulness {
        let refused = judged.iter().filter_map(|one| one.closed);
        let (refused, explained) = refused.fold((0, 0), |(all, explained), closed| {
            (all + 1, explained + u64::from(closed >= CLOSED_MIN))
        });
        Faithfulness { refused, explained, share: explained as f64 / (refused as f64).max(1.0) }
    }
}

/// The columns that the card's characteristics take, in their order.
pub(super) fn inputs<'a>(
    card: &Scorecard,
    spec: &Spec,
    columns: &'a Columns,
) -> Result<Vec<Column<'a>>, Error> {
    let one = |name: &String| match spec.features.iter().find(|one| one.name == *name) {
        Some(feature) => columns.column(feature),
        None => {
            Err(Error::data(format!("the spec has no feature \"{name}\", which the model takes")))
        }
    };
    card.characteristics.iter().map(|characteristic| one(&characteristic.name)).collect()
}

/// Judges `rows` as serving would: by the artifact alone.
pub(super) fn judge(card: &Scorecard, inputs: &[Column<'_>], rows: &[u32]) -> Vec<Judged> {
    let one = |row: &u32| {
        let value = |at: usize| inputs[at].value(*row as usize);
        let points = card.points(value);
        let passed = points >= card.pass_mark;
        let closed = (!passed).then(|| {
            let shortfalls = card.shortfalls(value);
            let named: i32 = Scorecard::principal(&shortfalls).map(|one| one.points).sum();
            f64::from(named) / f64::from(card.pass_mark - points)
        });
        Judged { row: *row, chance: card.probability(points), passed, closed }
    };
    rows.iter().map(one).collect()
}

pub(super) fn figures(judged: &[Judged], columns: &Columns) -> Result<Metrics, Error> {
    let chances: Vec<f64> = judged.iter().map(|one| one.chance).collect();
    let positive: Vec<bool> = judged.iter().map(|one| columns.positive[one.row as usize]).collect();
    measure(&chances, &positive)
}

/// Figures of a stored model on the test part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The test rows trained this very model: the figures flatter it.
    pub in_sample: bool,
}

/// Evaluates `card` on the test part that the spec makes of `table`. `data_sha256` tells whether
/// it was trained on this file.
pub fn evaluate(
    card: &Scorecard,
    spec: &Spec,
    table: Table,
    data_sha256: &str,
) -> Result<Evaluation, Error> {
    if card.target.column != spec.target || card.target.positive != spec.positive {
        return Err(Error::data(format!(
            "the model tells whether \"{}\" is \"{}\", the spec asks whether \"{}\" is \"{}\"",
            card.target.column, card.target.positive, spec.target, spec.positive
        )));
    }
    let columns = Columns::new(spec, table)?;
    let inputs = inputs(card, spec, &columns)?;
    let folds = spec.split.folds(&columns.table, &columns.positive)?;
    let mut all = Vec::new();
    for fold in &folds {
        all.push(figures(&judge(card, &inputs, &fold.test), &columns)?);
    }
    let in_sample = spec.judges_training_rows(card.training.data_sha256 == data_sha256);
    Ok(Evaluation { metrics: mean(&all), in_sample })
}
