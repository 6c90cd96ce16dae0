//! A decision on the wire.

use prost_types::Duration;
use sha2::{Digest, Sha256};

use super::texts::{customer_text, general_text, support_text};
use super::{Audience, money, time};
use crate::domain::{
    DecisionRecord, DecisionState, Evidence, NextStep, Outcome, PublicReason, Reason, ReasonCode,
    RetryDisposition, SpendingPower,
};
use crate::grpc::disclosure::{self, Detail, Shown, View};
use crate::grpc::pb;
use crate::grpc::words::{self, Word};

/// What staff read in place of a code.
const SECURITY_CHECK: &str = "security check, with the review team";
const RESTRICTED: &str = "restricted";
const MICROS: i64 = 1_000_000;

/// A decision as its audience may see it.
pub fn decision(record: &DecisionRecord, to: Audience) -> pb::Decision {
    let state = record.state(to.now);
    let view = disclosure::view(record, to.role, &to.playbook.catalog, to.now);
    let made = &record.decision;
    let pending = state == DecisionState::Pending;
    let staff = disclosure::is_staff(to.role);
    let for_staff = |version: &String| if staff { version.clone() } else { String::new() };
    let approved = made.outcome == Outcome::Approved;
    let superseded_by =
        record.progress.superseded_by.filter(|_| state == DecisionState::Superseded);
    pb::Decision {
        decision_id: record.id.to_string(),
        reference: record.reference.as_str().to_owned(),
        outcome: made.outcome.number(),
        state: state.number(),
        public_reasons: view.public_reasons.iter().map(|r| words::public_reason(*r)).collect(),
        reasons: reasons(record, &view, to),
        message: Some(pb::CustomerMessage {
            title: record.message.title.clone(),
            body: record.message.body.clone(),
            next_step: record.message.next_step.clone(),
            help_uri: String::new(),
            locale: record.message.locale.clone(),
        }),
        retry: Some(pb::Retry {
            disposition: view.retry.disposition.number(),
            earliest_time: view.retry.earliest.map(time),
        }),
        step_up: if pending { step_up(record) } else { None },
        review: if pending { review(record) } else { None },
        approved_amount: approved.then(|| money(record.amount)),
        expire_time: made.expires.filter(|_| approved).map(time),
        adverse_action: adverse_action(record, &view),
        degraded: made.degraded(),
        missing_sources: view.missing_sources.iter().map(|s| s.name().to_owned()).collect(),
        versions: Some(pb::Versions {
            policy: made.versions.policy.clone(),
            catalog: made.versions.catalog.clone(),
            text: made.versions.text.clone(),
            credit: for_staff(&made.versions.credit),
            fraud: for_staff(&made.versions.fraud),
            ..pb::Versions::default()
        }),
        create_time: Some(time(record.created)),
        decision_duration: Some(duration(record.duration_micros)),
        superseded_by: superseded_by.map(|id| id.to_string()).unwrap_or_default(),
        etag: etag(record, state),
    }
}

fn reasons(record: &DecisionRecord, view: &View, to: Audience) -> Vec<pb::Reason> {
    let render = |(shown, rank): (&Shown, i32)| match *shown {
        Shown::Named { code, reason, detail } => {
            let told = pb::Reason { rank, ..named(record, code, to) };
            detailed(told, code, (reason, detail), to)
        }
        Shown::SecurityCheck => pb::Reason {
            rank,
            public_reason: words::public_reason(PublicReason::SecurityCheck),
            next_step: NextStep::WaitForReview.number(),
            retry: RetryDisposition::AfterTime.number(),
            customer_text: general_text(record, to),
            support_text: SECURITY_CHECK.to_owned(),
            ..pb::Reason::default()
        },
        Shown::Restricted => pb::Reason {
            rank,
            public_reason: words::public_reason(PublicReason::SecurityCheck),
            next_step: NextStep::ContactSupport.number(),
            retry: RetryDisposition::NotApplicable.number(),
            customer_text: general_text(record, to),
            support_text: RESTRICTED.to_owned(),
            ..pb::Reason::default()
        },
    };
    // Ranks count what is shown: gaps would tell how much is not.
    view.reasons.iter().zip(1..).map(render).collect()
}

/// What the catalogue says about a code to everyone who may see it.
fn named(record: &DecisionRecord, code: ReasonCode, to: Audience) -> pb::Reason {
    let entry = to.playbook.catalog.entry(code);
    pb::Reason {
        code: code.number(),
        category: entry.category.number(),
        public_reason: words::public_reason(entry.public_reason),
        next_step: entry.next_step.number(),
        retry: entry.retry.number(),
        customer_text: customer_text(entry, record, to),
        fixable_by: entry.fixable_by.number(),
        ..pb::Reason::default()
    }
}

/// What staff see beside it.
fn detailed(
    told: pb::Reason,
    code: ReasonCode,
    (reason, detail): (&Reason, Detail),
    to: Audience,
) -> pb::Reason {
    let entry = to.playbook.catalog.entry(code);
    if detail == Detail::Public {
        return told;
    }
    let told = pb::Reason {
        support_text: support_text(entry),
        principal_reason: entry.principal_reason.clone().unwrap_or_default(),
        ..told
    };
    if detail == Detail::Support {
        return told;
    }
    let share = reason.component.and_then(|_| i32::try_from(reason.share_percent).ok());
    pb::Reason {
        effect: reason.effect.number(),
        component: words::component(reason),
        share_percent: share,
        evidence: reason.evidence.iter().map(|seen| evidence(seen, detail)).collect(),
        ..told
    }
}

fn evidence(seen: &Evidence, detail: Detail) -> pb::Evidence {
    let value = |text: &String| match detail {
        Detail::Evidence => text.clone(),
        Detail::Public | Detail::Support | Detail::Weights => String::new(),
    };
    pb::Evidence {
        key: seen.key.clone(),
        observed: value(&seen.observed),
        threshold: value(&seen.threshold),
        window: seen.window.clone(),
        source: seen.source.clone(),
    }
}

fn step_up(record: &DecisionRecord) -> Option<pb::StepUp> {
    let asked = record.decision.step_up.as_ref()?;
    Some(pb::StepUp {
        step_up_id: record.step_up_id?.to_string(),
        kinds: asked.kinds.iter().map(|kind| kind.number()).collect(),
        uri: String::new(),
        expire_time: Some(time(asked.expires)),
    })
}

fn review(record: &DecisionRecord) -> Option<pb::ReviewInfo> {
    let asked = record.decision.review?;
    Some(pb::ReviewInfo {
        case_number: record.case_number.clone().unwrap_or_default(),
        expected_time: Some(time(asked.expected)),
        expire_time: Some(time(asked.expires)),
    })
}

fn adverse_action(record: &DecisionRecord, view: &View) -> Option<pb::AdverseAction> {
    let declined = record.decision.outcome == Outcome::Declined;
    let duty = record.decision.adverse_action.as_ref().filter(|_| declined)?;
    Some(pb::AdverseAction {
        required: duty.required,
        principal_reasons: view.principal_reasons.to_vec(),
        notice_due_time: duty.notice_due.map(time),
    })
}

fn duration(micros: i64) -> Duration {
    let nanos = (micros % MICROS * 1_000) as i32;
    Duration { seconds: micros / MICROS, nanos }
}

/// Changes with all that can change after a decision was made, and tells nothing of it.
fn etag(record: &DecisionRecord, state: DecisionState) -> String {
    let digest = Sha256::new()
        .chain_update(record.id.0.as_bytes())
        .chain_update(state.name().as_bytes())
        .chain_update(record.decision.outcome.name().as_bytes())
        .chain_update(record.progress.captured.to_be_bytes())
        .finalize();
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is free of an account's limit.
pub fn spending_power(power: &SpendingPower) -> pb::PreviewSpendingPowerResponse {
    pb::PreviewSpendingPowerResponse {
        available_amount: Some(money(power.available)),
        limit: Some(money(power.limit)),
        as_of: Some(time(power.as_of)),
        verification_needed: power.verification_needed,
    }
}
