//! Signals in Redis: time of the server, what a second holds, latency at half load, memory a party.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::{Client, Pipeline, RedisResult, Value};
use surety::signals::redis::{Options, RedisStore, Server};
use surety::signals::{EmbeddedConfig, EmbeddedStore, Observation, SignalEvent};
use tokio::runtime::Runtime;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Call;
use super::sample::{NOW, Stream};

const CALLERS: usize = 64;
/// Fields of a hash of the plain pipeline: fewer than the events that a party here holds.
const FIELDS: u64 = 24;
const ACCOUNTS: u64 = 2_000;
const MERCHANTS: u64 = 200;

/// A server of Redis that ends with the bench.
struct Running {
    child: Child,
    url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("the server ends");
    }
}

impl Running {
    async fn start() -> Running {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is there: tests/run installs it");
        let running = Running { child, url: format!("redis://127.0.0.1:{port}") };
        while running.connect().await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
        running
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config = ::redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let client = Client::open(self.url.as_str())?;
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// A number of INFO.
    async fn info(&self, section: &str, field: &str) -> f64 {
        let mut connection = self.connect().await.unwrap();
        let info: String =
            ::redis::cmd("INFO").arg(section).query_async(&mut connection).await.unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix(field)).unwrap_or(":0");
        let numbers = line.trim_start_matches(':');
        let usec = numbers.split(',').find_map(|part| part.strip_prefix("usec="));
        usec.unwrap_or(numbers).trim().parse().unwrap()
    }

    async fn command(&self, words: &[&str]) {
        let mut connection = self.connect().await.unwrap();
        let mut command = ::redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        let _: Value = command.query_async(&mut connection).await.unwrap();
    }

    /// How many keys are of that form, and the mean bytes that the server says they take.
    async fn weight_of(&self, pattern: &str) -> (usize, u64) {
        let mut connection = self.connect().await.unwrap();
        let mut scan = ::redis::cmd("SCAN");
        scan.cursor_arg(0).arg("MATCH").arg(pattern).arg("COUNT").arg(10_000);
        let mut found = scan.iter_async::<String>(&mut connection).await.unwrap();
        let mut keys = Vec::new();
        while let Some(key) = found.next_item().await {
            keys.push(key.unwrap());
        }
        drop(found);
        let mut bytes = 0;
        for key in &keys {
            let usage = ::redis::cmd("MEMORY").arg("USAGE").arg(key).to_owned();
            bytes += usage.query_async::<u64>(&mut connection).await.unwrap();
        }
        (keys.len(), bytes / keys.len().max(1) as u64)
    }

    async fn store(&self) -> Arc<RedisStore> {
        // Nothing may be cut off while it is measured.
        let options =
            Options { budget: Duration::from_secs(30), in_flight: 4_096, ..Options::default() };
        let server = Server::parse(&self.url).unwrap();
        let store = RedisStore::new(server, options, "bench").unwrap();
        store.examine().await.unwrap();
        store.begin(&store.first_filling().await.unwrap()).await.unwrap();
        Arc::new(store)
    }
}

/// What is compared.
#[derive(Clone)]
enum Way {
    Store(Arc<RedisStore>),
    /// A client without scripts and without folds: five hashes, counted up and read.
    Plain(MultiplexedConnection),
}

impl Way {
    /// Whether everything was answered: a machine that is too busy shows as readings that fail.
    async fn observe(&self, o: &Observation) -> bool {
        match self {
            Way::Store(store) => !store.observe(o).await.any_failed(),
            Way::Plain(connection) => {
                let (pipeline, count) = plain(o);
                let mut connection = connection.clone();
                let values = connection.req_packed_commands(&pipeline, 0, count).await;
                values.is_ok_and(|values| values.len() == count)
            }
        }
    }
}

/// Per party a marker, eight counters, an expiry, and everything read back.
fn plain(o: &Observation) -> (Pipeline, usize) {
    let parties = [
        o.parties.account,
        o.parties.device,
        o.parties.network,
        o.parties.instrument,
        o.parties.merchant,
    ];
    let mut pipeline = Pipeline::new();
    let mut count = 0;
    for key in parties.into_iter().flatten() {
        let key = format!("plain:{{{key}}}");
        pipeline
            .cmd("SET")
            .arg(format!("{key}:{}", o.id))
            .arg(1)
            .arg("NX")
            .arg("PX")
            .arg(3_600_000);
        for field in 0..8 {
            pipeline.cmd("HINCRBY").arg(&key).arg((o.id + field) % FIELDS).arg(o.amount);
        }
        pipeline.cmd("PEXPIRE").arg(&key).arg(86_400_000).cmd("HGETALL").arg(&key);
        count += 11;
    }
    (pipeline, count)
}

/// Observations that `callers` make between them, as fast as they can; how many a second.
async fn rate(way: &Way, work: &Arc<Vec<Observation>>) -> f64 {
    let (begun, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let callers = (0..CALLERS).map(|_| {
        let (way, work, next) = (way.clone(), Arc::clone(work), Arc::clone(&next));
        tokio::spawn(async move {
            while let Some(o) = work.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                assert!(way.observe(o).await, "the machine is too busy to measure");
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    work.len() as f64 / begun.elapsed().as_secs_f64()
}

/// The 99th percentile of latency in microseconds when so many come a second, counted from when
/// each should have begun.
async fn p99(way: &Way, work: &[Observation], per_second: f64) -> f64 {
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (begun, mut calls) = (Instant::now(), Vec::new());
    for (number, o) in work.iter().enumerate() {
        let due = begun + Duration::from_secs_f64(number as f64 / per_second);
        while Instant::now() < due {
            ticks.tick().await;
        }
        let (way, o) = (way.clone(), o.clone());
        calls.push(tokio::spawn(async move {
            let answered = way.observe(&o).await;
            let latency = due.elapsed().as_secs_f64() * 1e6;
            if answered { latency } else { f64::INFINITY }
        }));
    }
    let mut latencies = Vec::new();
    for call in calls {
        latencies.push(call.await.unwrap());
    }
    latencies.sort_by(f64::total_cmp);
    latencies[latencies.len() * 99 / 100]
}

fn work(stream: &mut Stream, count: usize) -> Arc<Vec<Observation>> {
    Arc::new((0..count).map(|_| stream.next()).collect())
}

pub fn define(call: &Call) {
    let runtime = Runtime::new().unwrap();
    if call.wants("redis/observe") {
        runtime.block_on(compare(if call.small { 200 } else { 30_000 }));
    }
    if call.wants("redis/memory") {
        runtime.block_on(weigh(if call.small { 20 } else { 5_000 }));
    }
}

async fn compare(count: usize) {
    let running = Running::start().await;
    let ways = [Way::Store(running.store().await), Way::Plain(running.connect().await.unwrap())];
    let accounts = if count < 1_000 { 20 } else { ACCOUNTS };
    let mut stream = Stream::new(accounts, MERCHANTS);
    stream.all_parties = true;
    // Some history first: 15 attempts an account, and all connections warm.
    for way in &ways {
        rate(way, &work(&mut stream, count)).await;
    }
    let (mut rates, mut server) = ([Vec::new(), Vec::new()], Vec::new());
    for _ in 0..5 {
        for (way, rates) in ways.iter().zip(&mut rates) {
            running.command(&["CONFIG", "RESETSTAT"]).await;
            rates.push(rate(way, &work(&mut stream, count)).await);
            if matches!(way, Way::Store(_)) {
                let usec = running.info("commandstats", "cmdstat_evalsha").await;
                server.push(usec / count as f64);
            }
        }
    }
    let median = |numbers: &mut Vec<f64>| {
        numbers.sort_by(f64::total_cmp);
        numbers[numbers.len() / 2]
    };
    let [store, plain] = rates.each_mut().map(median);
    let typical = median(&mut server);
    println!(
        "redis/observe: {typical:.1} us of the server for five parties, {:.1} at best",
        server[0]
    );
    println!(
        "redis/observe: {store:.0}/s against {plain:.0}/s of a plain pipeline: {:.2}",
        store / plain
    );
    let mut latencies = [Vec::new(), Vec::new()];
    for _ in 0..3 {
        for ((way, rate), latencies) in ways.iter().zip([store, plain]).zip(&mut latencies) {
            latencies.push(p99(way, &work(&mut stream, count / 3), rate / 2.0).await);
        }
    }
    let [store, plain] = latencies.each_mut().map(median);
    println!(
        "redis/observe: p99 at half load {store:.0} us against {plain:.0} us: {:.2}",
        store / plain
    );
}

/// Memory of accounts that bought fifty times in 25 days, each with a device and an instrument,
/// sixteen to a network, with two hundred merchants between them.
async fn weigh(accounts: u64) {
    let running = Running::start().await;
    let store = running.store().await;
    let embedded = EmbeddedStore::new(EmbeddedConfig::default());
    let mut stream = Stream::new(accounts, MERCHANTS);
    stream.all_parties = true;
    let work: Vec<_> = (0..accounts * 50).map(|_| stream.next()).collect();
    for o in &work {
        let purchase = SignalEvent::Purchase(o.clone());
        store.observe(o).await;
        store.apply(&purchase).await;
        embedded.observe(o);
        embedded.apply(&purchase);
    }
    for kind in embedded.statistics().iter().filter(|kind| kind.parties > 0) {
        let (name, bytes) = (kind.kind.name(), kind.bytes / kind.parties);
        let (keys, shared) =
            running.weight_of(&format!("surety:{{*}}:{name}:{}", "?".repeat(29))).await;
        assert_eq!(keys, kind.parties);
        println!("redis/memory: {name}: {shared} bytes a party, {bytes} in the embedded store");
    }
    let (keys, bytes) = running.weight_of("surety:{*}:*:*:h*").await;
    println!("redis/memory: {bytes} bytes an hour's set of names, {keys} of them");
    let (begun, events) = (Instant::now(), 2 * work.len());
    running.command(&["FLUSHALL"]).await;
    let now = work.last().map_or(NOW, |o| o.time);
    let mut rebuild =
        store.rebuild(now, "", async |_| Ok(())).await.unwrap().expect("it was emptied");
    for chunk in work.chunks(5_000) {
        let both =
            |o: &Observation| [SignalEvent::Attempt(o.clone()), SignalEvent::Purchase(o.clone())];
        rebuild.teach(&chunk.iter().flat_map(both).collect::<Vec<_>>()).await.unwrap();
    }
    rebuild.warm().await.unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    println!("redis/rebuild: {:.0} events a second, {events} events", events as f64 / seconds);
}
