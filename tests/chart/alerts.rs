//! Alerts and their runbooks: each fires in a case and stays quiet in another.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::metrics::faults;
use crate::render::{CHART, list, render};
use crate::tools::{documents, promtool, root};

const RULES: &str = "helm/surety/files/alerts.yaml";

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn rules(groups: &Value) -> Vec<&Value> {
    list(groups).iter().flat_map(|group| list(&group["rules"])).collect()
}

/// The names of alerts among rules.
fn names(groups: &Value) -> BTreeSet<&str> {
    rules(groups).into_iter().filter_map(|rule| rule["alert"].as_str()).collect()
}

/// The files of cases.
fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("tests/chart/alerts")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn prometheus_takes_the_rules() {
    let said = promtool(&["check", "rules", "--lint=all", "--lint-fatal", RULES]);
    said.expect_content(RULES);
}

#[test]
fn every_case_ends_as_it_says() {
    let cases = cases();
    assert_eq!(cases.len(), 7);
    for case in cases {
        promtool(&["test", "rules", case.to_str().unwrap()]).expect_content("an alert");
    }
}

#[test]
fn each_alert_fires_and_stays_quiet() {
    let (mut fires, mut quiet) = (BTreeSet::new(), BTreeSet::new());
    for file in cases() {
        let file = documents(&fs::read_to_string(file).unwrap()).remove(0);
        for case in list(&file["tests"]) {
            for test in list(&case["alert_rule_test"]) {
                let name = test["alertname"].as_str().unwrap().to_owned();
                match list(&test["exp_alerts"]).is_empty() {
                    true => quiet.insert(name),
                    false => fires.insert(name),
                };
            }
        }
    }
    let file = documents(&read(RULES)).remove(0);
    let alerts: BTreeSet<String> = names(&file["groups"]).into_iter().map(str::to_owned).collect();
    assert!(alerts.len() >= 15, "{alerts:?}");
    assert_eq!(fires, alerts, "alerts that fire in no case, or cases of no alert");
    assert_eq!(quiet, alerts, "alerts that are quiet in no case");
}

#[test]
fn alerts_ask_for_what_is_told() {
    let file = documents(&read(RULES)).remove(0);
    for rule in rules(&file["groups"]) {
        let expression = rule["expr"].as_str().unwrap();
        assert_eq!(faults(expression), [""; 0], "{expression}");
    }
}

#[test]
fn recorded_series_are_recorded_before_they_are_asked_for() {
    let file = documents(&read(RULES)).remove(0);
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':');
    let mut recorded = BTreeSet::new();
    for rule in rules(&file["groups"]) {
        for name in rule["expr"].as_str().unwrap().split(word) {
            let known = !name.starts_with("surety:") || recorded.contains(name);
            assert!(known, "{name} is asked for by {rule}");
        }
        recorded.extend(rule["record"].as_str());
    }
}

#[test]
fn each_alert_has_a_severity_words_and_a_runbook() {
    let file = documents(&read(RULES)).remove(0);
    let mut books: BTreeSet<String> = fs::read_dir(root().join(CHART).join("runbooks"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for rule in rules(&file["groups"]).into_iter().filter(|rule| rule["alert"].is_string()) {
        let name = rule["alert"].as_str().unwrap();
        let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
        assert!(["critical", "warning"].contains(&severity), "{name}");
        let path = format!("helm/surety/runbooks/{name}.md");
        let annotations = &rule["annotations"];
        assert_eq!(annotations["runbook_url"], path.as_str());
        assert!(annotations["summary"].is_string() && annotations["description"].is_string());
        assert!(rule["for"].is_string(), "{name} fires at the first scrape");
        let book = read(&path);
        for part in [&format!("# {name}\n"), "## What it means", "## Who feels it"] {
            assert!(book.contains(part), "{path}: no {part}");
        }
        for part in ["## How to look\n\n- ", "## What to do\n\n- "] {
            assert!(book.contains(part), "{path}: no {part}");
        }
        books.remove(&format!("{name}.md"));
    }
    assert!(books.is_empty(), "runbooks of no alert: {books:?}");
}

/// Backticked expressions of runbooks ask for what there is, too.
#[test]
fn runbooks_ask_for_what_is_told() {
    let file = documents(&read(RULES)).remove(0);
    let alerts = names(&file["groups"]);
    for name in &alerts {
        let book = read(&format!("helm/surety/runbooks/{name}.md"));
        for code in book.split('`').skip(1).step_by(2).filter(|code| code.contains("surety_")) {
            // A metric may be named without what is asked of it.
            let found = faults(code).into_iter().filter(|fault| fault.contains("no label"));
            assert_eq!(found.collect::<Vec<String>>(), [""; 0], "{name}: {code}");
        }
        let word = |c: char| !c.is_ascii_alphanumeric();
        let others = book.split(word).filter(|word| word.len() > 6 && word.starts_with("Surety"));
        for other in others {
            assert!(alerts.contains(other), "{name} names {other}, which is no alert");
        }
    }
}

#[test]
fn the_chart_brings_the_same_rules() {
    let file = documents(&read(RULES)).remove(0);
    let production = render("production");
    let mut brought = production.one("PrometheusRule", "")["spec"]["groups"].clone();
    for group in brought.as_array_mut().unwrap() {
        for rule in group["rules"].as_array_mut().unwrap() {
            if let Some(url) = rule.pointer_mut("/annotations/runbook_url") {
                let base = "https://git.example/surety/blob/main/";
                *url = url.as_str().unwrap().strip_prefix(base).unwrap().into();
            }
        }
    }
    assert_eq!(brought, file["groups"]);

    let all_on = render("all-on");
    let groups = &all_on.one("PrometheusRule", "")["spec"]["groups"];
    let mut wanted = names(&file["groups"]);
    wanted.remove("SuretyDeclineSpike");
    assert_eq!(names(groups), wanted);
    for rule in rules(groups).into_iter().filter(|rule| rule["alert"].is_string()) {
        assert_eq!(rule["labels"]["team"], "risk");
        let changed = rule["alert"] == "SuretyLatencyHigh";
        assert!(!changed || (rule["for"] == "5m" && rule["labels"]["severity"] == "warning"));
    }
    let rendered = serde_json::json!({ "groups": groups }).to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.yaml");
    fs::write(&path, rendered).unwrap();
    promtool(&["check", "rules", path.to_str().unwrap()]).expect_content("rendered rules");
}
