//! What only facts made by hand can show: failed sources, codes of restrictions, equal bytes.

use std::sync::LazyLock;

use super::decide;
use crate::domain::*;
use crate::features::{Facts, StepUpFacts};
use crate::playbook::{Playbook, SHIPPED};
use crate::signals::{EmbeddedConfig, EmbeddedStore, Observation, Readings};

const NOW: Time = Time::from_seconds(1_795_262_400);

pub(super) static PLAYBOOK: LazyLock<Playbook> =
    LazyLock::new(|| Playbook::parse(&SHIPPED).unwrap());

pub(super) fn purchase(amount: i64, kind: PlanKind) -> RequestFacts {
    let market = Country::parse("DE").unwrap();
    let count = u32::from(kind != PlanKind::PayNow);
    RequestFacts {
        time: NOW,
        product: Product::Purchase,
        guest: false,
        guest_details_match: None,
        market,
        currency: Currency::parse("EUR").unwrap(),
        amount,
        plan: PlanTerms { kind, count, interval_days: 30, upfront: 0 },
        card: None,
        merchant_category: None,
        merchant_country: None,
        order_reference_given: true,
        basket: None,
        instrument: None,
        delivery: None,
        device: Some(DeviceFacts { integrity: None, supported: Some(true) }),
        network: None,
        session: SessionFacts::default(),
        credit_request_kind: None,
        channel: None,
        hour: Some(12),
        weekday: Some(3),
    }
}

pub(super) fn good_standing() -> Standing {
    let verified = Some(ProfileField { status: FieldStatus::Verified, changed: None });
    let profile = Profile {
        name: verified,
        birth_date: verified,
        address: verified,
        phone: verified,
        email: verified,
    };
    Standing {
        known: true,
        market: Country::parse("DE").ok(),
        currency: Currency::parse("EUR").ok(),
        credit_limit: Some(100_000),
        profile,
        of_legal_age: Some(LegalAge::Yes),
        plans: PlanFacts { repaid: 5, ..PlanFacts::default() },
        ..Standing::unknown()
    }
}

pub(super) fn facts(request: RequestFacts, readings: Readings, standing: Standing) -> Facts {
    Facts { request, readings, standing, step_up: StepUpFacts::default(), review: None }
}

/// Readings of an account that nothing is remembered of.
pub(super) fn fresh() -> Readings {
    let parties = Parties { account: Some(PartyKey([1; 16])), ..Parties::default() };
    let observation = Observation { id: 1, time: NOW, parties, ..Observation::default() };
    EmbeddedStore::new(EmbeddedConfig::default()).observe(&observation)
}

pub(super) fn codes(decision: &Decision) -> Vec<ReasonCode> {
    decision.reasons.iter().map(|reason| reason.code).collect()
}

#[test]
fn a_dead_store_never_makes_an_approval_easier() {
    let later = || purchase(4_900, PlanKind::PayLater30);
    let healthy = decide(&facts(later(), fresh(), good_standing()), &PLAYBOOK);
    assert_eq!(healthy.outcome, Outcome::Approved, "{:?}", healthy.reasons);
    assert!(!healthy.degraded());

    let card = CardTerms { valid_for: Span::hours(24), merchant_locked: true, tolerance: 0 };
    let card = RequestFacts { product: Product::OneTimeCard, card: Some(card), ..later() };
    for request in [later(), purchase(1, PlanKind::PayLater30), card] {
        let degraded = decide(&facts(request, Readings::all_failed(), good_standing()), &PLAYBOOK);
        assert_eq!(degraded.outcome, Outcome::ManualReview);
        assert_eq!(degraded.missing_sources, [Source::Signals]);
        let reason = &degraded.reasons[0];
        assert_eq!(reason.code, ReasonCode::DataSourceUnavailable);
        assert_eq!(reason.effect, Effect::Decisive);
        // Nothing is judged about spending: missing is not zero.
        assert_eq!(degraded.scores.spending, None);
        assert!(degraded.review.is_some_and(|review| review.expected > NOW));
    }
}

#[test]
fn a_dead_store_does_not_soften_a_refusal() {
    let standing = Standing { outstanding: 99_000, ..good_standing() };
    let request = purchase(4_900, PlanKind::PayLater30);
    let refused = decide(&facts(request, Readings::all_failed(), standing), &PLAYBOOK);
    assert_eq!(refused.outcome, Outcome::Declined);
    assert_eq!(codes(&refused)[0], ReasonCode::CreditLimitExceeded);
    assert!(refused.degraded());
}

#[test]
fn the_same_facts_give_the_same_bytes() {
    let standing = Standing { outstanding: 99_000, ..good_standing() };
    let facts = facts(purchase(60_000, PlanKind::PayLater30), fresh(), standing);
    let stored = serde_json::to_string(&facts).unwrap();
    let read: Facts = serde_json::from_str(&stored).unwrap();
    let bytes = |facts: &Facts| serde_json::to_string(&decide(facts, &PLAYBOOK)).unwrap();
    assert_eq!(bytes(&facts), bytes(&read));
}

#[test]
fn a_restriction_is_told_under_its_own_code() {
    let restriction = ActiveRestriction {
        kind: RestrictionKind::Security,
        code: ReasonCode::IdentityNotVerified,
        end: NOW + Span::days(1),
    };
    let standing = Standing { restrictions: vec![restriction], ..good_standing() };
    let held = decide(&facts(purchase(4_900, PlanKind::PayLater30), fresh(), standing), &PLAYBOOK);
    assert_eq!(held.outcome, Outcome::Declined);
    assert_eq!(codes(&held)[0], ReasonCode::IdentityNotVerified);
}

#[test]
fn paying_now_is_no_application_for_credit() {
    let standing = Standing { of_legal_age: None, ..good_standing() };
    let hold = ActiveRestriction {
        kind: RestrictionKind::Security,
        code: ReasonCode::AccountSecurityHold,
        end: NOW + Span::days(1),
    };
    let standing = Standing { restrictions: vec![hold], ..standing };
    for (kind, required) in [(PlanKind::PayNow, false), (PlanKind::PayLater30, true)] {
        let refused = decide(&facts(purchase(4_900, kind), fresh(), standing.clone()), &PLAYBOOK);
        assert_eq!(refused.outcome, Outcome::Declined);
        assert_eq!(refused.adverse_action.unwrap().required, required);
    }
}
