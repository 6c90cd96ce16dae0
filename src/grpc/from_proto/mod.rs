//! From the wire to the domain: every request is parsed once, and all its faults are told together.

mod parties;
mod payment;
mod purchase;
#[cfg(test)]
mod purchase_tests;
mod raw_context;
mod reader;
mod setting;

pub use purchase::{evaluate_one_time_card, evaluate_purchase};
pub use reader::Reader;

use prost::Message;
use sha2::{Digest, Sha256};

use crate::domain::{CallId, RequestId};
use reader::Path;

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
