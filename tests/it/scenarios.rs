//! Situations as rows of TOML: what was before, what is asked, what is expected. Each runs over
//! gRPC on one service, a day apart, so that nothing of one row is recent in the next.

mod play;
mod row;

use std::collections::BTreeSet;

use crate::disclosure::{self, Levels};
use crate::support::TestApp;
use row::Row;

const TABLES: [(&str, &str); 5] = [
    ("identity.toml", include_str!("scenarios/identity.toml")),
    ("credit.toml", include_str!("scenarios/credit.toml")),
    ("affordability.toml", include_str!("scenarios/affordability.toml")),
    ("security.toml", include_str!("scenarios/security.toml")),
    ("instrument.toml", include_str!("scenarios/instrument.toml")),
];

fn rows() -> Vec<Row> {
    TABLES.iter().flat_map(|(name, text)| row::parse(name, text)).collect()
}

#[test]
fn a01_a22_a60_b23_every_situation_is_decided_and_told_as_expected() {
    let app = TestApp::start();
    let rows = rows();
    assert!(rows.len() >= 40, "{} rows", rows.len());
    let levels = Levels::shipped();
    let wrong: Vec<String> = rows
        .iter()
        .enumerate()
        .filter_map(|(place, row)| {
            let found = play::play(&app, place, row);
            let mut problems: Vec<String> = row.expect.problem(&found).into_iter().collect();
            let lacks = disclosure::complaints(&app, &levels, &found);
            problems.extend(lacks.into_iter().map(|what| format!("wanted: {what}")));
            (!problems.is_empty()).then(|| format!("{}:\n  {}", row.name, problems.join("\n  ")))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn every_code_that_has_a_rule_is_expected_by_a_situation() {
    let policy: toml::Table = surety::playbook::SHIPPED_POLICY.text.parse().unwrap();
    let rules = policy["rule"].as_array().unwrap();
    let ruled: BTreeSet<&str> = rules.iter().map(|rule| rule["code"].as_str().unwrap()).collect();
    let rows = rows();
    let expected: BTreeSet<&str> = rows.iter().flat_map(|row| row.expect.all_codes()).collect();
    let missing: Vec<&&str> = ruled.difference(&expected).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_row_with_an_unknown_key_or_word_is_refused() {
    let row = |given: &str, request: &str| {
        format!(
            "[[case]]\nname = 'x'\ngiven = {{ {given} }}\nrequest = {{ amount = 1{request} }}\n\
             expect = {{ outcome = 'APPROVED' }}\n"
        )
    };
    assert!(row::read(&row("account = 'regular'", "")).is_ok());
    for (given, request) in [
        ("account = 'regular'", ", colour = 'red'"),
        ("account = 'regular', moon = 1", ""),
        ("account = 'sometimes'", ""),
    ] {
        assert!(row::read(&row(given, request)).is_err(), "{given} {request}");
    }
    for word in ["attempt amount=1 colour=red -1m", "attempt amount=1", "dance -1m"] {
        let given = format!("account = 'regular', events = ['{word}']");
        let row = row::read(&row(&given, "")).unwrap().remove(0);
        assert!(row.given.events().is_err(), "{word}");
    }
}
