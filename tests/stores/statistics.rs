//! What a decision costs, by the servers' own statistics: one script call a party, all in one write
//! of the client, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use surety::domain::{Parties, PartyKey, Span};
use surety::signals::Observation;
use surety::signals::redis::RedisStore;

use crate::contract::{START, faults, int, opened, unattended};
use crate::servers::{Kind, Proxy, RedisServer, wait_for};

/// Decisions whose cost is counted: twice as many are fewer than make a fold.
const DECISIONS: u64 = 7;

/// With a party of every kind, and both contacts.
fn observation(id: u64) -> Observation {
    let [account, device, network, instrument, email, phone, merchant] =
        [1, 2, 3, 4, 5, 6, 7].map(|kind| Some(PartyKey([kind; 16])));
    let parties = Parties {
        account,
        device,
        network,
        instrument,
        email,
        phone,
        merchant,
        ..Parties::default()
    };
    let time = START + Span::seconds(id as i64);
    Observation { id, time, parties, amount: 1_000, ..Observation::default() }
}

fn without_phone(id: u64) -> Observation {
    let mut o = observation(id);
    o.parties.phone = None;
    o
}

/// Calls by command since the statistics were reset; servers count those of scripts too.
async fn calls(server: &RedisServer) -> BTreeMap<String, u64> {
    let stats = server.command_stats().await;
    let of_harness = ["info", "config|resetstat"];
    let calls = stats.into_iter().filter(|(name, _)| !of_harness.contains(&name.as_str()));
    calls.map(|(name, stats)| (name, stats.calls)).collect()
}

/// What is expected as a server would say it.
fn counted(calls: &[(&str, u64)]) -> BTreeMap<String, u64> {
    calls.iter().map(|(name, calls)| ((*name).to_owned(), *calls)).collect()
}

#[tokio::test]
async fn a_decision_is_one_call_a_party_on_redis() {
    a_decision_is_one_call_a_party(Kind::Redis).await;
}

#[tokio::test]
async fn a_decision_is_one_call_a_party_on_valkey() {
    a_decision_is_one_call_a_party(Kind::Valkey).await;
}

async fn a_decision_is_one_call_a_party(kind: Kind) {
    let server = opened(kind).await;
    let proxy = Proxy::start(server.port()).await;
    let store = unattended(&proxy.url());
    // Connects, and teaches the server the script.
    store.observe(&observation(0)).await;
    let requests = [(7, observation as fn(u64) -> Observation), (6, without_phone)];
    for (round, (parties, request)) in (0..).zip(requests) {
        server.reset_stats().await;
        let written = proxy.segments();
        for n in 1..=DECISIONS {
            let id = 1 + round * DECISIONS + n;
            let readings = store.observe(&request(id)).await;
            assert_eq!(int(&readings, "account_attempts_1h"), id as i64);
        }
        let busy = 2 * DECISIONS;
        assert_eq!(
            calls(&server).await,
            counted(&[
                ("evalsha", parties * DECISIONS),
                // By the scripts: the mark and the party; the party; names of events.
                ("get", 2 * parties * DECISIONS),
                ("set", parties * DECISIONS),
                ("sismember", busy),
                ("sadd", busy),
                ("pexpire", busy),
            ])
        );
        // A request is far smaller than what TCP takes at once, and the next one waits for the
        // reply: exactly one write each, without a margin.
        assert_eq!(proxy.segments() - written, DECISIONS);
    }
    assert_eq!(proxy.connections(), 1);
    assert_eq!(faults(&store), []);
}

#[tokio::test]
async fn reading_is_as_cheap_and_writes_nothing() {
    let server = opened(Kind::Redis).await;
    let proxy = Proxy::start(server.port()).await;
    let store = unattended(&proxy.url());
    store.observe(&observation(1)).await;
    server.reset_stats().await;
    let written = proxy.segments();
    for _ in 0..DECISIONS {
        store.read(&observation(2)).await;
    }
    let expected = counted(&[("evalsha", 7 * DECISIONS), ("get", 14 * DECISIONS)]);
    assert_eq!(calls(&server).await, expected);
    assert_eq!(proxy.segments() - written, DECISIONS);
}

#[tokio::test]
async fn a_quiet_party_is_folded_every_16_records() {
    let only_account = |id| {
        let parties = Parties { account: Some(PartyKey([1; 16])), ..Parties::default() };
        Observation { parties, ..observation(id) }
    };
    is_folded_once_in(16, only_account).await;
}

#[tokio::test]
async fn a_busy_party_is_folded_every_64_records() {
    let only_network = |id| {
        let parties = Parties { network: Some(PartyKey([3; 16])), ..Parties::default() };
        Observation { parties, ..observation(id) }
    };
    is_folded_once_in(64, only_network).await;
}

async fn is_folded_once_in(records: u64, request: impl Fn(u64) -> Observation) {
    const ROUNDS: u64 = 5;
    let server = opened(Kind::Redis).await;
    let store = unattended(&server.url());
    // The first fold teaches the server the script.
    fill(&store, &request, 1..=records).await;
    wait_for("a fold", async || (calls(&server).await.get("eval") == Some(&2)).then_some(())).await;
    server.reset_stats().await;
    for round in 1..=ROUNDS {
        fill(&store, &request, round * records + 1..=(round + 1) * records).await;
        // Folding is on nobody's time. Not once more: all that came are records and folds.
        let expected = round * (records + 1);
        let folded =
            async || (calls(&server).await.get("evalsha") == Some(&expected)).then_some(());
        wait_for("a fold", folded).await;
    }
    let calls = calls(&server).await;
    assert_eq!(calls.get("eval"), None);
    // Each record is a write, and each fold.
    let writes = ["set", "append"].map(|name| calls.get(name).copied().unwrap_or(0));
    assert_eq!(writes.iter().sum::<u64>(), ROUNDS * (records + 1));
    assert_eq!(faults(&store), []);
}

async fn fill(
    store: &Arc<RedisStore>,
    request: impl Fn(u64) -> Observation,
    ids: std::ops::RangeInclusive<u64>,
) {
    for id in ids {
        store.observe(&request(id)).await;
    }
}
