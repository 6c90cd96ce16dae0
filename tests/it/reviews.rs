//! What a person decides: who has a case, what a verdict does, and what it cannot do.

use surety::domain::Span;
use surety::grpc::pb;
use tonic::Code;

use pb::ReviewVerdict::{Approve, Decline, RequestInformation, RequestStepUp};

use crate::support::{
    ANNA, AUDITOR, Approved, BEN, CORA, Declined, LEA, ManualReview, Staff, TestApp, claiming,
    codes, decisive, declining, expect, new_id, purchase, refusal, refused, replayed, verdict,
};

const SECURITY: pb::ReviewQueue = pb::ReviewQueue::Security;

fn aborted(reason: &str) -> (Code, String) {
    (Code::Aborted, reason.to_owned())
}

fn failed(reason: &str) -> (Code, String) {
    (Code::FailedPrecondition, reason.to_owned())
}

#[test]
fn an_approval_decides_again_and_reserves() {
    let app = TestApp::start();
    app.given_regular("waits", 100_000);
    let pending = app.under_review("waits", 4_500);
    assert_eq!(app.preview("waits"), 100_000, "a pending decision reserves nothing");
    let case = app.claim(ANNA, &pending.decision_id).unwrap();
    assert_eq!(case.state(), pb::ReviewCaseState::Claimed);
    assert_eq!(case.claim.as_ref().unwrap().claimant, "anna");
    assert_eq!(case.request.as_ref().unwrap().account_id, "waits");
    assert_eq!(case.case_number, pending.review.unwrap().case_number);
    let evidence = &case.decision.as_ref().unwrap().reasons[0].evidence;
    assert!(!evidence.is_empty(), "a reviewer sees what was looked at");

    let answer = app.resolve(ANNA, verdict(&case, Approve)).unwrap();
    let made = app.look_up("auditor", &answer.decision.unwrap().decision_id);
    expect(&made, Approved, &[]);
    assert_eq!(app.preview("waits"), 95_500);
    let closed = answer.review_case.unwrap();
    assert_eq!((closed.state(), closed.verdict()), (pb::ReviewCaseState::Resolved, Approve));
    assert_eq!((closed.resolved_by.as_str(), closed.claim), ("anna", None));

    // Whoever polls the first decision learns the outcome, as the shop that asked.
    let request =
        pb::GetDecisionRequest { decision_id: pending.decision_id.clone(), ..Default::default() };
    let told = app.raw(|mut client| async move { client.get_decision(request).await }).unwrap();
    let told = told.into_inner();
    let (old, new) = (told.decision.unwrap(), told.current_decision.unwrap());
    assert_eq!(old.state(), pb::DecisionState::Superseded);
    assert_eq!(old.superseded_by, made.decision_id);
    assert_eq!((new.decision_id.as_str(), new.outcome()), (made.decision_id.as_str(), Approved));
    app.confirm(&new);
    assert_eq!(app.case_ids(ANNA), Vec::<String>::new());

    let timeline = app.case(ANNA, &pending.decision_id).unwrap().timeline;
    let told: Vec<_> = timeline.iter().map(|a| (a.kind(), a.actor.as_str())).collect();
    use pb::ReviewActionKind::{Claimed, Resolved};
    assert_eq!(told, [(Claimed, "anna"), (Resolved, "anna")]);
    assert_eq!(timeline[1].detail, "APPROVE: called the customer back");
}

#[test]
fn a_refusal_stands_on_codes_that_reviewers_may_give() {
    use pb::ReasonCode as Code;
    let app = TestApp::start();
    app.given_regular("refused", 100_000);
    let pending = app.under_review("refused", 4_500);
    let case = app.claim(ANNA, &pending.decision_id).unwrap();
    for (codes, field) in [
        (vec![Code::DeviceIntegrityLow, Code::CreditLimitExceeded], "codes[1]"),
        (vec![Code::ReviewNotCompletedInTime], "codes[0]"),
        // That of compliance is for compliance.
        (vec![Code::SanctionsPossibleMatch], "codes[0]"),
    ] {
        let status = app.resolve(ANNA, declining(&case, &codes)).unwrap_err();
        assert_eq!(crate::support::fields(&status), [field]);
    }
    let grounds = [Code::IdentitySharedAcrossAccounts, Code::DeviceIntegrityLow];
    let answer = app.resolve(ANNA, declining(&case, &grounds)).unwrap();
    let made = app.look_up("auditor", &answer.decision.unwrap().decision_id);
    assert_eq!(made.outcome(), Declined);
    let named = decisive(&made);
    assert_eq!(named.len(), 2);
    assert!(named.contains(&"IDENTITY_SHARED_ACROSS_ACCOUNTS"), "{named:?}");
    let of_reviewer = |r: &&pb::Reason| r.component() == pb::ReasonComponent::Reviewer;
    assert_eq!(made.reasons.iter().filter(of_reviewer).count(), 2);
    assert_eq!(made.state(), pb::DecisionState::Final);
    assert!(!made.message.unwrap().body.is_empty());
    assert_eq!(app.preview("refused"), 100_000);
}

#[test]
fn what_declines_and_the_limit_still_decide() {
    let app = TestApp::start();
    app.given_regular("full", 10_000);
    let pending = app.under_review("full", 4_500);
    app.confirm(&app.buy(purchase("full", 6_000)));
    expect(&app.approve(ANNA, &pending.decision_id), Declined, &["CREDIT_LIMIT_EXCEEDED"]);
    assert_eq!(app.preview("full"), 4_000);

    app.given_regular("held", 100_000);
    let pending = app.under_review("held", 4_500);
    app.hold("held", pb::RestrictionKind::Security, Span::days(1));
    expect(&app.approve(ANNA, &pending.decision_id), Declined, &["ACCOUNT_SECURITY_HOLD"]);

    // What only compliance may end is a new case of theirs.
    app.given_regular("listed", 100_000);
    let pending = app.under_review("listed", 4_500);
    app.hold("listed", pb::RestrictionKind::Compliance, Span::days(1));
    let held = app.approve(ANNA, &pending.decision_id);
    assert_eq!(held.outcome(), ManualReview);
    assert_eq!(refused(app.case(ANNA, &held.decision_id)).0, Code::NotFound);
    expect(&app.approve(CORA, &held.decision_id), Approved, &[]);
}

#[test]
fn a_step_up_that_a_reviewer_asks_for_clears_the_review() {
    let app = TestApp::start();
    app.given_regular("asked", 100_000);
    for (passed, outcome) in [(true, Approved), (false, Declined)] {
        let pending = app.under_review("asked", 4_500 + i64::from(passed));
        let case = app.claim(ANNA, &pending.decision_id).unwrap();
        let kind = pb::StepUpKind::IdentityDocument;
        let request = pb::ResolveReviewCaseRequest {
            step_up_kinds: vec![kind.into()],
            ..verdict(&case, RequestStepUp)
        };
        let answer = app.resolve(ANNA, request).unwrap();
        let asked = app.look_up("auditor", &answer.decision.unwrap().decision_id);
        assert_eq!((asked.outcome(), asked.state()), (ManualReview, pb::DecisionState::Pending));
        assert_eq!(asked.step_up.as_ref().unwrap().kinds().collect::<Vec<_>>(), [kind]);
        assert_eq!(asked.review, None);
        assert_eq!(app.preview("asked"), 100_000);
        let made = app.step_up(&asked, passed);
        assert_eq!(made.outcome(), outcome, "{:?}", codes(&made));
        if passed {
            app.cancel(&made, pb::CancelReason::Customer);
        }
        app.advance(Span::minutes(20));
    }
}

#[test]
fn information_is_waited_for_and_the_case_is_free_meanwhile() {
    let app = TestApp::start();
    app.given_regular("told", 100_000);
    let pending = app.under_review("told", 4_500);
    let case = app.claim(ANNA, &pending.decision_id).unwrap();
    let answer = app.resolve(ANNA, verdict(&case, RequestInformation)).unwrap();
    assert_eq!(answer.decision, None);
    let waits = answer.review_case.unwrap();
    assert_eq!(waits.state(), pb::ReviewCaseState::Waiting);
    assert_eq!(waits.waits_for(), pb::ReviewWait::Information);
    assert_eq!(waits.claim, None);
    assert_eq!(app.look_up("auditor", &pending.decision_id), pending);
    assert_eq!(app.claim_next(BEN, SECURITY).unwrap(), None, "there is nothing to do yet");
    expect(&app.approve(BEN, &pending.decision_id), Approved, &[]);
}

#[test]
fn a_large_amount_needs_a_second_person_who_leads() {
    let app = TestApp::start();
    app.given_regular("large", 100_000);
    let pending = app.under_review("large", 50_000);
    let id = &pending.decision_id;
    let case = app.claim(ANNA, id).unwrap();
    let first = app.resolve(ANNA, verdict(&case, Approve)).unwrap();
    assert_eq!(first.decision, None);
    let case = first.review_case.unwrap();
    assert_eq!(case.state(), pb::ReviewCaseState::Waiting);
    assert_eq!(case.waits_for(), pb::ReviewWait::SecondPerson);
    assert_eq!(case.first_approver, "anna");
    assert_eq!(app.preview("large"), 100_000, "nothing is reserved by one alone");

    let needed = (Code::PermissionDenied, "SECOND_PERSON_NEEDED".to_owned());
    for staff in [ANNA, BEN, Staff("lead", "anna")] {
        assert_eq!(app.claim_next(staff, SECURITY).unwrap(), None, "{staff:?}");
        let case = app.claim(staff, id).unwrap();
        assert_eq!(refused(app.resolve(staff, verdict(&case, Approve))), needed, "{staff:?}");
        app.release(staff, id).unwrap();
    }
    let case = app.claim_next(LEA, SECURITY).unwrap().unwrap();
    assert_eq!((&case.case_id, case.waits_for()), (id, pb::ReviewWait::SecondPerson));
    let answer = app.resolve(LEA, verdict(&case, Approve)).unwrap();
    let made = app.look_up("auditor", &answer.decision.unwrap().decision_id);
    expect(&made, Approved, &[]);
    assert_eq!(app.preview("large"), 50_000);
    let timeline = app.case(AUDITOR, id).unwrap().timeline;
    use pb::ReviewActionKind::{ApprovedFirst, Resolved};
    let first = timeline.iter().find(|a| a.kind() == ApprovedFirst).unwrap();
    let last = timeline.iter().find(|a| a.kind() == Resolved).unwrap();
    assert_eq!((first.actor.as_str(), last.actor.as_str()), ("anna", "lea"));

    // One person is enough to refuse.
    app.cancel(&made, pb::CancelReason::Customer);
    let pending = app.under_review("large", 50_000);
    let case = app.claim(ANNA, &pending.decision_id).unwrap();
    let grounds = [pb::ReasonCode::DeviceIntegrityLow];
    let answer = app.resolve(ANNA, declining(&case, &grounds)).unwrap();
    assert_eq!(answer.decision.unwrap().outcome(), Declined);
}

#[test]
fn deciding_is_for_who_has_read_and_claimed_the_case() {
    let app = TestApp::start();
    app.given_regular("mine", 100_000);
    let pending = app.under_review("mine", 4_500);
    let id = &pending.decision_id;
    let read = app.case(ANNA, id).unwrap().review_case.unwrap();
    assert_eq!(refused(app.resolve(ANNA, verdict(&read, Approve))), failed("CASE_NOT_CLAIMED"));
    let case = app.claim(ANNA, id).unwrap();
    assert_eq!(refused(app.resolve(ANNA, verdict(&read, Approve))), aborted("ETAG_MISMATCH"));
    assert_eq!(refused(app.resolve(BEN, verdict(&case, Approve))), aborted("ALREADY_CLAIMED"));
    let mut without = verdict(&case, Approve);
    without.etag.clear();
    assert_eq!(refused(app.resolve(ANNA, without)).0, Code::InvalidArgument);
    // The claim ran out, and nobody else has it.
    app.advance(Span::minutes(15));
    assert_eq!(refused(app.resolve(ANNA, verdict(&case, Approve))), failed("CASE_NOT_CLAIMED"));
    let again = app.claim(ANNA, id).unwrap();
    assert_ne!(again.etag, case.etag);
    app.resolve(ANNA, verdict(&again, Approve)).unwrap();
    // Decided is decided.
    let closed = app.case(ANNA, id).unwrap().review_case.unwrap();
    assert_eq!(refused(app.resolve(ANNA, verdict(&closed, Decline))).0, Code::InvalidArgument);
    assert_eq!(refused(app.resolve(ANNA, verdict(&closed, Approve))), failed("REVIEW_CASE_CLOSED"));
    assert_eq!(refused(app.claim(ANNA, id)), failed("REVIEW_CASE_CLOSED"));
}

#[test]
fn a_case_past_its_time_is_read_and_nothing_else() {
    let app = TestApp::start();
    app.given_regular("late", 100_000);
    let pending = app.under_review("late", 4_500);
    let id = &pending.decision_id;
    app.advance_to(app.now() + Span::hours(24) - Span::micros(1));
    let case = app.claim(ANNA, id).unwrap();
    assert_eq!(case.priority(), pb::ReviewPriority::Overdue);
    app.advance(Span::micros(1));
    let status = app.resolve(ANNA, verdict(&case, Approve)).unwrap_err();
    assert_eq!(refusal(&status), failed("REVIEW_CASE_CLOSED"));
    assert!(status.message().contains("EXPIRED"), "{}", status.message());
    assert_eq!(refused(app.claim(BEN, id)), failed("REVIEW_CASE_CLOSED"));
    assert_eq!(app.claim_next(BEN, SECURITY).unwrap(), None);
    assert_eq!(app.case_ids(ANNA), Vec::<String>::new());
    let lapsed = app.case(ANNA, id).unwrap().review_case.unwrap();
    assert_eq!((lapsed.state(), lapsed.claim), (pb::ReviewCaseState::Expired, None));
    let decision = lapsed.decision.unwrap();
    expect(&decision, Declined, &["REVIEW_NOT_COMPLETED_IN_TIME"]);
    assert_eq!(app.preview("late"), 100_000);

    // A request that was taken back is nothing to decide either.
    let pending = app.under_review("late", 4_600);
    let case = app.claim(ANNA, &pending.decision_id).unwrap();
    app.cancel(&pending, pb::CancelReason::Customer);
    assert_eq!(refused(app.resolve(ANNA, verdict(&case, Approve))), failed("REVIEW_CASE_CLOSED"));
    let closed = app.case(ANNA, &pending.decision_id).unwrap().review_case.unwrap();
    assert_eq!((closed.state(), closed.verdict), (pb::ReviewCaseState::Resolved, 0));
}

#[test]
fn a_retry_gets_the_first_answer_and_does_nothing() {
    let app = TestApp::start();
    app.given_regular("again", 100_000);
    let pending = app.under_review("again", 4_500);
    let claim = claiming(&pending.decision_id);
    let first = app.try_claim(ANNA, claim.clone()).unwrap();
    let second = app.try_claim(ANNA, claim.clone()).unwrap();
    assert!(!replayed(&first) && replayed(&second));
    let case = first.into_inner().review_case.unwrap();
    assert_eq!(second.into_inner().review_case.unwrap().etag, case.etag);
    // The key is the caller's own.
    assert_eq!(refused(app.try_claim(BEN, claim.clone())), aborted("ALREADY_CLAIMED"));
    let other = pb::ClaimReviewCaseRequest { case_id: new_id(), ..claim };
    assert_eq!(refused(app.try_claim(ANNA, other)).1, "REQUEST_ID_REUSED");

    let request = verdict(&case, Approve);
    let first = app.try_resolve(ANNA, request.clone()).unwrap();
    app.advance(Span::hours(2));
    let second = app.try_resolve(ANNA, request.clone()).unwrap();
    assert!(!replayed(&first) && replayed(&second));
    assert_eq!(first.into_inner().decision, second.into_inner().decision);
    assert_eq!(app.preview("again"), 100_000, "the one approval has ended");
    let other = pb::ResolveReviewCaseRequest { note: "something else".into(), ..request };
    assert_eq!(refused(app.resolve(ANNA, other)).1, "REQUEST_ID_REUSED");
}
