//! Random streams of events: repetitions, take-backs, late events, jumps to the edges of windows.

use proptest::prelude::*;
use surety::domain::{Category, Parties, PartyKey, Position, Span, Time};
use surety::signals::{Observation, SignalEvent, catalog};

pub const START: Time = Time::from_seconds(1_750_000_000);
/// How late an event may come and still be read exactly.
const LATENESS: Span = Span::hours(1);

/// One step; numbers choose among what is there.
#[derive(Clone)]
pub struct Step {
    what: u8,
    jump: (u8, u16),
    who: [u8; 6],
    amount: u16,
}

impl std::fmt::Debug for Step {
    /// Short, for a failed stream has hundreds.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", (self.what, self.jump, self.who, self.amount))
    }
}

pub fn steps(lengths: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Step>> {
    let jump = (0..10u8, any::<u16>());
    let step = (0..100u8, jump, any::<[u8; 6]>(), any::<u16>());
    let step = step.prop_map(|(what, jump, who, amount)| Step { what, jump, who, amount });
    proptest::collection::vec(step, lengths)
}

/// What a step comes to.
pub enum Told {
    Observed(Observation),
    Taught(SignalEvent),
}

pub struct Stream {
    /// Keeps the parties of two streams on one server apart.
    salt: u64,
    newest: Time,
    next_id: u64,
    made: Vec<Observation>,
    taken_back: Vec<Observation>,
}

impl Stream {
    pub fn new(salt: u64) -> Stream {
        Stream {
            salt,
            newest: START,
            next_id: salt << 20,
            made: Vec::new(),
            taken_back: Vec::new(),
        }
    }

    /// What the step does; nothing when it refers to what is not there.
    pub fn play(&mut self, step: &Step) -> Option<Told> {
        let nth = usize::from(step.who[0]);
        Some(match step.what {
            0..50 => {
                let o = self.observation(step);
                self.made.push(o.clone());
                Told::Observed(o)
            }
            50..58 => Told::Observed(self.recent(nth)?),
            58..78 => {
                let o = self.recent(nth).unwrap_or_else(|| self.observation(step));
                Told::Taught(SignalEvent::Purchase(o))
            }
            78..86 => {
                let o = self.recent(nth)?;
                // For good: its request is answered, so it is never attempted again.
                self.made.retain(|made| made.id != o.id);
                self.taken_back.push(o.clone());
                Told::Taught(SignalEvent::TakenBack(o))
            }
            86..88 => {
                let o = self.taken_back.last()?;
                Told::Taught(SignalEvent::TakenBack(o.clone()))
            }
            88..91 => Told::Taught(SignalEvent::Recognized(self.observation(step))),
            91..93 => Told::Taught(SignalEvent::Forgotten(self.observation(step))),
            93..96 => {
                // Once a purchase, as the service sends it.
                let o = self.observation(step);
                Told::Taught(SignalEvent::Misuse(o))
            }
            _ => Told::Taught(SignalEvent::SignIn(self.observation(step))),
        })
    }

    /// A moment: small steps, jumps to the edge of a window over an earlier event, clocks that are
    /// behind, and late ones.
    fn time(&mut self, (kind, n): (u8, u16)) -> Time {
        let time = match kind {
            0..4 => self.newest + Span::seconds(i64::from(n % 100)),
            4..7 => self.edge(usize::from(n)),
            7 => self.newest + Span::hours(i64::from(n % 50)),
            8 => self.newest - Span::micros(i64::from(n) * 76),
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
            member.map(|member| self.key(kind, member.into()))
        };
        let parties = Parties {
            account: Some(self.key(1, u64::from(account % 3))),
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
    fn recent(&self, n: usize) -> Option<Observation> {
        let recent = self.made.iter().rev().take(8).nth(n % 8)?;
        (recent.time > self.newest - LATENESS).then(|| recent.clone())
    }

    fn key(&self, kind: u8, n: u64) -> PartyKey {
        // Spread over the partitions, as hashes are.
        let mixed = (self.salt << 8 | n).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut bytes = [kind; 16];
        bytes[..8].copy_from_slice(&mixed.to_le_bytes());
        PartyKey(bytes)
    }
}
