//! What a reviewer's word does to a decision, and what it never does.

use super::decide;
use super::tests::{PLAYBOOK, codes, facts, fresh, good_standing, purchase};
use crate::domain::*;
use crate::features::{Facts, ReviewFacts, StepUpFacts};
use crate::signals::Readings;

/// A device that is none brings a person.
fn emulator(amount: i64) -> Facts {
    let device =
        Some(DeviceFacts { integrity: Some(DeviceIntegrity::Emulator), supported: Some(true) });
    let request = RequestFacts { device, ..purchase(amount, PlanKind::PayLater30) };
    facts(request, fresh(), good_standing())
}

fn reviewed(facts: Facts, said: ReviewFacts) -> Decision {
    decide(&Facts { review: Some(said), ..facts }, &PLAYBOOK)
}

fn held(kind: RestrictionKind) -> Standing {
    let end = purchase(1, PlanKind::PayNow).time + Span::days(1);
    let restriction = ActiveRestriction { kind, code: kind.own_code(), end };
    Standing { restrictions: vec![restriction], ..good_standing() }
}

const APPROVED: ReviewFacts = ReviewFacts::Approved { held: false };

fn step_up(kinds: &[StepUpKind]) -> ReviewFacts {
    ReviewFacts::StepUp { kinds: kinds.to_vec(), held: false }
}

fn passed(facts: Facts, kinds: &[StepUpKind]) -> Facts {
    Facts { step_up: StepUpFacts { passed: kinds.to_vec(), failed: false }, ..facts }
}

#[test]
fn an_approval_ends_what_asks_for_a_review_and_keeps_what_was_seen() {
    let asked = decide(&emulator(4_900), &PLAYBOOK);
    assert_eq!(asked.outcome, Outcome::ManualReview);
    let told = reviewed(emulator(4_900), APPROVED);
    assert_eq!(told.outcome, Outcome::Approved, "{:?}", told.reasons);
    assert!(told.expires.is_some() && told.review.is_none());
    let seen = told.reasons.iter().find(|r| r.code == ReasonCode::DeviceIntegrityLow).unwrap();
    assert_eq!((seen.effect, seen.push), (Effect::Informational, Push::None));
}

#[test]
fn an_approval_covers_checks_of_the_customer_but_not_missing_details() {
    // A first larger purchase asks for an identity document besides.
    let plans = PlanFacts::default();
    let first = Facts { standing: Standing { plans, ..good_standing() }, ..emulator(20_000) };
    let asked = decide(&first, &PLAYBOOK);
    assert!(asked.reasons.iter().any(|reason| reason.push == Push::StepUp), "{asked:?}");
    assert_eq!(reviewed(first, APPROVED).outcome, Outcome::Approved);
    let address = Some(ProfileField { status: FieldStatus::Absent, changed: None });
    let profile = Profile { address, ..good_standing().profile };
    let gaps = Facts { standing: Standing { profile, ..good_standing() }, ..emulator(4_900) };
    let told = reviewed(gaps, APPROVED);
    assert_eq!(told.outcome, Outcome::ManualReview);
    assert_eq!(told.step_up.unwrap().kinds, [StepUpKind::CompleteProfile]);
}

#[test]
fn an_approval_never_overrides_what_declines() {
    let over = Standing { outstanding: 99_000, ..good_standing() };
    for standing in [over, held(RestrictionKind::Security), held(RestrictionKind::SelfExclusion)] {
        let facts = Facts { standing, ..emulator(4_900) };
        let alone = decide(&facts, &PLAYBOOK);
        assert_eq!(alone.outcome, Outcome::Declined);
        for said in [APPROVED, ReviewFacts::Approved { held: true }, step_up(&[])] {
            let told = reviewed(facts.clone(), said);
            assert_eq!(told.outcome, Outcome::Declined);
            assert_eq!(codes(&told)[0], codes(&alone)[0]);
        }
    }
}

#[test]
fn what_compliance_holds_only_compliance_ends() {
    let facts = Facts { standing: held(RestrictionKind::Compliance), ..emulator(4_900) };
    let told = reviewed(facts.clone(), APPROVED);
    assert_eq!(told.outcome, Outcome::ManualReview);
    assert_eq!(told.review.unwrap().queue, ReviewQueue::Compliance);
    let told = reviewed(facts, ReviewFacts::Approved { held: true });
    assert_eq!(told.outcome, Outcome::Approved, "{:?}", told.reasons);
}

#[test]
fn a_person_may_stand_in_for_a_source_that_failed() {
    let facts = Facts { readings: Readings::all_failed(), ..emulator(4_900) };
    assert_eq!(decide(&facts, &PLAYBOOK).outcome, Outcome::ManualReview);
    let told = reviewed(facts, APPROVED);
    assert_eq!(told.outcome, Outcome::Approved);
    assert!(told.degraded());
}

#[test]
fn a_refusal_stands_on_what_the_reviewer_looked_at() {
    let grounds = vec![ReasonCode::DeviceIntegrityLow, ReasonCode::IdentityNotVerified];
    let told = reviewed(emulator(4_900), ReviewFacts::Declined { codes: grounds.clone() });
    assert_eq!(told.outcome, Outcome::Declined);
    let decisive: Vec<_> =
        told.reasons.iter().filter(|reason| reason.effect == Effect::Decisive).collect();
    assert_eq!(decisive.len(), 2);
    for reason in decisive {
        assert!(grounds.contains(&reason.code) && reason.by_reviewer());
        assert_eq!(reason.push, Push::Decline);
    }
    assert!(told.restriction.is_none(), "a person's refusal restricts nobody by itself");
    assert!(told.adverse_action.unwrap().required);
    // One that nothing asked for is refused all the same.
    let clean = facts(purchase(4_900, PlanKind::PayLater30), fresh(), good_standing());
    let told = reviewed(clean, ReviewFacts::Declined { codes: grounds });
    assert_eq!(told.outcome, Outcome::Declined);
}

#[test]
fn checks_that_a_reviewer_asks_for_clear_the_review_but_not_of_large_amounts() {
    let kinds = [StepUpKind::IdentityDocument, StepUpKind::ConfirmOnDevice];
    let asked = reviewed(emulator(4_900), step_up(&kinds));
    assert_eq!(asked.outcome, Outcome::ManualReview);
    assert!(asked.review.is_none());
    let of_both = [StepUpKind::ConfirmOnDevice, StepUpKind::IdentityDocument];
    assert_eq!(asked.step_up.unwrap().kinds, of_both);
    let half = reviewed(passed(emulator(4_900), &kinds[..1]), step_up(&kinds));
    assert_eq!(half.step_up.unwrap().kinds, kinds[1..]);
    let cleared = reviewed(passed(emulator(4_900), &kinds), step_up(&kinds));
    assert_eq!(cleared.outcome, Outcome::Approved, "{:?}", cleared.reasons);
    let large = reviewed(passed(emulator(50_000), &kinds), step_up(&kinds));
    assert_eq!(large.outcome, Outcome::ManualReview);
    assert!(large.review.is_some() && large.step_up.is_none());
}

#[test]
fn a_larger_amount_is_never_approved_more_easily_by_a_reviewer() {
    let ranks = |outcome| match outcome {
        Outcome::Approved => 0,
        Outcome::ManualReview => 1,
        Outcome::Declined => 2,
    };
    let all = [StepUpKind::ConfirmOnDevice, StepUpKind::IdentityDocument];
    for said in [APPROVED, step_up(&all), step_up(&[])] {
        let mut before = 0;
        for amount in [1, 4_900, 14_999, 15_000, 49_999, 50_000, 99_999, 100_000, 100_001] {
            let rank = ranks(reviewed(passed(emulator(amount), &all), said.clone()).outcome);
            assert!(rank >= before, "{said:?} {amount}");
            before = rank;
        }
    }
}

#[test]
fn facts_with_and_without_a_review_come_back_and_decide_the_same_bytes() {
    let plain = emulator(4_900);
    assert!(!serde_json::to_string(&plain).unwrap().contains("\"review\""));
    for said in [
        APPROVED,
        ReviewFacts::Declined { codes: vec![ReasonCode::DeviceIntegrityLow] },
        step_up(&[StepUpKind::OneTimeCode]),
    ] {
        let facts = Facts { review: Some(said), ..plain.clone() };
        let read: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
        assert_eq!(read, facts);
        let bytes = |facts: &Facts| serde_json::to_string(&decide(facts, &PLAYBOOK)).unwrap();
        assert_eq!(bytes(&facts), bytes(&read));
    }
}
