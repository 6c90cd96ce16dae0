//! Reads what reviewers ask for: cases, claims, verdicts, notes and links.

use super::account::etag;
use super::decision::page_size;
use super::reader::{Path, Reader, invalid};
use super::{call, page};
use crate::domain::{
    CallId, CaseClaim, CaseEscalation, CaseRelease, CaseResolution, Country, DecisionId, Fault,
    ID_MAX, LinkKind, NextCase, NoteAddition, NoteQuery, Problem, ReasonCode, RelatedQuery,
    ReviewCaseFilter, ReviewCaseState, ReviewQueue, ReviewVerdict, StepUpKind, Verdict,
    not_a_card_number, opaque_id,
};
use crate::grpc::pb;

/// Characters of a note: less says nothing, more is no note.
const NOTE_LENGTH: std::ops::RangeInclusive<usize> = 10..=2_000;
const CODES_MAX: usize = 4;
const STEP_UPS_MAX: usize = 5;
const FILTER_MAX: usize = 10;
const FILTER_CODES_MAX: usize = 20;

/// Which cases to list, and of which queue.
pub fn list_review_cases(
    mut r: Reader,
    request: pb::ListReviewCasesRequest,
) -> Result<(Option<ReviewQueue>, ReviewCaseFilter), Vec<Fault>> {
    let at = &Path::ROOT;
    let queue = r.word::<ReviewQueue>(&at.field("queue"), request.queue);
    let filter = request.filter.unwrap_or_default();
    let filter_at = &at.field("filter");
    let states = states(&mut r, filter_at, &filter.states);
    let codes = codes(&mut r, &filter_at.field("reason_codes"), filter_at, &filter);
    let assignee_at = filter_at.field("assignee");
    let assignee = r.optional(&assignee_at, &filter.assignee, |text| opaque_id(text, ID_MAX));
    let market = r.optional(&filter_at.field("market"), &filter.market, Country::parse);
    let from_at = filter_at.field("create_time_from");
    let until_at = filter_at.field("create_time_until");
    let from = r.time(&from_at, filter.create_time_from.as_ref());
    let until = r.time(&until_at, filter.create_time_until.as_ref());
    let order = pb::ReviewOrder::try_from(request.order_by);
    if order.is_err() {
        r.fault(&at.field("order_by"), "expected a value of the enum that this server knows");
    }
    let page_size = page_size(&mut r, &at.field("page_size"), request.page_size);
    let after = r.optional(&at.field("page_token"), &request.page_token, page::parse);
    let read = || {
        let filter = ReviewCaseFilter {
            queues: Vec::new(),
            states,
            assignee: assignee.map(str::to_owned),
            market,
            codes,
            from,
            until,
            newest: order == Ok(pb::ReviewOrder::Newest),
            after,
            page_size: page_size?,
        };
        Some((queue, filter))
    };
    r.finish(read())
}

fn states(r: &mut Reader, at: &Path, numbers: &[i32]) -> Vec<ReviewCaseState> {
    let mut states = Vec::new();
    for (place, &number) in r.list(&at.field("states"), numbers, FILTER_MAX).iter().enumerate() {
        states.extend(r.required_word::<ReviewCaseState>(&at.item("states", place), number));
    }
    states
}

fn codes(
    r: &mut Reader,
    list_at: &Path,
    at: &Path,
    filter: &pb::ReviewCaseFilter,
) -> Vec<ReasonCode> {
    let mut codes = Vec::new();
    let numbers = r.list(list_at, &filter.reason_codes, FILTER_CODES_MAX);
    for (place, &number) in numbers.iter().enumerate() {
        codes.extend(r.required_word::<ReasonCode>(&at.item("reason_codes", place), number));
    }
    codes
}

/// The name of a case.
pub fn case_id(mut r: Reader, text: &str) -> Result<DecisionId, Vec<Fault>> {
    let id = case(&mut r, text);
    r.finish(id)
}

fn case(r: &mut Reader, text: &str) -> Option<DecisionId> {
    r.take(&Path::ROOT.field("case_id"), DecisionId::parse(text))
}

/// A case to take.
pub fn claim_review_case(
    mut r: Reader,
    request: pb::ClaimReviewCaseRequest,
) -> Result<CaseClaim, Vec<Fault>> {
    let call = call(&mut r, "ClaimReviewCase", &request.request_id, &request);
    let case = case(&mut r, &request.case_id);
    let etag = r.optional(&Path::ROOT.field("etag"), &request.etag, etag);
    let reassign = request.reassign;
    let read = || Some(CaseClaim { call: call?, case: case?, etag, reassign });
    r.finish(read())
}

/// A case to give back.
pub fn release_review_case(
    mut r: Reader,
    request: pb::ReleaseReviewCaseRequest,
) -> Result<CaseRelease, Vec<Fault>> {
    let call = call(&mut r, "ReleaseReviewCase", &request.request_id, &request);
    let case = case(&mut r, &request.case_id);
    let read = || Some(CaseRelease { call: call?, case: case? });
    r.finish(read())
}

/// The queue from which to take a case.
pub fn claim_next_review_case(
    mut r: Reader,
    request: pb::ClaimNextReviewCaseRequest,
) -> Result<NextCase, Vec<Fault>> {
    let call = call(&mut r, "ClaimNextReviewCase", &request.request_id, &request);
    let queue = r.word(&Path::ROOT.field("queue"), request.queue);
    let read = || Some(NextCase { call: call?, queue });
    r.finish(read())
}

/// What a person decides.
pub fn resolve_review_case(
    mut r: Reader,
    request: pb::ResolveReviewCaseRequest,
) -> Result<CaseResolution, Vec<Fault>> {
    let at = &Path::ROOT;
    let call: Option<CallId> = call(&mut r, "ResolveReviewCase", &request.request_id, &request);
    let case = case(&mut r, &request.case_id);
    let etag = r.take(&at.field("etag"), some(&request.etag).and_then(etag));
    let verdict = verdict(&mut r, at, &request);
    let note = note(&mut r, &at.field("note"), &request.note);
    let read = || {
        let (call, case, etag) = (call?, case?, etag?);
        Some(CaseResolution { call, case, etag, verdict: verdict?, note: note? })
    };
    r.finish(read())
}

fn some(text: &str) -> Result<&str, Problem> {
    if text.is_empty() { invalid("required") } else { Ok(text) }
}

fn verdict(r: &mut Reader, at: &Path, request: &pb::ResolveReviewCaseRequest) -> Option<Verdict> {
    let (codes_at, kinds_at) = (at.field("codes"), at.field("step_up_kinds"));
    let verdict = r.required_word::<ReviewVerdict>(&at.field("verdict"), request.verdict);
    let declines = verdict == Some(ReviewVerdict::Decline);
    let asks = verdict == Some(ReviewVerdict::RequestStepUp);
    for (list_at, sent, wanted) in
        [(&codes_at, &request.codes, declines), (&kinds_at, &request.step_up_kinds, asks)]
    {
        match (sent.is_empty(), wanted) {
            (true, true) => r.fault(list_at, "required for this verdict"),
            (false, false) => r.fault(list_at, "must be empty for this verdict"),
            (true, false) | (false, true) => {}
        }
    }
    let mut codes: Vec<ReasonCode> = Vec::new();
    for (place, &number) in r.list(&codes_at, &request.codes, CODES_MAX).iter().enumerate() {
        let code_at = at.item("codes", place);
        let code = r.required_word(&code_at, number);
        if code.is_some_and(|code| codes.contains(&code)) {
            r.fault(&code_at, "must be stated once only");
        }
        codes.extend(code);
    }
    let mut kinds: Vec<StepUpKind> = Vec::new();
    for (place, &number) in
        r.list(&kinds_at, &request.step_up_kinds, STEP_UPS_MAX).iter().enumerate()
    {
        let kind_at = at.item("step_up_kinds", place);
        let kind = r.required_word(&kind_at, number);
        if kind == Some(StepUpKind::CompleteProfile) {
            r.fault(&kind_at, "is asked for by the rules, and cleared by the profile alone");
        }
        kinds.extend(kind.filter(|kind| !kinds.contains(kind)));
    }
    Some(match verdict? {
        ReviewVerdict::Approve => Verdict::Approve,
        ReviewVerdict::Decline => Verdict::Decline(codes),
        ReviewVerdict::RequestStepUp => Verdict::StepUp(kinds),
        ReviewVerdict::RequestInformation => Verdict::Information,
    })
}

/// A case for another queue.
pub fn escalate_review_case(
    mut r: Reader,
    request: pb::EscalateReviewCaseRequest,
) -> Result<CaseEscalation, Vec<Fault>> {
    let at = &Path::ROOT;
    let call = call(&mut r, "EscalateReviewCase", &request.request_id, &request);
    let case = case(&mut r, &request.case_id);
    let to = r.required_word(&at.field("to_queue"), request.to_queue);
    let note = note(&mut r, &at.field("note"), &request.note);
    let read = || Some(CaseEscalation { call: call?, case: case?, to: to?, note: note? });
    r.finish(read())
}

/// A note to add.
pub fn add_review_note(
    mut r: Reader,
    request: pb::AddReviewNoteRequest,
) -> Result<NoteAddition, Vec<Fault>> {
    let call = call(&mut r, "AddReviewNote", &request.request_id, &request);
    let case = case(&mut r, &request.case_id);
    let text = note(&mut r, &Path::ROOT.field("text"), &request.text);
    let read = || Some(NoteAddition { call: call?, case: case?, text: text? });
    r.finish(read())
}

/// Text of people for people: it may have several lines.
fn note(r: &mut Reader, at: &Path, text: &str) -> Option<String> {
    let text = text.trim();
    let one_line = text.replace(['\n', '\r', '\t'], " ");
    let fits = NOTE_LENGTH.contains(&text.chars().count());
    if !fits || one_line.chars().any(char::is_control) {
        r.fault(at, "expected 10 to 2000 characters without control characters");
        return None;
    }
    r.take(at, not_a_card_number(&one_line).map(|_| text.to_owned()))
}

/// Which notes to list.
pub fn list_review_notes(
    mut r: Reader,
    request: pb::ListReviewNotesRequest,
) -> Result<NoteQuery, Vec<Fault>> {
    let at = &Path::ROOT;
    let case = case(&mut r, &request.case_id);
    let page_size = page_size(&mut r, &at.field("page_size"), request.page_size);
    let after = r.optional(&at.field("page_token"), &request.page_token, page::parse);
    let read = || Some(NoteQuery { case: case?, page_size: page_size?, after });
    r.finish(read())
}

/// By which links to look for decisions.
pub fn list_related_decisions(
    mut r: Reader,
    request: pb::ListRelatedDecisionsRequest,
) -> Result<RelatedQuery, Vec<Fault>> {
    let at = &Path::ROOT;
    let case = case(&mut r, &request.case_id);
    let mut kinds = Vec::new();
    for (place, &number) in
        r.list(&at.field("kinds"), &request.kinds, FILTER_MAX).iter().enumerate()
    {
        kinds.extend(r.required_word::<LinkKind>(&at.item("kinds", place), number));
    }
    if kinds.is_empty() {
        kinds = LinkKind::ALL.to_vec();
    }
    let page_size = page_size(&mut r, &at.field("page_size"), request.page_size);
    let after = r.optional(&at.field("page_token"), &request.page_token, page::parse_related);
    let read = || Some(RelatedQuery { case: case?, kinds, page_size: page_size?, after });
    r.finish(read())
}
