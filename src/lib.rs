//! Surety.

pub mod domain;
pub mod signals;
