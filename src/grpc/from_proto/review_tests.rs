//! What is refused and what is read of the calls of reviewers.

use super::sample::NOW;
use super::{
    Reader, add_review_note, case_id, claim_next_review_case, claim_review_case,
    escalate_review_case, list_related_decisions, list_review_cases, list_review_notes,
    release_review_case, resolve_review_case,
};
use crate::domain::{
    Fault, FaultKind, LinkKind, PARTY_SECRET_LEN, PartyHasher, ReasonCode, ReviewQueue, StepUpKind,
    Verdict,
};
use crate::grpc::pb;

const ID: &str = "0193a2c4-6f0e-7c11-9a55-0d6c1f3b2a10";

/// Runs one of the readers.
macro_rules! read {
    ($reader:ident, $($argument:expr),*) => {{
        let hasher = PartyHasher::new(&[7; PARTY_SECRET_LEN]);
        $reader(Reader::new(&hasher, NOW), $($argument),*)
    }};
}

fn fields<T>(read: Result<T, Vec<Fault>>) -> Vec<String> {
    read.err().unwrap_or_default().into_iter().map(|fault| fault.field).collect()
}

fn resolution(verdict: pb::ReviewVerdict) -> pb::ResolveReviewCaseRequest {
    pb::ResolveReviewCaseRequest {
        request_id: ID.into(),
        case_id: ID.into(),
        etag: "1f".into(),
        verdict: verdict.into(),
        note: "looked at the device".into(),
        ..Default::default()
    }
}

#[test]
fn what_is_missing_is_named_for_every_call() {
    assert_eq!(fields(read!(case_id, "")), ["case_id"]);
    let claim = pb::ClaimReviewCaseRequest::default();
    assert_eq!(fields(read!(claim_review_case, claim)), ["request_id", "case_id"]);
    let release = pb::ReleaseReviewCaseRequest::default();
    assert_eq!(fields(read!(release_review_case, release)), ["request_id", "case_id"]);
    let next = pb::ClaimNextReviewCaseRequest { queue: 99, ..Default::default() };
    assert_eq!(fields(read!(claim_next_review_case, next)), ["request_id", "queue"]);
    let resolve = pb::ResolveReviewCaseRequest::default();
    assert_eq!(
        fields(read!(resolve_review_case, resolve)),
        ["request_id", "case_id", "etag", "verdict", "note"]
    );
    let escalate = pb::EscalateReviewCaseRequest::default();
    assert_eq!(
        fields(read!(escalate_review_case, escalate)),
        ["request_id", "case_id", "to_queue", "note"]
    );
    let note = pb::AddReviewNoteRequest::default();
    assert_eq!(fields(read!(add_review_note, note)), ["request_id", "case_id", "text"]);
    let notes = pb::ListReviewNotesRequest { page_size: -1, ..Default::default() };
    assert_eq!(fields(read!(list_review_notes, notes)), ["case_id", "page_size"]);
    let related = pb::ListRelatedDecisionsRequest {
        kinds: vec![0, 99],
        page_token: "x".into(),
        ..Default::default()
    };
    assert_eq!(
        fields(read!(list_related_decisions, related)),
        ["case_id", "kinds[0]", "kinds[1]", "page_token"]
    );
    let cases = pb::ListReviewCasesRequest {
        queue: 99,
        order_by: 7,
        filter: Some(pb::ReviewCaseFilter {
            states: vec![0],
            assignee: "a b".into(),
            market: "D".into(),
            reason_codes: vec![7],
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(
        fields(read!(list_review_cases, cases)),
        [
            "queue",
            "filter.states[0]",
            "filter.reason_codes[0]",
            "filter.assignee",
            "filter.market",
            "order_by"
        ]
    );
}

#[test]
fn a_verdict_brings_what_it_needs_and_nothing_else() {
    use pb::ReviewVerdict::{Approve, Decline, RequestInformation, RequestStepUp};
    let read = |request| read!(resolve_review_case, request).map(|read| read.verdict);
    assert_eq!(read(resolution(Approve)), Ok(Verdict::Approve));
    assert_eq!(read(resolution(RequestInformation)), Ok(Verdict::Information));
    assert_eq!(fields(read(resolution(Decline))), ["codes"]);
    assert_eq!(fields(read(resolution(RequestStepUp))), ["step_up_kinds"]);
    let with = |verdict, codes: &[i32], step_up_kinds: &[i32]| pb::ResolveReviewCaseRequest {
        codes: codes.to_vec(),
        step_up_kinds: step_up_kinds.to_vec(),
        ..resolution(verdict)
    };
    let declined =
        Verdict::Decline(vec![ReasonCode::DeviceIntegrityLow, ReasonCode::IdentityNotVerified]);
    assert_eq!(read(with(Decline, &[503, 106], &[])), Ok(declined));
    let asked = Verdict::StepUp(vec![StepUpKind::OneTimeCode]);
    assert_eq!(read(with(RequestStepUp, &[], &[3, 3])), Ok(asked));
    for (request, wrong) in [
        (with(Approve, &[503], &[1]), vec!["codes", "step_up_kinds"]),
        (with(Decline, &[503, 503], &[]), vec!["codes[1]"]),
        (with(Decline, &[503, 106, 107, 101, 102], &[]), vec!["codes"]),
        (with(Decline, &[9_999], &[]), vec!["codes[0]"]),
        (with(RequestStepUp, &[], &[4]), vec!["step_up_kinds[0]"]),
    ] {
        assert_eq!(fields(read(request)), wrong);
    }
}

#[test]
fn a_note_says_something_and_holds_no_card_number() {
    let note = |text: &str| {
        let request = pb::AddReviewNoteRequest {
            request_id: ID.into(),
            case_id: ID.into(),
            text: text.into(),
        };
        read!(add_review_note, request).map(|read| read.text)
    };
    assert_eq!(note("  called back:\nall is well  "), Ok("called back:\nall is well".into()));
    for (text, kind) in [
        ("   short     ", FaultKind::FieldInvalid),
        ("beep beep beep \u{7}", FaultKind::FieldInvalid),
        (&"x".repeat(2_001), FaultKind::FieldInvalid),
        ("the card was 4111 1111 1111 1111", FaultKind::PanNotAccepted),
        ("the card was 4111 1111\n1111 1111", FaultKind::PanNotAccepted),
    ] {
        let faults = note(text).unwrap_err();
        assert_eq!((faults.len(), faults[0].kind), (1, kind), "{text}");
    }
}

#[test]
fn what_is_not_said_means_all() {
    let related = pb::ListRelatedDecisionsRequest { case_id: ID.into(), ..Default::default() };
    let related = read!(list_related_decisions, related).unwrap();
    assert_eq!(related.kinds, LinkKind::ALL);
    assert_eq!((related.page_size, related.after), (50, None));
    let cases = pb::ListReviewCasesRequest { queue: 5, ..Default::default() };
    let (queue, filter) = read!(list_review_cases, cases).unwrap();
    assert_eq!(queue, Some(ReviewQueue::Compliance));
    assert!(filter.states.is_empty() && !filter.newest && filter.page_size == 50);
}
