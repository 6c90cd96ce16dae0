//! What is refused and what is read of the calls that do not ask for a decision.

use proptest::prelude::*;
use prost::Message;
use prost_types::Timestamp;
use uuid::Uuid;

use super::sample::{NOW, eur, stamp};
use super::{
    Reader, activate_one_time_card, adjust_one_time_card, authorize_one_time_card, cancel_decision,
    cancel_one_time_card, confirm_purchase, get_decision, lift_restriction, list_decisions,
    list_one_time_cards, preview_spending_power, record_account_events, set_restriction,
    submit_step_up, upsert_account,
};
use crate::domain::{
    DecisionName, EventKind, Fault, PARTY_SECRET_LEN, PartyHasher, ReasonCode, RestrictionId,
    RestrictionKind, Time,
};
use crate::grpc::{page, pb};

const ID: &str = "0193a2c4-6f0e-7c11-9a55-0d6c1f3b2a10";

/// Runs one of the readers.
macro_rules! read {
    ($reader:ident, $($argument:expr),*) => {{
        let hasher = PartyHasher::new(&[7; PARTY_SECRET_LEN]);
        $reader(Reader::new(&hasher, NOW), $($argument),*)
    }};
}

fn fields<T>(read: Result<T, Vec<Fault>>) -> Vec<String> {
    read.err().unwrap_or_default().into_iter().map(|fault| fault.field).collect()
}

#[test]
fn what_is_missing_is_named_for_every_call() {
    let request_id = || ID.to_owned();
    assert_eq!(
        fields(read!(submit_step_up, pb::SubmitStepUpRequest::default())),
        ["request_id", "decision_id", "step_up_id", "results", "signature"]
    );
    assert_eq!(
        fields(read!(confirm_purchase, pb::ConfirmPurchaseRequest::default())),
        ["request_id", "decision_id", "merchant_id", "captured_amount"]
    );
    let cancel = pb::CancelDecisionRequest { request_id: request_id(), ..Default::default() };
    assert_eq!(fields(read!(cancel_decision, cancel)), ["decision_id", "reason"]);
    assert_eq!(fields(read!(get_decision, pb::GetDecisionRequest::default())), ["decision_id"]);
    assert_eq!(
        fields(read!(preview_spending_power, pb::PreviewSpendingPowerRequest::default())),
        ["account_id", "market", "currency_code"]
    );
    let account = pb::UpsertAccountRequest { request_id: request_id(), account: None };
    assert_eq!(fields(read!(upsert_account, account)), ["account"]);
    let id = RestrictionId(Uuid::nil());
    assert_eq!(
        fields(read!(set_restriction, pb::SetRestrictionRequest::default(), id)),
        ["request_id", "account_id", "kind", "end_time"]
    );
    assert_eq!(
        fields(read!(lift_restriction, pb::LiftRestrictionRequest::default())),
        ["request_id", "restriction_id", "note"]
    );
    let events = pb::RecordAccountEventsRequest { request_id: request_id(), events: vec![] };
    assert_eq!(fields(read!(record_account_events, events)), ["events"]);
}

#[test]
fn results_of_a_step_up_are_over_whole_past_seconds_and_each_kind_once() {
    let result = |kind, checked_time| pb::StepUpResult { kind, passed: true, checked_time };
    let request = |results| pb::SubmitStepUpRequest {
        request_id: ID.into(),
        decision_id: ID.into(),
        step_up_id: ID.into(),
        results,
        signature: vec![0; 32],
    };
    let good = request(vec![result(1, stamp(0)), result(3, stamp(-5))]);
    assert_eq!(read!(submit_step_up, good).unwrap().results.len(), 2);
    let half = Some(Timestamp { nanos: 1, ..stamp(0).unwrap() });
    let bad = vec![result(1, half), result(1, stamp(301)), result(9, None)];
    assert_eq!(
        fields(read!(submit_step_up, request(bad))),
        [
            "results[0].checked_time",
            "results[1].kind",
            "results[1].checked_time",
            "results[2].kind",
            "results[2].checked_time",
        ]
    );
}

#[test]
fn decisions_are_named_by_id_or_reference() {
    let name = |decision_id: &str, reference: &str| {
        let (decision_id, reference) = (decision_id.to_owned(), reference.to_owned());
        read!(get_decision, pb::GetDecisionRequest { decision_id, reference })
    };
    assert!(matches!(name(ID, ""), Ok(DecisionName::Id(_))));
    let reference = crate::domain::Reference::from_random(7);
    let spoken = reference.as_str().to_lowercase();
    assert_eq!(name("", &spoken), Ok(DecisionName::Reference(reference)));
    assert_eq!(fields(name(ID, &spoken)), ["reference"]);
    assert_eq!(fields(name("", "7F3K-92QX")), ["reference"]);
}

#[test]
fn lists_have_bounds_and_tokens_of_ours() {
    let request = |page_size, page_token: &str| pb::ListDecisionsRequest {
        account_id: "acc-1".into(),
        page_size,
        page_token: page_token.into(),
        ..Default::default()
    };
    for (asked, given) in [(0, 50), (7, 7), (1_000, 200)] {
        assert_eq!(read!(list_decisions, request(asked, "")).unwrap().page_size, given);
    }
    assert_eq!(fields(read!(list_decisions, request(-1, "x"))), ["page_size", "page_token"]);
    let place = (NOW, crate::domain::DecisionId(Uuid::from_u128(7)));
    let next = read!(list_decisions, request(0, &page::token(place))).unwrap();
    assert_eq!(next.after, Some(place));
    let filter = pb::DecisionFilter {
        outcomes: vec![0, 9],
        states: vec![1; 11],
        reason_codes: vec![201, 7],
        ..Default::default()
    };
    let both = pb::ListDecisionsRequest {
        merchant_id: "m-1".into(),
        filter: Some(filter),
        ..request(0, "")
    };
    assert_eq!(
        fields(read!(list_decisions, both)),
        [
            "merchant_id",
            "filter.outcomes[0]",
            "filter.outcomes[1]",
            "filter.states",
            "filter.reason_codes[1]",
        ]
    );
}

fn account() -> pb::Account {
    pb::Account {
        account_id: "acc-1".into(),
        market: "DE".into(),
        currency_code: "EUR".into(),
        credit_limit: eur(100_000),
        ..Default::default()
    }
}

#[test]
fn an_account_needs_a_limit_and_nothing_unknown_becomes_zero() {
    let upsert = |account| {
        let request = pb::UpsertAccountRequest { request_id: ID.into(), account: Some(account) };
        read!(upsert_account, request)
    };
    let bare = upsert(account()).unwrap();
    assert_eq!((bare.account.credit_limit, bare.etag), (100_000, None));
    assert_eq!((bare.account.income, bare.account.bureau), (None, None));
    let bad = pb::Account {
        credit_limit: None,
        opened_time: stamp(301),
        email: "x".into(),
        phone: "0151".into(),
        profile: Some(pb::Profile {
            name: Some(pb::ProfileField { status: 5, changed_time: stamp(0) }),
            ..Default::default()
        }),
        income: Some(pb::Income::default()),
        commitments: Some(pb::Commitments {
            monthly: Some(pb::Money { minor_units: 1, currency_code: "SEK".into() }),
            source: "4111111111111111".into(),
            as_of: None,
        }),
        bureau: Some(pb::Bureau { inquiries_6m: Some(-1), ..Default::default() }),
        etag: "two words".into(),
        ..account()
    };
    assert_eq!(
        fields(upsert(bad)),
        [
            "account.credit_limit",
            "account.opened_time",
            "account.email",
            "account.phone",
            "account.profile.name.status",
            "account.income.monthly",
            "account.income.verified",
            "account.commitments.monthly.currency_code",
            "account.commitments.source",
            "account.bureau.inquiries_6m",
            "account.etag",
        ]
    );
}

#[test]
fn restrictions_end_and_keep_the_secrets_of_compliance() {
    let set = |kind: pb::RestrictionKind, code: i32, start, end| {
        let request = pb::SetRestrictionRequest {
            request_id: ID.into(),
            account_id: "acc-1".into(),
            kind: kind.into(),
            code,
            start_time: start,
            end_time: end,
            note: "seen on the phone".into(),
        };
        read!(set_restriction, request, RestrictionId(Uuid::nil()))
    };
    use pb::RestrictionKind::{Compliance, Security};
    let own = set(Security, 0, None, stamp(60)).unwrap().restriction;
    assert_eq!((own.code, own.start), (ReasonCode::AccountSecurityHold, NOW));
    assert_eq!(own.kind, RestrictionKind::Security);
    assert_eq!(fields(set(Security, 902, None, stamp(60))), ["code"]);
    assert_eq!(fields(set(Compliance, 206, None, stamp(60))), ["code"]);
    assert_eq!(fields(set(Security, 0, None, stamp(0))), ["end_time"]);
    assert_eq!(fields(set(Security, 0, stamp(90), stamp(60))), ["end_time"]);
    for kind in RestrictionKind::ALL {
        let held = matches!(kind, RestrictionKind::Sanctions | RestrictionKind::Compliance);
        assert_eq!(kind.seen_by(crate::domain::Role::Agent), !held);
        assert!(kind.seen_by(crate::domain::Role::Compliance));
    }
}

fn events(kinds: Vec<pb::account_event::Kind>) -> pb::RecordAccountEventsRequest {
    let event = |kind| pb::AccountEvent {
        event_id: "e-1".into(),
        account_id: "acc-1".into(),
        event_time: stamp(-60),
        kind: Some(kind),
    };
    let events = kinds.into_iter().map(event).collect();
    pb::RecordAccountEventsRequest { request_id: ID.into(), events }
}

#[test]
fn every_kind_of_event_names_its_own_first_fault() {
    use pb::account_event::Kind;
    let rows = [
        (Kind::SignIn(pb::SignInEvent { strength: 9, ..Default::default() }), "sign_in.strength"),
        (Kind::ProfileChange(Default::default()), "profile_change.field"),
        (Kind::DeviceChange(Default::default()), "device_change.device.device_id"),
        (Kind::PurchaseCompleted(Default::default()), "purchase_completed.amount"),
        (Kind::Repayment(Default::default()), "repayment.plan_id"),
        (Kind::PlanStatus(Default::default()), "plan_status.plan_id"),
        (Kind::Refund(Default::default()), "refund.amount"),
        (Kind::Dispute(Default::default()), "dispute.decision_id"),
        (Kind::Chargeback(Default::default()), "chargeback.decision_id"),
        (Kind::ConfirmedMisuse(Default::default()), "confirmed_misuse.decision_id"),
        (Kind::BankAnswer(Default::default()), "bank_answer.decision_id"),
        (Kind::StepUpResult(Default::default()), "step_up_result.kind"),
    ];
    let (kinds, expected): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    let batch = read!(record_account_events, events(kinds)).unwrap();
    let found: Vec<_> =
        batch.events.iter().map(|e| e.as_ref().unwrap_err().field.as_str()).collect();
    assert_eq!(found, expected);
    assert!(batch.events.iter().all(|event| event.as_ref().unwrap_err().event_id == "e-1"));
}

#[test]
fn one_wrong_event_keeps_its_place_and_leaves_the_others() {
    use pb::account_event::Kind;
    let repaid = pb::RepaymentEvent {
        plan_id: ID.into(),
        amount: eur(4_333),
        due_time: stamp(86_400),
        paid_time: None,
    };
    let support = || Kind::SupportPlan(pb::SupportPlanEvent { active: true });
    let mut request = events(vec![Kind::Repayment(repaid), support(), support(), support()]);
    request.events[1].event_time = stamp(301);
    request.events[2].event_id = "4111111111111111".into();
    let batch = read!(record_account_events, request).unwrap();
    let paid = match &batch.events[0].as_ref().unwrap().kind {
        EventKind::Repayment { paid, .. } => *paid,
        other => panic!("{other:?}"),
    };
    assert_eq!(paid, Time::from_seconds(NOW.as_seconds() - 60));
    assert_eq!(batch.events[1].as_ref().unwrap_err().field, "event_time");
    let card = batch.events[2].as_ref().unwrap_err();
    assert_eq!((card.event_id.as_str(), card.field.as_str()), ("", "event_id"));
    assert!(batch.events[3].is_ok());
    let many = vec![support(); 501];
    assert_eq!(fields(read!(record_account_events, events(many))), ["events"]);
}

/// Reads as any message that the bytes decode to; what is refused has its faults.
macro_rules! survives {
    ($wire:expr, $($message:ident $reader:ident ($($more:expr)?),)*) => {$(
        if let Ok(request) = pb::$message::decode($wire) {
            if let Err(faults) = read!($reader, request $(, $more)?) {
                prop_assert!(!faults.is_empty());
            }
        }
    )*};
}

proptest! {
    #[test]
    fn nothing_that_decodes_makes_a_reader_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in 0..60_usize,
    ) {
        let full = pb::UpsertAccountRequest { request_id: ID.into(), account: Some(account()) };
        let mut damaged = full.encode_to_vec();
        for (place, byte) in bytes.iter().take(4).enumerate() {
            let place = (at + 7 * place) % damaged.len();
            damaged[place] = *byte;
        }
        for wire in [bytes.as_slice(), damaged.as_slice()] {
            survives!(wire,
                SubmitStepUpRequest submit_step_up (),
                ConfirmPurchaseRequest confirm_purchase (),
                CancelDecisionRequest cancel_decision (),
                GetDecisionRequest get_decision (),
                ListDecisionsRequest list_decisions (),
                PreviewSpendingPowerRequest preview_spending_power (),
                UpsertAccountRequest upsert_account (),
                RecordAccountEventsRequest record_account_events (),
                SetRestrictionRequest set_restriction (RestrictionId(Uuid::nil())),
                LiftRestrictionRequest lift_restriction (),
                ListOneTimeCardsRequest list_one_time_cards (),
                ActivateOneTimeCardRequest activate_one_time_card (),
                AuthorizeOneTimeCardRequest authorize_one_time_card (),
                AdjustOneTimeCardRequest adjust_one_time_card (),
                CancelOneTimeCardRequest cancel_one_time_card (),
            );
        }
    }
}
