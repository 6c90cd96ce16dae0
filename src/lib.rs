//! Surety.

pub mod domain;
