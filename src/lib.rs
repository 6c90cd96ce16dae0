//! Surety.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod telemetry;
pub mod domain;
pub mod signals;
pub mod features;
pub mod scoring;
pub mod policy;
pub mod playbook;
pub mod decide;
pub mod ledger;
pub mod service;
pub mod grpc;
pub mod lab;
pub mod app;
pub mod cli;
