//! What callers ask for beside an assessment: valid commands and queries, past the door.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::named::named;
use super::{
    Account, AccountEvent, AccountId, Country, Currency, DecisionId, DecisionState, Holder,
    MerchantId, Money, Outcome, PlanKind, ReasonCode, Reference, RequestId, Restriction,
    RestrictionId, StepUpKind, Time,
};

named! {
    CancelReason {
        Customer "CUSTOMER",
        Merchant "MERCHANT",
        /// The bank refused: the attempt is taken back.
        BankRefused "BANK_REFUSED",
        Timeout "TIMEOUT",
        Other "OTHER",
    }

    /// What became of one event of a batch.
    EventStatus {
        Applied "APPLIED",
        Duplicate "DUPLICATE",
        Rejected "REJECTED",
    }
}

/// What names a call for idempotency: the caller's id for it and a hash of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallId {
    pub request_id: RequestId,
    /// SHA-256 of the request in canonical form, without what a retry may change.
    pub hash: [u8; 32],
}

/// The result of one check that the customer was asked to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepUpOutcome {
    pub kind: StepUpKind,
    pub passed: bool,
    pub checked: Time,
}

#[derive(Clone, Debug)]
pub struct StepUpSubmission {
    pub call: CallId,
    pub decision: DecisionId,
    pub step_up: Uuid,
    pub results: Vec<StepUpOutcome>,
    pub signature: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Confirmation {
    pub call: CallId,
    pub decision: DecisionId,
    pub merchant: MerchantId,
    pub captured: Money,
    pub order_reference: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Cancellation {
    pub call: CallId,
    pub decision: DecisionId,
    pub reason: CancelReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecisionName {
    Id(DecisionId),
    Reference(Reference),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecisionOwner {
    Account(AccountId),
    Merchant(MerchantId),
}

/// Which decisions to list, newest first.
#[derive(Clone, Debug)]
pub struct DecisionQuery {
    pub owner: DecisionOwner,
    /// Empty lists mean all.
    pub outcomes: Vec<Outcome>,
    pub states: Vec<DecisionState>,
    pub codes: Vec<ReasonCode>,
    pub from: Option<Time>,
    pub until: Option<Time>,
    /// 1 to 200.
    pub page_size: usize,
    /// Last decision of the page before.
    pub after: Option<(Time, DecisionId)>,
}

#[derive(Clone, Debug)]
pub struct SpendingPowerQuery {
    pub account: AccountId,
    pub market: Country,
    pub currency: Currency,
    pub merchant: Option<MerchantId>,
    pub plan: Option<PlanKind>,
}

/// What is free of the account's own limit; a hint, no promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpendingPower {
    pub available: Money,
    pub limit: Money,
    pub as_of: Time,
    pub verification_needed: bool,
}

#[derive(Clone, Debug)]
pub struct AccountUpsert {
    pub call: CallId,
    pub account: Account,
    /// Version that is replaced; `None` replaces whatever is there.
    pub etag: Option<String>,
}

#[derive(Clone, Debug)]
pub struct EventBatch {
    pub call: CallId,
    /// In the order sent; an event that does not parse keeps its place with its fault.
    pub events: Vec<Result<AccountEvent, EventFault>>,
}

/// Why one event of a batch was not taken; the others are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFault {
    pub event_id: String,
    pub field: String,
    pub problem: String,
}

/// What became of one event; field and problem are empty unless it was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventOutcome {
    pub event_id: String,
    pub status: EventStatus,
    pub field: String,
    pub problem: String,
}

#[derive(Clone, Debug)]
pub struct RestrictionSet {
    pub call: CallId,
    pub restriction: Restriction,
}

#[derive(Clone, Debug)]
pub struct RestrictionLift {
    pub call: CallId,
    pub id: RestrictionId,
    pub note: String,
    /// Where the proof is kept, such as a ticket's number.
    pub evidence: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Erasure {
    pub call: CallId,
    pub holder: Holder,
}

/// What was erased, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    pub raw_contexts: u64,
    pub signal_events: u64,
    /// Fields of the account's record.
    pub account_fields: u64,
    /// Parties of the signal store.
    pub signal_parties: u64,
    /// Texts that staff wrote about reviews and restrictions.
    #[serde(default)]
    pub staff_texts: u64,
    /// Numbers of one-time cards, as tokens and last digits; those of cards in use go with them.
    #[serde(default)]
    pub card_numbers: u64,
    pub time: Time,
}
