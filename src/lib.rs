//! Surety.

//pub mod app;
//pub mod cli;
pub mod decide;
pub mod domain;
pub mod features;
pub mod grpc;
pub mod lab;
pub mod ledger;
pub mod playbook;
pub mod policy;
pub mod scoring;
pub mod service;
pub mod signals;
pub mod telemetry;
