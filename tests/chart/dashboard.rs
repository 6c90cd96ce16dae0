//! The dashboard: every panel asks something that can be answered, and is where it is seen.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::metrics::{METRICS, asked, faults};
use crate::render::{list, render};
use crate::tools::{documents, promtool, root};

fn dashboard() -> Value {
    let text = fs::read_to_string(root().join("helm/surety/files/dashboard.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Panels that ask; rows are headings.
fn panels(dashboard: &Value) -> Vec<&Value> {
    list(&dashboard["panels"]).iter().filter(|panel| panel["type"] != "row").collect()
}

/// Every expression, of panels and annotations.
fn expressions(dashboard: &Value) -> Vec<&str> {
    let targets = panels(dashboard).into_iter().flat_map(|panel| list(&panel["targets"]));
    let marks = list(&dashboard["annotations"]["list"]);
    targets.chain(marks).map(|target| target["expr"].as_str().unwrap()).collect()
}

/// With what Grafana puts in place of its own variables.
fn as_prometheus_sees_it(expression: &str) -> String {
    let replaced = expression.replace("$__rate_interval", "5m").replace("$__range", "1h");
    assert!(!replaced.contains("$__"), "an unknown variable of Grafana: {expression}");
    replaced
}

#[test]
fn prometheus_takes_every_expression() {
    let dashboard = dashboard();
    let expressions = expressions(&dashboard);
    assert!(expressions.len() >= 40, "only {}", expressions.len());
    let mut rules = Vec::new();
    for (number, expression) in expressions.iter().enumerate() {
        let expression = as_prometheus_sees_it(expression);
        rules.push(json!({"record": format!("panel:{number}"), "expr": expression}));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dashboard.yaml");
    fs::write(&path, json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string())
        .unwrap();
    promtool(&["check", "rules", path.to_str().unwrap()]).expect_content("an expression");
}

#[test]
fn panels_ask_for_what_is_told_of_the_release_that_is_chosen() {
    let dashboard = dashboard();
    for expression in expressions(&dashboard) {
        assert_eq!(faults(expression), [""; 0], "{expression}");
        let chosen = expression.matches(r#"{namespace=~"$namespace", job=~"$job""#).count();
        let series = expression.matches('{').count();
        assert!(series > 0 && chosen == series, "of any release: {expression}");
    }
}

#[test]
fn every_metric_is_seen_somewhere() {
    let dashboard = dashboard();
    let asked = expressions(&dashboard).into_iter().flat_map(asked).map(|asked| asked.metric);
    let seen: BTreeSet<&str> = asked.collect();
    for (name, histogram, _) in METRICS {
        let name = if histogram { format!("{name}_bucket") } else { name.to_owned() };
        assert!(seen.contains(name.as_str()), "no panel shows {name}");
    }
}

#[test]
fn recorded_series_are_those_of_the_alerts() {
    let rules = fs::read_to_string(root().join("helm/surety/files/alerts.yaml")).unwrap();
    let dashboard = dashboard();
    for expression in expressions(&dashboard) {
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':');
        for name in expression.split(word).filter(|name| name.starts_with("surety:")) {
            assert!(rules.contains(&format!("record: {name}\n")), "nobody records {name}");
        }
    }
}

#[test]
fn panels_say_what_they_show_and_do_not_overlap() {
    let dashboard = dashboard();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in list(&dashboard["panels"]) {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: an id twice");
        let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(x < 24 && taken.insert((x, y)), "{title} is out of place");
            }
        }
    }
    for panel in panels(&dashboard) {
        assert!(panel["description"].as_str().is_some_and(|text| !text.is_empty()), "{panel}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}");
    }
    let rows = list(&dashboard["panels"]).iter().filter(|panel| panel["type"] == "row");
    assert!(rows.count() >= 7, "rate, latency, errors, stores, reviews, saturation");
}

#[test]
fn the_chart_brings_it_as_it_is() {
    let rendered = render("production");
    let map = rendered.one("ConfigMap", "-dashboard");
    let brought = documents(map["data"]["surety.json"].as_str().unwrap()).remove(0);
    assert_eq!(brought, dashboard());
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    assert_eq!(render("default").all("ConfigMap").count(), 1, "it is not asked for");
}
