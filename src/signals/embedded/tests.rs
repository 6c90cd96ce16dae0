//! Snapshots against the store that they were made of, and against bytes that are none.

use proptest::prelude::*;

use super::*;
use crate::domain::{Category, Parties, Position, Time};
use crate::signals::tests::{START, key};

const MARK: SnapshotMark = SnapshotMark { sequence: 77, row: [7; 32], taken: START };

/// So small that most streams evict.
fn small(cap: usize) -> EmbeddedConfig {
    EmbeddedConfig {
        account: cap,
        device: cap,
        network: cap,
        instrument: cap,
        contact: cap,
        merchant: cap,
        ..EmbeddedConfig::default()
    }
}

/// A stream of events of every kind about so many accounts; the same for the same seed.
struct Stream {
    state: u64,
    accounts: u64,
    time: Time,
    recent: Vec<Observation>,
}

impl Stream {
    fn new(seed: u64, accounts: u64) -> Stream {
        Stream { state: seed, accounts, time: START, recent: Vec::new() }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
        (self.state >> 33) % bound
    }

    fn event(&mut self) -> SignalEvent {
        let kind = self.below(20);
        let again = self.below(16) as usize;
        match (kind, self.recent.iter().rev().nth(again).cloned()) {
            (0, Some(o)) => SignalEvent::TakenBack(o),
            (1, Some(o)) => SignalEvent::Misuse(o),
            (2, Some(o)) => SignalEvent::Attempt(o),
            (3, Some(o)) => SignalEvent::Forgotten(o),
            (4..9, Some(o)) => SignalEvent::Purchase(o),
            (9, _) => SignalEvent::SignIn(self.observation()),
            (10, _) => SignalEvent::Recognized(self.observation()),
            (11..13, _) => SignalEvent::Purchase(self.observation()),
            _ => {
                let observation = self.observation();
                self.recent.push(observation.clone());
                SignalEvent::Attempt(observation)
            }
        }
    }

    fn observation(&mut self) -> Observation {
        self.time = self.time + Span::micros(self.below(60_000_000) as i64);
        let account = self.below(self.accounts);
        let place = self.below(90) as i32;
        let party = |stream: &mut Stream, kind: u8| {
            let number = account * 2 + stream.below(2);
            (stream.below(4) > 0).then(|| key(kind, number))
        };
        Observation {
            id: self.below(1 << 31) << 31 | self.below(1 << 31),
            time: self.time - Span::seconds(self.below(600) as i64),
            parties: Parties {
                account: Some(key(1, account)),
                device: party(self, 2),
                network: Some(key(3, account / 8)),
                instrument: party(self, 4),
                email: party(self, 5),
                phone: party(self, 6),
                merchant: Some(key(7, self.below(40))),
                region: party(self, 8),
                address: party(self, 9),
            },
            amount: self.below(100_000) as i64,
            category: Category::parse(&format!("{}", 4_000 + place)).ok(),
            hour: Some(place as u8 % 24),
            position: (place % 3 > 0).then_some(Position {
                lat_e6: place * 1_000_000,
                lon_e6: -place * 1_000_000,
                accuracy_km: 20,
            }),
            ..Observation::default()
        }
    }

    fn events(&mut self, count: usize) -> Vec<SignalEvent> {
        (0..count).map(|_| self.event()).collect()
    }
}

fn taught(config: EmbeddedConfig, events: &[SignalEvent]) -> EmbeddedStore {
    let store = EmbeddedStore::new(config);
    events.iter().for_each(|event| store.apply(event));
    store
}

fn copy(store: &EmbeddedStore) -> Vec<u8> {
    let mut bytes = Vec::new();
    let cut = store.begin_copy(MARK).unwrap();
    let written = store.write_copy(&cut, &mut bytes).unwrap();
    assert_eq!(written.bytes, bytes.len() as u64);
    bytes
}

fn load(bytes: &[u8], config: EmbeddedConfig) -> Result<EmbeddedStore, SnapshotError> {
    let snapshot = StoredSnapshot::open(bytes, config)?;
    assert_eq!(snapshot.mark(), MARK);
    snapshot.load()
}

/// Both stores read the same of every party of those events, now and later. What lies further back
/// than events may be late is not compared: when it is dropped depends on how lists have grown.
fn assert_same(one: &EmbeddedStore, other: &EmbeddedStore, events: &[SignalEvent]) {
    let counts = |store: &EmbeddedStore| store.statistics().map(|s| (s.parties, s.evictions));
    assert_eq!(counts(one), counts(other));
    let now = events.iter().map(|event| event.lesson().1.time).max().unwrap_or(START);
    for event in events {
        let mut observation = event.lesson().1.clone();
        for later in [Span::ZERO, Span::minutes(11), Span::hours(25)] {
            observation.time = now + later;
            assert_eq!(one.read(&observation), other.read(&observation));
        }
    }
}

/// Taught on with the same events, both say the same each time.
fn assert_same_from_here(one: &EmbeddedStore, other: &EmbeddedStore, events: &[SignalEvent]) {
    for event in events {
        match event {
            SignalEvent::Attempt(o) => assert_eq!(one.observe(o), other.observe(o)),
            event => [one, other].iter().for_each(|store| store.apply(event)),
        }
    }
    assert_same(one, other, &events[events.len().saturating_sub(200)..]);
}

/// Teaches the store that it is a copy of, with each write.
struct Teaching<'s> {
    bytes: Vec<u8>,
    store: &'s EmbeddedStore,
    events: std::slice::Iter<'s, SignalEvent>,
}

impl std::io::Write for Teaching<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.events.by_ref().take(40).for_each(|event| self.store.apply(event));
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_copy_is_the_store_at_the_cut_whatever_it_is_taught_meanwhile() {
    let config = small(2_000);
    let mut stream = Stream::new(5, 3_000);
    let (before, after) = (stream.events(12_000), stream.events(12_000));
    let store = taught(config, &before);
    let cut = store.begin_copy(MARK).unwrap();
    assert!(store.begin_copy(MARK).is_none(), "one at a time");
    let mut out = Teaching { bytes: Vec::new(), store: &store, events: after.iter() };
    store.write_copy(&cut, &mut out).unwrap();
    assert!(out.events.len() < 5_000, "{} were not taught meanwhile", out.events.len());
    assert!(store.statistics()[0].evictions > 1_000);
    let Teaching { bytes, events, .. } = out;

    let (loaded, reference) = (load(&bytes, config).unwrap(), taught(config, &before));
    assert!(copy(&loaded) == copy(&reference), "the same to the byte");
    assert_same(&loaded, &reference, &before[before.len() - 2_000..]);
    // Being copied has changed nothing.
    events.for_each(|event| store.apply(event));
    let never_copied = taught(config, &[before, after.clone()].concat());
    assert!(copy(&store) == copy(&never_copied), "the same to the byte");
    assert_same_from_here(&loaded, &reference, &after);
}

#[test]
fn a_copy_is_the_store_at_the_cut_while_threads_teach() {
    let config = small(4_000);
    let mut stream = Stream::new(6, 5_000);
    let before = stream.events(10_000);
    let store = taught(config, &before);
    let cut = store.begin_copy(MARK).unwrap();
    let mut bytes = Vec::new();
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let store = &store;
            let mut stream = Stream { time: stream.time, ..Stream::new(seed, 5_000) };
            scope.spawn(move || stream.events(4_000).iter().for_each(|event| store.apply(event)));
        }
        store.write_copy(&cut, &mut bytes).unwrap();
    });
    let (loaded, reference) = (load(&bytes, config).unwrap(), taught(config, &before));
    assert!(copy(&loaded) == copy(&reference), "the same to the byte");
    assert_same(&loaded, &reference, &before[before.len() - 2_000..]);
}

#[test]
fn a_copy_that_cannot_be_written_is_given_up_and_the_next_one_is_whole() {
    let events = Stream::new(8, 50).events(2_000);
    let store = taught(small(1_000), &events);
    let cut = store.begin_copy(MARK).unwrap();
    assert!(store.write_copy(&cut, &mut [0; 9_000].as_mut_slice()).is_err());
    let loaded = load(&copy(&store), small(1_000)).unwrap();
    assert_same(&loaded, &store, &events);
}

#[test]
fn an_empty_store_comes_back_empty() {
    let store = EmbeddedStore::new(EmbeddedConfig::default());
    let bytes = copy(&store);
    let loaded = load(&bytes, EmbeddedConfig::default()).unwrap();
    assert_same_from_here(&loaded, &store, &Stream::new(1, 9).events(300));
}

#[test]
fn what_does_not_fit_is_refused_with_its_reason() {
    let config = small(100);
    let bytes = copy(&taught(config, &Stream::new(2, 9).events(300)));
    let refused = |bytes: &[u8], config| load(bytes, config).unwrap_err().to_string();
    let other = EmbeddedConfig { log_length: 161, ..config };
    assert!(refused(&bytes, other).contains("another catalog"));
    let mut format = bytes.clone();
    format[8] = 99;
    assert_eq!(refused(&format, config), "it has format 99, this program reads 1");
    assert_eq!(refused(b"SQLite format 3\0", config), "it is no snapshot");
    assert_eq!(refused(&bytes[..bytes.len() - 1], config), "it is cut short");
    assert_eq!(refused(&[], config), "it is cut short");
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(refused(&longer, config), "it is garbled: something follows the end");
}

#[test]
fn a_block_that_is_missing_or_there_twice_is_noticed() {
    let config = small(100);
    let bytes = copy(&taught(config, &Stream::new(2, 9).events(300)));
    // Magic and format, then blocks of a header with the length at byte 8.
    let mut blocks = Vec::new();
    let mut rest = &bytes[12..];
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let (block, after) = rest.split_at(20 + length);
        blocks.push(block);
        rest = after;
    }
    assert!(blocks.len() > 20);
    let joined = |blocks: &[&[u8]]| [&bytes[..12], &blocks.concat()].concat();
    assert!(load(&joined(&blocks), config).is_ok());
    let mut other = blocks.clone();
    other.swap(3, 9);
    assert!(load(&joined(&other), config).is_ok(), "the order does not matter");
    other.remove(5);
    assert!(load(&joined(&other), config).is_err());
    other.insert(5, other[6]);
    assert!(load(&joined(&other), config).is_err(), "as many as there should be");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_store_that_was_saved_and_loaded_goes_on_as_if_nothing_had_been(
        seed in any::<u64>(),
        (cap, accounts) in (20..300_usize, 3..60_u64),
        (before, after) in (0..900_usize, 1..900_usize),
    ) {
        let config = small(cap);
        let mut stream = Stream::new(seed, accounts);
        let (before, after) = (stream.events(before), stream.events(after));
        let store = taught(config, &before);
        let bytes = copy(&store);
        let loaded = load(&bytes, config).unwrap();
        assert!(copy(&loaded) == bytes, "the same to the byte");
        assert_same(&loaded, &store, &before);
        assert_same_from_here(&loaded, &store, &after);
    }

    #[test]
    fn garbled_bytes_are_refused(
        (place, bit) in (any::<prop::sample::Index>(), 0..8_u8),
        (from, length) in (any::<prop::sample::Index>(), 0..40_usize),
        what in 0..3_u8,
    ) {
        let config = small(60);
        let bytes = copy(&taught(config, &Stream::new(3, 12).events(500)));
        let mut garbled = bytes.clone();
        match what {
            0 => garbled[place.index(bytes.len())] ^= 1 << bit,
            1 => garbled.truncate(place.index(bytes.len())),
            _ => {
                let from = from.index(bytes.len());
                garbled.drain(from..(from + length).min(bytes.len()));
            }
        }
        match load(&garbled, config) {
            Ok(loaded) => assert!(garbled == bytes && copy(&loaded) == bytes),
            Err(error) => assert!(error.to_string().starts_with("it ")),
        }
    }

    #[test]
    fn bytes_of_a_party_that_no_checksum_guards_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        flip in any::<prop::sample::Index>(),
    ) {
        for kind in Party::ALL {
            let plan = KindPlan::compile(kind, catalog());
            let read = |bytes: &[u8]| {
                let mut reader = crate::signals::wire::Reader::new(bytes);
                format::party(&mut reader, &plan).is_ok()
            };
            read(&bytes);
            // And nearly right ones.
            let store = taught(small(64), &Stream::new(4, 2).events(60));
            let shard = store.kinds[kind as usize].shards.iter()
                .map(|shard| shard.lock().unwrap())
                .find(|shard| !shard.parties.is_empty());
            if let Some((key, slot)) = shard.as_ref().and_then(|s| s.parties.get_index(0)) {
                let mut block = format::Block::default();
                assert!(block.add(0, (key, slot), &plan).is_none());
                let mut bytes = block.bytes().to_vec();
                assert!(read(&bytes));
                let flip = flip.index(bytes.len());
                bytes[flip] ^= 0x41;
                read(&bytes);
            }
        }
    }
}
