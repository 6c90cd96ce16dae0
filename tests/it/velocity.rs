//! Attempts, networks and first use: what is counted, from when to when, and what never is.

use surety::domain::{Span, Time};
use surety::grpc::pb;

use crate::support::{
    Approved, Declined, ManualReview, TestApp, account, codes, expect, network, new_id, purchase,
};

/// Asks, and takes back what was approved: an attempt is left, and no order.
fn attempt(app: &TestApp, account: &str, amount: i64) -> pb::Decision {
    let decision = app.buy(purchase(account, amount));
    if decision.outcome() == Approved {
        app.cancel(&decision, pb::CancelReason::Customer);
    }
    decision
}

#[test]
fn a36_the_fourth_attempt_passes_the_fifth_and_sixth_do_not() {
    let app = TestApp::start();
    app.given_regular("eager", 100_000);
    for number in 1..=4 {
        expect(&attempt(&app, "eager", 4_000 + number), Approved, &[]);
        app.advance(Span::seconds(20));
    }
    for number in 5..=6 {
        let declined = attempt(&app, "eager", 4_000 + number);
        expect(&declined, Declined, &["ATTEMPTS_TOO_FREQUENT"]);
        // Whoever waits as long as was said is served.
        let earliest = declined.retry.unwrap().earliest_time.unwrap();
        assert_eq!(earliest.seconds, (app.now() + Span::minutes(10)).as_seconds());
    }
    app.advance(Span::minutes(10));
    expect(&attempt(&app, "eager", 4_007), Approved, &[]);
}

#[test]
fn c10_an_email_on_four_accounts_is_looked_at() {
    let app = TestApp::start();
    for (place, name) in ["ada", "ben", "cem", "dea"].into_iter().enumerate() {
        app.given(pb::Account { email: "one@example.com".to_owned(), ..account(name, 100_000) });
        let decision = app.buy(purchase(name, 4_000));
        let expected: &[&str] = if place < 3 { &[] } else { &["IDENTITY_SHARED_ACROSS_ACCOUNTS"] };
        let found: Vec<_> = codes(&decision);
        let shared = found.iter().filter(|code| expected.contains(code));
        assert_eq!(shared.count(), expected.len(), "{name}: {found:?}");
        assert_eq!(decision.outcome() == ManualReview, place == 3, "{name}: {found:?}");
    }
}

#[test]
fn a36_an_attempt_ten_minutes_old_is_out_and_a_microsecond_younger_is_in() {
    for (short_of_ten_minutes, outcome) in [(Span::ZERO, Approved), (Span::micros(1), Declined)] {
        let app = TestApp::start();
        app.given_regular("edge", 100_000);
        let first = app.now();
        for minute in 0..4 {
            app.advance_to(first + Span::minutes(minute));
            attempt(&app, "edge", 4_000 + minute);
        }
        app.advance_to(first + Span::minutes(10) - short_of_ten_minutes);
        assert_eq!(attempt(&app, "edge", 4_900).outcome(), outcome);
    }
}

#[test]
fn a16_retries_of_one_request_are_one_attempt() {
    let app = TestApp::start();
    app.given_regular("patient", 100_000);
    let (request_id, context) = (new_id(), purchase("patient", 4_100));
    let first = app.try_buy("auditor", &request_id, context.clone()).unwrap();
    assert!(!first.replayed);
    for _ in 0..10 {
        let again = app.try_buy("auditor", &request_id, context.clone()).unwrap();
        assert!(again.replayed);
        assert_eq!(again.decision, first.decision);
    }
    app.cancel(&first.decision, pb::CancelReason::Customer);
    for number in 2..=4 {
        expect(&attempt(&app, "patient", 4_100 + number), Approved, &[]);
    }
    expect(&attempt(&app, "patient", 4_200), Declined, &["ATTEMPTS_TOO_FREQUENT"]);
}

#[test]
fn a16_a20_what_the_bank_refused_is_no_attempt() {
    let app = TestApp::start();
    app.given_regular("unlucky", 100_000);
    for number in 0..8 {
        let approved = app.buy(purchase("unlucky", 4_000 + number));
        expect(&approved, Approved, &[]);
        match number % 2 {
            0 => {
                app.cancel(&approved, pb::CancelReason::BankRefused);
            }
            _ => {
                let refused = pb::BankAnswerEvent {
                    decision_id: approved.decision_id,
                    response_code: "05".to_owned(),
                };
                app.tell("unlucky", pb::account_event::Kind::BankAnswer(refused));
            }
        }
    }
    assert_eq!(app.preview("unlucky"), 100_000);
}

#[test]
fn a16_a_request_that_was_no_request_is_no_attempt() {
    let app = TestApp::start();
    app.given_regular("clumsy", 100_000);
    for _ in 0..10 {
        let mut context = purchase("clumsy", 4_500);
        context.market = "Germany".to_owned();
        assert!(app.try_buy("auditor", &new_id(), context).is_err());
    }
    expect(&app.buy(purchase("clumsy", 4_500)), Approved, &[]);
}

#[test]
fn a36_attempts_are_still_counted_after_a_restart() {
    let mut app = TestApp::start();
    app.given_regular("stubborn", 100_000);
    for number in 1..=4 {
        attempt(&app, "stubborn", 4_000 + number);
    }
    app.restart();
    expect(&attempt(&app, "stubborn", 4_500), Declined, &["ATTEMPTS_TOO_FREQUENT"]);
}

/// The decision on the last of three requests, a minute apart, each from its own network.
fn from_three(account: &str, networks: [pb::NetworkContext; 3]) -> pb::Decision {
    let app = TestApp::start();
    app.given_regular(account, 100_000);
    let mut last = None;
    for (number, network) in (0..).zip(networks) {
        let mut context = purchase(account, 4_000 + number);
        context.network = Some(network);
        last = Some(app.buy(context));
        app.advance(Span::minutes(1));
    }
    last.unwrap()
}

#[test]
fn a37_three_networks_are_three() {
    let three = ["203.0.113.7", "198.51.100.4", "192.0.2.9"].map(network);
    let decision = from_three("three", three);
    expect(&decision, ManualReview, &["IP_CHURN_HIGH"]);
    let kinds: Vec<_> = decision.step_up.unwrap().kinds().collect();
    assert_eq!(kinds, [pb::StepUpKind::ConfirmOnDevice]);
    let prefixes = ["2001:db8:1::1", "2001:db8:2::1", "2001:db8:3::1"].map(network);
    expect(&from_three("prefixes", prefixes), ManualReview, &["IP_CHURN_HIGH"]);
}

#[test]
fn a37_one_carrier_one_prefix_and_one_block_are_one_network() {
    let mobile = |ip: &str| pb::NetworkContext {
        asn: Some(3_320),
        kind: pb::NetworkKind::Mobile.into(),
        ..network(ip)
    };
    let carrier = ["203.0.113.7", "198.51.100.4", "192.0.2.9"].map(mobile);
    expect(&from_three("carrier", carrier), Approved, &[]);
    let prefix = ["2001:db8:17:4::9", "2001:db8:17:5::1", "2001:db8:17:ffff::2"].map(network);
    expect(&from_three("prefix", prefix), Approved, &[]);
    let block = ["203.0.113.7", "203.0.113.8", "203.0.113.250"].map(network);
    expect(&from_three("block", block), Approved, &[]);
    let mapped = ["203.0.113.7", "::ffff:203.0.113.8", "203.0.113.9"].map(network);
    expect(&from_three("mapped", mapped), Approved, &[]);
}

fn repay_in_full(app: &TestApp, account: &str, order: &pb::Decision, paid: Time) {
    let amount = order.approved_amount.as_ref().unwrap().minor_units;
    app.repay(account, &order.decision_id, amount, paid);
}

#[test]
fn a40_c07_many_approvals_and_nothing_repaid_are_still_first_use() {
    let app = TestApp::start();
    app.given_account("fresh", 1_000_000);
    let mut orders = Vec::new();
    for number in 0..5 {
        let approved = app.buy(purchase("fresh", 11_000 + number));
        assert!(codes(&approved).contains(&"FIRST_PURCHASE_WITH_US"), "{:?}", codes(&approved));
        expect(&approved, Approved, &[]);
        // Three of them become orders; approvals that lapse teach nothing either.
        if number < 3 {
            orders.push(app.confirm(&approved));
        }
        app.advance(Span::days(2));
    }
    let larger = app.buy(purchase("fresh", 15_001));
    expect(&larger, ManualReview, &["FIRST_PURCHASE_WITH_US"]);
    app.advance(Span::minutes(1));
    // Paid in part, nothing is repaid yet.
    app.repay("fresh", &orders[0].decision_id, 5_000, app.now());
    let larger = app.buy(purchase("fresh", 15_002));
    expect(&larger, ManualReview, &["FIRST_PURCHASE_WITH_US"]);
    repay_in_full(&app, "fresh", &orders[0], app.now());
    let larger = app.buy(purchase("fresh", 15_003));
    assert!(!codes(&larger).contains(&"FIRST_PURCHASE_WITH_US"), "{:?}", codes(&larger));
    expect(&larger, Approved, &[]);
}
