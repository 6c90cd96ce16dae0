//! A person who is erased: once, with a report, and without a trace in what is decided next.

use surety::domain::Span;
use surety::grpc::pb;
use tonic::Code;

use crate::support::{
    Approved, TestApp, euro, expect, guest_purchase, new_id, purchase, refusal, replayed,
};

fn erasing(account: &str) -> pb::EraseAccountRequest {
    pb::EraseAccountRequest { request_id: new_id(), account_id: account.to_owned(), guest: None }
}

fn erasing_guest(email: &str, phone: &str) -> pb::EraseAccountRequest {
    let (email, phone) = (email.to_owned(), phone.to_owned());
    let guest = Some(pb::GuestIdentity { email, phone, ..pb::GuestIdentity::default() });
    pb::EraseAccountRequest { guest, ..erasing("") }
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

#[test]
fn a_guest_is_erased_as_its_purchases_named_it() {
    let app = TestApp::start();
    let bought = app.buy(guest_purchase("gone@mail.example", 2_000));
    app.buy(guest_purchase("stays@mail.example", 2_000));
    // Letters in either case are the same mailbox; where an e-mail is sent it is the name.
    let request = erasing_guest("Gone@mail.example", "+4479460958231");
    let first = app.try_erase("compliance", request.clone()).unwrap();
    let report = *first.get_ref();
    assert_eq!((report.raw_contexts, report.signal_events, report.account_fields), (1, 1, 0));
    // The guest, counted as an account is, its e-mail and its device.
    assert_eq!(report.signal_parties, 3);
    let again = app.try_erase("compliance", request.clone()).unwrap();
    assert!(replayed(&again) && *again.get_ref() == report);
    let reused = pb::EraseAccountRequest { request_id: request.request_id, ..erasing("gone") };
    let refused = app.try_erase("compliance", reused).unwrap_err();
    assert_eq!(refusal(&refused), (Code::InvalidArgument, "REQUEST_ID_REUSED".to_owned()));
    let later = app.try_erase("ledger", erasing_guest("gone@mail.example", "")).unwrap();
    assert_eq!((later.get_ref().raw_contexts, later.get_ref().signal_parties), (0, 0));
    // What was decided stays, and so does everybody else.
    assert_eq!(app.look_up("auditor", &bought.decision_id).reference, bought.reference);
    let other = app.try_erase("ledger", erasing_guest("stays@mail.example", "")).unwrap();
    assert_eq!(other.get_ref().raw_contexts, 1);

    let unknown = app.try_erase("ledger", erasing_guest("", "+4479460958231")).unwrap_err();
    assert_eq!(refusal(&unknown), (Code::NotFound, "GUEST_NOT_FOUND".to_owned()));
    assert!(!unknown.message().contains("4479"), "{unknown:?}");
    let both = pb::EraseAccountRequest { account_id: "gone".into(), ..erasing_guest("a@b.c", "") };
    for odd in [both, erasing(""), erasing_guest("", ""), erasing_guest("no address", "")] {
        let refused = app.try_erase("ledger", odd).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    }
}
