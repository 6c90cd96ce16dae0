//! What Helm makes of the chart and a file of values.

use std::path::PathBuf;

use serde_json::Value;

use crate::tools::{Said, documents, helm, root};

pub const CHART: &str = "helm/surety";
/// The files of `tests/chart/values`.
pub const ALL: [&str; 5] = ["default", "minimal", "production", "all-on", "embedded"];

/// The manifests of a release.
pub struct Rendered {
    pub text: String,
    pub objects: Vec<Value>,
}

pub fn values(name: &str) -> PathBuf {
    root().join("tests/chart/values").join(format!("{name}.yaml"))
}

/// Renders a file of values with `--set` arguments over it.
pub fn try_render(name: &str, set: &[&str]) -> Said {
    let file = values(name);
    let mut arguments = vec!["template", "surety", CHART, "--namespace", "risk"];
    arguments.extend(["--values", file.to_str().unwrap()]);
    arguments.extend(set.iter().flat_map(|set| ["--set", set]));
    helm(&arguments)
}

pub fn render_with(name: &str, set: &[&str]) -> Rendered {
    let text = try_render(name, set).expect_content(name);
    let objects = documents(&text);
    Rendered { text, objects }
}

pub fn render(name: &str) -> Rendered {
    render_with(name, &[])
}

impl Rendered {
    pub fn all<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// The object of a kind whose name has this end.
    #[track_caller]
    pub fn one(&self, kind: &str, end: &str) -> &Value {
        let named = |object: &&Value| name(object).ends_with(end);
        let found: Vec<&Value> = self.all(kind).filter(named).collect();
        assert_eq!(found.len(), 1, "{kind} *{end}");
        found[0]
    }

    /// Deployment or StatefulSet.
    pub fn workload(&self) -> &Value {
        let is =
            |object: &&Value| object["kind"] == "Deployment" || object["kind"] == "StatefulSet";
        self.objects.iter().find(is).unwrap()
    }

    /// The config file of the service.
    pub fn config(&self) -> &str {
        self.one("ConfigMap", "-config")["data"]["surety.toml"].as_str().unwrap()
    }
}

pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

/// Whether a map of labels has all that a selector asks for.
pub fn selects(selector: &Value, labels: &Value) -> bool {
    selector.as_object().unwrap().iter().all(|(key, value)| &labels[key] == value)
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
