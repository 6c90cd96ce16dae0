//! A decision: outcome, reasons with their evidence, and what the customer is asked to do.

use serde::{Deserialize, Serialize};

use super::named::named;
use super::{ReasonCode, RestrictionKind, Time};

named! {
    Outcome {
        Approved "APPROVED",
        Declined "DECLINED",
        ManualReview "MANUAL_REVIEW",
    }

    DecisionState {
        Pending "PENDING",
        Final "FINAL",
        Expired "EXPIRED",
        Canceled "CANCELED",
        Superseded "SUPERSEDED",
    }

    /// Four scores, never mixed: credit and fraud are apart by law, and reasons stay clean.
    Component {
        Credit "credit",
        Affordability "affordability",
        Spending "spending",
        Fraud "fraud",
    }

    /// Towards what a rule or band pushes the outcome, weakest first: the strongest wins.
    Push {
        None "none",
        StepUp "step_up",
        Review "review",
        /// A review that only compliance sees.
        ReviewHeld "review_held",
        Decline "decline",
    }

    /// What a customer can do at once to clear a pending decision.
    StepUpKind {
        ConfirmOnDevice "CONFIRM_ON_DEVICE",
        IdentityDocument "IDENTITY_DOCUMENT",
        OneTimeCode "ONE_TIME_CODE",
        CompleteProfile "COMPLETE_PROFILE",
        ConfirmIncome "CONFIRM_INCOME",
    }

    ReviewQueue {
        Credit "CREDIT",
        Security "SECURITY",
        Identity "IDENTITY",
        Reconsideration "RECONSIDERATION",
        Compliance "COMPLIANCE",
    }

    /// How a reason bore on the outcome.
    Effect {
        Decisive "DECISIVE",
        Contributing "CONTRIBUTING",
        Informational "INFORMATIONAL",
        Favourable "FAVOURABLE",
    }

    RetryDisposition {
        Now "NOW",
        AfterAction "AFTER_ACTION",
        AfterTime "AFTER_TIME",
        OtherMethod "OTHER_METHOD",
        DoNotRetry "DO_NOT_RETRY",
        NotApplicable "NOT_APPLICABLE",
    }

    /// A source of facts that can fail.
    Source {
        Signals "signals",
    }
}

/// What was seen and what it was held against; for staff only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Catalog name, for example `signal.account_networks_1h`.
    pub key: String,
    pub observed: String,
    pub threshold: String,
    /// Window of a signal, for example `1h`; empty for what has none.
    pub window: String,
    /// Where the value came from: `request`, `account`, `signals`, `score` or `reviewer`.
    pub source: String,
}

/// The source of what a person said.
pub const SOURCE_REVIEWER: &str = "reviewer";

/// A fact that was used, and how it weighed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub code: ReasonCode,
    pub effect: Effect,
    pub push: Push,
    /// Set for reasons of a score; a hard rule stands alone.
    pub component: Option<Component>,
    /// 1 for the first.
    pub rank: u32,
    /// Points that the reason gave to its component; 0 for a hard rule.
    pub points: i64,
    /// Share of the component's score in percent; 0 for a hard rule.
    pub share_percent: u32,
    pub evidence: Vec<Evidence>,
}

impl Reason {
    /// Whether a reviewer refused on this ground.
    pub fn by_reviewer(&self) -> bool {
        self.evidence.iter().any(|evidence| evidence.source == SOURCE_REVIEWER)
    }
}

/// Component scores, 0 to 1000, higher is riskier; absent when what they rest on is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scores {
    pub credit: Option<i64>,
    pub affordability: Option<i64>,
    pub spending: Option<i64>,
    pub fraud: Option<i64>,
}

impl Scores {
    pub fn of(&self, component: Component) -> Option<i64> {
        match component {
            Component::Credit => self.credit,
            Component::Affordability => self.affordability,
            Component::Spending => self.spending,
            Component::Fraud => self.fraud,
        }
    }

    pub fn of_mut(&mut self, component: Component) -> &mut Option<i64> {
        match component {
            Component::Credit => &mut self.credit,
            Component::Affordability => &mut self.affordability,
            Component::Spending => &mut self.spending,
            Component::Fraud => &mut self.fraud,
        }
    }
}

/// The share that one part of a component's own formula had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub component: Component,
    pub part: String,
    /// Parts per million of the component's score.
    pub ppm: i64,
}

/// When a new request makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    pub disposition: RetryDisposition,
    pub earliest: Option<Time>,
}

/// Duties that a refusal of credit brings in some markets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdverseAction {
    pub required: bool,
    /// In order of weight, at most four, or five with bureau inquiries.
    pub principal_reasons: Vec<String>,
    pub notice_due: Option<Time>,
}

/// A restriction that the decision itself sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutomaticRestriction {
    pub kind: RestrictionKind,
    pub code: ReasonCode,
    pub end: Time,
}

/// A person's work item, as the decision asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewAsked {
    pub queue: ReviewQueue,
    pub expected: Time,
    pub expires: Time,
}

/// What the customer is asked to pass, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUpAsked {
    pub kinds: Vec<StepUpKind>,
    pub expires: Time,
}

/// What a decision was made with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    pub policy: String,
    pub catalog: String,
    pub text: String,
    /// Name and checksum of the models; empty where there is none.
    #[serde(default)]
    pub credit: String,
    #[serde(default)]
    pub fraud: String,
    /// Hash over policy, catalogue and models, 16 hexadecimal digits.
    pub fingerprint: String,
}

/// What `decide` returns; the same facts and playbook give the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub outcome: Outcome,
    /// Every rule that hit, strongest first. At most four (five) of them are disclosed.
    pub reasons: Vec<Reason>,
    pub scores: Scores,
    /// Only for what is not plainly approved.
    pub shares: Vec<Share>,
    /// Rules that could not be judged because nobody supplied what they look at.
    pub not_judged: Vec<ReasonCode>,
    /// End of an approval.
    pub expires: Option<Time>,
    pub step_up: Option<StepUpAsked>,
    pub review: Option<ReviewAsked>,
    pub retry: Retry,
    pub adverse_action: Option<AdverseAction>,
    pub restriction: Option<AutomaticRestriction>,
    /// Sources that were asked and did not answer.
    pub missing_sources: Vec<Source>,
    pub versions: Versions,
}

impl Decision {
    pub fn degraded(&self) -> bool {
        !self.missing_sources.is_empty()
    }

    /// Reasons that weighed against the request.
    pub fn adverse(&self) -> impl Iterator<Item = &Reason> {
        self.reasons
            .iter()
            .filter(|reason| matches!(reason.effect, Effect::Decisive | Effect::Contributing))
    }
}
