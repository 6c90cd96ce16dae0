//! Which cases are seen by whom, and what is noted on them and linked to them.

use surety::domain::Span;
use surety::grpc::pb;
use tonic::Code;

use crate::support::{
    ANNA, AUDITOR, BEN, CORA, LEA, Staff, TestApp, account, by, claiming, device, fields, new_id,
    noting, purchase, refusal, refused, replayed, stamp, ten_cases,
};

const SECURITY: pb::ReviewQueue = pb::ReviewQueue::Security;

fn not_found() -> (Code, String) {
    (Code::NotFound, "REVIEW_CASE_NOT_FOUND".to_owned())
}

fn forbidden() -> (Code, String) {
    (Code::PermissionDenied, "ROLE_NOT_ALLOWED".to_owned())
}

fn claimed() -> (Code, String) {
    (Code::Aborted, "ALREADY_CLAIMED".to_owned())
}

fn listing(filter: pb::ReviewCaseFilter) -> pb::ListReviewCasesRequest {
    pb::ListReviewCasesRequest { filter: Some(filter), ..Default::default() }
}

fn escalation(id: &str, to: pb::ReviewQueue) -> pb::EscalateReviewCaseRequest {
    pb::EscalateReviewCaseRequest {
        request_id: new_id(),
        case_id: id.to_owned(),
        to_queue: to.into(),
        note: "somebody else should look".to_owned(),
    }
}

#[test]
fn the_queue_of_compliance_does_not_exist_for_others() {
    let app = TestApp::start();
    app.given_regular("open", 100_000);
    app.given_regular("hidden", 100_000);
    let open = app.under_review("open", 4_500).decision_id;
    let id = app.under_review("hidden", 4_500).decision_id;
    assert_eq!(app.case_ids(ANNA).len(), 2);
    app.claim(ANNA, &id).unwrap();
    let request = escalation(&id, pb::ReviewQueue::Compliance);
    let gone = app.escalate(ANNA, request.clone()).unwrap();
    assert_eq!(gone.queue(), pb::ReviewQueue::Compliance);
    assert_eq!((gone.state(), gone.claim), (pb::ReviewCaseState::Escalated, None));
    // A retry is answered as it was.
    assert_eq!(app.escalate(ANNA, request).unwrap().etag, gone.etag);

    for staff in [ANNA, LEA] {
        let page = app.cases(staff, pb::ListReviewCasesRequest::default()).unwrap();
        assert_eq!((page.review_cases.len(), page.total_size), (1, 1));
        let compliance = pb::ReviewQueue::Compliance.into();
        let asked = pb::ListReviewCasesRequest { queue: compliance, ..Default::default() };
        assert_eq!(app.cases(staff, asked).unwrap(), pb::ListReviewCasesResponse::default());
        assert_eq!(refused(app.case(staff, &id)), not_found());
        assert_eq!(refused(app.claim(staff, &id)), not_found());
        assert_eq!(refused(app.release(staff, &id)), not_found());
        assert_eq!(refused(app.note(staff, noting(&id, "what is it about?"))), not_found());
        let again = escalation(&id, pb::ReviewQueue::Credit);
        assert_eq!(refused(app.escalate(staff, again)), not_found());
        assert_eq!(app.claim_next(staff, pb::ReviewQueue::Compliance).unwrap(), None);
        let next = app.claim_next(staff, pb::ReviewQueue::Unspecified).unwrap().unwrap();
        assert_eq!(next.case_id, open);
        app.release(staff, &open).unwrap();
    }
    // The same words as for what was never there.
    let unknown = app.case(ANNA, &new_id()).unwrap_err();
    assert_eq!(refusal(&unknown), not_found());
    assert_eq!(unknown.message(), app.case(ANNA, &id).unwrap_err().message());

    assert_eq!(app.cases(AUDITOR, Default::default()).unwrap().total_size, 2);
    assert_eq!(refused(app.claim(AUDITOR, &id)), forbidden());
    assert_eq!(refused(app.claim(CORA, &open)), forbidden(), "compliance works on its own queue");
    let next = app.claim_next(CORA, pb::ReviewQueue::Unspecified).unwrap().unwrap();
    assert_eq!(next.case_id, id);
    let back = app.escalate(CORA, escalation(&id, pb::ReviewQueue::Identity)).unwrap();
    assert_eq!(back.queue(), pb::ReviewQueue::Identity);
    assert!(app.case_ids(ANNA).contains(&id));
    for role in ["checkout", "agent", "ledger", "customer_app"] {
        assert_eq!(refused(app.case(Staff(role, "x"), &open)), forbidden(), "{role}");
    }
}

#[test]
fn what_compliance_wrote_stays_hidden_when_it_hands_a_case_back() {
    let app = TestApp::start();
    app.given_regular("handed", 100_000);
    let id = app.under_review("handed", 4_500).decision_id;
    app.claim(ANNA, &id).unwrap();
    app.note(ANNA, noting(&id, "the name looks like one on a list")).unwrap();
    app.escalate(ANNA, escalation(&id, pb::ReviewQueue::Compliance)).unwrap();
    app.advance(Span::minutes(1));
    app.claim(CORA, &id).unwrap();
    app.note(CORA, noting(&id, "reported to the authority")).unwrap();
    app.escalate(CORA, escalation(&id, SECURITY)).unwrap();
    app.advance(Span::minutes(1));
    app.claim(BEN, &id).unwrap();
    app.note(BEN, noting(&id, "has the phone changed?")).unwrap();

    let notes = |staff| {
        let mut request =
            pb::ListReviewNotesRequest { case_id: id.clone(), page_size: 1, ..Default::default() };
        let mut authors = Vec::new();
        loop {
            let page = app.notes(staff, request.clone()).unwrap();
            authors.extend(page.notes.into_iter().map(|note| note.author));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return authors;
            }
        }
    };
    let told_by_cora = |staff| -> Vec<bool> {
        let timeline = app.case(staff, &id).unwrap().timeline;
        assert_eq!(timeline.len(), 8);
        assert!(timeline[2].actor == "anna" && timeline[2].detail.contains("to COMPLIANCE"));
        let hers = timeline.iter().filter(|action| action.actor == "cora");
        hers.map(|action| !action.detail.is_empty()).collect()
    };
    for staff in [ANNA, BEN, LEA] {
        assert_eq!(notes(staff), ["anna", "ben"]);
        assert_eq!(told_by_cora(staff), [false, false, false]);
    }
    for staff in [CORA, AUDITOR] {
        assert_eq!(notes(staff), ["anna", "cora", "ben"]);
        assert_eq!(told_by_cora(staff), [false, true, true], "a claim has none");
    }
}

#[test]
fn whoever_changes_a_case_has_a_name() {
    let app = TestApp::start();
    app.given_regular("unnamed", 100_000);
    let id = app.under_review("unnamed", 4_500).decision_id;
    let request = by("reviewer", claiming(&id));
    let nobody = app.block_on(app.reviews().claim_review_case(request)).unwrap_err();
    assert_eq!(refusal(&nobody), (Code::InvalidArgument, "FIELD_INVALID".to_owned()));
    assert_eq!(fields(&nobody), ["metadata.surety-caller"]);
    let request = by("reviewer", pb::GetReviewCaseRequest { case_id: id });
    app.block_on(app.reviews().get_review_case(request)).unwrap();
}

#[test]
fn lists_show_the_least_time_left_first_and_page_on() {
    let app = TestApp::start();
    let all = ten_cases(&app);
    assert_eq!(app.case_ids(ANNA), all);
    let mut paged = Vec::new();
    let mut request = pb::ListReviewCasesRequest { page_size: 4, ..Default::default() };
    loop {
        let page = app.cases(ANNA, request.clone()).unwrap();
        assert_eq!(page.total_size, 10);
        paged.extend(page.review_cases.into_iter().map(|case| case.case_id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, all);
    let newest = pb::ListReviewCasesRequest {
        order_by: pb::ReviewOrder::Newest.into(),
        page_size: 3,
        ..Default::default()
    };
    let page = app.cases(ANNA, newest.clone()).unwrap();
    let ids = |page: pb::ListReviewCasesResponse| -> Vec<String> {
        page.review_cases.into_iter().map(|case| case.case_id).collect()
    };
    let more = pb::ListReviewCasesRequest { page_token: page.next_page_token.clone(), ..newest };
    let two: Vec<_> = [ids(page), ids(app.cases(ANNA, more).unwrap())].concat();
    assert_eq!(two, all.iter().rev().take(6).cloned().collect::<Vec<_>>());

    app.claim(ANNA, &all[3]).unwrap();
    let found = |filter| ids(app.cases(BEN, listing(filter)).unwrap());
    let states = |state: pb::ReviewCaseState| pb::ReviewCaseFilter {
        states: vec![state.into()],
        ..Default::default()
    };
    assert_eq!(found(states(pb::ReviewCaseState::Claimed)), all[3..4]);
    assert_eq!(found(states(pb::ReviewCaseState::Open)).len(), 9);
    assert!(found(states(pb::ReviewCaseState::Resolved)).is_empty());
    let mine = pb::ReviewCaseFilter { assignee: "anna".into(), ..Default::default() };
    assert_eq!(found(mine), all[3..4]);
    let market =
        |market: &str| pb::ReviewCaseFilter { market: market.into(), ..Default::default() };
    assert_eq!((found(market("DE")).len(), found(market("SE")).len()), (10, 0));
    let code = |code: pb::ReasonCode| pb::ReviewCaseFilter {
        reason_codes: vec![code.into()],
        ..Default::default()
    };
    assert_eq!(found(code(pb::ReasonCode::DeviceIntegrityLow)).len(), 10);
    assert_eq!(found(code(pb::ReasonCode::SanctionsPossibleMatch)).len(), 0);
    let since = Some(stamp(app.now() - Span::minutes(2)));
    let late = pb::ReviewCaseFilter { create_time_from: since, ..Default::default() };
    assert_eq!(found(late), all[7..]);
    app.advance(Span::days(2));
    app.under_review("a0", 4_600);
    assert_eq!(found(states(pb::ReviewCaseState::Expired)), all);
    app.claim_next(ANNA, SECURITY).unwrap();
    assert_eq!(found(states(pb::ReviewCaseState::Expired)), all, "tidied ones are there still");
}

#[test]
fn notes_are_kept_in_order_and_hold_no_card_numbers() {
    let app = TestApp::start();
    app.given_regular("noted", 100_000);
    let id = app.under_review("noted", 4_500).decision_id;
    let request = noting(&id, "the customer called us,\nand will send a document");
    let first = app.note(ANNA, request.clone()).unwrap();
    let second = app.note(ANNA, request).unwrap();
    assert!(!replayed(&first) && replayed(&second));
    let (first, second) = (first.into_inner(), second.into_inner());
    assert_eq!(first.note, second.note);
    assert_eq!(first.review_case.unwrap().notes_count, 1);
    app.advance(Span::minutes(1));
    app.note(BEN, noting(&id, "the document has come")).unwrap();
    for text in ["too short", "paid with 4111 1111 1111 1111"] {
        let status = app.note(ANNA, noting(&id, text)).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(!status.message().contains("4111"));
    }
    let mut request =
        pb::ListReviewNotesRequest { case_id: id.clone(), page_size: 1, ..Default::default() };
    let mut authors = Vec::new();
    loop {
        let page = app.notes(AUDITOR, request.clone()).unwrap();
        authors.extend(page.notes.into_iter().map(|note| note.author));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(authors, ["anna", "ben"]);
    let request = pb::ListReviewNotesRequest { case_id: new_id(), ..Default::default() };
    assert_eq!(refused(app.notes(ANNA, request)), not_found());
    assert_eq!(app.case(ANNA, &id).unwrap().review_case.unwrap().notes_count, 2);
}

#[test]
fn related_decisions_show_links_and_mask_other_customers() {
    let app = TestApp::start();
    app.given_regular("case", 100_000);
    for other in ["neighbour", "stranger", "namesake"] {
        let email = if other == "namesake" { "case@example.com" } else { "" };
        let email = if email.is_empty() { format!("{other}@example.com") } else { email.into() };
        app.given(pb::Account { email, ..account(other, 100_000) });
    }
    let own = app.buy(purchase("case", 1_000)).decision_id;
    let mut shared = purchase("neighbour", 1_100);
    shared.device = Some(device("case-phone"));
    let by_device = app.buy(shared).decision_id;
    let mut far = purchase("stranger", 1_200);
    far.network.as_mut().unwrap().ip_address = "198.51.100.99".into();
    let unlinked = app.buy(far).decision_id;
    let mut mail = purchase("namesake", 1_300);
    mail.network.as_mut().unwrap().ip_address = "192.0.2.200".into();
    let by_email = app.buy(mail).decision_id;
    let id = app.under_review("case", 4_500).decision_id;

    let request = pb::ListRelatedDecisionsRequest { case_id: id.clone(), ..Default::default() };
    let mut all = Vec::new();
    let mut next = request.clone();
    loop {
        let page = app.related(ANNA, next.clone()).unwrap();
        all.extend(page.decisions);
        next.page_token = page.next_page_token;
        if next.page_token.is_empty() {
            break;
        }
    }
    let find = |id: &String| all.iter().find(|related| related.decision_id == *id);
    assert!(find(&unlinked).is_none() && find(&id).is_none());
    let mine = find(&own).unwrap();
    assert!(mine.same_customer && mine.customer == "case");
    use pb::LinkKind::{Account, Device, Email, Network};
    let kinds = |related: &pb::RelatedDecision| -> Vec<pb::LinkKind> {
        related.links.iter().map(|link| link.kind()).collect()
    };
    assert_eq!(kinds(mine), [Account]);
    assert_eq!(kinds(find(&by_device).unwrap()), [Device, Network]);
    assert_eq!(kinds(find(&by_email).unwrap()), [Email]);
    let other = find(&by_device).unwrap();
    assert!(!other.same_customer && other.customer.starts_with("customer-"));
    assert!(!format!("{all:?}").contains("neighbour"));
    assert_eq!(other.links[0].strength(), pb::LinkStrength::Medium);

    let only = pb::ListRelatedDecisionsRequest { kinds: vec![Email.into()], ..request.clone() };
    let page = app.related(ANNA, only).unwrap();
    assert_eq!(page.decisions.len(), 1);
    let unknown = pb::ListRelatedDecisionsRequest { case_id: new_id(), ..request };
    assert_eq!(refused(app.related(ANNA, unknown)), not_found());
}

#[test]
fn cases_outlive_a_restart() {
    let mut app = TestApp::start();
    app.given_regular("kept", 100_000);
    let id = app.under_review("kept", 4_500).decision_id;
    let case = app.claim(ANNA, &id).unwrap();
    app.restart();
    let found = app.case(ANNA, &id).unwrap().review_case.unwrap();
    assert_eq!(found, case);
    assert_eq!(refused(app.claim(BEN, &id)), claimed());
}
