//! What a card network is answered, and what a card holds of the limit meanwhile.

use surety::domain::Span;
use surety::grpc::pb;
use tonic::Code;

use crate::support::{
    MERCHANT, TestApp, account_check, adjustment, authorization, card_cancellation, codes, device,
    euro, expect, new_id, precondition, purchase, refusal, replayed, shop, stamp,
};
use pb::AdjustKind::{Capture, Increment, Reverse};
use pb::OneTimeCardState as State;
use pb::PublicReason;

const LIMIT: i64 = 100_000;

fn regular(account: &str) -> TestApp {
    let app = TestApp::start();
    app.given_regular(account, LIMIT);
    app
}

fn terms(tolerance: i64, merchant_locked: bool) -> pb::OneTimeCardTerms {
    pb::OneTimeCardTerms { valid_for: None, merchant_locked, tolerance: Some(euro(tolerance)) }
}

/// The codes of a refusal as an issuer reads them, without what stands before each.
fn told(reasons: &[pb::Reason]) -> Vec<&'static str> {
    let code = |reason: &pb::Reason| reason.code().as_str_name();
    reasons.iter().map(|reason| code(reason).trim_start_matches("REASON_CODE_")).collect()
}

/// Refused with this answer to the network and this code; the issuer reads the public reason.
#[track_caller]
fn refused(answer: &pb::AuthorizeOneTimeCardResponse, response: &str, code: &str) {
    let found = (answer.approved, &*answer.network_response_code, told(&answer.reasons));
    assert_eq!(found, (false, response, vec![code]));
    assert_eq!(answer.public_reasons.len(), 1);
}

#[test]
fn c01_a_second_purchase_is_refused_while_the_first_is_held_and_after() {
    let app = regular("second");
    let card = app.active("second", 4_500);
    assert!(app.authorize(&card, 1_000).approved);
    refused(&app.authorize(&card, 1_000), "65", "ONE_TIME_CARD_ALREADY_USED");
    app.adjust(&card, Capture, 1_000);
    let answer = app.authorize(&card, 1_000);
    refused(&answer, "65", "ONE_TIME_CARD_ALREADY_USED");
    assert_eq!(answer.public_reasons, [i32::from(PublicReason::OneTimeCard)]);
    assert_eq!(app.preview("second"), LIMIT - 1_000);
}

#[test]
fn c01_checks_without_an_amount_never_spend_a_card() {
    let app = regular("checked");
    let card = app.active("checked", 4_500);
    for amount in [None, Some(euro(0)), None] {
        let check = pb::AuthorizeOneTimeCardRequest { amount, ..account_check(&card) };
        let answer = app.try_authorize(check).unwrap().into_inner();
        assert_eq!((answer.approved, &*answer.network_response_code), (true, "00"));
    }
    assert_eq!(app.card_now(&card), card);
    assert!(app.authorize(&card, 4_500).approved);
    // Nor do they say that a card is good which is not.
    let answer = app.try_authorize(account_check(&card)).unwrap().into_inner();
    refused(&answer, "65", "ONE_TIME_CARD_ALREADY_USED");
}

#[test]
fn c01_a_locked_card_is_good_at_its_own_shop_only() {
    let app = regular("locked");
    let locked = app.activate(&app.granted_with("locked", 4_500, terms(0, true)));
    let open = app.active("locked", 4_600);
    let elsewhere = |card| {
        let merchant = Some(shop("m-78"));
        let request = pb::AuthorizeOneTimeCardRequest { merchant, ..authorization(card, 1_000) };
        app.try_authorize(request).unwrap().into_inner()
    };
    refused(&elsewhere(&locked), "57", "ONE_TIME_CARD_MERCHANT_MISMATCH");
    assert!(elsewhere(&open).approved);
    assert!(app.authorize(&locked, 1_000).approved);
}

#[test]
fn a_card_is_not_good_at_a_kind_of_shop_that_policy_excludes() {
    let app = regular("kind");
    let card = app.active("kind", 4_500);
    let betting = pb::NetworkMerchant { category: "7995".to_owned(), ..shop("m-79") };
    let merchant = Some(betting);
    let request = pb::AuthorizeOneTimeCardRequest { merchant, ..authorization(&card, 1_000) };
    let answer = app.try_authorize(request).unwrap().into_inner();
    refused(&answer, "57", "MERCHANT_NOT_ELIGIBLE");
    let merchant = Some(pb::NetworkMerchant { category: String::new(), ..shop(MERCHANT) });
    let request = pb::AuthorizeOneTimeCardRequest { merchant, ..authorization(&card, 1_000) };
    assert!(app.try_authorize(request).unwrap().into_inner().approved);
}

#[test]
fn more_than_the_card_is_refused_and_the_card_stays_good() {
    let app = regular("more");
    let card = app.active("more", 4_500);
    refused(&app.authorize(&card, 4_501), "61", "ONE_TIME_CARD_AMOUNT_EXCEEDED");
    assert_eq!(app.card_now(&card), card);
    assert!(app.authorize(&card, 4_500).approved);
}

#[test]
fn a_tolerance_is_bounded_by_the_market_and_raises_what_is_reserved() {
    let app = regular("tips");
    // 9.00 asked, 5.00 granted.
    let card = app.activate(&app.granted_with("tips", 4_500, terms(900, false)));
    assert_eq!(card.tolerance, Some(euro(500)));
    refused(&app.authorize(&card, 5_001), "61", "ONE_TIME_CARD_AMOUNT_EXCEEDED");
    assert_eq!(app.preview("tips"), LIMIT - 4_500);
    assert!(app.authorize(&card, 5_000).approved);
    assert_eq!(app.preview("tips"), LIMIT - 5_000);
    app.adjust(&card, Capture, 5_000);
    assert_eq!(app.card_now(&card).state(), State::Used);
    assert_eq!(app.preview("tips"), LIMIT - 5_000);
}

#[test]
fn a_tolerance_needs_room_in_the_limit() {
    let app = TestApp::start();
    app.given_regular("tight", 5_000);
    let card = app.activate(&app.granted_with("tight", 4_700, terms(500, false)));
    let answer = app.authorize(&card, 5_001);
    refused(&answer, "61", "CREDIT_LIMIT_EXCEEDED");
    assert_eq!(answer.public_reasons, [i32::from(PublicReason::SpendingLimit)]);
    assert_eq!((app.card_now(&card), app.preview("tight")), (card.clone(), 300));
    assert!(app.authorize(&card, 5_000).approved);
    assert_eq!(app.preview("tight"), 0);
}

#[test]
fn an_increment_stays_within_card_tolerance_and_limit() {
    let app = TestApp::start();
    app.given_regular("hotel", 5_000);
    let card = app.activate(&app.granted_with("hotel", 4_700, terms(500, false)));
    app.authorize(&card, 4_000);
    let raise = |amount| app.adjust(&card, Increment, amount);
    assert!(raise(700).approved);
    assert_eq!(app.preview("hotel"), 300);
    for (amount, code) in [(501, "ONE_TIME_CARD_AMOUNT_EXCEEDED"), (301, "CREDIT_LIMIT_EXCEEDED")] {
        let before = app.card_now(&card);
        let answer = raise(amount);
        let found = (answer.approved, &*answer.network_response_code, told(&answer.reasons));
        assert_eq!(found, (false, "61", vec![code]));
        assert_eq!(answer.one_time_card, Some(before));
    }
    assert!(raise(300).approved);
    assert_eq!(app.preview("hotel"), 0);
    app.adjust(&card, Capture, 5_000);
    assert_eq!((app.card_now(&card).state(), app.preview("hotel")), (State::Used, 0));
}

#[test]
fn one_network_request_is_authorized_once_under_any_request_id() {
    let app = regular("stand-in");
    let card = app.active("stand-in", 4_500);
    let request = authorization(&card, 4_000);
    let first = app.try_authorize(request.clone()).unwrap().into_inner();
    assert!(first.approved);
    let again = pb::AuthorizeOneTimeCardRequest { request_id: new_id(), ..request.clone() };
    let answer = app.try_authorize(again).unwrap();
    assert!(replayed(&answer));
    assert_eq!(answer.into_inner(), first);
    assert_eq!(app.preview("stand-in"), LIMIT - 4_000);
    // A refusal stands as well.
    let late = authorization(&card, 100);
    let refusal_first = app.try_authorize(late.clone()).unwrap().into_inner();
    app.adjust(&card, Reverse, 4_000);
    let late = pb::AuthorizeOneTimeCardRequest { request_id: new_id(), ..late };
    assert_eq!(app.try_authorize(late).unwrap().into_inner(), refusal_first);
    let other =
        pb::AuthorizeOneTimeCardRequest { request_id: new_id(), amount: Some(euro(1)), ..request };
    let reused = app.try_authorize(other).unwrap_err();
    assert_eq!(refusal(&reused), (Code::InvalidArgument, "REQUEST_ID_REUSED".to_owned()));
    assert!(reused.message().starts_with("network_request_id"), "{}", reused.message());
}

#[test]
fn another_currency_than_the_cards_is_no_question_of_the_network() {
    let app = regular("krona");
    let card = app.active("krona", 4_500);
    let amount = Some(pb::Money { minor_units: 1_000, currency_code: "SEK".to_owned() });
    let request = authorization(&card, 1);
    let request = pb::AuthorizeOneTimeCardRequest { amount: amount.clone(), ..request };
    let mismatch = (Code::FailedPrecondition, "APPROVAL_MISMATCH".to_owned());
    let status = app.try_authorize(request).unwrap_err();
    assert_eq!(
        (refusal(&status), precondition(&status)),
        (mismatch.clone(), vec!["amount.currency_code".to_owned()])
    );
    app.authorize(&card, 1_000);
    let part = adjustment(&app.card_now(&card), Capture, 1);
    let status = app.try_adjust(pb::AdjustOneTimeCardRequest { amount, ..part }).unwrap_err();
    assert_eq!(refusal(&status), mismatch);
}

#[test]
fn every_hold_ends_a_card_alike_and_the_network_learns_nothing() {
    let kinds = [
        pb::RestrictionKind::Security,
        pb::RestrictionKind::Sanctions,
        pb::RestrictionKind::Compliance,
    ];
    let mut answers = Vec::new();
    for kind in kinds {
        let app = regular("held");
        let (card, used) = (app.active("held", 4_500), app.active("held", 4_600));
        app.authorize(&used, 4_600);
        let hold = app.hold("held", kind, Span::hours(1));
        let mut now = app.card_now(&card);
        assert_eq!((now.state(), app.preview("held")), (State::Canceled, LIMIT - 4_600));
        // What a shop holds is owed to it.
        assert_eq!(app.card_now(&used).state(), State::Authorized);
        assert!(app.adjust(&used, Capture, 4_600).approved);
        let mut answer = app.authorize(&card, 4_500);
        assert_eq!((answer.approved, &*answer.network_response_code), (false, "05"));
        app.try_lift("compliance", crate::support::lifting(&hold)).unwrap();
        // The card does not come back, and of a hold that is over nobody speaks.
        refused(&app.authorize(&card, 4_500), "62", "ONE_TIME_CARD_NOT_ACTIVE");
        for id in [&mut now.one_time_card_id, &mut now.decision_id, &mut answer.authorization_id] {
            id.clear();
        }
        answers.push((now, answer));
    }
    assert_eq!(answers[0].1.reasons, []);
    assert_eq!(answers[0].1.public_reasons, [i32::from(PublicReason::SecurityCheck)]);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

#[test]
fn a_hold_that_begins_later_is_judged_when_the_card_is_used() {
    let app = regular("later");
    let card = app.active("later", 4_500);
    let start = app.now() + Span::hours(1);
    let hold = pb::SetRestrictionRequest {
        request_id: new_id(),
        account_id: "later".to_owned(),
        kind: pb::RestrictionKind::Security.into(),
        start_time: Some(stamp(start)),
        end_time: Some(stamp(start + Span::hours(1))),
        ..pb::SetRestrictionRequest::default()
    };
    app.try_hold("ledger", hold).unwrap();
    app.advance_to(start - Span::micros(1));
    assert_eq!(app.card_now(&card).state(), State::Active);
    app.advance_to(start);
    let stopped = app.card_now(&card);
    assert_eq!((stopped.state(), stopped.cancel_time), (State::Canceled, Some(stamp(start))));
    assert_eq!(app.authorize(&card, 4_500).network_response_code, "05");
    // From then on nothing is reserved for it.
    assert_eq!(app.preview("later"), LIMIT);
    app.advance(Span::hours(2));
    refused(&app.authorize(&card, 4_500), "62", "ONE_TIME_CARD_NOT_ACTIVE");
}

#[test]
fn a_restriction_freezes_a_card_as_long_as_it_lasts() {
    for (kind, length) in
        [(pb::RestrictionKind::Temporary, 1), (pb::RestrictionKind::SelfExclusion, 2)]
    {
        let app = regular("frozen");
        let card = app.active("frozen", 4_500);
        app.hold("frozen", kind, Span::hours(length));
        let answer = app.authorize(&card, 4_500);
        assert_eq!((answer.approved, &*answer.network_response_code), (false, "62"));
        assert_eq!((app.card_now(&card), app.preview("frozen")), (card.clone(), LIMIT - 4_500));
        app.advance(Span::hours(length));
        assert!(app.authorize(&card, 4_500).approved);
    }
}

#[test]
fn a_reversed_card_holds_what_the_limit_has_left_and_may_find_more_later() {
    let app = TestApp::start();
    app.given_regular("squeezed", 10_000);
    let card = app.active("squeezed", 5_000);
    app.authorize(&card, 2_000);
    // What the card no longer holds is taken by another order.
    let order = app.buy(purchase("squeezed", 6_500));
    expect(&order, pb::DecisionOutcome::Approved, &[]);
    app.adjust(&card, Reverse, 2_000);
    let back = app.card_now(&card);
    assert_eq!((back.state(), back.reserved_amount), (State::Active, Some(euro(3_500))));
    assert_eq!(app.preview("squeezed"), 0);
    refused(&app.authorize(&card, 3_501), "61", "CREDIT_LIMIT_EXCEEDED");
    app.cancel(&order, pb::CancelReason::Customer);
    assert!(app.authorize(&card, 5_000).approved);
    assert_eq!(app.preview("squeezed"), 5_000);
}

#[test]
fn a_lowered_limit_stops_no_card_that_was_granted() {
    let app = TestApp::start();
    app.given_regular("lowered", 10_000);
    let card = app.active("lowered", 5_000);
    app.given_account("lowered", 100);
    assert!(app.authorize(&card, 4_000).approved);
    app.adjust(&card, Reverse, 4_000);
    assert_eq!(app.card_now(&card).reserved_amount, Some(euro(4_000)));
    assert!(app.authorize(&card, 4_000).approved);
    assert!(app.adjust(&card, Capture, 4_000).approved);
}

#[test]
fn used_cards_make_room_for_new_ones_and_ended_ones_too() {
    let app = regular("many");
    let (first, _second) = (app.active("many", 4_500), app.active("many", 4_600));
    let third = |amount| app.card(purchase("many", amount));
    let declined = third(4_700).0;
    expect(&declined, pb::DecisionOutcome::Declined, &["ONE_TIME_CARDS_TOO_MANY"]);
    app.authorize(&first, 4_500);
    let granted = third(4_800).1.unwrap();
    app.advance(Span::minutes(11));
    // Three were granted today, whatever became of them.
    app.try_cancel_card(card_cancellation(&granted)).unwrap();
    let declined = third(4_900).0;
    expect(&declined, pb::DecisionOutcome::Declined, &["ONE_TIME_CARDS_TOO_MANY"]);
}

#[test]
fn the_first_capture_teaches_the_customers_habits_and_a_check_does_not() {
    let mut app = TestApp::start();
    app.given_account("taught", LIMIT);
    let elsewhere = |app: &TestApp| {
        let mut context = purchase("taught", 4_900);
        context.device = Some(device("another-phone"));
        codes(&app.buy(context)).contains(&"DEVICE_UNRECOGNIZED")
    };
    let card = app.active("taught", 4_500);
    app.authorize(&card, 4_500);
    app.restart();
    assert!(!elsewhere(&app), "no device is known yet");
    app.adjust(&card, Capture, 1_000);
    assert!(elsewhere(&app));
    app.adjust(&card, Capture, 3_500);
    app.restart();
    assert!(elsewhere(&app));
}
