//! A person who is erased: once, with a report, and without a trace in what is decided next.

use surety::domain::Span;
use surety::grpc::pb;
use tonic::Code;

use crate::support::{Approved, TestApp, euro, expect, new_id, purchase, refusal, replayed};

fn erasing(account: &str) -> pb::EraseAccountRequest {
    pb::EraseAccountRequest { request_id: new_id(), account_id: account.to_owned() }
}

#[test]
fn an_erasure_is_done_once_and_reported() {
    let app = TestApp::start();
    for account in ["gone", "stays"] {
        app.given_regular(account, 100_000);
        app.confirm(&app.buy(purchase(account, 4_500)));
    }
    let request = erasing("gone");
    let first = app.try_erase("ledger", request.clone()).unwrap();
    assert!(!replayed(&first));
    let report = *first.get_ref();
    // One purchase asked and confirmed, and twelve of the history.
    assert_eq!((report.raw_contexts, report.signal_events), (1, 14));
    // E-mail, profile, age, income, commitments and bureau; the account, its e-mail and phone.
    assert_eq!((report.account_fields, report.signal_parties), (6, 3));
    assert!(report.erase_time.is_some());

    app.advance(Span::minutes(5));
    let again = app.try_erase("ledger", request.clone()).unwrap();
    assert!(replayed(&again));
    assert_eq!(*again.get_ref(), report);
    let other = pb::EraseAccountRequest { account_id: "stays".to_owned(), ..request };
    let reused = (Code::InvalidArgument, "REQUEST_ID_REUSED".to_owned());
    assert_eq!(refusal(&app.try_erase("ledger", other).unwrap_err()), reused);
    let later = *app.try_erase("compliance", erasing("gone")).unwrap().get_ref();
    let nothing = pb::EraseAccountResponse { erase_time: later.erase_time, ..Default::default() };
    assert_eq!(later, nothing);
    let unknown = (Code::NotFound, "ACCOUNT_NOT_FOUND".to_owned());
    assert_eq!(refusal(&app.try_erase("ledger", erasing("nobody")).unwrap_err()), unknown);
}

#[test]
fn what_is_owed_stays_and_the_person_is_not_known_any_more() {
    let mut app = TestApp::start();
    app.given_regular("gone", 100_000);
    let etag = app.try_account("ledger", "gone").unwrap().etag;
    let bought = app.buy(purchase("gone", 4_500));
    app.confirm(&bought);
    app.try_erase("ledger", erasing("gone")).unwrap();
    for _ in 0..2 {
        let account = app.try_account("ledger", "gone").unwrap();
        assert_eq!(account.credit_limit, Some(euro(100_000)));
        assert_eq!((account.income, account.bureau, account.of_legal_age), (None, None, 0));
        assert_ne!(account.etag, etag);
        let summary = app.try_summary("agent", "gone").unwrap();
        assert_eq!(summary.outstanding, Some(euro(4_500)));
        assert_eq!(summary.plans.len(), 1);
        assert_eq!(summary.known_devices, []);
        assert_eq!(summary.decisions.len(), 1);
        // What the signals knew is gone, and a start does not bring it back.
        app.restart();
    }

    // The lender may write the account again; then all is as with anybody.
    app.given_regular("gone", 100_000);
    app.advance(Span::minutes(11));
    expect(&app.buy(purchase("gone", 4_500)), Approved, &[]);
}
