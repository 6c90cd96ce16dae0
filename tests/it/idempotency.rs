//! The same request again gets the same answer; another one under its id gets none.

use std::fmt::Debug;
use std::thread;

use surety::grpc::pb;
use tonic::{Code, Response, Status};

use crate::support::{
    START, TestApp, account, confirmation, device, euro, event, lifting, new_id, numbered_id,
    purchase, refusal, repayment, replayed, stamp,
};
use surety::domain::Span;

/// Sends the request twice and then another one under its id.
fn check<Q: Clone, A: Debug + PartialEq>(
    name: &str,
    request: Q,
    change: impl FnOnce(&mut Q),
    call: impl Fn(Q) -> Result<Response<A>, Status>,
) -> A {
    let first = call(request.clone()).unwrap();
    assert!(!replayed(&first), "{name}");
    let again = call(request.clone()).unwrap();
    assert!(replayed(&again), "{name}");
    let first = first.into_inner();
    assert_eq!(again.into_inner(), first, "{name}");
    let mut other = request;
    change(&mut other);
    let refused = call(other).unwrap_err();
    let reused = (Code::InvalidArgument, "REQUEST_ID_REUSED".to_owned());
    assert_eq!(refusal(&refused), reused, "{name}");
    first
}

/// An answer as [`check`] compares it.
fn whole(told: crate::support::Told) -> Response<pb::Decision> {
    let mut response = Response::new(told.decision);
    if told.replayed {
        response.metadata_mut().insert("x-idempotent-replay", "true".parse().unwrap());
    }
    response
}

fn other_amount(context: Option<&mut pb::PurchaseContext>) {
    context.unwrap().amount.as_mut().unwrap().minor_units += 1;
}

#[test]
fn every_call_of_a_checkout_that_writes_may_be_sent_again() {
    let app = TestApp::start();
    app.given_regular("again", 100_000);
    let context = Some(purchase("again", 4_500));
    let request = pb::EvaluatePurchaseRequest { request_id: new_id(), context };
    let bought = check(
        "EvaluatePurchase",
        request,
        |other| other_amount(other.context.as_mut()),
        |request| app.evaluate("auditor", request).map(whole),
    );
    let context = Some(purchase("again", 4_600));
    let request = pb::EvaluateOneTimeCardRequest { request_id: new_id(), context, terms: None };
    check(
        "EvaluateOneTimeCard",
        request,
        |other| other_amount(other.context.as_mut()),
        |request| app.try_card(request),
    );
    check(
        "ConfirmPurchase",
        confirmation(&bought),
        |other| other.captured_amount = Some(euro(1)),
        |request| app.try_confirm(request).map(whole),
    );
    assert_eq!(app.preview("again"), 100_000 - 4_500 - 4_600);
    let other = app.buy(purchase("again", 4_700));
    let request = pb::CancelDecisionRequest {
        request_id: new_id(),
        decision_id: other.decision_id,
        reason: pb::CancelReason::Customer.into(),
    };
    check(
        "CancelDecision",
        request,
        |other| other.reason = pb::CancelReason::Merchant.into(),
        |request| app.try_cancel(request).map(whole),
    );
    let mut context = purchase("again", 14_500);
    context.device = Some(device("unknown"));
    let pending = app.buy(context);
    check(
        "SubmitStepUp",
        app.signed(&pending, true),
        |other| other.signature[0] ^= 1,
        |request| app.try_step_up(request).map(whole),
    );
    assert_eq!(app.preview("again"), 100_000 - 4_500 - 4_600 - 14_500);
}

#[test]
fn every_call_of_a_lender_that_writes_may_be_sent_again() {
    let app = TestApp::start();
    let request =
        pb::UpsertAccountRequest { request_id: new_id(), account: Some(account("told", 1_000)) };
    check(
        "UpsertAccount",
        request,
        |other| other.account = Some(account("told", 2_000)),
        |request| app.try_upsert("ledger", request),
    );
    let events = vec![event("told", app.now(), repayment("plan", 100, app.now()))];
    let request = pb::RecordAccountEventsRequest { request_id: new_id(), events: events.clone() };
    check(
        "RecordAccountEvents",
        request,
        |other| other.events.push(event("told", START, repayment("plan", 1, START))),
        |request| app.try_record("ledger", request),
    );
    // The same event under another request_id is known by its own.
    let request = pb::RecordAccountEventsRequest { request_id: new_id(), events };
    let results = app.try_record("ledger", request).unwrap().into_inner().results;
    assert_eq!(results[0].status(), pb::AccountEventStatus::Duplicate);
    let request = pb::SetRestrictionRequest {
        request_id: new_id(),
        account_id: "told".to_owned(),
        kind: pb::RestrictionKind::Security.into(),
        end_time: Some(stamp(app.now() + Span::hours(1))),
        ..pb::SetRestrictionRequest::default()
    };
    let held = check(
        "SetRestriction",
        request,
        |other| other.note = "another".to_owned(),
        |request| app.try_hold("ledger", request),
    );
    check(
        "LiftRestriction",
        lifting(&held.restriction.unwrap().restriction_id),
        |other| other.note = "another".to_owned(),
        |request| app.try_lift("ledger", request),
    );
    assert_eq!(app.try_restrictions("ledger", "told").unwrap().len(), 1);
}

#[test]
fn many_at_once_with_one_request_id_are_one_decision() {
    let app = TestApp::start();
    app.given_regular("double", 100_000);
    for round in 0..3 {
        let (request_id, context) = (numbered_id(1 + round), purchase("double", 4_500));
        let before = app.preview("double");
        let answers: Vec<_> = thread::scope(|scope| {
            let ask = || app.try_buy("auditor", &request_id, context.clone()).unwrap();
            let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|told| !told.replayed).count(), 1);
        assert!(answers.iter().all(|told| told.decision == answers[0].decision));
        assert_eq!(app.preview("double"), before - 4_500);
        app.advance(Span::hours(1));
    }
}

#[test]
fn a_retry_may_differ_in_language_and_clock_and_survives_a_restart() {
    let mut app = TestApp::start();
    app.given_regular("abroad", 100_000);
    let (request_id, context) = (new_id(), purchase("abroad", 4_500));
    let first = app.try_buy("auditor", &request_id, context.clone()).unwrap();
    let client_time = Some(stamp(app.now()));
    let retry = pb::PurchaseContext { locale: "de".to_owned(), client_time, ..context };
    for _ in 0..2 {
        let again = app.try_buy("auditor", &request_id, retry.clone()).unwrap();
        assert!(again.replayed);
        assert_eq!(again.decision, first.decision);
        app.restart();
    }
    // The id alone is no key: another call under it is another thing.
    let context = Some(purchase("abroad", 4_600));
    let request = pb::EvaluateOneTimeCardRequest { request_id, context, terms: None };
    assert!(!replayed(&app.try_card(request).unwrap()));
}
