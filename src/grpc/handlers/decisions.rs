//! The calls of RiskDecisionService.

use std::pin::Pin;

use futures_util::stream::{Stream, unfold};
use tonic::{Request, Response, Status, async_trait};

use super::{Handlers, answer};
use crate::domain::{Caller, DecisionOwner, DecisionRecord, Fault, Seen};
use crate::grpc::criteria::Criteria;
use crate::grpc::pb::risk_decision_service_server::RiskDecisionService;
use crate::grpc::role::{Rpc, caller};
use crate::grpc::{disclosure, from_proto, page, pb, to_proto};
use crate::service::{Answered, Error, Watch};
use crate::telemetry::{Edge, Stage};

/// A decision after each change.
type WatchStream = Pin<Box<dyn Stream<Item = Result<pb::WatchDecisionResponse, Status>> + Send>>;

#[async_trait]
impl RiskDecisionService for Handlers {
    async fn evaluate_purchase(
        &self,
        mut request: Request<pb::EvaluatePurchaseRequest>,
    ) -> Result<Response<pb::EvaluatePurchaseResponse>, Status> {
        let (caller, edge) = (caller(&request, Rpc::Evaluate)?, edge(&mut request));
        let role = caller.role;
        let asked = from_proto::evaluate_purchase(self.reader(), request.into_inner());
        let answered = self.evaluate(caller, asked, edge).await?;
        let decision = Some(self.decided(&answered.value, role));
        Ok(answer(pb::EvaluatePurchaseResponse { decision }, answered.replayed))
    }

    async fn evaluate_one_time_card(
        &self,
        mut request: Request<pb::EvaluateOneTimeCardRequest>,
    ) -> Result<Response<pb::EvaluateOneTimeCardResponse>, Status> {
        let (caller, edge) = (caller(&request, Rpc::Evaluate)?, edge(&mut request));
        let role = caller.role;
        let asked = from_proto::evaluate_one_time_card(self.reader(), request.into_inner());
        let answered = self.evaluate(caller, asked, edge).await?;
        let decision = Some(self.decided(&answered.value, role));
        let one_time_card = to_proto::one_time_card(&answered.value, role);
        let response = pb::EvaluateOneTimeCardResponse { decision, one_time_card };
        Ok(answer(response, answered.replayed))
    }

    async fn preview_spending_power(
        &self,
        request: Request<pb::PreviewSpendingPowerRequest>,
    ) -> Result<Response<pb::PreviewSpendingPowerResponse>, Status> {
        let caller = caller(&request, Rpc::PreviewSpendingPower)?;
        let asked = from_proto::preview_spending_power(self.reader(), request.into_inner());
        let asked = asked.map_err(Error::Invalid)?;
        self.limiter.count_account(&caller, asked.account.as_str())?;
        let seen = Seen::account(&asked.account);
        let power = self.service.preview(&caller, asked).await?;
        self.service.record_read(&caller, "PreviewSpendingPower", seen).await?;
        Ok(Response::new(to_proto::spending_power(&power)))
    }

    async fn submit_step_up(
        &self,
        request: Request<pb::SubmitStepUpRequest>,
    ) -> Result<Response<pb::SubmitStepUpResponse>, Status> {
        let caller = caller(&request, Rpc::SubmitStepUp)?;
        let role = caller.role;
        let asked = from_proto::submit_step_up(self.reader(), request.into_inner());
        let answered = self.service.submit_step_up(caller, asked.map_err(Error::Invalid)?).await?;
        let decision = Some(self.decided(&answered.value, role));
        let one_time_card = to_proto::one_time_card(&answered.value, role);
        Ok(answer(pb::SubmitStepUpResponse { decision, one_time_card }, answered.replayed))
    }

    async fn confirm_purchase(
        &self,
        request: Request<pb::ConfirmPurchaseRequest>,
    ) -> Result<Response<pb::ConfirmPurchaseResponse>, Status> {
        let caller = caller(&request, Rpc::ConfirmPurchase)?;
        let role = caller.role;
        let asked = from_proto::confirm_purchase(self.reader(), request.into_inner());
        let answered = self.service.confirm(caller, asked.map_err(Error::Invalid)?).await?;
        let decision = Some(self.decision(&answered.value, role));
        Ok(answer(pb::ConfirmPurchaseResponse { decision }, answered.replayed))
    }

    async fn cancel_decision(
        &self,
        request: Request<pb::CancelDecisionRequest>,
    ) -> Result<Response<pb::CancelDecisionResponse>, Status> {
        let caller = caller(&request, Rpc::CancelDecision)?;
        let role = caller.role;
        let asked = from_proto::cancel_decision(self.reader(), request.into_inner());
        let answered = self.service.cancel(caller, asked.map_err(Error::Invalid)?).await?;
        let decision = Some(self.decision(&answered.value, role));
        Ok(answer(pb::CancelDecisionResponse { decision }, answered.replayed))
    }

    async fn get_decision(
        &self,
        request: Request<pb::GetDecisionRequest>,
    ) -> Result<Response<pb::GetDecisionResponse>, Status> {
        let caller = caller(&request, Rpc::ReadDecisions)?;
        let name = from_proto::get_decision(self.reader(), request.into_inner());
        let (record, current) =
            self.service.decision(&caller, name.map_err(Error::Invalid)?).await?;
        let mut seen = Seen::decision(&record);
        seen.decisions.extend(current.as_ref().map(|current| current.id));
        self.service.record_read(&caller, "GetDecision", seen).await?;
        let standing = current.as_ref().unwrap_or(&record);
        let one_time_card = to_proto::one_time_card(standing, caller.role);
        let decision = Some(self.decision(&record, caller.role));
        let current_decision = current.map(|current| self.decision(&current, caller.role));
        Ok(Response::new(pb::GetDecisionResponse { decision, current_decision, one_time_card }))
    }

    type WatchDecisionStream = WatchStream;

    async fn watch_decision(
        &self,
        request: Request<pb::WatchDecisionRequest>,
    ) -> Result<Response<WatchStream>, Status> {
        let caller = caller(&request, Rpc::ReadDecisions)?;
        let id = from_proto::watch_decision(self.reader(), request.into_inner());
        let id = id.map_err(Error::Invalid)?;
        let watch = self.service.watch(caller.clone(), id).await?;
        let watched = Watched { watch, handlers: self.clone(), caller };
        // Nothing runs beside the stream: when it is dropped, all of it is gone.
        let stream = unfold(watched, |mut watched| async move {
            let message = watched.next().await?;
            Some((message, watched))
        });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn list_decisions(
        &self,
        request: Request<pb::ListDecisionsRequest>,
    ) -> Result<Response<pb::ListDecisionsResponse>, Status> {
        let caller = caller(&request, Rpc::ReadDecisions)?;
        let page = self.page(&caller, request.into_inner()).await?;
        Ok(Response::new(page))
    }
}

/// A watch, and who is told of what it sees.
struct Watched {
    watch: Watch,
    handlers: Handlers,
    caller: Caller,
}

impl Watched {
    async fn next(&mut self) -> Option<Result<pb::WatchDecisionResponse, Status>> {
        let found = self.watch.next().await?;
        Some(self.show(found).await.map_err(Status::from))
    }

    /// Each is on record before it is shown: a decision may take the place of another.
    async fn show(
        &self,
        found: Result<DecisionRecord, Error>,
    ) -> Result<pb::WatchDecisionResponse, Error> {
        let (record, role) = (found?, self.caller.role);
        let seen = Seen::decisions([record.id]);
        self.handlers.service.record_read(&self.caller, "WatchDecision", seen).await?;
        let decision = Some(self.handlers.decision(&record, role));
        let one_time_card = to_proto::one_time_card(&record, role);
        Ok(pb::WatchDecisionResponse { decision, one_time_card })
    }
}

/// When the call began; taken out, for its span ends with it.
fn edge<T>(request: &mut Request<T>) -> Edge {
    request.extensions_mut().remove().unwrap_or_else(Edge::begin)
}

impl Handlers {
    /// Has the service assess what was asked, and measures what comes before it and all of it,
    /// however it ends.
    async fn evaluate(
        &self,
        caller: Caller,
        asked: Result<crate::domain::Request, Vec<Fault>>,
        edge: Edge,
    ) -> Result<Answered<DecisionRecord>, Status> {
        let asked = asked.map_err(Error::Invalid)?;
        self.limiter.count_account(&caller, &asked.holder.ledger_name())?;
        let metrics = self.service.metrics();
        let _total = metrics.timer(Stage::Total, edge.begun);
        metrics.took(Stage::Edge, edge.begun.elapsed());
        drop(edge);
        Ok(self.service.evaluate(caller, asked).await?)
    }

    async fn page(
        &self,
        caller: &Caller,
        request: pb::ListDecisionsRequest,
    ) -> Result<pb::ListDecisionsResponse, Error> {
        let query = from_proto::list_decisions(self.reader(), request);
        let mut query = query.map_err(Error::Invalid)?;
        let criteria = Criteria::of_list(&query).text();
        let account = match &query.owner {
            DecisionOwner::Account(id) => Some(id.clone()),
            DecisionOwner::Merchant(_) => None,
        };
        let codes = std::mem::take(&mut query.codes);
        let seen = disclosure::searchable(caller.role, &codes, self.service.catalog());
        if seen.is_empty() && !codes.is_empty() {
            return Ok(pb::ListDecisionsResponse::default());
        }
        // Outside a code may be there and not be shown, and neither what is found nor where a page
        // ends may tell of it: the ledger, which knows it, is not asked by it.
        if disclosure::is_staff(caller.role) {
            query.codes = seen;
        }
        let (catalog, now) = (self.service.catalog(), self.service.now());
        let wanted = |record: &DecisionRecord| {
            let shown = || disclosure::shown_codes(record, caller.role, catalog, now);
            codes.is_empty() || shown().iter().any(|code| codes.contains(code))
        };
        let (records, next) = self.service.list_decisions(caller, query, wanted).await?;
        let decisions = records.iter().map(|record| record.id).collect();
        let seen = Seen { account, decisions, criteria };
        self.service.record_read(caller, "ListDecisions", seen).await?;
        let rendered = records.iter().map(|record| self.decision(record, caller.role));
        let decisions = rendered.collect();
        let next_page_token = next.map(page::token).unwrap_or_default();
        Ok(pb::ListDecisionsResponse { decisions, next_page_token })
    }
}
