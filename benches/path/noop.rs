//! The floor: a gRPC server with the same messages over the same transport, that answers at once.

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use surety::grpc::pb;
use surety::grpc::pb::risk_decision_service_server::{
    RiskDecisionService, RiskDecisionServiceServer,
};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::Outcome;

/// Every answer is this decision.
struct Noop {
    decision: pb::Decision,
}

/// Serves until it is killed.
pub async fn serve() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("serving gRPC on {}", listener.local_addr()?);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let noop = RiskDecisionServiceServer::new(Noop { decision: approval() });
    Ok(Server::builder().add_service(noop).serve_with_incoming(incoming).await?)
}

/// What a checkout is told of an approval.
fn approval() -> pb::Decision {
    let now = SystemTime::now();
    pb::Decision {
        decision_id: "01a200ae-1aee-7b18-861c-677f55d90d86".to_owned(),
        reference: "ZGK39YY9".to_owned(),
        outcome: pb::DecisionOutcome::Approved.into(),
        state: pb::DecisionState::Final.into(),
        message: Some(pb::CustomerMessage {
            title: "Genehmigt".to_owned(),
            body: "Ihre Anfrage ist genehmigt, Sie können fortfahren.".to_owned(),
            locale: "de".to_owned(),
            ..pb::CustomerMessage::default()
        }),
        retry: Some(pb::Retry::default()),
        approved_amount: Some(pb::Money { minor_units: 4_000, currency_code: "EUR".to_owned() }),
        expire_time: Some(Timestamp::from(now + Duration::from_secs(3_600))),
        versions: Some(pb::Versions {
            policy: "2026-11-22.2".to_owned(),
            catalog: "3".to_owned(),
            text: "1".to_owned(),
            ..pb::Versions::default()
        }),
        create_time: Some(Timestamp::from(now)),
        decision_duration: Some(prost_types::Duration { seconds: 0, nanos: 1_912_000 }),
        etag: "40f581152d745bd0".to_owned(),
        ..pb::Decision::default()
    }
}

impl Noop {
    fn decision(&self) -> Option<pb::Decision> {
        Some(self.decision.clone())
    }
}

type Answer<T> = Result<Response<T>, Status>;

/// What the load generator does not ask.
fn not_asked<T>() -> Answer<T> {
    Err(Status::unimplemented("the floor answers what the load generator asks"))
}

#[tonic::async_trait]
impl RiskDecisionService for Noop {
    type WatchDecisionStream = tokio_stream::Empty<Result<pb::WatchDecisionResponse, Status>>;

    async fn evaluate_purchase(
        &self,
        _: Request<pb::EvaluatePurchaseRequest>,
    ) -> Answer<pb::EvaluatePurchaseResponse> {
        Ok(Response::new(pb::EvaluatePurchaseResponse { decision: self.decision() }))
    }

    async fn evaluate_one_time_card(
        &self,
        _: Request<pb::EvaluateOneTimeCardRequest>,
    ) -> Answer<pb::EvaluateOneTimeCardResponse> {
        let decision = self.decision();
        Ok(Response::new(pb::EvaluateOneTimeCardResponse { decision, ..Default::default() }))
    }

    async fn confirm_purchase(
        &self,
        _: Request<pb::ConfirmPurchaseRequest>,
    ) -> Answer<pb::ConfirmPurchaseResponse> {
        Ok(Response::new(pb::ConfirmPurchaseResponse { decision: self.decision() }))
    }

    async fn cancel_decision(
        &self,
        _: Request<pb::CancelDecisionRequest>,
    ) -> Answer<pb::CancelDecisionResponse> {
        Ok(Response::new(pb::CancelDecisionResponse { decision: self.decision() }))
    }

    async fn preview_spending_power(
        &self,
        _: Request<pb::PreviewSpendingPowerRequest>,
    ) -> Answer<pb::PreviewSpendingPowerResponse> {
        not_asked()
    }

    async fn submit_step_up(
        &self,
        _: Request<pb::SubmitStepUpRequest>,
    ) -> Answer<pb::SubmitStepUpResponse> {
        not_asked()
    }

    async fn get_decision(
        &self,
        _: Request<pb::GetDecisionRequest>,
    ) -> Answer<pb::GetDecisionResponse> {
        not_asked()
    }

    async fn list_decisions(
        &self,
        _: Request<pb::ListDecisionsRequest>,
    ) -> Answer<pb::ListDecisionsResponse> {
        not_asked()
    }

    async fn watch_decision(
        &self,
        _: Request<pb::WatchDecisionRequest>,
    ) -> Answer<Self::WatchDecisionStream> {
        not_asked()
    }
}
