//! Shared stores against the embedded one on random streams: every reading equal to the bit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prop_assert_eq;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use surety::signals::redis::{Options, RedisStore, Server};
use surety::signals::{EmbeddedConfig, EmbeddedStore};
use tokio::runtime::Runtime;

use crate::servers::{Kind, RedisCluster, RedisServer};
use crate::stream::{Step, Stream, Told, steps};

/// Of each server: 24 streams of up to 400 steps.
const STREAMS: u32 = 24;

/// A store that waits for as long as a busy machine needs.
pub async fn patient(url: &str) -> Arc<RedisStore> {
    let options = Options { budget: Duration::from_secs(10), ..Options::default() };
    let store = RedisStore::new(Server::parse(url).unwrap(), options, "test").unwrap();
    store.examine().await.unwrap();
    let filling = store.first_filling().await.unwrap();
    assert_eq!(store.begin(&filling).await.unwrap(), 0);
    Arc::new(store)
}

/// Belongs to what others have filled the store with.
pub async fn belong(store: &RedisStore) {
    let marks = store.examine().await.unwrap();
    store.belong_to(marks.filling().expect("a store that somebody has filled"));
}

async fn equal(shared: &RedisStore, salt: u64, steps: &[Step]) -> Result<(), TestCaseError> {
    let embedded = EmbeddedStore::new(EmbeddedConfig::default());
    let mut stream = Stream::new(salt);
    for (number, step) in steps.iter().enumerate() {
        match stream.play(step) {
            Some(Told::Observed(o)) => {
                let before = shared.read(&o).await;
                let readings = shared.observe(&o).await;
                let expected = embedded.observe(&o);
                for (signal, reading) in expected.iter() {
                    let told = readings.by_name(signal.name);
                    let name = signal.name;
                    prop_assert_eq!(
                        told,
                        Some(reading),
                        "{} at step {} {:?} {}",
                        name,
                        number,
                        shared.faults().snapshot(),
                        shared.missed()
                    );
                }
                prop_assert_eq!(before, readings, "reading first is the same without counting");
            }
            Some(Told::Taught(event)) => {
                embedded.apply(&event);
                shared.apply(&event).await;
            }
            None => {}
        }
    }
    prop_assert_eq!(shared.missed(), 0);
    Ok(())
}

fn streams_are_equal(runtime: &Runtime, store: &RedisStore) {
    static SALT: AtomicU64 = AtomicU64::new(1);
    let config = Config { cases: STREAMS, failure_persistence: None, ..Config::default() };
    let played = TestRunner::new(config).run(&steps(100..400), |steps| {
        let salt = SALT.fetch_add(1, Ordering::Relaxed);
        runtime.block_on(equal(store, salt, &steps))
    });
    played.unwrap();
}

fn on_server(kind: Kind) {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(RedisServer::start(kind));
    let store = runtime.block_on(patient(&server.url()));
    streams_are_equal(&runtime, &store);
}

#[test]
fn redis_reads_as_the_embedded_store() {
    on_server(Kind::Redis);
}

#[test]
fn valkey_reads_as_the_embedded_store() {
    on_server(Kind::Valkey);
}

#[test]
fn a_cluster_reads_as_the_embedded_store() {
    let runtime = Runtime::new().unwrap();
    let cluster = runtime.block_on(RedisCluster::start(Kind::Redis));
    let store = runtime.block_on(patient(&cluster.url()));
    streams_are_equal(&runtime, &store);
}
