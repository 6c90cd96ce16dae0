//! The store against stories with known ends, and against the naive model on random streams.

use proptest::prelude::*;

use super::plan::LATENESS;
use super::reference::{Reference, agree};
use super::*;

const START: Time = Time::from_seconds(1_750_000_000);

fn key(kind: u8, n: u64) -> PartyKey {
    let mut bytes = [kind; 16];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    PartyKey(bytes)
}

fn observation(id: u64, account: u64, time: Time) -> Observation {
    let parties = Parties { account: Some(key(1, account)), ..Parties::default() };
    Observation { id, time, parties, amount: 1_000, ..Observation::default() }
}

fn with(mut o: Observation, change: impl Fn(&mut Parties)) -> Observation {
    change(&mut o.parties);
    o
}

fn store() -> EmbeddedStore {
    EmbeddedStore::new(EmbeddedConfig::default())
}

fn int(readings: &Readings, name: &str) -> i64 {
    match readings.by_name(name) {
        Some(Reading::Int(n)) => n,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn names_are_unique_and_tell_their_window() {
    for (position, signal) in catalog().iter().enumerate() {
        assert_eq!(position_of(signal.name), Some(position), "{}", signal.name);
        let window = signal.name.rsplit('_').next().unwrap();
        let numeric = window.starts_with(|c: char| c.is_ascii_digit());
        let day = |text: &str| if text == "1d" { "24h".to_owned() } else { text.to_owned() };
        if numeric {
            let length = Window::last(signal.window.length).to_string();
            assert_eq!(day(window), length, "{}", signal.name);
        }
    }
}

#[test]
fn the_edge_of_a_window_is_exact() {
    let store = store();
    store.observe(&observation(1, 1, START));
    let at = |micros: i64| {
        let now = START + Span::minutes(1) + Span::micros(micros);
        int(&store.read(&observation(2, 1, now)), "account_attempts_1m")
    };
    assert_eq!((at(-1), at(0), at(1)), (2, 1, 1), "exactly a minute old is out");
}

#[test]
fn one_less_than_the_threshold_the_threshold_and_one_more() {
    let store = store();
    for n in 1..=6 {
        let readings = store.observe(&observation(n, 1, START + Span::seconds(n as i64)));
        assert_eq!(int(&readings, "account_attempts_10m"), n as i64);
        assert_eq!(int(&readings, "account_amount_24h"), 1_000 * n as i64);
    }
}

#[test]
fn a_retry_is_counted_once_for_every_party() {
    let store = store();
    let full = |id| {
        with(observation(id, 1, START), |parties| {
            parties.device = Some(key(2, 1));
            parties.network = Some(key(3, 1));
            parties.merchant = Some(key(4, 1));
        })
    };
    let first = store.observe(&full(1));
    assert_eq!(store.observe(&full(1)), first);
    let other_device = with(full(1), |parties| parties.device = Some(key(2, 2)));
    store.observe(&other_device);
    let second = store.observe(&full(2));
    for name in [
        "account_attempts_1m",
        "device_attempts_1m",
        "network_attempts_1m",
        "network_attempts_1h",
        "merchant_attempts_1h",
    ] {
        assert_eq!(int(&second, name), 2, "{name}");
    }
    assert_eq!(int(&second, "account_devices_24h"), 1);
}

#[test]
fn what_is_taken_back_never_was() {
    let store = store();
    let full = |id, device| {
        with(observation(id, 1, START), |parties| {
            parties.device = Some(key(2, device));
            parties.network = Some(key(3, 1));
        })
    };
    let alone = store.observe(&full(1, 1));
    store.observe(&full(2, 2));
    store.apply(&SignalEvent::TakenBack(full(2, 2)));
    store.apply(&SignalEvent::TakenBack(full(2, 2)));
    let after = store.read(&full(1, 1));
    let same = |signal: &Signal, reading| alone.by_name(signal.name) == Some(reading);
    let changed = after.iter().filter(|(signal, reading)| !same(signal, *reading));
    let changed: Vec<_> = changed.map(|(signal, _)| signal.name).collect();
    assert_eq!(changed, ["account_last_seen_hours"], "only that it was seen");
}

#[test]
fn purchases_count_the_request_and_history_does_not() {
    let store = store();
    let first = store.observe(&observation(1, 1, START));
    assert_eq!(int(&first, "account_purchases_7d"), 1);
    assert_eq!(first.by_name("account_purchase_mean_7d"), Some(Reading::Double(1_000.0)));
    assert_eq!(int(&first, "account_purchases_180d"), 0);
    assert_eq!(first.by_name("spending_median_minor"), Some(Reading::NotSupplied));
    store.apply(&SignalEvent::Purchase(observation(1, 1, START)));
    store.apply(&SignalEvent::Purchase(observation(1, 1, START)));
    let second = store.observe(&observation(2, 1, START + Span::days(1)));
    assert_eq!(int(&second, "account_purchases_1d"), 1);
    assert_eq!(int(&second, "account_purchases_7d"), 2);
    assert_eq!(int(&second, "account_purchases_180d"), 1);
    assert_eq!(second.by_name("spending_median_minor"), Some(Reading::Double(1_000.0)));
    assert_eq!(store.read(&observation(2, 1, START + Span::days(1))), second);
}

#[test]
fn attempts_make_nothing_known() {
    let store = store();
    let thief = |id| {
        with(observation(id, 1, START), |parties| {
            parties.device = Some(key(2, 9));
            parties.region = Some(key(5, 9));
        })
    };
    for id in 1..5 {
        let readings = store.observe(&thief(id));
        assert_eq!(readings.by_name("account_device_known"), Some(Reading::Bool(false)));
        assert_eq!(int(&readings, "account_devices_known"), 0);
        assert_eq!(readings.by_name("account_address_known"), Some(Reading::NotSupplied));
    }
    store.apply(&SignalEvent::SignIn(thief(5)));
    let known = |readings: Readings| readings.by_name("account_region_known");
    assert_eq!(known(store.read(&thief(4))), Some(Reading::Bool(false)));
    store.apply(&SignalEvent::Recognized(thief(4)));
    assert_eq!(known(store.read(&thief(4))), Some(Reading::Bool(true)));
    store.apply(&SignalEvent::TakenBack(thief(4)));
    assert_eq!(known(store.read(&thief(4))), Some(Reading::Bool(true)), "the check was passed");
}

#[test]
fn sets_and_logs_are_capped_and_say_at_least() {
    let store = store();
    let on_network = |n: u64| {
        let o = observation(n, n, START + Span::seconds(n as i64));
        with(o, |parties| parties.network = Some(key(3, 1)))
    };
    let last = (0..100).map(|n| store.observe(&on_network(n))).last().unwrap();
    assert_eq!(int(&last, "network_accounts_1h"), 64);
    assert_eq!(int(&last, "network_attempts_1h"), 100);
    for n in 0..200 {
        store.observe(&observation(1_000 + n, 7, START + Span::minutes(10)));
    }
    let readings = store.read(&observation(1_199, 7, START + Span::minutes(10)));
    assert_eq!(int(&readings, "account_attempts_24h"), 160);
}

#[test]
fn the_larger_contact_counts() {
    let store = store();
    let contact = |id, account, email, phone| {
        with(observation(id, account, START), |parties| {
            parties.email = Some(key(6, email));
            parties.phone = Some(key(7, phone));
        })
    };
    store.observe(&contact(1, 1, 1, 1));
    store.observe(&contact(2, 2, 2, 1));
    let readings = store.observe(&contact(3, 3, 3, 1));
    assert_eq!(int(&readings, "contact_accounts_90d"), 3);
}

#[test]
fn misuse_is_read_a_week_late() {
    let store = store();
    let at =
        |id, time| with(observation(id, id, time), |parties| parties.merchant = Some(key(4, 1)));
    for id in 0..4 {
        store.apply(&SignalEvent::Purchase(at(id, START)));
    }
    store.apply(&SignalEvent::Misuse(at(3, START)));
    let share = |days| {
        let readings = store.read(&at(9, START + Span::days(days)));
        readings.by_name("merchant_misuse_share_7d")
    };
    assert_eq!(share(6), Some(Reading::Double(0.0)));
    assert_eq!(share(8), Some(Reading::Double(0.25)));
    assert_eq!(share(15), Some(Reading::Double(0.0)));
}

#[test]
fn an_unseen_party_fails_while_it_may_have_been_evicted() {
    let config = EmbeddedConfig { account: 16, ..EmbeddedConfig::default() };
    let store = EmbeddedStore::new(config);
    let seen_by = |store: &EmbeddedStore, account, time| {
        store.observe(&observation(account, account, time)).by_name("account_attempts_1m")
    };
    for account in 0..200 {
        seen_by(&store, account, START + Span::seconds(account as i64));
    }
    let statistics = store.statistics()[Party::Account as usize];
    assert_eq!(statistics.parties, 16);
    assert_eq!(statistics.evictions, 184);
    let soon = START + Span::hours(1);
    assert_eq!(seen_by(&store, 999, soon), Some(Reading::Failed));
    assert_eq!(seen_by(&store, 999, soon), Some(Reading::Failed), "it is no better known now");
    let merchant = with(observation(1, 1, soon), |p| p.merchant = Some(key(4, 1)));
    assert_eq!(int(&store.read(&merchant), "merchant_attempts_1h"), 1, "other kinds are whole");
    let later = START + Span::hours(27);
    assert_eq!(seen_by(&store, 1_000, later), Some(Reading::Int(1)));
}

#[test]
fn parties_that_have_expired_make_room_without_being_missed() {
    let config = EmbeddedConfig { account: 16, ..EmbeddedConfig::default() };
    let store = EmbeddedStore::new(config);
    for account in 0..16 {
        store.observe(&observation(account, account, START));
    }
    let evicted = store.statistics()[Party::Account as usize].evictions;
    let later = START + Span::days(800);
    for account in 100..108 {
        let time = later + Span::days(account as i64 * 2);
        let readings = store.observe(&observation(account, account, time));
        assert_eq!(int(&readings, "account_attempts_24h"), 1);
    }
    let statistics = store.statistics()[Party::Account as usize];
    let is_small = statistics.evictions - evicted <= 8;
    assert!(is_small, "{statistics:?}");
}

#[test]
fn events_survive_json() {
    let position = Some(Position { lat_e6: 1, lon_e6: -2, accuracy_km: 3 });
    let o = Observation { position, hour: Some(7), ..observation(u64::MAX, 1, START) };
    let event = SignalEvent::Purchase(o);
    let json = serde_json::to_string(&event).unwrap();
    assert_eq!(serde_json::from_str::<SignalEvent>(&json).unwrap(), event);
}

/// One step of a random stream; numbers choose among what is there.
#[derive(Clone, Debug)]
struct Step {
    what: u8,
    jump: (u8, u16),
    who: [u8; 6],
    amount: u16,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let jump = (0..10u8, any::<u16>());
    let step = (0..100u8, jump, any::<[u8; 6]>(), any::<u16>());
    let step = step.prop_map(|(what, jump, who, amount)| Step { what, jump, who, amount });
    proptest::collection::vec(step, 60..200)
}

struct Stream {
    newest: Time,
    next_id: u64,
    /// Every attempt that was made, in order.
    made: Vec<Observation>,
}

impl Stream {
    /// A moment: small steps, jumps to the edge of a window over an earlier event, and late ones.
    fn time(&mut self, (kind, n): (u8, u16)) -> Time {
        let time = match kind {
            0..4 => self.newest + Span::seconds(i64::from(n % 100)),
            4..7 => self.edge(usize::from(n)),
            7 => self.newest + Span::hours(i64::from(n % 50)),
            8 => self.newest,
            _ => self.newest - Span::micros(LATENESS.as_micros() * i64::from(n) / 65_536),
        };
        self.newest = self.newest.max(time);
        time
    }

    fn edge(&self, n: usize) -> Time {
        let windows: Vec<Span> = catalog().iter().map(|signal| signal.window.length).collect();
        let window = windows[n % windows.len()];
        let recent = self.made.iter().rev().nth(n / 64 % 16);
        let edge = recent.map_or(self.newest, |o| o.time + window + Span::micros(n as i64 % 3 - 1));
        if edge > self.newest - LATENESS { edge } else { self.newest }
    }

    fn observation(&mut self, step: &Step) -> Observation {
        self.next_id += 1;
        let time = self.time(step.jump);
        let [account, device, network, instrument, contact, place] = step.who;
        let pick = |kind, n: u8, of: u8| (n % of > 0).then(|| key(kind, u64::from(n % of)));
        let parties = Parties {
            account: Some(key(1, u64::from(account % 3))),
            device: pick(2, device, 4),
            network: pick(3, network, 5),
            instrument: pick(4, instrument, 4),
            email: pick(5, contact, 3),
            phone: pick(6, contact / 3, 3),
            merchant: pick(7, contact / 9, 5),
            region: pick(8, place, 3),
            address: pick(9, place / 3, 4),
        };
        let position = (place % 2 == 0).then(|| Position {
            lat_e6: i32::from(place) * 500_000 - 60_000_000,
            lon_e6: i32::from(device) * 1_400_000 - 179_000_000,
            accuracy_km: u16::from(network % 30),
        });
        Observation {
            id: self.next_id.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            time,
            parties,
            amount: i64::from(step.amount),
            category: Category::parse(&format!("{}", 4000 + 20 * u16::from(contact))).ok(),
            hour: (place % 5 > 0).then_some(place % 24),
            position,
            ..Observation::default()
        }
    }

    /// An attempt of the last hour, to be sent again.
    fn recent(&self, n: u8) -> Option<Observation> {
        let recent = self.made.iter().rev().take(8).nth(usize::from(n % 8))?;
        (recent.time > self.newest - LATENESS).then(|| recent.clone())
    }
}

fn is_exact(signal: &Signal) -> bool {
    let counted =
        matches!(signal.fold, Fold::Count(_) | Fold::Sum(_) | Fold::Mean(_) | Fold::Share);
    !(signal.key.is_busy() && counted)
}

fn compare(readings: &Readings, reference: &Reference, o: &Observation) {
    for (signal, reading) in readings.iter().filter(|(signal, _)| is_exact(signal)) {
        let expected = reference.read(signal, o);
        assert!(agree(expected, reading), "{}: {expected:?}, read {reading:?}", signal.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn readings_are_those_of_the_naive_model(steps in steps()) {
        let (store, mut reference) = (store(), Reference::default());
        let mut stream = Stream { newest: START, next_id: 0, made: Vec::new() };
        for step in &steps {
            let event = match step.what {
                0..50 => SignalEvent::Attempt(stream.observation(step)),
                50..58 => match stream.recent(step.who[0]) {
                    Some(retry) => SignalEvent::Attempt(retry),
                    None => continue,
                },
                58..80 => match stream.recent(step.who[0]) {
                    Some(o) => SignalEvent::Purchase(o),
                    None => SignalEvent::Purchase(stream.observation(step)),
                },
                80..88 => match stream.made.iter().rev().nth(usize::from(step.who[0] % 20)) {
                    Some(o) => SignalEvent::TakenBack(o.clone()),
                    None => continue,
                },
                88..94 => SignalEvent::Recognized(stream.observation(step)),
                _ => SignalEvent::SignIn(stream.observation(step)),
            };
            match &event {
                SignalEvent::Attempt(o) => {
                    let before = store.read(o);
                    let readings = store.observe(o);
                    assert_eq!(before, readings, "reading first is the same without counting");
                    assert_eq!(store.read(o), readings, "and so is reading again");
                    reference.apply(&event);
                    compare(&readings, &reference, o);
                    stream.made.push(o.clone());
                }
                _ => {
                    store.apply(&event);
                    reference.apply(&event);
                }
            }
        }
    }

    #[test]
    fn buckets_are_close_to_the_naive_model(seed in any::<u32>()) {
        let (store, mut reference) = (store(), Reference::default());
        let (mut random, mut time) = (u64::from(seed), START);
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            (random >> 33) % below
        };
        let (mut off, mut total) = (0.0, 0.0);
        let busy = |signal: &&Signal| !is_exact(signal) && signal.fold != Fold::Share;
        for id in 0..1_500 {
            time = time + Span::seconds(next(if id < 1_000 { 6_000 } else { 20 }) as i64);
            let o = with(observation(id, id, time), |parties| {
                parties.network = Some(key(3, id % 2));
                parties.merchant = Some(key(4, 1));
            });
            let readings = store.observe(&o);
            reference.apply(&SignalEvent::Attempt(o.clone()));
            for signal in catalog().iter().filter(busy).filter(|_| id % 10 == 0) {
                let (Reading::Int(exact), Some(Reading::Int(read))) =
                    (reference.read(signal, &o), readings.by_name(signal.name))
                else {
                    panic!("{}", signal.name)
                };
                off += (exact - read).abs() as f64;
                total += exact as f64;
            }
            let mut events = vec![SignalEvent::Purchase(o.clone())];
            events.extend((next(10) == 0).then(|| SignalEvent::Misuse(o)));
            events.iter().for_each(|event| store.apply(event));
            events.iter().for_each(|event| reference.apply(event));
        }
        assert!(off <= 0.03 * total, "{off} of {total}");
    }
}
