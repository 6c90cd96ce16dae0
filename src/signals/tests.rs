//! The catalog, and what is true of the embedded store only: `tests/stores/contract` plays on each
//! store what is true of all.

use super::*;

pub(super) const START: Time = Time::from_seconds(1_750_000_000);

pub(super) fn key(kind: u8, n: u64) -> PartyKey {
    let mut bytes = [kind; 16];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    PartyKey(bytes)
}

pub(super) fn observation(id: u64, account: u64, time: Time) -> Observation {
    let parties = Parties { account: Some(key(1, account)), ..Parties::default() };
    Observation { id, time, parties, amount: 1_000, ..Observation::default() }
}

pub(super) fn with(mut o: Observation, change: impl Fn(&mut Parties)) -> Observation {
    change(&mut o.parties);
    o
}

pub(super) fn store() -> EmbeddedStore {
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

/// A shared store would have to ask the account before the other parties to tell that, which takes
/// two round trips.
#[test]
fn a_retry_from_another_device_is_no_attempt_of_that_device() {
    let store = store();
    let on = |id, device| {
        with(observation(id, 1, START), |parties| {
            parties.device = Some(key(2, device));
            parties.network = Some(key(3, 1));
        })
    };
    store.observe(&on(1, 1));
    store.observe(&on(1, 2));
    let second = store.observe(&on(2, 1));
    assert_eq!(int(&second, "account_attempts_1m"), 2);
    assert_eq!(int(&second, "network_attempts_1h"), 2);
    assert_eq!(int(&second, "account_devices_24h"), 1);
    let other = store.observe(&on(3, 2));
    assert_eq!(int(&other, "device_attempts_1m"), 1);
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
