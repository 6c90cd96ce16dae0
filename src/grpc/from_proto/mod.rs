//! From the wire to the domain: every request is parsed once, and all its faults are told together.

mod account;
mod catalog;
#[cfg(test)]
mod command_tests;
mod decision;
mod event;
mod parties;
mod payment;
mod purchase;
#[cfg(test)]
mod purchase_tests;
mod raw_context;
mod reader;
#[cfg(test)]
mod sample;
mod setting;
mod support;

pub use account::{account_id, erase_account, lift_restriction, set_restriction, upsert_account};
pub use catalog::{get_reason_code, list_reason_codes};
pub use decision::{
    cancel_decision, confirm_purchase, get_decision, list_decisions, preview_spending_power,
    submit_step_up,
};
pub use event::record_account_events;
pub use purchase::{evaluate_one_time_card, evaluate_purchase};
pub use reader::Reader;
pub use support::search_decisions;

use prost::Message;
use sha2::{Digest, Sha256};

use super::page;
use crate::domain::{CallId, RequestId};
use reader::Path;

const PAGE_SIZE: usize = 50;
const PAGE_SIZE_MAX: usize = 200;

/// What names a call for idempotency: its `request_id` and a hash of what was sent. The encoding is
/// canonical, since no message has a map.
fn call(r: &mut Reader, rpc: &str, request_id: &str, sent: &impl Message) -> Option<CallId> {
    let request_id = r.take(&Path::ROOT.field("request_id"), RequestId::parse(request_id))?;
    let hash = Sha256::new()
        .chain_update(rpc.as_bytes())
        .chain_update([0])
        .chain_update(sent.encode_to_vec())
        .finalize();
    Some(CallId { request_id, hash: hash.into() })
}

/// How many a list may give at once; 0 leaves it to us.
fn page_size(r: &mut Reader, asked: i32) -> Option<usize> {
    match usize::try_from(asked) {
        Ok(0) => Some(PAGE_SIZE),
        Ok(size) => Some(size.min(PAGE_SIZE_MAX)),
        Err(_) => {
            r.fault(&Path::ROOT.field("page_size"), "must not be negative");
            None
        }
    }
}
