//! What is wrong with a request is said of every field, and nothing of it is stored or counted.

use prost_types::{Duration, Timestamp};
use surety::domain::Span;
use surety::grpc::pb;
use tonic::Code;

use crate::support::{
    Approved, TestApp, account, bought, confirmation, euro, event, expect, fields, network, new_id,
    purchase, refusal, repayment, stamp,
};

type Change = fn(&mut pb::PurchaseContext);

fn money(minor_units: i64, currency: &str) -> Option<pb::Money> {
    Some(pb::Money { minor_units, currency_code: currency.to_owned() })
}

fn instalments(count: i32, interval_days: i32) -> Option<pb::PaymentPlan> {
    let kind = pb::PlanKind::Instalments.into();
    Some(pb::PaymentPlan { kind, count, interval_days, upfront: None })
}

const PAN: &str = "4111111111111111";

/// What is changed in a good purchase, and the fields that are to be named.
const PURCHASES: [(Change, &[&str]); 38] = [
    (|c| c.account_id = "no spaces".to_owned(), &["account_id"]),
    (|c| c.account_id = "x".repeat(65), &["account_id"]),
    (|c| c.account_id.clear(), &["account_id"]),
    (|c| c.guest = Some(pb::GuestIdentity::default()), &["guest"]),
    (|c| c.merchant = None, &["merchant"]),
    (|c| c.merchant.as_mut().unwrap().merchant_id.clear(), &["merchant.merchant_id"]),
    (|c| c.merchant.as_mut().unwrap().category = "57".to_owned(), &["merchant.category"]),
    (|c| c.merchant.as_mut().unwrap().country = "Germany".to_owned(), &["merchant.country"]),
    (|c| c.merchant_order_reference = "x".repeat(65), &["merchant_order_reference"]),
    (|c| c.merchant_order_reference = "Größe".to_owned(), &["merchant_order_reference"]),
    (|c| c.merchant_order_reference = PAN.to_owned(), &["merchant_order_reference"]),
    (|c| c.amount = None, &["amount"]),
    (|c| c.amount = money(0, "EUR"), &["amount.minor_units"]),
    (|c| c.amount = money(-1, "EUR"), &["amount.minor_units"]),
    (|c| c.amount = money(i64::MAX, "EUR"), &["amount.minor_units"]),
    (|c| c.amount = money(i64::MIN, "EUR"), &["amount.minor_units"]),
    (|c| c.amount = money(100, "EURO"), &["amount.currency_code"]),
    (|c| c.amount = money(100, "XXQ"), &["amount.currency_code"]),
    (|c| c.amount = money(-1, "eur"), &["amount.currency_code", "amount.minor_units"]),
    (|c| c.plan = None, &["plan"]),
    (|c| c.plan.as_mut().unwrap().kind = 99, &["plan.kind"]),
    (|c| c.plan.as_mut().unwrap().kind = 0, &["plan.kind"]),
    (|c| c.plan = instalments(1, 30), &["plan.count"]),
    (|c| c.plan = instalments(37, 6), &["plan.count", "plan.interval_days"]),
    (|c| c.plan.as_mut().unwrap().count = 3, &["plan.count"]),
    (|c| c.plan.as_mut().unwrap().upfront = Some(euro(4_900)), &["plan.upfront.minor_units"]),
    (|c| c.plan.as_mut().unwrap().upfront = money(1, "SEK"), &["plan.upfront.currency_code"]),
    (|c| c.items = vec![pb::LineItem::default()], &["items[0].quantity"]),
    (|c| c.items = vec![item(); 201], &["items"]),
    (|c| c.items = vec![pb::LineItem { gift_card: true, ..item() }], &["items[0].amount"]),
    (|c| c.instrument = Some(pb::Instrument::default()), &["instrument.token"]),
    (|c| c.instrument = Some(card(PAN)), &["instrument.token"]),
    (
        |c| {
            c.instrument = Some(pb::Instrument { expiry_month: 13, expiry_year: 1999, ..card("t") })
        },
        &["instrument.expiry_month", "instrument.expiry_year"],
    ),
    (
        |c| c.instrument = Some(pb::Instrument { bank_response_code: "5".to_owned(), ..card("t") }),
        &["instrument.bank_response_code"],
    ),
    (|c| c.network.as_mut().unwrap().ip_address = "300.1.1.1".to_owned(), &["network.ip_address"]),
    (|c| c.channel = 77, &["channel"]),
    (|c| c.market = "de".to_owned(), &["market"]),
    (|c| c.locale = "x".repeat(36), &["locale"]),
];

fn item() -> pb::LineItem {
    pb::LineItem { quantity: 1, ..pb::LineItem::default() }
}

fn card(token: &str) -> pb::Instrument {
    pb::Instrument { token: token.to_owned(), ..pb::Instrument::default() }
}

fn named(paths: &[&str]) -> Vec<String> {
    let mut paths: Vec<String> = paths.iter().map(|path| format!("context.{path}")).collect();
    paths.sort();
    paths
}

#[test]
fn every_malformed_field_of_a_purchase_is_named() {
    let app = TestApp::start();
    app.given_regular("careless", 100_000);
    for (number, (change, paths)) in PURCHASES.iter().enumerate() {
        let mut context = purchase("careless", 4_900);
        change(&mut context);
        let refused = app.try_buy("auditor", &new_id(), context).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "row {number}: {refused:?}");
        assert_eq!(fields(&refused), named(paths), "row {number}");
    }
    // Nothing of it was counted, reserved or kept.
    expect(&app.buy(purchase("careless", 4_900)), Approved, &[]);
    assert_eq!(app.preview("careless"), 95_100);
    let account_id = "careless".to_owned();
    let request = pb::ListDecisionsRequest { account_id, ..pb::ListDecisionsRequest::default() };
    assert_eq!(app.try_list("auditor", request).unwrap().decisions.len(), 1);
}

#[test]
fn several_faults_at_once_are_all_named_and_the_gravest_gives_the_reason() {
    let app = TestApp::start();
    let mut context = purchase("x", 4_900);
    context.account_id = "no spaces".to_owned();
    context.amount = money(0, "ZZZ");
    context.market = "d".to_owned();
    context.merchant_order_reference = PAN.to_owned();
    context.network = Some(network("nowhere"));
    let refused = app.try_buy("auditor", "not-a-uuid", context).unwrap_err();
    assert_eq!(refusal(&refused), (Code::InvalidArgument, "PAN_NOT_ACCEPTED".to_owned()));
    let mut expected = named(&[
        "account_id",
        "amount.currency_code",
        "amount.minor_units",
        "market",
        "merchant_order_reference",
        "network.ip_address",
    ]);
    expected.push("request_id".to_owned());
    assert_eq!(fields(&refused), expected);
    assert!(!format!("{refused:?}").contains(PAN), "what may be a card number is not repeated");
    let mut context = purchase("x", 4_900);
    context.amount = money(100, "ZZZ");
    let refused = app.try_buy("auditor", &new_id(), context).unwrap_err();
    assert_eq!(refusal(&refused).1, "CURRENCY_UNKNOWN");
}

#[test]
fn a_request_id_is_a_uuid_of_36_characters() {
    let app = TestApp::start();
    let short = new_id().replace('-', "");
    let braced = format!("{{{}}}", new_id());
    for id in ["", "1", short.as_str(), braced.as_str(), PAN] {
        let refused = app.try_buy("auditor", id, purchase("x", 100)).unwrap_err();
        assert_eq!(fields(&refused), ["request_id"], "{id}");
    }
    let refused = app.evaluate("auditor", pb::EvaluatePurchaseRequest::default()).unwrap_err();
    assert_eq!(fields(&refused), ["context", "request_id"]);
}

#[test]
fn an_invalid_request_does_not_use_up_its_request_id() {
    let app = TestApp::start();
    app.given_regular("corrected", 100_000);
    let request_id = new_id();
    let wrong = pb::PurchaseContext { market: "x".to_owned(), ..purchase("corrected", 4_500) };
    assert!(app.try_buy("auditor", &request_id, wrong).is_err());
    let right = app.try_buy("auditor", &request_id, purchase("corrected", 4_500)).unwrap();
    expect(&right.decision, Approved, &[]);
}

#[test]
fn a_message_that_is_too_large_is_refused_before_it_is_read() {
    let app = TestApp::start();
    let mut context = purchase("large", 4_900);
    context.device.as_mut().unwrap().user_agent = "x".repeat(70 * 1024);
    let refused = app.try_buy("auditor", &new_id(), context).unwrap_err();
    let too_large = (Code::ResourceExhausted, "REQUEST_TOO_LARGE".to_owned());
    assert_eq!(refusal(&refused), too_large);
}

#[test]
fn the_terms_of_a_card_are_bounded() {
    let app = TestApp::start();
    for seconds in [0, -1, 24 * 3_600 + 1, i64::MAX] {
        let request = pb::EvaluateOneTimeCardRequest {
            request_id: new_id(),
            context: Some(purchase("x", 100)),
            terms: Some(pb::OneTimeCardTerms {
                valid_for: Some(Duration { seconds, nanos: 0 }),
                merchant_locked: false,
                tolerance: money(1, "SEK"),
            }),
        };
        let named = fields(&app.try_card(request).unwrap_err());
        assert_eq!(named, ["terms.tolerance.currency_code", "terms.valid_for"], "{seconds}");
    }
}

#[test]
fn orders_that_cannot_be_are_refused_field_by_field() {
    let app = TestApp::start();
    app.given_regular("orders", 100_000);
    let approved = app.buy(purchase("orders", 4_500));
    let request = pb::ConfirmPurchaseRequest {
        request_id: "x".to_owned(),
        decision_id: "y".to_owned(),
        merchant_id: String::new(),
        captured_amount: Some(euro(0)),
        merchant_order_reference: "\n".to_owned(),
    };
    let refused = app.try_confirm(request).unwrap_err();
    let all = ["captured_amount.minor_units", "decision_id", "merchant_id"];
    assert_eq!(fields(&refused)[..3], all);
    assert_eq!(fields(&refused)[3..], ["merchant_order_reference", "request_id"]);
    let request = pb::ConfirmPurchaseRequest {
        captured_amount: money(i64::MAX, "EUR"),
        ..confirmation(&approved)
    };
    assert_eq!(fields(&app.try_confirm(request).unwrap_err()), ["captured_amount.minor_units"]);
    let cancel = pb::CancelDecisionRequest {
        request_id: new_id(),
        decision_id: approved.decision_id.clone(),
        reason: 0,
    };
    assert_eq!(fields(&app.try_cancel(cancel).unwrap_err()), ["reason"]);
    let step_up = pb::SubmitStepUpRequest::default();
    let all = ["decision_id", "request_id", "results", "signature", "step_up_id"];
    assert_eq!(fields(&app.try_step_up(step_up).unwrap_err()), all);
}

#[test]
fn holds_end_after_they_begin_and_not_in_the_past() {
    let app = TestApp::start();
    app.given_account("held", 100_000);
    let (now, hour) = (app.now(), Span::hours(1));
    let never = Timestamp { seconds: i64::MAX, nanos: 0 };
    for (start_time, end_time) in [
        (None, None),
        (None, Some(stamp(now))),
        (None, Some(stamp(now - hour))),
        (Some(stamp(now + hour)), Some(stamp(now + hour))),
        (None, Some(never)),
    ] {
        let request = pb::SetRestrictionRequest {
            request_id: new_id(),
            account_id: "held".to_owned(),
            kind: pb::RestrictionKind::Security.into(),
            start_time,
            end_time,
            ..pb::SetRestrictionRequest::default()
        };
        let refused = app.try_hold("ledger", request).unwrap_err();
        assert_eq!(fields(&refused), ["end_time"], "{start_time:?} {end_time:?}");
    }
    assert_eq!(app.try_restrictions("ledger", "held").unwrap(), []);
}

#[test]
fn accounts_are_whole_or_refused() {
    let app = TestApp::start();
    let mut wrong = account("wrong id", 100);
    wrong.market = "Sweden".to_owned();
    wrong.credit_limit = money(-1, "SEK");
    wrong.email = "nobody".to_owned();
    wrong.phone = "0151".to_owned();
    wrong.of_legal_age = 9;
    wrong.opened_time = Some(stamp(app.now() + Span::minutes(6)));
    wrong.income.as_mut().unwrap().verified = None;
    wrong.bureau.as_mut().unwrap().entries = Some(-1);
    let request = pb::UpsertAccountRequest { request_id: new_id(), account: Some(wrong) };
    let refused = app.try_upsert("ledger", request).unwrap_err();
    let mut paths: Vec<String> = [
        "account_id",
        "bureau.entries",
        "credit_limit.minor_units",
        "email",
        "income.verified",
        "market",
        "of_legal_age",
        "opened_time",
        "phone",
    ]
    .map(|path| format!("account.{path}"))
    .to_vec();
    paths.sort();
    assert_eq!(fields(&refused), paths);
    assert!(app.try_account("ledger", "wrong").is_err());
}

#[test]
fn a_wrong_event_is_rejected_by_its_field_and_does_not_stop_the_others() {
    let app = TestApp::start();
    app.given_account("events", 100_000);
    let now = app.now();
    let at = |ahead: Span, kind| event("events", now + ahead, kind);
    let too_far = Span::micros(Span::minutes(5).as_micros() + 1);
    let mut no_time = at(Span::ZERO, bought("events", 100));
    no_time.event_time = None;
    let mut no_kind = at(Span::ZERO, bought("events", 100));
    no_kind.kind = None;
    let mut pan = at(Span::ZERO, bought("events", 100));
    pan.event_id = PAN.to_owned();
    let mut unknown = at(Span::ZERO, bought("events", 100));
    unknown.account_id = "nobody".to_owned();
    let rows = [
        (at(Span::ZERO, bought("events", 100)), ""),
        (at(Span::minutes(5), bought("events", 100)), ""),
        (at(too_far, bought("events", 100)), "event_time"),
        (no_time, "event_time"),
        (no_kind, "kind"),
        (at(Span::ZERO, bought("events", 0)), "purchase_completed.amount.minor_units"),
        (at(Span::ZERO, bought("events", i64::MAX)), "purchase_completed.amount.minor_units"),
        (at(Span::ZERO, repayment("no spaces", 1, now)), "repayment.plan_id"),
        (pan, "event_id"),
        (at(Span::ZERO, repayment("good", 1, now)), ""),
        (unknown, "?"),
    ];
    let events = rows.iter().map(|(event, _)| event.clone()).collect();
    let request = pb::RecordAccountEventsRequest { request_id: new_id(), events };
    let results = app.try_record("ledger", request).unwrap().into_inner().results;
    assert_eq!(results.len(), rows.len());
    for (number, (result, (_, field))) in results.iter().zip(&rows).enumerate() {
        let applied = result.status() == pb::AccountEventStatus::Applied;
        assert_eq!(applied, field.is_empty(), "row {number}: {result:?}");
        assert_eq!(result.problem.is_empty(), applied, "row {number}: {result:?}");
        assert!(*field == "?" || result.field == *field, "row {number}: {result:?}");
        assert_ne!(result.event_id, PAN);
    }
    let none = pb::RecordAccountEventsRequest { request_id: new_id(), events: Vec::new() };
    assert_eq!(fields(&app.try_record("ledger", none).unwrap_err()), ["events"]);
}

#[test]
fn lists_and_look_ups_say_what_is_wrong_with_them() {
    let app = TestApp::start();
    let request = pb::ListDecisionsRequest {
        account_id: "a".to_owned(),
        page_size: -1,
        page_token: "made up".to_owned(),
        filter: Some(pb::DecisionFilter { outcomes: vec![42], ..pb::DecisionFilter::default() }),
        ..pb::ListDecisionsRequest::default()
    };
    let named = fields(&app.try_list("auditor", request).unwrap_err());
    assert_eq!(named, ["filter.outcomes[0]", "page_size", "page_token"]);
    let request = pb::PreviewSpendingPowerRequest {
        account_id: String::new(),
        market: "X".to_owned(),
        currency_code: "YYY".to_owned(),
        ..pb::PreviewSpendingPowerRequest::default()
    };
    let named = fields(&app.try_preview("checkout", request).unwrap_err());
    assert_eq!(named, ["account_id", "currency_code", "market"]);
    let request =
        pb::GetDecisionRequest { decision_id: String::new(), reference: "7F3K-92QE".to_owned() };
    assert_eq!(fields(&app.try_get("auditor", request).unwrap_err()), ["reference"]);
}
