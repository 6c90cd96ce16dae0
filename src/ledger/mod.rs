//! What is durable: decisions with their facts, exposure, accounts, events and answers by key.
//!
//! One SQLite file (`sqlite/`), or a PostgreSQL database that several processes share
//! (`postgres/`). The statements are the same (`sql/`) but for the commit of decisions: those
//! that wait go together, and nobody is told before it is durable. No write may raise
//! `outstanding + reserved` above the limit in force: the condition stands in the statement
//! that reserves. Ends are judged by comparing times, so nothing here has to be swept.

mod sql;

mod migrate;
mod place;
mod postgres;
mod sqlite;
mod write;

mod answer;
mod assess;
mod chain;

mod account;
mod caller;
mod restriction;
mod shared;

mod review;
mod review_ages;
mod review_write;

mod cancel;
mod card;
mod confirm;
mod plan;

mod aftermath;
mod event;
mod repayment;

mod check;
mod checkpoint;
mod decision;
mod erase;
mod export;
mod history;
mod prefix;
mod retention;
mod search;
mod verify;
mod signal;
mod staff_read;
mod summary;
mod training;
mod standing;

mod error;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::sync::Arc;

use tokio::sync::watch;

pub use answer::{Answer, AnswerKey, Claim, Written};
pub use assess::{AssessCommit, Assessed};
pub use caller::CallersMark;
pub use cancel::Cancel;
pub use card::{
    ActivateCard, AdjustCard, AuthorizeCard, CancelCard, CardAdjusted, CardAuthorized, CardFilter,
};
pub use check::Report;
pub use checkpoint::Checkpoints;
pub use confirm::Confirm;
pub use decision::ListFilter;
pub use error::{Error, Precondition, PreconditionReason};
pub use event::{EventFate, EventResult};
pub use export::Export;
pub use history::History;
pub use place::Place;
pub use retention::EventPlace;
pub use review_ages::OpenReviews;
pub use review_write::{CaseWrite, Resolution};
pub use shared::SignalsClaim;
pub use signal::{SignalRow, StoredSignal};
pub use staff_read::{ReadFilter, Reads};
pub use standing::{Asked, Probe};
pub use summary::Sent;
pub use training::{Captured, Decided, Past, PlanPast};
pub use verify::{Break, Chains, KnownHead, Verified};

use crate::telemetry::StoreMetrics;
use sql::Pool;
use write::Writer;

/// The ledger; clones share it.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// What decisions read.
    readers: Pool,
    /// What people list and search: they wait for each other and for nothing else.
    searchers: Pool,
    writer: Writer,
    failed: watch::Receiver<Option<String>>,
    metrics: StoreMetrics,
    /// Held while any clone lives, so that no second process opens the file.
    _lock: Option<Arc<File>>,
}

impl Ledger {
    /// Opens the ledger at `place`, making or migrating it where needed.
    pub async fn open(place: &Place) -> Result<Ledger, Error> {
        match place {
            Place::Sqlite(path) => sqlite::open(path).await,
            Place::Postgres(options) => postgres::open(place, options).await,
        }
    }

    /// Waits until every write that was handed in is committed, and closes. Writes of other clones
    /// keep the writers alive until those are dropped.
    pub async fn close(self) {
        let Ledger { readers, searchers, writer, mut failed, metrics: _, _lock } = self;
        drop(writer);
        // Who writes holds the sending end until it is done.
        while failed.changed().await.is_ok() {
            if failed.borrow().is_some() {
                break;
            }
        }
        readers.close().await;
        searchers.close().await;
    }
}
