//! What somebody of the staff has read about people, as it is kept for auditors: no personal data
//! but the lender's own ids.

use super::{AccountId, DecisionId, DecisionRecord, Holder, Role, Time};

/// What a read was about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The account that was asked for, or whose decision it was.
    pub account: Option<AccountId>,
    /// Decisions that were shown, or whose review case or card was.
    pub decisions: Vec<DecisionId>,
    /// By what else was looked: words such as `merchant=m-77`, with blanks between.
    pub criteria: String,
}

/// One read, when it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffRead {
    pub time: Time,
    /// Who read.
    pub caller: String,
    pub role: Role,
    /// The call by its name, such as `GetDecision`.
    pub call: String,
    pub seen: Seen,
}

impl Seen {
    pub fn account(id: &AccountId) -> Seen {
        Seen { account: Some(id.clone()), ..Seen::default() }
    }

    /// One decision and whose it is.
    pub fn decision(record: &DecisionRecord) -> Seen {
        let account = match &record.holder {
            Holder::Account(id) => Some(id.clone()),
            Holder::Guest(_) => None,
        };
        Seen { account, ..Seen::decisions([record.id]) }
    }

    pub fn decisions(ids: impl IntoIterator<Item = DecisionId>) -> Seen {
        Seen { decisions: ids.into_iter().collect(), ..Seen::default() }
    }
}
