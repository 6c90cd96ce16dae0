//! One training from spec and table to artifact, figures and report.

use super::rank::{self, DayRow, average_precision, card_precision};
use serde::Serialize;

use super::report::Report;
use super::{Coded, Grown, Rows, grow};
use crate::lab::train::column::{Column, Columns};
use crate::lab::train::metrics::{mean, measure};
use crate::lab::train::plots::{self, Plot};
use crate::lab::train::spec::Kind as FeatureKind;
use crate::lab::train::table::Texts;
use crate::lab::train::{
    Digests, Error, Feature, Fold, Growth, MissingPoints, Monotone, Spec, Split, Table,
};
use crate::scoring::Value;
use crate::scoring::forest::{
    Artifact, Calibration, Direction, FORMAT_VERSION, Figures, Forest, Input, Kind, Missing,
    Target, Training,
};

const DAY: f64 = 86_400.0;

/// A finished training.
#[derive(Debug)]
pub struct TrainedForest {
    pub forest: Forest,
    /// The artifact as it is stored.
    pub bytes: Vec<u8>,
    pub figures: Figures,
    pub report: Report,
    pub plots: Vec<Plot>,
}

/// Trains a forest on so many threads. With several folds, figures are means over them; see
/// [`Split`] for the rows that train the artifact.
pub fn train_forest(
    spec: &Spec,
    table: Table,
    digests: Digests,
    threads: usize,
) -> Result<TrainedForest, Error> {
    let columns = Columns::new(spec, table)?;
    let folds = spec.split.folds(&columns.table, &columns.positive)?;
    let final_rows = spec.split.final_rows(&folds, columns.table.rows);
    columns.refuse_constant(spec, &final_rows)?;
    let mut first: Option<(Artifact, Growth)> = None;
    let (mut all, mut scores) = (Vec::new(), Scores::default());
    for fold in &folds {
        let (artifact, growth) = make(spec, &columns, &fold.train, threads)?;
        let forest = artifact.clone().open()?;
        all.push(judge(&forest, spec, &columns, fold, &mut scores)?);
        first = first.or(Some((artifact, growth)));
    }
    let (mut artifact, growth) = match (&spec.split, first) {
        (Split::Kfold { .. }, _) | (_, None) => make(spec, &columns, &final_rows, threads)?,
        (_, Some(first)) => first,
    };
    let figures = means(&all);
    artifact.training.test = figures;
    artifact.training.data_sha256 = digests.data;
    artifact.training.spec_sha256 = digests.spec;
    let (forest, bytes) = artifact.seal()?;
    let report = Report::new(&forest, growth, all, &final_rows, &rows_of(&forest, spec, &columns)?);
    let plots = scores.plots(&spec.name)?;
    Ok(TrainedForest { forest, bytes, figures, report, plots })
}

/// What was said of the test rows, fold after fold.
#[derive(Default)]
struct Scores {
    raw: Vec<f64>,
    chances: Vec<f64>,
    positive: Vec<bool>,
}

impl Scores {
    fn plots(&self, name: &str) -> Result<Vec<Plot>, Error> {
        let log_odds: Vec<f64> = self.chances.iter().map(|p| Calibration::log_odds(*p)).collect();
        let rows = plots::Rows {
            ranks: &self.raw,
            chances: &self.chances,
            scores: &log_odds,
            score: "log odds of the chance told",
            positive: &self.positive,
        };
        plots::plots(name, &rows)
    }
}

/// Figures of a stored forest on the test part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ForestEvaluation {
    #[serde(flatten)]
    pub figures: Figures,
    /// The test rows trained this very model: the figures flatter it.
    pub in_sample: bool,
}

/// Evaluates `forest` on the test part that the spec makes of `table`. `data_sha256` tells whether
/// it was trained on this file.
pub fn evaluate_forest(
    forest: &Forest,
    spec: &Spec,
    table: Table,
    data_sha256: &str,
) -> Result<ForestEvaluation, Error> {
    let Artifact { target, training, .. } = forest.artifact();
    if target.column != spec.target || target.positive != spec.positive {
        return Err(Error::data(format!(
            "the model tells whether \"{}\" is \"{}\", the spec asks whether \"{}\" is \"{}\"",
            target.column, target.positive, spec.target, spec.positive
        )));
    }
    let columns = Columns::new(spec, table)?;
    let folds = spec.split.folds(&columns.table, &columns.positive)?;
    let mut all = Vec::new();
    for fold in &folds {
        all.push(judge(forest, spec, &columns, fold, &mut Scores::default())?);
    }
    let in_sample = spec.judges_training_rows(training.data_sha256 == data_sha256);
    Ok(ForestEvaluation { figures: means(&all), in_sample })
}

/// A forest grown on `rows`, without figures and digests, and how it was grown.
fn make(
    spec: &Spec,
    columns: &Columns,
    rows: &[u32],
    threads: usize,
) -> Result<(Artifact, Growth), Error> {
    let positive: Vec<bool> = rows.iter().map(|row| columns.positive[*row as usize]).collect();
    let (mut inputs, mut coded) = (Vec::new(), Vec::new());
    for feature in &spec.features {
        let (input, column) = input(feature, columns, rows, &positive)?;
        inputs.push(input);
        coded.push(column);
    }
    let rows = Rows { columns: &coded, positive: &positive };
    let Grown { growth, trees, calibration } = grow(rows, &spec.forest, spec.seed, threads)?;
    let none = measure(&[0.0, 1.0], &[false, true])?;
    let artifact = Artifact {
        format_version: FORMAT_VERSION,
        kind: Kind::Forest,
        name: spec.name.clone(),
        target: Target { column: spec.target.clone(), positive: spec.positive.clone() },
        inputs,
        prior: rows.prior(),
        smoothing: spec.forest.smoothing,
        calibration,
        training: Training {
            data_sha256: String::new(),
            spec_sha256: String::new(),
            rows: positive.len() as u64,
            positives: positive.iter().filter(|one| **one).count() as u64,
            split: spec.split.name().to_owned(),
            seed: spec.seed,
            test: Figures { test: none, average_precision: 0.0, card_precision_100: None },
        },
        trees,
        checksum: String::new(),
    };
    Ok((artifact, growth))
}

/// A feature of the training rows. Categories become numbers in the order of their positive rates,
/// drawn to the mean as a leaf's is: the best cut of a category is then a cut of the numbers.
fn input(
    feature: &Feature,
    columns: &Columns,
    rows: &[u32],
    positive: &[bool],
) -> Result<(Input, Coded), Error> {
    let (mut coded, categories) = match columns.column(feature)? {
        Column::Numbers(numbers) => {
            (Coded::new(rows.iter().map(|row| numbers[*row as usize])), None)
        }
        Column::Texts(texts) => {
            let codes = in_order_of_rate(texts, rows, positive);
            let place = |row: &u32| {
                let code = texts.codes[*row as usize];
                codes.iter().position(|one| *one == code).map_or(f64::NAN, |place| place as f64)
            };
            let coded = Coded::new(rows.iter().map(place));
            let names = codes.iter().map(|code| texts.names[*code as usize].clone());
            (coded, Some(names.collect()))
        }
    };
    let missing = if coded.missing { Missing::Lowest } else { Missing::Majority };
    if feature.missing == MissingPoints::Neutral {
        return Err(Error::data(format!(
            "feature \"{}\": missing = \"neutral\" is for scorecards",
            feature.name
        )));
    }
    coded.monotone = direction(feature)?;
    let input = Input {
        name: feature.name.clone(),
        reason: feature.reason,
        missing_reason: feature.missing_reason,
        missing,
        monotone: coded.monotone,
        categories,
    };
    Ok((input, coded))
}

fn direction(feature: &Feature) -> Result<Option<Direction>, Error> {
    Ok(match feature.kind {
        FeatureKind::Numeric(Monotone::Increasing) => Some(Direction::Increasing),
        FeatureKind::Numeric(Monotone::Decreasing) => Some(Direction::Decreasing),
        FeatureKind::Numeric(Monotone::None) | FeatureKind::Category => None,
        FeatureKind::Numeric(Monotone::Auto) => {
            return Err(Error::data(format!(
                "feature \"{}\": monotone = \"auto\" is for scorecards; a forest expects \
                 \"increasing\", \"decreasing\" or \"none\"",
                feature.name
            )));
        }
    })
}

/// The codes that occur, but for the missing one.
fn in_order_of_rate(texts: &Texts, rows: &[u32], positive: &[bool]) -> Vec<u32> {
    let mut counts = vec![(0.0, 0.0); texts.names.len()];
    for (row, positive) in rows.iter().zip(positive) {
        let (all, positives) = &mut counts[texts.codes[*row as usize] as usize];
        *all += 1.0;
        *positives += f64::from(u8::from(*positive));
    }
    let whole = positive.iter().filter(|one| **one).count() as f64;
    let prior = whole / (positive.len() as f64).max(1.0);
    let rate = |code: &u32| {
        let (all, positives) = counts[*code as usize];
        (positives + CATEGORY_SMOOTHING * prior) / (all + CATEGORY_SMOOTHING)
    };
    let mut codes: Vec<u32> =
        (1..texts.names.len() as u32).filter(|code| counts[*code as usize].0 > 0.0).collect();
    let name = |code: &u32| &texts.names[*code as usize];
    codes.sort_by(|a, b| rate(a).total_cmp(&rate(b)).then_with(|| name(a).cmp(name(b))));
    codes
}

/// A category is taken as having so many more rows of the average kind.
const CATEGORY_SMOOTHING: f64 = 10.0;

/// A row as the forest takes it.
pub(super) struct Numbers<'a> {
    inputs: Vec<Source<'a>>,
}

enum Source<'a> {
    Numbers(&'a [f64]),
    /// The number of each code of the texts.
    Texts(&'a Texts, Vec<f64>),
}

impl Numbers<'_> {
    pub fn row(&self, row: u32, into: &mut Vec<f64>) {
        into.clear();
        into.extend(self.inputs.iter().map(|source| match source {
            Source::Numbers(numbers) => numbers[row as usize],
            Source::Texts(texts, numbers) => numbers[texts.codes[row as usize] as usize],
        }));
    }
}

/// The columns that the forest's inputs take, in their order, as serving would encode them.
fn rows_of<'a>(forest: &Forest, spec: &Spec, columns: &'a Columns) -> Result<Numbers<'a>, Error> {
    let place = |name: &str| spec.features.iter().position(|feature| feature.name == name);
    let mut inputs = Vec::new();
    for (index, at) in forest.bind(place)?.into_iter().enumerate() {
        inputs.push(match columns.column(&spec.features[at])? {
            Column::Numbers(numbers) => Source::Numbers(numbers),
            Column::Texts(texts) => {
                let number = |name: &String| forest.encode(index, Value::Text(name));
                Source::Texts(texts, texts.names.iter().map(number).collect())
            }
        });
    }
    Ok(Numbers { inputs })
}

/// Judges the test rows of a fold as serving would: by the forest alone.
fn judge(
    forest: &Forest,
    spec: &Spec,
    columns: &Columns,
    fold: &Fold,
    scores: &mut Scores,
) -> Result<Figures, Error> {
    let numbers = rows_of(forest, spec, columns)?;
    let mut row = Vec::new();
    let score = |place: &u32| {
        numbers.row(*place, &mut row);
        forest.raw(&row)
    };
    let raw: Vec<f64> = fold.test.iter().map(score).collect();
    let positive: Vec<bool> = fold.test.iter().map(|row| columns.positive[*row as usize]).collect();
    let chances: Vec<f64> = raw.iter().map(|raw| forest.calibrated(*raw)).collect();
    let mut test = measure(&chances, &positive)?;
    // A calibration may make two scores one; the order is that of the scores.
    let ranked = measure(&raw, &positive)?;
    (test.auc, test.gini, test.ks) = (ranked.auc, ranked.gini, ranked.ks);
    let figures = Figures {
        test,
        average_precision: average_precision(&raw, &positive),
        card_precision_100: cards(spec, columns, fold, &raw)?,
    };
    scores.raw.extend(raw);
    scores.chances.extend(chances);
    scores.positive.extend(positive);
    Ok(figures)
}

fn cards(spec: &Spec, columns: &Columns, fold: &Fold, raw: &[f64]) -> Result<Option<f64>, Error> {
    let Split::Time(time) = &spec.split else { return Ok(None) };
    let Some(entity) = &time.entity else { return Ok(None) };
    let times = columns.table.times(&time.column)?;
    let texts = columns.table.texts(entity)?;
    let places = rank::places(&texts.names);
    let rows = fold.test.iter().zip(raw).map(|(row, score)| {
        let row = *row as usize;
        DayRow {
            day: (times[row] / DAY).floor() as i64,
            card: places[texts.codes[row] as usize],
            score: *score,
            positive: columns.positive[row],
        }
    });
    let rows: Vec<DayRow> = rows.collect();
    Ok(Some(card_precision(&rows, rank::CARDS_A_DAY)))
}

fn means(all: &[Figures]) -> Figures {
    let tests: Vec<_> = all.iter().map(|one| one.test).collect();
    let count = all.len().max(1) as f64;
    let cards: Option<Vec<f64>> = all.iter().map(|one| one.card_precision_100).collect();
    Figures {
        test: mean(&tests),
        average_precision: all.iter().map(|one| one.average_precision).sum::<f64>() / count,
        card_precision_100: cards.map(|cards| cards.iter().sum::<f64>() / count),
    }
}
