//! A store that was emptied is filled from what the ledger was told, while it is in use.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use surety::domain::{Parties, PartyKey, Span, Time};
use surety::signals::redis::{Fault, Rebuild, RedisStore};
use surety::signals::{EmbeddedConfig, EmbeddedStore, Observation, Reading, SignalEvent};

use crate::differential::patient;
use crate::servers::{Kind, RedisCluster, RedisServer};
use crate::stream::{START, Stream, Told, steps};

/// What the ledger would hold, in its order.
struct Past {
    events: Vec<SignalEvent>,
    newest: Time,
}

impl Past {
    fn of(salt: u64) -> Past {
        let mut stream = Stream::new(salt);
        let steps = steps(600..601).new_tree(&mut TestRunner::deterministic()).unwrap().current();
        let mut past = Past { events: Vec::new(), newest: START };
        for step in &steps {
            match stream.play(step) {
                Some(Told::Observed(o)) => past.add(SignalEvent::Attempt(o)),
                Some(Told::Taught(event)) => past.add(event),
                None => {}
            }
        }
        past
    }

    fn add(&mut self, event: SignalEvent) {
        let time = match &event {
            SignalEvent::Attempt(o)
            | SignalEvent::TakenBack(o)
            | SignalEvent::Purchase(o)
            | SignalEvent::Recognized(o)
            | SignalEvent::Forgotten(o)
            | SignalEvent::SignIn(o)
            | SignalEvent::Misuse(o) => o.time,
        };
        self.newest = self.newest.max(time);
        self.events.push(event);
    }

    /// Somebody else's purchase at the places of the newest one, a second later than all before.
    fn next(&mut self) -> Observation {
        let number = self.events.len() as u64;
        let latest = self.events.iter().rev().find_map(|event| match event {
            SignalEvent::Attempt(o) if o.parties.merchant.is_some() => Some(o.clone()),
            _ => None,
        });
        let o = latest.unwrap();
        let o = Observation { id: !number, time: self.newest + Span::seconds(1), ..o };
        self.add(SignalEvent::Attempt(o.clone()));
        o
    }

    fn parties(&self) -> Vec<Parties> {
        let attempts = self.events.iter().filter_map(|event| match event {
            SignalEvent::Attempt(o) => Some(o.parties.clone()),
            _ => None,
        });
        attempts.collect()
    }
}

async fn taught(store: &RedisStore, past: &Past, from: usize) {
    for event in &past.events[from..] {
        match event {
            SignalEvent::Attempt(o) => drop(store.observe(o).await),
            event => store.apply(event).await,
        }
    }
}

/// Everything that both stores say about everybody, now and after weeks.
async fn assert_equal(store: &RedisStore, past: &Past) {
    let embedded = EmbeddedStore::new(EmbeddedConfig::default());
    past.events.iter().for_each(|event| embedded.apply(event));
    for (number, parties) in past.parties().into_iter().enumerate() {
        let time = past.newest + Span::days(8 * (number as i64 % 4));
        let o = Observation { id: 7 + number as u64, time, parties, ..Observation::default() };
        let (shared, expected) = (store.read(&o).await, embedded.read(&o));
        for (signal, reading) in expected.iter() {
            assert_eq!(shared.by_name(signal.name), Some(reading), "{}", signal.name);
        }
    }
}

/// As `surety signals rebuild` does it on a ledger that belongs to what the store is filled with.
async fn rebuilding(store: &RedisStore, now: Time) -> Option<Rebuild<'_>> {
    let marks = store.examine().await.unwrap();
    store.rebuild(now, marks.filling().unwrap_or_default(), async |_| Ok(())).await.unwrap()
}

async fn is_filled_again(store: &RedisStore, empty: impl AsyncFnOnce(&str), salt: u64) {
    let mut past = Past::of(salt);
    taught(store, &past, 0).await;
    assert!(rebuilding(store, past.newest).await.is_none(), "nothing was emptied");

    // Attempts go on, and what is confirmed meanwhile is in the ledger only.
    let o = past.next();
    let partition = o.parties.account.unwrap().to_string()[..3].to_owned();
    empty(&format!("surety:{{{partition}}}:mark")).await;
    let cold = store.observe(&o).await;
    assert_eq!(
        cold.by_name("account_attempts_24h"),
        Some(Reading::Failed),
        "not as if it were new"
    );
    past.add(SignalEvent::Purchase(o.clone()));
    store.apply(&SignalEvent::Purchase(o)).await;
    let told = store.faults().snapshot();
    assert!(told.iter().any(|(fault, count)| *fault == Fault::Cold && *count > 0));

    let mut rebuild = rebuilding(store, past.newest).await.unwrap();
    let half = past.events.len() / 2;
    rebuild.teach(&past.events[..half]).await.unwrap();
    let o = past.next();
    store.observe(&o).await;
    rebuild.teach(&past.events[half..]).await.unwrap();
    // Counted, and not in the ledger yet when its last row was read.
    let before = past.events.len();
    let o = past.next();
    store.observe(&o).await;
    past.add(SignalEvent::Recognized(o));
    rebuild.warm().await.unwrap();
    rebuild.teach(&past.events[before..]).await.unwrap();
    store.teach_missed().await;
    assert_eq!(store.missed(), 0);

    assert_equal(store, &past).await;
    assert!(rebuilding(store, past.newest).await.is_none(), "it is whole again");
}

/// What waits for a rebuild keeps its account's later events back, and nobody else's.
#[tokio::test]
async fn a_cold_part_holds_up_only_those_who_live_there() {
    let server = RedisServer::start(Kind::Redis).await;
    let store = patient(&server.url()).await;
    let attempt = |account: u8, id| {
        let parties = Parties { account: Some(PartyKey([account; 16])), ..Parties::default() };
        Observation { id, time: START, parties, ..Observation::default() }
    };
    let attempts = async |account| {
        let o = Observation { time: START + Span::seconds(1), ..attempt(account, 99) };
        store.read(&o).await.by_name("account_attempts_24h")
    };
    server.command(&["DEL", "surety:{010}:mark"]).await;
    store.observe(&attempt(1, 1)).await;
    assert_eq!(store.missed(), 1);
    store.apply(&SignalEvent::Attempt(attempt(2, 2))).await;
    assert_eq!((store.missed(), attempts(2).await), (1, Some(Reading::Int(2))));
    store.apply(&SignalEvent::TakenBack(attempt(1, 1))).await;
    assert_eq!(store.missed(), 2, "not before what it takes back");
    store.teach_missed().await;
    assert_eq!(store.missed(), 2);
    server.command(&["COPY", "surety:{020}:mark", "surety:{010}:mark"]).await;
    store.teach_missed().await;
    assert_eq!((store.missed(), attempts(1).await), (0, Some(Reading::Int(1))));
}

#[tokio::test]
async fn redis_is_filled_again() {
    let server = RedisServer::start(Kind::Redis).await;
    let store = patient(&server.url()).await;
    let empty = async |_: &str| drop(server.command(&["FLUSHALL"]).await);
    is_filled_again(&store, empty, 1).await;
}

#[tokio::test]
async fn a_cluster_of_which_one_master_was_emptied_is_filled_again() {
    let cluster = RedisCluster::start(Kind::Redis).await;
    let store = patient(&cluster.url()).await;
    let empty = async |mark: &str| {
        let master = cluster.master_of(mark).await;
        cluster.node(master).command(&["FLUSHALL"]).await;
    };
    is_filled_again(&store, empty, 2).await;
}
