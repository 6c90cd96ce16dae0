//! A check that the customer passes, fails, or does not do in time.

use surety::domain::Span;
use surety::grpc::pb;
use tonic::Code;

use crate::support::{
    Approved, Declined, ManualReview, TestApp, account, codes, device, expect, network, new_id,
    purchase, refusal,
};

/// A usual amount from a phone and a region that the account never bought with, over a VPN.
fn away(account: &str, amount: i64) -> pb::PurchaseContext {
    let abroad = pb::NetworkContext { region: "DE-BY".to_owned(), ..network("198.51.100.4") };
    pb::PurchaseContext {
        device: Some(device(&format!("{account}-new-phone"))),
        network: Some(pb::NetworkContext { kind: pb::NetworkKind::Vpn.into(), ..abroad }),
        ..purchase(account, amount)
    }
}

const UNKNOWN: [&str; 2] = ["DEVICE_UNRECOGNIZED", "LOCATION_UNRECOGNIZED"];

#[track_caller]
fn assert_known(decision: &pb::Decision, known: bool) {
    for code in UNKNOWN {
        assert_eq!(!codes(decision).contains(&code), known, "{code} of {:?}", codes(decision));
    }
}

#[test]
fn a28_a39_a_passed_step_up_approves_and_makes_device_and_region_known() {
    let mut app = TestApp::start();
    app.given_regular("moved", 100_000);
    let pending = app.buy(away("moved", 4_500));
    assert_eq!(pending.outcome(), ManualReview);
    assert_eq!(pending.state(), pb::DecisionState::Pending);
    assert_known(&pending, false);
    assert_eq!(app.preview("moved"), 100_000, "a pending decision reserves nothing");
    let approved = app.step_up(&pending, true);
    expect(&approved, Approved, &[]);
    assert_eq!(app.preview("moved"), 95_500);
    let replaced = app.look_up("auditor", &pending.decision_id);
    assert_eq!(replaced.state(), pb::DecisionState::Superseded);
    assert_eq!(replaced.superseded_by, approved.decision_id);
    app.confirm(&approved);
    // What was learnt stays learnt.
    app.advance(Span::days(1));
    assert_known(&app.buy(away("moved", 4_600)), true);
    app.restart();
    assert_known(&app.buy(away("moved", 4_700)), true);
}

#[test]
fn ruling_2_attempts_alone_make_nothing_known() {
    let app = TestApp::start();
    app.given_regular("thief", 100_000);
    for number in 0..3 {
        assert_known(&app.buy(away("thief", 4_500 + number)), false);
        app.advance(Span::minutes(20));
    }
}

#[test]
fn a39_a_failed_step_up_declines_and_teaches_nothing() {
    let app = TestApp::start();
    app.given_regular("impostor", 100_000);
    let pending = app.buy(away("impostor", 4_500));
    let declined = app.step_up(&pending, false);
    expect(&declined, Declined, &["IDENTITY_NOT_VERIFIED"]);
    assert_eq!(app.preview("impostor"), 100_000);
    app.advance(Span::minutes(30));
    assert_known(&app.buy(away("impostor", 4_600)), false);
    // Decided is decided.
    let again = app.try_step_up(app.signed(&pending, true)).unwrap_err();
    assert_eq!(refusal(&again), (Code::FailedPrecondition, "DECISION_NOT_PENDING".to_owned()));
}

#[test]
fn a_step_up_that_comes_too_late_finds_a_refusal() {
    let app = TestApp::start();
    app.given_regular("late", 100_000);
    let pending = app.buy(away("late", 4_500));
    let asked = pending.step_up.clone().unwrap();
    app.advance_to(app.now() + Span::minutes(15) - Span::micros(1));
    assert_eq!(app.look_up("auditor", &pending.decision_id), pending);
    app.advance(Span::micros(1));
    assert_eq!(asked.expire_time.unwrap().seconds, app.now().as_seconds());
    let refused = app.try_step_up(app.signed(&pending, true)).unwrap_err();
    assert_eq!(refusal(&refused), (Code::FailedPrecondition, "DECISION_NOT_PENDING".to_owned()));
    for role in ["auditor", "checkout"] {
        let lapsed = app.look_up(role, &pending.decision_id);
        assert_eq!(lapsed.outcome(), Declined, "{role}");
        assert_eq!(codes(&lapsed), ["STEP_UP_NOT_COMPLETED"], "{role}");
        assert_eq!(lapsed.state(), pb::DecisionState::Expired, "{role}");
        assert_eq!(lapsed.step_up, None, "{role}");
        assert_ne!(lapsed.etag, pending.etag, "{role}");
        // The customer is not asked any more for what cannot be done any more.
        let (before, after) = (pending.message.clone().unwrap(), lapsed.message.unwrap());
        assert_ne!(before.body, after.body, "{role}");
        assert!(!after.body.is_empty() && !after.next_step.is_empty(), "{role}: {after:?}");
    }
    assert_eq!(app.preview("late"), 100_000);
    let mut request = crate::support::confirmation(&pending);
    request.captured_amount = Some(crate::support::euro(4_500));
    assert_eq!(app.try_confirm(request).unwrap_err().code(), Code::FailedPrecondition);
}

#[test]
fn a_review_that_nobody_ends_is_a_refusal_after_a_day() {
    let app = TestApp::start();
    app.given_regular("waiting", 100_000);
    let mut context = purchase("waiting", 4_500);
    context.device.as_mut().unwrap().integrity = pb::DeviceIntegrity::Emulator.into();
    let pending = app.buy(context);
    expect(&pending, ManualReview, &["DEVICE_INTEGRITY_LOW"]);
    app.advance(Span::hours(24));
    let lapsed = app.look_up("auditor", &pending.decision_id);
    expect(&lapsed, Declined, &["REVIEW_NOT_COMPLETED_IN_TIME"]);
    assert_eq!(lapsed.state(), pb::DecisionState::Expired);
    assert_ne!(lapsed.message.unwrap().body, pending.message.unwrap().body);
}

#[test]
fn a_wrong_signature_is_refused_and_changes_nothing() {
    let app = TestApp::start();
    app.given_regular("forged", 100_000);
    let pending = app.buy(away("forged", 4_500));
    let mut flipped = app.signed(&pending, true);
    flipped.signature[0] ^= 1;
    // Signed as failed, sent as passed.
    let mut turned = app.signed(&pending, false);
    turned.results.iter_mut().for_each(|result| result.passed = true);
    let other = app.signed(&app.buy(away("forged", 4_600)), true);
    let mut swapped = app.signed(&pending, true);
    swapped.signature = other.signature;
    for request in [flipped, turned, swapped] {
        let refused = app.try_step_up(request).unwrap_err();
        assert_eq!(refusal(&refused), (Code::PermissionDenied, "SIGNATURE_INVALID".to_owned()));
    }
    assert_eq!(app.look_up("auditor", &pending.decision_id), pending);
    expect(&app.step_up(&pending, true), Approved, &[]);
}

#[test]
fn hard_rules_and_the_limit_are_judged_anew_after_a_step_up() {
    let app = TestApp::start();
    app.given_regular("meanwhile", 10_000);
    let pending = app.buy(away("meanwhile", 4_500));
    app.confirm(&app.buy(purchase("meanwhile", 6_000)));
    let declined = app.step_up(&pending, true);
    expect(&declined, Declined, &["CREDIT_LIMIT_EXCEEDED"]);
    assert_eq!(app.preview("meanwhile"), 4_000);
}

#[test]
fn a_step_up_is_no_attempt() {
    let app = TestApp::start();
    app.given_regular("four", 100_000);
    for number in 0..4 {
        let pending = app.buy(away("four", 1_000 + number));
        if pending.outcome() == ManualReview {
            let approved = app.step_up(&pending, true);
            app.cancel(&approved, pb::CancelReason::Customer);
        } else {
            app.cancel(&pending, pb::CancelReason::Customer);
        }
        app.advance(Span::seconds(1));
    }
    let fifth = app.buy(away("four", 1_100));
    assert!(codes(&fifth).contains(&"ATTEMPTS_TOO_FREQUENT"));
    let evidence = fifth.reasons[0].evidence.iter().find(|e| e.key.contains("account_attempts"));
    assert_eq!(evidence.unwrap().observed, "5");
}

#[test]
fn a02_ruling_5_an_unknown_account_is_decided_once_it_is_told() {
    let app = TestApp::start();
    let pending = app.buy(purchase("stranger", 4_900));
    expect(&pending, ManualReview, &["PROFILE_INCOMPLETE"]);
    let kinds: Vec<_> = pending.step_up.as_ref().unwrap().kinds().collect();
    assert_eq!(kinds, [pb::StepUpKind::CompleteProfile]);
    // To say so is not enough.
    let still = app.step_up(&pending, true);
    expect(&still, ManualReview, &["PROFILE_INCOMPLETE"]);
    app.given(account("stranger", 100_000));
    assert_eq!(app.preview("stranger"), 100_000, "nothing was reserved");
    expect(&app.step_up(&still, true), Approved, &[]);
    assert_eq!(app.preview("stranger"), 95_100);
}

#[test]
fn results_that_do_not_answer_the_question_are_refused() {
    let app = TestApp::start();
    app.given_regular("partial", 100_000);
    let pending = app.buy(away("partial", 4_500));
    let mut other = pending.clone();
    other.step_up.as_mut().unwrap().kinds = vec![pb::StepUpKind::OneTimeCode.into()];
    let refused = app.try_step_up(app.signed(&other, true)).unwrap_err();
    assert_eq!(refusal(&refused), (Code::FailedPrecondition, "STEP_UP_INCOMPLETE".to_owned()));
    let mut other = pending.clone();
    other.step_up.as_mut().unwrap().step_up_id = new_id();
    let refused = app.try_step_up(app.signed(&other, true)).unwrap_err();
    assert_eq!(refusal(&refused), (Code::FailedPrecondition, "DECISION_NOT_PENDING".to_owned()));
}
