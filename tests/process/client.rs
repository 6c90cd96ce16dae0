//! A checkout and a lender in one, over one connection.

use surety::grpc::pb;
use surety::grpc::pb::account_service_client::AccountServiceClient;
use surety::grpc::pb::risk_decision_service_client::RiskDecisionServiceClient;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status};

/// A call that may be sent again under its `request_id`.
#[derive(Clone)]
pub enum Ask {
    Buy(Box<pb::EvaluatePurchaseRequest>),
    Confirm(pb::ConfirmPurchaseRequest),
    Cancel(pb::CancelDecisionRequest),
}

impl Ask {
    pub fn buy(request_id: String, context: pb::PurchaseContext) -> Ask {
        Ask::Buy(Box::new(pb::EvaluatePurchaseRequest { request_id, context: Some(context) }))
    }
}

#[derive(Clone)]
pub struct Client {
    role: &'static str,
    decisions: RiskDecisionServiceClient<Channel>,
    accounts: AccountServiceClient<Channel>,
}

impl Client {
    pub async fn connect(address: &str) -> Result<Client, tonic::transport::Error> {
        let url = format!("http://{address}");
        let channel = Channel::from_shared(url).unwrap().connect().await?;
        Ok(Client {
            role: "checkout",
            decisions: RiskDecisionServiceClient::new(channel.clone()),
            accounts: AccountServiceClient::new(channel),
        })
    }

    /// Sees the evidence and what is not disclosed to others.
    pub fn as_auditor(&self) -> Client {
        Client { role: "auditor", ..self.clone() }
    }

    pub async fn ask(&mut self, ask: &Ask) -> Result<pb::Decision, Status> {
        let decision = match ask.clone() {
            Ask::Buy(request) => {
                self.decisions
                    .evaluate_purchase(by(self.role, *request))
                    .await?
                    .into_inner()
                    .decision
            }
            Ask::Confirm(request) => {
                self.decisions.confirm_purchase(by(self.role, request)).await?.into_inner().decision
            }
            Ask::Cancel(request) => {
                self.decisions.cancel_decision(by(self.role, request)).await?.into_inner().decision
            }
        };
        Ok(decision.unwrap())
    }

    pub async fn decision(&mut self, id: &str) -> Result<pb::Decision, Status> {
        let request =
            pb::GetDecisionRequest { decision_id: id.to_owned(), reference: String::new() };
        Ok(self
            .decisions
            .get_decision(by(self.role, request))
            .await?
            .into_inner()
            .decision
            .unwrap())
    }

    /// What the account holds of its limit: outstanding and reserved.
    pub async fn held(&mut self, account: &str) -> i64 {
        let request = pb::PreviewSpendingPowerRequest {
            account_id: account.to_owned(),
            market: "GB".to_owned(),
            currency_code: "GBP".to_owned(),
            ..pb::PreviewSpendingPowerRequest::default()
        };
        let power = self.decisions.preview_spending_power(request).await.unwrap().into_inner();
        power.limit.unwrap().minor_units - power.available_amount.unwrap().minor_units
    }

    pub async fn upsert(&mut self, account: pb::Account) {
        let request_id = uuid::Uuid::now_v7().to_string();
        let request = pb::UpsertAccountRequest { request_id, account: Some(account) };
        self.accounts.upsert_account(by("ledger", request)).await.unwrap();
    }
}

fn by<T>(role: &'static str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("surety-role", MetadataValue::from_static(role));
    request
}
