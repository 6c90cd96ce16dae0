//! The chart in `helm/surety` and the Containerfile, held to what their tools and readers expect.

// A test that fails says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// Helm, promtool, the linters and the schemas, as tests/run installs them.
mod tools;
// What Helm makes of the chart and a file of values.
mod render;
// What a careful reader asks of a pod.
mod checks;

// Alerts and their runbooks: each fires in a case and stays quiet in another.
mod alerts;
// The config file of the service, and the files beside it.
mod config;
// The Containerfile.
mod container;
// The dashboard: every panel asks something that can be answered.
mod dashboard;
// Every manifest is what Kubernetes and the Prometheus operator take.
mod manifests;
// The names of metrics, and what is asked of them.
mod metrics;
// Who may reach whom.
mod network;
// Pods, and what has to be around them.
mod pods;
// What is not rendered, and what is said then.
mod refusals;
