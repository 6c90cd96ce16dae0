//! Who may do what with one-time cards, how they are looked up, and what is refused at the door.

use surety::domain::Span;
use surety::grpc::pb;
use tonic::Code;

use crate::support::{
    TestApp, account_check, activation, adjustment, authorization, by, card_cancellation, euro,
    fields, new_id, refusal, stamp,
};

const LIMIT: i64 = 100_000;
/// A public test number of a card scheme.
const NUMBER: &str = "4111111111111111";

fn list(account: &str) -> pb::ListOneTimeCardsRequest {
    let account_id = account.to_owned();
    pb::ListOneTimeCardsRequest { account_id, ..pb::ListOneTimeCardsRequest::default() }
}

fn ids(page: &pb::ListOneTimeCardsResponse) -> Vec<&str> {
    page.one_time_cards.iter().map(|card| card.one_time_card_id.as_str()).collect()
}

#[test]
fn issuers_change_cards_and_agents_and_auditors_read_them() {
    let app = TestApp::start();
    app.given_regular("roles", LIMIT);
    let card = app.active("roles", 4_500);
    let id = &card.one_time_card_id;
    let seen = |role| app.try_get_card(role, id).unwrap();
    assert_eq!(seen("issuer").card_token, "tok_5b1e77");
    assert_eq!(seen("auditor").card_token, "tok_5b1e77");
    let agent = seen("agent");
    assert_eq!((&*agent.card_token, &*agent.last_four), ("", "4242"));
    let forbidden = (Code::PermissionDenied, "ROLE_NOT_ALLOWED".to_owned());
    for role in ["checkout", "ledger", "customer_app", "reviewer", "lead", "compliance"] {
        assert_eq!(refusal(&app.try_get_card(role, id).unwrap_err()), forbidden, "{role}");
        assert_eq!(refusal(&app.try_list_cards(role, list("roles")).unwrap_err()), forbidden);
    }
    for role in ["checkout", "agent", "auditor"] {
        let request = by(role, card_cancellation(&card));
        let refused = app.block_on(app.cards().cancel_one_time_card(request)).unwrap_err();
        assert_eq!(refusal(&refused), forbidden, "{role}");
        let request = by(role, authorization(&card, 1));
        let refused = app.block_on(app.cards().authorize_one_time_card(request)).unwrap_err();
        assert_eq!(refusal(&refused), forbidden, "{role}");
    }
}

#[test]
fn cards_are_listed_newest_first_by_state_and_page_by_page() {
    let app = TestApp::start();
    app.given_regular("lists", LIMIT);
    let first = app.granted("lists", 4_500);
    app.advance(Span::hours(1));
    let moment = app.now();
    let second = app.active("lists", 4_600);
    app.authorize(&second, 4_600);
    app.advance(Span::seconds(1));
    let third = app.granted("lists", 4_700);
    let find = |request| app.try_list_cards("issuer", request).unwrap();
    let all = find(list("lists"));
    let newest_first: Vec<&str> =
        [&third, &second, &first].map(|card| card.one_time_card_id.as_str()).to_vec();
    assert_eq!((ids(&all), &*all.next_page_token), (newest_first.clone(), ""));
    assert_eq!(all.one_time_cards[1], app.card_now(&second));
    let mut page = find(pb::ListOneTimeCardsRequest { page_size: 1, ..list("lists") });
    let mut walked = vec![ids(&page)[0].to_owned()];
    while !page.next_page_token.is_empty() {
        let page_token = page.next_page_token.clone();
        page = find(pb::ListOneTimeCardsRequest { page_size: 1, page_token, ..list("lists") });
        walked.extend(ids(&page).iter().map(|id| (*id).to_owned()));
    }
    assert_eq!(walked, newest_first);
    let by_filter =
        |filter| find(pb::ListOneTimeCardsRequest { filter: Some(filter), ..list("lists") });
    let states = vec![pb::OneTimeCardState::Authorized.into(), pb::OneTimeCardState::Used.into()];
    let used = by_filter(pb::OneTimeCardFilter { states, ..Default::default() });
    assert_eq!(ids(&used), [second.one_time_card_id.as_str()]);
    let create_time_until = Some(stamp(moment));
    let older = by_filter(pb::OneTimeCardFilter { create_time_until, ..Default::default() });
    assert_eq!(ids(&older), [first.one_time_card_id.as_str()]);
    let create_time_from = Some(stamp(moment));
    let newer = by_filter(pb::OneTimeCardFilter { create_time_from, ..Default::default() });
    assert_eq!(ids(&newer).len(), 2);
    assert_eq!(find(list("nobody")).one_time_cards, []);
}

#[test]
fn cards_that_are_not_there_are_not_found() {
    let app = TestApp::start();
    let unknown = pb::OneTimeCard {
        one_time_card_id: new_id(),
        authorization: Some(pb::CardAuthorization {
            authorization_id: new_id(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let not_found = (Code::NotFound, "ONE_TIME_CARD_NOT_FOUND".to_owned());
    let found = [
        app.try_get_card("issuer", &unknown.one_time_card_id).map(drop).unwrap_err(),
        app.try_activate(activation(&unknown)).map(drop).unwrap_err(),
        app.try_authorize(authorization(&unknown, 1)).map(drop).unwrap_err(),
        app.try_authorize(account_check(&unknown)).map(drop).unwrap_err(),
        app.try_adjust(adjustment(&unknown, pb::AdjustKind::Capture, 1)).map(drop).unwrap_err(),
        app.try_cancel_card(card_cancellation(&unknown)).map(drop).unwrap_err(),
    ];
    for status in found {
        assert_eq!(refusal(&status), not_found);
    }
}

#[test]
fn nothing_that_looks_like_a_card_number_is_taken() {
    let app = TestApp::start();
    app.given_regular("numbers", LIMIT);
    let card = app.granted("numbers", 4_500);
    let number = || NUMBER.to_owned();
    let mut wrong = activation(&card);
    (wrong.card_token, wrong.network) = (number(), number());
    let refused = app.try_activate(wrong).unwrap_err();
    let not_accepted = (Code::InvalidArgument, "PAN_NOT_ACCEPTED".to_owned());
    assert_eq!(refusal(&refused), not_accepted);
    assert_eq!(fields(&refused), ["card_token", "network"]);
    assert!(!format!("{refused:?}").contains(NUMBER));
    let mut wrong = authorization(&card, 1);
    wrong.network_request_id = number();
    let merchant = wrong.merchant.as_mut().unwrap();
    (merchant.merchant_id, merchant.name) = (number(), "4111-1111 1111-1111".to_owned());
    let refused = app.try_authorize(wrong).unwrap_err();
    assert_eq!(refusal(&refused), not_accepted);
    assert_eq!(fields(&refused), ["merchant.merchant_id", "merchant.name", "network_request_id"]);
    assert_eq!(app.card_now(&card), card);
}

#[test]
fn what_is_wrong_with_a_call_is_said_of_every_field_and_uses_up_nothing() {
    let app = TestApp::start();
    app.given_regular("wrong", LIMIT);
    let card = app.active("wrong", 4_500);
    let empty = pb::ActivateOneTimeCardRequest::default();
    let all = ["card_token", "last_four", "network", "one_time_card_id", "request_id"];
    assert_eq!(fields(&app.try_activate(empty).unwrap_err()), all);
    let empty = pb::AuthorizeOneTimeCardRequest::default();
    let all = ["kind", "merchant", "network_request_id", "one_time_card_id", "request_id"];
    assert_eq!(fields(&app.try_authorize(empty).unwrap_err()), all);
    let empty = pb::AdjustOneTimeCardRequest::default();
    let all = ["amount", "authorization_id", "kind", "one_time_card_id", "request_id"];
    assert_eq!(fields(&app.try_adjust(empty).unwrap_err()), all);
    let empty = pb::CancelOneTimeCardRequest::default();
    let all = ["one_time_card_id", "reason", "request_id"];
    assert_eq!(fields(&app.try_cancel_card(empty).unwrap_err()), all);
    assert_eq!(fields(&app.try_get_card("issuer", "x").unwrap_err()), ["one_time_card_id"]);
    let request = pb::ListOneTimeCardsRequest {
        page_size: -1,
        page_token: "x".to_owned(),
        filter: Some(pb::OneTimeCardFilter { states: vec![99], ..Default::default() }),
        ..list("a b")
    };
    let refused = app.try_list_cards("issuer", request).unwrap_err();
    assert_eq!(fields(&refused), ["account_id", "filter.states[0]", "page_size", "page_token"]);
    for (amount, field) in [
        (None, "amount"),
        (Some(euro(0)), "amount.minor_units"),
        (Some(euro(-1)), "amount.minor_units"),
        (Some(euro(i64::MAX)), "amount.minor_units"),
        (Some(pb::Money { currency_code: "XXX".to_owned(), ..euro(1) }), "amount.currency_code"),
    ] {
        let request = pb::AuthorizeOneTimeCardRequest { amount, ..authorization(&card, 1) };
        assert_eq!(fields(&app.try_authorize(request).unwrap_err()), [field]);
    }
    let check = pb::AuthorizeOneTimeCardRequest { amount: Some(euro(1)), ..account_check(&card) };
    assert_eq!(fields(&app.try_authorize(check).unwrap_err()), ["amount.minor_units"]);
    for last_four in ["123", "12345", "12a4", "१२३४"] {
        let last_four = last_four.to_owned();
        let request = pb::ActivateOneTimeCardRequest { last_four, ..activation(&card) };
        assert_eq!(fields(&app.try_activate(request).unwrap_err()), ["last_four"]);
    }
    assert_eq!(app.card_now(&card), card);
    assert!(app.authorize(&card, 4_500).approved);
}
