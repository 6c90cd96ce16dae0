//! Servers whose keys hold what nobody of us wrote: the party is missing, never zero, and no other
//! party suffers.

use std::sync::Arc;

use redis::Client;
use redis::aio::MultiplexedConnection;
use surety::domain::{Parties, PartyKey, Time};
use surety::signals::redis::{Fault, RedisStore};
use surety::signals::{Observation, Party, Reading, Readings, SignalEvent, catalog};

use crate::contract::{START, opened, unattended};
use crate::servers::{Kind, RedisServer, wait_for};

/// Each scene on both servers.
macro_rules! on_both {
    ($($scene:ident),+ $(,)?) => {
        on_both!(@on redis Redis $($scene)+);
        on_both!(@on valkey Valkey $($scene)+);
    };
    (@on $server:ident $kind:ident $($scene:ident)+) => {
        mod $server {
            use crate::bad_input::Scene;
            use crate::servers::Kind;
            $(
                #[tokio::test]
                async fn $scene() {
                    super::$scene(Scene::new(Kind::$kind).await).await;
                }
            )+
        }
    };
}

// Texts that are no address of a store.
mod addresses;
// Servers that are emptied, forget scripts, take no writes, or belong to somebody else.
mod servers;
// Values that we did not write.
mod values;

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
