//! An approval is bound to what was approved; and one-time cards, guests.

use surety::domain::Span;
use surety::grpc::pb;
use tonic::Code;

use crate::support::{
    ANNA, Approved, Declined, ManualReview, TestApp, confirmation, euro, expect, fields,
    guest_purchase, merchant, new_id, pay_now, policy_with, precondition, purchase, refusal,
    verdict,
};

fn mismatch() -> (Code, String) {
    (Code::FailedPrecondition, "APPROVAL_MISMATCH".to_owned())
}

#[test]
fn an_approval_is_bound_to_shop_currency_and_amount() {
    let app = TestApp::start();
    app.given_regular("bound", 100_000);
    let approved = app.buy(purchase("bound", 4_500));
    let whole = || confirmation(&approved);
    let other_shop = pb::ConfirmPurchaseRequest { merchant_id: "m-78".to_owned(), ..whole() };
    let crowns = pb::Money { minor_units: 4_500, currency_code: "SEK".to_owned() };
    let other_money = pb::ConfirmPurchaseRequest { captured_amount: Some(crowns), ..whole() };
    let more = pb::ConfirmPurchaseRequest { captured_amount: Some(euro(4_501)), ..whole() };
    for request in [other_shop, other_money, more] {
        let refused = app.try_confirm(request.clone()).unwrap_err();
        assert_eq!(refusal(&refused), mismatch(), "{request:?}");
        assert_eq!(precondition(&refused).len(), 1);
    }
    // None of them took anything.
    assert_eq!(app.confirm(&approved).state(), pb::DecisionState::Final);
    assert_eq!(app.preview("bound"), 95_500);
}

#[test]
fn an_order_may_come_in_parts_up_to_what_was_approved() {
    let app = TestApp::start();
    app.given_regular("parts", 100_000);
    let approved = app.buy(purchase("parts", 4_500));
    let part = |amount| pb::ConfirmPurchaseRequest {
        captured_amount: Some(euro(amount)),
        ..confirmation(&approved)
    };
    app.try_confirm(part(1_000)).unwrap();
    app.try_confirm(part(2_000)).unwrap();
    assert_eq!(refusal(&app.try_confirm(part(1_501)).unwrap_err()), mismatch());
    app.try_confirm(part(1_500)).unwrap();
    assert_eq!(refusal(&app.try_confirm(part(1)).unwrap_err()), mismatch());
    assert_eq!(app.preview("parts"), 95_500);
}

#[test]
fn cancelling_the_rest_frees_it_and_keeps_what_was_captured() {
    let app = TestApp::start();
    app.given_regular("rest", 100_000);
    let approved = app.buy(purchase("rest", 4_500));
    let captured_amount = Some(euro(1_000));
    app.try_confirm(pb::ConfirmPurchaseRequest { captured_amount, ..confirmation(&approved) })
        .unwrap();
    assert_eq!(app.preview("rest"), 95_500);
    app.cancel(&approved, pb::CancelReason::Merchant);
    assert_eq!(app.preview("rest"), 99_000);
}

#[test]
fn an_approval_ends_at_its_time() {
    let app = TestApp::start();
    app.given_regular("ends", 100_000);
    let approved = app.buy(purchase("ends", 4_500));
    let end = app.now() + Span::minutes(60);
    assert_eq!(approved.expire_time.unwrap().seconds, end.as_seconds());
    app.advance_to(end);
    let refused = app.try_confirm(confirmation(&approved)).unwrap_err();
    assert_eq!(refusal(&refused), (Code::FailedPrecondition, "APPROVAL_EXPIRED".to_owned()));
    let expired = app.look_up("auditor", &approved.decision_id);
    assert_eq!(expired.state(), pb::DecisionState::Expired);
    // Taking it back changes nothing any more.
    assert_eq!(app.cancel(&approved, pb::CancelReason::Customer).state(), expired.state());
}

#[test]
fn only_what_is_open_can_be_confirmed_or_cancelled() {
    let app = TestApp::start();
    app.given_regular("closed", 10_000);
    let declined = app.buy(purchase("closed", 10_001));
    let pending = app.buy(pb::PurchaseContext { device: None, ..purchase("closed", 4_500) });
    expect(&pending, ManualReview, &["DEVICE_DATA_MISSING"]);
    for decision in [&declined, &pending] {
        let captured_amount = Some(euro(100));
        let request = pb::ConfirmPurchaseRequest { captured_amount, ..confirmation(decision) };
        let refused = app.try_confirm(request).unwrap_err();
        let reason = "DECISION_NOT_APPROVED".to_owned();
        assert_eq!(refusal(&refused), (Code::FailedPrecondition, reason));
    }
    let cancel = |decision: &pb::Decision| {
        app.try_cancel(pb::CancelDecisionRequest {
            request_id: new_id(),
            decision_id: decision.decision_id.clone(),
            reason: pb::CancelReason::Other.into(),
        })
    };
    let not_open = (Code::FailedPrecondition, "DECISION_NOT_OPEN".to_owned());
    assert_eq!(refusal(&cancel(&declined).unwrap_err()), not_open);
    let canceled = cancel(&pending).unwrap().decision;
    assert_eq!(canceled.state(), pb::DecisionState::Canceled);
    let approved = app.confirm(&app.buy(purchase("closed", 4_000)));
    assert_eq!(refusal(&cancel(&approved).unwrap_err()), not_open);
    let unknown = pb::Decision { decision_id: new_id(), ..approved };
    let not_found = (Code::NotFound, "DECISION_NOT_FOUND".to_owned());
    assert_eq!(refusal(&cancel(&unknown).unwrap_err()), not_found);
}

#[test]
fn c01_c13_a_one_time_card_reserves_its_amount_until_it_ends() {
    let app = TestApp::start();
    app.given_regular("cards", 100_000);
    let (decision, card) = app.card(purchase("cards", 4_500));
    expect(&decision, Approved, &[]);
    let card = card.unwrap();
    assert_eq!(
        (card.decision_id.as_str(), card.amount),
        (&*decision.decision_id, Some(euro(4_500)))
    );
    assert_eq!(card.expire_time, decision.expire_time);
    assert_eq!(app.preview("cards"), 95_500);
    expect(&app.card(purchase("cards", 4_600)).0, Approved, &[]);
    let (third, none) = app.card(purchase("cards", 4_700));
    expect(&third, Declined, &["ONE_TIME_CARDS_TOO_MANY"]);
    assert_eq!(none, None);
    // One that is taken back makes room; a purchase is no card.
    app.cancel(&decision, pb::CancelReason::Customer);
    let (third, _) = app.card(purchase("cards", 4_800));
    expect(&third, Approved, &[]);
    app.advance(Span::hours(24));
    assert_eq!(app.preview("cards"), 100_000);
}

#[test]
fn c01_a_card_lives_as_long_as_was_asked_and_is_locked_to_its_shop() {
    let app = TestApp::start();
    app.given_regular("short", 100_000);
    let ask = |context| pb::EvaluateOneTimeCardRequest {
        request_id: new_id(),
        context: Some(context),
        terms: Some(pb::OneTimeCardTerms {
            valid_for: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
            merchant_locked: true,
            tolerance: Some(euro(100)),
        }),
    };
    let answer = app.try_card(ask(purchase("short", 4_500))).unwrap().into_inner();
    let card = answer.one_time_card.unwrap();
    assert_eq!(card.merchant_id, merchant().merchant_id);
    let end = app.now() + Span::hours(1);
    assert_eq!(card.expire_time.unwrap().seconds, end.as_seconds());
    app.advance_to(end);
    assert_eq!(app.preview("short"), 100_000);
    // A card is credit.
    let now = pb::PurchaseContext { plan: Some(pay_now()), ..purchase("short", 4_500) };
    assert_eq!(fields(&app.try_card(ask(now)).unwrap_err()), ["context.plan.kind"]);
}

/// A card that somebody has to look at first: the device is none.
fn card_under_review(app: &TestApp, account: &str) -> pb::Decision {
    app.given_regular(account, 100_000);
    let mut context = purchase(account, 4_500);
    context.device.as_mut().unwrap().integrity = pb::DeviceIntegrity::Emulator.into();
    let (pending, none) = app.card(context);
    assert_eq!((pending.outcome(), none), (ManualReview, None));
    pending
}

/// The card that whoever asked finds under the first decision, by looking and by watching.
fn card_found(app: &TestApp, id: &str) -> Option<pb::OneTimeCard> {
    let request = pb::GetDecisionRequest { decision_id: id.to_owned(), ..Default::default() };
    let read = app.raw(|mut client| async move { client.get_decision(request).await }).unwrap();
    let request = pb::WatchDecisionRequest { decision_id: id.to_owned() };
    let stream = app.raw(|mut client| async move { client.watch_decision(request).await });
    let seen = app.block_on(stream.unwrap().into_inner().message()).unwrap().unwrap();
    let card = read.into_inner().one_time_card;
    assert_eq!(card, seen.one_time_card);
    card
}

#[test]
fn a_card_that_a_review_grants_is_found_by_who_asked() {
    let app = TestApp::start();
    let pending = card_under_review(&app, "looked-at");
    assert_eq!(card_found(&app, &pending.decision_id), None);
    let made = app.approve(ANNA, &pending.decision_id);
    let card = card_found(&app, &pending.decision_id).unwrap();
    assert_eq!((&card.decision_id, &card.amount), (&made.decision_id, &Some(euro(4_500))));
    assert_eq!(card_found(&app, &made.decision_id).unwrap(), card);
    assert_eq!(app.activate(&card).state(), pb::OneTimeCardState::Active);
    assert_eq!(card_found(&app, &app.buy(purchase("looked-at", 4_600)).decision_id), None);
}

#[test]
fn a_card_that_a_step_up_grants_is_told_at_once() {
    let app = TestApp::start();
    let pending = card_under_review(&app, "checked");
    let case = app.claim(ANNA, &pending.decision_id).unwrap();
    let asking = pb::ResolveReviewCaseRequest {
        step_up_kinds: vec![pb::StepUpKind::OneTimeCode.into()],
        ..verdict(&case, pb::ReviewVerdict::RequestStepUp)
    };
    let asked = app.resolve(ANNA, asking).unwrap().decision.unwrap();
    let asked = app.look_up("auditor", &asked.decision_id);
    let request = app.signed(&asked, true);
    let submit = || {
        app.raw(|mut client| {
            let request = request.clone();
            async move { client.submit_step_up(request).await.unwrap().into_inner() }
        })
    };
    let told = submit();
    let card = told.one_time_card.clone().unwrap();
    assert_eq!(card.decision_id, told.decision.as_ref().unwrap().decision_id);
    assert_eq!(card_found(&app, &pending.decision_id).unwrap(), card);
    assert_eq!(submit(), told, "so it is when it is sent again");
}

#[test]
fn guests_share_the_limit_of_their_contact_where_the_market_gives_one() {
    let limit = [("guest_limit_minor = 0", "guest_limit_minor = 10000")];
    let app = TestApp::with_policy(&policy_with("[market.DE]", &limit));
    expect(&app.buy(guest_purchase("guest@example.com", 6_000)), Approved, &[]);
    let same = guest_purchase("Guest@Example.com", 4_001);
    expect(&app.buy(same), Declined, &["CREDIT_LIMIT_EXCEEDED"]);
    expect(&app.buy(guest_purchase("guest@example.com", 4_000)), Approved, &[]);
    expect(&app.buy(guest_purchase("other@example.com", 4_001)), Approved, &[]);
}
