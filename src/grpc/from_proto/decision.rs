//! Reads what is asked about decisions that were made: step-ups, orders, cancellations, look-ups.

use uuid::Uuid;

use super::reader::{Path, Reader, invalid, order_reference};
use super::{call, page};
use crate::domain::{
    AccountId, Cancellation, Confirmation, Country, Currency, DecisionId, DecisionName,
    DecisionOwner, DecisionQuery, Fault, MerchantId, Problem, Reference, SpendingPowerQuery,
    StepUpOutcome, StepUpSubmission,
};
use crate::grpc::pb;
use crate::grpc::words::Word;

const STEP_UP_RESULTS_MAX: usize = 10;
const SIGNATURE_LEN: usize = 32;
const PAGE_SIZE: usize = 50;
const PAGE_SIZE_MAX: usize = 200;
/// Most outcomes or states in a filter.
const FILTER_MAX: usize = 10;
const FILTER_CODES_MAX: usize = 20;

/// How the customer did in a step-up.
pub fn submit_step_up(
    mut r: Reader,
    request: pb::SubmitStepUpRequest,
) -> Result<StepUpSubmission, Vec<Fault>> {
    let at = &Path::ROOT;
    let call = call(&mut r, "SubmitStepUp", &request.request_id, &request);
    let decision = r.take(&at.field("decision_id"), DecisionId::parse(&request.decision_id));
    let step_up = r.take(&at.field("step_up_id"), uuid(&request.step_up_id));
    let results = step_up_results(&mut r, at, &request.results);
    if request.signature.len() != SIGNATURE_LEN {
        r.fault(&at.field("signature"), "expected 32 bytes");
    }
    let read = || {
        let (call, decision, step_up) = (call?, decision?, step_up?);
        Some(StepUpSubmission { call, decision, step_up, results, signature: request.signature })
    };
    r.finish(read())
}

fn step_up_results(r: &mut Reader, at: &Path, sent: &[pb::StepUpResult]) -> Vec<StepUpOutcome> {
    let list_at = at.field("results");
    if sent.is_empty() {
        r.fault(&list_at, "required");
    }
    let mut results: Vec<StepUpOutcome> = Vec::new();
    for (place, sent) in r.list(&list_at, sent, STEP_UP_RESULTS_MAX).iter().enumerate() {
        let at = at.item("results", place);
        let kind = r.required_word(&at.field("kind"), sent.kind);
        if results.iter().any(|earlier| Some(earlier.kind) == kind) {
            r.fault(&at.field("kind"), "must be in one result only");
        }
        let time_at = at.field("checked_time");
        let checked = r.required(&time_at, sent.checked_time.as_ref());
        if checked.is_some_and(|stamp| stamp.nanos != 0) {
            // The signature is over whole seconds.
            r.fault(&time_at, "expected whole seconds");
        }
        let checked = r.past_time(&time_at, checked);
        if let (Some(kind), Some(checked)) = (kind, checked) {
            results.push(StepUpOutcome { kind, passed: sent.passed, checked });
        }
    }
    results
}

/// An order, or a part of one.
pub fn confirm_purchase(
    mut r: Reader,
    request: pb::ConfirmPurchaseRequest,
) -> Result<Confirmation, Vec<Fault>> {
    let at = &Path::ROOT;
    let call = call(&mut r, "ConfirmPurchase", &request.request_id, &request);
    let decision = r.take(&at.field("decision_id"), DecisionId::parse(&request.decision_id));
    let merchant = r.take(&at.field("merchant_id"), MerchantId::parse(&request.merchant_id));
    let captured = r.price(&at.field("captured_amount"), request.captured_amount.as_ref());
    let order_at = at.field("merchant_order_reference");
    let order_reference = r.optional(&order_at, &request.merchant_order_reference, order_reference);
    let read = || {
        let (call, decision) = (call?, decision?);
        let (merchant, captured) = (merchant?, captured?);
        Some(Confirmation { call, decision, merchant, captured, order_reference })
    };
    r.finish(read())
}

/// A decision that is taken back.
pub fn cancel_decision(
    mut r: Reader,
    request: pb::CancelDecisionRequest,
) -> Result<Cancellation, Vec<Fault>> {
    let at = &Path::ROOT;
    let call = call(&mut r, "CancelDecision", &request.request_id, &request);
    let decision = r.take(&at.field("decision_id"), DecisionId::parse(&request.decision_id));
    let reason = r.required_word(&at.field("reason"), request.reason);
    let read = || Some(Cancellation { call: call?, decision: decision?, reason: reason? });
    r.finish(read())
}

/// The name of one decision.
pub fn get_decision(
    mut r: Reader,
    request: pb::GetDecisionRequest,
) -> Result<DecisionName, Vec<Fault>> {
    let (id_at, reference_at) = (Path::ROOT.field("decision_id"), Path::ROOT.field("reference"));
    let name = match (request.decision_id.as_str(), request.reference.as_str()) {
        ("", "") => {
            r.fault(&id_at, "required, unless reference is sent");
            None
        }
        (id, "") => r.take(&id_at, DecisionId::parse(id)).map(DecisionName::Id),
        ("", text) => r.take(&reference_at, Reference::parse(text)).map(DecisionName::Reference),
        (_, _) => {
            r.fault(&reference_at, "must be empty when decision_id is sent");
            None
        }
    };
    r.finish(name)
}

/// The decision to watch.
pub fn watch_decision(
    mut r: Reader,
    request: pb::WatchDecisionRequest,
) -> Result<DecisionId, Vec<Fault>> {
    let id = r.take(&Path::ROOT.field("decision_id"), DecisionId::parse(&request.decision_id));
    r.finish(id)
}

/// The decisions of one account or one shop.
pub fn list_decisions(
    mut r: Reader,
    request: pb::ListDecisionsRequest,
) -> Result<DecisionQuery, Vec<Fault>> {
    let at = &Path::ROOT;
    let owner = owner(&mut r, at, &request);
    let filter = request.filter.unwrap_or_default();
    let filter_at = &at.field("filter");
    let from_at = filter_at.field("create_time_from");
    let until_at = filter_at.field("create_time_until");
    let outcomes = words(&mut r, filter_at, "outcomes", &filter.outcomes);
    let states = words(&mut r, filter_at, "states", &filter.states);
    let codes = words(&mut r, filter_at, "reason_codes", &filter.reason_codes);
    let from = r.time(&from_at, filter.create_time_from.as_ref());
    let until = r.time(&until_at, filter.create_time_until.as_ref());
    let page_size = page_size(&mut r, &at.field("page_size"), request.page_size);
    let after = r.optional(&at.field("page_token"), &request.page_token, page::parse);
    let read = || {
        let (owner, page_size) = (owner?, page_size?);
        Some(DecisionQuery { owner, outcomes, states, codes, from, until, page_size, after })
    };
    r.finish(read())
}

/// How many a page has at most: 50 when nothing is asked for, never more than 200.
pub fn page_size(r: &mut Reader, at: &Path, asked: i32) -> Option<usize> {
    match usize::try_from(asked) {
        Ok(0) => Some(PAGE_SIZE),
        Ok(size) => Some(size.min(PAGE_SIZE_MAX)),
        Err(_) => {
            r.fault(at, "must not be negative");
            None
        }
    }
}

fn owner(r: &mut Reader, at: &Path, request: &pb::ListDecisionsRequest) -> Option<DecisionOwner> {
    let (account_at, merchant_at) = (at.field("account_id"), at.field("merchant_id"));
    match (request.account_id.as_str(), request.merchant_id.as_str()) {
        ("", "") => {
            r.fault(&account_at, "required, unless merchant_id is sent");
            None
        }
        (id, "") => r.take(&account_at, AccountId::parse(id)).map(DecisionOwner::Account),
        ("", id) => r.take(&merchant_at, MerchantId::parse(id)).map(DecisionOwner::Merchant),
        (_, _) => {
            r.fault(&merchant_at, "must be empty when account_id is sent");
            None
        }
    }
}

/// The members of closed sets in a filter.
pub fn words<W: Word>(r: &mut Reader, at: &Path, field: &str, numbers: &[i32]) -> Vec<W> {
    let max = if field == "reason_codes" { FILTER_CODES_MAX } else { FILTER_MAX };
    let mut members = Vec::new();
    for (place, &number) in r.list(&at.field(field), numbers, max).iter().enumerate() {
        members.extend(r.required_word::<W>(&at.item(field, place), number));
    }
    members
}

/// What an account may still spend.
pub fn preview_spending_power(
    mut r: Reader,
    request: pb::PreviewSpendingPowerRequest,
) -> Result<SpendingPowerQuery, Vec<Fault>> {
    let at = &Path::ROOT;
    let account = r.take(&at.field("account_id"), AccountId::parse(&request.account_id));
    let market = r.take(&at.field("market"), Country::parse(&request.market));
    let currency = r.take(&at.field("currency_code"), Currency::parse(&request.currency_code));
    let merchant_at = at.field("merchant_id");
    let merchant = r.optional(&merchant_at, &request.merchant_id, MerchantId::parse);
    let plan = r.word(&at.field("plan_kind"), request.plan_kind);
    let read = || {
        let (account, market, currency) = (account?, market?, currency?);
        Some(SpendingPowerQuery { account, market, currency, merchant, plan })
    };
    r.finish(read())
}

fn uuid(text: &str) -> Result<Uuid, Problem> {
    match DecisionId::parse(text) {
        Ok(id) => Ok(id.0),
        Err(_) => invalid("expected a UUID of 36 characters"),
    }
}
