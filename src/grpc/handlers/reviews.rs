//! The calls of ReviewService.

use tonic::{Request, Response, Status, async_trait};

use super::{Handlers, answer};
use crate::domain::{Caller, ReviewedCase, Role, Seen};
use crate::grpc::criteria::Criteria;
use crate::grpc::pb::review_service_server::ReviewService;
use crate::grpc::role::{Rpc, caller};
use crate::grpc::to_proto::Audience;
use crate::grpc::{disclosure, from_proto, page, pb, to_proto};
use crate::service::Error;

#[async_trait]
impl ReviewService for Handlers {
    async fn list_review_cases(
        &self,
        request: Request<pb::ListReviewCasesRequest>,
    ) -> Result<Response<pb::ListReviewCasesResponse>, Status> {
        let caller = caller(&request, Rpc::ReadReviews)?;
        let page = self.cases(&caller, request.into_inner()).await?;
        Ok(Response::new(page))
    }

    async fn get_review_case(
        &self,
        request: Request<pb::GetReviewCaseRequest>,
    ) -> Result<Response<pb::GetReviewCaseResponse>, Status> {
        let caller = caller(&request, Rpc::ReadReviews)?;
        let id = from_proto::case_id(self.reader(), &request.into_inner().case_id);
        let (found, actions) =
            self.service.review_case(&caller, id.map_err(Error::Invalid)?).await?;
        let seen = Seen::decision(&found.decision);
        self.service.record_read(&caller, "GetReviewCase", seen).await?;
        let review_case = Some(self.case(&found, caller.role));
        let timeline = actions.iter().map(to_proto::review_action).collect();
        Ok(Response::new(pb::GetReviewCaseResponse { review_case, timeline }))
    }

    async fn claim_review_case(
        &self,
        request: Request<pb::ClaimReviewCaseRequest>,
    ) -> Result<Response<pb::ClaimReviewCaseResponse>, Status> {
        let caller = caller(&request, Rpc::WorkReviews)?;
        let role = caller.role;
        let asked = from_proto::claim_review_case(self.reader(), request.into_inner());
        let answered = self.service.claim_case(caller, asked.map_err(Error::Invalid)?).await?;
        let review_case = Some(self.case(&answered.value, role));
        Ok(answer(pb::ClaimReviewCaseResponse { review_case }, answered.replayed))
    }

    async fn release_review_case(
        &self,
        request: Request<pb::ReleaseReviewCaseRequest>,
    ) -> Result<Response<pb::ReleaseReviewCaseResponse>, Status> {
        let caller = caller(&request, Rpc::WorkReviews)?;
        let role = caller.role;
        let asked = from_proto::release_review_case(self.reader(), request.into_inner());
        let answered = self.service.release_case(caller, asked.map_err(Error::Invalid)?).await?;
        let review_case = Some(self.case(&answered.value, role));
        Ok(answer(pb::ReleaseReviewCaseResponse { review_case }, answered.replayed))
    }

    async fn claim_next_review_case(
        &self,
        request: Request<pb::ClaimNextReviewCaseRequest>,
    ) -> Result<Response<pb::ClaimNextReviewCaseResponse>, Status> {
        let caller = caller(&request, Rpc::WorkReviews)?;
        let role = caller.role;
        let asked = from_proto::claim_next_review_case(self.reader(), request.into_inner());
        let asked = asked.map_err(Error::Invalid)?;
        let answered = self.service.claim_next_case(caller, asked).await?;
        let review_case = answered.value.map(|found| self.case(&found, role));
        Ok(answer(pb::ClaimNextReviewCaseResponse { review_case }, answered.replayed))
    }

    async fn resolve_review_case(
        &self,
        request: Request<pb::ResolveReviewCaseRequest>,
    ) -> Result<Response<pb::ResolveReviewCaseResponse>, Status> {
        let caller = caller(&request, Rpc::WorkReviews)?;
        let role = caller.role;
        let asked = from_proto::resolve_review_case(self.reader(), request.into_inner());
        let answered = self.service.resolve_case(caller, asked.map_err(Error::Invalid)?).await?;
        let review_case = Some(self.case(&answered.value.case, role));
        let decision = answered.value.decision.map(|made| self.decided(&made, role));
        Ok(answer(pb::ResolveReviewCaseResponse { review_case, decision }, answered.replayed))
    }

    async fn escalate_review_case(
        &self,
        request: Request<pb::EscalateReviewCaseRequest>,
    ) -> Result<Response<pb::EscalateReviewCaseResponse>, Status> {
        let caller = caller(&request, Rpc::WorkReviews)?;
        let role = caller.role;
        let asked = from_proto::escalate_review_case(self.reader(), request.into_inner());
        let answered = self.service.escalate_case(caller, asked.map_err(Error::Invalid)?).await?;
        let review_case = Some(self.case(&answered.value, role));
        Ok(answer(pb::EscalateReviewCaseResponse { review_case }, answered.replayed))
    }

    async fn add_review_note(
        &self,
        request: Request<pb::AddReviewNoteRequest>,
    ) -> Result<Response<pb::AddReviewNoteResponse>, Status> {
        let caller = caller(&request, Rpc::WorkReviews)?;
        let role = caller.role;
        let asked = from_proto::add_review_note(self.reader(), request.into_inner());
        let answered = self.service.add_note(caller, asked.map_err(Error::Invalid)?).await?;
        let (found, note) = answered.value;
        let note = note.as_ref().map(to_proto::review_note);
        let review_case = Some(self.case(&found, role));
        Ok(answer(pb::AddReviewNoteResponse { note, review_case }, answered.replayed))
    }

    async fn list_review_notes(
        &self,
        request: Request<pb::ListReviewNotesRequest>,
    ) -> Result<Response<pb::ListReviewNotesResponse>, Status> {
        let caller = caller(&request, Rpc::ReadReviews)?;
        let asked = from_proto::list_review_notes(self.reader(), request.into_inner());
        let asked = asked.map_err(Error::Invalid)?;
        let seen = Seen::decisions([asked.case]);
        let (notes, next) = self.service.review_notes(&caller, asked).await?;
        self.service.record_read(&caller, "ListReviewNotes", seen).await?;
        let notes = notes.iter().map(to_proto::review_note).collect();
        let next_page_token = next.map(page::token).unwrap_or_default();
        Ok(Response::new(pb::ListReviewNotesResponse { notes, next_page_token }))
    }

    async fn list_related_decisions(
        &self,
        request: Request<pb::ListRelatedDecisionsRequest>,
    ) -> Result<Response<pb::ListRelatedDecisionsResponse>, Status> {
        let caller = caller(&request, Rpc::ReadReviews)?;
        let asked = from_proto::list_related_decisions(self.reader(), request.into_inner());
        let asked = asked.map_err(Error::Invalid)?;
        let case = asked.case;
        let (related, next) = self.service.related(&caller, asked).await?;
        let shown = related.iter().map(|one| one.decision.id);
        let seen = Seen {
            criteria: Criteria::default().with("case", Some(case)).text(),
            ..Seen::decisions(std::iter::once(case).chain(shown))
        };
        self.service.record_read(&caller, "ListRelatedDecisions", seen).await?;
        let to = self.audience(caller.role);
        let decisions = related.iter().map(|one| to_proto::related_decision(one, to)).collect();
        let next_page_token = next.map(page::related_token).unwrap_or_default();
        Ok(Response::new(pb::ListRelatedDecisionsResponse { decisions, next_page_token }))
    }
}

impl Handlers {
    fn audience(&self, role: Role) -> Audience<'_> {
        Audience { role, playbook: self.service.playbook(), now: self.service.now() }
    }

    fn case(&self, found: &ReviewedCase, role: Role) -> pb::ReviewCase {
        to_proto::review_case(found, self.audience(role))
    }

    async fn cases(
        &self,
        caller: &Caller,
        request: pb::ListReviewCasesRequest,
    ) -> Result<pb::ListReviewCasesResponse, Error> {
        let asked = from_proto::list_review_cases(self.reader(), request);
        let (queue, mut filter) = asked.map_err(Error::Invalid)?;
        let criteria = Criteria::of_cases(&filter).with("queue", queue).text();
        let wanted = std::mem::take(&mut filter.codes);
        filter.codes = disclosure::searchable(caller.role, &wanted, self.service.catalog());
        if filter.codes.is_empty() && !wanted.is_empty() {
            let seen = Seen { criteria, ..Seen::default() };
            self.service.record_read(caller, "ListReviewCases", seen).await?;
            return Ok(pb::ListReviewCasesResponse::default());
        }
        let market = filter.market;
        let (found, next, total) = self.service.review_cases(caller, queue, filter).await?;
        // What waited before cases knew their market is in every market's list of the ledger.
        let of_market =
            |found: &&ReviewedCase| market.is_none_or(|market| found.decision.market == market);
        let shown = || found.iter().filter(of_market);
        let seen = Seen::decisions(shown().map(|found| found.case.id));
        let seen = Seen { criteria, ..seen };
        self.service.record_read(caller, "ListReviewCases", seen).await?;
        let review_cases = shown().map(|found| self.case(found, caller.role)).collect();
        Ok(pb::ListReviewCasesResponse {
            review_cases,
            next_page_token: next.map(page::token).unwrap_or_default(),
            total_size: i32::try_from(total).unwrap_or(i32::MAX),
        })
    }
}
