//! The fitted model as a scorecard: whole points, a pass mark, reference points.

use serde::Serialize;

use super::binning::{Binned, Cell, Cut, Rows};
use super::calibrate::Platt;
use super::column::{Column, Columns};
use super::error::Error;
use super::fit::{Features, cells};
use super::spec::{Feature, MissingPoints, Pass, Spec};
use super::validate::{Choice, choose};
use crate::scoring::{
    Bins, Calibration, Characteristic, FORMAT_VERSION, Group, Scorecard, Special, Target,
    TestFigures, Training, Value,
};

/// References are means over at least so many applicants who just passed, or this share of all.
const REFERENCE_ROWS_MIN: usize = 100;
const REFERENCE_SHARE: usize = 50;

/// A bin as the report shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BinRow {
    pub bin: String,
    pub rows: u32,
    pub positives: u32,
    pub rate: f64,
    pub woe: f64,
    pub points: i32,
}

/// A characteristic as the report shows it; of a feature that is not used, the reason why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CardTable {
    pub name: String,
    pub information_value: f64,
    pub weight: f64,
    pub dropped: Option<&'static str>,
    pub bins: Vec<BinRow>,
}

/// A card without its test figures, and what it was made of.
pub(super) struct Made {
    pub card: Scorecard,
    pub tables: Vec<CardTable>,
    pub choice: Choice,
}

/// Trains on `places`: chooses, bins, weighs, scales.
pub(super) fn make(
    spec: &Spec,
    columns: &Columns,
    places: &[u32],
    threads: usize,
) -> Result<Made, Error> {
    let features = columns.features(spec)?;
    let rows = Rows { places, positive: &columns.positive };
    let choice = choose(spec, &features, rows, threads)?;
    let cells = cells(spec, &features, rows)?;
    let binned: Vec<Binned> = cells.iter().map(|cells| cells.bin(choice.price)).collect();
    let weights = &choice.weights;
    let scale = Scale::new(spec, choice.platt);
    let mut card = Scorecard {
        format_version: FORMAT_VERSION,
        name: spec.name.clone(),
        target: Target { column: spec.target.clone(), positive: spec.positive.clone() },
        scaling: spec.scaling,
        calibration: scale.calibration(),
        pass_mark: 0,
        base_points: scale.base(weights[features.len()]),
        characteristics: Vec::new(),
        training: Training {
            data_sha256: String::new(),
            spec_sha256: String::new(),
            rows: places.len() as u64,
            positives: u64::from(rows.total().positives),
            split: spec.split.name().to_owned(),
            seed: spec.seed,
            bin_penalty: choice.price,
            l2: choice.l2,
            test: NO_FIGURES,
        },
        checksum: String::new(),
    };
    let mut tables = Vec::new();
    for (at, feature) in spec.features.iter().enumerate() {
        let (binned, weight) = (&binned[at], weights[at]);
        let points: Vec<i32> = binned.woe.iter().map(|woe| scale.points(weight * woe)).collect();
        let dropped = dropped(binned, weight, &points);
        tables.push(table(feature, features[at].0, binned, (weight, &points, dropped)));
        if dropped.is_none() {
            card.characteristics.push(Characteristic {
                name: feature.name.clone(),
                reason: feature.reason,
                missing_reason: feature.missing_reason,
                reference: 0,
                bins: bins(features[at].0, binned, &points),
            });
        }
    }
    if card.characteristics.is_empty() {
        return Err(Error::Fit("no feature tells the positive rows from the others".to_owned()));
    }
    let used = used(spec, &features, &card);
    references(&mut card, spec.pass, &used, places);
    neutral(&mut card, spec, &used, places);
    for (table, one) in
        tables.iter_mut().filter(|table| table.dropped.is_none()).zip(&card.characteristics)
    {
        if let Some(row) = table.bins.last_mut() {
            row.points = one.bins.points(Value::Missing);
        }
    }
    Ok(Made { card, tables, choice })
}

/// Why a feature is not used, if it is not.
fn dropped(binned: &Binned, weight: f64, points: &[i32]) -> Option<&'static str> {
    let told = binned.cells.iter().zip(points);
    let worth = told.filter(|(cell, _)| cell.rows > 0).any(|(_, points)| *points != 0);
    match (binned.tells(), weight > 0.0, worth) {
        (false, _, _) => Some("its bins do not tell the classes apart"),
        (_, false, _) => Some("beside the others it tells nothing more of unseen rows"),
        (_, _, false) => Some("its points are all zero"),
        _ => None,
    }
}

pub(super) const NO_FIGURES: TestFigures =
    TestFigures { rows: 0, positives: 0, auc: 0.0, gini: 0.0, ks: 0.0, brier: 0.0, log_loss: 0.0 };

/// The columns of the characteristics, in their order.
fn used<'a>(spec: &Spec, features: &Features<'a>, card: &Scorecard) -> Vec<Column<'a>> {
    let place = |one: &Characteristic| spec.features.iter().position(|f| f.name == one.name);
    card.characteristics.iter().filter_map(place).map(|at| features[at].0).collect()
}

/// Log odds to points and back.
struct Scale {
    factor: f64,
    offset: f64,
    platt: Platt,
}

impl Scale {
    fn new(spec: &Spec, platt: Platt) -> Scale {
        let factor = spec.scaling.pdo / std::f64::consts::LN_2;
        let offset = spec.scaling.base_score - factor * libm::log(spec.scaling.odds);
        Scale { factor, offset, platt }
    }

    fn base(&self, intercept: f64) -> i32 {
        let log_odds = self.platt.shift + self.platt.scale * intercept;
        (self.offset - self.factor * log_odds).round() as i32
    }

    fn points(&self, log_odds: f64) -> i32 {
        (-self.factor * self.platt.scale * log_odds).round() as i32
    }

    fn calibration(&self) -> Calibration {
        Calibration { intercept: self.offset / self.factor, slope: -1.0 / self.factor }
    }
}

/// What is not in any bin, or was never seen, is neither good nor bad: its evidence is zero.
fn bins(column: Column<'_>, binned: &Binned, points: &[i32]) -> Bins {
    match (&binned.cut, column) {
        (Cut::Category { group, groups }, Column::Texts(texts)) => {
            let of = |number: u16| {
                let members = group.iter().zip(&texts.names);
                let mut values: Vec<String> = members
                    .filter(|(group, _)| **group == Some(number))
                    .map(|(_, name)| name.clone())
                    .collect();
                values.sort();
                Group { values, points: points[usize::from(number)] }
            };
            Bins::Category {
                groups: (0..*groups).map(of).collect(),
                other: points[usize::from(*groups)],
                missing: points[usize::from(*groups) + 1],
            }
        }
        (Cut::Numeric { upper, special }, _) => {
            let numbers = upper.len() + 1;
            let coded = special.iter().zip(&points[numbers..]);
            Bins::Numeric {
                upper: upper.clone(),
                points: points[..numbers].to_vec(),
                missing: points[numbers + special.len()],
                special: coded.map(|(v, p)| Special { value: *v, points: *p }).collect(),
            }
        }
        // A category's column is text; see `Columns::column`.
        (Cut::Category { .. }, Column::Numbers(_)) => {
            Bins::Category { groups: Vec::new(), other: 0, missing: 0 }
        }
    }
}

fn table(
    feature: &Feature,
    column: Column<'_>,
    binned: &Binned,
    (weight, points, dropped): (f64, &[i32], Option<&'static str>),
) -> CardTable {
    let cells: Vec<(&Cell, &f64)> = binned.cells.iter().zip(&binned.woe).collect();
    let row = |(at, label): (usize, String)| {
        let (cell, woe) = cells[at];
        let points = if dropped.is_some() { 0 } else { points[at] };
        BinRow {
            bin: label,
            rows: cell.rows,
            positives: cell.positives,
            rate: cell.rate(),
            woe: *woe,
            points,
        }
    };
    CardTable {
        name: feature.name.clone(),
        information_value: binned.information(),
        weight,
        dropped,
        bins: labels(column, &binned.cut).into_iter().enumerate().map(row).collect(),
    }
}

fn labels(column: Column<'_>, cut: &Cut) -> Vec<String> {
    let mut labels = Vec::new();
    match (cut, column) {
        (Cut::Numeric { upper, special }, _) => {
            match upper.as_slice() {
                [] => labels.push("any".to_owned()),
                [first, ..] => labels.push(format!("<= {first}")),
            }
            labels.extend(upper.windows(2).map(|pair| format!("{} to {}", pair[0], pair[1])));
            labels.extend(upper.last().map(|last| format!("> {last}")));
            labels.extend(special.iter().map(|code| format!("code {code}")));
        }
        (Cut::Category { .. }, Column::Texts(_)) => {
            if let Bins::Category { groups, .. } = bins_of(cut, column) {
                labels.extend(groups.iter().map(|group| group.values.join(", ")));
            }
            labels.push("rare or new".to_owned());
        }
        (Cut::Category { .. }, Column::Numbers(_)) => {}
    }
    labels.push("missing".to_owned());
    labels
}

fn bins_of(cut: &Cut, column: Column<'_>) -> Bins {
    let none = vec![0; cut.bins()];
    let binned = Binned { cut: cut.clone(), cells: Vec::new(), woe: Vec::new() };
    bins(column, &binned, &none)
}

/// Gives missing values of neutral features the reference points, and no less than any bin but the
/// best: a value that tells against somebody is never better than none. Totals move with them, so
/// the pass mark and the references are taken once more.
fn neutral(card: &mut Scorecard, spec: &Spec, used: &[Column<'_>], places: &[u32]) {
    let is_neutral = |one: &Characteristic| {
        let feature = spec.features.iter().find(|feature| feature.name == one.name);
        feature.is_some_and(|feature| feature.missing == MissingPoints::Neutral)
    };
    if !card.characteristics.iter().any(is_neutral) {
        return;
    }
    let settle = |card: &mut Scorecard| {
        for one in card.characteristics.iter_mut().filter(|one| is_neutral(one)) {
            match &mut one.bins {
                Bins::Numeric { points, missing, .. } => {
                    let mut known = points.clone();
                    known.sort_unstable();
                    let second = known.iter().rev().nth(1).copied().unwrap_or(one.reference);
                    *missing = one.reference.max(second);
                }
                Bins::Category { missing, .. } => *missing = one.reference,
            }
        }
    };
    settle(card);
    references(card, spec.pass, used, places);
    settle(card);
}

/// Sets the pass mark, and as references the mean points of the training rows at or just above it.
fn references(card: &mut Scorecard, pass: Pass, used: &[Column<'_>], places: &[u32]) {
    let total = |card: &Scorecard, row: u32| card.points(|at| used[at].value(row as usize));
    let mut totals: Vec<(i32, u32)> = places.iter().map(|row| (total(card, *row), *row)).collect();
    totals.sort_unstable();
    card.pass_mark = match pass {
        Pass::Mark(mark) => mark,
        Pass::ApproveShare(share) => {
            let refused = ((1.0 - share) * totals.len() as f64).round() as usize;
            totals[refused.min(totals.len() - 1)].0
        }
    };
    let first = totals.partition_point(|(points, _)| *points < card.pass_mark);
    // When nobody passes, the best are the closest.
    let first = first.min(totals.len().saturating_sub(REFERENCE_ROWS_MIN));
    let wanted = REFERENCE_ROWS_MIN.max(totals.len() / REFERENCE_SHARE);
    let last = (first + wanted).min(totals.len()) - 1;
    // All of those with equal totals.
    let end = totals.partition_point(|(points, _)| *points <= totals[last].0);
    let just: &[(i32, u32)] = &totals[first..end];
    for (one, column) in card.characteristics.iter_mut().zip(used) {
        let earned = |(_, row): &(i32, u32)| one.bins.points(column.value(*row as usize));
        let sum: i64 = just.iter().map(|row| i64::from(earned(row))).sum();
        one.reference = (sum as f64 / just.len() as f64).round() as i32;
    }
}
