//! Values that we did not write.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use surety::domain::Span;
use surety::signals::Observation;
use surety::signals::redis::Fault;
use tokio::runtime::Runtime;

use super::{HEAD, Scene, failed, keys, observation};
use crate::contract::{START, faults, int};
use crate::servers::Kind;

on_both!(
    a_key_of_another_type_is_one_missing_party,
    a_value_of_another_format_is_left_alone,
    a_cut_value_never_reads_as_a_new_party,
    numbers_that_cannot_be_are_garbage,
    what_was_garbage_is_doubtful_for_a_day,
);

async fn a_key_of_another_type_is_one_missing_party(scene: Scene) {
    scene.store.observe(&observation(1, START)).await;
    for (number, (kind, key)) in (2..).zip(keys()) {
        let value = scene.get(&key).await.unwrap();
        scene.server.command(&["DEL", &key]).await;
        scene.server.command(&["LPUSH", &key, "x"]).await;
        scene.is_missing(kind, Fault::WrongType, &observation(number, START)).await;
        scene.server.command(&["DEL", &key]).await;
        scene.set(&key, &value).await;
    }
    // Five times each was there and counted.
    let readings = scene.store.read(&observation(9, START)).await;
    for name in ["account_attempts_1m", "device_attempts_1m", "network_attempts_1h"] {
        assert_eq!(int(&readings, name), 1 + 5 + 1, "{name}");
    }
    assert_eq!(faults(&scene.store), [(Fault::WrongType, 18)]);
}

async fn a_value_of_another_format_is_left_alone(scene: Scene) {
    scene.store.observe(&observation(1, START)).await;
    for (number, (kind, key)) in (2..).zip(keys()) {
        let value = scene.get(&key).await.unwrap();
        for format in [0, 2, 255] {
            let other = [&[format], &value[1..]].concat();
            scene.set(&key, &other).await;
            scene.is_missing(kind, Fault::NotOurs, &observation(number, START)).await;
            assert_eq!(scene.get(&key).await, Some(other));
        }
        scene.set(&key, &value).await;
    }
    assert_eq!(failed(&scene.store.read(&observation(9, START)).await), []);
}

/// Of a single record: a cut between two records is what the value was before, which nobody can
/// tell.
async fn a_cut_value_never_reads_as_a_new_party(scene: Scene) {
    scene.store.observe(&observation(1, START)).await;
    let mut values = Vec::new();
    for (kind, key) in keys() {
        values.push((kind, scene.get(&key).await.unwrap(), key));
    }
    for (kind, value, key) in values {
        for length in 1..value.len() {
            let cut = &value[..length];
            for counts in [false, true] {
                scene.set(&key, cut).await;
                let o = observation(2, START);
                let readings = match counts {
                    true => scene.store.observe(&o).await,
                    false => scene.store.read(&o).await,
                };
                assert_eq!(failed(&readings), [kind], "{length} of {}", value.len());
                scene.is_replaced(&key, cut).await;
            }
        }
        scene.set(&key, b"").await;
        scene.is_missing(kind, Fault::NotOurs, &observation(2, START)).await;
        scene.set(&key, &value).await;
    }
}

async fn numbers_that_cannot_be_are_garbage(scene: Scene) {
    // An amount at the very end of what is kept, which takes eight bytes.
    let o = Observation { amount: i64::MAX, ..observation(1, START) };
    scene.store.observe(&o).await;
    let [(kind, key), ..] = keys();
    let value = scene.get(&key).await.unwrap();
    let end = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
    let amount = value.windows(end.len()).position(|bytes| bytes == end).unwrap();
    let (too_large, negative) = ((amount + 7, 0x7F), (amount, 0x81));
    // The time, just before it, takes eight bytes as well.
    let beyond_all_times = (amount - 1, 0x7F);
    for (place, byte) in [too_large, negative, beyond_all_times] {
        let mut other = value.clone();
        other[place] = byte;
        scene.set(&key, &other).await;
        assert_eq!(failed(&scene.store.read(&observation(2, START)).await), [kind]);
        scene.is_replaced(&key, &other).await;
    }
    let [(Fault::Corrupt, 3..)] = faults(&scene.store)[..] else {
        panic!("{:?}", faults(&scene.store));
    };
}

async fn what_was_garbage_is_doubtful_for_a_day(scene: Scene) {
    let at = |id, after: Span| observation(id, START + after);
    scene.store.observe(&at(1, Span::ZERO)).await;
    let [(kind, key), ..] = keys();
    let garbage = b"\x01no value of ours, yet it begins like one";
    scene.set(&key, garbage).await;
    assert_eq!(failed(&scene.store.observe(&at(2, Span::ZERO)).await), [kind]);
    scene.is_replaced(&key, garbage).await;

    let day = Span::hours(24);
    let almost = Span::micros(day.as_micros() - 1);
    for (id, after) in [(3, Span::hours(1)), (4, almost)] {
        assert_eq!(failed(&scene.store.observe(&at(id, after)).await), [kind]);
    }
    let readings = scene.store.observe(&at(5, day)).await;
    assert_eq!(failed(&readings), []);
    assert_eq!(int(&readings, "account_attempts_24h"), 3, "doubtful, but counted meanwhile");
}

/// Any bytes, most of which begin as ours do, under the key of any party.
#[test]
fn garbage_is_never_a_new_party() {
    let runtime = Runtime::new().unwrap();
    let scene = runtime.block_on(Scene::new(Kind::Redis));
    runtime.block_on(scene.store.observe(&observation(1, START)));
    let bytes = proptest::collection::vec(any::<u8>(), HEAD..200);
    let begins_well = (0..3_u8, bytes).prop_map(|(begins_well, mut bytes)| {
        if begins_well > 0 {
            bytes[0] = 1;
        }
        bytes
    });
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    let played = TestRunner::new(config).run(&(0..6_usize, begins_well), |(place, garbage)| {
        let (kind, key) = &keys()[place];
        runtime.block_on(async {
            let value = scene.get(key).await.unwrap();
            scene.set(key, &garbage).await;
            let read = failed(&scene.store.read(&observation(2, START)).await);
            scene.set(key, &garbage).await;
            let observed = failed(&scene.store.observe(&observation(1, START)).await);
            scene.set(key, &value).await;
            prop_assert_eq!(&read, &[*kind]);
            prop_assert_eq!(&observed, &[*kind]);
            Ok(())
        })
    });
    played.unwrap();
}
