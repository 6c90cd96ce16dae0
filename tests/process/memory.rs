//! Velocity and known devices after a crash: rebuilt from the ledger.

use surety::grpc::pb;
use surety::grpc::pb::{DecisionOutcome, ReasonCode};

use crate::client::{Ask, Client};
use crate::sample;
use crate::server::Folder;

fn has(decision: &pb::Decision, code: ReasonCode) -> bool {
    decision.reasons.iter().any(|reason| reason.code() == code)
}

async fn attempt(client: &mut Client, number: i64) -> pb::Decision {
    // The same request in every life of the service, so that asking again is a retry.
    let request_id = uuid::Uuid::from_u128(0x4000_8000_0000_0000_0000 + number as u128);
    let context = sample::purchase("acc-1", 1_000 + number);
    client.ask(&Ask::buy(request_id.to_string(), context)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_before_a_crash_count_after_it_and_retries_never_do() {
    let folder = Folder::new();
    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap();
    client.upsert(sample::account("acc-1", 100_000)).await;
    for number in 1..=3 {
        for _ in 0..3 {
            assert!(!has(&attempt(&mut client, number).await, ReasonCode::AttemptsTooFrequent));
        }
    }
    server.kill();

    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap();
    for number in [1, 2, 3, 4, 1, 4] {
        let decision = attempt(&mut client, number).await;
        assert!(!has(&decision, ReasonCode::AttemptsTooFrequent), "attempt {number}");
    }
    server.kill();

    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap();
    let fifth = attempt(&mut client, 5).await;
    assert!(has(&fifth, ReasonCode::AttemptsTooFrequent), "{fifth:?}");
    assert_eq!(fifth.outcome(), DecisionOutcome::Declined);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_bought_before_a_crash_is_known_after_it() {
    let folder = Folder::new();
    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap();
    client.upsert(sample::account("acc-1", 100_000)).await;
    let bought = attempt(&mut client, 1).await;
    assert_eq!(bought.outcome(), DecisionOutcome::Approved, "{bought:?}");
    let confirm = Ask::Confirm(pb::ConfirmPurchaseRequest {
        request_id: uuid::Uuid::now_v7().to_string(),
        decision_id: bought.decision_id.clone(),
        merchant_id: sample::MERCHANT.to_owned(),
        captured_amount: bought.approved_amount.clone(),
        merchant_order_reference: String::new(),
    });
    client.ask(&confirm).await.unwrap();
    server.kill();

    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap().as_auditor();
    for (number, device, unknown) in [(2, "acc-1-phone", false), (3, "another-phone", true)] {
        let mut context = sample::purchase("acc-1", 40_000);
        context.device = Some(sample::device(device));
        let ask = Ask::buy(
            uuid::Uuid::from_u128(0x4000_8000_0000_0000_0100 + number).to_string(),
            context,
        );
        let decision = client.ask(&ask).await.unwrap();
        let told = has(&decision, ReasonCode::DeviceUnrecognized);
        assert_eq!(told, unknown, "{device}: {decision:?}");
    }
}
