//! Accounts, purchases and events as tests start from: good in every field.

use prost_types::Timestamp;
use surety::domain::{Span, Time};
use surety::grpc::pb;
use uuid::Uuid;

pub const MERCHANT: &str = "m-77";
pub const HOME_IP: &str = "203.0.113.7";

/// A version 4: two of the same moment have nothing in common.
pub fn new_id() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

pub fn stamp(time: Time) -> Timestamp {
    let nanos = time.as_micros().rem_euclid(1_000_000) * 1_000;
    Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap() }
}

pub fn euro(minor_units: i64) -> pb::Money {
    pb::Money { minor_units, currency_code: "EUR".to_owned() }
}

pub fn merchant() -> pb::Merchant {
    pb::Merchant {
        merchant_id: MERCHANT.to_owned(),
        category: "5732".to_owned(),
        country: "DE".to_owned(),
    }
}

pub fn device(id: &str) -> pb::DeviceContext {
    pb::DeviceContext {
        device_id: id.to_owned(),
        platform: "ios".to_owned(),
        app_version: "8.4.0".to_owned(),
        integrity: pb::DeviceIntegrity::Trusted.into(),
        supported: Some(true),
        ..pb::DeviceContext::default()
    }
}

pub fn network(ip: &str) -> pb::NetworkContext {
    pb::NetworkContext {
        ip_address: ip.to_owned(),
        country: "DE".to_owned(),
        region: "DE-BE".to_owned(),
        kind: pb::NetworkKind::Residential.into(),
        ..pb::NetworkContext::default()
    }
}

pub fn pay_later() -> pb::PaymentPlan {
    pb::PaymentPlan { kind: pb::PlanKind::PayLater30.into(), ..pb::PaymentPlan::default() }
}

pub fn pay_now() -> pb::PaymentPlan {
    pb::PaymentPlan { kind: pb::PlanKind::PayNow.into(), ..pb::PaymentPlan::default() }
}

/// A purchase on credit, at home with the own phone. No two have the same order.
pub fn purchase(account: &str, amount: i64) -> pb::PurchaseContext {
    pb::PurchaseContext {
        account_id: account.to_owned(),
        merchant: Some(merchant()),
        merchant_order_reference: format!("SO-{}", &new_id()[..8]),
        amount: Some(euro(amount)),
        plan: Some(pay_later()),
        device: Some(device(&format!("{account}-phone"))),
        network: Some(network(HOME_IP)),
        market: "DE".to_owned(),
        locale: "en".to_owned(),
        ..pb::PurchaseContext::default()
    }
}

/// The same by somebody without an account.
pub fn guest_purchase(email: &str, amount: i64) -> pb::PurchaseContext {
    let email = email.to_owned();
    pb::PurchaseContext {
        guest: Some(pb::GuestIdentity { email, ..pb::GuestIdentity::default() }),
        device: Some(device(&format!("guest-{}", &new_id()[..8]))),
        account_id: String::new(),
        ..purchase("guest", amount)
    }
}

pub fn field(status: pb::ProfileFieldStatus) -> Option<pb::ProfileField> {
    Some(pb::ProfileField { status: status.into(), changed_time: None })
}

/// A complete and verified account with an income, nothing owed elsewhere, and a good file.
pub fn account(id: &str, limit: i64) -> pb::Account {
    let verified = || field(pb::ProfileFieldStatus::Verified);
    pb::Account {
        account_id: id.to_owned(),
        market: "DE".to_owned(),
        currency_code: "EUR".to_owned(),
        credit_limit: Some(euro(limit)),
        email: format!("{id}@example.com"),
        profile: Some(pb::Profile {
            name: verified(),
            birth_date: verified(),
            address: verified(),
            phone: verified(),
            email: verified(),
        }),
        of_legal_age: pb::LegalAge::Yes.into(),
        income: Some(pb::Income {
            monthly: Some(euro(1_000_000)),
            verified: Some(true),
            as_of: None,
        }),
        commitments: Some(pb::Commitments {
            monthly: Some(euro(50_000)),
            ..pb::Commitments::default()
        }),
        bureau: Some(pb::Bureau {
            file_found: Some(true),
            worst_delinquency_days: Some(0),
            collections_or_judgment: Some(false),
            insolvency: Some(false),
            inquiries_6m: Some(1),
            file_age_months: Some(60),
            entries: Some(5),
            as_of: None,
        }),
        ..pb::Account::default()
    }
}

pub fn event(account: &str, time: Time, kind: pb::account_event::Kind) -> pb::AccountEvent {
    pb::AccountEvent {
        event_id: new_id(),
        account_id: account.to_owned(),
        event_time: Some(stamp(time)),
        kind: Some(kind),
    }
}

pub fn repayment(plan: &str, amount: i64, due: Time) -> pb::account_event::Kind {
    pb::account_event::Kind::Repayment(pb::RepaymentEvent {
        plan_id: plan.to_owned(),
        amount: Some(euro(amount)),
        due_time: Some(stamp(due)),
        paid_time: None,
    })
}

pub fn plan_status(
    plan: &str,
    (outstanding, days_overdue): (i64, i32),
    state: pb::PlanState,
) -> pb::account_event::Kind {
    pb::account_event::Kind::PlanStatus(pb::PlanStatusEvent {
        plan_id: plan.to_owned(),
        outstanding: Some(euro(outstanding)),
        next_due_time: None,
        days_overdue: Some(days_overdue),
        state: state.into(),
    })
}

pub fn bought(account: &str, amount: i64) -> pb::account_event::Kind {
    pb::account_event::Kind::PurchaseCompleted(pb::PurchaseCompletedEvent {
        amount: Some(euro(amount)),
        merchant: Some(merchant()),
        plan: None,
        device: Some(device(&format!("{account}-phone"))),
        network: Some(network(HOME_IP)),
    })
}

/// Twelve purchases at this hour, one each fortnight, and four plans repaid in time.
pub fn history(account: &str, now: Time) -> Vec<pb::AccountEvent> {
    let mut events = Vec::new();
    for place in 1..=12 {
        let time = now - Span::days(14 * place);
        events.push(event(account, time, bought(account, 4_200 + 50 * place)));
    }
    for place in 1..=4 {
        let time = now - Span::days(30 * place);
        let plan = format!("{account}-old-{place}");
        events.push(event(account, time, repayment(&plan, 4_500, time + Span::days(1))));
    }
    events
}

/// A request_id in a form that only its text tells apart.
pub fn numbered_id(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}
