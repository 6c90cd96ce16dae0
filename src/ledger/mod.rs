//! What is durable: decisions with their facts, exposure, accounts, events and answers by key.
//!
//! One SQLite file. Reads take a connection of a small pool. Every write goes through one task,
//! which commits waiting writes together (`writer.rs`) and tells nobody before the commit
//! succeeded. No write may raise `outstanding + reserved` above the limit in force: the condition
//! stands in the statement that reserves (`reserve.rs`). Ends are judged by comparing times, so
//! nothing here has to be swept.

mod open;
mod writer;

mod answer;
mod assess;
mod reserve;
mod rows;

mod account;
mod restriction;

mod cancel;
mod confirm;
mod plan;

mod aftermath;
mod event;
mod repayment;

mod check;
mod erase;
mod decision;
mod export;
mod history;
mod retention;
mod search;
mod signal;
mod summary;
mod training;
mod standing;

mod error;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::sync::Arc;

use sqlx::SqlitePool;
use tokio::sync::{mpsc, watch};

pub use answer::{Answer, AnswerKey, Claim, Written};
pub use assess::{AssessCommit, Assessed};
pub use cancel::Cancel;
pub use check::Report;
pub use confirm::Confirm;
pub use decision::ListFilter;
pub use error::{Error, Precondition, PreconditionReason};
pub use event::{EventFate, EventResult};
pub use export::Export;
pub use history::History;
pub use retention::EventPlace;
pub use signal::{SignalRow, StoredSignal};
pub use standing::Probe;
pub use summary::Sent;
pub use training::{Captured, Decided, Past, PlanPast};

/// The ledger; clones share it.
#[derive(Clone, Debug)]
pub struct Ledger {
    readers: SqlitePool,
    jobs: mpsc::Sender<writer::Job>,
    failed: watch::Receiver<Option<String>>,
    /// Held while any clone lives, so that no second process opens the file.
    _lock: Arc<File>,
}
