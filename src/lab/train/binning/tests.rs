//! The partition against every partition; bins and their worth by hand.

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

use super::partition::{gain, partitions};
use super::*;
use crate::lab::train::Monotone;
use crate::lab::train::Texts;

fn cells(counts: &[(u32, u32)]) -> Vec<Cell> {
    counts
        .iter()
        .map(|(positives, negatives)| Cell { rows: positives + negatives, positives: *positives })
        .collect()
}

/// The highest gain of each number of bins, among every set of ends, as the bits of a number.
fn brute_force(cells: &[Cell], rules: &Rules, rising: &[Option<bool>]) -> Vec<f64> {
    let places = cells.len() - 1;
    let mut best = vec![0.0];
    for bits in 1..1_u32 << places {
        let ends: Vec<usize> =
            (0..places).filter(|at| bits >> at & 1 == 1).map(|at| at + 1).collect();
        for gain in rising.iter().filter_map(|one| gain(cells, &ends, rules, *one)) {
            best.resize(best.len().max(ends.len() + 1), f64::NEG_INFINITY);
            best[ends.len()] = best[ends.len()].max(gain);
        }
    }
    best
}

proptest! {
    #[test]
    fn no_partition_within_the_rules_is_better(
        counts in proptest::collection::vec((0_u32..30, 0_u32..60), 1..9),
        least_rows in 0_u32..60,
        max_bins in 1_usize..6,
        price in 0.0..4.0_f64,
    ) {
        let cells = cells(&counts);
        for (monotone, rising) in [
            (Monotone::None, vec![None]),
            (Monotone::Increasing, vec![Some(true)]),
            (Monotone::Decreasing, vec![Some(false)]),
            (Monotone::Auto, vec![Some(true), Some(false)]),
        ] {
            let rules = Rules { least_rows, max_bins, monotone };
            let all = partitions(&cells, &rules);
            let best = brute_force(&cells, &rules, &rising);
            prop_assert_eq!(all.len(), best.len());
            for (one, best) in all.iter().zip(&best) {
                let reached = rising.iter().filter_map(|way| gain(&cells, &one.ends, &rules, *way));
                let reached = reached.fold(f64::NEG_INFINITY, f64::max);
                prop_assert!((reached - best).abs() < 1e-9, "{monotone:?}: {reached}, {best}");
                prop_assert!((one.gain - best).abs() < 1e-9, "{monotone:?}: {one:?}, {best}");
            }
            let worth = |(more, gain): (usize, &f64)| gain - price * more as f64;
            let most = best.iter().enumerate().map(worth).fold(0.0, f64::max);
            let told = worthiest(&all, price);
            prop_assert!((worth((told.ends.len(), &told.gain)) - most).abs() < 1e-9);
        }
    }
}

const LIMITS: Limits = Limits { min_share: 0.05, max_bins: 6, smoothing: 10.0 };
const PRICE: f64 = 4.0;

fn numbers(kind: Kind, rows: &[(f64, bool)], codes: &[f64]) -> Binned {
    let column: Vec<f64> = rows.iter().map(|(number, _)| *number).collect();
    let positive: Vec<bool> = rows.iter().map(|(_, positive)| *positive).collect();
    let places: Vec<u32> = (0..rows.len() as u32).collect();
    let rows = Rows { places: &places, positive: &positive };
    Cells::new(Column::Numbers(&column), codes, kind, rows, &LIMITS).unwrap().bin(PRICE)
}

/// Rows whose rate steps up at 10 and down at 20, with a tenth missing and some coded 96.
fn stepped() -> Vec<(f64, bool)> {
    (0..3_000)
        .map(|row| {
            let value = f64::from(row % 30);
            let rate = if (10.0..20.0).contains(&value) { 2 } else { 7 };
            let positive = (row / 30) % rate == 0;
            match row % 50 {
                0..5 => (f64::NAN, (row / 50) % 2 == 0),
                7 => (96.0, true),
                _ => (value, positive),
            }
        })
        .collect()
}

#[test]
fn steps_are_found_where_they_are_and_codes_stand_apart() {
    let binned = numbers(Kind::Numeric(Monotone::None), &stepped(), &[96.0]);
    assert_eq!(binned.cut, Cut::Numeric { upper: vec![9.0, 19.0], special: vec![96.0] });
    let [low, middle, high, code, missing] = binned.cells[..] else { panic!("{binned:?}") };
    assert_eq!((code.rows, code.positives), (60, 60));
    assert_eq!((missing.rows, missing.positives), (300, 150));
    assert!(middle.rate() > 0.4 && low.rate() < 0.2 && high.rate() < 0.2);
    assert!(binned.woe[1] > 0.0 && binned.woe[0] < 0.0 && binned.woe[3] > 1.0);
    assert!(binned.tells() && binned.information() > 0.1);
}

#[test]
fn a_direction_that_was_asked_for_is_kept() {
    for (monotone, rising) in [(Monotone::Increasing, true), (Monotone::Decreasing, false)] {
        let binned = numbers(Kind::Numeric(monotone), &stepped(), &[96.0]);
        let Cut::Numeric { upper, .. } = &binned.cut else { panic!() };
        assert_eq!(upper.len(), 1, "{monotone:?}: {upper:?}");
        let rates: Vec<f64> = binned.cells[..2].iter().map(Cell::rate).collect();
        assert_eq!(rates[0] < rates[1], rising);
    }
}

#[test]
fn noise_makes_no_bins() {
    let rows: Vec<(f64, bool)> =
        (0..2_000).map(|row| (f64::from(row % 101), row * 7919 % 5 == 0)).collect();
    let binned = numbers(Kind::Numeric(Monotone::None), &rows, &[]);
    assert_eq!(binned.cut, Cut::Numeric { upper: vec![], special: vec![] });
    assert!(!binned.tells());
}

#[test]
fn evidence_is_log_odds_beyond_the_average_and_shrinks_where_rows_are_few() {
    let total = Cell { rows: 1_000, positives: 200 };
    let cell = Cell { rows: 100, positives: 40 };
    let plain = (40.0_f64 / 60.0).ln() - (200.0_f64 / 800.0).ln();
    assert!((cell.evidence(total, 1e-9) - plain).abs() < 1e-9);
    let by_hand = (42.0_f64 / 68.0).ln() - 0.25_f64.ln();
    assert!((cell.evidence(total, 10.0) - by_hand).abs() < 1e-12);
    assert!(Cell { rows: 2, positives: 2 }.evidence(total, 10.0) < plain);
    assert!(Cell { rows: 2, positives: 0 }.evidence(total, 10.0).is_finite());
    assert_eq!(Cell::default().evidence(total, 10.0), 0.0);
}

#[test]
fn categories_of_alike_rates_are_one_group_and_rare_ones_are_as_never_seen() {
    let mut texts =
        Texts { codes: vec![], names: ["", "a", "b", "c", "d"].map(str::to_owned).to_vec() };
    let mut positive = Vec::new();
    for (code, count, rate) in [(1, 300, 2), (2, 300, 10), (3, 300, 2), (4, 10, 3), (0, 50, 5)] {
        for row in 0..count {
            texts.codes.push(code);
            positive.push(row % rate == 0);
        }
    }
    let places: Vec<u32> = (0..positive.len() as u32).collect();
    let rows = Rows { places: &places, positive: &positive };
    let column = Column::Texts(&texts);
    let cells = Cells::new(column, &[], Kind::Category, rows, &LIMITS).unwrap();
    let binned = cells.bin(PRICE);
    let group = vec![None, Some(1), Some(0), Some(1), None];
    assert_eq!(binned.cut, Cut::Category { group, groups: 2 });
    let rows: Vec<u32> = binned.cells.iter().map(|cell| cell.rows).collect();
    assert_eq!(rows, [300, 600, 10, 50]);
}
