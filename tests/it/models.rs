//! The shipped models at work: an account's own record speaks, and its reasons are told by role.

use surety::domain::Span;
use surety::grpc::pb;

use crate::support::{
    Approved, Declined, ManualReview, TestApp, account, codes, confirmation, decisive, event,
    merchant, new_id, pay_now, plan_status, purchase, repayment,
};

/// Six payments a month apart, each so many days late, and plans that fill most of the limit.
fn record(id: &str, app: &TestApp, days_late: i64, owed: i64) -> Vec<pb::AccountEvent> {
    let now = app.now();
    let paid = |place: i64| {
        let time = now - Span::days(30 * place + 5);
        let due = time - Span::days(days_late);
        event(id, time, repayment(&format!("{id}-{place}"), 200, due))
    };
    let open = |place: i64| {
        let started = now - Span::days(30 * place + 20);
        let status = plan_status(&format!("{id}-open-{place}"), (owed, 0), pb::PlanState::Current);
        event(id, started, status)
    };
    (0..6).map(paid).chain((0..3).map(open)).collect()
}

#[test]
fn a_record_of_late_payments_is_refused_and_told_why() {
    let app = TestApp::start();
    for id in ["late", "punctual"] {
        app.given(account(id, 100_000));
    }
    app.record(record("late", &app, 70, 32_000));
    app.record(record("punctual", &app, -1, 1_000));

    let told = app.buy(purchase("late", 2_000));
    assert_eq!(told.outcome(), Declined, "{:?}", codes(&told));
    let reasons = decisive(&told);
    assert_eq!(reasons[0], "RECENT_LATE_PAYMENTS");
    // The lender states what is left instead of what was paid: nobody says that too little was.
    assert!(!codes(&told).contains(&"REPAYMENT_SHARE_LOW"), "{:?}", codes(&told));
    let notice = told.adverse_action.as_ref().unwrap();
    assert_eq!(notice.principal_reasons[0], "Poor credit performance with us");
    let late = told.reasons.iter().find(|one| one.code().as_str_name().ends_with("LATE_PAYMENTS"));
    let late = late.unwrap();
    assert_eq!(late.component(), pb::ReasonComponent::Credit);
    assert!(late.share_percent.unwrap() > 0);
    let evidence = late.evidence.iter().find(|one| one.key == "account.months_late").unwrap();
    assert_eq!((evidence.observed.as_str(), evidence.source.as_str()), ("3.000", "account"));
    let versions = told.versions.unwrap();
    assert!(versions.credit.starts_with("credit-repayment-record "), "{}", versions.credit);

    let told = app.buy(purchase("punctual", 2_000));
    assert_eq!(told.outcome(), Approved, "{:?}", codes(&told));
    // Paying now asks for no credit, so the record is nobody's business.
    let at_once = pb::PurchaseContext { plan: Some(pay_now()), ..purchase("late", 2_000) };
    assert_eq!(app.buy(at_once).outcome(), Approved);
}

#[test]
fn a_shop_learns_neither_the_model_nor_its_reasons() {
    let app = TestApp::start();
    app.given(account("late", 100_000));
    app.record(record("late", &app, 70, 32_000));
    let told = bought_by_shop(&app, purchase("late", 2_000));
    assert_eq!(told.outcome(), Declined);
    let versions = told.versions.unwrap();
    assert_eq!((versions.credit.as_str(), versions.fraud.as_str()), ("", ""));
    assert!(told.reasons.iter().all(|reason| reason.evidence.is_empty()));
    let outside = codes_of(&told.reasons);
    assert!(!outside.contains(&"REPAYMENT_SHARE_LOW") && !outside.contains(&"LIMIT_USE_HIGH"));
}

fn bought_by_shop(app: &TestApp, context: pb::PurchaseContext) -> pb::Decision {
    app.try_buy("checkout", &new_id(), context).unwrap().decision
}

fn codes_of(reasons: &[pb::Reason]) -> Vec<&'static str> {
    reasons.iter().map(|one| one.code().as_str_name().trim_start_matches("REASON_CODE_")).collect()
}

#[test]
fn misuse_at_a_shop_asks_its_next_customers_for_a_confirmation_and_says_no_more() {
    let app = TestApp::start();
    let shop = || pb::Merchant { merchant_id: "m-misused".to_owned(), ..merchant() };
    let bought = |amount| {
        pb::account_event::Kind::PurchaseCompleted(pb::PurchaseCompletedEvent {
            amount: Some(crate::support::euro(amount)),
            merchant: Some(shop()),
            ..pb::PurchaseCompletedEvent::default()
        })
    };
    // Labels count from a week on.
    let mut misused = Vec::new();
    for place in 0..8 {
        let id = format!("victim-{place}");
        app.given_regular(&id, 200_000);
        // Until then the shop was as good as any.
        let before =
            [12, 16, 20].map(|days| event(&id, app.now() - Span::days(days), bought(4_500)));
        app.record(before.into());
        let context = pb::PurchaseContext { merchant: Some(shop()), ..purchase(&id, 4_500) };
        let approved = app.buy(context);
        let merchant_id = shop().merchant_id;
        app.try_confirm(pb::ConfirmPurchaseRequest { merchant_id, ..confirmation(&approved) })
            .unwrap();
        misused.push((id, approved.decision_id));
    }
    app.advance(Span::hours(7 * 24 + 12));
    for (id, decision_id) in misused {
        let report = pb::account_event::Kind::ConfirmedMisuse(pb::ConfirmedMisuseEvent {
            decision_id,
            scope: pb::MisuseScope::Account.into(),
        });
        app.record(vec![event(&id, app.now(), report)]);
    }
    app.given_regular("next", 200_000);
    app.record(vec![event("next", app.now() - Span::days(1), bought(4_500))]);
    let context = || pb::PurchaseContext { merchant: Some(shop()), ..purchase("next", 4_500) };
    let told = app.buy(context());
    assert_eq!(told.outcome(), ManualReview, "{:?}", codes(&told));
    assert_eq!(decisive(&told)[0], "MERCHANT_MISUSE_RECENT");
    assert!(told.step_up.is_some());
    let outside = bought_by_shop(&app, context());
    assert!(!codes_of(&outside.reasons).contains(&"MERCHANT_MISUSE_RECENT"));
    // Elsewhere the same customer buys as ever.
    assert_eq!(app.buy(purchase("next", 4_600)).outcome(), Approved);
}
