//! What was kept long enough is dropped by a service that goes on deciding.

use std::time::Duration;

use crate::child::{run, surety};
use crate::client::{Ask, Client};
use crate::sample;
use crate::server::Folder;

#[tokio::test(flavor = "multi_thread")]
async fn raw_contexts_go_while_the_service_decides() {
    let folder = Folder::without_velocity();
    let mut command = surety("serve");
    command.args(["--keep-raw-context", "1s", "--retention-every", "1"]);
    let server = folder.serve_by(command);
    let mut client = Client::connect(&server.address).await.unwrap();
    client.upsert(sample::account("acc-1", 1_000_000)).await;
    let mut decisions = Vec::new();
    for amount in 1..=30 {
        let ask = Ask::buy(uuid::Uuid::now_v7().to_string(), sample::purchase("acc-1", amount));
        decisions.push(client.ask(&ask).await.unwrap());
    }
    server.logged("old rows were dropped");
    // Some may be too young for that pass.
    while folder.count("SELECT COUNT(*) FROM raw_context").await > 0 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    drop(client);
    assert_eq!(server.stop().code, Some(0));
    // Nothing else goes.
    assert_eq!(folder.count("SELECT COUNT(*) FROM decisions").await, 30);
    assert_eq!(folder.count("SELECT COUNT(*) FROM signal_events").await, 30);
    assert_eq!(folder.check().await.findings, Vec::<String>::new());
}

#[test]
fn ages_that_cannot_be_stop_the_start() {
    let folder = Folder::new();
    for (option, age, words) in [
        ("--keep-raw-context", "90 days", "expected a number with d, h, m or s"),
        ("--keep-signal-events", "1d", "expected at least"),
        ("--keep-events", "0d", "expected at least"),
        ("--keep-staff-reads", "29d", "expected at least"),
        ("--retention-every", "0", "0"),
    ] {
        let mut command = surety("serve");
        let ended = run(command.args([option, age, "--data"]).arg(folder.data()));
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.contains(option) && ended.err.contains(words), "{}", ended.err);
    }
    assert!(!folder.data().exists());
}
