//! What a lender's own systems do: keep accounts, tell what happened, set holds and lift them.

use surety::domain::{Span, Time};
use surety::grpc::pb;
use tonic::{Response, Status};

use super::{TestApp, account, by, event, history, new_id, stamp};

impl TestApp {
    /// A complete, verified account that has done nothing yet.
    pub fn given_account(&self, id: &str, limit: i64) {
        self.given(account(id, limit));
    }

    /// A customer of two years: a habit of purchases around 45.00 with one phone from home, and
    /// four plans repaid in time.
    pub fn given_regular(&self, id: &str, limit: i64) {
        self.given_account(id, limit);
        self.record(history(id, self.now()));
    }

    pub fn given(&self, account: pb::Account) {
        let request = pb::UpsertAccountRequest { request_id: new_id(), account: Some(account) };
        self.try_upsert("ledger", request).unwrap();
    }

    pub fn try_upsert(
        &self,
        role: &'static str,
        request: pb::UpsertAccountRequest,
    ) -> Result<Response<pb::UpsertAccountResponse>, Status> {
        self.block_on(self.accounts().upsert_account(by(role, request)))
    }

    pub fn try_account(&self, role: &'static str, id: &str) -> Result<pb::Account, Status> {
        let request = pb::GetAccountRequest { account_id: id.to_owned() };
        let answer = self.block_on(self.accounts().get_account(by(role, request)))?;
        Ok(answer.into_inner().account.expect("an account"))
    }

    /// Records events, all of which have to be good.
    pub fn record(&self, events: Vec<pb::AccountEvent>) {
        let request = pb::RecordAccountEventsRequest { request_id: new_id(), events };
        let answer = self.try_record("ledger", request).unwrap().into_inner();
        for result in answer.results {
            assert_eq!(result.status(), pb::AccountEventStatus::Applied, "{result:?}");
        }
    }

    pub fn try_record(
        &self,
        role: &'static str,
        request: pb::RecordAccountEventsRequest,
    ) -> Result<Response<pb::RecordAccountEventsResponse>, Status> {
        self.block_on(self.accounts().record_account_events(by(role, request)))
    }

    /// Tells one thing that happened just now.
    pub fn tell(&self, account: &str, kind: pb::account_event::Kind) {
        self.record(vec![event(account, self.now(), kind)]);
    }

    /// Puts a hold on an account from now on; gives its id.
    pub fn hold(&self, account: &str, kind: pb::RestrictionKind, length: Span) -> String {
        let end_time = Some(stamp(self.now() + length));
        let request = pb::SetRestrictionRequest {
            request_id: new_id(),
            account_id: account.to_owned(),
            kind: kind.into(),
            end_time,
            note: "a test's hold".to_owned(),
            ..pb::SetRestrictionRequest::default()
        };
        let answer = self.try_hold("compliance", request).unwrap().into_inner();
        answer.restriction.expect("a restriction").restriction_id
    }

    pub fn try_hold(
        &self,
        role: &'static str,
        request: pb::SetRestrictionRequest,
    ) -> Result<Response<pb::SetRestrictionResponse>, Status> {
        self.block_on(self.accounts().set_restriction(by(role, request)))
    }

    /// Lifts a security hold, as an agent does who has verified the customer.
    pub fn lift(&self, restriction_id: &str) {
        self.try_lift("agent", lifting(restriction_id)).unwrap();
    }

    pub fn try_lift(
        &self,
        role: &'static str,
        request: pb::LiftRestrictionRequest,
    ) -> Result<Response<pb::LiftRestrictionResponse>, Status> {
        self.block_on(self.accounts().lift_restriction(by(role, request)))
    }

    pub fn try_restrictions(
        &self,
        role: &'static str,
        account: &str,
    ) -> Result<Vec<pb::Restriction>, Status> {
        let request = pb::ListRestrictionsRequest { account_id: account.to_owned() };
        let answer = self.block_on(self.accounts().list_restrictions(by(role, request)))?;
        Ok(answer.into_inner().restrictions)
    }

    pub fn try_erase(
        &self,
        role: &'static str,
        request: pb::EraseAccountRequest,
    ) -> Result<Response<pb::EraseAccountResponse>, Status> {
        self.block_on(self.accounts().erase_account(by(role, request)))
    }

    /// The lender's word that a plan is open and `days_overdue` late.
    pub fn owes(&self, account: &str, plan: &str, outstanding: i64, days_overdue: i32) {
        let state = match days_overdue {
            0 => pb::PlanState::Current,
            _ => pb::PlanState::Overdue,
        };
        self.tell(account, super::plan_status(plan, (outstanding, days_overdue), state));
    }

    /// A payment in full of a plan, at `paid`.
    pub fn repay(&self, account: &str, plan: &str, amount: i64, paid: Time) {
        self.record(vec![event(account, paid, super::repayment(plan, amount, paid))]);
    }
}

pub fn lifting(restriction_id: &str) -> pb::LiftRestrictionRequest {
    pb::LiftRestrictionRequest {
        request_id: new_id(),
        restriction_id: restriction_id.to_owned(),
        note: "verified by phone".to_owned(),
        evidence: "ticket-1".to_owned(),
    }
}
