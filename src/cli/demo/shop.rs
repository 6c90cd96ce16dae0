//! A checkout and a lender in one: makes the calls of the story and keeps a row of each decision.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow};
use hmac::{Hmac, KeyInit, Mac};
use prost_types::Timestamp;
use sha2::Sha256;
use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::cli::print;
use crate::grpc::pb;
use crate::grpc::pb::account_service_client::AccountServiceClient;
use crate::grpc::pb::risk_decision_service_client::RiskDecisionServiceClient;

/// A decision of the story, as the table at the end shows it.
struct Row {
    what: String,
    outcome: String,
    codes: String,
    latency: Duration,
}

pub(super) struct Shop {
    decisions: RiskDecisionServiceClient<Channel>,
    accounts: AccountServiceClient<Channel>,
    step_up_key: Vec<u8>,
    rows: Vec<Row>,
}

impl Shop {
    pub async fn connect(url: &str, step_up_key: Vec<u8>) -> Result<Shop> {
        let url = url.to_owned();
        Ok(Shop {
            decisions: RiskDecisionServiceClient::connect(url.clone()).await?,
            accounts: AccountServiceClient::connect(url).await?,
            step_up_key,
            rows: Vec::new(),
        })
    }

    /// Asks for a purchase and prints what came back.
    pub async fn buy(&mut self, what: &str, context: pb::PurchaseContext) -> Result<pb::Decision> {
        self.buy_as(what, Uuid::now_v7(), context).await
    }

    pub async fn buy_as(
        &mut self,
        what: &str,
        request_id: Uuid,
        context: pb::PurchaseContext,
    ) -> Result<pb::Decision> {
        let request = pb::EvaluatePurchaseRequest {
            request_id: request_id.to_string(),
            context: Some(context),
        };
        let begun = Instant::now();
        let answer = self.decisions.evaluate_purchase(with_role(request, "auditor")?).await;
        let answer = answer.map_err(print::status)?.into_inner();
        self.told(what, begun.elapsed(), answer.decision)
    }

    pub async fn card(&mut self, what: &str, context: pb::PurchaseContext) -> Result<pb::Decision> {
        let hours = Duration::from_secs(24 * 3600);
        let request = pb::EvaluateOneTimeCardRequest {
            request_id: new_id(),
            context: Some(context),
            terms: Some(pb::OneTimeCardTerms {
                valid_for: prost_types::Duration::try_from(hours).ok(),
                merchant_locked: true,
                tolerance: None,
            }),
        };
        let begun = Instant::now();
        let answer = self.decisions.evaluate_one_time_card(with_role(request, "auditor")?).await;
        let answer = answer.map_err(print::status)?.into_inner();
        self.told(what, begun.elapsed(), answer.decision)
    }

    /// Passes every check that a pending decision asks for.
    pub async fn pass_step_up(
        &mut self,
        what: &str,
        pending: &pb::Decision,
    ) -> Result<pb::Decision> {
        let asked = pending.step_up.as_ref().context("no step-up was asked for")?;
        let now = Timestamp::from(SystemTime::now());
        let checked = Timestamp { seconds: now.seconds, nanos: 0 };
        let mut lines = vec!["surety.step_up.v1".to_owned(), pending.decision_id.clone()];
        lines.push(asked.step_up_id.clone());
        let mut results = Vec::new();
        for kind in asked.kinds() {
            let name = print::short(kind.as_str_name(), "STEP_UP_KIND_");
            lines.push(format!("{name},1,{checked}"));
            results.push(pb::StepUpResult {
                kind: kind.into(),
                passed: true,
                checked_time: Some(checked),
            });
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.step_up_key)
            .map_err(|_| anyhow!("the step-up key has no length"))?;
        mac.update(lines.join("\n").as_bytes());
        let request = pb::SubmitStepUpRequest {
            request_id: new_id(),
            decision_id: pending.decision_id.clone(),
            step_up_id: asked.step_up_id.clone(),
            results,
            signature: mac.finalize().into_bytes().to_vec(),
        };
        let begun = Instant::now();
        let answer = self.decisions.submit_step_up(with_role(request, "checkout")?).await;
        let answer = answer.map_err(print::status)?.into_inner();
        self.told(what, begun.elapsed(), answer.decision)
    }

    /// Captures an approved purchase in full.
    pub async fn confirm(&mut self, approved: &pb::Decision, merchant: &str) -> Result<()> {
        let request = pb::ConfirmPurchaseRequest {
            request_id: new_id(),
            decision_id: approved.decision_id.clone(),
            merchant_id: merchant.to_owned(),
            captured_amount: approved.approved_amount.clone(),
            merchant_order_reference: String::new(),
        };
        let answer = self.decisions.confirm_purchase(with_role(request, "checkout")?).await;
        answer.map_err(print::status)?;
        println!("   The shop ships and confirms: what was held is now owed.\n");
        Ok(())
    }

    pub async fn upsert(&mut self, account: pb::Account) -> Result<()> {
        let request = pb::UpsertAccountRequest { request_id: new_id(), account: Some(account) };
        let answer = self.accounts.upsert_account(with_role(request, "ledger")?).await;
        answer.map_err(print::status)?;
        Ok(())
    }

    pub async fn record(&mut self, events: Vec<pb::AccountEvent>) -> Result<()> {
        let request = pb::RecordAccountEventsRequest { request_id: new_id(), events };
        let answer = self.accounts.record_account_events(with_role(request, "ledger")?).await;
        let answer = answer.map_err(print::status)?.into_inner();
        match answer.results.iter().find(|result| !result.problem.is_empty()) {
            Some(result) => Err(anyhow!("event {}: {}", result.event_id, result.problem)),
            None => Ok(()),
        }
    }

    /// Puts a security hold on the account for a day; gives its id.
    pub async fn hold(&mut self, account: &str) -> Result<String> {
        let now = SystemTime::now();
        let request = pb::SetRestrictionRequest {
            request_id: new_id(),
            account_id: account.to_owned(),
            kind: pb::RestrictionKind::Security.into(),
            code: pb::ReasonCode::AccountSecurityHold.into(),
            start_time: Some(Timestamp::from(now)),
            end_time: Some(Timestamp::from(now + Duration::from_secs(24 * 3600))),
            note: "customer reported a lost phone".to_owned(),
        };
        let answer = self.accounts.set_restriction(with_role(request, "ledger")?).await;
        let answer = answer.map_err(print::status)?.into_inner();
        let restriction = answer.restriction.context("no restriction came back")?;
        Ok(restriction.restriction_id)
    }

    pub async fn lift(&mut self, restriction_id: String) -> Result<()> {
        let request = pb::LiftRestrictionRequest {
            request_id: new_id(),
            restriction_id,
            note: "verified by phone, the phone was found".to_owned(),
            evidence: String::new(),
        };
        let answer = self.accounts.lift_restriction(with_role(request, "agent")?).await;
        answer.map_err(print::status)?;
        Ok(())
    }

    fn told(
        &mut self,
        what: &str,
        latency: Duration,
        decision: Option<pb::Decision>,
    ) -> Result<pb::Decision> {
        let decision = decision.context("the service answered without a decision")?;
        println!("   {what}");
        print::decision(&decision);
        println!();
        let codes: Vec<&str> = decision
            .reasons
            .iter()
            .map(|reason| print::short(reason.code().as_str_name(), "REASON_CODE_"))
            .collect();
        self.rows.push(Row {
            what: what.to_owned(),
            outcome: print::short(decision.outcome().as_str_name(), "DECISION_OUTCOME_").to_owned(),
            codes: codes.join(", "),
            latency,
        });
        Ok(decision)
    }

    /// Every decision of the story, with what it took from call to answer.
    pub fn print_table(&self) {
        println!("{:<44} {:<14} {:>9}  REASONS", "WHAT", "OUTCOME", "LATENCY");
        for row in &self.rows {
            let millis = row.latency.as_secs_f64() * 1000.0;
            println!("{:<44} {:<14} {millis:>6.1} ms  {}", row.what, row.outcome, row.codes);
        }
    }
}

pub(super) fn new_id() -> String {
    Uuid::now_v7().to_string()
}

fn with_role<T>(message: T, role: &'static str) -> Result<Request<T>> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("surety-role", MetadataValue::from_static(role));
    Ok(request)
}
