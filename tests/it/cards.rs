//! The life of a one-time card, row by row of its table, and every step that its state forbids.

use surety::domain::{Span, Time};
use surety::grpc::pb;
use tonic::{Code, Status};

use crate::support::{
    TestApp, account_check, activation, adjustment, authorization, card_cancellation, confirmation,
    euro, new_id, precondition, refusal, replayed,
};
use pb::AdjustKind::{Capture, Increment, Reverse};
use pb::OneTimeCardState as State;

const LIMIT: i64 = 100_000;

fn regular(account: &str) -> TestApp {
    let app = TestApp::start();
    app.given_regular(account, LIMIT);
    app
}

/// Refused because of the card's state, which the text names with those that would do.
#[track_caller]
fn forbidden<T: std::fmt::Debug>(answer: Result<T, Status>, state: &str, expected: &str) {
    let refused = answer.unwrap_err();
    let found = (refusal(&refused), precondition(&refused));
    let card_state = (Code::FailedPrecondition, "CARD_STATE".to_owned());
    assert_eq!(found, (card_state, vec!["one_time_card".to_owned()]));
    let text = refused.message();
    assert!(text.contains(&format!("is {state}")) && text.contains(expected), "{text}");
}

/// What the account has free, and what the card says of itself.
#[track_caller]
fn stands(app: &TestApp, card: &pb::OneTimeCard, state: State, reserved: i64) -> pb::OneTimeCard {
    let now = app.card_now(card);
    assert_eq!((now.state(), now.reserved_amount.clone()), (state, Some(euro(reserved))));
    now
}

#[test]
fn c01_a_card_is_made_used_and_captured_and_holds_what_the_table_says() {
    let app = regular("walk");
    let card = app.granted("walk", 4_500);
    assert_eq!((card.state(), app.preview("walk")), (State::Approved, LIMIT - 4_500));
    let active = app.activate(&card);
    assert_eq!((active.state(), app.preview("walk")), (State::Active, LIMIT - 4_500));
    assert_eq!((&*active.last_four, &*active.network), ("4242", "Visa"));
    let answer = app.authorize(&card, 4_000);
    assert_eq!((answer.approved, &*answer.network_response_code), (true, "00"));
    assert_eq!((answer.reasons.len(), answer.public_reasons.len()), (0, 0));
    let held = stands(&app, &card, State::Authorized, 4_000);
    assert_eq!(held.authorization.unwrap().authorization_id, answer.authorization_id);
    assert_eq!(app.preview("walk"), LIMIT - 4_000);
    // Two shipments of three: what is captured is owed, what is not is still reserved.
    for (captured, state, reserved) in
        [(1_500, State::Authorized, 2_500), (2_000, State::Authorized, 500), (500, State::Used, 0)]
    {
        let changed = app.adjust(&card, Capture, captured);
        assert!(changed.approved && changed.network_response_code == "00");
        stands(&app, &card, state, reserved);
        assert_eq!(app.preview("walk"), LIMIT - 4_000);
    }
    let used = app.card_now(&card).authorization.unwrap();
    assert_eq!((used.amount, used.captured_amount), (Some(euro(4_000)), Some(euro(4_000))));
    let decision = app.look_up("auditor", &card.decision_id);
    assert_eq!(decision.state(), pb::DecisionState::Final);
    app.advance(Span::days(20));
    assert_eq!(app.preview("walk"), LIMIT - 4_000);
    // The plan began with the first capture.
    app.repay("walk", &card.decision_id, 4_000, app.now());
    assert_eq!(app.preview("walk"), LIMIT);
}

#[test]
fn a_number_is_made_within_ten_minutes_or_not_at_all() {
    let app = regular("slow");
    let (card, late) = (app.granted("slow", 4_500), app.granted("slow", 4_600));
    let end = app.now() + Span::minutes(10);
    app.advance_to(end - Span::micros(1));
    app.activate(&card);
    app.advance_to(end);
    forbidden(app.try_activate(activation(&late)), "APPROVED", "less than 10 minutes ago");
    stands(&app, &late, State::Approved, 4_600);
    app.try_cancel_card(card_cancellation(&late)).unwrap();
    assert_eq!(app.preview("slow"), LIMIT - 4_500);
}

#[test]
fn c13_a_card_ends_at_its_time_to_the_microsecond() {
    let app = regular("ends");
    let (unused, active) = (app.granted("ends", 4_500), app.active("ends", 4_600));
    let end = app.now() + Span::hours(24);
    app.advance_to(end - Span::micros(1));
    stands(&app, &unused, State::Approved, 4_500);
    stands(&app, &active, State::Active, 4_600);
    assert_eq!(app.preview("ends"), LIMIT - 9_100);
    app.advance_to(end);
    for card in [&unused, &active] {
        stands(&app, card, State::Expired, 0);
        let refused = app.authorize(card, 100);
        assert_eq!((refused.approved, &*refused.network_response_code), (false, "54"));
    }
    assert_eq!(app.preview("ends"), LIMIT);
}

#[test]
fn an_authorization_holds_for_fourteen_days_past_the_end_of_the_card() {
    let app = regular("holds");
    let card = app.active("holds", 4_500);
    app.authorize(&card, 4_500);
    let end = app.now() + Span::days(14);
    app.adjust(&card, Capture, 1_000);
    app.advance_to(end - Span::micros(1));
    stands(&app, &card, State::Authorized, 3_500);
    assert_eq!(app.preview("holds"), LIMIT - 4_500);
    app.adjust(&card, Capture, 500);
    app.advance_to(end);
    stands(&app, &card, State::Used, 0);
    assert_eq!(app.preview("holds"), LIMIT - 1_500);
    let late = adjustment(&app.card_now(&card), Capture, 1);
    forbidden(app.try_adjust(late), "USED", "AUTHORIZED");
}

#[test]
fn a_full_reversal_gives_the_card_back_until_its_time_is_over() {
    let app = regular("back");
    let card = app.active("back", 4_500);
    let end = app.now() + Span::hours(24);
    app.authorize(&card, 3_000);
    assert_eq!(app.preview("back"), LIMIT - 3_000);
    // In parts, too.
    app.adjust(&card, Reverse, 1_000);
    stands(&app, &card, State::Authorized, 2_000);
    assert_eq!(app.preview("back"), LIMIT - 2_000);
    app.adjust(&card, Reverse, 2_000);
    let back = stands(&app, &card, State::Active, 4_500);
    assert_eq!((back.authorization, app.preview("back")), (None, LIMIT - 4_500));
    // It is good for one purchase again.
    assert!(app.authorize(&card, 4_500).approved);
    app.advance_to(end);
    stands(&app, &card, State::Authorized, 4_500);
    app.adjust(&card, Reverse, 4_500);
    stands(&app, &card, State::Expired, 0);
    assert_eq!(app.preview("back"), LIMIT);
}

#[test]
fn a_reversed_card_that_is_not_over_ends_at_its_time_and_no_later() {
    let app = regular("again");
    let card = app.active("again", 4_500);
    let end = app.now() + Span::hours(24);
    app.authorize(&card, 100);
    app.adjust(&card, Reverse, 100);
    app.advance_to(end - Span::micros(1));
    stands(&app, &card, State::Active, 4_500);
    app.advance_to(end);
    stands(&app, &card, State::Expired, 0);
    assert_eq!(app.preview("again"), LIMIT);
}

#[test]
fn what_is_reversed_after_a_capture_was_the_last_of_it() {
    let app = regular("rest");
    let card = app.active("rest", 4_500);
    app.authorize(&card, 4_500);
    app.adjust(&card, Capture, 3_000);
    app.adjust(&card, Reverse, 1_500);
    stands(&app, &card, State::Used, 0);
    assert_eq!(app.preview("rest"), LIMIT - 3_000);
}

#[test]
fn a_cancelled_card_frees_its_amount_and_its_decision_is_cancelled_with_it() {
    let app = regular("ended");
    let cards = [app.granted("ended", 4_500), app.active("ended", 4_600)];
    for card in cards {
        let request = card_cancellation(&card);
        let ended = app.try_cancel_card(request).unwrap().into_inner().one_time_card.unwrap();
        assert_eq!(ended.state(), State::Canceled);
        assert!(ended.cancel_time.is_some());
        let refused = app.authorize(&card, 100);
        assert_eq!((refused.approved, &*refused.network_response_code), (false, "62"));
        let decision = app.look_up("auditor", &card.decision_id);
        assert_eq!(decision.state(), pb::DecisionState::Canceled);
    }
    assert_eq!(app.preview("ended"), LIMIT);
    // The other way round it is the same.
    let card = app.active("ended", 4_700);
    let decision = app.look_up("auditor", &card.decision_id);
    app.cancel(&decision, pb::CancelReason::Customer);
    stands(&app, &card, State::Canceled, 0);
    assert_eq!(app.preview("ended"), LIMIT);
}

/// A card in each state, each by an account of its own.
fn one_of_each(app: &TestApp) -> Vec<(&'static str, pb::OneTimeCard)> {
    let accounts = ["approved", "active", "authorized", "used", "canceled", "expired"];
    accounts.iter().for_each(|account| app.given_regular(account, LIMIT));
    let expired = app.granted("expired", 4_500);
    app.advance(Span::hours(24));
    let active = |account| app.active(account, 4_500);
    let (held, used, canceled) = (active("authorized"), active("used"), active("canceled"));
    app.authorize(&held, 4_500);
    app.authorize(&used, 4_500);
    app.adjust(&used, Capture, 4_500);
    app.try_cancel_card(card_cancellation(&canceled)).unwrap();
    vec![
        ("APPROVED", app.granted("approved", 4_500)),
        ("ACTIVE", active("active")),
        ("AUTHORIZED", held),
        ("USED", used),
        ("CANCELED", canceled),
        ("EXPIRED", expired),
    ]
}

#[test]
fn every_step_that_a_state_forbids_is_refused_by_the_name_of_the_state() {
    let app = TestApp::start();
    let cards = one_of_each(&app);
    let held = app.card_now(&cards[2].1);
    for (state, card) in &cards {
        let before = app.card_now(card);
        assert_eq!(before.state().as_str_name(), format!("ONE_TIME_CARD_STATE_{state}"));
        if *state != "APPROVED" {
            forbidden(app.try_activate(activation(card)), state, "expected APPROVED");
        }
        if !["APPROVED", "ACTIVE"].contains(state) {
            let answer = app.try_cancel_card(card_cancellation(card));
            forbidden(answer, state, "expected APPROVED or ACTIVE");
        }
        // Only what was authorised can be changed; of a card that never was, there is nothing.
        for kind in [Increment, Capture, Reverse] {
            let answer = app.try_adjust(adjustment(&before, kind, 1));
            match *state {
                "AUTHORIZED" => assert!(answer.is_ok(), "{answer:?}"),
                "USED" => forbidden(answer, state, "expected AUTHORIZED"),
                _ => {
                    let refused = answer.unwrap_err();
                    assert_eq!(refusal(&refused).0, Code::InvalidArgument, "{state}");
                }
            }
            let foreign = pb::AdjustOneTimeCardRequest {
                one_time_card_id: card.one_time_card_id.clone(),
                ..adjustment(&held, kind, 1)
            };
            if *state != "AUTHORIZED" {
                let not_found = (Code::NotFound, "AUTHORIZATION_NOT_FOUND".to_owned());
                assert_eq!(refusal(&app.try_adjust(foreign).unwrap_err()), not_found);
            }
        }
        if *state != "ACTIVE" {
            let answer = app.authorize(card, 100);
            let code = match *state {
                "AUTHORIZED" | "USED" => "65",
                "EXPIRED" => "54",
                _ => "62",
            };
            assert_eq!((answer.approved, &*answer.network_response_code), (false, code));
        }
        if *state != "AUTHORIZED" {
            assert_eq!(app.card_now(card), before, "{state}");
        }
    }
}

#[test]
fn an_authorization_that_was_reversed_or_refused_cannot_be_changed() {
    let app = regular("old");
    let card = app.active("old", 4_500);
    app.authorize(&card, 4_000);
    let first = app.card_now(&card);
    let refused = app.authorize(&card, 100);
    app.adjust(&card, Reverse, 4_000);
    forbidden(app.try_adjust(adjustment(&first, Capture, 1)), "ACTIVE", "expected AUTHORIZED");
    app.authorize(&card, 3_000);
    let second = app.card_now(&card);
    for id in [first.authorization.unwrap().authorization_id, refused.authorization_id] {
        let mut old = adjustment(&second, Capture, 1);
        old.authorization_id = id;
        forbidden(app.try_adjust(old), "AUTHORIZED by another", "expected that one");
    }
    let (more, other) = (adjustment(&second, Capture, 3_001), adjustment(&second, Reverse, 3_001));
    for request in [more, other] {
        let refused = app.try_adjust(request).unwrap_err();
        let mismatch = (Code::FailedPrecondition, "APPROVAL_MISMATCH".to_owned());
        assert_eq!(refusal(&refused), mismatch);
        assert_eq!(precondition(&refused), ["amount.minor_units"]);
        assert!(refused.message().contains("1 to 3000"), "{}", refused.message());
    }
}

#[test]
fn a_decision_that_granted_a_card_is_captured_through_the_card_alone() {
    let app = regular("through");
    let card = app.active("through", 4_500);
    let decision = app.look_up("auditor", &card.decision_id);
    let confirm = || app.try_confirm(confirmation(&decision)).unwrap_err();
    assert_eq!(refusal(&confirm()), (Code::FailedPrecondition, "CARD_STATE".to_owned()));
    app.authorize(&card, 4_500);
    let cancel = pb::CancelDecisionRequest {
        request_id: new_id(),
        decision_id: card.decision_id.clone(),
        reason: pb::CancelReason::Customer.into(),
    };
    let refused = app.try_cancel(cancel).unwrap_err();
    assert_eq!(refusal(&refused), (Code::FailedPrecondition, "DECISION_NOT_OPEN".to_owned()));
    stands(&app, &card, State::Authorized, 4_500);
    // A decision whose card is in use does not lapse with its first day.
    app.advance(Span::days(2));
    let decision = app.look_up("auditor", &card.decision_id);
    assert_eq!(decision.state(), pb::DecisionState::Final);
}

#[test]
fn the_same_request_again_gets_the_same_bytes_and_changes_nothing() {
    let app = regular("twice");
    let card = app.granted("twice", 4_500);
    let made = activation(&card);
    let first = app.try_activate(made.clone()).unwrap().into_inner();
    let check = account_check(&card);
    app.try_authorize(check.clone()).unwrap();
    let purchase = authorization(&card, 4_000);
    let taken = app.try_authorize(purchase.clone()).unwrap().into_inner();
    let part = adjustment(&app.card_now(&card), Capture, 1_000);
    let captured = app.try_adjust(part.clone()).unwrap().into_inner();
    app.advance_to(Time::from_seconds(app.now().as_seconds() + 3_600));
    let again = app.try_activate(made.clone()).unwrap();
    assert!(replayed(&again));
    assert_eq!(again.into_inner(), first);
    let again = app.try_authorize(purchase.clone()).unwrap();
    assert!(replayed(&again));
    assert_eq!(again.into_inner(), taken);
    let again = app.try_adjust(part.clone()).unwrap();
    assert!(replayed(&again));
    assert_eq!(again.into_inner(), captured);
    stands(&app, &card, State::Authorized, 3_000);
    // With another content it is refused.
    let reused = (Code::InvalidArgument, "REQUEST_ID_REUSED".to_owned());
    let made = pb::ActivateOneTimeCardRequest { last_four: "4343".to_owned(), ..made };
    assert_eq!(refusal(&app.try_activate(made).unwrap_err()), reused);
    let purchase = pb::AuthorizeOneTimeCardRequest { amount: Some(euro(3_999)), ..purchase };
    assert_eq!(refusal(&app.try_authorize(purchase).unwrap_err()), reused);
    let part = pb::AdjustOneTimeCardRequest { amount: Some(euro(999)), ..part };
    assert_eq!(refusal(&app.try_adjust(part).unwrap_err()), reused);
}
