//! The signal store in memory: one transaction observed, scored and taught, on one core.

use criterion::{Criterion, Throughput};
use surety::scoring::SpendingModel;
use surety::signals::{EmbeddedConfig, EmbeddedStore, Reading, SignalEvent, position_of};

use super::Call;
use super::sample::Stream;

const ACCOUNTS: u64 = 20_000;
const MERCHANTS: u64 = 5_000;
/// Purchases before the first measured one: forty for each account.
const TAUGHT: u64 = 800_000;

pub fn define(c: &mut Criterion, call: &Call) {
    let mut group = c.benchmark_group("signals");
    group.throughput(Throughput::Elements(1));
    for (name, all_parties) in [("account+merchant", false), ("five parties", true)] {
        if !call.wants(&format!("signals/{name}")) {
            continue;
        }
        let store = EmbeddedStore::new(EmbeddedConfig::default());
        let model = SpendingModel::new().unwrap();
        let mut stream = Stream::new(ACCOUNTS, MERCHANTS);
        stream.all_parties = all_parties;
        for _ in 0..if call.small { 1_000 } else { TAUGHT } {
            store.apply(&SignalEvent::Purchase(stream.next()));
        }
        let attempts = position_of("account_attempts_1h").unwrap();
        group.bench_function(name, |b| {
            b.iter(|| {
                let observation = stream.next();
                let readings = store.observe(&observation);
                // An account without a history has no score.
                let score = model.score(&readings, observation.amount, 2);
                assert!(score.is_none_or(|score| (0..=1_000_000).contains(&score.ppm)));
                assert!(matches!(readings.get(attempts), Reading::Int(1..)));
                store.apply(&SignalEvent::Purchase(observation));
            });
        });
    }
}
