//! Walks by hand and against a naive model; sums of contributions; files that were tampered with.

use proptest::prelude::*;

use super::*;
use crate::domain::ReasonCode;
use crate::scoring::TestFigures;

const NAN: f64 = f64::NAN;

fn artifact(inputs: Vec<Input>, trees: Vec<TreeParts>) -> Artifact {
    let test = TestFigures {
        rows: 2,
        positives: 1,
        auc: 0.75,
        gini: 0.5,
        ks: 0.5,
        brier: 0.1,
        log_loss: 0.3,
    };
    Artifact {
        format_version: FORMAT_VERSION,
        kind: Kind::Forest,
        name: "sample".to_owned(),
        target: Target { column: "bad".to_owned(), positive: "1".to_owned() },
        inputs,
        prior: 0.5,
        smoothing: 2.0,
        calibration: Calibration::NONE,
        training: Training {
            data_sha256: "aa".to_owned(),
            spec_sha256: "bb".to_owned(),
            rows: 8,
            positives: 4,
            split: "modulo".to_owned(),
            seed: 0,
            test: Figures { test, average_precision: 0.5, card_precision_100: None },
        },
        trees,
        checksum: String::new(),
    }
}

fn input(name: &str, reason: ReasonCode, missing: Missing) -> Input {
    Input {
        name: name.to_owned(),
        reason,
        missing_reason: None,
        missing,
        monotone: None,
        categories: None,
    }
}

fn inputs() -> Vec<Input> {
    vec![
        input("a", ReasonCode::LargePurchase, Missing::Lowest),
        input("b", ReasonCode::AmountAboveUsual, Missing::Majority),
        Input {
            categories: Some(vec!["own".to_owned(), "rent".to_owned()]),
            ..input("c", ReasonCode::LargePurchase, Missing::Majority)
        },
    ]
}

/// a <= 1: 0 of 2 rows; else b <= 5: 1 of 2; else 3 of 4. With smoothing: 0.25, 0.5, 4/6.
fn tree() -> TreeParts {
    TreeParts {
        feature: vec![0, -1, 1, -1, -1],
        cut: vec![1.0, 5.0],
        rows: vec![2, 2, 4],
        positives: vec![0, 1, 3],
    }
}

fn stump(feature: i32, cut: f64) -> TreeParts {
    TreeParts {
        feature: vec![feature, -1, -1],
        cut: vec![cut],
        rows: vec![6, 2],
        positives: vec![2, 2],
    }
}

fn sample() -> Forest {
    artifact(inputs(), vec![tree(), stump(2, 0.5)]).open().unwrap()
}

#[test]
fn rows_end_where_their_values_lead() {
    let forest = artifact(inputs(), vec![tree()]).open().unwrap();
    let third = 4.0 / 6.0;
    for (row, chance) in [
        ([1.0, 9.0, 0.0], 0.25),
        ([1.1, 5.0, 0.0], 0.5),
        ([1.1, 5.1, 0.0], third),
        // Below every number, as in training.
        ([NAN, 9.0, NAN], 0.25),
        // To the side with more rows.
        ([2.0, NAN, NAN], third),
        ([f64::INFINITY, f64::NEG_INFINITY, 0.0], 0.5),
    ] {
        assert_eq!(forest.raw(&row), chance, "{row:?}");
        assert!((forest.probability(&row) - chance).abs() < 1e-12);
    }
    assert_eq!(forest.raw(&[]), 0.25, "what is not there is missing");
    let base = (2.0 * 0.25 + 2.0 * 0.5 + 4.0 * third) / 8.0;
    assert!((forest.base() - base).abs() < 1e-15);
    let mut parts = [0.0; 3];
    forest.contributions(&[1.1, 5.1, 0.0], &mut parts);
    let right = (2.0 * 0.5 + 4.0 * third) / 6.0;
    assert!((parts[0] - (right - base)).abs() < 1e-15);
    assert!((parts[1] - (third - right)).abs() < 1e-15);
    assert_eq!(parts[2], 0.0);
}

#[test]
fn sides_in_the_wrong_order_meet_in_the_middle() {
    // Chances 3/8 with 6 rows and 3/4 with 2: in order, so only the other direction moves them.
    let stump = stump(0, 1.0);
    let open = |monotone| {
        let mut inputs = inputs();
        inputs[0].monotone = monotone;
        artifact(inputs, vec![stump.clone()]).open().unwrap()
    };
    let sides = |forest: &Forest| [forest.raw(&[0.0, 0.0, 0.0]), forest.raw(&[2.0, 0.0, 0.0])];
    assert_eq!(sides(&open(None)), [0.375, 0.75]);
    assert_eq!(open(Some(Direction::Increasing)).nodes, open(None).nodes, "nothing to move");
    let mean = (6.0 * 0.375 + 2.0 * 0.75) / 8.0;
    let falling = open(Some(Direction::Decreasing));
    assert_eq!(sides(&falling), [mean, mean]);
    assert_eq!(falling.base(), mean);
    let text = serde_json::to_string(falling.artifact()).unwrap();
    assert!(text.contains("\"monotone\":\"decreasing\""), "{text}");
    assert!(!serde_json::to_string(open(None).artifact()).unwrap().contains("monotone"));
}

#[test]
fn values_are_encoded_and_inputs_are_bound() {
    let forest = sample();
    assert_eq!(forest.encode(0, Value::Number(3.5)), 3.5);
    assert_eq!(forest.encode(2, Value::Text("rent")), 1.0);
    for missing in [Value::Text("boat"), Value::Number(1.0), Value::Missing] {
        assert!(forest.encode(2, missing).is_nan());
    }
    assert!(
        forest.encode(0, Value::Text("3")).is_nan() && forest.encode(9, Value::Missing).is_nan()
    );
    let known = |name: &str| ["c", "b", "a"].iter().position(|one| *one == name);
    assert_eq!(forest.bind(known), Ok(vec![2, 1, 0]));
    let told = forest.bind(|name| known(name).filter(|place| *place > 0)).unwrap_err();
    assert_eq!(told, ForestError::Unknown { feature: "c".to_owned() });
}

#[test]
fn stored_and_read_again_it_is_the_same() {
    let (forest, bytes) = artifact(inputs(), vec![tree(), stump(2, 0.1)]).seal().unwrap();
    assert_eq!(Forest::parse(&bytes).unwrap(), forest);
    assert!(Forest::claimed(&bytes) && !Forest::claimed(b"{}"));
    assert_eq!(forest.artifact().checksum.len(), 64);
}

fn refused(change: impl FnOnce(&mut Artifact)) -> String {
    let mut artifact = artifact(inputs(), vec![tree(), stump(1, 0.5)]);
    change(&mut artifact);
    artifact.checksum = artifact.digest().unwrap();
    Forest::parse(&serde_json::to_vec(&artifact).unwrap()).unwrap_err().to_string()
}

#[test]
fn what_cannot_be_a_forest_is_refused_with_a_right_checksum_too() {
    type Change = fn(&mut Artifact);
    let cases: [(&str, Change); 16] = [
        ("format version 2, expected 1", |a| a.format_version = 2),
        ("inputs: expected 1 to 1000", |a| a.inputs.clear()),
        ("a: the name stands twice", |a| a.inputs[1].name = "a".to_owned()),
        ("prior", |a| a.prior = 1.5),
        ("smoothing", |a| a.smoothing = 0.0),
        ("calibration", |a| a.calibration = Calibration::Platt { shift: 0.0, scale: -1.0 }),
        ("calibration", |a| {
            a.calibration = Calibration::Isotonic { raw: vec![0.1, 0.2], chance: vec![0.3, 0.2] };
        }),
        ("trees: expected 1", |a| a.trees.clear()),
        ("trees: a tree that does not end", |a| a.trees[0] = TreeParts::default()),
        ("trees: a feature out of range", |a| a.trees[0].feature[0] = 3),
        ("trees: a feature out of range", |a| a.trees[0].feature[0] = -2),
        ("trees: fewer cuts", |a| a.trees[0].cut.truncate(1)),
        ("trees: cuts or counts beyond", |a| a.trees[0].cut.push(1.0)),
        ("trees: nodes beyond", |a| a.trees[1].feature.push(-1)),
        ("trees: a leaf without rows", |a| a.trees[0].positives[0] = 3),
        ("trees: expected as many rows", |a| a.trees[0].rows.truncate(1)),
    ];
    for (words, change) in cases {
        let told = refused(change);
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn unknown_reasons_fields_and_changed_bytes_are_refused() {
    let (_, bytes) = artifact(inputs(), vec![tree()]).seal().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    for (from, to, words) in [
        ("LARGE_PURCHASE", "HUGE_PURCHASE", "unknown variant"),
        ("\"prior\"", "\"more\":1,\"prior\"", "unknown field"),
        ("\"cut\":[1.0", "\"cut\":[1.25", "checksum"),
        ("\"cut\":[1.0", "\"cut\":[null", "not a forest"),
        ("\"kind\":\"forest\"", "\"kind\":\"tree\"", "unknown variant"),
        ("\"format_version\":1", "\"format_version\":7", "format version 7"),
    ] {
        let told = Forest::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err().to_string();
        assert!(told.contains(words), "{from}: {told}");
    }
}

#[test]
fn calibrations_by_hand() {
    let platt = Calibration::Platt { shift: -1.0, scale: 2.0 };
    let chance = platt.chance(0.75);
    assert!((chance - 1.0 / (1.0 + (1.0 - 2.0 * 3.0_f64.ln()).exp())).abs() < 1e-12);
    assert!(platt.chance(0.0) > 0.0 && platt.chance(1.0) < 1.0);
    let isotonic = Calibration::Isotonic { raw: vec![0.2, 0.6], chance: vec![0.1, 0.5] };
    for (raw, chance) in [(0.0, 0.1), (0.2, 0.1), (0.4, 0.3), (0.6, 0.5), (1.0, 0.5)] {
        assert!((isotonic.chance(raw) - chance).abs() < 1e-12, "{raw}");
    }
}

/// Any tree with so many splits: a random one of its leaves is split again and again.
fn any_tree(features: usize) -> impl Strategy<Value = TreeParts> {
    let split = (any::<prop::sample::Index>(), 0..features as i32, -5_i8..5);
    let counts = proptest::collection::vec((1_u32..50, 0_u32..50), 30);
    (proptest::collection::vec(split, 0..20), counts).prop_map(|(splits, counts)| {
        let mut feature = vec![-1];
        let mut cuts: Vec<Option<f64>> = vec![None];
        for (index, asked, cut) in splits {
            let leaves: Vec<usize> = (0..feature.len()).filter(|at| feature[*at] < 0).collect();
            let at = *index.get(&leaves);
            (feature[at], cuts[at]) = (asked, Some(f64::from(cut)));
            feature.splice(at + 1..at + 1, [-1, -1]);
            cuts.splice(at + 1..at + 1, [None, None]);
        }
        let leaves = feature.iter().filter(|one| **one < 0).count();
        let counts = &counts[..leaves];
        TreeParts {
            feature,
            cut: cuts.into_iter().flatten().collect(),
            rows: counts.iter().map(|(rows, _)| *rows).collect(),
            positives: counts.iter().map(|(rows, some)| (*some).min(*rows)).collect(),
        }
    })
}

/// The chance at the leaf, by walking the stored parts alone. Takes them up to the tree's end.
fn naive(parts: &mut (usize, usize, usize), tree: &TreeParts, row: Option<&[f64]>) -> f64 {
    let (node, cut, leaf) = *parts;
    parts.0 += 1;
    let feature = tree.feature[node];
    if feature < 0 {
        parts.2 += 1;
        return (f64::from(tree.positives[leaf]) + 1.0) / (f64::from(tree.rows[leaf]) + 2.0);
    }
    parts.1 += 1;
    let left = row.is_none_or(|row| row[feature as usize] <= tree.cut[cut]);
    let chances = [naive(parts, tree, row), naive(parts, tree, row)];
    chances[usize::from(!left)]
}

proptest! {
    #[test]
    fn base_and_contributions_make_the_raw_score(
        trees in proptest::collection::vec(any_tree(3), 1..20),
        rows in proptest::collection::vec(proptest::array::uniform3(-6_i8..8), 1..20),
    ) {
        let count = trees.len() as f64;
        let forest = artifact(inputs(), trees.clone()).open().unwrap();
        for row in rows {
            // 7 stands for a missing value.
            let number = |one: i8| if one == 7 { NAN } else { f64::from(one) };
            let row = row.map(number);
            let mut parts = [1.0; 3];
            let told = forest.contributions(&row, &mut parts);
            let raw = forest.raw(&row);
            prop_assert!((told - raw).abs() < 1e-12);
            prop_assert!((forest.base() + parts.iter().sum::<f64>() - raw).abs() < 1e-12);
            prop_assert!((0.0..=1.0).contains(&forest.probability(&row)));
            if !row.iter().any(|one| one.is_nan()) {
                let walk = |tree: &TreeParts| naive(&mut (0, 0, 0), tree, Some(&row));
                let expected = trees.iter().map(walk).sum::<f64>() / count;
                prop_assert!((raw - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_monotone_input_never_moves_the_score_the_other_way(
        trees in proptest::collection::vec(any_tree(3), 1..20),
        rows in proptest::collection::vec(proptest::array::uniform3(-6_i8..8), 1..20),
        raised in 1_i8..14,
        falls in any::<bool>(),
    ) {
        let direction = if falls { Direction::Decreasing } else { Direction::Increasing };
        let mut inputs = inputs();
        inputs[0].monotone = Some(direction);
        inputs[1].monotone = Some(Direction::Increasing);
        let forest = artifact(inputs, trees).open().unwrap();
        for row in rows {
            let number = |one: i8| if one == 7 { NAN } else { f64::from(one) };
            let row = row.map(number);
            let raw = forest.raw(&row);
            let mut parts = [1.0; 3];
            prop_assert!((forest.contributions(&row, &mut parts) - raw).abs() < 1e-12);
            prop_assert!((forest.base() + parts.iter().sum::<f64>() - raw).abs() < 1e-12);
            let more = |at: usize| {
                let mut row = row;
                row[at] += f64::from(raised);
                forest.raw(&row)
            };
            if !row[0].is_nan() {
                let kept = if falls { more(0) <= raw } else { more(0) >= raw };
                prop_assert!(kept);
            }
            if !row[1].is_nan() {
                prop_assert!(more(1) >= raw);
            }
            prop_assert!((0.0..=1.0).contains(&raw));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let (forest, mut bytes) = artifact(inputs(), vec![tree(), stump(0, 1.5)]).seal().unwrap();
        let at = place.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] = byte;
        }
        // Only spaces between its parts may differ.
        if let Ok(read) = Forest::parse(&bytes) {
            prop_assert_eq!(read, forest);
        }
    }

    #[test]
    fn any_parts_are_laid_out_or_refused(
        feature in proptest::collection::vec(-2_i32..5, 0..12),
        cut in proptest::collection::vec(-1.0_f64..1.0, 0..6),
        rows in proptest::collection::vec(0_u32..4, 0..7),
    ) {
        let positives = vec![0; rows.len()];
        let parts = TreeParts { feature, cut, rows, positives };
        if let Ok(forest) = artifact(inputs(), vec![parts]).open() {
            prop_assert!((0.0..=1.0).contains(&forest.raw(&[0.0, NAN, 1.0])));
        }
    }
}
