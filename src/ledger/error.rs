//! Why a call to the ledger gave no answer, by what the caller can do about it.

/// What went wrong. Nothing that failed has left anything behind, but for `Unavailable` and
/// `Interrupted`, whose outcome is unknown until the same key is asked again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The ledger cannot be reached, opened or written; the text is for operators.
    #[error("{0}")]
    Unavailable(String),
    /// A connection was lost, or somebody else was in the way: nobody knows whether it was done.
    #[error("{0}")]
    Interrupted(String),
    /// There is no room on the disk: nothing was written, and the same call may be sent again.
    #[error("{0}")]
    Full(String),
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
    /// All that [`Error::failure`] says.
    pub const FAILURES: [&'static str; 4] = ["unavailable", "interrupted", "full", "corrupt"];

    /// The kind of an error that speaks of the ledger and not of what was asked of it, for metric
    /// labels.
    pub fn failure(&self) -> Option<&'static str> {
        match self {
            Error::Unavailable(_) => Some("unavailable"),
            Error::Interrupted(_) => Some("interrupted"),
            Error::Full(_) => Some("full"),
            Error::Corrupt(_) => Some("corrupt"),
            Error::NotFound | Error::Conflict | Error::Precondition(_) => None,
        }
    }

    pub(super) fn refused(reason: PreconditionReason, text: impl Into<String>) -> Error {
        Error::Precondition(Precondition { reason, text: text.into() })
    }

    /// A statement took longer than any server takes.
    pub(super) fn hung() -> Error {
        Error::Interrupted("ledger: the server does not answer".into())
    }

    pub(super) fn corrupt(what: impl std::fmt::Display) -> Error {
        Error::Corrupt(what.to_string())
    }
}

/// The codes of a disk without room.
const SQLITE_FULL: &str = "13";
const POSTGRES_FULL: &str = "53100";

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
        let code = error.as_database_error().and_then(|refused| refused.code());
        let is_lost = matches!(
            &error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
        );
        let text = format!("ledger: {error}");
        match code.as_deref() {
            Some(SQLITE_FULL | POSTGRES_FULL) => Error::Full(text),
            Some(code) if is_passing(code) || is_busy(code) => Error::Interrupted(text),
            None if is_lost => Error::Interrupted(text),
            _ if odd_data => Error::corrupt(error),
            _ => Error::Unavailable(text),
        }
    }
}

/// Whether somebody else has an SQLite file for longer than is waited: code 5, or that as the last
/// byte.
fn is_busy(code: &str) -> bool {
    code.len() < 5 && code.parse::<u16>().is_ok_and(|code| code & 0xff == 5)
}

/// Whether PostgreSQL may do the same later: its classes 08 (connection), 40 (rolled back), 53
/// (resources), 55 (locks) and 57 (shutdown, statement timeout), a standby that took over (25006),
/// and a key that somebody else has just taken (23505). SQLite's codes are shorter.
fn is_passing(code: &str) -> bool {
    code.len() == 5
        && (["08", "40", "53", "55", "57"].iter().any(|class| code.starts_with(class))
            || matches!(code, "25006" | "23505"))
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Error {
        Error::corrupt(error)
    }
}

impl From<prometheus::Error> for Error {
    fn from(error: prometheus::Error) -> Error {
        Error::Unavailable(format!("metrics: {error}"))
    }
}
