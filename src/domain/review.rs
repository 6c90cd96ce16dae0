//! Review cases: what a person has to decide, who has it, and what was done with it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::named::named;
use super::{Country, DecisionId, DecisionRecord, ReviewQueue, Role, Span, Time};

/// How long a claim lasts after what its holder did last.
pub const CLAIM_LENGTH: Span = Span::minutes(15);

/// A case that is due within this time is urgent.
const URGENT: Span = Span::minutes(5);

named! {
    ReviewCaseState {
        Open "OPEN",
        Claimed "CLAIMED",
        Waiting "WAITING",
        Escalated "ESCALATED",
        Resolved "RESOLVED",
        Expired "EXPIRED",
    }

    /// What a case waits for beside somebody who takes it.
    ReviewWait {
        Information "INFORMATION",
        /// The amount is large, and one person has approved it.
        SecondPerson "SECOND_PERSON",
    }

    ReviewPriority {
        Normal "NORMAL",
        High "HIGH",
        Overdue "OVERDUE",
    }

    ReviewVerdict {
        Approve "APPROVE",
        Decline "DECLINE",
        RequestStepUp "REQUEST_STEP_UP",
        RequestInformation "REQUEST_INFORMATION",
    }

    /// What was done with a case.
    ReviewActionKind {
        Claimed "CLAIMED",
        Released "RELEASED",
        Reassigned "REASSIGNED",
        Escalated "ESCALATED",
        Noted "NOTED",
        ApprovedFirst "APPROVED_FIRST",
        InformationRequested "INFORMATION_REQUESTED",
        Resolved "RESOLVED",
    }

    /// What two requests have in common.
    LinkKind {
        Account "ACCOUNT",
        Device "DEVICE",
        Network "NETWORK",
        Instrument "INSTRUMENT",
        Phone "PHONE",
        Email "EMAIL",
        Address "ADDRESS",
    }

    /// How much a link says, weakest first.
    LinkStrength {
        Weak "WEAK",
        Medium "MEDIUM",
        Strong "STRONG",
    }
}

impl LinkKind {
    /// Many share a network, a household shares a device.
    pub fn strength(self) -> LinkStrength {
        match self {
            LinkKind::Network => LinkStrength::Weak,
            LinkKind::Device | LinkKind::Address => LinkStrength::Medium,
            LinkKind::Account | LinkKind::Instrument | LinkKind::Phone | LinkKind::Email => {
                LinkStrength::Strong
            }
        }
    }
}

impl ReviewQueue {
    /// Whether a case of this queue exists for `role`.
    pub fn seen_by(self, role: Role) -> bool {
        match role {
            Role::Compliance | Role::Auditor => true,
            Role::Reviewer | Role::Lead => self != ReviewQueue::Compliance,
            Role::Checkout | Role::Issuer | Role::Ledger | Role::CustomerApp | Role::Agent => false,
        }
    }

    /// Whether `role` may work on cases of this queue.
    pub fn worked_by(self, role: Role) -> bool {
        match role {
            Role::Reviewer | Role::Lead => self != ReviewQueue::Compliance,
            Role::Compliance => self == ReviewQueue::Compliance,
            _ => false,
        }
    }

    /// Whether `role` may be the second person in this queue, and take cases from others.
    pub fn led_by(self, role: Role) -> bool {
        match role {
            Role::Lead => self != ReviewQueue::Compliance,
            Role::Compliance => self == ReviewQueue::Compliance,
            _ => false,
        }
    }
}

/// Who works on a case, and until when unless they go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewClaim {
    pub claimant: String,
    pub expires: Time,
}

/// How a case ended by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewResult {
    pub verdict: ReviewVerdict,
    pub resolver: String,
    pub time: Time,
}

/// A case as the ledger keeps it, without the decision that it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewCase {
    /// That of the decision that waits.
    pub id: DecisionId,
    pub queue: ReviewQueue,
    /// As stored: OPEN, WAITING, ESCALATED or RESOLVED; [`ReviewCase::state`] judges by the clock.
    pub stored_state: ReviewCaseState,
    pub waits_for: Option<ReviewWait>,
    /// Rises with every change.
    pub version: i64,
    pub created: Time,
    pub due: Time,
    pub expires: Time,
    /// The last claim, which may be over.
    pub claim: Option<ReviewClaim>,
    /// Who approved it first, of two.
    pub approver: Option<String>,
    pub notes: i64,
    pub result: Option<ReviewResult>,
}

impl ReviewCase {
    pub fn etag(&self) -> String {
        format!("{:x}", self.version)
    }

    /// The claim that holds at `now`.
    pub fn claimed(&self, now: Time) -> Option<&ReviewClaim> {
        self.claim.as_ref().filter(|claim| claim.expires > now)
    }

    /// The state at `now`, of a case whose decision stands as `decision` says.
    pub fn state(&self, decision: &DecisionRecord, now: Time) -> ReviewCaseState {
        let progress = &decision.progress;
        let closed = progress.canceled.is_some() || progress.superseded_by.is_some();
        if closed || self.stored_state == ReviewCaseState::Resolved {
            ReviewCaseState::Resolved
        } else if self.expires <= now {
            ReviewCaseState::Expired
        } else if self.claimed(now).is_some() {
            ReviewCaseState::Claimed
        } else {
            self.stored_state
        }
    }

    pub fn priority(&self, now: Time) -> ReviewPriority {
        if self.due <= now {
            ReviewPriority::Overdue
        } else if self.due - now <= URGENT {
            ReviewPriority::High
        } else {
            ReviewPriority::Normal
        }
    }
}

/// What becomes of a case by what somebody does. Every change but a renewed claim is a new version,
/// so that who writes knows that nothing happened since it was read.
impl ReviewCase {
    pub fn taken(&self, by: &str, now: Time) -> ReviewCase {
        let claim = ReviewClaim { claimant: by.to_owned(), expires: now + CLAIM_LENGTH };
        ReviewCase { claim: Some(claim), ..self.next() }
    }

    /// The claim begins anew; the case is what it was.
    pub fn renewed(&self, now: Time) -> ReviewCase {
        let mut case = self.clone();
        if let Some(claim) = &mut case.claim {
            claim.expires = now + CLAIM_LENGTH;
        }
        case
    }

    pub fn released(&self) -> ReviewCase {
        ReviewCase { claim: None, ..self.next() }
    }

    pub fn escalated(&self, to: ReviewQueue) -> ReviewCase {
        ReviewCase {
            queue: to,
            stored_state: ReviewCaseState::Escalated,
            waits_for: None,
            approver: None,
            ..self.released()
        }
    }

    /// One note more, which renews the claim of who wrote it.
    pub fn noted(&self, by: &str, now: Time) -> ReviewCase {
        let own = self.claimed(now).is_some_and(|claim| claim.claimant == by);
        let case = if own { self.renewed(now) } else { self.clone() };
        ReviewCase { notes: self.notes + 1, ..case.next() }
    }

    /// Put off until something came: the claim is over, and so is an earlier approval.
    pub fn waiting(&self, waits_for: ReviewWait, approver: Option<&str>) -> ReviewCase {
        ReviewCase {
            stored_state: ReviewCaseState::Waiting,
            waits_for: Some(waits_for),
            approver: approver.map(str::to_owned),
            ..self.released()
        }
    }

    fn next(&self) -> ReviewCase {
        ReviewCase { version: self.version + 1, ..self.clone() }
    }
}

/// What a change of a case was answered with, so that a retry gets it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseAnswer {
    pub case: ReviewCase,
    pub note: Option<ReviewNote>,
}

/// A case with the decision that it is about, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewedCase {
    pub case: ReviewCase,
    pub decision: DecisionRecord,
}

/// One thing that was done with a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewAction {
    pub kind: ReviewActionKind,
    pub actor: String,
    pub role: Role,
    pub time: Time,
    /// Why, or what exactly.
    pub detail: String,
}

/// What somebody wrote; read by people and never by the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewNote {
    pub id: Uuid,
    pub author: String,
    pub role: Role,
    pub time: Time,
    /// Kept with the notes alone, where it can be erased: not in the stored answer of a call.
    #[serde(skip)]
    pub text: String,
}

/// Which cases to list. Empty lists and fields narrow nothing.
#[derive(Clone, Debug, Default)]
pub struct ReviewCaseFilter {
    /// Those that the caller may see, or the one that was asked for.
    pub queues: Vec<ReviewQueue>,
    /// Empty means the undecided ones.
    pub states: Vec<ReviewCaseState>,
    pub assignee: Option<String>,
    pub market: Option<Country>,
    pub codes: Vec<super::ReasonCode>,
    pub from: Option<Time>,
    pub until: Option<Time>,
    /// Newest first instead of the least time left.
    pub newest: bool,
    /// The last case of the page before: its due time, or when it began where the newest come
    /// first.
    pub after: Option<(Time, DecisionId)>,
    /// 1 to 200.
    pub page_size: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_seconds(1_800_000_000);

    fn case() -> ReviewCase {
        ReviewCase {
            id: DecisionId(Uuid::from_u128(7)),
            queue: ReviewQueue::Security,
            stored_state: ReviewCaseState::Open,
            waits_for: None,
            version: 1,
            created: NOW,
            due: NOW + Span::minutes(15),
            expires: NOW + Span::hours(24),
            claim: None,
            approver: None,
            notes: 0,
            result: None,
        }
    }

    #[test]
    fn a_claim_ends_by_itself_and_is_renewed_by_activity() {
        let taken = case().taken("anna", NOW);
        let last = NOW + Span::minutes(15) - Span::micros(1);
        assert_eq!(taken.claimed(last).map(|claim| claim.claimant.as_str()), Some("anna"));
        assert_eq!(taken.claimed(last + Span::micros(1)), None);
        let noted = taken.noted("anna", last);
        assert!(noted.claimed(last + Span::minutes(14)).is_some());
        let others = taken.noted("ben", last);
        assert_eq!(others.claimed(last + Span::minutes(1)), None);
        let renewed = taken.renewed(last);
        assert_eq!(renewed.etag(), taken.etag());
        assert_ne!(noted.etag(), taken.etag());
    }

    #[test]
    fn what_is_asked_after_an_approval_ends_it() {
        let approved = case().taken("anna", NOW).waiting(ReviewWait::SecondPerson, Some("anna"));
        assert_eq!(approved.approver.as_deref(), Some("anna"));
        assert_eq!(approved.claim, None);
        let again = approved.taken("ben", NOW);
        assert_eq!(again.approver.as_deref(), Some("anna"));
        for later in
            [again.waiting(ReviewWait::Information, None), again.escalated(ReviewQueue::Compliance)]
        {
            assert_eq!((later.approver, later.claim), (None, None));
        }
    }

    #[test]
    fn the_queue_of_compliance_is_there_for_compliance_alone() {
        for &role in Role::ALL {
            let sees = ReviewQueue::Compliance.seen_by(role);
            assert_eq!(sees, matches!(role, Role::Compliance | Role::Auditor), "{role}");
            for &queue in ReviewQueue::ALL {
                assert!(!queue.worked_by(role) || queue.seen_by(role), "{role} {queue}");
                assert!(!queue.led_by(role) || queue.worked_by(role), "{role} {queue}");
            }
        }
    }

    #[test]
    fn urgency_follows_the_time_left() {
        for (left, priority) in [
            (Span::minutes(6), ReviewPriority::Normal),
            (Span::minutes(5), ReviewPriority::High),
            (Span::ZERO, ReviewPriority::Overdue),
        ] {
            assert_eq!(case().priority(case().due - left), priority);
        }
    }
}
