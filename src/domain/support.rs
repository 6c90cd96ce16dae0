//! What staff ask who talk to customers: which decision it was, and how an account stands.

use super::{
    AccountId, Currency, DecisionId, DecisionRecord, Holder, MerchantId, ReasonCode, Reference,
    Restriction, Time,
};

/// What is known of the decisions that are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    Reference(Reference),
    Order {
        order_reference: String,
        merchant: Option<MerchantId>,
    },
    Holder {
        holder: Holder,
        from: Option<Time>,
        until: Option<Time>,
    },
    /// Both ends of amount (minor units) and time are included.
    Purchase {
        merchant: MerchantId,
        currency: Currency,
        amounts: (i64, i64),
        times: (Time, Time),
    },
    Reason {
        code: ReasonCode,
        from: Option<Time>,
        until: Option<Time>,
    },
}

/// One page of a search, newest first.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    pub search: Search,
    /// 1 to 200.
    pub page_size: usize,
    /// Last decision of the page before.
    pub after: Option<(Time, DecisionId)>,
}

/// A plan on which something is owed, as its due dates stand at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenPlan {
    pub plan_id: String,
    /// The lender told us of it; else it began with a purchase of ours.
    pub imported: bool,
    pub currency: Currency,
    /// Minor units, as all amounts here.
    pub outstanding: i64,
    /// Of the oldest part that is not paid.
    pub next_due: Option<Time>,
    pub next_amount: Option<i64>,
    /// Past its due date; nothing while the plan is paused or disputed.
    pub overdue: i64,
    pub paused: bool,
    pub disputed: bool,
}

impl OpenPlan {
    /// Since when something is late.
    pub fn late_since(&self) -> Option<Time> {
        self.next_due.filter(|_| self.overdue > 0)
    }
}

/// What an approval holds of the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldReservation {
    pub decision: DecisionId,
    /// Minor units.
    pub amount: i64,
    /// `None` holds until it is confirmed or cancelled.
    pub expires: Option<Time>,
}

/// A device of completed purchases, its id masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownDevice {
    pub masked_id: String,
    pub platform: String,
    pub first_seen: Time,
    pub last_seen: Time,
}

/// How an account stands.
#[derive(Clone, Debug)]
pub struct AccountSummary {
    pub account: AccountId,
    pub as_of: Time,
    pub currency: Currency,
    /// Minor units.
    pub credit_limit: i64,
    /// The next due first.
    pub plans: Vec<OpenPlan>,
    /// The next to expire first.
    pub reservations: Vec<HeldReservation>,
    /// Not ended, and not hidden from the caller.
    pub restrictions: Vec<Restriction>,
    pub devices: Vec<KnownDevice>,
    /// Newest first, as they stand now.
    pub decisions: Vec<DecisionRecord>,
}

impl AccountSummary {
    pub fn outstanding(&self) -> i64 {
        self.plans.iter().map(|plan| plan.outstanding).sum()
    }

    pub fn held(&self) -> i64 {
        self.reservations.iter().map(|reservation| reservation.amount).sum()
    }

    /// Never below zero: a limit may be lowered below what is used of it.
    pub fn free(&self) -> i64 {
        (self.credit_limit - self.outstanding() - self.held()).max(0)
    }

    pub fn overdue(&self) -> i64 {
        self.plans.iter().map(|plan| plan.overdue).sum()
    }

    /// Whole days since the oldest late part was due.
    pub fn days_overdue(&self) -> i64 {
        let since = self.plans.iter().filter_map(OpenPlan::late_since).min();
        since.map_or(0, |since| (self.as_of - since).as_days().max(0))
    }
}
