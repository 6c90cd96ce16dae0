//! The config file of the service, and the files that it names.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::render::{ALL, CHART, Rendered, list, render, render_with};
use crate::tools::{root, tool};

/// Every setting of `surety serve`, and whether a value of the chart's own decides it.
const SETTINGS: [(&str, bool); 35] = [
    ("grpc-listen", true),
    ("http-listen", true),
    ("data", true),
    ("ledger", true),
    ("ledger-password-file", true),
    ("policy", true),
    ("reasons", true),
    ("credit-model", true),
    ("fraud-model", true),
    ("step-up-key", true),
    ("party-key", true),
    ("signals", true),
    ("signals-password-file", true),
    ("signals-ca-file", true),
    ("tls-cert", true),
    ("tls-key", true),
    ("tls-client-ca", true),
    ("plaintext", true),
    ("drain-seconds", true),
    ("otlp-endpoint", true),
    ("snapshot-every", false),
    ("keep-raw-context", false),
    ("keep-signal-events", false),
    ("keep-events", false),
    ("keep-decisions", false),
    ("keep-staff-reads", false),
    ("retention-every", false),
    ("signals-budget-ms", false),
    ("max-connections", false),
    ("calls-per-second", false),
    ("calls-per-second-account", false),
    ("concurrency", false),
    ("queue-ms", false),
    ("max-message-bytes", false),
    ("log-level", false),
];

fn settings(rendered: &Rendered) -> toml::Table {
    rendered.config().parse().unwrap()
}

#[test]
fn every_setting_is_known_and_can_be_set() {
    let known: BTreeSet<&str> = SETTINGS.iter().map(|(name, _)| *name).collect();
    let mut set: BTreeSet<String> = BTreeSet::new();
    for values in ALL {
        set.extend(settings(&render(values)).keys().cloned());
    }
    assert_eq!(set.iter().map(String::as_str).collect::<BTreeSet<&str>>(), known);
}

#[test]
fn what_has_a_value_of_its_own_is_not_passed_through() {
    let schema = fs::read_to_string(root().join(CHART).join("values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let passed = &schema["properties"]["config"]["properties"];
    let passed: BTreeSet<&str> = passed.as_object().unwrap().keys().map(String::as_str).collect();
    let free = SETTINGS.iter().filter(|(_, own)| !own).map(|(name, _)| *name);
    assert_eq!(passed, free.collect::<BTreeSet<&str>>());
}

#[test]
fn numbers_and_texts_arrive_as_they_are() {
    let all_on = settings(&render("all-on"));
    assert_eq!(all_on["max-connections"].as_integer(), Some(4_096));
    assert_eq!(all_on["keep-raw-context"].as_str(), Some("36h"));
    assert_eq!(all_on["grpc-listen"].as_str(), Some("[::]:8443"));
    let large = render_with("default", &["config.max-connections=123456789"]);
    assert_eq!(settings(&large)["max-connections"].as_integer(), Some(123_456_789));
}

#[test]
fn the_service_takes_every_file_of_settings() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for values in ALL {
        let rendered = render(values);
        fs::write(file.path(), rendered.config()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_surety"));
        let print =
            command.args(["config", "print", "--config"]).arg(file.path()).output().unwrap();
        let said = String::from_utf8_lossy(&print.stderr);
        assert!(print.status.success(), "{values}: {said}");
        let known: toml::Table = String::from_utf8(print.stdout).unwrap().parse().unwrap();
        for (key, value) in settings(&rendered) {
            assert_eq!(known.get(&key), Some(&value), "{values}: {key}");
        }
    }
}

#[test]
fn a_named_authority_means_verified_tls() {
    let ledger = |values: &str| settings(&render(values))["ledger"].as_str().unwrap().to_owned();
    assert_eq!(ledger("default"), "postgres://surety@db.example/surety");
    assert_eq!(
        ledger("production"),
        "postgres://surety@db.example:5433/surety?options=-c%20statement_timeout=5000\
         &sslmode=verify-full&sslrootcert=/etc/surety/secrets/ledger-ca.crt"
    );
    assert!(ledger("all-on").contains("?sslmode=verify-ca&sslrootcert="), "it chose a mode itself");
}

/// Paths under which the pod has files, of Secrets and ConfigMaps.
fn mounted(rendered: &Rendered) -> BTreeSet<String> {
    let spec = &rendered.workload()["spec"]["template"]["spec"];
    let mut files = BTreeSet::new();
    for mount in list(&spec["containers"][0]["volumeMounts"]) {
        let folder = mount["mountPath"].as_str().unwrap();
        let volume = list(&spec["volumes"]).iter().find(|volume| volume["name"] == mount["name"]);
        let Some(volume) = volume else { continue };
        assert!(volume["emptyDir"].is_object() || mount["readOnly"] == true, "{mount}");
        for source in list(&volume["projected"]["sources"]) {
            for item in source.as_object().unwrap().values().flat_map(|s| list(&s["items"])) {
                files.insert(format!("{folder}/{}", item["path"].as_str().unwrap()));
            }
        }
    }
    files
}

#[test]
fn every_file_that_is_named_is_mounted_and_the_other_way_round() {
    for values in ALL {
        let rendered = render(values);
        let mut named = BTreeSet::new();
        for (key, value) in settings(&rendered) {
            let text = value.as_str().unwrap_or_default();
            let path = text.split_once("sslrootcert=").map_or(text, |(_, path)| path);
            if path.starts_with("/etc/") {
                assert!(named.insert(path.to_owned()), "{values}: {key} and another share {path}");
            }
        }
        assert_eq!(named, mounted(&rendered), "{values}");
    }
}

#[test]
fn secrets_can_be_read_by_the_service_alone() {
    let rendered = render("production");
    let spec = &rendered.workload()["spec"]["template"]["spec"];
    let secrets = list(&spec["volumes"]).iter().find(|volume| volume["name"] == "secrets").unwrap();
    // 0440, of root and the pod's own group.
    assert_eq!(secrets["projected"]["defaultMode"], 0o440);
    assert!(spec["securityContext"]["fsGroup"].as_u64() > Some(0));
}

#[test]
fn files_of_values_are_in_good_style() {
    let style = "tests/chart/yamllint.yaml";
    let files = ["helm/surety/Chart.yaml", "helm/surety/values.yaml", "helm/surety/files"];
    let mut arguments = vec!["--strict", "-c", style, "tests/chart"];
    arguments.extend(files);
    tool("yamllint", &arguments, "").expect_content("yamllint");
}

#[test]
fn every_value_is_explained() {
    let values = fs::read_to_string(root().join(CHART).join("values.yaml")).unwrap();
    let mut explained = false;
    for line in values.lines() {
        let key = line.starts_with(|c: char| c.is_ascii_lowercase());
        let inside = line.starts_with(' ') && line.trim_start().starts_with('#');
        assert!(!key || explained || line.ends_with(':'), "no comment above {line}");
        explained = line.starts_with("# ") && !line.starts_with("# --") || inside;
    }
}
