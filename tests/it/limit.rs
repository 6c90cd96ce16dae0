//! No more is approved than the limit holds, over all products and however many ask at once.

use std::thread;

use crate::support::{
    Approved, Declined, TestApp, account, adjustment, authorization, confirmation, euro, expect,
    new_id, pay_now, policy_with, purchase,
};
use surety::domain::Span;
use surety::grpc::pb;

const LIMIT: i64 = 50_000;

/// Sweden without what else would stop many requests at once; the policy's own examples are about
/// Germany, and still hold.
fn patient_sweden() -> TestApp {
    TestApp::with_policy(&policy_with(
        "[market.SE.threshold]",
        &[
            ("attempts_10m = 5 ", "attempts_10m = 100000 "),
            ("orders_60m = 4 ", "orders_60m = 100000 "),
            ("orders_24h = 3 ", "orders_24h = 100000 "),
            ("plans_open = 6 ", "plans_open = 100000 "),
            ("plans_open_many = 4 ", "plans_open_many = 100000 "),
            ("cards_24h = 3 ", "cards_24h = 100000 "),
            ("cards_open = 2 ", "cards_open = 100000 "),
        ],
    ))
}

fn crown(minor_units: i64) -> Option<pb::Money> {
    Some(pb::Money { minor_units, currency_code: "SEK".to_owned() })
}

fn swede(id: &str) -> pb::Account {
    let market = "SE".to_owned();
    let currency_code = "SEK".to_owned();
    let credit_limit = crown(LIMIT);
    let (income, commitments) = (None, None);
    pb::Account { market, currency_code, credit_limit, income, commitments, ..account(id, 0) }
}

/// What came of one request of a crowd.
struct Asked {
    amount: i64,
    decision: pb::Decision,
    card: Option<pb::OneTimeCard>,
}

impl Asked {
    fn approved(&self) -> bool {
        self.decision.outcome() == Approved
    }
}

/// An order that was approved is placed; what a card is for is captured through it.
fn place(app: &TestApp, asked: &Asked) {
    let Some(card) = &asked.card else {
        app.try_confirm(confirmation(&asked.decision)).unwrap();
        return;
    };
    app.activate(card);
    let amount = crown(asked.amount);
    let purchase = authorization(card, asked.amount);
    let purchase = pb::AuthorizeOneTimeCardRequest { amount: amount.clone(), ..purchase };
    assert!(app.try_authorize(purchase).unwrap().into_inner().approved);
    let whole = adjustment(&app.card_now(card), pb::AdjustKind::Capture, asked.amount);
    app.try_adjust(pb::AdjustOneTimeCardRequest { amount, ..whole }).unwrap();
}

/// One account asked by many at once, every third time for a one-time card.
fn crowd(app: &TestApp, account: &str) -> Vec<Asked> {
    thread::scope(|scope| {
        let ask = |place: i64| {
            // No two are the same order.
            let amount = 3_000 + 517 * (place % 7) + place;
            let mut context = purchase(account, amount);
            (context.market, context.amount) = ("SE".to_owned(), crown(amount));
            let (decision, card) =
                if place % 3 == 0 { app.card(context) } else { (app.buy(context), None) };
            Asked { amount, decision, card }
        };
        let asking: Vec<_> = (0..24).map(|place| scope.spawn(move || ask(place))).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    })
}

#[test]
fn a08_a09_approved_and_held_never_exceed_the_limit_under_concurrency() {
    let app = patient_sweden();
    let accounts: Vec<String> = (0..4).map(|number| format!("crowd-{number}")).collect();
    accounts.iter().for_each(|account| app.given(swede(account)));
    let asked: Vec<Vec<Asked>> = thread::scope(|scope| {
        let crowds: Vec<_> =
            accounts.iter().map(|account| scope.spawn(|| crowd(&app, account))).collect();
        crowds.into_iter().map(|crowd| crowd.join().unwrap()).collect()
    });
    for (account, asked) in accounts.iter().zip(&asked) {
        let held: i64 = asked.iter().filter(|a| a.approved()).map(|a| a.amount).sum();
        assert!(held <= LIMIT, "{account}: approved {held}");
        assert_eq!(app.preview_in("SE", "SEK", account), LIMIT - held, "{account}");
        // Nobody was refused for want of what was still there.
        let declined = asked.iter().filter(|a| a.decision.outcome() == Declined);
        let least = declined.map(|a| a.amount).min().expect("more is asked than there is");
        assert!(least > LIMIT - held, "{account}: {least} declined with {held} held");
    }
    // What was held is owed after the order: still the same sum.
    thread::scope(|scope| {
        for asked in asked.iter().flatten().filter(|asked| asked.approved()) {
            scope.spawn(|| place(&app, asked));
        }
    });
    for (account, asked) in accounts.iter().zip(&asked) {
        let owed: i64 = asked.iter().filter(|a| a.approved()).map(|a| a.amount).sum();
        assert_eq!(app.preview_in("SE", "SEK", account), LIMIT - owed, "{account}");
    }
}

#[test]
fn a08_the_last_cent_of_the_limit_can_be_spent_and_no_more() {
    let app = TestApp::start();
    app.given_regular("edge", 10_000);
    expect(&app.buy(purchase("edge", 10_001)), Declined, &["CREDIT_LIMIT_EXCEEDED"]);
    expect(&app.buy(purchase("edge", 10_000)), Approved, &[]);
    assert_eq!(app.preview("edge"), 0);
    expect(&app.buy(purchase("edge", 1)), Declined, &["CREDIT_LIMIT_EXCEEDED"]);
}

#[test]
fn a09_one_limit_holds_over_purchases_cards_and_debts_kept_elsewhere() {
    let app = TestApp::start();
    app.given_regular("all", 100_000);
    app.owes("all", "imported", 30_000, 0);
    assert_eq!(app.preview("all"), 70_000);
    expect(&app.card(purchase("all", 4_000)).0, Approved, &[]);
    assert_eq!(app.preview("all"), 66_000);
    app.confirm(&app.buy(purchase("all", 5_000)));
    assert_eq!(app.preview("all"), 61_000);
    expect(&app.buy(purchase("all", 61_001)), Declined, &["CREDIT_LIMIT_EXCEEDED"]);
}

#[test]
fn a08_paying_now_is_no_credit_and_reserves_nothing() {
    let app = TestApp::start();
    app.given_regular("cash", 1_000);
    let mut context = purchase("cash", 6_000);
    context.plan = Some(pay_now());
    expect(&app.buy(context.clone()), Approved, &[]);
    assert_eq!(app.preview("cash"), 1_000);
    // Nor does the part of a plan that is paid at once.
    let upfront = Some(euro(5_500));
    context.plan = Some(pb::PaymentPlan { upfront, ..crate::support::pay_later() });
    context.merchant_order_reference = "another".to_owned();
    context.amount = Some(euro(6_100));
    expect(&app.buy(context), Approved, &[]);
    assert_eq!(app.preview("cash"), 400);
}

#[test]
fn a08_a_lowered_limit_breaks_nothing_and_stops_new_credit() {
    let app = TestApp::start();
    app.given_regular("lowered", 100_000);
    let approved = app.buy(purchase("lowered", 6_000));
    app.given_account("lowered", 5_000);
    assert_eq!(app.preview("lowered"), 0);
    expect(&app.buy(purchase("lowered", 100)), Declined, &["CREDIT_LIMIT_EXCEEDED"]);
    app.confirm(&approved);
}

#[test]
fn a11_a_preview_is_no_attempt_and_no_refusal() {
    let app = TestApp::start();
    app.given_regular("curious", 100_000);
    for _ in 0..20 {
        assert_eq!(app.preview("curious"), 100_000);
    }
    expect(&app.buy(purchase("curious", 4_500)), Approved, &[]);
    // All spent is an amount too, and no error.
    app.owes("curious", "elsewhere", 200_000, 0);
    assert_eq!(app.preview("curious"), 0);
}

#[test]
fn expired_approvals_free_the_limit_without_a_sweeper() {
    let app = TestApp::start();
    app.given_regular("slow", 10_000);
    let purchase_at = app.now();
    expect(&app.buy(purchase("slow", 4_000)), Approved, &[]);
    let (card, granted) = app.card(purchase("slow", 5_000));
    expect(&card, Approved, &[]);
    assert_eq!(granted.unwrap().amount, Some(euro(5_000)));
    assert_eq!(app.preview("slow"), 1_000);
    app.advance_to(purchase_at + Span::minutes(60) - Span::micros(1));
    assert_eq!(app.preview("slow"), 1_000);
    app.advance(Span::micros(1));
    assert_eq!(app.preview("slow"), 5_000);
    app.advance_to(purchase_at + Span::hours(24));
    assert_eq!(app.preview("slow"), 10_000);
}

#[test]
fn a_cancelled_approval_frees_the_limit_at_once_and_only_once() {
    let app = TestApp::start();
    app.given_regular("changed-mind", 10_000);
    let approved = app.buy(purchase("changed-mind", 6_000));
    let reason = pb::CancelReason::Customer;
    let canceled = app.cancel(&approved, reason);
    assert_eq!(canceled.state(), pb::DecisionState::Canceled);
    assert_eq!(app.preview("changed-mind"), 10_000);
    // Again under another request_id: as it is.
    assert_eq!(app.cancel(&approved, reason), canceled);
    assert_eq!(app.preview("changed-mind"), 10_000);
    let request = pb::ConfirmPurchaseRequest { request_id: new_id(), ..confirmation(&approved) };
    assert!(app.try_confirm(request).is_err());
}
