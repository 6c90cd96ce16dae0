//! Reading answers: codes, outcomes, errors, and decisions without what is new in each.

use surety::grpc::pb;
use tonic::{Code, Status};
use tonic_types::StatusExt;

pub use pb::DecisionOutcome::{Approved, Declined, ManualReview};

/// All codes of a decision, in the order of their rank.
pub fn codes(decision: &pb::Decision) -> Vec<&'static str> {
    decision.reasons.iter().map(short).collect()
}

/// The codes that decided.
pub fn decisive(decision: &pb::Decision) -> Vec<&'static str> {
    let decides = |reason: &&pb::Reason| reason.effect() == pb::ReasonEffect::Decisive;
    decision.reasons.iter().filter(decides).map(short).collect()
}

fn short(reason: &pb::Reason) -> &'static str {
    reason.code().as_str_name().trim_start_matches("REASON_CODE_")
}

/// Fails with all codes when the outcome is another one.
#[track_caller]
pub fn expect(decision: &pb::Decision, outcome: pb::DecisionOutcome, decided_by: &[&str]) {
    let found = (decision.outcome(), decisive(decision));
    assert_eq!(found, (outcome, decided_by.to_vec()), "all codes: {:?}", codes(decision));
}

/// A decision without its ids and without how long it took: what two equal ones have in common.
pub fn blanked(decision: &pb::Decision) -> pb::Decision {
    let mut blank = decision.clone();
    for id in [&mut blank.decision_id, &mut blank.reference, &mut blank.etag] {
        id.clear();
    }
    blank.decision_duration = None;
    if let Some(step_up) = &mut blank.step_up {
        step_up.step_up_id.clear();
    }
    if let Some(review) = &mut blank.review {
        review.case_number.clear();
    }
    blank
}

/// Status code and the reason in its details.
pub fn refusal(status: &Status) -> (Code, String) {
    let info = status.get_error_details().error_info().cloned();
    (status.code(), info.map(|info| info.reason).unwrap_or_default())
}

/// The fields that a bad request names, in order of their names.
pub fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone());
    let mut fields: Vec<String> =
        violations.unwrap_or_default().into_iter().map(|violation| violation.field).collect();
    fields.sort();
    fields
}

/// What a failed precondition is about.
pub fn precondition(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.precondition_failure().map(|failure| failure.violations.clone());
    violations.unwrap_or_default().into_iter().map(|violation| violation.subject).collect()
}
