//! A forest of 100 trees: the raw score, and with what each feature had in it.

use std::hint::black_box;

use criterion::Criterion;
use serde_json::json;
use surety::scoring::forest::Forest;

use super::Call;

const INPUTS: usize = 15;
const ROWS: usize = 1_024;

/// Multiplies and adds; as good a mixture as a bench needs.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % end
    }
}

/// As large as the one that the handbook's transactions make: 300 nodes a tree, 14 levels for a row
/// on average and 16 at most.
pub fn define(c: &mut Criterion, call: &Call) {
    let forest = forest(if call.small { 10 } else { 100 });
    let mut dice = Dice(7);
    let rows: Vec<Vec<f64>> =
        (0..ROWS).map(|_| (0..INPUTS).map(|_| dice.below(1_000) as f64).collect()).collect();
    let mut group = c.benchmark_group("forest");
    let mut next = rows.iter().cycle();
    group.bench_function("probability", |b| {
        b.iter(|| {
            let chance = forest.probability(black_box(next.next().unwrap()));
            assert!(chance > 0.0 && chance < 1.0);
        });
    });
    let mut parts = vec![0.0; INPUTS];
    group.bench_function("contributions", |b| {
        b.iter(|| {
            let raw = forest.contributions(black_box(next.next().unwrap()), &mut parts);
            assert!((forest.base() + parts.iter().sum::<f64>() - raw).abs() < 1e-9);
        });
    });
}

fn forest(trees: usize) -> Forest {
    let mut dice = Dice(1);
    let inputs: Vec<_> = (0..INPUTS)
        .map(|at| json!({"name": at.to_string(), "reason": "LARGE_PURCHASE", "missing": "lowest"}))
        .collect();
    let trees: Vec<_> = (0..trees).map(|_| tree(&mut dice)).collect();
    let artifact = json!({
        "format_version": 1, "kind": "forest", "name": "bench",
        "target": {"column": "y", "positive": "1"},
        "inputs": inputs, "prior": 0.01, "smoothing": 1.0,
        "calibration": {"kind": "platt", "shift": 0.5, "scale": 1.2},
        "training": {
            "data_sha256": "", "spec_sha256": "", "rows": 0, "positives": 0, "split": "", "seed": 0,
            "test": {
                "rows": 0, "positives": 0, "auc": 0.0, "gini": 0.0, "ks": 0.0, "brier": 0.0,
                "log_loss": 0.0, "average_precision": 0.0,
            },
        },
        "trees": trees, "checksum": "",
    });
    let artifact: surety::scoring::forest::Artifact = serde_json::from_value(artifact).unwrap();
    artifact.open().unwrap()
}

/// A long way that nearly all rows go on at every split, and small trees beside it: what is left of
/// many rows when few of them are positive.
fn tree(dice: &mut Dice) -> serde_json::Value {
    let (mut feature, mut cut, mut rows, mut positives) = (vec![], vec![], vec![], vec![]);
    let mut waiting = vec![(0_u32, true)];
    while let Some((depth, long)) = waiting.pop() {
        if depth == 16 || !long && dice.below(100) < 44 {
            feature.push(-1);
            rows.push(1 + dice.below(200));
            positives.push(dice.below(2));
            continue;
        }
        feature.push(dice.below(INPUTS as u64) as i64);
        let left = dice.below(2) == 0;
        let (at, sides) = match long {
            true if left => (970, [true, false]),
            true => (30, [false, true]),
            false => (dice.below(1_000), [false, false]),
        };
        cut.push(at as f64 + 0.5);
        waiting.push((depth + 1, sides[1]));
        waiting.push((depth + 1, sides[0]));
    }
    json!({"feature": feature, "cut": cut, "rows": rows, "positives": positives})
}
