//! The one table from the service's errors to gRPC statuses with google.rpc details.

use std::collections::HashMap;
use std::time::Duration;

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::domain::{Fault, FaultKind};
use crate::service::Error;
use crate::telemetry::Cause;

const DOMAIN: &str = "surety";
/// Details travel in a header, and some clients take no more than 8 KiB of them.
const FAULTS_MAX: usize = 25;
/// When a call that is being worked on may be sent again.
const IN_PROGRESS_DELAY: Duration = Duration::from_millis(50);
/// When a call that could not be worked on may be sent again.
const UNAVAILABLE_DELAY: Duration = Duration::from_millis(200);

/// Reasons of what is refused before anything is done for it.
const RATE_LIMIT: &str = "CALLER_RATE_LIMIT";
const SHEDDING: &str = "SHEDDING";
const TOO_SHORT: &str = "DEADLINE_TOO_SHORT";
pub const TOO_LARGE: &str = "REQUEST_TOO_LARGE";
/// Whose quota it is.
pub const OF_CALLER: &str = "caller";
pub const OF_ACCOUNT: &str = "caller and account";

/// Tells a gRPC client's own retries how long to wait.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        let text = error.to_string();
        match error {
            Error::Invalid(faults) => invalid(&faults),
            Error::NotFound { what, reason, name } => {
                let mut details = details(reason);
                details.set_resource_info(what, name, "", "");
                Status::with_error_details(Code::NotFound, text, details)
            }
            Error::Precondition { reason, subject, description } => {
                let mut details = details(reason);
                details.add_precondition_failure_violation(reason, subject, description);
                Status::with_error_details(Code::FailedPrecondition, text, details)
            }
            Error::Forbidden { reason, .. } => refused(Code::PermissionDenied, reason, text),
            Error::Conflict { reason, .. } => refused(Code::Aborted, reason, text),
            Error::InProgress => {
                let details = details("REQUEST_IN_PROGRESS");
                later(Code::Aborted, text, details, IN_PROGRESS_DELAY)
            }
            Error::Unavailable { reason } => {
                later(Code::Unavailable, text, details(reason), UNAVAILABLE_DELAY)
            }
            Error::Unexpected { incident } => {
                let mut details = details("UNEXPECTED");
                details.set_request_info(incident, "");
                Status::with_error_details(Code::Internal, text, details)
            }
        }
    }
}

/// A caller asked for more than its quota; `wait` is the time until it may ask again.
pub fn over_quota(subject: &str, description: String, wait: Duration) -> Status {
    let mut details = details(RATE_LIMIT);
    let text = format!("too many calls of this {subject}; {description}");
    details.add_quota_failure_violation(subject, description);
    // Rounded up: who comes back a moment too early is refused again.
    let millis = wait.as_micros().div_ceil(1_000);
    let wait = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
    later(Code::ResourceExhausted, text, details, wait)
}

/// There is more to do than can be done now.
pub fn shed(again: Duration) -> Status {
    let text = "too much to do; send the same request again".to_owned();
    later(Code::Unavailable, text, details(SHEDDING), again)
}

/// Too little time is left to do anything; `least` would do.
pub fn too_short(least: Duration) -> Status {
    let text = format!("nothing was begun: expected a deadline of at least {least:?}");
    refused(Code::DeadlineExceeded, TOO_SHORT, text)
}

/// Why a call was refused before anything was done for it, if it was.
pub fn cause(status: &Status) -> Option<Cause> {
    match status.code() {
        Code::Unauthenticated => return Some(Cause::Unauthenticated),
        Code::PermissionDenied => return Some(Cause::Forbidden),
        Code::ResourceExhausted | Code::Unavailable | Code::DeadlineExceeded => {}
        _ => return None,
    }
    let details = status.get_error_details();
    Some(match details.error_info()?.reason.as_str() {
        RATE_LIMIT => {
            let violations = &details.quota_failure()?.violations;
            match violations.iter().any(|violation| violation.subject == OF_ACCOUNT) {
                true => Cause::AccountRate,
                false => Cause::Rate,
            }
        }
        SHEDDING => Cause::Shed,
        TOO_SHORT => Cause::Deadline,
        TOO_LARGE => Cause::MessageSize,
        "DRAINING" => Cause::Draining,
        _ => return None,
    })
}

/// A status with its reason and nothing else.
pub fn refused(code: Code, reason: &str, text: impl Into<String>) -> Status {
    Status::with_error_details(code, text, details(reason))
}

fn details(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new())
}

fn invalid(faults: &[Fault]) -> Status {
    let gravest = faults.iter().map(|fault| fault.kind).max().unwrap_or(FaultKind::FieldInvalid);
    let mut details = details(match gravest {
        FaultKind::FieldInvalid => "FIELD_INVALID",
        FaultKind::CurrencyUnknown => "CURRENCY_UNKNOWN",
        FaultKind::PanNotAccepted => "PAN_NOT_ACCEPTED",
        FaultKind::RequestIdReused => "REQUEST_ID_REUSED",
    });
    for fault in faults.iter().take(FAULTS_MAX) {
        details.add_bad_request_violation(&fault.field, &fault.problem);
    }
    let text = match faults {
        [] => "the request is invalid".to_owned(),
        [only] => format!("{}: {}", only.field, only.problem),
        [first, rest @ ..] => {
            format!("{}: {}; and {} more", first.field, first.problem, rest.len())
        }
    };
    Status::with_error_details(Code::InvalidArgument, text, details)
}

/// A status after which the same call may be sent again.
fn later(code: Code, text: String, mut details: ErrorDetails, delay: Duration) -> Status {
    details.set_retry_info(Some(delay));
    let mut metadata = MetadataMap::new();
    let millis = u32::try_from(delay.as_millis()).unwrap_or(u32::MAX);
    metadata.insert(PUSHBACK, MetadataValue::from(millis));
    Status::with_error_details_and_metadata(code, text, details, metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(field: &str, kind: FaultKind) -> Fault {
        Fault { field: field.into(), problem: "required".into(), kind }
    }

    #[test]
    fn every_error_has_its_code_and_reason() {
        let text = String::new;
        let rows = [
            (Error::Invalid(vec![]), Code::InvalidArgument, "FIELD_INVALID"),
            (
                Error::NotFound {
                    what: "decision",
                    reason: "DECISION_NOT_FOUND",
                    name: "7F3K".into(),
                },
                Code::NotFound,
                "DECISION_NOT_FOUND",
            ),
            (
                Error::Precondition {
                    reason: "APPROVAL_EXPIRED",
                    subject: text(),
                    description: text(),
                },
                Code::FailedPrecondition,
                "APPROVAL_EXPIRED",
            ),
            (
                Error::Forbidden { reason: "SIGNATURE_INVALID", description: text() },
                Code::PermissionDenied,
                "SIGNATURE_INVALID",
            ),
            (
                Error::Conflict { reason: "ETAG_MISMATCH", description: text() },
                Code::Aborted,
                "ETAG_MISMATCH",
            ),
            (Error::InProgress, Code::Aborted, "REQUEST_IN_PROGRESS"),
            (Error::Unavailable { reason: "DRAINING" }, Code::Unavailable, "DRAINING"),
            (Error::Unexpected { incident: text() }, Code::Internal, "UNEXPECTED"),
        ];
        for (error, code, reason) in rows {
            let status = Status::from(error);
            assert_eq!(status.code(), code, "{reason}");
            let info = status.get_error_details().error_info().cloned().unwrap();
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, DOMAIN));
        }
    }

    #[test]
    fn faults_are_named_by_field_and_the_gravest_gives_the_reason() {
        let status = Status::from(Error::Invalid(vec![
            fault("context.market", FaultKind::FieldInvalid),
            fault("context.instrument.token", FaultKind::PanNotAccepted),
            fault("context.amount.currency_code", FaultKind::CurrencyUnknown),
        ]));
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "PAN_NOT_ACCEPTED");
        let fields = &details.bad_request().unwrap().field_violations;
        assert_eq!(fields.len(), 3);
        assert_eq!(fields[0].field, "context.market");
        assert_eq!(status.message(), "context.market: required; and 2 more");
    }

    #[test]
    fn a_flood_of_faults_fits_a_header() {
        let faults = vec![fault("context.items[199].category_code", FaultKind::FieldInvalid); 600];
        let status = Status::from(Error::Invalid(faults));
        assert!(status.details().len() < 4_096, "{}", status.details().len());
    }

    #[test]
    fn what_may_be_sent_again_says_when() {
        let status = Status::from(Error::Unavailable { reason: "STORE_UNAVAILABLE" });
        assert_eq!(status.metadata().get(PUSHBACK).unwrap(), "200");
        let retry = status.get_error_details().retry_info().unwrap().retry_delay;
        assert_eq!(retry, Some(UNAVAILABLE_DELAY));
    }
}
