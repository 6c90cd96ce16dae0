//! Surety.

pub mod domain;
pub mod ledger;
