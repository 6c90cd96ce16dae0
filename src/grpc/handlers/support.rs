//! The calls of SupportService.

use tonic::{Request, Response, Status, async_trait};

use super::Handlers;
use crate::domain::{Caller, DecisionRecord, Holder, Role, Search, Seen};
use crate::grpc::criteria::Criteria;
use crate::grpc::pb::support_service_server::SupportService;
use crate::grpc::role::{Rpc, caller};
use crate::grpc::{disclosure, from_proto, page, pb, to_proto};
use crate::service::Error;

#[async_trait]
impl SupportService for Handlers {
    async fn search_decisions(
        &self,
        request: Request<pb::SearchDecisionsRequest>,
    ) -> Result<Response<pb::SearchDecisionsResponse>, Status> {
        let caller = caller(&request, Rpc::Support)?;
        let found = self.search(&caller, request.into_inner()).await?;
        Ok(Response::new(found))
    }

    async fn get_account_summary(
        &self,
        request: Request<pb::GetAccountSummaryRequest>,
    ) -> Result<Response<pb::GetAccountSummaryResponse>, Status> {
        let caller = caller(&request, Rpc::Support)?;
        let id = from_proto::account_id(self.reader(), &request.into_inner().account_id);
        let id = id.map_err(Error::Invalid)?;
        self.limiter.count_account(&caller, id.as_str())?;
        let summary = self.service.account_summary(&caller, id).await?;
        let shown = summary.decisions.iter().map(|record| record.id);
        let seen = Seen { account: Some(summary.account.clone()), ..Seen::decisions(shown) };
        self.service.record_read(&caller, "GetAccountSummary", seen).await?;
        let found = |record: &DecisionRecord| self.found(record, caller.role);
        let decisions = summary.decisions.iter().map(found).collect();
        Ok(Response::new(to_proto::account_summary(&summary, decisions)))
    }
}

impl Handlers {
    async fn search(
        &self,
        caller: &Caller,
        request: pb::SearchDecisionsRequest,
    ) -> Result<pb::SearchDecisionsResponse, Error> {
        let query = from_proto::search_decisions(self.reader(), request);
        let query = query.map_err(Error::Invalid)?;
        let seen = looked_for(&query.search);
        let wanted = match &query.search {
            Search::Reason { code, .. } => Some(*code),
            _ => None,
        };
        let may = |code| disclosure::searchable(caller.role, &[code], self.service.catalog());
        if wanted.is_some_and(|code| !may(code).contains(&code)) {
            self.service.record_read(caller, "SearchDecisions", seen).await?;
            return Ok(pb::SearchDecisionsResponse::default());
        }
        let (records, next) = self.service.search_decisions(query).await?;
        let seen = Seen { decisions: records.iter().map(|record| record.id).collect(), ..seen };
        self.service.record_read(caller, "SearchDecisions", seen).await?;
        // To staff a code by which they may search is shown on every decision that has it.
        let found = records.iter().map(|record| self.found(record, caller.role));
        let decisions = found.collect();
        let next_page_token = next.map(page::token).unwrap_or_default();
        Ok(pb::SearchDecisionsResponse { decisions, next_page_token })
    }

    fn found(&self, record: &DecisionRecord, role: Role) -> pb::FoundDecision {
        to_proto::found_decision(record, self.decision(record, role))
    }
}

fn looked_for(search: &Search) -> Seen {
    let account = match search {
        Search::Holder { holder: Holder::Account(id), .. } => Some(id.clone()),
        _ => None,
    };
    Seen { account, criteria: Criteria::of_search(search).text(), ..Seen::default() }
}
