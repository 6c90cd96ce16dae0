//! Attempts: windows, repetitions, take-backs, caps, many at once.

use std::sync::Arc;

use surety::domain::Span;
use surety::signals::{Observation, SignalEvent};
use tokio::task::JoinSet;

use super::{DEVICE, EMAIL, MERCHANT, NETWORK, PHONE, START, Stage, differing, int, with};

on_each_store!(
    the_edge_of_a_window_is_exact,
    one_less_than_the_threshold_the_threshold_and_one_more,
    a_retry_is_counted_once_for_every_party,
    a_retry_within_an_hour_is_the_same_attempt,
    a_repetition_reads_the_same_and_changes_nothing,
    what_is_taken_back_never_was,
    sets_and_logs_are_capped_and_say_at_least,
    the_larger_contact_counts,
    tasks_count_every_attempt_once,
);

async fn the_edge_of_a_window_is_exact(stage: Arc<Stage>) {
    stage.observe(&stage.observation(1, 1, START)).await;
    let at = async |micros: i64| {
        let now = START + Span::minutes(1) + Span::micros(micros);
        int(&stage.read(&stage.observation(2, 1, now)).await, "account_attempts_1m")
    };
    let counts = (at(-1).await, at(0).await, at(1).await);
    assert_eq!(counts, (2, 1, 1), "exactly a minute old is out");
}

async fn one_less_than_the_threshold_the_threshold_and_one_more(stage: Arc<Stage>) {
    for n in 1..=6 {
        let o = stage.observation(n, 1, START + Span::seconds(n as i64));
        let readings = stage.observe(&o).await;
        assert_eq!(int(&readings, "account_attempts_10m"), n as i64);
        assert_eq!(int(&readings, "account_amount_24h"), 1_000 * n as i64);
    }
}

/// A request with parties of four kinds.
fn full(stage: &Stage, id: u64, device: u64) -> Observation {
    with(stage.observation(id, 1, START), |parties| {
        parties.device = Some(stage.key(DEVICE, device));
        parties.network = Some(stage.key(NETWORK, 1));
        parties.merchant = Some(stage.key(MERCHANT, 1));
    })
}

async fn a_retry_is_counted_once_for_every_party(stage: Arc<Stage>) {
    let first = stage.observe(&full(&stage, 1, 1)).await;
    for _ in 0..3 {
        assert_eq!(stage.observe(&full(&stage, 1, 1)).await, first);
    }
    let second = stage.observe(&full(&stage, 2, 1)).await;
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

/// With the time of the retry, as a service gives it that has forgotten the first one.
async fn a_retry_within_an_hour_is_the_same_attempt(stage: Arc<Stage>) {
    let at =
        |id, minutes| Observation { time: START + Span::minutes(minutes), ..full(&stage, id, 1) };
    stage.observe(&at(1, 0)).await;
    for minutes in [1, 30, 59] {
        stage.observe(&at(1, minutes)).await;
    }
    let second = stage.observe(&at(2, 59)).await;
    let names = [
        "account_attempts_1h",
        "device_attempts_1h",
        "network_attempts_1h",
        "merchant_attempts_1h",
    ];
    names.iter().for_each(|name| assert_eq!(int(&second, name), 2, "{name}"));
}

async fn a_repetition_reads_the_same_and_changes_nothing(stage: Arc<Stage>) {
    let at = |id: u64| Observation {
        time: START + Span::minutes(id as i64),
        ..full(&stage, id, id % 3)
    };
    for id in 1..=20 {
        let first = stage.observe(&at(id)).await;
        let bystander = stage.read(&at(30)).await;
        assert_eq!(stage.observe(&at(id)).await, first);
        assert_eq!(stage.observe(&at(id)).await, first);
        assert_eq!(stage.read(&at(id)).await, first);
        assert_eq!(stage.read(&at(30)).await, bystander);
    }
}

async fn what_is_taken_back_never_was(stage: Arc<Stage>) {
    let alone = stage.observe(&full(&stage, 1, 1)).await;
    stage.observe(&full(&stage, 2, 2)).await;
    stage.apply(&SignalEvent::TakenBack(full(&stage, 2, 2))).await;
    stage.apply(&SignalEvent::TakenBack(full(&stage, 2, 2))).await;
    let after = stage.read(&full(&stage, 1, 1)).await;
    let only_that_it_was_seen = ["account_last_seen_hours"];
    assert_eq!(differing(&alone, &after), only_that_it_was_seen);
}

async fn sets_and_logs_are_capped_and_say_at_least(stage: Arc<Stage>) {
    let on_network = |n: u64| {
        let o = stage.observation(n, n, START + Span::seconds(n as i64));
        with(o, |parties| parties.network = Some(stage.key(NETWORK, 1)))
    };
    for n in 0..100 {
        let readings = stage.observe(&on_network(n)).await;
        assert_eq!(int(&readings, "network_accounts_1h"), (n as i64 + 1).min(64));
        assert_eq!(int(&readings, "network_attempts_1h"), n as i64 + 1);
    }
    for n in 1..=170 {
        let o = stage.observation(1_000 + n, 107, START + Span::minutes(10));
        let readings = stage.observe(&o).await;
        assert_eq!(int(&readings, "account_attempts_24h"), (n as i64).min(160));
    }
}

async fn the_larger_contact_counts(stage: Arc<Stage>) {
    let contact = |id, account, email, phone| {
        with(stage.observation(id, account, START), |parties| {
            parties.email = Some(stage.key(EMAIL, email));
            parties.phone = Some(stage.key(PHONE, phone));
        })
    };
    stage.observe(&contact(1, 1, 1, 1)).await;
    stage.observe(&contact(2, 2, 2, 1)).await;
    let readings = stage.observe(&contact(3, 3, 3, 1)).await;
    assert_eq!(int(&readings, "contact_accounts_90d"), 3);
}

async fn tasks_count_every_attempt_once(stage: Arc<Stage>) {
    fn at(stage: &Stage, id: u64) -> Observation {
        let o = stage.observation(id, 1, START + Span::seconds(id as i64 % 60));
        with(o, |parties| parties.merchant = Some(stage.key(MERCHANT, 1)))
    }
    let mut tasks = JoinSet::new();
    for task in 0..4_u64 {
        let stage = Arc::clone(&stage);
        // Most attempts come from two tasks.
        tasks.spawn(async move {
            for id in (0..100).map(|n| 1 + n + 50 * task).filter(|id| *id <= 150) {
                stage.observe(&at(&stage, id)).await;
            }
        });
    }
    tasks.join_all().await;
    let readings = stage.read(&at(&stage, 59)).await;
    assert_eq!(int(&readings, "merchant_attempts_1h"), 150);
    let late = Observation { time: START + Span::minutes(2), ..at(&stage, 59) };
    assert_eq!(int(&stage.read(&late).await, "account_attempts_24h"), 150);
}
