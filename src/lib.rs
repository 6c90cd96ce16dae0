//! Surety.

pub mod domain;
pub mod policy;
