//! What happened to an account outside a request: sign-ins, repayments, disputes, bank answers.

use serde::{Deserialize, Serialize};

use super::named::named;
use super::{
    AccountId, AuthenticationStrength, DecisionId, EventId, MerchantId, Money, Parties, PlanTerms,
    Position, StepUpKind, Time,
};

named! {
    PlanState {
        Current "CURRENT",
        Overdue "OVERDUE",
        Defaulted "DEFAULTED",
        Closed "CLOSED",
        Paused "PAUSED",
    }

    ProfileFieldName {
        Name "NAME",
        BirthDate "BIRTH_DATE",
        Address "ADDRESS",
        Phone "PHONE",
        Email "EMAIL",
        Password "PASSWORD",
    }

    MisuseScope {
        Account "ACCOUNT",
        Device "DEVICE",
        Instrument "INSTRUMENT",
    }
}

/// Whether the bank's answer grants the payment, if with conditions (ISO 8583 answer codes).
pub fn bank_approves(response: &str) -> bool {
    matches!(response, "00" | "08" | "11" | "85")
}

/// Which order a refund is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderName {
    Decision(DecisionId),
    OrderReference(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    SignIn {
        strength: Option<AuthenticationStrength>,
        parties: Parties,
        position: Option<Position>,
    },
    ProfileChange {
        field: ProfileFieldName,
    },
    DeviceChange {
        parties: Parties,
        added: bool,
    },
    PurchaseCompleted {
        amount: Money,
        merchant: MerchantId,
        plan: Option<PlanTerms>,
        parties: Parties,
        category: Option<super::Category>,
    },
    Repayment {
        plan_id: String,
        amount: Money,
        due: Time,
        paid: Time,
    },
    PlanStatus {
        plan_id: String,
        outstanding: Money,
        next_due: Option<Time>,
        days_overdue: i64,
        state: PlanState,
    },
    Refund {
        order: OrderName,
        amount: Money,
    },
    /// An order on its way back to its shop, or no longer.
    Return {
        order: OrderName,
        under_way: bool,
    },
    Dispute {
        decision: DecisionId,
        opened: bool,
    },
    Chargeback {
        decision: DecisionId,
        amount: Money,
        reason: String,
    },
    ConfirmedMisuse {
        decision: DecisionId,
        scope: MisuseScope,
    },
    BankAnswer {
        decision: DecisionId,
        response: String,
    },
    StepUpResult {
        kind: StepUpKind,
        passed: bool,
        parties: Parties,
    },
    SupportPlan {
        active: bool,
    },
}

impl EventKind {
    /// The name under which the ledger keeps the event.
    pub fn name(&self) -> &'static str {
        match self {
            EventKind::SignIn { .. } => "sign_in",
            EventKind::ProfileChange { .. } => "profile_change",
            EventKind::DeviceChange { .. } => "device_change",
            EventKind::PurchaseCompleted { .. } => "purchase_completed",
            EventKind::Repayment { .. } => "repayment",
            EventKind::PlanStatus { .. } => "plan_status",
            EventKind::Refund { .. } => "refund",
            EventKind::Return { .. } => "return",
            EventKind::Dispute { .. } => "dispute",
            EventKind::Chargeback { .. } => "chargeback",
            EventKind::ConfirmedMisuse { .. } => "confirmed_misuse",
            EventKind::BankAnswer { .. } => "bank_answer",
            EventKind::StepUpResult { .. } => "step_up_result",
            EventKind::SupportPlan { .. } => "support_plan",
        }
    }
}

/// An event of an account; a second one with the same id changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountEvent {
    pub id: EventId,
    pub account: AccountId,
    pub time: Time,
    pub kind: EventKind,
}
