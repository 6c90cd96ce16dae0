//! From the wire to the domain: every request is parsed once, and all its faults are told together.

mod account;
mod card;
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
mod review;
#[cfg(test)]
mod review_tests;
#[cfg(test)]
mod sample;
mod setting;

pub use account::{account_id, lift_restriction, set_restriction, upsert_account};
pub use card::{
    activate_one_time_card, adjust_one_time_card, authorize_one_time_card, cancel_one_time_card,
    get_one_time_card, list_one_time_cards,
};
pub use catalog::{get_reason_code, list_reason_codes};
pub use decision::{
    cancel_decision, confirm_purchase, get_decision, list_decisions, preview_spending_power,
    submit_step_up, watch_decision,
};
pub use event::record_account_events;
pub use purchase::{evaluate_one_time_card, evaluate_purchase};
pub use reader::Reader;
pub use review::{
    add_review_note, case_id, claim_next_review_case, claim_review_case, escalate_review_case,
    list_related_decisions, list_review_cases, list_review_notes, release_review_case,
    resolve_review_case,
};

use prost::Message;
use sha2::{Digest, Sha256};

use super::page;
use crate::domain::{CallId, RequestId};
use reader::Path;

/// What names a call for idempotency: its `request_id` and a hash of what was sent. The encoding is
/// canonical, since no message has a map.
fn call(r: &mut Reader, rpc: &str, request_id: &str, sent: &impl Message) -> Option<CallId> {
    let request_id = r.take(&Path::ROOT.field("request_id"), RequestId::parse(request_id))?;
    Some(CallId { request_id, hash: content(rpc, sent) })
}

fn content(rpc: &str, sent: &impl Message) -> [u8; 32] {
    let hash = Sha256::new()
        .chain_update(rpc.as_bytes())
        .chain_update([0])
        .chain_update(sent.encode_to_vec())
        .finalize();
    hash.into()
}
