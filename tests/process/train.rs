//! `train scorecard` and `evaluate`: what is learnt, the same bytes again, and what is refused.

use std::fs;
use std::path::PathBuf;

use surety::scoring::{Bins, Scorecard};

use crate::child::{Ended, run, surety};
use crate::seed::Random;
use crate::server::Folder;

const SPEC: &str = r#"
name = "made-up"
target = "bad"
positive = "yes"
seed = 7

[split]
kind = "modulo"
column = "id"
modulus = 10
test = [0, 3, 7]

[special]
late = [98]

[[protected]]
column = "sex"

[[derived]]
name = "used"
ratio = ["balance", "limit"]

[[feature]]
name = "late"
monotone = "increasing"
reason = "RECENT_LATE_PAYMENTS"

[[feature]]
name = "used"
monotone = "auto"
reason = "CREDIT_LIMIT_NEARLY_USED"

[[feature]]
name = "home"
kind = "category"
reason = "ADDRESS_NOT_VERIFIED"

[[feature]]
name = "noise"
reason = "LARGE_PURCHASE"
"#;

/// Chances of going bad in percent: 5, and 15 more for each late month up to three, 20 more above
/// nine tenths of the limit, 10 more for rent; 60 for the code 98.
fn data(rows: u64) -> String {
    let mut random = Random::new(0x5c);
    let mut csv = "id,sex,late,balance,limit,home,noise,bad\n".to_owned();
    for id in 1..=rows {
        let late = *random.pick(&[0, 0, 0, 0, 1, 2, 3, 98]);
        let (limit, used) = (1_000 + random.below(9_000), random.below(100));
        let home = *random.pick(&["own", "own", "rent", "free", ""]);
        let percent = match late {
            98 => 60,
            late => {
                5 + 15 * late + if used > 90 { 20 } else { 0 } + if home == "rent" { 10 } else { 0 }
            }
        };
        let late = if random.chance(5) { String::new() } else { late.to_string() };
        let bad = if random.chance(percent) { "yes" } else { "no" };
        let (sex, noise) = (random.pick(&["f", "m"]), random.below(1_000));
        let balance = limit as f64 * used as f64 / 100.0;
        csv += &format!("{id},{sex},{late},{balance},{limit},{home},{noise},{bad}\n");
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

    fn train(&self, data: &str, out: &str) -> Ended {
        let mut command = surety("train");
        command.arg("scorecard").arg("--spec").arg(self.path("spec.toml"));
        command.arg("--data").arg(self.path(data)).arg("--out").arg(self.path(out));
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
fn known_structure_is_learnt_and_told() {
    let desk = Desk::new(SPEC, &data(6_000));
    let trained = desk.train("data.csv", "model.json");
    let told = figures(&trained);
    assert_eq!(told["rows"], 1_800);
    let number = |key: &str| told[key].as_f64().unwrap();
    // The chances themselves reach 0.77 on such rows.
    assert!((0.72..0.82).contains(&number("auc")), "{told}");
    assert!((number("gini") - (2.0 * number("auc") - 1.0)).abs() < 1e-12);
    assert!(number("ks") > 0.3 && number("brier") < 0.16 && number("log_loss") < 0.5, "{told}");

    let card = Scorecard::parse(&fs::read(desk.path("model.json")).unwrap()).unwrap();
    let names: Vec<&str> = card.characteristics.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names[..3], ["late", "used", "home"]);
    let Bins::Numeric { upper, points, special, .. } = &card.characteristics[0].bins else {
        panic!("{card:?}")
    };
    assert_eq!(upper.first(), Some(&0.0));
    assert!(points.is_sorted_by(|a, b| a > b), "more delay, fewer points: {points:?}");
    assert!(special.len() == 1 && special[0].points < *points.last().unwrap());
    let Bins::Numeric { upper, .. } = &card.characteristics[1].bins else { panic!() };
    assert!(upper.len() == 1 && (0.86..=0.92).contains(&upper[0]), "{upper:?}");
    assert!(
        matches!(&card.characteristics[2].bins, Bins::Category { groups, .. } if groups.len() == 2)
    );

    // Noise may seem to tell a little of the rows at hand.
    if let Some(Bins::Numeric { points, .. }) = card.characteristics.get(3).map(|one| &one.bins) {
        assert!(points.iter().all(|points| points.abs() <= 10), "{points:?}");
    }

    let evaluated = figures(&desk.evaluate("model.json"));
    for key in ["rows", "positives", "auc", "gini", "ks", "brier", "log_loss"] {
        assert_eq!(evaluated[key], told[key], "{key}");
    }
    let report = fs::read_to_string(desk.path("report/report.md")).unwrap();
    for words in ["### sex", "Lowest ratio between groups", "close at least 60 %", "### noise"] {
        assert!(report.contains(words), "no \"{words}\" in:\n{report}");
    }
    for plot in ["roc", "precision-recall", "calibration", "scores"] {
        assert!(report.contains(&format!("({plot}.svg)")), "{plot}");
        let svg = fs::read_to_string(desk.path(&format!("report/{plot}.svg"))).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("made-up: "), "{plot}");
    }
    let json = fs::read(desk.path("report/report.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert!(json["faithfulness"]["share"].as_f64().unwrap() > 0.95, "{json}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_compression_the_same_card() {
    let desk = Desk::new(SPEC, &data(2_000));
    let first = desk.train("data.csv", "a.json");
    let second = desk.train("data.csv", "b.json");
    assert_eq!(first.code, Some(0), "{}", first.err);
    assert_eq!(first.out, second.out);
    let bytes = |name: &str| fs::read(desk.path(name)).unwrap();
    assert!(bytes("a.json") == bytes("b.json"));

    let zipped = fs::File::create(desk.path("data.csv.gz")).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(zipped, flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, data(2_000).as_bytes()).unwrap();
    encoder.finish().unwrap();
    assert_eq!(desk.train("data.csv.gz", "c.json").out, first.out);
    let card = |name: &str| Scorecard::parse(&bytes(name)).unwrap().characteristics;
    assert_eq!(card("a.json"), card("c.json"));
}

#[test]
fn folds_judge_every_row_once() {
    let modulo = "kind = \"modulo\"\ncolumn = \"id\"\nmodulus = 10\ntest = [0, 3, 7]";
    let spec = SPEC.replacen(modulo, "kind = \"kfold\"\nfolds = 3", 1);
    let desk = Desk::new(&spec, &data(2_000));
    let told = figures(&desk.train("data.csv", "model.json"));
    assert_eq!(told["rows"], 2_000);
    let evaluated = desk.evaluate("model.json");
    assert_eq!(figures(&evaluated)["in_sample"], true);
    assert!(evaluated.err.contains("trained this model"), "{}", evaluated.err);
}

/// Refused with code 2 and these words, and without a model.
fn refused(spec: &str, csv: &str, words: &[&str]) {
    let desk = Desk::new(spec, csv);
    let ended = desk.train("data.csv", "model.json");
    assert_eq!(ended.code, Some(2), "{words:?}: {}", ended.err);
    assert_eq!(ended.out, "");
    for word in words {
        assert!(ended.err.contains(word), "no \"{word}\" in: {}", ended.err);
    }
    let left: Vec<String> = fs::read_dir(desk.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("model") || name.contains("tmp") || name == "report")
        .collect();
    assert_eq!(left, Vec::<String>::new(), "{words:?}");
}

#[test]
fn data_that_cannot_be_trained_on_is_told_with_its_place() {
    let good = data(300);
    let cell = |row: usize, column: usize, text: &str| {
        let mut lines: Vec<String> = good.lines().map(str::to_owned).collect();
        let mut fields: Vec<&str> = lines[row].split(',').collect();
        fields[column] = text;
        lines[row] = fields.join(",");
        lines.join("\n") + "\n"
    };
    let all = |column: usize, text: &str| {
        let lines = good.lines().enumerate().map(|(row, line)| {
            let mut fields: Vec<&str> = line.split(',').collect();
            if row > 0 {
                fields[column] = text;
            }
            fields.join(",") + "\n"
        });
        lines.collect::<String>()
    };
    refused(SPEC, "", &["data.csv", "empty"]);
    refused(SPEC, good.lines().next().unwrap(), &["no rows"]);
    refused(SPEC, &good.replacen(",late,", ",lateness,", 1), &["no column \"late\"", "lateness"]);
    refused(SPEC, &good.replacen(",noise,", ",limit,", 1), &["\"limit\" twice"]);
    refused(SPEC, &cell(17, 6, "ten"), &["row 17, column \"noise\"", "\"ten\" is not a number"]);
    refused(SPEC, &cell(5, 3, "NaN"), &["row 5, column \"balance\"", "\"NaN\""]);
    refused(SPEC, &cell(9, 4, "inf"), &["row 9, column \"limit\"", "\"inf\""]);
    refused(SPEC, &cell(4, 0, "x1"), &["row 4, column \"id\""]);
    refused(SPEC, &cell(4, 0, "1.5"), &["row 4, column \"id\"", "whole number"]);
    refused(SPEC, &cell(3, 7, ""), &["row 3, column \"bad\"", "missing"]);
    refused(SPEC, &cell(3, 7, "maybe"), &["\"bad\" has 3 values"]);
    refused(SPEC, &cell(3, 7, "no,no"), &["line: 4"]);
    refused(SPEC, &all(7, "no"), &["one class only", "\"bad\""]);
    refused(SPEC, &all(7, "yes"), &["one class only", "\"bad\""]);
    refused(SPEC, &all(6, "3"), &["constant", "\"noise\""]);
    refused(SPEC, &all(5, ""), &["constant", "\"home\""]);
}

#[test]
fn a_spec_that_is_wrong_is_told_with_all_its_faults() {
    let good = data(300);
    let spec = SPEC.replacen("LARGE_PURCHASE", "LARGE", 1).replacen(
        "name = \"noise\"",
        "name = \"noise\"\ncolumn = \"sex\"",
        1,
    );
    let column =
        ["spec.toml:40:10: \"sex\" is protected", "spec.toml:41:10: \"LARGE\" is no reason"];
    refused(&spec, &good, &column);
    refused(&SPEC.replacen("seed = 7", "sed = 7", 1), &good, &["spec.toml:5:1", "`sed`"]);
    refused(&SPEC.replacen("seed = 7", "seed =", 1), &good, &["spec.toml:5:"]);
    let noise = "[[feature]]\nname = \"noise\"\nreason = \"LARGE_PURCHASE\"\n";
    let only =
        SPEC.split("[[feature]]").next().unwrap().replace("[special]\nlate = [98]\n", "") + noise;
    refused(&only, &good, &["no feature tells"]);
}

#[test]
fn a_model_that_was_changed_or_belongs_to_another_spec_is_refused() {
    let desk = Desk::new(SPEC, &data(2_000));
    assert_eq!(desk.train("data.csv", "model.json").code, Some(0));
    let text = fs::read_to_string(desk.path("model.json")).unwrap();
    let refused = |text: &str, words: &str| {
        fs::write(desk.path("changed.json"), text).unwrap();
        let ended = desk.evaluate("changed.json");
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.contains(words), "no \"{words}\" in: {}", ended.err);
        assert!(ended.err.contains("changed.json"), "{}", ended.err);
    };
    refused(&text.replacen("\"name\": \"late\"", "\"name\": \"lame\"", 1), "checksum");
    refused(&text.replacen("\"format_version\": 1", "\"format_version\": 9", 1), "version 9");
    refused("{}", "format_version");
    let spec = SPEC.replacen("name = \"late\"\n", "name = \"later\"\ncolumn = \"late\"\n", 1);
    fs::write(desk.path("spec.toml"), spec).unwrap();
    let ended = desk.evaluate("model.json");
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("no feature \"late\""), "{}", ended.err);
}

#[test]
fn a_compressed_file_that_is_cut_off_is_no_whole_file() {
    let desk = Desk::new(SPEC, &data(300));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    std::io::Write::write_all(&mut encoder, data(300).as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    fs::write(desk.path("cut.csv.gz"), &bytes[..bytes.len() - 20]).unwrap();
    let ended = desk.train("cut.csv.gz", "model.json");
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("cut.csv.gz: reading"), "{}", ended.err);
    assert!(!desk.path("model.json").exists());
}

#[test]
fn files_that_are_not_there_are_named() {
    let desk = Desk::new(SPEC, &data(300));
    let ended = desk.train("missing.csv", "model.json");
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("cannot read") && ended.err.contains("missing.csv"));
    let ended = desk.train("data.csv", "nowhere/model.json");
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("cannot write") && ended.err.contains("nowhere"), "{}", ended.err);
}
