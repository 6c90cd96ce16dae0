//! Why a call could not be answered, by what its caller can do about it.

use thiserror::Error;

use crate::domain::Fault;
use crate::ledger::{self, PreconditionReason};

/// Why a call could not be answered. The edges turn it into their own words, once.
#[derive(Debug, Error)]
pub enum Error {
    /// The request itself is wrong; the same one will never work.
    #[error("the request is invalid")]
    Invalid(Vec<Fault>),
    /// Nothing of that name, or nothing that the caller may see.
    #[error("no such {what}")]
    NotFound {
        /// What was looked for, for example `decision`.
        what: &'static str,
        /// For example `DECISION_NOT_FOUND`.
        reason: &'static str,
        /// The name that was asked for.
        name: String,
    },
    /// The thing is not in a state that allows the call.
    #[error("{description}")]
    Precondition {
        /// For example `APPROVAL_EXPIRED`.
        reason: &'static str,
        /// The field or thing that does not hold.
        subject: String,
        /// What was expected.
        description: String,
    },
    /// The caller may not do this.
    #[error("{description}")]
    Forbidden {
        /// For example `SIGNATURE_INVALID`.
        reason: &'static str,
        /// What would be needed.
        description: String,
    },
    /// Somebody else wrote meanwhile: read again, then write.
    #[error("{description}")]
    Conflict {
        /// For example `ETAG_MISMATCH`.
        reason: &'static str,
        /// What differs.
        description: String,
    },
    /// The same `request_id` is being worked on.
    #[error("the same request is being worked on")]
    InProgress,
    /// Not now; the same call may be sent again.
    #[error("temporarily unavailable")]
    Unavailable {
        /// For example `STORE_UNAVAILABLE`.
        reason: &'static str,
    },
    /// A fault of ours; `incident` finds it in the log.
    #[error("unexpected, incident {incident}")]
    Unexpected {
        /// Names the log entry.
        incident: String,
    },
}

impl Error {
    /// A fault of ours: logged here, once, under a name that the caller gets.
    pub fn unexpected(cause: &dyn std::fmt::Display) -> Error {
        let incident = uuid::Uuid::now_v7().simple().to_string();
        tracing::error!(incident, cause = %cause, "unexpected");
        Error::Unexpected { incident }
    }
}

impl From<ledger::Error> for Error {
    fn from(error: ledger::Error) -> Error {
        match error {
            ledger::Error::Unavailable(cause)
            | ledger::Error::Interrupted(cause)
            | ledger::Error::Full(cause) => {
                tracing::warn!(cause, "ledger unavailable");
                Error::Unavailable { reason: "STORE_UNAVAILABLE" }
            }
            ledger::Error::NotFound => {
                Error::NotFound { what: "object", reason: "NOT_FOUND", name: String::new() }
            }
            ledger::Error::Conflict => Error::Conflict {
                reason: "ETAG_MISMATCH",
                description: "changed meanwhile: read it again, then write".to_owned(),
            },
            ledger::Error::Precondition(refusal) => Error::Precondition {
                reason: reason_of(refusal.reason),
                subject: subject_of(refusal.reason).to_owned(),
                description: refusal.text,
            },
            ledger::Error::Corrupt(what) => Error::unexpected(&what),
        }
    }
}

fn reason_of(reason: PreconditionReason) -> &'static str {
    match reason {
        PreconditionReason::NotApproved => "DECISION_NOT_APPROVED",
        PreconditionReason::Expired => "APPROVAL_EXPIRED",
        PreconditionReason::Canceled
        | PreconditionReason::Superseded
        | PreconditionReason::Declined
        | PreconditionReason::Confirmed => "DECISION_NOT_OPEN",
        PreconditionReason::MerchantMismatch
        | PreconditionReason::CurrencyMismatch
        | PreconditionReason::AmountExceeded
        | PreconditionReason::CardAmount
        | PreconditionReason::CardCurrency => "APPROVAL_MISMATCH",
        PreconditionReason::CardState | PreconditionReason::CardGranted => "CARD_STATE",
        PreconditionReason::NetworkRequestReused => "REQUEST_ID_REUSED",
        PreconditionReason::CurrencyInUse => "ACCOUNT_CURRENCY_FIXED",
    }
}

/// The field or thing that does not hold.
fn subject_of(reason: PreconditionReason) -> &'static str {
    match reason {
        PreconditionReason::CardState => "one_time_card",
        PreconditionReason::CardAmount => "amount.minor_units",
        PreconditionReason::CardCurrency => "amount.currency_code",
        PreconditionReason::NetworkRequestReused => "network_request_id",
        _ => "decision",
    }
}
