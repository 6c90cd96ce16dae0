//! A decision as the service hands it to the ledger, with all that is kept of it.

use surety::decide::decide;
use surety::domain::{
    CustomerMessage, DecisionId, DecisionRecord, Holder, MerchantId, Money, Progress, Reference,
    RequestId,
};
use surety::features::Facts;
use surety::ledger::{AnswerKey, AssessCommit, SignalRow};
use uuid::Uuid;

use super::sample::{self, NOW, Stream};

const RAW_CONTEXT: &str = r#"{"device":{"accept_language":"de-DE","app_version":"8.4.0",
    "device_id":"4be3a1f0-77c1-4d3a-9b60-1f0d6f0c2b11","platform":"ios",
    "user_agent":"Shop/8.4.0 (iPhone; iOS 19.1)"},"network":{"country":"DE",
    "ip_address":"203.0.113.7","region":"DE-BE"}}"#;

/// What is decided on `facts`; its ids are nil, its holder is a guest.
pub fn commit(facts: &Facts) -> AssessCommit {
    let key = AnswerKey {
        caller: "checkout".to_owned(),
        call: "EvaluatePurchase",
        request_id: RequestId(Uuid::nil()),
    };
    let mut stream = Stream::new(1_000, 100);
    stream.all_parties = true;
    AssessCommit {
        hash: [7; 32],
        record: record(&key, facts),
        key,
        facts: serde_json::to_string(facts).unwrap(),
        raw_context: Some(RAW_CONTEXT.to_owned()),
        signal_event: Some(SignalRow {
            time: NOW,
            kind: "attempt",
            payload: serde_json::to_string(&stream.next()).unwrap(),
        }),
        guest_limit: None,
        basket_hash: None,
        supersedes: None,
        resolution: None,
        version: 0,
    }
}

fn record(key: &AnswerKey, facts: &Facts) -> DecisionRecord {
    DecisionRecord {
        id: DecisionId(Uuid::nil()),
        reference: Reference::from_random(0),
        caller: key.caller.clone(),
        request_id: key.request_id,
        product: facts.request.product,
        holder: Holder::Guest(sample::party(1, 1)),
        merchant: MerchantId::parse("m-77").unwrap(),
        order_reference: Some("SO-4711".to_owned()),
        market: facts.request.market,
        locale: "de-DE".to_owned(),
        amount: Money::positive(facts.request.amount, facts.request.currency).unwrap(),
        plan: facts.request.plan,
        card: None,
        decision: decide(facts, &sample::playbook()),
        message: CustomerMessage {
            title: "We cannot offer this payment method now".to_owned(),
            body: "Your purchase is above what is free of your limit.".to_owned(),
            next_step: "Choose a lower amount or pay now.".to_owned(),
            locale: "en".to_owned(),
        },
        step_up_id: None,
        case_number: None,
        created: NOW,
        duration_micros: 900,
        progress: Progress::default(),
    }
}
