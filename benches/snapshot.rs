//! Snapshots of a store with many accounts: how large, how long they take, what waits for them, and
//! how soon a service that starts on one can be asked.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use surety::domain::{PARTY_SECRET_LEN, Parties, Span, Time};
use surety::ledger::{Ledger, Place};
use surety::service::{Clock, Service, Settings};
use surety::signals::{
    EmbeddedConfig, EmbeddedStore, Observation, SignalEvent, SignalStore, SnapshotMark,
    StoredSnapshot,
};
use tokio::runtime::Runtime;

use super::Call;
use super::sample::{Draw, NOW, party, playbook};

/// Without `--accounts`.
const ACCOUNTS: u64 = 100_000;
const MERCHANTS: u64 = 20_000;
/// Purchases of each account, evenly over so many days.
const PURCHASES: u64 = 20;
const DAYS: i64 = 180;
/// Other accounts on the same network.
const PER_NETWORK: u64 = 16;
/// What is measured without a copy.
const UNDISTURBED: Duration = Duration::from_secs(3);

pub fn define(call: &Call) {
    if !call.wants("snapshot") {
        return;
    }
    let accounts = if call.small { 500 } else { call.accounts.unwrap_or(ACCOUNTS) };
    let folder = tempfile::tempdir().unwrap();
    let store = taught(accounts);
    let held: usize = store.statistics().iter().map(|kind| kind.parties).sum();
    let bytes: usize = store.statistics().iter().map(|kind| kind.bytes).sum();
    println!("snapshot: {accounts} accounts, {held} parties, {} in memory", megabytes(bytes));
    let undisturbed = if call.small { Duration::from_millis(20) } else { UNDISTURBED };
    while_copied(&store, accounts, undisturbed, &folder.path().join("alone"));

    let probe: Vec<Observation> = (0..200).map(|number| observation(number, 0, NOW)).collect();
    let read = |store: &EmbeddedStore| probe.iter().map(|o| store.read(o)).collect::<Vec<_>>();
    let expected = read(&store);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(start_again(store, folder.path()));
    let begun = Instant::now();
    let file = BufReader::with_capacity(1 << 20, File::open(at(folder.path())).unwrap());
    let loaded = StoredSnapshot::open(file, EmbeddedConfig::default()).unwrap().load().unwrap();
    println!("snapshot: the store alone is loaded in {:?}", begun.elapsed());
    assert_eq!(read(&loaded), expected);
}

fn at(folder: &Path) -> std::path::PathBuf {
    folder.join("signals.snapshot")
}

fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// An attempt of an account, on its own device, card and address.
fn observation(account: u64, id: u64, time: Time) -> Observation {
    let mut draw = Draw(account << 20 ^ id);
    let parties = Parties {
        account: Some(party(1, account)),
        merchant: Some(party(2, draw.zipf(MERCHANTS))),
        device: Some(party(3, account)),
        network: Some(party(4, account / PER_NETWORK)),
        instrument: Some(party(5, account)),
        email: Some(party(6, account)),
        region: Some(party(7, account % 100)),
        address: Some(party(8, account)),
        ..Parties::default()
    };
    Observation {
        id: draw.next(),
        time,
        parties,
        amount: 500 + draw.zipf(20_000) as i64,
        hour: Some((time.as_seconds() / 3_600 % 24) as u8),
        ..Observation::default()
    }
}

/// A store after half a year, taught by two threads.
fn taught(accounts: u64) -> EmbeddedStore {
    let store = EmbeddedStore::new(EmbeddedConfig::default());
    let between = DAYS * 86_400_000_000 / PURCHASES as i64;
    let teach = |from: u64| {
        for purchase in 0..PURCHASES {
            for account in (from..accounts).step_by(2) {
                let into = (between as u64 * account / accounts) as i64;
                let ago = (PURCHASES - purchase) as i64 * between - into;
                let observation = observation(account, purchase, NOW - Span::micros(ago));
                store.observe(&observation);
                store.apply(&SignalEvent::Purchase(observation));
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| teach(1));
        teach(0);
    });
    store
}

/// Attempts one after the other, alone and while the store is copied.
fn while_copied(store: &EmbeddedStore, accounts: u64, alone: Duration, path: &Path) {
    let stop = AtomicBool::new(false);
    let attempts = |from: u64| {
        let (mut draw, mut took) = (Draw(from), Vec::new());
        loop {
            let observation = observation(draw.below(accounts), from + draw.next() % from, NOW);
            let begun = Instant::now();
            store.observe(&observation);
            took.push(begun.elapsed());
            if stop.load(Ordering::Relaxed) {
                return took;
            }
        }
    };
    let quiet = std::thread::scope(|scope| {
        let asking = scope.spawn(|| attempts(1 << 20));
        std::thread::park_timeout(alone);
        stop.store(true, Ordering::Relaxed);
        asking.join().unwrap()
    });
    stop.store(false, Ordering::Relaxed);
    let (copied, pause, took, written) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| attempts(1 << 21));
        let mark = SnapshotMark { sequence: 1, row: [0; 32], taken: NOW };
        let begun = Instant::now();
        let cut = store.begin_copy(mark).unwrap();
        let pause = begun.elapsed();
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
        let written = store.write_copy(&cut, &mut file).unwrap();
        file.into_inner().unwrap().sync_all().unwrap();
        let took = begun.elapsed();
        stop.store(true, Ordering::Relaxed);
        (asking.join().unwrap(), pause, took, written)
    });
    let size = megabytes(written.bytes as usize);
    println!("snapshot: {size} written in {took:?}, {pause:?} of it the cut");
    println!("snapshot: observe alone        {}", percentiles(quiet));
    println!("snapshot: observe while copied {}", percentiles(copied));
}

fn percentiles(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize];
    let [half, p99, p999, p9999] = [0.5, 0.99, 0.999, 0.9999].map(at);
    let (count, max) = (took.len(), at(1.0));
    format!("p50 {half:?}, p99 {p99:?}, p99.9 {p999:?}, p99.99 {p9999:?}, max {max:?} of {count}")
}

/// The service writes its snapshot at the end, and another one starts on it.
async fn start_again(store: EmbeddedStore, folder: &Path) {
    let ledger = folder.join("ledger.sqlite");
    Ledger::open(&Place::file(&ledger)).await.unwrap().close().await;
    let mut file = SqliteConnectOptions::new().filename(&ledger).connect().await.unwrap();
    // The row that a snapshot is made at; it teaches nothing.
    sqlx::query("INSERT INTO signal_events VALUES (7, 0, 'account:1', NULL, 'reassessed', '{}')")
        .execute(&mut file)
        .await
        .unwrap();
    drop(file);
    let service = Service::start(settings(store, folder).await).await.unwrap();
    let (end, ended) = tokio::sync::oneshot::channel();
    drop(end);
    let begun = Instant::now();
    Arc::clone(&service).keep_snapshots(Duration::from_secs(3_600), ended).await;
    println!("snapshot: written by the service in {:?}", begun.elapsed());
    assert!(at(folder).exists());
    drop(service);

    let begun = Instant::now();
    let empty = EmbeddedStore::new(EmbeddedConfig::default());
    let service = Service::start(settings(empty, folder).await).await.unwrap();
    println!("snapshot: from nothing to a service that can be asked in {:?}", begun.elapsed());
    drop(service);
}

async fn settings(store: EmbeddedStore, folder: &Path) -> Settings {
    let ledger = folder.join("ledger.sqlite");
    // The one before may still be closing.
    let ledger = loop {
        match Ledger::open(&Place::file(&ledger)).await {
            Ok(ledger) => break ledger,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    Settings {
        ledger,
        playbook: Arc::new(playbook()),
        signals: SignalStore::Embedded(store),
        snapshot: Some(at(folder)),
        party_secret: [7; PARTY_SECRET_LEN],
        step_up_secret: vec![7; 32],
        clock: Clock::system(),
    }
}
