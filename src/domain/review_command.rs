//! What reviewers ask for: valid commands and queries, past the door.

use super::{CallId, DecisionId, LinkKind, ReasonCode, ReviewQueue, StepUpKind, Time};

/// Takes a case.
#[derive(Clone, Debug)]
pub struct CaseClaim {
    pub call: CallId,
    pub case: DecisionId,
    /// Version that was read; `None` takes whatever is there.
    pub etag: Option<String>,
    /// Also from who has it.
    pub reassign: bool,
}

/// Gives a case back.
#[derive(Clone, Copy, Debug)]
pub struct CaseRelease {
    pub call: CallId,
    pub case: DecisionId,
}

/// Takes the next case of a queue, or of any.
#[derive(Clone, Copy, Debug)]
pub struct NextCase {
    pub call: CallId,
    pub queue: Option<ReviewQueue>,
}

/// What a person decides about a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Approve,
    /// For these reasons, 1 to 4.
    Decline(Vec<ReasonCode>),
    /// Once the customer has passed these checks.
    StepUp(Vec<StepUpKind>),
    Information,
}

#[derive(Clone, Debug)]
pub struct CaseResolution {
    pub call: CallId,
    pub case: DecisionId,
    pub etag: String,
    pub verdict: Verdict,
    pub note: String,
}

#[derive(Clone, Debug)]
pub struct CaseEscalation {
    pub call: CallId,
    pub case: DecisionId,
    pub to: ReviewQueue,
    pub note: String,
}

#[derive(Clone, Debug)]
pub struct NoteAddition {
    pub call: CallId,
    pub case: DecisionId,
    pub text: String,
}

#[derive(Clone, Debug)]
pub struct NoteQuery {
    pub case: DecisionId,
    pub page_size: usize,
    /// The last note of the page before.
    pub after: Option<(Time, DecisionId)>,
}

/// Where a search for related decisions goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelatedAfter {
    /// After this decision of the same customer.
    Own(Time, DecisionId),
    /// Among what was taught to signals before this sequence.
    Before(i64),
}

#[derive(Clone, Debug)]
pub struct RelatedQuery {
    pub case: DecisionId,
    /// Never empty.
    pub kinds: Vec<LinkKind>,
    pub page_size: usize,
    pub after: Option<RelatedAfter>,
}
