//! Forests on seeded data: what they learn, that they are the same again, and calibrated.

use super::*;
use crate::domain::ReasonCode;
use crate::lab::train::Spec;
use crate::lab::train::forest::bag::Bag;
use crate::lab::train::forest::draws::Draws;
use crate::lab::train::forest::grow::Tree;
use crate::lab::train::forest::judge::Judge;
use crate::lab::train::forest::rank::average_precision;
use crate::scoring::forest::{Artifact, Direction, Input, Missing};

/// Uniform numbers 0 to 999 from the draws that bags are made by.
fn uniform(rows: usize, number: u64) -> Vec<f64> {
    let all: Vec<usize> = (0..1_000).collect();
    let mut draws = Draws::new(99, number);
    (0..rows).map(|_| draws.some(&all, 1)[0] as f64).collect()
}

/// Positive in 60 % where a > 900 and b < 300, else in 2 %; c is noise, d is missing for half.
fn made_up(rows: usize) -> (Vec<Coded>, Vec<bool>) {
    let columns: Vec<Vec<f64>> = (0..4).map(|number| uniform(rows, number)).collect();
    let luck = uniform(rows, 9);
    let positive = (0..rows).map(|row| {
        let likely = columns[0][row] > 900.0 && columns[1][row] < 300.0;
        luck[row] < if likely { 600.0 } else { 20.0 }
    });
    let positive = positive.collect();
    let mut coded: Vec<Coded> =
        columns.iter().map(|column| Coded::new(column.iter().copied())).collect();
    let holes = columns[3].iter().map(|one| if *one < 500.0 { f64::NAN } else { *one });
    coded[3] = Coded::new(holes);
    (coded, positive)
}

fn small() -> Growth {
    Growth { trees: 16, depth: 8, min_leaf: Some(5), ..Growth::default() }
}

#[test]
fn the_same_seed_is_the_same_forest_on_any_number_of_threads() {
    let (columns, positive) = made_up(1_500);
    let rows = Rows { columns: &columns, positive: &positive };
    let one = grow(rows, &small(), 5, 1).unwrap();
    assert_eq!(one, grow(rows, &small(), 5, 2).unwrap());
    assert_eq!(one, grow(rows, &small(), 5, 7).unwrap());
    assert_ne!(one, grow(rows, &small(), 6, 2).unwrap());
}

#[test]
fn every_row_is_counted_at_one_leaf_of_every_tree() {
    let (columns, positive) = made_up(1_000);
    let positives = positive.iter().filter(|one| **one).count() as u32;
    let rows = Rows { columns: &columns, positive: &positive };
    for tree in grow(rows, &small(), 1, 2).unwrap().trees {
        assert_eq!(tree.rows.iter().sum::<u32>(), 1_000);
        assert_eq!(tree.positives.iter().sum::<u32>(), positives);
        assert_eq!(tree.feature.len(), tree.cut.len() + tree.rows.len());
    }
}

/// Both sides of the best split have negatives in majority: pruned, nothing would be left.
#[test]
fn splits_between_leaves_of_one_majority_are_kept() {
    let column = Coded::new((0..1_000).map(f64::from));
    let positive: Vec<bool> =
        (0..1_000).map(|row| if row < 500 { row % 50 == 0 } else { row % 4 == 0 }).collect();
    let one = Growth { trees: 1, depth: 1, min_leaf: Some(1), ..Growth::default() };
    let growth = Growth { negatives_per_positive: 50.0, ..one };
    let rows = Rows { columns: std::slice::from_ref(&column), positive: &positive };
    let grown = grow(rows, &growth, 3, 1).unwrap();
    let tree = &grown.trees[0];
    assert_eq!(tree.feature, [0, -1, -1]);
    assert!((480.0..520.0).contains(&tree.cut[0]), "{tree:?}");
}

#[test]
fn known_structure_is_learnt_and_chances_come_true_on_unseen_rows() {
    let (columns, positive) = made_up(6_000);
    let rows = Rows { columns: &columns, positive: &positive };
    let bag = Bag::grow(rows, &small(), 1, 2).unwrap();
    let judged = bag.out_of_bag(rows, 0.5);
    assert!(judged.iter().filter(|raw| raw.is_nan()).count() < 60);
    let judged: Vec<f64> = judged.into_iter().map(|raw| raw.max(0.0)).collect();
    // 3 % of the rows have 60 %: whoever names just them has 0.6 x 0.48 and a little more.
    let precision = average_precision(&judged, &positive);
    assert!(precision > 0.2, "{precision}");
    for method in [Method::Platt, Method::Isotonic] {
        let calibration = calibrate(&judged, &positive, method);
        let chances: Vec<f64> = judged.iter().map(|raw| calibration.chance(*raw)).collect();
        let told = chances.iter().sum::<f64>() / chances.len() as f64;
        assert!((told / rows.prior() - 1.0).abs() < 0.1, "{method:?}: {told}");
        let high: Vec<usize> = (0..chances.len()).filter(|row| chances[*row] > 0.3).collect();
        let came = high.iter().filter(|row| positive[**row]).count() as f64 / high.len() as f64;
        assert!((0.4..0.8).contains(&came), "{method:?}: {came}");
    }
}

#[test]
fn few_rows_make_a_forest_too() {
    let column = Coded::new([1.0, 2.0, f64::NAN].into_iter());
    let rows = Rows { columns: &[column], positive: &[true, false, false] };
    let grown = grow(rows, &small(), 1, 2).unwrap();
    assert_eq!(grown.trees.len(), 16);
    assert_eq!(grown.calibration, Calibration::NONE, "no positive is left to calibrate by");
}

/// What serving says of a row when its leaf has not counted it.
fn served_without(tree: &Tree, rows: Rows<'_>, row: usize) -> f64 {
    let mut tree = tree.clone();
    let at = tree.leaf(rows.columns, row);
    tree.nodes[at].rows -= 1;
    tree.nodes[at].positives -= u32::from(rows.positive[row]);
    let inputs = rows.columns.iter().enumerate().map(|(place, column)| Input {
        missing_reason: None,
        name: place.to_string(),
        reason: ReasonCode::LargePurchase,
        missing: Missing::Lowest,
        monotone: column.monotone,
        categories: None,
    });
    let forest = serde_json::json!({
        "format_version": 1, "kind": "forest", "name": "one",
        "target": {"column": "y", "positive": "1"},
        "inputs": inputs.collect::<Vec<_>>(), "prior": rows.prior(), "smoothing": 1.0,
        "calibration": Calibration::NONE,
        "training": {
            "data_sha256": "", "spec_sha256": "", "rows": 0, "positives": 0, "split": "", "seed": 0,
            "test": {
                "rows": 0, "positives": 0, "auc": 0.0, "gini": 0.0, "ks": 0.0, "brier": 0.0,
                "log_loss": 0.0, "average_precision": 0.0,
            },
        },
        "trees": [tree.parts(rows.columns)], "checksum": "",
    });
    let artifact: Artifact = serde_json::from_value(forest).unwrap();
    let value = |column: &Coded| match column.ranks[row] {
        0 => f64::NAN,
        rank => column.values[rank as usize - 1],
    };
    let values: Vec<f64> = rows.columns.iter().map(value).collect();
    artifact.open().unwrap().raw(&values)
}

#[test]
fn rows_out_of_the_bag_are_judged_as_serving_would_without_them() {
    let (mut columns, positive) = made_up(1_500);
    // Grown free, so that much is cut; the first goes against what the data says.
    let growth = Growth { trees: 3, min_leaf: Some(1), ..small() };
    let trees = Bag::grow(Rows { columns: &columns, positive: &positive }, &growth, 1, 2).unwrap();
    columns[0].monotone = Some(Direction::Decreasing);
    columns[3].monotone = Some(Direction::Increasing);
    let rows = Rows { columns: &columns, positive: &positive };
    for tree in &trees.trees {
        let judge = Judge::new(tree, rows, 1.0);
        for row in (0..1_500).step_by(7) {
            if tree.nodes[tree.leaf(&columns, row)].rows > 1 {
                let served = served_without(tree, rows, row);
                assert!((judge.chance(row) - served).abs() < 1e-12, "row {row}");
            }
        }
    }
}

#[test]
fn no_split_goes_against_the_order_of_its_input() {
    let (mut columns, positive) = made_up(3_000);
    let asked = |columns: &[Coded]| {
        let rows = Rows { columns, positive: &positive };
        let trees = grow(rows, &small(), 1, 2).unwrap().trees;
        trees.iter().filter(|tree| tree.feature[0] == 0).count()
    };
    assert!(asked(&columns) > 0);
    columns[0].monotone = Some(Direction::Decreasing);
    assert_eq!(asked(&columns), 0, "the column tells that chances rise");
}

#[test]
fn small_leaves_are_chosen_where_they_tell_and_not_in_noise() {
    // Rare values that are always positive, each too rare for a leaf of twenty.
    let rare: Vec<f64> =
        (0..2_000).map(|row| if row % 90 == 0 { f64::from(row) } else { -1.0 }).collect();
    let positive: Vec<bool> = rare.iter().map(|one| *one >= 0.0).collect();
    let scattered: Vec<f64> = (0..2_000).map(|row| f64::from(row % 90)).collect();
    let columns = [Coded::new(scattered.into_iter())];
    let rows = Rows { columns: &columns, positive: &positive };
    let free = Growth { min_leaf: None, ..small() };
    let chosen = grow(rows, &free, 1, 2).unwrap().growth.min_leaf.unwrap();
    assert!(chosen < 20, "{chosen}");
    let noise: Vec<Coded> =
        (20..24).map(|number| Coded::new(uniform(2_000, number).into_iter())).collect();
    let positive: Vec<bool> = uniform(2_000, 30).into_iter().map(|one| one < 300.0).collect();
    let rows = Rows { columns: &noise, positive: &positive };
    assert_eq!(grow(rows, &free, 1, 2).unwrap().growth.min_leaf, Some(20));
}

#[test]
fn the_specs_of_forests_are_sound_and_leave_growing_to_the_trainer() {
    for (text, features) in [
        (include_str!("../../../../models/specs/handbook.toml"), 15),
        (include_str!("../../../../models/specs/handbook-weeks.toml"), 15),
        (include_str!("../../../../models/specs/taiwan-forest.toml"), 32),
    ] {
        let spec = Spec::parse("spec.toml", text).unwrap();
        assert_eq!(spec.features.len(), features, "{}", spec.name);
        assert_eq!(spec.forest, Growth::default(), "{}", spec.name);
    }
}
