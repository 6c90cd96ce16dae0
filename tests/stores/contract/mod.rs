//! What every store does: each story is told once and played on the embedded store, on Redis, on
//! Valkey and on a cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use surety::domain::{Parties, PartyKey, Time};
use surety::signals::redis::{Fault, Options, RedisStore, Server};
use surety::signals::{
    EmbeddedConfig, EmbeddedStore, Observation, Reading, Readings, SignalEvent, SignalStore,
};
use tokio::sync::OnceCell;

use crate::differential::{belong, patient};
use crate::servers::{Kind, RedisCluster, RedisServer};

/// A test of each story on each store.
macro_rules! on_each_store {
    ($($story:ident),+ $(,)?) => {
        on_each_store!(@on embedded $($story)+);
        on_each_store!(@on redis $($story)+);
        on_each_store!(@on valkey $($story)+);
        on_each_store!(@on cluster $($story)+);
    };
    (@on $store:ident $($story:ident)+) => {
        mod $store {
            use crate::contract::Stage;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    let stage = Stage::$store().await;
                    super::$story(stage.clone()).await;
                    stage.nothing_went_wrong();
                }
            )+
        }
    };
}

// Attempts: windows, repetitions, take-backs, caps, many at once.
mod counting;
// Purchases, misuse, and what is known.
mod history;
// What is left behind on the servers.
mod keys;
// Clocks that differ, late events, and the long run.
mod time;

pub const START: Time = Time::from_seconds(1_750_000_000);

/// A store, and parties that no other story has.
pub struct Stage {
    /// The store as services see it that share it; they are asked in turn, as behind a balancer.
    services: Vec<SignalStore>,
    turn: AtomicU64,
    salt: u64,
}

impl Stage {
    fn new(services: Vec<SignalStore>) -> Arc<Stage> {
        static SALT: AtomicU64 = AtomicU64::new(1);
        let salt = SALT.fetch_add(1, Ordering::Relaxed);
        Arc::new(Stage { services, turn: AtomicU64::new(0), salt })
    }

    /// Belongs to one service.
    async fn embedded() -> Arc<Stage> {
        let store = EmbeddedStore::new(EmbeddedConfig::default());
        Stage::new(vec![SignalStore::Embedded(store)])
    }

    async fn redis() -> Arc<Stage> {
        static SERVER: OnceCell<RedisServer> = OnceCell::const_new();
        Stage::shared(&SERVER.get_or_init(|| opened(Kind::Redis)).await.url()).await
    }

    async fn valkey() -> Arc<Stage> {
        static SERVER: OnceCell<RedisServer> = OnceCell::const_new();
        Stage::shared(&SERVER.get_or_init(|| opened(Kind::Valkey)).await.url()).await
    }

    async fn cluster() -> Arc<Stage> {
        static OPENED: OnceCell<()> = OnceCell::const_new();
        let cluster = RedisCluster::shared().await;
        OPENED.get_or_init(async || drop(patient(&cluster.url()).await)).await;
        Stage::shared(&cluster.url()).await
    }

    /// Two services on one store.
    async fn shared(url: &str) -> Arc<Stage> {
        Stage::new([unattended(url).await, unattended(url).await].map(SignalStore::Redis).into())
    }

    pub async fn observe(&self, attempt: &Observation) -> Readings {
        self.next().observe(attempt).await
    }

    pub async fn read(&self, observation: &Observation) -> Readings {
        self.next().read(observation).await
    }

    pub async fn apply(&self, event: &SignalEvent) {
        self.next().apply(event).await;
    }

    fn next(&self) -> &SignalStore {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) as usize;
        &self.services[turn % self.services.len()]
    }

    /// A party; those of one kind differ by their number.
    pub fn key(&self, kind: u8, n: u64) -> PartyKey {
        // Spread over the partitions, as hashes are.
        let mixed = (self.salt << 32 | n).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut bytes = [kind; 16];
        bytes[..8].copy_from_slice(&mixed.to_le_bytes());
        PartyKey(bytes)
    }

    /// Ten units spent by an account.
    pub fn observation(&self, id: u64, account: u64, time: Time) -> Observation {
        let parties = Parties { account: Some(self.key(ACCOUNT, account)), ..Parties::default() };
        Observation { id, time, parties, amount: 1_000, ..Observation::default() }
    }

    /// Faults are counted even where a repetition made up for them.
    fn nothing_went_wrong(&self) {
        for service in &self.services {
            let SignalStore::Redis(store) = service else { continue };
            assert_eq!(store.missed(), 0);
            assert_eq!(faults(store), []);
        }
    }
}

/// Kinds of keys.
pub const ACCOUNT: u8 = 1;
pub const DEVICE: u8 = 2;
pub const NETWORK: u8 = 3;
pub const MERCHANT: u8 = 4;
pub const REGION: u8 = 5;
pub const EMAIL: u8 = 6;
pub const PHONE: u8 = 7;
pub const INSTRUMENT: u8 = 8;

/// A server of the test's own whose marks are set.
pub async fn opened(kind: Kind) -> RedisServer {
    let server = RedisServer::start(kind).await;
    drop(patient(&server.url()).await);
    server
}

/// A store on a server that was opened before: it does nothing that it is not asked for, and waits
/// for as long as a busy machine needs.
pub async fn unattended(url: &str) -> Arc<RedisStore> {
    let options = Options { budget: Duration::from_secs(10), ..Options::default() };
    let store = RedisStore::new(Server::parse(url).unwrap(), options, "test").unwrap();
    belong(&store).await;
    Arc::new(store)
}

/// What went wrong; that a server does not know a script yet is how it learns it.
pub fn faults(store: &RedisStore) -> Vec<(Fault, u64)> {
    let faults = store.faults().snapshot().into_iter();
    faults.filter(|(fault, times)| *fault != Fault::ScriptGone && *times > 0).collect()
}

pub fn with(mut o: Observation, change: impl Fn(&mut Parties)) -> Observation {
    change(&mut o.parties);
    o
}

pub fn int(readings: &Readings, name: &str) -> i64 {
    match readings.by_name(name) {
        Some(Reading::Int(n)) => n,
        other => panic!("{name}: {other:?}"),
    }
}

/// Names of the readings that differ.
pub fn differing(left: &Readings, right: &Readings) -> Vec<&'static str> {
    let same = |name, reading| right.by_name(name) == Some(reading);
    let differing = left.iter().filter(|(signal, reading)| !same(signal.name, *reading));
    differing.map(|(signal, _)| signal.name).collect()
}
