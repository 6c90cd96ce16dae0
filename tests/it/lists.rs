//! Looking decisions up and listing them; and who may make which call.

use surety::domain::Span;
use surety::grpc::pb;
use tonic::{Code, Status};

use crate::support::{
    Approved, Declined, TestApp, account, by, codes, confirmation, fields, lifting, new_id,
    purchase, refusal, stamp,
};

fn of_account(account: &str) -> pb::ListDecisionsRequest {
    pb::ListDecisionsRequest {
        account_id: account.to_owned(),
        ..pb::ListDecisionsRequest::default()
    }
}

/// All pages, and the ids on each.
fn pages(app: &TestApp, request: pb::ListDecisionsRequest) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut token = String::new();
    loop {
        let request = pb::ListDecisionsRequest { page_token: token, ..request.clone() };
        let page = app.try_list("auditor", request).unwrap();
        pages.push(page.decisions.into_iter().map(|decision| decision.decision_id).collect());
        token = page.next_page_token;
        if token.is_empty() {
            return pages;
        }
        assert!(pages.len() < 50, "a list without end");
    }
}

#[test]
fn a_list_is_newest_first_whole_and_without_repetitions() {
    let app = TestApp::start();
    app.given_regular("many", 100_000);
    let mut made = Vec::new();
    for number in 0..11 {
        made.push(app.buy(purchase("many", 1_000 + number)).decision_id);
        // Some at the same moment.
        if number % 3 == 0 {
            app.advance(Span::minutes(11));
        }
    }
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    for page_size in [1, 3, 11, 50, 1_000] {
        let pages = pages(&app, pb::ListDecisionsRequest { page_size, ..of_account("many") });
        assert!(pages.iter().all(|page| page.len() <= usize::try_from(page_size).unwrap()));
        assert_eq!(sorted(pages.concat()), sorted(made.clone()), "pages of {page_size}");
    }
    let all = app.try_list("auditor", of_account("many")).unwrap().decisions;
    let times: Vec<i64> = all.iter().map(|d| d.create_time.unwrap().seconds).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    // What comes meanwhile does not move what is on the next page.
    let first = pb::ListDecisionsRequest { page_size: 5, ..of_account("many") };
    let page = app.try_list("auditor", first.clone()).unwrap();
    app.advance(Span::minutes(11));
    app.buy(purchase("many", 2_000));
    let second = pb::ListDecisionsRequest { page_token: page.next_page_token, ..first };
    let next = app.try_list("auditor", second).unwrap();
    assert_eq!(next.decisions[..5], all[5..10]);
}

#[test]
fn a23_a_list_finds_by_outcome_state_code_and_time() {
    let app = TestApp::start();
    app.given_regular("finds", 10_000);
    let approved = app.buy(purchase("finds", 4_500));
    let canceled = app.cancel(&app.buy(purchase("finds", 4_600)), pb::CancelReason::Customer);
    app.advance(Span::minutes(30));
    let later = stamp(app.now());
    let declined = app.buy(purchase("finds", 20_000));
    let pending = app.buy(pb::PurchaseContext { device: None, ..purchase("finds", 4_700) });
    let found = |filter: pb::DecisionFilter| {
        let request = pb::ListDecisionsRequest { filter: Some(filter), ..of_account("finds") };
        let mut ids = pages(&app, request).concat();
        ids.sort();
        ids
    };
    let ids = |decisions: &[&pb::Decision]| {
        let mut ids: Vec<String> = decisions.iter().map(|d| d.decision_id.clone()).collect();
        ids.sort();
        ids
    };
    let none = pb::DecisionFilter::default;
    let outcomes = vec![pb::DecisionOutcome::Approved.into()];
    let by_outcome = pb::DecisionFilter { outcomes: outcomes.clone(), ..none() };
    assert_eq!(found(by_outcome), ids(&[&approved, &canceled]));
    let states = vec![pb::DecisionState::Canceled.into(), pb::DecisionState::Pending.into()];
    let by_state = pb::DecisionFilter { states, ..none() };
    assert_eq!(found(by_state), ids(&[&canceled, &pending]));
    let reason_codes = vec![pb::ReasonCode::CreditLimitExceeded.into()];
    assert_eq!(found(pb::DecisionFilter { reason_codes, ..none() }), ids(&[&declined]));
    let from = pb::DecisionFilter { create_time_from: Some(later), ..none() };
    assert_eq!(found(from), ids(&[&declined, &pending]));
    let until = pb::DecisionFilter { create_time_until: Some(later), ..none() };
    assert_eq!(found(until), ids(&[&approved, &canceled]));
    let states = vec![pb::DecisionState::Final.into()];
    let both = pb::DecisionFilter { outcomes, states, ..none() };
    assert_eq!(found(both), ids(&[&approved]));
    // By what time has made of them.
    app.advance(Span::hours(1));
    let states = vec![pb::DecisionState::Expired.into()];
    let expired = pb::DecisionFilter { states, ..none() };
    assert_eq!(found(expired), ids(&[&approved, &pending]));
}

#[test]
fn a23_a60_a_decision_is_found_by_its_reference_as_people_write_it() {
    let app = TestApp::start();
    app.given_regular("quotes", 10_000);
    let decision = app.buy(purchase("quotes", 4_500));
    let reference = &decision.reference;
    let spoken = format!("{}-{}", &reference[..4], reference[4..].to_lowercase());
    for reference in [reference.clone(), spoken] {
        let request = pb::GetDecisionRequest { decision_id: String::new(), reference };
        assert_eq!(app.try_get("auditor", request).unwrap(), decision);
    }
    let request = pb::GetDecisionRequest { decision_id: new_id(), reference: String::new() };
    let not_found = (Code::NotFound, "DECISION_NOT_FOUND".to_owned());
    assert_eq!(refusal(&app.try_get("auditor", request).unwrap_err()), not_found);
    let request = pb::GetDecisionRequest::default();
    assert_eq!(fields(&app.try_get("auditor", request).unwrap_err()), ["decision_id"]);
}

#[test]
fn a_checkout_cannot_search_by_a_code_that_it_may_not_see() {
    let app = TestApp::start();
    app.given_regular("secret", 100_000);
    let mut context = purchase("secret", 4_500);
    context.device.as_mut().unwrap().integrity = pb::DeviceIntegrity::Emulator.into();
    app.buy(context);
    let reason_codes = vec![pb::ReasonCode::DeviceIntegrityLow.into()];
    let filter = Some(pb::DecisionFilter { reason_codes, ..pb::DecisionFilter::default() });
    let request = pb::ListDecisionsRequest { filter, ..of_account("secret") };
    assert_eq!(app.try_list("auditor", request.clone()).unwrap().decisions.len(), 1);
    assert_eq!(app.try_list("checkout", request).unwrap().decisions.len(), 0);
}

const ROLES: [&str; 9] = [
    "checkout",
    "issuer",
    "ledger",
    "customer_app",
    "agent",
    "reviewer",
    "lead",
    "compliance",
    "auditor",
];

/// Every role that may make the call is let in, and no other.
fn only(roles: &[&str], call: impl Fn(&'static str) -> Option<Status>) {
    for role in ROLES {
        let refused = call(role).map(|status| refusal(&status));
        let not_allowed = (Code::PermissionDenied, "ROLE_NOT_ALLOWED".to_owned());
        assert_eq!(refused == Some(not_allowed), !roles.contains(&role), "{role}: {refused:?}");
    }
}

#[test]
fn a_role_makes_its_own_calls_only() {
    let app = TestApp::start();
    app.given_account("roles", 100_000);
    let decision = app.buy(purchase("roles", 1_000));
    let id = || decision.decision_id.clone();
    only(&["checkout", "auditor"], |role| {
        app.try_buy(role, "no id", purchase("roles", 1_000)).err()
    });
    only(&["checkout", "auditor"], |role| app.try_list(role, of_account("roles")).err());
    only(&["checkout", "auditor"], |role| {
        let request = pb::GetDecisionRequest { decision_id: id(), reference: String::new() };
        app.try_get(role, request).err()
    });
    only(&["checkout", "customer_app", "auditor"], |role| {
        app.try_preview(role, pb::PreviewSpendingPowerRequest::default()).err()
    });
    only(&["ledger"], |role| {
        let account = Some(account("roles", 1));
        let request = pb::UpsertAccountRequest { request_id: String::new(), account };
        app.try_upsert(role, request).err()
    });
    only(&["ledger", "auditor"], |role| app.try_account(role, "roles").err());
    only(&["ledger"], |role| app.try_record(role, pb::RecordAccountEventsRequest::default()).err());
    only(&["ledger", "compliance"], |role| {
        app.try_hold(role, pb::SetRestrictionRequest::default()).err()
    });
    only(&["ledger", "agent", "compliance"], |role| app.try_lift(role, lifting(&new_id())).err());
    only(&["ledger", "compliance", "auditor"], |role| app.try_restrictions(role, "roles").err());
    only(&["ledger", "compliance"], |role| {
        app.try_erase(role, pb::EraseAccountRequest::default()).err()
    });
    only(&["agent", "compliance", "auditor"], |role| {
        app.try_search(role, pb::SearchDecisionsRequest::default()).err()
    });
    only(&["agent", "compliance", "auditor"], |role| app.try_summary(role, "roles").err());
    only(&["checkout"], |role| {
        let request = by(role, pb::CancelDecisionRequest::default());
        app.raw(|mut checkout| async move { checkout.cancel_decision(request).await.err() })
    });
    only(&["checkout"], |role| {
        let request =
            pb::ConfirmPurchaseRequest { request_id: String::new(), ..confirmation(&decision) };
        app.raw(
            |mut checkout| async move { checkout.confirm_purchase(by(role, request)).await.err() },
        )
    });
    only(&["checkout"], |role| {
        let request = by(role, pb::SubmitStepUpRequest::default());
        app.raw(|mut checkout| async move { checkout.submit_step_up(request).await.err() })
    });
}

#[test]
fn an_account_is_read_back_without_contact_and_written_only_as_last_read() {
    let app = TestApp::start();
    app.given_account("known", 100_000);
    let read = app.try_account("ledger", "known").unwrap();
    assert_eq!((read.email.as_str(), read.phone.as_str()), ("", ""));
    let write = |account| {
        let request = pb::UpsertAccountRequest { request_id: new_id(), account: Some(account) };
        app.try_upsert("ledger", request)
    };
    let with_etag = pb::Account { etag: read.etag.clone(), ..account("known", 50_000) };
    let written = write(with_etag.clone()).unwrap().into_inner().account.unwrap();
    assert_ne!(written.etag, read.etag);
    let stale = write(with_etag).unwrap_err();
    assert_eq!(refusal(&stale), (Code::Aborted, "ETAG_MISMATCH".to_owned()));
    let unknown = app.try_account("ledger", "unknown").unwrap_err();
    assert_eq!(refusal(&unknown), (Code::NotFound, "ACCOUNT_NOT_FOUND".to_owned()));
}

#[test]
fn pages_of_a_checkout_do_not_tell_of_codes_that_it_is_not_shown() {
    let app = TestApp::start();
    for account in ["with", "without"] {
        app.given_regular(account, 100_000);
    }
    // The second, fourth and fifth of an account are approved in spite of a weak sign.
    for number in 0..6 {
        for account in ["with", "without"] {
            let mut context = purchase(account, 1_000 + number);
            if account == "with" && [1, 3, 4].contains(&number) {
                context.network.as_mut().unwrap().kind = pb::NetworkKind::PublicHotspot.into();
            }
            let hidden = context.network.as_ref().unwrap().kind();
            let bought = app.buy(context);
            let has = codes(&bought).contains(&"PUBLIC_NETWORK_USED");
            assert_eq!(has, hidden == pb::NetworkKind::PublicHotspot, "{bought:?}");
            assert_eq!(bought.outcome(), Approved, "{:?}", codes(&bought));
        }
        app.advance(Span::days(2));
    }
    for account in ["with", "without"] {
        let declined = app.buy(purchase(account, 900_000));
        assert_eq!(declined.outcome(), Declined, "{:?}", codes(&declined));
    }
    // Decisions of each page, and the one that its token names, by their place in the whole list.
    let seen = |account: &str, page_size, codes: &[pb::ReasonCode]| {
        let all = app.try_list("checkout", of_account(account)).unwrap().decisions;
        let place = |id: &str| all.iter().position(|d| d.decision_id.replace('-', "") == id);
        let reason_codes = codes.iter().map(|code| (*code).into()).collect();
        let filter = Some(pb::DecisionFilter { reason_codes, ..pb::DecisionFilter::default() });
        let mut asked = pb::ListDecisionsRequest { filter, page_size, ..of_account(account) };
        let mut pages = Vec::new();
        loop {
            let page = app.try_list("checkout", asked.clone()).unwrap();
            let ids = page.decisions.iter().map(|d| place(&d.decision_id.replace('-', "")));
            let token = page.next_page_token;
            pages.push((ids.collect::<Vec<_>>(), token.get(16..).map(&place)));
            if token.is_empty() {
                return pages;
            }
            asked.page_token = token;
        }
    };
    use pb::ReasonCode::{CreditLimitExceeded, PublicNetworkUsed};
    for page_size in [1, 2, 3, 4, 200] {
        for (wanted, found) in [
            (&[PublicNetworkUsed][..], 0),
            (&[CreditLimitExceeded], 1),
            (&[PublicNetworkUsed, CreditLimitExceeded], 1),
        ] {
            let told = seen("with", page_size, wanted);
            assert_eq!(told, seen("without", page_size, wanted), "{wanted:?} by {page_size}");
            assert_eq!(told.iter().map(|(ids, _)| ids.len()).sum::<usize>(), found);
        }
    }
}
