//! Staff find decisions from what a customer can tell, and see how an account stands.

use prost_types::Duration;
use surety::domain::Span;
use surety::grpc::pb;
use tonic::Code;

use crate::support::{
    Approved, MERCHANT, ManualReview, TestApp, blanked, codes, confirmation, device, euro, expect,
    fields, plan_status, purchase, refusal, stamp,
};
use pb::search_decisions_request::Search;

fn ids(found: &[pb::FoundDecision]) -> Vec<String> {
    found.iter().map(|found| found.decision.as_ref().unwrap().decision_id.clone()).collect()
}

fn of_account(account: &str) -> pb::AccountSearch {
    pb::AccountSearch { account_id: account.to_owned(), ..pb::AccountSearch::default() }
}

fn at_shop(app: &TestApp, amount: i64) -> pb::PurchaseSearch {
    pb::PurchaseSearch {
        merchant_id: MERCHANT.to_owned(),
        amount: Some(euro(amount)),
        time: Some(stamp(app.now())),
        ..pb::PurchaseSearch::default()
    }
}

fn with_reason(code: pb::ReasonCode) -> pb::ReasonSearch {
    pb::ReasonSearch { code: code.into(), ..pb::ReasonSearch::default() }
}

#[test]
fn a23_a54_a_decision_is_found_by_whatever_the_customer_can_tell() {
    let app = TestApp::start();
    app.given_regular("finds", 10_000);
    app.given_regular("other", 10_000);
    let bought = app.buy(purchase("finds", 4_500));
    let order = confirmation(&bought);
    let order =
        pb::ConfirmPurchaseRequest { merchant_order_reference: "SO 4711".to_owned(), ..order };
    app.try_confirm(order).unwrap();
    app.buy(purchase("other", 9_500));
    let later = stamp(app.now() + Span::minutes(1));
    app.advance(Span::minutes(20));
    let refused = app.buy(purchase("finds", 9_000));
    let one = |search| ids(&app.find("agent", search));
    let (bought_id, refused_id) = (bought.decision_id.clone(), refused.decision_id.clone());

    let spoken = format!("{} {}", &bought.reference[..4], bought.reference[4..].to_lowercase());
    assert_eq!(one(Search::Reference(spoken)), [bought_id.as_str()]);
    let order = |merchant: &str| pb::OrderSearch {
        merchant_order_reference: "SO 4711".to_owned(),
        merchant_id: merchant.to_owned(),
    };
    assert_eq!(one(Search::Order(order(""))), [bought_id.as_str()]);
    assert_eq!(one(Search::Order(order(MERCHANT))), [bought_id.as_str()]);
    assert_eq!(one(Search::Order(order("m-78"))), Vec::<String>::new());

    assert_eq!(
        one(Search::Account(of_account("finds"))),
        [&refused_id, &bought_id].map(|id| id.as_str())
    );
    let until = pb::AccountSearch { create_time_until: Some(later), ..of_account("finds") };
    assert_eq!(one(Search::Account(until)), [bought_id.as_str()]);
    let from = pb::AccountSearch { create_time_from: Some(later), ..of_account("finds") };
    assert_eq!(one(Search::Account(from)), [refused_id.as_str()]);

    // 90.99 was remembered as 90.00, 20 minutes after the first.
    assert_eq!(one(Search::Purchase(at_shop(&app, 9_099))), [refused_id.as_str()]);
    assert_eq!(one(Search::Purchase(at_shop(&app, 9_101))), Vec::<String>::new());
    assert_eq!(one(Search::Purchase(at_shop(&app, 4_500))), Vec::<String>::new());
    let wider = pb::PurchaseSearch {
        amount_tolerance: Some(euro(5_000)),
        time_tolerance: Some(Duration { seconds: 1_800, nanos: 0 }),
        ..at_shop(&app, 5_000)
    };
    assert_eq!(app.find("agent", Search::Purchase(wider)).len(), 3);
    let exact = pb::PurchaseSearch { amount_tolerance: Some(euro(0)), ..at_shop(&app, 9_001) };
    assert_eq!(one(Search::Purchase(exact)), Vec::<String>::new());

    let code = with_reason(pb::ReasonCode::CreditLimitExceeded);
    let exceeded = app.find("agent", Search::Reason(code));
    assert_eq!(ids(&exceeded), [refused_id.as_str()]);
    let until = pb::ReasonSearch { create_time_until: Some(later), ..code };
    assert_eq!(one(Search::Reason(until)), Vec::<String>::new());
    let found = &app.find("agent", Search::Order(order("")))[0];
    assert_eq!((found.account_id.as_str(), found.merchant_id.as_str()), ("finds", MERCHANT));
    assert_eq!(found.merchant_order_reference, "SO 4711");
    assert_eq!((&found.amount, &found.captured_amount), (&Some(euro(4_500)), &Some(euro(4_500))));
}

#[test]
fn pages_of_every_search_are_newest_first_whole_and_without_repetitions() {
    let app = TestApp::start();
    app.given_regular("many", 1_000_000);
    let mut made = Vec::new();
    for number in 0..9 {
        let mut context = purchase("many", 1_000 + number);
        context.merchant_order_reference = "basket".to_owned();
        made.push(app.buy(context));
        // Some at the same moment.
        if number % 3 == 0 {
            app.advance(Span::minutes(1));
        }
    }
    let common = codes(made.last().unwrap());
    let code = pb::ReasonCode::from_str_name(&format!("REASON_CODE_{}", common[0])).unwrap();
    let order =
        pb::OrderSearch { merchant_order_reference: "basket".to_owned(), ..Default::default() };
    for (search, expected) in [
        (Search::Account(of_account("many")), None),
        (Search::Order(order), None),
        (Search::Purchase(at_shop(&app, 1_000)), None),
        (Search::Reason(with_reason(code)), Some(common[0])),
    ] {
        let has = |decision: &&pb::Decision| expected.is_none_or(|c| codes(decision).contains(&c));
        let mut expected: Vec<&str> =
            made.iter().filter(has).map(|decision| decision.decision_id.as_str()).collect();
        expected.sort_unstable();
        for page_size in [1, 2, 4, 200] {
            let mut request = pb::SearchDecisionsRequest {
                search: Some(search.clone()),
                page_size,
                page_token: String::new(),
            };
            let mut found = Vec::new();
            loop {
                let page = app.try_search("auditor", request.clone()).unwrap();
                assert!(page.decisions.len() <= page_size as usize);
                found.extend(page.decisions);
                if page.next_page_token.is_empty() {
                    break;
                }
                request.page_token = page.next_page_token;
            }
            let created =
                |f: &pb::FoundDecision| f.decision.as_ref().unwrap().create_time.unwrap().seconds;
            assert!(found.is_sorted_by(|a, b| created(a) >= created(b)));
            let mut found = ids(&found);
            found.sort_unstable();
            assert_eq!(found, expected, "pages of {page_size}");
        }
    }
}

#[test]
fn staff_cannot_find_by_what_their_role_may_not_see() {
    let app = TestApp::start();
    for account in ["plain", "watched"] {
        app.given_regular(account, 100_000);
    }
    app.hold("watched", pb::RestrictionKind::Compliance, Span::days(30));
    let emulated = |account| {
        let mut context = purchase(account, 4_500);
        context.device.as_mut().unwrap().integrity = pb::DeviceIntegrity::Emulator.into();
        context
    };
    expect(&app.buy(emulated("plain")), ManualReview, &["DEVICE_INTEGRITY_LOW"]);
    expect(&app.buy(purchase("watched", 4_500)), ManualReview, &["COMPLIANCE_REVIEW"]);
    let count = |role, code| app.find(role, Search::Reason(with_reason(code))).len();
    for (role, of_integrity, of_compliance) in
        [("agent", 0, 0), ("compliance", 1, 1), ("auditor", 1, 1)]
    {
        assert_eq!(count(role, pb::ReasonCode::DeviceIntegrityLow), of_integrity, "{role}");
        assert_eq!(count(role, pb::ReasonCode::ComplianceReview), of_compliance, "{role}");
    }
    // To an agent both are one security check.
    let seen = |account| {
        let found = app.find("agent", Search::Account(of_account(account)));
        blanked(found[0].decision.as_ref().unwrap())
    };
    assert_eq!(seen("watched"), seen("plain"));
    let told = |role| {
        let summary = app.try_summary(role, "watched").unwrap();
        summary.restrictions.iter().map(|restriction| restriction.kind()).collect::<Vec<_>>()
    };
    assert_eq!(told("agent"), []);
    assert_eq!(told("compliance"), [pb::RestrictionKind::Compliance]);
    assert_eq!(told("auditor"), [pb::RestrictionKind::Compliance]);
}

#[test]
fn an_account_is_summed_up() {
    let app = TestApp::start();
    app.given_regular("sum", 100_000);
    app.owes("sum", "elsewhere", 7_000, 0);
    let hold = app.hold("sum", pb::RestrictionKind::Temporary, Span::hours(1));
    app.hold("sum", pb::RestrictionKind::SelfExclusion, Span::minutes(5));
    let lifting = pb::LiftRestrictionRequest {
        request_id: crate::support::new_id(),
        restriction_id: hold,
        note: "a mistake".to_owned(),
        evidence: String::new(),
    };
    app.try_lift("ledger", lifting).unwrap();
    let restrictions = app.try_summary("agent", "sum").unwrap().restrictions;
    assert_eq!(restrictions.len(), 1, "{restrictions:?}");
    app.advance(Span::minutes(6));

    let bought = app.buy(purchase("sum", 4_500));
    expect(&bought, Approved, &[]);
    app.confirm(&bought);
    app.advance(Span::days(1));
    let mut context = purchase("sum", 3_000);
    context.device = Some(device("another-device-4711"));
    let reserved = app.buy(context);
    let summary = app.try_summary("agent", "sum").unwrap();
    let amounts =
        [&summary.limit, &summary.outstanding, &summary.held, &summary.free, &summary.overdue];
    let amounts = amounts.map(|amount| amount.as_ref().unwrap().minor_units);
    assert_eq!(amounts, [100_000, 11_500, 3_000, 85_500, 0]);
    assert_eq!(summary.days_overdue, 0);
    assert_eq!(summary.restrictions, []);
    let plans: Vec<(&str, bool, i64, Option<i64>)> = summary
        .plans
        .iter()
        .map(|plan| {
            let amount = |money: &Option<pb::Money>| money.as_ref().map(|m| m.minor_units);
            let (owed, next) = (amount(&plan.outstanding), amount(&plan.next_due_amount));
            (plan.plan_id.as_str(), plan.imported, owed.unwrap(), next)
        })
        .collect();
    let own = (bought.decision_id.as_str(), false, 4_500, Some(4_500));
    assert_eq!(plans, [own, ("elsewhere", true, 7_000, None)]);
    assert_eq!(summary.reservations.len(), 1);
    assert_eq!(summary.reservations[0].decision_id, reserved.decision_id);
    assert_eq!(summary.reservations[0].amount, Some(euro(3_000)));
    assert!(summary.reservations[0].expire_time.is_some());
    // Of the device that was only tried with nothing is said.
    let known: Vec<_> = summary.known_devices.iter().map(|d| d.masked_device_id.as_str()).collect();
    assert_eq!(known, ["…ne"]);
    assert_eq!(ids(&summary.decisions), [&reserved, &bought].map(|d| d.decision_id.clone()));

    app.tell("sum", plan_status("elsewhere", (7_000, 3), pb::PlanState::Overdue));
    app.advance(Span::days(33));
    let late = app.try_summary("agent", "sum").unwrap();
    assert_eq!(late.overdue, Some(euro(11_500)));
    assert!(late.days_overdue >= 33, "{}", late.days_overdue);
    assert_eq!((late.held, late.free), (Some(euro(0)), Some(euro(88_500))));

    let unknown = app.try_summary("agent", "nobody").unwrap_err();
    assert_eq!(refusal(&unknown), (Code::NotFound, "ACCOUNT_NOT_FOUND".to_owned()));
}

#[test]
fn what_is_wrong_with_a_search_is_said_of_every_field() {
    let app = TestApp::start();
    let wrong = |search: Option<Search>, page_size| {
        let request =
            pb::SearchDecisionsRequest { search, page_size, page_token: "nonsense".to_owned() };
        fields(&app.try_search("agent", request).unwrap_err())
    };
    assert_eq!(wrong(None, -1), ["page_size", "page_token", "search"]);
    let found = wrong(Some(Search::Reference("7F3K92Q".to_owned())), 0);
    assert_eq!(found, ["page_token", "reference"]);
    let found = wrong(Some(Search::Order(pb::OrderSearch::default())), 0);
    assert_eq!(found, ["order.merchant_order_reference", "page_token"]);
    let found = wrong(Some(Search::Account(pb::AccountSearch::default())), 0);
    assert_eq!(found, ["account.account_id", "page_token"]);
    let found = wrong(Some(Search::Reason(with_reason(pb::ReasonCode::Unspecified))), 0);
    assert_eq!(found, ["page_token", "reason.code"]);
    let purchase = pb::PurchaseSearch {
        amount_tolerance: Some(pb::Money { minor_units: 1, currency_code: "SEK".to_owned() }),
        time_tolerance: Some(Duration { seconds: 8 * 86_400, nanos: 0 }),
        time: None,
        ..at_shop(&app, 100)
    };
    let expected = [
        "page_token",
        "purchase.amount_tolerance.currency_code",
        "purchase.time",
        "purchase.time_tolerance",
    ];
    assert_eq!(wrong(Some(Search::Purchase(purchase)), 0), expected);
}
