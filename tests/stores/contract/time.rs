//! Clocks that differ, late events, and the long run.

use std::sync::Arc;

use surety::domain::{Span, Time};
use surety::signals::{Observation, Party, Reading, SignalEvent, catalog};

use super::{
    ACCOUNT, DEVICE, EMAIL, INSTRUMENT, MERCHANT, NETWORK, START, Stage, differing, int, with,
};

on_each_store!(
    clocks_may_be_five_seconds_apart,
    late_events_land_where_they_belong,
    the_order_of_arrival_is_forgotten,
    a_party_that_was_idle_for_long_is_as_good_as_new,
);

/// How far the clocks of two services may be apart, or one may step back, without harm.
const SKEW: Span = Span::seconds(5);

/// A request with a party of each kind; those of two groups have nothing in common.
fn full(stage: &Stage, group: u64, id: u64, time: Time) -> Observation {
    with(stage.observation(id, group, time), |parties| {
        parties.device = Some(stage.key(DEVICE, group));
        parties.network = Some(stage.key(NETWORK, group));
        parties.instrument = Some(stage.key(INSTRUMENT, group));
        parties.email = Some(stage.key(EMAIL, group));
        parties.merchant = Some(stage.key(MERCHANT, group));
    })
}

async fn clocks_may_be_five_seconds_apart(stage: Arc<Stage>) {
    let attempts = [
        "account_attempts_1m",
        "device_attempts_1m",
        "instrument_attempts_10m",
        "network_attempts_1m",
        "merchant_attempts_1h",
    ];
    // One service is ahead, then the other.
    for (group, (first, second)) in [(SKEW, Span::ZERO), (Span::ZERO, SKEW)].into_iter().enumerate()
    {
        let at = |id, time| full(&stage, group as u64, id, time);
        stage.observe(&at(1, START + first)).await;
        let readings = stage.observe(&at(2, START + second)).await;
        attempts.iter().for_each(|name| assert_eq!(int(&readings, name), 2, "{name}"));
        let later = stage.observe(&at(3, START + SKEW)).await;
        attempts.iter().for_each(|name| assert_eq!(int(&later, name), 3, "{name}"));
        // The bound is exact: what claims to be later than that is not before the request.
        let behind = at(4, START - Span::micros(1));
        assert_eq!(int(&stage.read(&behind).await, "account_attempts_1m"), 2);
    }
}

async fn late_events_land_where_they_belong(stage: Arc<Stage>) {
    let at = |id, time| full(&stage, 1, id, time);
    let half_an_hour_ago = START - Span::minutes(30);
    stage.observe(&at(1, START)).await;
    let late = stage.observe(&at(2, half_an_hour_ago)).await;
    assert_eq!(int(&late, "account_attempts_1h"), 1, "what came later was not there then");
    let now = stage.read(&at(1, START)).await;
    for (name, count) in [
        ("account_attempts_1m", 1),
        ("account_attempts_10m", 1),
        ("account_attempts_1h", 2),
        ("device_attempts_10m", 1),
        ("device_attempts_1h", 2),
        ("network_attempts_1m", 1),
        ("network_attempts_1h", 2),
        ("merchant_attempts_1h", 2),
    ] {
        assert_eq!(int(&now, name), count, "{name}");
    }
    assert_eq!(now.by_name("account_last_seen_hours"), Some(Reading::Double(0.5)));
    assert_eq!(now.by_name("device_age_hours"), Some(Reading::Double(0.5)));

    stage.apply(&SignalEvent::Purchase(at(3, START - Span::days(6)))).await;
    stage.apply(&SignalEvent::Purchase(at(2, half_an_hour_ago))).await;
    let now = stage.read(&at(1, START)).await;
    assert_eq!(int(&now, "account_purchases_1d"), 2, "the request and the one just before");
    assert_eq!(int(&now, "account_purchases_7d"), 3);
}

/// Within the hour that events may be late.
async fn the_order_of_arrival_is_forgotten(stage: Arc<Stage>) {
    // The ids 0 and 1 are one.
    let at = |group, n: i64| full(&stage, group, n as u64 + 1, START + Span::minutes(n));
    for n in 0..40 {
        stage.observe(&at(1, n)).await;
        stage.observe(&at(2, 39 - n)).await;
    }
    let forward = stage.read(&at(1, 39)).await;
    let backward = stage.read(&at(2, 39)).await;
    assert_eq!(int(&forward, "account_attempts_1h"), 40);
    assert_eq!(differing(&forward, &backward), [""; 0]);
}

async fn a_party_that_was_idle_for_long_is_as_good_as_new(stage: Arc<Stage>) {
    let old = full(&stage, 1, 1, START);
    stage.observe(&old).await;
    stage.apply(&SignalEvent::Purchase(old.clone())).await;
    stage.apply(&SignalEvent::Misuse(old.clone())).await;
    for kind in Party::ALL {
        let windows = catalog().iter().filter(|signal| signal.key == kind);
        let longest = windows.map(|s| s.window.length + s.window.delay).max().unwrap();
        let is_of_kind =
            |name: &&str| catalog().iter().any(|signal| signal.name == *name && signal.key == kind);
        // Sets of accounts show only to another account that they know one.
        let account = stage.key(ACCOUNT, if kind == Party::Account { 1 } else { 3 });
        let at = |group, time| {
            with(full(&stage, group, 2, time), |parties| {
                parties.account = parties.account.filter(|_| group == 2).or(Some(account));
            })
        };
        let new = stage.read(&at(2, START + longest)).await;
        let idle = stage.read(&at(1, START + longest)).await;
        let remembered = differing(&idle, &new);
        assert_eq!(remembered.into_iter().find(is_of_kind), None, "{kind:?}");

        // And not a moment before.
        let before = START + longest - Span::seconds(61);
        let (new, idle) = (stage.read(&at(2, before)).await, stage.read(&at(1, before)).await);
        let remembered = differing(&idle, &new);
        assert!(remembered.iter().any(is_of_kind), "{kind:?}: {remembered:?}");
    }
}
