//! What a checkout does: ask, pass a check, confirm, take back, look up.

use hmac::{Hmac, KeyInit, Mac};
use prost_types::Timestamp;
use sha2::Sha256;
use surety::grpc::pb;
use tonic::{Response, Status};

use super::{MERCHANT, TestApp, by, new_id, stamp};

/// An answer and whether it was stored before.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub decision: pb::Decision,
    pub replayed: bool,
}

/// Whether an answer says that it was given before.
pub fn replayed<T>(response: &Response<T>) -> bool {
    response.metadata().get("x-idempotent-replay").is_some_and(|value| value == "true")
}

fn told<T>(response: Response<T>, decision: fn(T) -> Option<pb::Decision>) -> Told {
    let replayed = replayed(&response);
    Told { decision: decision(response.into_inner()).expect("a decision"), replayed }
}

impl TestApp {
    /// Asks for a purchase as the auditor, who sees all that a decision holds.
    pub fn buy(&self, context: pb::PurchaseContext) -> pb::Decision {
        self.try_buy("auditor", &new_id(), context).unwrap().decision
    }

    pub fn try_buy(
        &self,
        role: &'static str,
        request_id: &str,
        context: pb::PurchaseContext,
    ) -> Result<Told, Status> {
        let request = pb::EvaluatePurchaseRequest {
            request_id: request_id.to_owned(),
            context: Some(context),
        };
        self.evaluate(role, request)
    }

    pub fn evaluate(
        &self,
        role: &'static str,
        request: pb::EvaluatePurchaseRequest,
    ) -> Result<Told, Status> {
        let answer = self.block_on(self.decisions().evaluate_purchase(by(role, request)))?;
        Ok(told(answer, |answer| answer.decision))
    }

    /// Asks for a one-time card; gives it when it was granted.
    pub fn card(&self, context: pb::PurchaseContext) -> (pb::Decision, Option<pb::OneTimeCard>) {
        let request = pb::EvaluateOneTimeCardRequest {
            request_id: new_id(),
            context: Some(context),
            terms: None,
        };
        let answer = self.try_card(request).unwrap().into_inner();
        (answer.decision.expect("a decision"), answer.one_time_card)
    }

    pub fn try_card(
        &self,
        request: pb::EvaluateOneTimeCardRequest,
    ) -> Result<Response<pb::EvaluateOneTimeCardResponse>, Status> {
        self.block_on(self.decisions().evaluate_one_time_card(by("auditor", request)))
    }

    /// Confirms an approval in full.
    pub fn confirm(&self, approved: &pb::Decision) -> pb::Decision {
        self.try_confirm(confirmation(approved)).unwrap().decision
    }

    pub fn try_confirm(&self, request: pb::ConfirmPurchaseRequest) -> Result<Told, Status> {
        let answer = self.block_on(self.decisions().confirm_purchase(by("checkout", request)))?;
        Ok(told(answer, |answer| answer.decision))
    }

    /// Takes a decision back.
    pub fn cancel(&self, decision: &pb::Decision, reason: pb::CancelReason) -> pb::Decision {
        self.try_cancel(pb::CancelDecisionRequest {
            request_id: new_id(),
            decision_id: decision.decision_id.clone(),
            reason: reason.into(),
        })
        .unwrap()
        .decision
    }

    pub fn try_cancel(&self, request: pb::CancelDecisionRequest) -> Result<Told, Status> {
        let answer = self.block_on(self.decisions().cancel_decision(by("checkout", request)))?;
        Ok(told(answer, |answer| answer.decision))
    }

    /// Passes or fails every check that a pending decision asks for; the auditor's view of what
    /// came of it.
    pub fn step_up(&self, pending: &pb::Decision, passed: bool) -> pb::Decision {
        let answer = self.try_step_up(self.signed(pending, passed)).unwrap();
        self.look_up("auditor", &answer.decision.decision_id)
    }

    pub fn try_step_up(&self, request: pb::SubmitStepUpRequest) -> Result<Told, Status> {
        let answer = self.block_on(self.decisions().submit_step_up(by("checkout", request)))?;
        Ok(told(answer, |answer| answer.decision))
    }

    /// The results of every check that a pending decision asks for, signed as the contract says.
    pub fn signed(&self, pending: &pb::Decision, passed: bool) -> pb::SubmitStepUpRequest {
        let asked = pending.step_up.as_ref().expect("a step-up");
        let checked = Timestamp { nanos: 0, ..stamp(self.now()) };
        let mut lines = vec!["surety.step_up.v1".to_owned(), pending.decision_id.clone()];
        lines.push(asked.step_up_id.clone());
        let mut results = Vec::new();
        for kind in asked.kinds() {
            let name = kind.as_str_name().trim_start_matches("STEP_UP_KIND_");
            lines.push(format!("{name},{},{checked}", u8::from(passed)));
            let checked_time = Some(checked);
            results.push(pb::StepUpResult { kind: kind.into(), passed, checked_time });
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.step_up_key()).unwrap();
        mac.update(lines.join("\n").as_bytes());
        pb::SubmitStepUpRequest {
            request_id: new_id(),
            decision_id: pending.decision_id.clone(),
            step_up_id: asked.step_up_id.clone(),
            results,
            signature: mac.finalize().into_bytes().to_vec(),
        }
    }

    pub fn look_up(&self, role: &'static str, decision_id: &str) -> pb::Decision {
        let request = pb::GetDecisionRequest {
            decision_id: decision_id.to_owned(),
            reference: String::new(),
        };
        self.try_get(role, request).unwrap()
    }

    pub fn try_get(
        &self,
        role: &'static str,
        request: pb::GetDecisionRequest,
    ) -> Result<pb::Decision, Status> {
        let answer = self.block_on(self.decisions().get_decision(by(role, request)))?;
        Ok(answer.into_inner().decision.expect("a decision"))
    }

    pub fn try_list(
        &self,
        role: &'static str,
        request: pb::ListDecisionsRequest,
    ) -> Result<pb::ListDecisionsResponse, Status> {
        let answer = self.block_on(self.decisions().list_decisions(by(role, request)))?;
        Ok(answer.into_inner())
    }

    /// What is free of an account's limit, in minor units.
    pub fn preview(&self, account: &str) -> i64 {
        self.preview_in("DE", "EUR", account)
    }

    pub fn preview_in(&self, market: &str, currency: &str, account: &str) -> i64 {
        let request = pb::PreviewSpendingPowerRequest {
            account_id: account.to_owned(),
            market: market.to_owned(),
            currency_code: currency.to_owned(),
            ..pb::PreviewSpendingPowerRequest::default()
        };
        let answer = self.try_preview("checkout", request).unwrap();
        answer.available_amount.unwrap().minor_units
    }

    pub fn try_preview(
        &self,
        role: &'static str,
        request: pb::PreviewSpendingPowerRequest,
    ) -> Result<pb::PreviewSpendingPowerResponse, Status> {
        let answer = self.block_on(self.decisions().preview_spending_power(by(role, request)))?;
        Ok(answer.into_inner())
    }
}

/// Confirms all that was approved, under a new request_id.
pub fn confirmation(approved: &pb::Decision) -> pb::ConfirmPurchaseRequest {
    pb::ConfirmPurchaseRequest {
        request_id: new_id(),
        decision_id: approved.decision_id.clone(),
        merchant_id: MERCHANT.to_owned(),
        captured_amount: approved.approved_amount.clone(),
        merchant_order_reference: String::new(),
    }
}
