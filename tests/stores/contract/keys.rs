//! What is left behind on the servers: keys that expire, under names that tell nobody anything.

use redis::{FromRedisValue, Value};
use surety::domain::{PARTY_SECRET_LEN, Parties, PartyHasher, Position, Span};
use surety::signals::{Observation, SignalEvent, SignalStore};

use super::{START, opened, unattended};
use crate::differential::patient;
use crate::servers::{Kind, RedisCluster, RedisServer};

/// Every key with its time to live and the whole of it as the server would save it.
const ALL_KEYS: &str = "
    local all = {}
    for _, key in ipairs(redis.call('KEYS', '*')) do
        all[#all + 1] = { key, redis.call('PTTL', key), redis.call('DUMP', key) }
    end
    return all";

/// As they come in requests.
const IDENTIFIERS: [(&str, &str); 9] = [
    ("account", "customer-4711"),
    ("device", "device-fingerprint-f00d"),
    ("network", "203.0.113.0/24"),
    ("instrument", "DE89370400440532013000"),
    ("email", "alice@example.org"),
    ("phone", "+491701234567"),
    ("merchant", "merchant-of-everything"),
    ("region", "region-berlin"),
    ("address", "address-unter-den-linden-1"),
];

#[derive(Debug)]
struct Left {
    key: String,
    ttl_ms: i64,
    value: Vec<u8>,
}

#[tokio::test]
async fn what_redis_keeps_expires_and_names_nobody() {
    expires_and_names_nobody(Kind::Redis).await;
}

#[tokio::test]
async fn what_valkey_keeps_expires_and_names_nobody() {
    expires_and_names_nobody(Kind::Valkey).await;
}

async fn expires_and_names_nobody(kind: Kind) {
    let server = opened(kind).await;
    play(&SignalStore::Redis(unattended(&server.url()))).await;
    check(left(vec![server.command(&["EVAL", ALL_KEYS, "0"]).await]));
}

#[tokio::test]
async fn what_a_cluster_keeps_expires_and_names_nobody() {
    let cluster = RedisCluster::shared().await;
    play(&SignalStore::Redis(patient(&cluster.url()).await)).await;
    check(left(cluster.command_on_masters(&["EVAL", ALL_KEYS, "0"]).await));
}

/// Every kind of event, often enough that some are folded away.
async fn play(store: &SignalStore) {
    let hasher = PartyHasher::new(&[7; PARTY_SECRET_LEN]);
    let [account, device, network, instrument, email, phone, merchant, region, address] =
        IDENTIFIERS.map(|(kind, identifier)| Some(hasher.key(kind, identifier)));
    let parties =
        Parties { account, device, network, instrument, email, phone, merchant, region, address };
    for n in 0..70 {
        let o = Observation {
            id: n,
            time: START + Span::minutes(n as i64),
            parties: parties.clone(),
            amount: 1_000,
            position: Some(Position { lat_e6: 52_520_000, lon_e6: 13_405_000, accuracy_km: 1 }),
            ..Observation::default()
        };
        store.observe(&o).await;
        for event in [
            SignalEvent::Purchase,
            SignalEvent::Recognized,
            SignalEvent::Forgotten,
            SignalEvent::SignIn,
            SignalEvent::Misuse,
            SignalEvent::TakenBack,
        ] {
            store.apply(&event(o.clone())).await;
        }
    }
}

fn left(masters: Vec<Value>) -> Vec<Left> {
    let entries =
        masters.into_iter().flat_map(|reply| Vec::<Value>::from_redis_value(reply).unwrap());
    let entry = |entry: Value| {
        let (key, ttl_ms, Value::BulkString(value)) =
            FromRedisValue::from_redis_value(entry).unwrap()
        else {
            panic!("a dump is bytes");
        };
        Left { key, ttl_ms, value }
    };
    entries.map(entry).collect()
}

fn check(all: Vec<Left>) {
    let (marks, parties): (Vec<&Left>, Vec<&Left>) =
        all.iter().partition(|left| left.key.ends_with(":mark"));
    assert_eq!(marks.len(), 4_096);
    let forever = -1;
    assert!(marks.iter().all(|mark| mark.ttl_ms == forever), "a mark that expires empties a store");

    let year = Span::days(366).as_micros() / 1_000;
    for party in &parties {
        assert!((1..=year).contains(&party.ttl_ms), "{} lives {} ms", party.key, party.ttl_ms);
        let name = name(&party.key).unwrap_or_else(|| panic!("{}", party.key));
        assert!(
            ["account", "device", "network", "instrument", "contact", "merchant"].contains(&name)
        );
    }
    // Those of the stream, and names of events for the two kinds that are busy.
    assert!(parties.len() >= 7 + 2, "{}", parties.len());
    for (_, identifier) in IDENTIFIERS {
        let says = |bytes: &[u8]| {
            bytes.windows(identifier.len()).any(|text| text == identifier.as_bytes())
        };
        let telling = all.iter().find(|left| says(left.key.as_bytes()) || says(&left.value));
        assert!(telling.is_none(), "{identifier} in {telling:?}");
    }
}

/// The kind in `surety:{xxx}:kind:hash`, or with the number of an hour or a day behind it.
fn name(key: &str) -> Option<&str> {
    let is_hash = |text: &str, length: usize| {
        text.len() == length
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let (partition, rest) = key.strip_prefix("surety:{")?.split_once("}:")?;
    let (kind, rest) = rest.split_once(':')?;
    let (hash, period) = rest.split_once(':').unwrap_or((rest, "h0"));
    let number = period.strip_prefix(['h', 'd'])?;
    let is_period = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_hash(partition, 3) && is_hash(hash, 29) && is_period).then_some(kind)
}

#[tokio::test]
async fn a_repetition_at_another_service_changes_no_byte() {
    let server = opened(Kind::Redis).await;
    let [one, other] = [unattended(&server.url()), unattended(&server.url())];
    let hasher = PartyHasher::new(&[7; PARTY_SECRET_LEN]);
    let parties = Parties {
        account: Some(hasher.key("account", "a")),
        device: Some(hasher.key("device", "d")),
        network: Some(hasher.key("network", "n")),
        merchant: Some(hasher.key("merchant", "m")),
        ..Parties::default()
    };
    let o = Observation { id: 1, time: START, parties, amount: 5, ..Observation::default() };
    let first = one.observe(&o).await;
    let before = values(&server).await;
    assert_eq!(before.len(), 4 + 2, "parties, and names for the two that are busy");
    assert_eq!(other.observe(&o).await, first);
    assert_eq!(one.observe(&o).await, first);
    other.apply(&SignalEvent::Attempt(o.clone())).await;
    assert_eq!(values(&server).await, before);
}

async fn values(server: &RedisServer) -> Vec<(String, Vec<u8>)> {
    let all = left(vec![server.command(&["EVAL", ALL_KEYS, "0"]).await]);
    let parties = all.into_iter().filter(|left| !left.key.ends_with(":mark"));
    let mut values: Vec<_> = parties.map(|left| (left.key, left.value)).collect();
    values.sort();
    values
}
