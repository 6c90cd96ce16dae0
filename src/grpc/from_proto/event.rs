//! Reads events of accounts; one that is wrong keeps its place and does not stop the others.

use super::parties;
use super::payment::plan_terms;
use super::reader::{Path, Reader, invalid, order_reference, response_code};
use super::{call, setting};
use crate::domain::{
    AccountEvent, AccountId, DecisionId, EventBatch, EventFault, EventId, EventKind, Fault, ID_MAX,
    OrderName, Parties, PartyKey, opaque_id,
};
use crate::grpc::pb;
use pb::account_event::Kind;

const EVENTS_MAX: usize = 500;
const CHARGEBACK_REASON_MAX: usize = 16;

/// A batch of events.
pub fn record_account_events(
    mut r: Reader,
    request: pb::RecordAccountEventsRequest,
) -> Result<EventBatch, Vec<Fault>> {
    let call = call(&mut r, "RecordAccountEvents", &request.request_id, &request);
    let at = Path::ROOT.field("events");
    if request.events.is_empty() {
        r.fault(&at, "required");
    }
    let sent = r.list(&at, &request.events, EVENTS_MAX);
    let events = sent.iter().map(|sent| event(r.apart(), sent)).collect();
    let read = || Some(EventBatch { call: call?, events });
    r.finish(read())
}

fn event(mut r: Reader, sent: &pb::AccountEvent) -> Result<AccountEvent, EventFault> {
    let at = &Path::ROOT;
    let id = r.take(&at.field("event_id"), EventId::parse(&sent.event_id));
    // What is no id is not repeated either: it may be a card number.
    let event_id = id.as_ref().map(ToString::to_string).unwrap_or_default();
    let account = r.take(&at.field("account_id"), AccountId::parse(&sent.account_id));
    let time_at = at.field("event_time");
    let stamp = r.required(&time_at, sent.event_time.as_ref());
    let time = r.past_time(&time_at, stamp);
    let key = r.key("account", &sent.account_id);
    let kind = r.required(&at.field("kind"), sent.kind.as_ref());
    let kind = kind.and_then(|kind| event_kind(&mut r, key, kind, sent));
    let read = || Some(AccountEvent { id: id?, account: account?, time: time?, kind: kind? });
    r.finish(read()).map_err(|faults| {
        // One field is named apart; what else is wrong stands behind its problem.
        let mut faults = faults.into_iter();
        let first = faults.next().map(|fault| (fault.field, fault.problem));
        let (field, mut problem) = first.unwrap_or_default();
        for fault in faults {
            problem.push_str(&format!("; {}: {}", fault.field, fault.problem));
        }
        EventFault { event_id, field, problem }
    })
}

fn event_kind(
    r: &mut Reader,
    account: PartyKey,
    kind: &Kind,
    event: &pb::AccountEvent,
) -> Option<EventKind> {
    let root = &Path::ROOT;
    match kind {
        Kind::SignIn(sent) => sign_in(r, &root.field("sign_in"), account, sent),
        Kind::ProfileChange(sent) => {
            let field =
                r.required_word(&root.field("profile_change").field("field"), sent.field)?;
            Some(EventKind::ProfileChange { field })
        }
        Kind::DeviceChange(sent) => device_change(r, &root.field("device_change"), account, sent),
        Kind::PurchaseCompleted(sent) => {
            purchase_completed(r, &root.field("purchase_completed"), account, sent)
        }
        Kind::Repayment(sent) => repayment(r, &root.field("repayment"), sent, event),
        Kind::PlanStatus(sent) => plan_status(r, &root.field("plan_status"), sent),
        Kind::Refund(sent) => refund(r, &root.field("refund"), sent),
        Kind::ReturnOrder(sent) => return_order(r, &root.field("return_order"), sent),
        Kind::Dispute(sent) => dispute(r, &root.field("dispute"), sent),
        Kind::Chargeback(sent) => chargeback(r, &root.field("chargeback"), sent),
        Kind::ConfirmedMisuse(sent) => {
            let at = root.field("confirmed_misuse");
            let decision = decision_id(r, &at, &sent.decision_id);
            let scope = r.required_word(&at.field("scope"), sent.scope)?;
            Some(EventKind::ConfirmedMisuse { decision: decision?, scope })
        }
        Kind::BankAnswer(sent) => {
            let at = root.field("bank_answer");
            let decision = decision_id(r, &at, &sent.decision_id);
            let response = response_code(&sent.response_code);
            let response = r.take(&at.field("response_code"), response)?;
            Some(EventKind::BankAnswer { decision: decision?, response })
        }
        Kind::StepUpResult(sent) => step_up(r, &root.field("step_up_result"), account, sent),
        Kind::SupportPlan(sent) => Some(EventKind::SupportPlan { active: sent.active }),
    }
}

fn sign_in(
    r: &mut Reader,
    at: &Path,
    account: PartyKey,
    sent: &pb::SignInEvent,
) -> Option<EventKind> {
    let device = parties::device(r, &at.field("device"), sent.device.as_ref());
    let network = parties::network(r, &at.field("network"), sent.network.as_ref());
    let strength = r.word(&at.field("strength"), sent.strength);
    let parties = parties::parties(account, device.as_ref(), network.as_ref());
    let position = network.and_then(|network| network.position);
    Some(EventKind::SignIn { strength, parties, position })
}

fn device_change(
    r: &mut Reader,
    at: &Path,
    account: PartyKey,
    sent: &pb::DeviceChangeEvent,
) -> Option<EventKind> {
    let device_at = at.field("device");
    let device = parties::device(r, &device_at, sent.device.as_ref());
    if sent.device.as_ref().is_none_or(|device| device.device_id.is_empty()) {
        r.fault(&device_at.field("device_id"), "required");
    }
    let change_at = at.field("change");
    let added = match pb::DeviceChange::try_from(sent.change) {
        Ok(pb::DeviceChange::Added) => Ok(true),
        Ok(pb::DeviceChange::Removed) => Ok(false),
        Ok(pb::DeviceChange::Unspecified) | Err(_) => invalid("expected ADDED or REMOVED"),
    };
    let added = r.take(&change_at, added)?;
    let parties = parties::parties(account, device.as_ref(), None);
    Some(EventKind::DeviceChange { parties, added })
}

fn purchase_completed(
    r: &mut Reader,
    at: &Path,
    account: PartyKey,
    sent: &pb::PurchaseCompletedEvent,
) -> Option<EventKind> {
    let amount = r.price(&at.field("amount"), sent.amount.as_ref());
    let shop = setting::shop(r, &at.field("merchant"), sent.merchant.as_ref());
    let currency = amount.map(|amount| amount.currency());
    let plan = sent.plan.as_ref().and_then(|plan| plan_terms(r, &at.field("plan"), plan, currency));
    let device = parties::device(r, &at.field("device"), sent.device.as_ref());
    let network = parties::network(r, &at.field("network"), sent.network.as_ref());
    let shop = shop?;
    let seen = parties::parties(account, device.as_ref(), network.as_ref());
    let merchant = Some(r.key("merchant", shop.id.as_str()));
    Some(EventKind::PurchaseCompleted {
        amount: amount?,
        merchant: shop.id,
        plan,
        parties: Parties { merchant, ..seen },
        category: shop.category,
    })
}

fn repayment(
    r: &mut Reader,
    at: &Path,
    sent: &pb::RepaymentEvent,
    event: &pb::AccountEvent,
) -> Option<EventKind> {
    let plan_id = plan_id(r, at, &sent.plan_id);
    let amount = r.price(&at.field("amount"), sent.amount.as_ref());
    let due_at = at.field("due_time");
    let due = r.required(&due_at, sent.due_time.as_ref());
    let due = r.time(&due_at, due);
    let paid_at = at.field("paid_time");
    let paid = match &sent.paid_time {
        Some(stamp) => r.past_time(&paid_at, Some(stamp)),
        // A wrong event time has its fault already.
        None => r.apart().time(&paid_at, event.event_time.as_ref()),
    };
    Some(EventKind::Repayment { plan_id: plan_id?, amount: amount?, due: due?, paid: paid? })
}

fn plan_status(r: &mut Reader, at: &Path, sent: &pb::PlanStatusEvent) -> Option<EventKind> {
    let plan_id = plan_id(r, at, &sent.plan_id);
    let outstanding_at = at.field("outstanding");
    let outstanding = r.required(&outstanding_at, sent.outstanding.as_ref());
    let outstanding = r.money(&outstanding_at, outstanding);
    let next_due = r.time(&at.field("next_due_time"), sent.next_due_time.as_ref());
    let days_at = at.field("days_overdue");
    let days = r.required(&days_at, sent.days_overdue);
    let days = r.number(&days_at, days, 0..=3650);
    let state = r.required_word(&at.field("state"), sent.state)?;
    Some(EventKind::PlanStatus {
        plan_id: plan_id?,
        outstanding: outstanding?,
        next_due,
        days_overdue: days?,
        state,
    })
}

fn refund(r: &mut Reader, at: &Path, sent: &pb::RefundEvent) -> Option<EventKind> {
    let amount = r.price(&at.field("amount"), sent.amount.as_ref());
    let order = order(r, at, (&sent.decision_id, &sent.merchant_order_reference));
    Some(EventKind::Refund { order: order?, amount: amount? })
}

fn return_order(r: &mut Reader, at: &Path, sent: &pb::ReturnEvent) -> Option<EventKind> {
    let order = order(r, at, (&sent.decision_id, &sent.merchant_order_reference));
    let under_way = match pb::ReturnPhase::try_from(sent.phase) {
        Ok(pb::ReturnPhase::UnderWay) => Ok(true),
        Ok(pb::ReturnPhase::Ended) => Ok(false),
        Ok(pb::ReturnPhase::Unspecified) | Err(_) => invalid("expected UNDER_WAY or ENDED"),
    };
    let under_way = r.take(&at.field("phase"), under_way)?;
    Some(EventKind::Return { order: order?, under_way })
}

/// An order by its decision, or by the shop's own name for it.
fn order(r: &mut Reader, at: &Path, (id, reference): (&str, &str)) -> Option<OrderName> {
    let id_at = at.field("decision_id");
    let decision = r.optional(&id_at, id, DecisionId::parse);
    let order_at = at.field("merchant_order_reference");
    let named = r.optional(&order_at, reference, order_reference);
    if id.is_empty() && reference.is_empty() {
        r.fault(&id_at, "required, unless merchant_order_reference is sent");
    }
    decision.map(OrderName::Decision).or(named.map(OrderName::OrderReference))
}

fn dispute(r: &mut Reader, at: &Path, sent: &pb::DisputeEvent) -> Option<EventKind> {
    let decision = decision_id(r, at, &sent.decision_id);
    let opened = match pb::DisputePhase::try_from(sent.phase) {
        Ok(pb::DisputePhase::Opened) => Ok(true),
        Ok(pb::DisputePhase::Closed) => Ok(false),
        Ok(pb::DisputePhase::Unspecified) | Err(_) => invalid("expected OPENED or CLOSED"),
    };
    let opened = r.take(&at.field("phase"), opened)?;
    Some(EventKind::Dispute { decision: decision?, opened })
}

fn chargeback(r: &mut Reader, at: &Path, sent: &pb::ChargebackEvent) -> Option<EventKind> {
    let decision = decision_id(r, at, &sent.decision_id);
    let amount = r.price(&at.field("amount"), sent.amount.as_ref());
    let reason = r
        .optional(&at.field("reason"), &sent.reason, |text| opaque_id(text, CHARGEBACK_REASON_MAX));
    let reason = reason.unwrap_or_default().to_owned();
    Some(EventKind::Chargeback { decision: decision?, amount: amount?, reason })
}

fn step_up(
    r: &mut Reader,
    at: &Path,
    account: PartyKey,
    sent: &pb::StepUpResultEvent,
) -> Option<EventKind> {
    let kind = r.required_word(&at.field("kind"), sent.kind);
    let device = parties::device(r, &at.field("device"), sent.device.as_ref());
    let region = parties::region(r, &at.field("region"), &sent.region);
    let seen = parties::parties(account, device.as_ref(), None);
    let parties = Parties { region, ..seen };
    Some(EventKind::StepUpResult { kind: kind?, passed: sent.passed, parties })
}

fn plan_id(r: &mut Reader, at: &Path, id: &str) -> Option<String> {
    r.take(&at.field("plan_id"), opaque_id(id, ID_MAX)).map(str::to_owned)
}

fn decision_id(r: &mut Reader, at: &Path, id: &str) -> Option<DecisionId> {
    r.take(&at.field("decision_id"), DecisionId::parse(id))
}
