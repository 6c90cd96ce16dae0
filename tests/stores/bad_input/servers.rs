//! Servers that are emptied, forget scripts, take no writes, or belong to somebody else.

use std::sync::Arc;

use surety::signals::redis::{Fault, Unfit};
use surety::signals::{Party, SignalEvent};
use tokio::task::JoinSet;

use super::{Scene, failed, keys, observation};
use crate::contract::{START, faults, int};

on_both!(
    a_mark_of_another_party_key_stops_everything,
    scripts_that_are_gone_are_sent_again,
    a_server_that_became_a_replica_learns_later_once,
    an_emptied_server_gives_no_readings,
);

async fn a_mark_of_another_party_key_stops_everything(scene: Scene) {
    let [(kind, key), ..] = keys();
    let mark = format!("{}}}:mark", key.split_once('}').unwrap().0);
    let ours = scene.get(&mark).await.unwrap();
    scene.set(&mark, b"1:another key").await;
    let o = observation(1, START);
    assert_eq!(failed(&scene.store.observe(&o).await), [kind]);
    assert_eq!(failed(&scene.store.read(&o).await), [kind]);
    scene.store.apply(&SignalEvent::Purchase(o.clone())).await;
    assert_eq!(scene.get(&key).await, None);
    assert_eq!(scene.get(&mark).await.unwrap(), b"1:another key");
    let refused = scene.store.rebuild(START, "", async |_| Ok(())).await;
    assert_eq!(refused.unwrap_err(), Unfit::Foreign);

    // What waits is counted, once, when the right mark is back.
    assert_eq!(scene.store.missed(), 2);
    scene.store.teach_missed().await;
    assert_eq!(scene.store.missed(), 2, "not yet");
    scene.set(&mark, &ours).await;
    scene.store.teach_missed().await;
    assert_eq!(scene.store.missed(), 0);
    let readings = scene.store.read(&observation(2, START)).await;
    assert_eq!(int(&readings, "account_attempts_1m"), 2);
    assert_eq!(int(&readings, "network_attempts_1h"), 2, "there it was counted at once");
    assert_eq!(int(&readings, "account_purchases_180d"), 1);
}

async fn scripts_that_are_gone_are_sent_again(scene: Scene) {
    const TASKS: u64 = 4;
    const ATTEMPTS: u64 = 40;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&scene.store);
        tasks.spawn(async move {
            for n in 0..ATTEMPTS {
                let o = observation(1 + task * ATTEMPTS + n, START);
                assert_eq!(failed(&store.observe(&o).await), []);
            }
        });
    }
    while !tasks.is_empty() {
        scene.server.command(&["SCRIPT", "FLUSH"]).await;
        while let Some(done) = tasks.try_join_next() {
            done.unwrap();
        }
    }
    assert!(scene.times(Fault::ScriptGone) > 0);
    assert_eq!(faults(&scene.store), []);
    assert_eq!(scene.store.missed(), 0);
    let readings = scene.store.read(&observation(1, START)).await;
    assert_eq!(int(&readings, "account_attempts_1m"), 160);
    assert_eq!(int(&readings, "network_attempts_1h"), 160);
}

async fn a_server_that_became_a_replica_learns_later_once(scene: Scene) {
    scene.store.observe(&observation(1, START)).await;
    // A master that accepts and says nothing: the replica keeps what it has.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    scene.server.command(&["REPLICAOF", "127.0.0.1", &port]).await;
    let waits = observation(2, START);
    assert_eq!(failed(&scene.store.observe(&waits).await), Party::ALL);
    scene.store.apply(&SignalEvent::Purchase(waits.clone())).await;
    assert_eq!(scene.times(Fault::ReadOnly), 6, "one a party; the purchase waits behind it");
    scene.store.teach_missed().await;
    assert_eq!(scene.store.missed(), 2);
    let known = scene.store.read(&waits).await;
    assert_eq!(int(&known, "account_attempts_1m"), 2, "a replica can be read");

    scene.server.command(&["REPLICAOF", "NO", "ONE"]).await;
    // The customer tries again before what waits is taught.
    assert_eq!(int(&scene.store.observe(&waits).await, "account_attempts_1m"), 2);
    scene.store.teach_missed().await;
    assert_eq!(scene.store.missed(), 0);
    let readings = scene.store.observe(&observation(3, START)).await;
    for name in ["account_attempts_1m", "device_attempts_1m", "network_attempts_1h"] {
        assert_eq!(int(&readings, name), 3, "{name}");
    }
    assert_eq!(int(&readings, "account_purchases_180d"), 1);
}

async fn an_emptied_server_gives_no_readings(scene: Scene) {
    let readings = scene.store.observe(&observation(1, START)).await;
    assert_eq!(failed(&readings), []);
    scene.server.command(&["FLUSHALL"]).await;
    for id in 2..4 {
        let o = observation(id, START);
        assert_eq!(failed(&scene.store.observe(&o).await), Party::ALL);
        assert_eq!(failed(&scene.store.read(&o).await), Party::ALL);
    }
    assert_eq!(faults(&scene.store), [(Fault::Cold, 4 * Party::ALL.len() as u64)]);
    assert_eq!(scene.store.missed(), 2, "attempts wait for the rebuild");
    assert_eq!(scene.server.command(&["DBSIZE"]).await, ::redis::Value::Int(0));
}
