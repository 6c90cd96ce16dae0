//! Servers whose keys hold what nobody of us wrote: the party is missing, never zero, and no other
//! party suffers.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redis::Client;
use redis::aio::MultiplexedConnection;
use surety::domain::{Parties, PartyKey, Span, Time};
use surety::signals::redis::{Fault, RedisStore, Server, Unfit};
use surety::signals::{Observation, Party, Reading, Readings, SignalEvent, catalog};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::contract::{START, faults, int, opened, unattended};
use crate::servers::{Kind, RedisServer, wait_for};

/// Each scene on both servers.
macro_rules! on_both {
    ($($scene:ident),+ $(,)?) => {
        mod redis_server { $(#[tokio::test] async fn $scene() {
            super::$scene(super::Scene::new(super::Kind::Redis).await).await;
        })+ }
        mod valkey { $(#[tokio::test] async fn $scene() {
            super::$scene(super::Scene::new(super::Kind::Valkey).await).await;
        })+ }
    };
}

on_both!(
    a_key_of_another_type_is_one_missing_party,
    a_value_of_another_format_is_left_alone,
    a_cut_value_never_reads_as_a_new_party,
    numbers_that_cannot_be_are_garbage,
    what_was_garbage_is_doubtful_for_a_day,
    a_mark_of_another_party_key_stops_everything,
    scripts_that_are_gone_are_sent_again,
    a_server_that_became_a_replica_learns_later_once,
    an_emptied_server_gives_no_readings,
);

/// A server, a store on it, and a hand in its keys.
struct Scene {
    server: RedisServer,
    store: Arc<RedisStore>,
    hand: MultiplexedConnection,
}

impl Scene {
    async fn new(kind: Kind) -> Scene {
        let server = opened(kind).await;
        let client = Client::open(server.url()).unwrap();
        let hand = client.get_multiplexed_async_connection().await.unwrap();
        Scene { store: unattended(&server.url()), server, hand }
    }

    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        redis::cmd("GET").arg(key).query_async(&mut self.hand.clone()).await.unwrap()
    }

    async fn set(&self, key: &str, value: &[u8]) {
        let mut command = redis::cmd("SET");
        command.arg(key).arg(value);
        let () = command.query_async(&mut self.hand.clone()).await.unwrap();
    }

    /// Every way to use the store tells what is missing, and nothing waits for it.
    async fn is_missing(&self, kind: Party, fault: Fault, o: &Observation) {
        let before = self.times(fault);
        assert_eq!(failed(&self.store.observe(o).await), [kind]);
        assert_eq!(failed(&self.store.read(o).await), [kind]);
        self.store.apply(&SignalEvent::Attempt(o.clone())).await;
        assert_eq!(self.times(fault) - before, 3, "once a call");
        assert_eq!(self.store.missed(), 0);
    }

    /// Whoever reads garbage replaces it, at leisure and unless somebody else is about to.
    async fn is_replaced(&self, key: &str, garbage: &[u8]) {
        wait_for("a value in place of garbage", async || {
            self.store.read(&observation(99, START)).await;
            let now = self.get(key).await?;
            // To what has a head, events may be added before it is replaced.
            let is_there = match garbage.len() {
                ..=HEAD => now == garbage,
                _ => now.starts_with(garbage),
            };
            (!is_there).then_some(())
        })
        .await;
    }

    fn times(&self, fault: Fault) -> u64 {
        self.store.faults().snapshot().into_iter().find(|(kind, _)| *kind == fault).unwrap().1
    }
}

/// Bytes before the first record of a value.
const HEAD: usize = 13;

fn party(kind: u8) -> PartyKey {
    PartyKey([kind.wrapping_mul(37); 16])
}

fn observation(id: u64, time: Time) -> Observation {
    let [account, device, network, instrument, email, merchant] =
        [1, 2, 3, 4, 5, 6].map(|kind| Some(party(kind)));
    let parties =
        Parties { account, device, network, instrument, email, merchant, ..Parties::default() };
    Observation { id, time, parties, amount: 1_000, ..Observation::default() }
}

/// Where a server keeps the parties of those observations.
fn keys() -> [(Party, String); 6] {
    let kinds = [
        Party::Account,
        Party::Device,
        Party::Network,
        Party::Instrument,
        Party::Contact,
        Party::Merchant,
    ];
    let mut number = 0;
    kinds.map(|kind| {
        number += 1;
        let hash = party(number).to_string();
        (kind, format!("surety:{{{}}}:{}:{}", &hash[..3], kind.name(), &hash[3..]))
    })
}

/// Kinds whose readings are missing; of each either all are or none.
fn failed(readings: &Readings) -> Vec<Party> {
    let kinds = Party::ALL.into_iter().filter(|kind| {
        let of_kind =
            catalog().iter().filter(|signal| signal.key == *kind).map(|signal| signal.name);
        let fails = |name| readings.by_name(name) == Some(Reading::Failed);
        let (failed, told): (Vec<_>, Vec<_>) = of_kind.partition(|name| fails(name));
        assert!(failed.is_empty() || told.is_empty(), "{kind:?}: {told:?} are told");
        !failed.is_empty()
    });
    kinds.collect()
}

#[test]
fn wrong_addresses_are_refused_and_never_repeated() {
    for wrong in [
        "",
        "localhost:6379",
        "http://localhost",
        "redis:/localhost",
        "redis://",
        "redis://:hunter2@",
        "redis://host:0",
        "redis://host:65536",
        "redis://host:hunter2",
        "redis://user:hunter2%zz@host",
        "redis://user:hunter2%ff@host",
        "redis://one,two",
        "redis://host/-1",
        "redis://host/65536",
        "redis://host/hunter2",
        "redis+cluster://host/1",
        "redis+cluster://one,,two",
        "redis://[::1",
        "redis://[hunter2]:1",
        "redis://ho st",
    ] {
        let error = Server::parse(wrong).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{wrong}: {error}");
    }
}

proptest! {
    #[test]
    fn no_address_tells_its_password(scheme in "redis(s|)(\\+cluster|)", rest in "[ -~]{0,40}") {
        let text = format!("{scheme}://user:hunter2{rest}@host{rest}");
        let told = match Server::parse(&text) {
            Ok(server) => format!("{server} {server:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!told.contains("hunter2"), "{}", told);
    }

    #[test]
    fn no_text_is_too_strange_to_be_refused(text in any::<String>()) {
        prop_assert!(Server::parse(&text).is_err());
    }
}

async fn a_key_of_another_type_is_one_missing_party(scene: Scene) {
    scene.store.observe(&observation(1, START)).await;
    for (number, (kind, key)) in (2..).zip(keys()) {
        let value = scene.get(&key).await.unwrap();
        scene.server.command(&["DEL", &key]).await;
        scene.server.command(&["LPUSH", &key, "x"]).await;
        scene.is_missing(kind, Fault::WrongType, &observation(number, START)).await;
        scene.server.command(&["DEL", &key]).await;
        scene.set(&key, &value).await;
    }
    // Five times each was there and counted.
    let readings = scene.store.read(&observation(9, START)).await;
    for name in ["account_attempts_1m", "device_attempts_1m", "network_attempts_1h"] {
        assert_eq!(int(&readings, name), 1 + 5 + 1, "{name}");
    }
    assert_eq!(faults(&scene.store), [(Fault::WrongType, 18)]);
}

async fn a_value_of_another_format_is_left_alone(scene: Scene) {
    scene.store.observe(&observation(1, START)).await;
    for (number, (kind, key)) in (2..).zip(keys()) {
        let value = scene.get(&key).await.unwrap();
        for format in [0, 2, 255] {
            let other = [&[format], &value[1..]].concat();
            scene.set(&key, &other).await;
            scene.is_missing(kind, Fault::NotOurs, &observation(number, START)).await;
            assert_eq!(scene.get(&key).await, Some(other));
        }
        scene.set(&key, &value).await;
    }
    assert_eq!(failed(&scene.store.read(&observation(9, START)).await), []);
}

/// Of a single record: a cut between two records is what the value was before, which nobody can
/// tell.
async fn a_cut_value_never_reads_as_a_new_party(scene: Scene) {
    scene.store.observe(&observation(1, START)).await;
    let mut values = Vec::new();
    for (kind, key) in keys() {
        values.push((kind, scene.get(&key).await.unwrap(), key));
    }
    for (kind, value, key) in values {
        for length in 1..value.len() {
            let cut = &value[..length];
            for counts in [false, true] {
                scene.set(&key, cut).await;
                let o = observation(2, START);
                let readings = match counts {
                    true => scene.store.observe(&o).await,
                    false => scene.store.read(&o).await,
                };
                assert_eq!(failed(&readings), [kind], "{length} of {}", value.len());
                scene.is_replaced(&key, cut).await;
            }
        }
        scene.set(&key, b"").await;
        scene.is_missing(kind, Fault::NotOurs, &observation(2, START)).await;
        scene.set(&key, &value).await;
    }
}

async fn numbers_that_cannot_be_are_garbage(scene: Scene) {
    // An amount at the very end of what is kept, which takes eight bytes.
    let o = Observation { amount: i64::MAX, ..observation(1, START) };
    scene.store.observe(&o).await;
    let [(kind, key), ..] = keys();
    let value = scene.get(&key).await.unwrap();
    let end = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
    let amount = value.windows(end.len()).position(|bytes| bytes == end).unwrap();
    let (too_large, negative) = ((amount + 7, 0x7F), (amount, 0x81));
    // The time, just before it, takes eight bytes as well.
    let beyond_all_times = (amount - 1, 0x7F);
    for (place, byte) in [too_large, negative, beyond_all_times] {
        let mut other = value.clone();
        other[place] = byte;
        scene.set(&key, &other).await;
        assert_eq!(failed(&scene.store.read(&observation(2, START)).await), [kind]);
        scene.is_replaced(&key, &other).await;
    }
    let [(Fault::Corrupt, 3..)] = faults(&scene.store)[..] else {
        panic!("{:?}", faults(&scene.store));
    };
}

async fn what_was_garbage_is_doubtful_for_a_day(scene: Scene) {
    let at = |id, after: Span| observation(id, START + after);
    scene.store.observe(&at(1, Span::ZERO)).await;
    let [(kind, key), ..] = keys();
    let garbage = b"\x01no value of ours, yet it begins like one";
    scene.set(&key, garbage).await;
    assert_eq!(failed(&scene.store.observe(&at(2, Span::ZERO)).await), [kind]);
    scene.is_replaced(&key, garbage).await;

    let day = Span::hours(24);
    let almost = Span::micros(day.as_micros() - 1);
    for (id, after) in [(3, Span::hours(1)), (4, almost)] {
        assert_eq!(failed(&scene.store.observe(&at(id, after)).await), [kind]);
    }
    let readings = scene.store.observe(&at(5, day)).await;
    assert_eq!(failed(&readings), []);
    assert_eq!(int(&readings, "account_attempts_24h"), 3, "doubtful, but counted meanwhile");
}

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
    let refused = scene.store.rebuild(START).await;
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
    assert_eq!(scene.store.missed(), 0, "attempts are counted for the rebuild");
    assert!(scene.get(&keys()[0].1).await.is_some());
}

/// Any bytes, and real values with some of their bytes changed, under the key of any party: its
/// readings fail or, when the change could not be noticed, are of some party; others hold.
#[test]
fn garbage_is_never_a_new_party() {
    let runtime = Runtime::new().unwrap();
    let scene = runtime.block_on(Scene::new(Kind::Redis));
    runtime.block_on(scene.store.observe(&observation(1, START)));
    let bytes = proptest::collection::vec(any::<u8>(), HEAD..200);
    let begins_well = (0..3_u8, bytes).prop_map(|(begins_well, mut bytes)| {
        if begins_well > 0 {
            bytes[0] = 1;
        }
        bytes
    });
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    let played = TestRunner::new(config).run(&(0..6_usize, begins_well), |(place, garbage)| {
        let (kind, key) = &keys()[place];
        runtime.block_on(async {
            let value = scene.get(key).await.unwrap();
            scene.set(key, &garbage).await;
            let read = failed(&scene.store.read(&observation(2, START)).await);
            scene.set(key, &garbage).await;
            let observed = failed(&scene.store.observe(&observation(1, START)).await);
            scene.set(key, &value).await;
            prop_assert_eq!(&read, &[*kind]);
            prop_assert_eq!(&observed, &[*kind]);
            Ok(())
        })
    });
    played.unwrap();
}
