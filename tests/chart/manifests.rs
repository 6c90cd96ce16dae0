//! Every manifest is what Kubernetes and the Prometheus operator take.

use serde_json::{Value, json};

use crate::render::{ALL, CHART, name, render, values};
use crate::tools::{Said, helm, tool};

/// The oldest version that the chart takes, and the newest that there are schemas of.
const VERSIONS: [&str; 2] = ["1.30", "1.37"];

fn check(manifests: &str, version: &str) -> Said {
    tool("kubernetes-validate", &["-k", version, "--strict", "-"], manifests)
}

/// Validates JSON on the standard input against the schema that the argument names.
const AGAINST: &str = "import json, sys, jsonschema\n\
    schema = json.load(open(sys.argv[1]))\n\
    jsonschema.Draft202012Validator.check_schema(schema)\n\
    jsonschema.validate(json.load(sys.stdin), schema, jsonschema.Draft202012Validator)";

fn check_operators(object: &Value) -> Said {
    let kind = object["kind"].as_str().unwrap().to_lowercase();
    let schema = format!("tests/chart/schemas/{kind}.json");
    tool("python", &["-c", AGAINST, &schema], &object.to_string())
}

fn is_operators(object: &Value) -> bool {
    object["apiVersion"] == "monitoring.coreos.com/v1"
}

#[test]
fn helm_finds_nothing_to_say() {
    for values_name in ALL {
        let file = values(values_name);
        let said = helm(&["lint", "--strict", CHART, "--values", file.to_str().unwrap()]);
        said.expect_content(values_name);
    }
}

#[test]
fn kubernetes_knows_every_field() {
    for values_name in ALL {
        let rendered = render(values_name);
        let own = rendered.objects.iter().filter(|object| !is_operators(object));
        let own: Vec<String> = own.map(Value::to_string).collect();
        assert!(own.len() >= 9, "{values_name}: {} manifests", own.len());
        for version in VERSIONS {
            check(&own.join("\n---\n"), version).expect_content(values_name);
        }
        let unique = "{rules: {key-duplicates: enable}}";
        tool("yamllint", &["-d", unique, "-"], &rendered.text).expect_content(values_name);
    }
}

#[test]
fn a_misspelt_field_would_be_found() {
    let mut deployment = render("default").one("Deployment", "").clone();
    deployment["spec"]["template"]["spec"]["terminationGracePeriod"] = json!(1);
    let said = check(&deployment.to_string(), VERSIONS[1]);
    assert!(!said.content && said.all.contains("terminationGracePeriod"), "{}", said.all);
}

#[test]
fn the_operator_knows_every_field() {
    for values_name in ["production", "all-on"] {
        let rendered = render(values_name);
        let theirs: Vec<&Value> = rendered.objects.iter().filter(|o| is_operators(o)).collect();
        assert_eq!(theirs.len(), 2, "{values_name}");
        for object in theirs {
            check_operators(object).expect_content(values_name);
        }
    }
    let mut monitor = render("production").one("ServiceMonitor", "").clone();
    monitor["spec"]["endpoints"][0]["intervall"] = json!("15s");
    assert!(!check_operators(&monitor).content, "a misspelt field was taken");
}

#[test]
fn every_object_is_of_the_release() {
    for values_name in ALL {
        let rendered = render(values_name);
        let mut names = Vec::new();
        for object in &rendered.objects {
            let metadata = &object["metadata"];
            assert_eq!(metadata["namespace"], "risk", "{}", name(object));
            for label in ["name", "instance", "component", "version", "managed-by"] {
                let label = format!("app.kubernetes.io/{label}");
                assert!(metadata["labels"][&label].is_string(), "{} {label}", name(object));
            }
            names.push((object["kind"].as_str().unwrap(), name(object)));
        }
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "{values_name}: two objects have one name");
    }
}

#[test]
fn the_notes_tell_how_to_let_a_caller_in() {
    for values_name in ALL {
        let file = values(values_name);
        let dry = ["install", "surety", CHART, "--namespace", "risk", "--dry-run=client"];
        let said = helm(&[&dry[..], &["--values", file.to_str().unwrap()]].concat());
        let text = said.expect_content(values_name);
        let (_, notes) = text.split_once("NOTES:\n").expect("no notes");
        for part in ["surety caller add", "rollout status", "-headless.risk.svc:"] {
            assert!(notes.contains(part), "{values_name}: no {part} in\n{notes}");
        }
        let ledger =
            if values_name == "embedded" { "--data /var/lib" } else { "--ledger 'postgres" };
        assert!(notes.contains(ledger), "{values_name}:\n{notes}");
    }
}

#[test]
fn nothing_holds_a_secret() {
    for values_name in ALL {
        let rendered = render(values_name);
        assert_eq!(rendered.all("Secret").count(), 0, "{values_name} makes a Secret");
        assert!(!rendered.text.contains("secretKeyRef"), "{values_name}");
    }
}
