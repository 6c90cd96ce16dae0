//! Holds, restrictions and arrears: they stop what they should, and leave nothing when they end.

use surety::domain::Span;
use surety::grpc::pb;
use tonic::Code;

use crate::support::{
    Approved, Declined, ManualReview, TestApp, blanked, codes, expect, lifting, plan_status,
    purchase, refusal,
};

/// The decision on a usual purchase that is taken back at once, without ids and times.
fn usual(app: &TestApp, account: &str) -> pb::Decision {
    let decision = app.buy(purchase(account, 4_500));
    if decision.outcome() == Approved {
        app.cancel(&decision, pb::CancelReason::Customer);
    }
    pb::Decision { create_time: None, expire_time: None, ..blanked(&decision) }
}

#[test]
fn a03_a_security_hold_blocks_until_it_is_lifted() {
    let app = TestApp::start();
    app.given_regular("held", 100_000);
    let before = usual(&app, "held");
    assert_eq!(before.outcome(), Approved);
    let hold = app.hold("held", pb::RestrictionKind::Security, Span::days(7));
    let held = app.buy(purchase("held", 4_500));
    expect(&held, Declined, &["ACCOUNT_SECURITY_HOLD"]);
    app.lift(&hold);
    assert_eq!(usual(&app, "held"), before);
}

#[test]
fn a06_a_hold_ends_at_its_time_by_itself() {
    let app = TestApp::start();
    app.given_regular("waits", 100_000);
    let before = usual(&app, "waits");
    app.hold("waits", pb::RestrictionKind::Security, Span::hours(2));
    let end = app.now() + Span::hours(2);
    app.advance_to(end - Span::micros(1));
    let held = app.buy(purchase("waits", 4_500));
    expect(&held, Declined, &["ACCOUNT_SECURITY_HOLD"]);
    app.advance_to(end);
    assert_eq!(usual(&app, "waits"), before);
}

#[test]
fn a34_a_temporary_restriction_says_until_when_and_ends_then() {
    let app = TestApp::start();
    app.given_regular("resting", 100_000);
    app.hold("resting", pb::RestrictionKind::Temporary, Span::hours(72));
    let end = app.now() + Span::hours(72);
    let refused = app.buy(purchase("resting", 4_500));
    expect(&refused, Declined, &["ACCOUNT_TEMPORARILY_RESTRICTED"]);
    let retry = refused.retry.unwrap();
    assert_eq!(retry.disposition(), pb::RetryDisposition::AfterTime);
    assert_eq!(retry.earliest_time.unwrap().seconds, end.as_seconds());
    app.advance_to(end);
    expect(&app.buy(purchase("resting", 4_500)), Approved, &[]);
}

#[test]
fn a34_long_arrears_restrict_for_a_while_and_asking_again_does_not_prolong_it() {
    let app = TestApp::start();
    app.given_regular("arrears", 100_000);
    app.owes("arrears", "late", 9_000, 31);
    expect(&app.buy(purchase("arrears", 4_500)), Declined, &["PAYMENT_OVERDUE"]);
    let restricted_at = app.now();
    let listed = app.try_restrictions("ledger", "arrears").unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].origin(), pb::RestrictionOrigin::Policy);
    app.advance(Span::hours(1));
    app.tell("arrears", plan_status("late", (0, 0), pb::PlanState::Closed));
    for _ in 0..2 {
        let refused = app.buy(purchase("arrears", 4_500));
        expect(&refused, Declined, &["ACCOUNT_TEMPORARILY_RESTRICTED"]);
        app.advance(Span::hours(24));
    }
    assert_eq!(app.try_restrictions("ledger", "arrears").unwrap(), listed);
    app.advance_to(restricted_at + Span::hours(72));
    expect(&app.buy(purchase("arrears", 4_500)), Approved, &[]);
}

#[test]
fn a51_overdue_refuses_and_its_cure_counts_at_once() {
    let app = TestApp::start();
    app.given_regular("forgetful", 100_000);
    app.owes("forgetful", "late", 9_000, 21);
    expect(&app.buy(purchase("forgetful", 4_500)), Declined, &["PAYMENT_OVERDUE"]);
    app.tell("forgetful", plan_status("late", (0, 0), pb::PlanState::Closed));
    expect(&app.buy(purchase("forgetful", 4_500)), Approved, &[]);
}

#[test]
fn a51_a_plan_of_ours_falls_overdue_by_its_due_date_and_is_cured_by_its_payment() {
    let app = TestApp::start();
    app.given_regular("ours", 100_000);
    let order = app.confirm(&app.buy(purchase("ours", 4_500)));
    // Due after 30 days, with three days of grace.
    let due = app.now() + Span::days(30);
    app.advance_to(due + Span::days(4) - Span::micros(1));
    expect(&app.buy(purchase("ours", 4_600)), Approved, &[]);
    app.advance_to(due + Span::days(4));
    expect(&app.buy(purchase("ours", 4_700)), Declined, &["PAYMENT_OVERDUE"]);
    app.repay("ours", &order.decision_id, 4_500, app.now());
    let cured = app.buy(purchase("ours", 4_800));
    expect(&cured, Approved, &[]);
}

#[test]
fn b02_a_paused_plan_of_ours_is_not_late() {
    let app = TestApp::start();
    app.given_regular("paused", 100_000);
    let order = app.confirm(&app.buy(purchase("paused", 4_500)));
    app.tell("paused", plan_status(&order.decision_id, (4_500, 0), pb::PlanState::Paused));
    app.advance(Span::days(60));
    expect(&app.buy(purchase("paused", 4_600)), Approved, &[]);
}

#[test]
fn b13_a_disputed_purchase_is_not_late_while_the_dispute_is_open() {
    let app = TestApp::start();
    app.given_regular("disputes", 100_000);
    let order = app.confirm(&app.buy(purchase("disputes", 4_500)));
    let dispute = |phase: pb::DisputePhase| {
        pb::account_event::Kind::Dispute(pb::DisputeEvent {
            decision_id: order.decision_id.clone(),
            phase: phase.into(),
        })
    };
    app.tell("disputes", dispute(pb::DisputePhase::Opened));
    app.advance(Span::days(60));
    expect(&app.buy(purchase("disputes", 4_600)), Approved, &[]);
    app.tell("disputes", dispute(pb::DisputePhase::Closed));
    let refused = app.buy(purchase("disputes", 4_700));
    expect(&refused, Declined, &["PAYMENT_OVERDUE"]);
}

#[test]
fn whoever_may_not_know_of_a_hold_may_not_lift_it_either() {
    let app = TestApp::start();
    app.given_regular("listed", 100_000);
    let security = app.hold("listed", pb::RestrictionKind::Security, Span::days(1));
    let temporary = app.hold("listed", pb::RestrictionKind::Temporary, Span::days(1));
    let secret = app.hold("listed", pb::RestrictionKind::Sanctions, Span::days(1));
    let seen = |role| {
        let listed = app.try_restrictions(role, "listed").unwrap();
        listed.into_iter().map(|hold| hold.restriction_id).collect::<Vec<_>>()
    };
    assert!(!seen("ledger").contains(&secret));
    assert!(seen("compliance").contains(&secret) && seen("auditor").contains(&secret));
    for role in ["agent", "ledger"] {
        let refused = app.try_lift(role, lifting(&secret)).unwrap_err();
        assert_eq!(refusal(&refused), (Code::NotFound, "RESTRICTION_NOT_FOUND".to_owned()));
    }
    let refused = app.try_lift("agent", lifting(&temporary)).unwrap_err();
    assert_eq!(refusal(&refused), (Code::PermissionDenied, "ROLE_NOT_ALLOWED".to_owned()));
    for (role, hold) in [("agent", &security), ("ledger", &temporary)] {
        app.try_lift(role, lifting(hold)).unwrap();
    }
    let held = app.buy(purchase("listed", 4_500));
    expect(&held, ManualReview, &["SANCTIONS_POSSIBLE_MATCH"]);
    app.try_lift("compliance", lifting(&secret)).unwrap();
    let free = app.buy(purchase("listed", 4_600));
    assert_eq!(free.outcome(), Approved, "{:?}", codes(&free));
}
