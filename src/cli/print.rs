//! Decisions and errors as people read them on a terminal.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Result, anyhow};
use tonic_types::StatusExt;

use crate::grpc::pb;

/// Writes a page to standard output; a reader who has seen enough, as `head` has, is no fault.
pub(super) fn page(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints a decision with its reasons, and with their evidence where the role may see it.
pub(super) fn decision(decision: &pb::Decision) {
    print!("{}", text(decision));
}

fn text(decision: &pb::Decision) -> String {
    let mut out = String::new();
    let outcome = short(decision.outcome().as_str_name(), "DECISION_OUTCOME_");
    let state = short(decision.state().as_str_name(), "DECISION_STATE_");
    line(&mut out, format_args!("{outcome} ({state})  reference {}", decision.reference));
    line(&mut out, format_args!("decision  {}", decision.decision_id));
    for reason in &decision.reasons {
        let code = short(reason.code().as_str_name(), "REASON_CODE_");
        let effect = short(reason.effect().as_str_name(), "REASON_EFFECT_").to_lowercase();
        line(&mut out, format_args!("  {}. {code} ({effect})", reason.rank));
        for evidence in &reason.evidence {
            let window = match evidence.window.as_str() {
                "" => String::new(),
                window => format!(" in {window}"),
            };
            line(
                &mut out,
                format_args!(
                    "     {} = {}{window}, rule: {}",
                    evidence.key, evidence.observed, evidence.threshold
                ),
            );
        }
    }
    if let Some(step_up) = &decision.step_up {
        let kinds: Vec<String> = step_up
            .kinds()
            .map(|kind| short(kind.as_str_name(), "STEP_UP_KIND_").to_lowercase())
            .collect();
        line(&mut out, format_args!("step-up   {} ({})", kinds.join(", "), step_up.step_up_id));
    }
    if let Some(review) = &decision.review {
        line(&mut out, format_args!("review    {}", review.case_number));
    }
    if let Some(message) = &decision.message {
        line(&mut out, format_args!("customer  {}: {}", message.title, message.body));
    }
    out
}

/// Writing into a string cannot fail.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _written = writeln!(out, "{text}");
}

/// An enum value's name without its enum's.
pub(super) fn short<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}

/// A refused call in one line, all its faults named.
pub(super) fn status(status: tonic::Status) -> anyhow::Error {
    let details = status.get_error_details();
    let mut faults = String::new();
    for violation in details.bad_request().map_or(&[][..], |bad| &bad.field_violations) {
        let _written = write!(faults, "; {}: {}", violation.field, violation.description);
    }
    let reason = details.error_info().map_or("", |info| info.reason.as_str());
    anyhow!("{:?} {reason}: {}{faults}", status.code(), status.message())
}
