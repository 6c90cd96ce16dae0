//! What staff see of an account and of the decisions that they look for, on the wire.

use super::{minor, restriction, time};
use crate::domain::{
    AccountSummary, Currency, DecisionRecord, HeldReservation, Holder, KnownDevice, OpenPlan,
    Product, Time,
};
use crate::grpc::pb;

/// A page shows no more of each than this.
const LISTED_MAX: usize = 200;

/// A decision with what was asked.
pub fn found_decision(record: &DecisionRecord, decision: pb::Decision) -> pb::FoundDecision {
    let account_id = match &record.holder {
        Holder::Account(id) => id.to_string(),
        Holder::Guest(_) => String::new(),
    };
    let currency = record.amount.currency();
    pb::FoundDecision {
        decision: Some(decision),
        account_id,
        merchant_id: record.merchant.to_string(),
        merchant_order_reference: record.order_reference.clone().unwrap_or_default(),
        amount: Some(minor(record.amount.minor(), currency)),
        captured_amount: Some(minor(record.progress.captured, currency)),
        one_time_card: record.product == Product::OneTimeCard,
    }
}

/// How an account stands.
pub fn account_summary(
    summary: &AccountSummary,
    decisions: Vec<pb::FoundDecision>,
) -> pb::GetAccountSummaryResponse {
    let amount = |minor_units| Some(minor(minor_units, summary.currency));
    let days = i32::try_from(summary.days_overdue()).unwrap_or(i32::MAX);
    let held = |reservation| held_reservation(reservation, summary.currency);
    pb::GetAccountSummaryResponse {
        account_id: summary.account.to_string(),
        as_of: Some(time(summary.as_of)),
        limit: amount(summary.credit_limit),
        outstanding: amount(summary.outstanding()),
        held: amount(summary.held()),
        free: amount(summary.free()),
        overdue: amount(summary.overdue()),
        days_overdue: days,
        plans: summary.plans.iter().take(LISTED_MAX).map(open_plan).collect(),
        reservations: summary.reservations.iter().take(LISTED_MAX).map(held).collect(),
        restrictions: summary.restrictions.iter().map(restriction).collect(),
        known_devices: summary.devices.iter().map(known_device).collect(),
        decisions,
    }
}

fn open_plan(plan: &OpenPlan) -> pb::OpenPlan {
    let amount = |minor_units| minor(minor_units, plan.currency);
    pb::OpenPlan {
        plan_id: plan.plan_id.clone(),
        imported: plan.imported,
        outstanding: Some(amount(plan.outstanding)),
        next_due_time: plan.next_due.map(time),
        next_due_amount: plan.next_amount.map(amount),
        overdue: Some(amount(plan.overdue)),
        paused: plan.paused,
        disputed: plan.disputed,
    }
}

fn held_reservation(reservation: &HeldReservation, currency: Currency) -> pb::HeldReservation {
    pb::HeldReservation {
        decision_id: reservation.decision.to_string(),
        amount: Some(minor(reservation.amount, currency)),
        expire_time: reservation.expires.map(|end: Time| time(end)),
    }
}

fn known_device(device: &KnownDevice) -> pb::KnownDevice {
    pb::KnownDevice {
        masked_device_id: device.masked_id.clone(),
        platform: device.platform.clone(),
        first_seen_time: Some(time(device.first_seen)),
        last_seen_time: Some(time(device.last_seen)),
    }
}
