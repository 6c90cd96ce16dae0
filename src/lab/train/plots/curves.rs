//! The points of the plots: few enough to draw, from all rows.

use std::ops::Range;

/// A curve moves so far, along either axis, before its next point is kept.
const STEP: f64 = 0.005;
/// Of the normal distribution: 95 % lie between minus this and this.
const Z: f64 = 1.96;

/// Rows of about equal chances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bin {
    pub rows: usize,
    /// The mean of what was told.
    pub chance: f64,
    pub rate: f64,
    /// Wilson's 95 % interval of the rate.
    pub low: f64,
    pub high: f64,
}

/// False and true positive rates, from no row to all; equal ranks are one step.
pub(super) fn roc(ranks: &[f64], positive: &[bool]) -> Vec<(f64, f64)> {
    let counts = counts(ranks, positive);
    let (negatives, positives) = counts.last().copied().unwrap_or_default();
    let rates = counts.iter().map(|(n, p)| (share(*n, negatives), share(*p, positives)));
    thinned(rates, |a, b| (a.0 - b.0).abs().max((a.1 - b.1).abs()))
}

/// Recall and precision, from the likeliest row to all.
pub(super) fn precision_recall(ranks: &[f64], positive: &[bool]) -> Vec<(f64, f64)> {
    let counts = counts(ranks, positive);
    let positives = counts.last().copied().unwrap_or_default().1;
    let some = counts.iter().skip(1);
    let points = some.map(|(n, p)| (share(*p, positives), share(*p, n + p)));
    // Among the first few rows precision jumps: only recall says when the next point is due.
    thinned(points, |a, b| (a.0 - b.0).abs())
}

/// Negative and positive rows above each rank that occurs, and above none.
fn counts(ranks: &[f64], positive: &[bool]) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..ranks.len()).collect();
    order.sort_unstable_by(|a, b| ranks[*b].total_cmp(&ranks[*a]));
    let (mut negatives, mut positives) = (0, 0);
    let mut counts = vec![(0, 0)];
    for equal in order.chunk_by(|a, b| ranks[*a] == ranks[*b]) {
        let here = equal.iter().filter(|row| positive[**row]).count();
        positives += here;
        negatives += equal.len() - here;
        counts.push((negatives, positives));
    }
    counts
}

fn share(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}

/// The first point, the last, and those between that are far enough from the one before.
fn thinned(
    points: impl Iterator<Item = (f64, f64)>,
    apart: impl Fn((f64, f64), (f64, f64)) -> f64,
) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut last = None;
    for point in points {
        if kept.last().is_none_or(|before| apart(*before, point) >= STEP) {
            kept.push(point);
        }
        last = Some(point);
    }
    kept.extend(last.filter(|last| kept.last() != Some(last)));
    kept
}

/// Bins of equal counts of rows, in order of their chances; the last ones have a row less where it
/// does not divide.
pub(super) fn calibration(chances: &[f64], positive: &[bool], bins: usize) -> Vec<Bin> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    // Equal chances in the order of the rows: the same bins every time.
    order.sort_by(|a, b| chances[*a].total_cmp(&chances[*b]));
    let mut rest = order.as_slice();
    let mut all = Vec::new();
    for left in (1..=bins).rev() {
        let (rows, others) = rest.split_at(rest.len().div_ceil(left));
        rest = others;
        if rows.is_empty() {
            continue;
        }
        let count = rows.len() as f64;
        let rate = rows.iter().filter(|row| positive[**row]).count() as f64 / count;
        let chance = rows.iter().map(|row| chances[*row]).sum::<f64>() / count;
        let (low, high) = wilson(rate, count);
        all.push(Bin { rows: rows.len(), chance, rate, low, high });
    }
    all
}

/// E. B. Wilson's score interval (Journal of the American Statistical Association 22, 1927).
fn wilson(rate: f64, count: f64) -> (f64, f64) {
    let square = Z * Z / count;
    let middle = (rate + square / 2.0) / (1.0 + square);
    let half = Z * (rate * (1.0 - rate) / count + square / (4.0 * count)).sqrt() / (1.0 + square);
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// The outline of a histogram: shares of `scores` in so many steps of `range`.
pub(super) fn shares(scores: &[f64], range: &Range<f64>, steps: usize) -> Vec<(f64, f64)> {
    let width = (range.end - range.start) / steps as f64;
    let mut counts = vec![0_usize; steps];
    for score in scores {
        let step = ((score - range.start) / width) as usize;
        counts[step.min(steps - 1)] += 1;
    }
    let corners = counts.iter().enumerate().flat_map(|(step, count)| {
        let (start, height) = (range.start + step as f64 * width, share(*count, scores.len()));
        [(start, height), (start + width, height)]
    });
    corners.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANKS: [f64; 5] = [0.9, 0.8, 0.8, 0.3, 0.1];
    const POSITIVE: [bool; 5] = [true, true, false, false, true];

    #[test]
    fn curves_by_hand() {
        let third = 1.0 / 3.0;
        let points = [(0.0, 0.0), (0.0, third), (0.5, 2.0 * third), (1.0, 2.0 * third), (1.0, 1.0)];
        assert_eq!(roc(&RANKS, &POSITIVE), points);
        let points = precision_recall(&RANKS, &POSITIVE);
        assert_eq!(points, [(third, 1.0), (2.0 * third, 2.0 * third), (1.0, 0.6)]);
    }

    #[test]
    fn bins_are_equally_full() {
        let chances: Vec<f64> = (0..23).map(|row| f64::from(row) / 23.0).collect();
        let positive: Vec<bool> = (0..23).map(|row| row >= 12).collect();
        let bins = calibration(&chances, &positive, 4);
        let rows: Vec<usize> = bins.iter().map(|bin| bin.rows).collect();
        assert_eq!(rows, [6, 6, 6, 5]);
        assert_eq!((bins[0].rate, bins[3].rate), (0.0, 1.0));
        assert!((bins[0].chance - 2.5 / 23.0).abs() < 1e-12);
        assert_eq!(calibration(&[0.5], &[true], 10).len(), 1);
    }

    #[test]
    fn the_interval_is_wilsons() {
        // Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, 0.2553 to 0.3662.
        let (low, high) = wilson(81.0 / 263.0, 263.0);
        assert!((low - 0.2553).abs() < 1e-4 && (high - 0.3662).abs() < 1e-4, "{low} {high}");
    }

    #[test]
    fn shares_of_a_class_add_up_to_one() {
        let outline = shares(&[0.0, 1.0, 1.0, 10.0], &(0.0..10.0), 5);
        assert_eq!(outline[..3], [(0.0, 0.75), (2.0, 0.75), (2.0, 0.0)]);
        assert_eq!(outline.last(), Some(&(10.0, 0.25)));
    }
}
