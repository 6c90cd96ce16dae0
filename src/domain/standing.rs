//! The account's state in the ledger, as one decision sees it.

use serde::{Deserialize, Serialize};

use super::{
    Bureau, Country, Currency, LegalAge, PartyKey, Profile, ReasonCode, RepaymentRecord,
    RestrictionKind, Time,
};

/// A restriction in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveRestriction {
    pub kind: RestrictionKind,
    pub code: ReasonCode,
    pub end: Time,
}

/// Plans with us, as their due dates and repayments stand now. Paused and disputed plans are
/// never late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanFacts {
    pub open: i64,
    pub repaid: i64,
    /// Minor units that fall due within 30 days.
    pub due_30d: i64,
    /// Whole days since the oldest unpaid instalment was due; 0 when nothing is past due.
    pub days_overdue: i64,
    pub defaulted: bool,
    /// Instalments paid more than 7 days late, by when they were paid.
    pub late_180d: i64,
    /// Instalments paid late at all.
    pub late_365d: i64,
}

/// Orders in the ledger that are reserved or confirmed, the present request left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderFacts {
    pub placed_60m: i64,
    pub placed_24h: i64,
    /// Minor units.
    pub amount_24h: i64,
    /// One of them has the same shop, amount and basket and is at most 10 minutes old.
    pub duplicate: bool,
    /// One-time cards granted in 24 hours, and those still open and unused.
    pub cards_24h: i64,
    pub cards_open: i64,
}

/// Which parties of the request are on the list of confirmed misuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub account: bool,
    pub device: bool,
    pub instrument: bool,
}

/// The account's standing at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whether the lender told us of this account. A guest has none.
    pub known: bool,
    pub market: Option<Country>,
    pub currency: Option<Currency>,
    /// Minor units; absent where no limit binds (replay without `--limit`).
    pub credit_limit: Option<i64>,
    /// Minor units.
    pub outstanding: i64,
    pub reserved: i64,
    pub opened: Option<Time>,
    pub profile: Profile,
    pub of_legal_age: Option<LegalAge>,
    pub income_monthly: Option<i64>,
    pub income_verified: Option<bool>,
    pub commitments_monthly: Option<i64>,
    pub bureau: Bureau,
    pub support_plan_active: Option<bool>,
    /// Latest change of email, phone or password.
    pub contact_changed: Option<Time>,
    pub restrictions: Vec<ActiveRestriction>,
    pub plans: PlanFacts,
    /// Missing where the ledger does not know the account.
    #[serde(default)]
    pub repayment: Option<RepaymentRecord>,
    pub orders: OrderFacts,
    pub listed: Listed,
    /// Rises when something about the holder changes, where several processes write; no fact.
    #[serde(skip)]
    pub version: i64,
    /// Under which email and phone the account is known, for the signals; no fact, so not stored.
    #[serde(skip)]
    pub contacts: Contacts,
}

/// The account's own email and phone as keyed hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contacts {
    pub email: Option<PartyKey>,
    pub phone: Option<PartyKey>,
}

impl Standing {
    /// The standing of somebody of whom the ledger knows nothing.
    pub fn unknown() -> Standing {
        Standing {
            known: false,
            market: None,
            currency: None,
            credit_limit: None,
            outstanding: 0,
            reserved: 0,
            opened: None,
            profile: Profile::default(),
            of_legal_age: None,
            income_monthly: None,
            income_verified: None,
            commitments_monthly: None,
            bureau: Bureau::default(),
            support_plan_active: None,
            contact_changed: None,
            restrictions: Vec::new(),
            plans: PlanFacts::default(),
            repayment: None,
            orders: OrderFacts::default(),
            listed: Listed::default(),
            version: 0,
            contacts: Contacts::default(),
        }
    }

    /// What is free of the limit, in minor units; `None` where no limit binds.
    pub fn headroom(&self) -> Option<i64> {
        self.credit_limit.map(|limit| limit - self.outstanding - self.reserved)
    }
}
