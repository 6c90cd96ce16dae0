//! Why a call to the ledger gave no answer, by what the caller can do about it.

/// What went wrong. Nothing that failed has left anything behind, but for `Unavailable`, whose
/// outcome is unknown until the same key is asked again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The ledger cannot be reached, opened or written; the text is for operators.
    #[error("{0}")]
    Unavailable(String),
    #[error("not found in the ledger")]
    NotFound,
    /// The object was changed by somebody else since it was read.
    #[error("changed meanwhile: read it again first")]
    Conflict,
    #[error("{0}")]
    Precondition(Precondition),
    /// What is stored does not read as what was written.
    #[error("the ledger holds data that cannot be read: {0}")]
    Corrupt(String),
}

/// Why a write is refused in the present state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Precondition {
    pub reason: PreconditionReason,
    /// One sentence for the caller.
    pub text: String,
}

/// The closed set of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreconditionReason {
    NotApproved,
    Expired,
    Canceled,
    Superseded,
    MerchantMismatch,
    CurrencyMismatch,
    /// Captures may not be zero, nor add up to more than what was approved and is still held.
    AmountExceeded,
    /// A refusal stands; there is nothing to cancel.
    Declined,
    /// All of it was captured, or a shop holds its card; there is nothing left to cancel.
    Confirmed,
    /// Something is outstanding or reserved in the account's present currency.
    CurrencyInUse,
    /// The one-time card is in a state that does not allow it.
    CardState,
    /// Not what is still open of the card's authorisation.
    CardAmount,
    /// Not the card's currency.
    CardCurrency,
    /// The decision granted a card, and only the card can be captured.
    CardGranted,
    /// The network's request came before with other content.
    NetworkRequestReused,
}

impl Error {
    pub(super) fn refused(reason: PreconditionReason, text: impl Into<String>) -> Error {
        Error::Precondition(Precondition { reason, text: text.into() })
    }

    pub(super) fn corrupt(what: impl std::fmt::Display) -> Error {
        Error::Corrupt(what.to_string())
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        let odd_data = match &error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => true,
            // A row that breaks a constraint says nothing about the disk.
            sqlx::Error::Database(refused) => {
                !matches!(refused.kind(), sqlx::error::ErrorKind::Other)
            }
            _ => false,
        };
        match odd_data {
            true => Error::corrupt(error),
            false => Error::Unavailable(format!("ledger: {error}")),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Error {
        Error::corrupt(error)
    }
}
