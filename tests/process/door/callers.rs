//! Who may call what, for whom: roles that a caller has, and merchants that it asks for.

use surety::grpc::pb;
use surety::grpc::pb::account_service_client::AccountServiceClient;
use surety::grpc::pb::risk_decision_service_client::RiskDecisionServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::service::{Place, plain, unauthenticated, until, why, with_token};
use crate::sample::{account, pounds, purchase};

/// What callers of one merchant each, and of all, are told.
struct Callers {
    one: String,
    other: String,
    lender: String,
    staff: String,
}

impl Callers {
    fn add(place: &Place) -> Callers {
        let checkout = |name: &str, merchant: &str| {
            place.add(&[name, "--role", "checkout", "--merchant", merchant])
        };
        Callers {
            one: checkout("one", "m-77"),
            other: checkout("other", "m-78"),
            lender: place.add(&["lender", "--role", "ledger", "--role", "auditor"]),
            staff: place.add(&["anna", "--role", "agent"]),
        }
    }
}

fn in_role<T>(mut request: Request<T>, role: &str) -> Request<T> {
    request.metadata_mut().insert("surety-role", role.parse().unwrap());
    request
}

async fn open_account(channel: &Channel, token: &str) {
    let mut accounts = AccountServiceClient::new(channel.clone());
    let request_id = uuid::Uuid::now_v7().to_string();
    let request = pb::UpsertAccountRequest { request_id, account: Some(account("acc", 100_000)) };
    let request = in_role(with_token(Some(token), request), "ledger");
    accounts.upsert_account(request).await.unwrap();
}

async fn buy(channel: &Channel, token: &str) -> Result<pb::Decision, Status> {
    let request = pb::EvaluatePurchaseRequest {
        request_id: uuid::Uuid::now_v7().to_string(),
        context: Some(purchase("acc", 4_500)),
    };
    let mut decisions = RiskDecisionServiceClient::new(channel.clone());
    let told = decisions.evaluate_purchase(with_token(Some(token), request)).await?;
    Ok(told.into_inner().decision.unwrap())
}

fn forbidden(reason: &str) -> (Code, String) {
    (Code::PermissionDenied, reason.to_owned())
}

#[tokio::test]
async fn a_caller_acts_in_its_roles_and_under_its_name() {
    let place = Place::new();
    let callers = Callers::add(&place);
    let server = place.serve(&[]);
    let channel = plain(&server).await;
    let get = async |token: &str, role: Option<&str>| {
        let request = pb::GetAccountRequest { account_id: "nobody".into() };
        let mut request = with_token(Some(token), request);
        if let Some(role) = role {
            request = in_role(request, role);
        }
        why(AccountServiceClient::new(channel.clone()).get_account(request).await)
    };
    let found = |code, reason: &str| (code, reason.to_owned());
    let (lender, staff) = (callers.lender.as_str(), callers.staff.as_str());
    for (token, role, expected) in [
        (lender, Some("ledger"), found(Code::NotFound, "ACCOUNT_NOT_FOUND")),
        (lender, Some("auditor"), found(Code::NotFound, "ACCOUNT_NOT_FOUND")),
        (lender, None, found(Code::InvalidArgument, "FIELD_INVALID")),
        (lender, Some("compliance"), forbidden("ROLE_NOT_ALLOWED")),
        (lender, Some("root"), found(Code::InvalidArgument, "FIELD_INVALID")),
        (staff, None, forbidden("ROLE_NOT_ALLOWED")),
        (staff, Some("ledger"), forbidden("ROLE_NOT_ALLOWED")),
        (&callers.one, None, forbidden("ROLE_NOT_ALLOWED")),
    ] {
        assert_eq!(get(token, role).await, expected, "{role:?}");
    }
    // Nobody calls under a name that the token does not have.
    let mut request = with_token(Some(staff), pb::GetAccountRequest::default());
    request.metadata_mut().insert("surety-caller", "bert".parse().unwrap());
    let told = AccountServiceClient::new(channel).get_account(request).await;
    assert_eq!(why(told), found(Code::InvalidArgument, "FIELD_INVALID"));
}

#[tokio::test]
async fn a_checkout_asks_for_its_merchants_and_sees_no_others() {
    let place = Place::new();
    let callers = Callers::add(&place);
    let server = place.serve(&[]);
    let channel = plain(&server).await;
    open_account(&channel, &callers.lender).await;
    let not_allowed = forbidden("MERCHANT_NOT_ALLOWED");
    assert_eq!(why(buy(&channel, &callers.other).await), not_allowed);
    let decision = buy(&channel, &callers.one).await.unwrap();
    let id = decision.decision_id.clone();

    let mut decisions = RiskDecisionServiceClient::new(channel.clone());
    let other = |message| with_token(Some(&callers.other), message);
    let get = pb::GetDecisionRequest { decision_id: id.clone(), ..Default::default() };
    let not_found = (Code::NotFound, "DECISION_NOT_FOUND".to_owned());
    assert_eq!(why(decisions.get_decision(other(get.clone())).await), not_found);
    assert!(decisions.get_decision(with_token(Some(&callers.one), get)).await.is_ok());
    let list = |merchant: &str| pb::ListDecisionsRequest {
        merchant_id: merchant.to_owned(),
        ..Default::default()
    };
    let listed = decisions.list_decisions(with_token(Some(&callers.other), list("m-77"))).await;
    assert_eq!(why(listed), not_allowed);
    let listed = decisions.list_decisions(with_token(Some(&callers.one), list("m-77"))).await;
    assert_eq!(listed.unwrap().into_inner().decisions.len(), 1);
    let preview = pb::PreviewSpendingPowerRequest {
        account_id: "acc".into(),
        market: "GB".into(),
        currency_code: "GBP".into(),
        merchant_id: "m-77".into(),
        ..Default::default()
    };
    let previewed = decisions.preview_spending_power(with_token(Some(&callers.other), preview));
    assert_eq!(why(previewed.await), not_allowed);
    for (merchant, expected) in [("m-77", &not_allowed), ("m-78", &not_found)] {
        let confirm = pb::ConfirmPurchaseRequest {
            request_id: uuid::Uuid::now_v7().to_string(),
            decision_id: id.clone(),
            merchant_id: merchant.into(),
            captured_amount: Some(pounds(4_500)),
            ..Default::default()
        };
        let told = decisions.confirm_purchase(with_token(Some(&callers.other), confirm)).await;
        assert_eq!(&why(told), expected, "{merchant}");
    }
}

#[tokio::test]
async fn a_token_is_replaced_while_both_are_in_use() {
    let place = Place::new();
    let old = place.add(&["anna", "--role", "agent"]);
    let server = place.serve(&[]);
    let channel = plain(&server).await;
    let refused = place.caller(&["revoke", "anna", "--at", "2026-01-01"]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{}", refused.err);
    let ends = place.caller(&["revoke", "anna", "--at", "2100-01-01"]);
    assert_eq!(ends.out, "anna may call until 2100-01-01T00:00:00Z\n");
    let new = place.add(&["anna", "--role", "agent"]);
    for token in [&old, &new] {
        until(&channel, Some(token), (Code::Ok, String::new())).await;
    }
    let listed = place.caller(&["list"]).out;
    assert_eq!(listed.matches("anna  roles agent").count(), 2, "{listed}");
    assert_eq!(listed.matches("  until 2100-01-01T00:00:00Z").count(), 1, "{listed}");
    // Somebody has found the old one: both end now, sooner than was said.
    place.revoke("anna");
    for token in [&old, &new] {
        until(&channel, Some(token), unauthenticated("CALLER_REVOKED")).await;
    }
}

#[tokio::test]
async fn who_comes_back_with_fewer_merchants_has_lost_the_others() {
    let place = Place::new();
    let callers = Callers::add(&place);
    let server = place.serve(&[]);
    let channel = plain(&server).await;
    open_account(&channel, &callers.lender).await;
    let decision = buy(&channel, &callers.one).await.unwrap();
    let mut decisions = RiskDecisionServiceClient::new(channel);
    let cancel = pb::CancelDecisionRequest {
        request_id: uuid::Uuid::now_v7().to_string(),
        decision_id: decision.decision_id.clone(),
        reason: pb::CancelReason::Customer.into(),
    };
    decisions.cancel_decision(with_token(Some(&callers.one), cancel.clone())).await.unwrap();
    place.revoke("one");
    let back = place.add(&["one", "--role", "checkout", "--merchant", "m-78"]);
    // Not even what was answered under its name before.
    let replayed = decisions.cancel_decision(with_token(Some(&back), cancel)).await;
    assert_eq!(why(replayed), forbidden("MERCHANT_NOT_ALLOWED"));
    let get = pb::GetDecisionRequest { decision_id: decision.decision_id, ..Default::default() };
    let told = decisions.get_decision(with_token(Some(&back), get)).await;
    assert_eq!(why(told), (Code::NotFound, "DECISION_NOT_FOUND".to_owned()));
    let account_id = "acc".to_owned();
    let list = pb::ListDecisionsRequest { account_id, ..Default::default() };
    let listed = decisions.list_decisions(with_token(Some(&back), list)).await.unwrap();
    assert!(listed.into_inner().decisions.is_empty());
}
