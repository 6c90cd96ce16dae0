//! What several benches judge: a seeded stream of purchases, and the facts of two requests.

use surety::domain::{
    Country, Currency, DeviceFacts, FieldStatus, LegalAge, NetworkFacts, NetworkKind, OrderFacts,
    Parties, PartyKey, PlanFacts, PlanKind, PlanTerms, Product, Profile, ProfileField,
    RepaymentRecord, RequestFacts, SessionFacts, Span, Standing, Time,
};
use surety::features::{Facts, StepUpFacts};
use surety::playbook::{Playbook, SHIPPED};
use surety::signals::{EmbeddedConfig, EmbeddedStore, Observation, SignalEvent};

/// The moment about which all requests are made.
pub const NOW: Time = Time::from_seconds(1_800_000_000);

pub fn playbook() -> Playbook {
    Playbook::parse(&SHIPPED).unwrap()
}

pub fn euro() -> Currency {
    Currency::parse("EUR").unwrap()
}

pub fn germany() -> Country {
    Country::parse("DE").unwrap()
}

/// SplitMix64: small, seeded, and good enough to draw purchases.
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 to 1.
    pub fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Below `bound`, each as likely.
    pub fn below(&mut self, bound: u64) -> u64 {
        (self.part() * bound as f64) as u64
    }

    /// Below `bound`; the chance falls with one over the rank, as Zipf has it.
    pub fn zipf(&mut self, bound: u64) -> u64 {
        (((bound as f64).ln() * self.part()).exp() as u64 - 1).min(bound - 1)
    }
}

/// A key as a keyed hash would be.
pub fn party(kind: u64, number: u64) -> PartyKey {
    let mut draw = Draw(kind << 48 ^ number);
    let bytes = [draw.next().to_le_bytes(), draw.next().to_le_bytes()].concat();
    PartyKey(bytes.try_into().unwrap())
}

/// A stream of purchases that goes on for ever.
pub struct Stream {
    draw: Draw,
    accounts: u64,
    merchants: u64,
    number: u64,
    time: Time,
    /// With device, network and instrument too.
    pub all_parties: bool,
}

impl Stream {
    /// Each account buys twice a day.
    pub fn new(accounts: u64, merchants: u64) -> Stream {
        Stream { draw: Draw(7), accounts, merchants, number: 0, time: NOW, all_parties: false }
    }

    pub fn next(&mut self) -> Observation {
        self.number += 1;
        let step = 43_200_000_000 / self.accounts as i64;
        self.time = Time::from_micros(self.time.as_micros() + step);
        let account = self.draw.below(self.accounts);
        let merchant = self.draw.zipf(self.merchants);
        let mut parties = Parties {
            account: Some(party(1, account)),
            merchant: Some(party(2, merchant)),
            ..Parties::default()
        };
        if self.all_parties {
            parties.device = Some(party(3, account));
            parties.network = Some(party(4, account / 16));
            parties.instrument = Some(party(5, account));
        }
        Observation {
            id: self.number,
            time: self.time,
            parties,
            amount: 500 + self.draw.zipf(20_000) as i64,
            hour: Some((self.time.as_seconds() / 3_600 % 24) as u8),
            ..Observation::default()
        }
    }
}

/// A customer of two years, at home, on the own phone, buying for 49.00: approved.
pub fn clean() -> Facts {
    facts(4_900, Standing { credit_limit: Some(100_000), ..standing() }, 1)
}

/// The same account in arrears, over its limit, out of its habits, from a fourth network within
/// minutes: refused, for many reasons.
pub fn troubled() -> Facts {
    let plans = PlanFacts { days_overdue: 40, late_180d: 5, late_365d: 6, ..standing().plans };
    let standing = Standing {
        credit_limit: Some(60_000),
        outstanding: 50_000,
        plans,
        repayment: Some(RepaymentRecord {
            balance: [50_000; 6],
            payable: [50_000; 6],
            paid: [500; 6],
            months_late: [2, 2, 1, 1, 0, 0].map(Some),
        }),
        orders: OrderFacts { placed_60m: 5, placed_24h: 8, ..OrderFacts::default() },
        ..standing()
    };
    facts(90_000, standing, 4)
}

fn facts(amount: i64, standing: Standing, networks: u64) -> Facts {
    let store = EmbeddedStore::new(EmbeddedConfig::default());
    let parties = |network: u64| Parties {
        account: Some(party(1, 1)),
        device: Some(party(3, networks)),
        network: Some(party(4, network)),
        merchant: Some(party(2, 1)),
        region: Some(party(6, networks)),
        ..Parties::default()
    };
    let mut observation = Observation { hour: Some(12), ..Observation::default() };
    for day in 1..=60 {
        observation.id += 1;
        observation.time = NOW - Span::days(61 - day);
        observation.amount = 2_000 + 100 * (day % 40);
        observation.parties = Parties { device: Some(party(3, 1)), ..parties(1) };
        observation.parties.region = Some(party(6, 1));
        store.apply(&SignalEvent::Purchase(observation.clone()));
    }
    observation.amount = amount;
    for network in 1..networks {
        observation.id += 1;
        observation.time = NOW - Span::minutes(5);
        observation.parties = parties(network);
        store.observe(&observation);
    }
    observation.id += 1;
    observation.time = NOW;
    observation.parties = parties(networks);
    let readings = store.observe(&observation);
    Facts {
        request: request(amount),
        readings,
        standing,
        step_up: StepUpFacts::default(),
        review: None,
    }
}

fn request(amount: i64) -> RequestFacts {
    let country = Some(germany());
    RequestFacts {
        time: NOW,
        product: Product::Purchase,
        guest: false,
        guest_details_match: None,
        market: germany(),
        currency: euro(),
        amount,
        plan: PlanTerms { kind: PlanKind::PayLater30, count: 1, interval_days: 30, upfront: 0 },
        card: None,
        merchant_category: None,
        merchant_country: country,
        order_reference_given: true,
        basket: None,
        instrument: None,
        delivery: None,
        device: Some(DeviceFacts { integrity: None, supported: Some(true) }),
        network: Some(NetworkFacts { kind: Some(NetworkKind::Residential), country }),
        session: SessionFacts::default(),
        credit_request_kind: None,
        channel: None,
        hour: Some(12),
        weekday: Some(3),
    }
}

fn standing() -> Standing {
    let verified = Some(ProfileField { status: FieldStatus::Verified, changed: None });
    Standing {
        known: true,
        market: Some(germany()),
        currency: Some(euro()),
        opened: Some(NOW - Span::days(730)),
        profile: Profile {
            name: verified,
            birth_date: verified,
            address: verified,
            phone: verified,
            email: verified,
        },
        of_legal_age: Some(LegalAge::Yes),
        income_monthly: Some(300_000),
        income_verified: Some(true),
        commitments_monthly: Some(50_000),
        plans: PlanFacts { repaid: 12, ..PlanFacts::default() },
        repayment: Some(RepaymentRecord {
            balance: [3_000; 6],
            payable: [3_000; 6],
            paid: [3_000; 6],
            months_late: [Some(0); 6],
        }),
        ..Standing::unknown()
    }
}
