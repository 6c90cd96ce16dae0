//! The store against stories with known ends.

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

#[test]
fn threads_count_every_attempt_once() {
    let store = store();
    let at = |id: u64| {
        let o = observation(id, 1, START + Span::seconds(id as i64 % 60));
        with(o, |parties| parties.merchant = Some(key(4, 1)))
    };
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            // Each attempt comes from two threads.
            let ids = (0..100).map(move |n| 1 + n + 50 * thread).filter(|id| *id <= 150);
            let store = &store;
            scope.spawn(move || ids.for_each(|id| drop(store.observe(&at(id)))));
        }
    });
    let readings = store.read(&at(59));
    assert_eq!(int(&readings, "merchant_attempts_1h"), 150);
    let late = store.read(&Observation { time: START + Span::minutes(2), ..at(59) });
    assert_eq!(int(&late, "account_attempts_24h"), 150);
}

#[test]
fn a_device_that_the_lender_took_off_is_no_longer_known() {
    let store = store();
    let on = |id, device| {
        with(observation(id, 1, START + Span::minutes(id as i64)), |parties| {
            parties.device = Some(key(2, device));
        })
    };
    store.apply(&SignalEvent::Purchase(on(1, 1)));
    store.apply(&SignalEvent::Recognized(on(2, 2)));
    store.apply(&SignalEvent::Forgotten(on(3, 1)));
    let known = |device| store.read(&on(4, device)).by_name("account_device_known");
    assert_eq!(known(1), Some(Reading::Bool(false)));
    assert_eq!(known(2), Some(Reading::Bool(true)));
    let readings = store.read(&on(5, 1));
    assert_eq!(int(&readings, "account_devices_known"), 1);
    // The habit that the purchase taught stays.
    assert_eq!(int(&readings, "account_purchases_180d"), 1);
}
