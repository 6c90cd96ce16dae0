//! The calls of OneTimeCardService.

use tonic::{Request, Response, Status, async_trait};

use super::{Handlers, answer};
use crate::domain::{CardAt, DecisionId, NetworkAnswer, Role, Seen};
use crate::grpc::criteria::Criteria;
use crate::grpc::pb::one_time_card_service_server::OneTimeCardService;
use crate::grpc::role::{Rpc, caller};
use crate::grpc::to_proto::Audience;
use crate::grpc::{from_proto, page, pb, to_proto};
use crate::service::Error;

#[async_trait]
impl OneTimeCardService for Handlers {
    async fn get_one_time_card(
        &self,
        request: Request<pb::GetOneTimeCardRequest>,
    ) -> Result<Response<pb::GetOneTimeCardResponse>, Status> {
        let caller = caller(&request, Rpc::ReadCards)?;
        let id = from_proto::get_one_time_card(self.reader(), request.get_ref());
        let found = self.service.card(id.map_err(Error::Invalid)?).await?;
        let seen = Seen::decisions([found.card.decision]);
        self.service.record_read(&caller, "GetOneTimeCard", seen).await?;
        let one_time_card = Some(shown(&found, caller.role));
        Ok(Response::new(pb::GetOneTimeCardResponse { one_time_card }))
    }

    async fn list_one_time_cards(
        &self,
        request: Request<pb::ListOneTimeCardsRequest>,
    ) -> Result<Response<pb::ListOneTimeCardsResponse>, Status> {
        let caller = caller(&request, Rpc::ReadCards)?;
        let query = from_proto::list_one_time_cards(self.reader(), request.into_inner());
        let query = query.map_err(Error::Invalid)?;
        let criteria = Criteria::default().with("state", &query.states);
        let criteria = criteria.times(query.from, query.until).text();
        let account = Some(query.account.clone());
        let (cards, next) = self.service.list_cards(query).await?;
        let decisions = cards.iter().map(|found| found.card.decision).collect();
        let seen = Seen { account, decisions, criteria };
        self.service.record_read(&caller, "ListOneTimeCards", seen).await?;
        let one_time_cards = cards.iter().map(|found| shown(found, caller.role)).collect();
        let next_page_token = next.map(page::token).unwrap_or_default();
        Ok(Response::new(pb::ListOneTimeCardsResponse { one_time_cards, next_page_token }))
    }

    async fn activate_one_time_card(
        &self,
        request: Request<pb::ActivateOneTimeCardRequest>,
    ) -> Result<Response<pb::ActivateOneTimeCardResponse>, Status> {
        let caller = caller(&request, Rpc::ChangeCards)?;
        let role = caller.role;
        let asked = from_proto::activate_one_time_card(self.reader(), request.into_inner());
        let asked = asked.map_err(Error::Invalid)?;
        let answered = self.service.activate_card(caller, asked).await?;
        let one_time_card = Some(shown(&answered.value, role));
        Ok(answer(pb::ActivateOneTimeCardResponse { one_time_card }, answered.replayed))
    }

    async fn authorize_one_time_card(
        &self,
        request: Request<pb::AuthorizeOneTimeCardRequest>,
    ) -> Result<Response<pb::AuthorizeOneTimeCardResponse>, Status> {
        let caller = caller(&request, Rpc::ChangeCards)?;
        let role = caller.role;
        let asked = from_proto::authorize_one_time_card(self.reader(), request.into_inner());
        let asked = asked.map_err(Error::Invalid)?;
        let answered = self.service.authorize_card(caller, asked).await?;
        let told = answered.value;
        let (reasons, public_reasons) = self.why(told.decision, &told.answer, role).await?;
        let response = pb::AuthorizeOneTimeCardResponse {
            approved: told.answer.is_approval(),
            network_response_code: told.answer.response,
            authorization_id: told.id.to_string(),
            reasons,
            public_reasons,
        };
        Ok(answer(response, answered.replayed))
    }

    async fn adjust_one_time_card(
        &self,
        request: Request<pb::AdjustOneTimeCardRequest>,
    ) -> Result<Response<pb::AdjustOneTimeCardResponse>, Status> {
        let caller = caller(&request, Rpc::ChangeCards)?;
        let role = caller.role;
        let asked = from_proto::adjust_one_time_card(self.reader(), request.into_inner());
        let asked = asked.map_err(Error::Invalid)?;
        let answered = self.service.adjust_card(caller, asked).await?;
        let told = answered.value;
        let decision = told.card.card.decision;
        let (reasons, public_reasons) = self.why(decision, &told.answer, role).await?;
        let response = pb::AdjustOneTimeCardResponse {
            one_time_card: Some(shown(&told.card, role)),
            approved: told.answer.is_approval(),
            network_response_code: told.answer.response,
            reasons,
            public_reasons,
        };
        Ok(answer(response, answered.replayed))
    }

    async fn cancel_one_time_card(
        &self,
        request: Request<pb::CancelOneTimeCardRequest>,
    ) -> Result<Response<pb::CancelOneTimeCardResponse>, Status> {
        let caller = caller(&request, Rpc::ChangeCards)?;
        let role = caller.role;
        let asked = from_proto::cancel_one_time_card(self.reader(), request.into_inner());
        let asked = asked.map_err(Error::Invalid)?;
        let answered = self.service.cancel_card(caller, asked).await?;
        let one_time_card = Some(shown(&answered.value, role));
        Ok(answer(pb::CancelOneTimeCardResponse { one_time_card }, answered.replayed))
    }
}

impl Handlers {
    /// Why a network was refused, as the role may see it.
    async fn why(
        &self,
        decision: DecisionId,
        answer: &NetworkAnswer,
        role: Role,
    ) -> Result<(Vec<pb::Reason>, Vec<i32>), Error> {
        if answer.is_approval() {
            return Ok((Vec::new(), Vec::new()));
        }
        let granting = self.service.granting(decision).await?;
        // Judged at one time always, so that a retry gets the same bytes.
        let to = Audience { role, playbook: self.service.playbook(), now: granting.created };
        Ok(to_proto::refusal(&granting, answer, to))
    }
}

/// A card as it was when it was asked for.
fn shown(found: &CardAt, role: Role) -> pb::OneTimeCard {
    to_proto::card(&found.card, role, found.now)
}
