//! `train forest` and `evaluate`: what is learnt, the same bytes again, and what is refused.

use std::fs;
use std::path::PathBuf;

use surety::scoring::forest::Forest;

use crate::child::{Ended, run, surety};
use crate::seed::Random;
use crate::server::Folder;

const SPEC: &str = r#"
name = "made-up"
target = "fraud"
positive = 1
seed = 7

[split]
kind = "time"
column = "time"
train_from = "2026-01-01"
train_until = "2026-01-20"
delay_days = 2
test_until = "2026-01-31"
entity = "card"
drop_known_positive_entities = true

[forest]
trees = 20
depth = 10
min_leaf = 5

[[feature]]
name = "amount"
reason = "LARGE_PURCHASE"

[[feature]]
name = "shop"
kind = "category"
reason = "PURCHASE_OUT_OF_PATTERN"

[[feature]]
name = "age"
reason = "FIRST_PURCHASE_WITH_US"
"#;

/// 2026-01-01.
const START: u64 = 1_767_225_600;

/// Fraud in 70 % of amounts over 900 at the shop `bad`, else in 1 %. No age is known of a third.
fn data(rows: u64) -> String {
    let mut random = Random::new(0xf0);
    let mut csv = "time,card,amount,shop,age,same,fraud\n".to_owned();
    for row in 0..rows {
        let time = START + row * 31 * 86_400 / rows;
        let (card, amount) = (random.below(2_000), random.below(1_000));
        let shop = *random.pick(&["good", "fair", "bad", ""]);
        let age = if random.chance(33) { String::new() } else { random.below(50).to_string() };
        let percent = if amount > 900 && shop == "bad" { 70 } else { 1 };
        let fraud = u8::from(random.chance(percent));
        csv += &format!("{time},{card},{amount},{shop},{age},1,{fraud}\n");
    }
    csv
}

struct Desk {
    folder: Folder,
}

impl Desk {
    fn new(spec: &str, csv: &str) -> Desk {
        let desk = Desk { folder: Folder::new() };
        fs::write(desk.path("spec.toml"), spec).unwrap();
        fs::write(desk.path("data.csv"), csv).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    fn train(&self, out: &str) -> Ended {
        let mut command = surety("train");
        command.arg("forest").arg("--spec").arg(self.path("spec.toml"));
        command.arg("--data").arg(self.path("data.csv")).arg("--out").arg(self.path(out));
        run(command.arg("--report").arg(self.path("report")))
    }

    fn evaluate(&self, model: &str) -> Ended {
        let mut command = surety("evaluate");
        command.arg("--model").arg(self.path(model)).arg("--spec").arg(self.path("spec.toml"));
        run(command.arg("--data").arg(self.path("data.csv")))
    }
}

fn figures(ended: &Ended) -> serde_json::Value {
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    serde_json::from_str(ended.out.lines().last().unwrap()).unwrap()
}

#[test]
fn known_structure_is_learnt_told_and_evaluated_alike() {
    let desk = Desk::new(SPEC, &data(8_000));
    let told = figures(&desk.train("model.json"));
    let number = |key: &str| told[key].as_f64().unwrap();
    assert!(number("average_precision") > 0.2, "{told}");
    assert!(number("auc") > 0.7, "{told}");
    assert!((0.0..0.2).contains(&number("card_precision_100")), "{told}");
    assert!(number("brier") < 0.03, "{told}");
    let forest = Forest::parse(&fs::read(desk.path("model.json")).unwrap()).unwrap();
    let shops = forest.inputs()[1].categories.as_ref().unwrap();
    assert_eq!(shops.last().map(String::as_str), Some("bad"), "the most frauds come last");
    let mut parts = [0.0; 3];
    let raw = forest.contributions(&[950.0, 2.0, f64::NAN], &mut parts);
    let (high, low) = (forest.calibrated(raw), forest.probability(&[100.0, 0.0, 10.0]));
    assert!(high > 5.0 * low, "{high} {low}");
    assert!(parts[0] > 0.0 && parts[1] > 0.0, "{parts:?}");
    assert!(parts.iter().filter(|part| **part > 0.0).count() >= 2, "{parts:?}");

    let again = figures(&desk.evaluate("model.json"));
    for key in ["rows", "positives", "auc", "average_precision", "card_precision_100", "brier"] {
        assert_eq!(again[key], told[key], "{key}");
    }
    assert_eq!(again["in_sample"], false);
    let report = fs::read_to_string(desk.path("report").join("report.md")).unwrap();
    assert!(report.starts_with("# Forest made-up") && report.contains("| amount |"), "{report}");
    let json = fs::read(desk.path("report").join("report.json")).unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let desk = Desk::new(SPEC, &data(3_000));
    figures(&desk.train("one.json"));
    figures(&desk.train("two.json"));
    let one = fs::read(desk.path("one.json")).unwrap();
    assert_eq!(one, fs::read(desk.path("two.json")).unwrap());
    fs::write(desk.path("spec.toml"), SPEC.replace("seed = 7", "seed = 8")).unwrap();
    figures(&desk.train("three.json"));
    assert_ne!(one, fs::read(desk.path("three.json")).unwrap());
}

#[test]
fn folds_and_isotonic_calibration_are_understood() {
    let spec = SPEC
        .replace("delay_days = 2", "delay_days = 2\nfolds_back_weeks = [0, 1]")
        .replace("train_from = \"2026-01-01\"", "train_from = \"2026-01-10\"")
        .replace("trees = 20", "trees = 20\ncalibration = \"isotonic\"");
    let desk = Desk::new(&spec, &data(6_000));
    let told = figures(&desk.train("model.json"));
    assert!(told["average_precision"].as_f64().unwrap() > 0.12, "{told}");
    let report = fs::read_to_string(desk.path("report").join("report.md")).unwrap();
    assert!(report.contains("| fold 2 |") && report.contains("rising knots"), "{report}");

    let kfold = SPEC.split("[split]").next().unwrap().to_owned()
        + "[split]\nkind = \"kfold\"\nfolds = 3\n\n[forest]"
        + SPEC.split("[forest]").nth(1).unwrap();
    fs::write(desk.path("spec.toml"), kfold).unwrap();
    let told = figures(&desk.train("model.json"));
    assert!(told.get("card_precision_100").is_none(), "no days, no cards: {told}");
    let again = desk.evaluate("model.json");
    assert_eq!(figures(&again)["in_sample"], true);
    assert!(again.err.contains("flatter"), "{}", again.err);
}

#[test]
fn a_larger_amount_never_lowers_the_score_where_the_spec_says_so() {
    let spec =
        SPEC.replacen("name = \"amount\"", "name = \"amount\"\nmonotone = \"increasing\"", 1);
    let desk = Desk::new(&spec, &data(8_000));
    let told = figures(&desk.train("model.json"));
    assert!(told["average_precision"].as_f64().unwrap() > 0.2, "{told}");
    let forest = Forest::parse(&fs::read(desk.path("model.json")).unwrap()).unwrap();
    let mut random = Random::new(0xf1);
    for _ in 0..200 {
        let mut row = [0.0, random.below(4) as f64, random.below(60) as f64];
        let mut last = 0.0;
        for amount in 0..100 {
            row[0] = f64::from(amount) * 11.0;
            let score = forest.raw(&row);
            assert!(score >= last, "{row:?}: {score} after {last}");
            last = score;
        }
    }
    let again = figures(&desk.evaluate("model.json"));
    assert_eq!(again["average_precision"], told["average_precision"]);
}

fn refuse(spec: &str, csv: &str, words: &str) {
    let desk = Desk::new(spec, csv);
    let ended = desk.train("model.json");
    assert_eq!(ended.code, Some(2), "{words}: {} {}", ended.out, ended.err);
    assert!(ended.err.contains(words), "{words}: {}", ended.err);
    assert_eq!(ended.out, "");
    let mut left: Vec<String> = fs::read_dir(desk.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["data.csv", "spec.toml"], "nothing is written, not even half of it");
}

#[test]
fn bad_data_is_refused_and_nothing_written() {
    let csv = data(400);
    let line = |number: usize| csv.lines().nth(number).unwrap();
    let all = |class: &str| {
        let rows = csv.lines().skip(1).map(|row| format!("{}{class}\n", &row[..row.len() - 1]));
        format!("{}\n{}", line(0), rows.collect::<String>())
    };
    refuse(SPEC, &all("0"), "one class only");
    refuse(SPEC, &all("1"), "one class only");
    refuse(SPEC, &csv.replacen("amount", "sum", 1), "no column \"amount\"");
    refuse(SPEC, &csv.replacen("card,amount", "amount,amount", 1), "\"amount\" twice");
    refuse(SPEC, "", "empty");
    refuse(SPEC, &format!("{}\n", line(0)), "no rows");
    for bad in ["ten", "NaN", "inf"] {
        let row = format!("{START},1,{bad},good,3,1,0");
        refuse(SPEC, &csv.replacen(line(2), &row, 1), "row 2, column \"amount\"");
    }
    let auto = SPEC.replacen("name = \"amount\"", "name = \"amount\"\nmonotone = \"auto\"", 1);
    refuse(&auto, &csv, "feature \"amount\": monotone = \"auto\" is for scorecards");
    let constant = SPEC.replace("name = \"age\"", "name = \"same\"");
    refuse(&constant, &csv, "constant in all training rows: feature \"same\"");
    refuse(&SPEC.replace("2026", "2025"), &csv, "no rows");
}

#[test]
fn bad_specs_are_refused_with_their_place() {
    let csv = data(400);
    for (from, to, words) in [
        ("trees = 20", "trees = 0", "trees: expected 1 to 1000"),
        ("depth = 10", "depth = 1000", "depth: expected 1 to 100"),
        ("min_leaf = 5", "min_leaf = 0", "min_leaf: expected"),
        ("min_leaf = 5", "features_share = 1.5", "features_share: expected"),
        ("min_leaf = 5", "bag_share = 1.0", "bag_share: expected"),
        ("min_leaf = 5", "negatives_per_positive = nan", "negatives_per_positive: expected"),
        ("min_leaf = 5", "smoothing = 0.0", "smoothing: expected"),
        ("min_leaf = 5", "calibration = \"magic\"", "unknown variant"),
        ("min_leaf = 5", "leaves = 5", "unknown field"),
        ("LARGE_PURCHASE", "HUGE_PURCHASE", "is no reason code"),
    ] {
        refuse(&SPEC.replace(from, to), &csv, words);
    }
}

#[test]
fn a_model_that_was_changed_is_refused() {
    let desk = Desk::new(SPEC, &data(2_000));
    figures(&desk.train("model.json"));
    let text = fs::read_to_string(desk.path("model.json")).unwrap();
    fs::write(desk.path("other.json"), text.replacen("\"name\":\"made-up\"", "\"name\":\"x\"", 1))
        .unwrap();
    let ended = desk.evaluate("other.json");
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("checksum"), "{}", ended.err);
    fs::write(desk.path("half.json"), &text[..text.len() / 2]).unwrap();
    assert_eq!(desk.evaluate("half.json").code, Some(2));
}
