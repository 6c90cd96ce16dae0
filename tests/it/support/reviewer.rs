//! What reviewers do: list, take, note, decide.

use surety::domain::Span;
use surety::grpc::pb;
use tonic::{Code, Request, Response, Status};

use super::{TestApp, by, new_id, purchase, refusal};

/// Somebody of the staff, by role and name.
#[derive(Clone, Copy, Debug)]
pub struct Staff(pub &'static str, pub &'static str);

pub const ANNA: Staff = Staff("reviewer", "anna");
pub const BEN: Staff = Staff("reviewer", "ben");
pub const LEA: Staff = Staff("lead", "lea");
pub const CORA: Staff = Staff("compliance", "cora");
pub const AUDITOR: Staff = Staff("auditor", "otto");

impl Staff {
    pub fn asks<T>(self, message: T) -> Request<T> {
        let mut request = by(self.0, message);
        request.metadata_mut().insert("surety-caller", self.1.parse().unwrap());
        request
    }
}

/// A verdict on a case as it was read, under a new request_id.
pub fn verdict(case: &pb::ReviewCase, verdict: pb::ReviewVerdict) -> pb::ResolveReviewCaseRequest {
    pb::ResolveReviewCaseRequest {
        request_id: new_id(),
        case_id: case.case_id.clone(),
        etag: case.etag.clone(),
        verdict: verdict.into(),
        note: "called the customer back".to_owned(),
        ..pb::ResolveReviewCaseRequest::default()
    }
}

pub fn declining(case: &pb::ReviewCase, codes: &[pb::ReasonCode]) -> pb::ResolveReviewCaseRequest {
    let codes = codes.iter().map(|code| i32::from(*code)).collect();
    pb::ResolveReviewCaseRequest { codes, ..verdict(case, pb::ReviewVerdict::Decline) }
}

pub fn claiming(case_id: &str) -> pb::ClaimReviewCaseRequest {
    pb::ClaimReviewCaseRequest {
        request_id: new_id(),
        case_id: case_id.to_owned(),
        ..pb::ClaimReviewCaseRequest::default()
    }
}

impl TestApp {
    /// A purchase that a person of the queue SECURITY has to look at: the device is none.
    pub fn under_review(&self, account: &str, amount: i64) -> pb::Decision {
        let mut context = purchase(account, amount);
        context.device.as_mut().unwrap().integrity = pb::DeviceIntegrity::Emulator.into();
        let pending = self.buy(context);
        assert_eq!(pending.outcome(), pb::DecisionOutcome::ManualReview, "{pending:?}");
        assert!(pending.review.is_some());
        pending
    }

    pub fn cases(
        &self,
        staff: Staff,
        request: pb::ListReviewCasesRequest,
    ) -> Result<pb::ListReviewCasesResponse, Status> {
        let answer = self.block_on(self.reviews().list_review_cases(staff.asks(request)))?;
        Ok(answer.into_inner())
    }

    /// Ids of the undecided cases that somebody sees.
    pub fn case_ids(&self, staff: Staff) -> Vec<String> {
        let page = self.cases(staff, pb::ListReviewCasesRequest::default()).unwrap();
        page.review_cases.into_iter().map(|case| case.case_id).collect()
    }

    pub fn case(&self, staff: Staff, id: &str) -> Result<pb::GetReviewCaseResponse, Status> {
        let request = pb::GetReviewCaseRequest { case_id: id.to_owned() };
        let answer = self.block_on(self.reviews().get_review_case(staff.asks(request)))?;
        Ok(answer.into_inner())
    }

    pub fn claim(&self, staff: Staff, id: &str) -> Result<pb::ReviewCase, Status> {
        Ok(self.try_claim(staff, claiming(id))?.into_inner().review_case.unwrap())
    }

    pub fn try_claim(
        &self,
        staff: Staff,
        request: pb::ClaimReviewCaseRequest,
    ) -> Result<Response<pb::ClaimReviewCaseResponse>, Status> {
        self.block_on(self.reviews().claim_review_case(staff.asks(request)))
    }

    pub fn claim_next(
        &self,
        staff: Staff,
        queue: pb::ReviewQueue,
    ) -> Result<Option<pb::ReviewCase>, Status> {
        let request = pb::ClaimNextReviewCaseRequest { request_id: new_id(), queue: queue.into() };
        let answer = self.block_on(self.reviews().claim_next_review_case(staff.asks(request)))?;
        Ok(answer.into_inner().review_case)
    }

    pub fn release(&self, staff: Staff, id: &str) -> Result<pb::ReviewCase, Status> {
        let request = pb::ReleaseReviewCaseRequest { request_id: new_id(), case_id: id.to_owned() };
        let answer = self.block_on(self.reviews().release_review_case(staff.asks(request)))?;
        Ok(answer.into_inner().review_case.unwrap())
    }

    pub fn resolve(
        &self,
        staff: Staff,
        request: pb::ResolveReviewCaseRequest,
    ) -> Result<pb::ResolveReviewCaseResponse, Status> {
        Ok(self.try_resolve(staff, request)?.into_inner())
    }

    pub fn try_resolve(
        &self,
        staff: Staff,
        request: pb::ResolveReviewCaseRequest,
    ) -> Result<Response<pb::ResolveReviewCaseResponse>, Status> {
        self.block_on(self.reviews().resolve_review_case(staff.asks(request)))
    }

    /// Claims and approves; the new decision as the auditor sees it.
    pub fn approve(&self, staff: Staff, id: &str) -> pb::Decision {
        let case = self.claim(staff, id).unwrap();
        let answer = self.resolve(staff, verdict(&case, pb::ReviewVerdict::Approve)).unwrap();
        self.look_up("auditor", &answer.decision.expect("a decision").decision_id)
    }

    pub fn escalate(
        &self,
        staff: Staff,
        request: pb::EscalateReviewCaseRequest,
    ) -> Result<pb::ReviewCase, Status> {
        let answer = self.block_on(self.reviews().escalate_review_case(staff.asks(request)))?;
        Ok(answer.into_inner().review_case.unwrap())
    }

    pub fn note(
        &self,
        staff: Staff,
        request: pb::AddReviewNoteRequest,
    ) -> Result<Response<pb::AddReviewNoteResponse>, Status> {
        self.block_on(self.reviews().add_review_note(staff.asks(request)))
    }

    pub fn notes(
        &self,
        staff: Staff,
        request: pb::ListReviewNotesRequest,
    ) -> Result<pb::ListReviewNotesResponse, Status> {
        let answer = self.block_on(self.reviews().list_review_notes(staff.asks(request)))?;
        Ok(answer.into_inner())
    }

    pub fn related(
        &self,
        staff: Staff,
        request: pb::ListRelatedDecisionsRequest,
    ) -> Result<pb::ListRelatedDecisionsResponse, Status> {
        let answer = self.block_on(self.reviews().list_related_decisions(staff.asks(request)))?;
        Ok(answer.into_inner())
    }
}

/// Accounts `a0` to `a9` with a case each, a minute apart; ids in their order.
pub fn ten_cases(app: &TestApp) -> Vec<String> {
    let case = |number| {
        let account = format!("a{number}");
        app.given_regular(&account, 100_000);
        app.advance(Span::minutes(1));
        app.under_review(&account, 4_500).decision_id
    };
    (0..10).map(case).collect()
}

pub fn noting(id: &str, text: &str) -> pb::AddReviewNoteRequest {
    let request_id = new_id();
    pb::AddReviewNoteRequest { request_id, case_id: id.to_owned(), text: text.to_owned() }
}

/// Code and reason of a call that has to be refused.
pub fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    refusal(&answer.unwrap_err())
}
