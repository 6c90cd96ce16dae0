//! Who of the staff was shown what: on record before the answer, and nobody else's reads are.

use surety::domain::{DecisionId, StaffRead};
use surety::grpc::pb;
use surety::ledger::{Place, ReadFilter, Reads};

use crate::support::{ANNA, AUDITOR, MERCHANT, TestApp, by, euro, new_id, purchase, stamp};
use pb::search_decisions_request::Search;

/// All reads on record, each as its call, its role, its account and its criteria.
pub fn on_record(app: &TestApp) -> Vec<StaffRead> {
    app.block_on(async {
        let place = Place::file(&app.ledger_file());
        let mut reads = Reads::open(&place, ReadFilter::default()).await.unwrap();
        reads.next(1_000).await.unwrap()
    })
}

/// What `call` has left on record.
fn left(app: &TestApp, call: impl FnOnce()) -> Vec<StaffRead> {
    let before = on_record(app).len();
    call();
    on_record(app).split_off(before)
}

/// The one read that `call` has left: who, which call, on which account, by what.
fn told(app: &TestApp, call: impl FnOnce()) -> (String, Option<String>, Vec<DecisionId>, String) {
    let mut left = left(app, call);
    assert_eq!(left.len(), 1, "{left:?}");
    let StaffRead { time, caller, role, call, seen } = left.remove(0);
    assert_eq!(time, app.now());
    let account = seen.account.map(|account| account.to_string());
    (format!("{role} {caller} {call}"), account, seen.decisions, seen.criteria)
}

fn ids(decisions: &[&pb::Decision]) -> Vec<DecisionId> {
    decisions.iter().map(|d| DecisionId::parse(&d.decision_id).unwrap()).collect()
}

fn of_account(account: &str) -> pb::ListDecisionsRequest {
    pb::ListDecisionsRequest { account_id: account.to_owned(), ..Default::default() }
}

#[test]
fn b24_what_staff_are_shown_of_accounts_and_decisions_is_on_record() {
    let app = TestApp::start();
    app.given_regular("seen", 100_000);
    let bought = app.buy(purchase("seen", 4_500));
    let made = ids(&[&bought]);
    let named = || pb::GetDecisionRequest {
        decision_id: bought.decision_id.clone(),
        reference: String::new(),
    };
    let whose = || Some("seen".to_owned());
    let expect = |found: (String, _, _, _),
                  who: &str,
                  account: Option<String>,
                  decisions: &[_],
                  criteria: &str| {
        let expected = (who.to_owned(), account, decisions.to_vec(), criteria.to_owned());
        assert_eq!(found, expected);
    };
    let found = told(&app, || drop(app.try_get("auditor", named()).unwrap()));
    expect(found, "auditor local GetDecision", whose(), &made, "");
    let found = told(&app, || drop(app.try_list("auditor", of_account("seen")).unwrap()));
    expect(found, "auditor local ListDecisions", whose(), &made, "");
    let found = told(&app, || drop(app.try_account("auditor", "seen").unwrap()));
    expect(found, "auditor local GetAccount", whose(), &[], "");
    let found = told(&app, || drop(app.try_restrictions("compliance", "seen").unwrap()));
    expect(found, "compliance local ListRestrictions", whose(), &[], "");
    let found = told(&app, || drop(app.try_summary("agent", "seen").unwrap()));
    expect(found, "agent local GetAccountSummary", whose(), &made, "");
    let preview = pb::PreviewSpendingPowerRequest {
        account_id: "seen".to_owned(),
        market: "DE".to_owned(),
        currency_code: "EUR".to_owned(),
        ..pb::PreviewSpendingPowerRequest::default()
    };
    let found = told(&app, || drop(app.try_preview("auditor", preview.clone()).unwrap()));
    expect(found, "auditor local PreviewSpendingPower", whose(), &[], "");
    // What is not there is shown to nobody, and others' reads are their own affair.
    let none = left(&app, || {
        app.try_account("auditor", "unknown").unwrap_err();
        app.try_get("checkout", named()).unwrap();
        app.try_list("checkout", of_account("seen")).unwrap();
        app.try_account("ledger", "seen").unwrap();
        app.try_restrictions("ledger", "seen").unwrap();
        app.try_preview("checkout", preview).unwrap();
    });
    assert_eq!(none, []);
}

#[test]
fn b24_by_what_staff_searched_is_on_record() {
    let app = TestApp::start();
    app.given_regular("seen", 100_000);
    let made = ids(&[&app.buy(purchase("seen", 4_500))]);
    let filter = pb::DecisionFilter {
        reason_codes: vec![pb::ReasonCode::PaymentOverdue.into()],
        create_time_from: Some(stamp(app.now())),
        ..pb::DecisionFilter::default()
    };
    let at_shop = pb::ListDecisionsRequest {
        merchant_id: MERCHANT.to_owned(),
        filter: Some(filter),
        ..pb::ListDecisionsRequest::default()
    };
    let (_, account, decisions, criteria) =
        told(&app, || drop(app.try_list("auditor", at_shop).unwrap()));
    assert_eq!((account, decisions), (None, vec![]));
    let words = format!("merchant={MERCHANT} code=PAYMENT_OVERDUE from=");
    assert!(criteria.starts_with(&words), "{criteria}");
    let search = pb::SearchDecisionsRequest {
        search: Some(Search::Order(pb::OrderSearch {
            merchant_order_reference: "Anna Andersson".to_owned(),
            merchant_id: String::new(),
        })),
        ..pb::SearchDecisionsRequest::default()
    };
    // Nothing was found, and somebody has looked.
    let found = told(&app, || drop(app.try_search("agent", search).unwrap()));
    assert_eq!(found, ("agent local SearchDecisions".into(), None, vec![], "by=order".into()));
    let search = pb::SearchDecisionsRequest {
        search: Some(Search::Purchase(pb::PurchaseSearch {
            merchant_id: MERCHANT.to_owned(),
            amount: Some(euro(4_500)),
            time: Some(stamp(app.now())),
            ..pb::PurchaseSearch::default()
        })),
        ..pb::SearchDecisionsRequest::default()
    };
    let (_, _, decisions, criteria) = told(&app, || drop(app.try_search("agent", search).unwrap()));
    assert_eq!(decisions, made);
    assert!(criteria.starts_with(&format!("by=purchase merchant={MERCHANT} from=")), "{criteria}");
}

#[test]
fn b24_what_reviewers_are_shown_is_on_record() {
    let app = TestApp::start();
    app.given_regular("seen", 100_000);
    let pending = app.under_review("seen", 4_500);
    let case = ids(&[&pending]);
    let case_id = pending.decision_id.clone();
    let mut reviews = app.reviews();
    let whose = Some("seen".to_owned());
    let list = ANNA.asks(pb::ListReviewCasesRequest::default());
    let found = told(&app, || drop(app.block_on(reviews.list_review_cases(list)).unwrap()));
    assert_eq!(found, ("reviewer anna ListReviewCases".into(), None, case.clone(), "".into()));
    let get = ANNA.asks(pb::GetReviewCaseRequest { case_id: case_id.clone() });
    let found = told(&app, || drop(app.block_on(reviews.get_review_case(get)).unwrap()));
    assert_eq!(found, ("reviewer anna GetReviewCase".into(), whose, case.clone(), "".into()));
    let notes = pb::ListReviewNotesRequest { case_id: case_id.clone(), ..Default::default() };
    let notes = AUDITOR.asks(notes);
    let found = told(&app, || drop(app.block_on(reviews.list_review_notes(notes)).unwrap()));
    assert_eq!(found, ("auditor otto ListReviewNotes".into(), None, case.clone(), "".into()));
    let related = pb::ListRelatedDecisionsRequest { case_id, ..Default::default() };
    let related = AUDITOR.asks(related);
    let (who, _, decisions, criteria) =
        told(&app, || drop(app.block_on(reviews.list_related_decisions(related)).unwrap()));
    assert_eq!(who, "auditor otto ListRelatedDecisions");
    assert_eq!((decisions[0], criteria), (case[0], format!("case={}", case[0])));
}

#[test]
fn b24_what_staff_are_shown_of_cards_is_on_record() {
    let app = TestApp::start();
    app.given_regular("seen", 100_000);
    let list =
        || pb::ListOneTimeCardsRequest { account_id: "seen".to_owned(), ..Default::default() };
    let mut cards = app.cards();
    let asked = by("agent", list());
    let found = told(&app, || drop(app.block_on(cards.list_one_time_cards(asked)).unwrap()));
    let whose = Some("seen".to_owned());
    assert_eq!(found, ("agent local ListOneTimeCards".into(), whose, vec![], "".into()));
    let asked = by("issuer", list());
    let none = left(&app, || drop(app.block_on(cards.list_one_time_cards(asked)).unwrap()));
    assert_eq!(none, []);
}

#[test]
fn reads_of_somebody_outlive_their_erasure() {
    let app = TestApp::start();
    app.given_regular("gone", 100_000);
    app.try_summary("agent", "gone").unwrap();
    let request = pb::EraseAccountRequest {
        request_id: new_id(),
        account_id: "gone".to_owned(),
        guest: None,
    };
    app.try_erase("compliance", request).unwrap();
    let reads = on_record(&app);
    assert_eq!(reads.len(), 1);
    assert_eq!(reads[0].seen.account.as_ref().map(ToString::to_string).as_deref(), Some("gone"));
}
