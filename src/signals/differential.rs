//! The store against the naive model on random streams: repetitions, take-backs, late events and
//! jumps to the edges of windows.

use proptest::prelude::*;

use super::plan::LATENESS;
use super::reference::{Reference, agree};
use super::tests::{START, key, observation, store, with};
use super::*;

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
        let pick = |kind, n: u8, of: u8| {
            let member = Some(n % of).filter(|member| *member > 0);
            member.map(|member| key(kind, member.into()))
        };
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
            if next(10) == 0 {
                events.push(SignalEvent::Misuse(o));
            }
            events.iter().for_each(|event| store.apply(event));
            events.iter().for_each(|event| reference.apply(event));
        }
        assert!(off <= 0.03 * total, "{off} of {total}");
    }
}
