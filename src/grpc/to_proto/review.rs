//! Review cases on the wire.

use super::{Audience, decision, money, time};
use crate::domain::{
    Holder, LinkKind, Product, ReviewAction, ReviewCaseState, ReviewNote, ReviewedCase,
};
use crate::grpc::pb;
use crate::grpc::words::Word;
use crate::service::Related;

/// A case with its decision, as its audience may see it.
pub fn review_case(found: &ReviewedCase, to: Audience) -> pb::ReviewCase {
    let (case, record) = (&found.case, &found.decision);
    let state = case.state(record, to.now);
    let undecided = !matches!(state, ReviewCaseState::Resolved | ReviewCaseState::Expired);
    let claim = case.claimed(to.now).filter(|_| undecided);
    let result = case.result.as_ref();
    // What time has made of the decision is told too.
    let stands = record.clone().judged(to.now);
    pb::ReviewCase {
        case_id: case.id.to_string(),
        case_number: record.case_number.clone().unwrap_or_default(),
        queue: case.queue.number(),
        state: state.number(),
        priority: case.priority(to.now).number(),
        request: Some(request(found)),
        decision: Some(decision(&stands, to)),
        claim: claim.map(|claim| pb::ReviewClaim {
            claimant: claim.claimant.clone(),
            expire_time: Some(time(claim.expires)),
        }),
        due_time: Some(time(case.due)),
        expire_time: Some(time(case.expires)),
        notes_count: i32::try_from(case.notes).unwrap_or(i32::MAX),
        verdict: result.map_or(0, |result| result.verdict.number()),
        etag: case.etag(),
        waits_for: case.waits_for.filter(|_| undecided).map_or(0, Word::number),
        first_approver: case.approver.clone().unwrap_or_default(),
        resolved_by: result.map(|result| result.resolver.clone()).unwrap_or_default(),
        resolve_time: result.map(|result| time(result.time)),
        create_time: Some(time(case.created)),
    }
}

fn request(found: &ReviewedCase) -> pb::ReviewedRequest {
    let record = &found.decision;
    let account_id = match &record.holder {
        Holder::Account(id) => id.to_string(),
        Holder::Guest(_) => String::new(),
    };
    pb::ReviewedRequest {
        account_id,
        merchant_id: record.merchant.to_string(),
        merchant_order_reference: record.order_reference.clone().unwrap_or_default(),
        amount: Some(money(record.amount)),
        plan_kind: record.plan.kind.number(),
        one_time_card: record.product == Product::OneTimeCard,
        market: record.market.to_string(),
    }
}

/// One thing that was done with a case.
pub fn review_action(action: &ReviewAction) -> pb::ReviewAction {
    pb::ReviewAction {
        kind: action.kind.number(),
        actor: action.actor.clone(),
        role: action.role.name().to_owned(),
        time: Some(time(action.time)),
        detail: action.detail.clone(),
    }
}

/// A note.
pub fn review_note(note: &ReviewNote) -> pb::ReviewNote {
    pb::ReviewNote {
        note_id: note.id.to_string(),
        author: note.author.clone(),
        role: note.role.name().to_owned(),
        create_time: Some(time(note.time)),
        text: note.text.clone(),
    }
}

/// A decision that is linked to a case, as far as it is told.
pub fn related_decision(related: &Related, to: Audience) -> pb::RelatedDecision {
    let record = &related.decision;
    let link = |kind: &LinkKind| pb::DecisionLink {
        kind: kind.number(),
        strength: kind.strength().number(),
    };
    pb::RelatedDecision {
        decision_id: record.id.to_string(),
        links: related.links.iter().map(link).collect(),
        customer: related.customer.clone(),
        same_customer: related.same_customer,
        outcome: record.decision.outcome.number(),
        state: record.state(to.now).number(),
        amount: Some(money(record.amount)),
        merchant_id: record.merchant.to_string(),
        create_time: Some(time(record.created)),
    }
}
