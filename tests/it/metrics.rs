//! What Prometheus sees after some calls: every name, type and label, and that they count aright.

use std::collections::{BTreeMap, BTreeSet};

use surety::domain::Span;
use surety::grpc::pb;
use tonic::Request;

use crate::support::{TestApp, by, new_id, purchase};

const README: &str = include_str!("../../README.md");

/// A family as the README's table shows it.
#[derive(Default)]
struct Family {
    kind: String,
    labels: BTreeSet<String>,
    help: String,
}

/// Families by name. Labels keep no order.
fn families(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines() {
        let words = |prefix| line.strip_prefix(prefix).and_then(|rest: &str| rest.split_once(' '));
        if let Some((name, help)) = words("# HELP ") {
            families.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) = words("# TYPE ") {
            families.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if let Some((sample, rest)) = line.split_once('{') {
            let parts = ["_bucket", "_sum", "_count"];
            let whole = parts.iter().find_map(|part| sample.strip_suffix(part));
            let name = whole.filter(|name| families.contains_key(*name)).unwrap_or(sample);
            let labels = rest.split_once('}').unwrap().0.split("\",");
            let labels = labels.map(|label| label.split_once("=\"").unwrap().0.to_owned());
            let labels = labels.filter(|label| label != "le");
            families.get_mut(name).unwrap().labels.extend(labels);
        }
    }
    families
}

/// The value of one sample.
fn value(text: &str, sample: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{sample} ")));
    line.unwrap_or_else(|| panic!("no {sample} in:\n{text}")).parse().unwrap()
}

/// Labels in the order of their names, as they are written down.
fn sum(text: &str, family: &str, labels: &[&str]) -> f64 {
    let has = |line: &str| labels.iter().all(|label| line.contains(label));
    let samples = text.lines().filter(|line| line.starts_with(&format!("{family}{{")) && has(line));
    samples.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

#[test]
fn the_readme_lists_every_family_with_its_type_labels_and_meaning() {
    let app = TestApp::start();
    app.given_account("anna", 100_000);
    app.buy(purchase("anna", 4_500));
    let rows = families(&app.page("/metrics")).into_iter().map(|(name, family)| {
        let Family { kind, labels, help } = family;
        let labels: Vec<_> = labels.into_iter().map(|label| format!("`{label}`")).collect();
        format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
    });
    let rows: Vec<String> = rows.collect();
    let shown = README.lines().filter(|line| {
        ["| `surety_", "| `process_"].iter().any(|beginning| line.starts_with(beginning))
    });
    let shown: BTreeSet<&str> = shown.collect();
    let mut there: BTreeSet<&str> = rows.iter().map(String::as_str).collect();
    // There with TLS alone; tests/process sees it.
    there.insert(concat!(
        "| `surety_certificate_not_after_seconds` | gauge | `certificate` | ",
        "Until when a certificate that is served with is valid, Unix time. |",
    ));
    assert_eq!(shown, there, "the table should be:\n{}\n", rows.join("\n"));
}

#[test]
fn decisions_and_stages_are_counted_once() {
    let app = TestApp::start();
    app.given_account("anna", 10_000);
    let (id, order) = (new_id(), purchase("anna", 4_500));
    for _ in 0..3 {
        app.try_buy("checkout", &id, order.clone()).unwrap();
    }
    app.try_buy("checkout", &new_id(), purchase("anna", 900_000)).unwrap();
    app.try_buy("checkout", "no id", order).unwrap_err();
    let text = app.page("/metrics");
    let why = "top_code=\"CREDIT_LIMIT_EXCEEDED\"";
    let declined = ["outcome=\"DECLINED\"", "product=\"PURCHASE\"", "market=\"DE\"", why];
    assert_eq!(sum(&text, "surety_decisions_total", &declined), 1.0, "{text}");
    assert_eq!(sum(&text, "surety_decisions_total", &[]), 2.0);
    assert_eq!(value(&text, "surety_decisions_degraded_total{source=\"signals\"}"), 0.0);
    for (stage, times) in
        [("edge", 4.0), ("standing", 4.0), ("decide", 2.0), ("commit", 2.0), ("total", 4.0)]
    {
        let count = format!("surety_stage_duration_seconds_count{{stage=\"{stage}\"}}");
        assert_eq!(value(&text, &count), times, "{stage}");
    }
    assert!(value(&text, "surety_ledger_commit_size_count") >= 3.0);
}

#[test]
fn calls_are_counted_by_their_status_under_names_that_exist() {
    let app = TestApp::start();
    app.given_account("anna", 100_000);
    app.try_account("checkout", "anna").unwrap_err();
    app.try_account("ledger", "nobody").unwrap_err();
    app.try_account("ledger", "anna").unwrap();
    app.block_on(async {
        let mut grpc = tonic::client::Grpc::new(app.channel().await);
        for path in ["/made.Up/Name", "/surety.v1.AccountService/acc-1042"] {
            grpc.ready().await.unwrap();
            let codec: tonic_prost::ProstCodec<(), ()> = tonic_prost::ProstCodec::default();
            grpc.unary(Request::new(()), path.parse().unwrap(), codec).await.unwrap_err();
        }
    });
    let text = app.page("/metrics");
    let called = |method, code| {
        let labels = [format!("method=\"{method}\""), format!("code=\"{code}\"")];
        sum(&text, "surety_calls_total", &[&labels[0], &labels[1]])
    };
    assert_eq!(called("GetAccount", "PERMISSION_DENIED"), 1.0);
    assert_eq!(called("GetAccount", "NOT_FOUND"), 1.0);
    assert_eq!(called("GetAccount", "OK"), 1.0);
    assert_eq!(called("UpsertAccount", "OK"), 1.0);
    assert_eq!(called("unknown", "UNIMPLEMENTED"), 2.0);
    assert!(!text.contains("made.Up") && !text.contains("acc-1042"), "{text}");
    assert_eq!(value(&text, "surety_calls_under_way"), 0.0);
}

#[test]
fn a_stream_is_under_way_until_it_ends() {
    let app = TestApp::start();
    app.given_regular("anna", 100_000);
    let pending = app.under_review("anna", 4_500);
    let watched = pb::WatchDecisionRequest { decision_id: pending.decision_id.clone() };
    let mut stream = app
        .raw(async |mut client| client.watch_decision(by("checkout", watched)).await)
        .unwrap()
        .into_inner();
    app.block_on(stream.message()).unwrap();
    assert_eq!(value(&app.page("/metrics"), "surety_calls_under_way"), 1.0);
    app.cancel(&pending, pb::CancelReason::Customer);
    while app.block_on(stream.message()).unwrap().is_some() {}
    let text = app.page("/metrics");
    assert_eq!(value(&text, "surety_calls_under_way"), 0.0);
    let ended = ["method=\"WatchDecision\"", "code=\"OK\""];
    assert_eq!(sum(&text, "surety_calls_total", &ended), 1.0, "{text}");
}

#[test]
fn open_reviews_are_counted_by_queue_and_age() {
    let app = TestApp::start();
    app.given_regular("old", 100_000);
    app.given_regular("new", 100_000);
    app.under_review("old", 4_500);
    app.advance(Span::minutes(20));
    app.under_review("new", 4_500);
    let text = app.page("/metrics");
    let open = |queue: &str, age: &str| {
        value(&text, &format!("surety_reviews_open{{age=\"{age}\",queue=\"{queue}\"}}"))
    };
    assert_eq!((open("SECURITY", "15m"), open("SECURITY", "1h")), (1.0, 1.0));
    assert_eq!(sum(&text, "surety_reviews_open", &[]), 2.0);
    assert_eq!(open("COMPLIANCE", "older"), 0.0);
}
