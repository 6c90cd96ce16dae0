//! Surety.

pub mod domain;
pub mod policy;
pub mod service;

pub mod grpc;
