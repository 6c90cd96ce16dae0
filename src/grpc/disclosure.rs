//! What each role may see of a decision: pure, and the only place that knows.

use crate::domain::{
    DecisionRecord, DecisionState, Disclosure, Effect, Outcome, PublicReason, Push, Reason,
    ReasonCode, Retry, RetryDisposition, Role, Source, Time,
};
use crate::policy::{ReasonCatalog, ReasonEntry};

/// Most reasons that are told outside; bureau inquiries may come as one more (Regulation B).
const REASONS_MAX: usize = 4;

/// How far a role sees (reason catalogue, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// A third party: no more than the customer has to read on its screen.
    Shop,
    Customer,
    Agent,
    Reviewer,
    Everything,
}

fn sight(role: Role) -> Sight {
    match role {
        Role::Checkout | Role::Issuer | Role::Ledger => Sight::Shop,
        Role::CustomerApp => Sight::Customer,
        Role::Agent => Sight::Agent,
        Role::Reviewer | Role::Lead => Sight::Reviewer,
        Role::Compliance | Role::Auditor => Sight::Everything,
    }
}

/// Whether fields marked "staff only" are for this role.
pub fn is_staff(role: Role) -> bool {
    !matches!(sight(role), Sight::Shop | Sight::Customer)
}

/// How much of a reason is told beside its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What the catalogue says to customers.
    Public,
    /// The words for support too. How facts weighed could tell a held review from an ordinary one.
    Support,
    /// Weights, and which facts were looked at, without their values.
    Weights,
    /// All of it, with values.
    Evidence,
}

/// A reason as a role sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// Under a code, not always the reason's own.
    Named { code: ReasonCode, reason: &'a Reason, detail: Detail },
    /// What an agent reads in place of every secret code while a review is open.
    SecurityCheck,
    /// What staff read in place of a code that they may not know.
    Restricted,
}

/// What a role sees of a decision, where roles differ.
#[derive(Clone, Debug)]
pub struct View<'a> {
    pub reasons: Vec<Shown<'a>>,
    pub public_reasons: Vec<PublicReason>,
    pub retry: Retry,
    pub principal_reasons: &'a [String],
    pub missing_sources: &'a [Source],
}

/// A record as `role` may see it at `now`.
pub fn view<'a>(
    record: &'a DecisionRecord,
    role: Role,
    catalog: &ReasonCatalog,
    now: Time,
) -> View<'a> {
    let sight = sight(role);
    let principal_reasons = match &record.decision.adverse_action {
        Some(duty) if sight != Sight::Shop => duty.principal_reasons.as_slice(),
        Some(_) | None => &[],
    };
    View {
        reasons: match sight {
            Sight::Shop | Sight::Customer => outside(record, sight, catalog),
            Sight::Agent if review_is_open(record, now) => under_review(record, catalog),
            Sight::Agent | Sight::Reviewer => staff(record, sight, catalog),
            Sight::Everything => everything(record),
        },
        public_reasons: public_reasons(record, sight, catalog),
        retry: retry(record),
        principal_reasons,
        missing_sources: if is_staff(role) { &record.decision.missing_sources } else { &[] },
    }
}

/// The codes that a role reads of a record at `now`.
pub fn shown_codes(
    record: &DecisionRecord,
    role: Role,
    catalog: &ReasonCatalog,
    now: Time,
) -> Vec<ReasonCode> {
    let reasons = view(record, role, catalog, now).reasons.into_iter();
    let named = |shown| match shown {
        Shown::Named { code, .. } => Some(code),
        Shown::SecurityCheck | Shown::Restricted => None,
    };
    reasons.filter_map(named).collect()
}

/// The codes by which a role may search: those that it may see. To staff such a code is shown on
/// every decision that has it; to others only where it decided.
pub fn searchable(role: Role, wanted: &[ReasonCode], catalog: &ReasonCatalog) -> Vec<ReasonCode> {
    let sight = sight(role);
    let may_see = |entry: &ReasonEntry| match sight {
        Sight::Shop => entry.disclosure == Disclosure::Yes && !kept_from_shops(entry.public_reason),
        Sight::Customer => entry.disclosure == Disclosure::Yes,
        Sight::Agent => !matches!(entry.disclosure, Disclosure::Generic | Disclosure::No),
        Sight::Reviewer => entry.disclosure != Disclosure::No,
        Sight::Everything => true,
    };
    wanted.iter().copied().filter(|code| may_see(catalog.entry(*code))).collect()
}

fn review_is_open(record: &DecisionRecord, now: Time) -> bool {
    record.decision.review.is_some() && record.state(now) == DecisionState::Pending
}

/// Levels that an agent must not tell from each other while a review is open, and that nobody
/// outside can tell apart at any time.
fn is_secret(level: Disclosure) -> bool {
    matches!(level, Disclosure::Generic | Disclosure::No)
}

/// Public reasons that are the customer's own affair: a shop reads NOT_AVAILABLE, which is true.
fn kept_from_shops(reason: PublicReason) -> bool {
    use PublicReason::{Affordability, CreditHistory, PaymentDue};
    matches!(reason, CreditHistory | Affordability | PaymentDue)
}

/// The reasons that decided against the request, and none that merely weighed in: a refusal names
/// what refused. In a review every reason that asked for one counts, also where a held one
/// outweighs it: else its absence would tell of the held one.
fn adverse(record: &DecisionRecord) -> impl Iterator<Item = &Reason> {
    let in_review = record.decision.review.is_some();
    record.decision.reasons.iter().filter(move |reason| {
        reason.effect == Effect::Decisive || (in_review && reason.push >= Push::Review)
    })
}

fn outside<'a>(
    record: &'a DecisionRecord,
    sight: Sight,
    catalog: &ReasonCatalog,
) -> Vec<Shown<'a>> {
    if record.decision.outcome == Outcome::Approved {
        return Vec::new();
    }
    let mut told: Vec<(ReasonCode, &Reason)> = Vec::new();
    for reason in adverse(record) {
        let entry = catalog.entry(reason.code);
        let code = match (entry.disclosure, entry.shown_as) {
            (Disclosure::Yes, _) => reason.code,
            (Disclosure::As, Some(other)) => other,
            (Disclosure::As, None) => continue,
            (Disclosure::LoggedIn | Disclosure::Generic | Disclosure::No, _) => continue,
        };
        let kept = sight == Sight::Shop && kept_from_shops(catalog.entry(code).public_reason);
        if !kept && told.iter().all(|(known, _)| *known != code) {
            told.push((code, reason));
        }
    }
    let one_more = |place, code| place < REASONS_MAX || code == ReasonCode::RecentCreditInquiries;
    let told = told.into_iter().enumerate().filter(|(place, (code, _))| one_more(*place, *code));
    told.map(|(_, (code, reason))| Shown::Named { code, reason, detail: Detail::Public }).collect()
}

/// What an agent sees while a review is open: one line for all that is secret, in the same place
/// and with as little about the rest, whether compliance holds the case or not.
fn under_review<'a>(record: &'a DecisionRecord, catalog: &ReasonCatalog) -> Vec<Shown<'a>> {
    let level = |reason: &Reason| catalog.entry(reason.code).disclosure;
    let reasons = &record.decision.reasons;
    let secret = reasons.iter().any(|r| is_secret(level(r)) && r.effect != Effect::Informational);
    let open = reasons.iter().filter(|reason| !is_secret(level(reason)));
    let named = open.map(|reason| {
        let detail = if secret { Detail::Support } else { Detail::Weights };
        Shown::Named { code: reason.code, reason, detail }
    });
    secret.then_some(Shown::SecurityCheck).into_iter().chain(named).collect()
}

fn staff<'a>(record: &'a DecisionRecord, sight: Sight, catalog: &ReasonCatalog) -> Vec<Shown<'a>> {
    let detail = if sight == Sight::Agent { Detail::Weights } else { Detail::Evidence };
    let mut shown = Vec::new();
    for reason in &record.decision.reasons {
        let code = reason.code;
        let held = catalog.entry(code).disclosure == Disclosure::No;
        let listed = sight == Sight::Agent && code == ReasonCode::BlockListMatch;
        match (held || listed, reason.effect) {
            (false, _) => shown.push(Shown::Named { code, reason, detail }),
            // A shop's gap in its data is no secret of compliance; "restricted" would cry wolf.
            (true, Effect::Informational) => {}
            (true, _) if shown.contains(&Shown::Restricted) => {}
            (true, _) => shown.push(Shown::Restricted),
        }
    }
    shown
}

fn everything<'a>(record: &'a DecisionRecord) -> Vec<Shown<'a>> {
    let named =
        |reason: &'a Reason| Shown::Named { code: reason.code, reason, detail: Detail::Evidence };
    record.decision.reasons.iter().map(named).collect()
}

/// The public reasons, at most one each. What is secret reads SECURITY_CHECK; in a review it comes
/// first, since a held reason would.
fn public_reasons(
    record: &DecisionRecord,
    sight: Sight,
    catalog: &ReasonCatalog,
) -> Vec<PublicReason> {
    if record.decision.outcome == Outcome::Approved {
        return Vec::new();
    }
    let secret = |reason: &Reason| is_secret(catalog.entry(reason.code).disclosure);
    let public = |reason: &Reason| match catalog.entry(reason.code).public_reason {
        _ if secret(reason) => PublicReason::SecurityCheck,
        reason if sight == Sight::Shop && kept_from_shops(reason) => PublicReason::NotAvailable,
        reason => reason,
    };
    let secret_first = record.decision.review.is_some() && adverse(record).any(secret);
    let mut told: Vec<PublicReason> = Vec::new();
    told.extend(secret_first.then_some(PublicReason::SecurityCheck));
    for reason in adverse(record).map(public) {
        if reason != PublicReason::None && !told.contains(&reason) {
            told.push(reason);
        }
    }
    told.truncate(REASONS_MAX);
    if told.is_empty() {
        told.push(PublicReason::SecurityCheck);
    }
    told
}

/// The advice on a new request. In a review it is the same for all: wait for its end.
fn retry(record: &DecisionRecord) -> Retry {
    match record.decision.review {
        Some(review) => {
            Retry { disposition: RetryDisposition::AfterTime, earliest: Some(review.expected) }
        }
        None => record.decision.retry,
    }
}
