//! Pictures of how a model did on rows that it had not seen, as SVG.

mod curves;
mod draw;

use super::error::Error;
use curves::{calibration, precision_recall, roc, shares};
use draw::{Frame, Legend, Mark, Series, draw};

/// What the rows of each class are called in the legends.
const POSITIVE: &str = "positive rows";
const NEGATIVE: &str = "other rows";
const BINS: usize = 10;
const STEPS: usize = 40;

/// A file beside the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plot {
    pub file: &'static str,
    pub svg: String,
}

/// The part of a report that shows the plots.
pub(super) const LINKS: &str = "\
## Plots

![ROC curve](roc.svg)
![Precision and recall](precision-recall.svg)
![Calibration](calibration.svg)
![Distribution of scores](scores.svg)

";

/// Judged rows; the lists are equally long.
pub(super) struct Rows<'a> {
    /// What the rows are ordered by, the higher the likelier.
    pub ranks: &'a [f64],
    /// Of the positive class.
    pub chances: &'a [f64],
    /// What the distribution shows, and its name.
    pub scores: &'a [f64],
    pub score: &'a str,
    pub positive: &'a [bool],
}

/// Draws all plots of the model with that name.
pub(super) fn plots(name: &str, rows: &Rows<'_>) -> Result<Vec<Plot>, Error> {
    Ok(vec![
        Plot { file: "roc.svg", svg: roc_plot(name, rows)? },
        Plot { file: "precision-recall.svg", svg: precision_recall_plot(name, rows)? },
        Plot { file: "calibration.svg", svg: calibration_plot(name, rows)? },
        Plot { file: "scores.svg", svg: scores_plot(name, rows)? },
    ])
}

fn roc_plot(name: &str, rows: &Rows<'_>) -> Result<String, Error> {
    let frame = Frame {
        title: format!("{name}: ROC curve on test rows"),
        x: ("false positive rate", 0.0..1.0),
        y: ("true positive rate", 0.0..1.0),
        legend: Legend::LowerRight,
    };
    let chance = vec![(0.0, 0.0), (1.0, 1.0)];
    draw(
        &frame,
        &[
            Series { label: "by chance", mark: Mark::Reference, points: chance },
            Series { label: "model", mark: Mark::First, points: roc(rows.ranks, rows.positive) },
        ],
    )
}

fn precision_recall_plot(name: &str, rows: &Rows<'_>) -> Result<String, Error> {
    let frame = Frame {
        title: format!("{name}: precision and recall on test rows"),
        x: ("recall", 0.0..1.0),
        y: ("precision", 0.0..1.0),
        legend: Legend::UpperRight,
    };
    let positives = rows.positive.iter().filter(|one| **one).count();
    let rate = positives as f64 / rows.positive.len().max(1) as f64;
    let points = precision_recall(rows.ranks, rows.positive);
    draw(
        &frame,
        &[
            Series {
                label: "share of positive rows",
                mark: Mark::Reference,
                points: vec![(0.0, rate), (1.0, rate)],
            },
            Series { label: "model", mark: Mark::First, points },
        ],
    )
}

fn calibration_plot(name: &str, rows: &Rows<'_>) -> Result<String, Error> {
    let bins = calibration(rows.chances, rows.positive, BINS);
    let top = bins.iter().map(|bin| bin.chance.max(bin.high)).fold(0.0, f64::max);
    let top = (top * 1.05).clamp(1e-6, 1.0);
    let counts = (
        bins.iter().map(|bin| bin.rows).min().unwrap_or(0),
        bins.iter().map(|bin| bin.rows).max().unwrap_or(0),
    );
    let counts = match counts {
        (low, high) if low == high => format!("{low}"),
        (low, high) => format!("{low} to {high}"),
    };
    let frame = Frame {
        title: format!("{name}: calibration, {} bins of {counts} test rows", bins.len()),
        x: ("mean chance told", 0.0..top),
        y: ("rate that came, with 95 % interval", 0.0..top),
        legend: Legend::UpperLeft,
    };
    let points = bins.iter().map(|bin| (bin.chance, bin.rate)).collect();
    let spans = bins.iter().flat_map(|bin| [(bin.chance, bin.low), (bin.chance, bin.high)]);
    draw(
        &frame,
        &[
            Series {
                label: "perfect",
                mark: Mark::Reference,
                points: vec![(0.0, 0.0), (top, top)],
            },
            Series { label: "", mark: Mark::Spans, points: spans.collect() },
            Series { label: "model", mark: Mark::Dots, points },
        ],
    )
}

fn scores_plot(name: &str, rows: &Rows<'_>) -> Result<String, Error> {
    let low = rows.scores.iter().copied().fold(f64::INFINITY, f64::min);
    let high = rows.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // A single score has a width, too.
    let range = if high > low { low..high } else { low - 0.5..low + 0.5 };
    let of = |class: bool| {
        let pairs = rows.scores.iter().zip(rows.positive);
        let scores: Vec<f64> = pairs.filter(|one| *one.1 == class).map(|one| *one.0).collect();
        shares(&scores, &range, STEPS)
    };
    let (positive, negative) = (of(true), of(false));
    let top = positive.iter().chain(&negative).map(|point| point.1).fold(0.0, f64::max);
    let frame = Frame {
        title: format!("{name}: distribution of scores on test rows"),
        x: (rows.score, range),
        y: ("share of the class", 0.0..top * 1.3),
        legend: Legend::UpperLeft,
    };
    draw(
        &frame,
        &[
            Series { label: NEGATIVE, mark: Mark::First, points: negative },
            Series { label: POSITIVE, mark: Mark::Second, points: positive },
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_many_rows_are_small_and_the_same_again() {
        let positive: Vec<bool> = (0..45_000).map(|row| row * 7_919 % 1_000 < 67).collect();
        let chances: Vec<f64> = (0..45_000).map(|row| f64::from(row % 9_973) / 9_973.0).collect();
        let rows = Rows {
            ranks: &chances,
            chances: &chances,
            scores: &chances,
            score: "chance",
            positive: &positive,
        };
        let all = plots("a < b & c", &rows).unwrap();
        assert_eq!(all, plots("a < b & c", &rows).unwrap());
        for plot in &all {
            assert!(plot.svg.starts_with("<svg"), "{}", plot.file);
            assert!(plot.svg.trim_end().ends_with("</svg>"), "{}", plot.file);
            assert!(plot.svg.len() < 40_000, "{}: {}", plot.file, plot.svg.len());
            assert!(plot.svg.contains("a &lt; b &amp; c"), "{}", plot.file);
            assert!(LINKS.contains(plot.file));
        }
    }

    #[test]
    fn one_score_for_all_is_drawn_too() {
        let (positive, same) = ([true, false, false], [0.5; 3]);
        let rows = Rows {
            ranks: &same,
            chances: &same,
            scores: &same,
            score: "chance",
            positive: &positive,
        };
        assert_eq!(plots("same", &rows).unwrap().len(), 4);
    }
}
