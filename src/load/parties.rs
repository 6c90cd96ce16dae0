//! Who asks, with what and from where: accounts, shops, devices, cards, networks.

use std::net::Ipv6Addr;

use prost_types::Timestamp;

use super::mix::{Purpose, uuid};
use super::random::{Random, Zipf};
use crate::grpc::pb;

/// Some people buy more often than others. With Zipf's own 1 the first of 10,000 accounts would
/// have a tenth of all requests, and be refused for its haste.
const ACCOUNTS_EXPONENT: f64 = 0.5;
/// A few shops have much of the trade: of 1,000 the first has an eighth.
const MERCHANTS_EXPONENT: f64 = 1.0;
const MERCHANTS: u32 = 1_000;
/// Carriers and large offices are shared by many, most homes by nobody: a network to four accounts.
const NETWORKS_EXPONENT: f64 = 0.9;
const ACCOUNTS_A_NETWORK: u32 = 4;
const NETWORKS_MAX: u32 = 1 << 16;
/// An account's own: mostly the first one is used.
const OWN_EXPONENT: f64 = 2.0;
const DEVICES: u32 = 3;
const INSTRUMENTS: u32 = 2;
const OWN_NETWORKS: u32 = 2;
/// Of an account, in minor units: 10,000.00.
const CREDIT_LIMIT: i64 = 1_000_000;
/// Monthly, in minor units: 4,000.00.
const INCOME: i64 = 400_000;
/// 2024-01-01: the same in every run, so that an account is written once.
const OPENED: Timestamp = Timestamp { seconds: 1_704_067_200, nanos: 0 };
const REGIONS: [&str; 5] = ["DE-BE", "DE-BY", "DE-HH", "DE-NW", "DE-SN"];
/// Groceries, clothes, household, books, electronics (ISO 18245).
const CATEGORIES: [&str; 5] = ["5411", "5651", "5719", "5942", "5732"];

#[derive(Debug)]
pub struct Parties {
    count: u32,
    accounts: Zipf,
    merchants: Zipf,
    networks: Zipf,
    devices: Zipf,
    instruments: Zipf,
    own_networks: Zipf,
}

/// An account, and what it is used with this time.
pub struct Shopper {
    pub account_id: String,
    pub device: pb::DeviceContext,
    pub instrument: pb::Instrument,
    pub network: pb::NetworkContext,
    pub delivery: pb::Delivery,
}

impl Parties {
    pub const MARKET: &str = "DE";

    pub fn new(accounts: u32) -> Parties {
        let networks = (accounts / ACCOUNTS_A_NETWORK).clamp(1, NETWORKS_MAX);
        Parties {
            count: accounts,
            accounts: Zipf::new(accounts, ACCOUNTS_EXPONENT),
            merchants: Zipf::new(MERCHANTS, MERCHANTS_EXPONENT),
            networks: Zipf::new(networks, NETWORKS_EXPONENT),
            devices: Zipf::new(DEVICES, OWN_EXPONENT),
            instruments: Zipf::new(INSTRUMENTS, OWN_EXPONENT),
            own_networks: Zipf::new(OWN_NETWORKS, OWN_EXPONENT),
        }
    }

    pub fn euro(minor_units: i64) -> pb::Money {
        pb::Money { minor_units, currency_code: "EUR".to_owned() }
    }

    /// The owner of an account.
    pub fn shopper(&self, random: &mut Random) -> Shopper {
        let account = self.accounts.draw(random);
        let device = self.devices.draw(random);
        let instrument = self.instruments.draw(random);
        let own = self.own_networks.draw(random);
        // Which of all networks is the account's own stays the same.
        let drawn = &mut Random::new(account, own, 0);
        let place = self.networks.draw(drawn);
        let address = Ipv6Addr::new(0x2001, 0xdb8, place as u16, 0, 0, 0, 0, 1);
        let kind = match own {
            0 => pb::NetworkKind::Residential,
            _ => pb::NetworkKind::Mobile,
        };
        Shopper {
            account_id: account_id(account),
            device: self::device(format!("load-d-{account}-{device}")),
            instrument: self::instrument(format!("load-i-{account}-{instrument}")),
            network: network(address, region(account), kind),
            delivery: delivery(account),
        }
    }

    /// Somebody on another's account, who seems another person with another `guise`.
    pub fn attacker(&self, random: &mut Random, guise: u64) -> Shopper {
        let account = random.below(u64::from(self.count));
        let mut drawn = Random::new(guise, Purpose::Attack as u64, account);
        // 3fff::/20 is for documentation and not among the networks of shoppers (RFC 9637).
        let (middle, low) = (drawn.below(1 << 12) as u16, drawn.below(1 << 16) as u16);
        let address = Ipv6Addr::new(0x3fff, middle, low, 0, 0, 0, 0, 1);
        Shopper {
            account_id: account_id(account),
            device: device(format!("load-x-{guise}")),
            instrument: instrument(format!("load-y-{guise}")),
            network: network(address, region(guise), pb::NetworkKind::Residential),
            delivery: delivery(account),
        }
    }

    pub fn merchant(&self, random: &mut Random) -> pb::Merchant {
        let merchant = self.merchants.draw(random);
        pb::Merchant {
            merchant_id: format!("load-m-{merchant}"),
            category: CATEGORIES[merchant as usize % CATEGORIES.len()].to_owned(),
            country: Parties::MARKET.to_owned(),
        }
    }

    /// The message that makes an account: the same bytes under the same `request_id` in every run,
    /// so that a second run only finds it.
    pub fn account(&self, account: u64) -> pb::UpsertAccountRequest {
        let verified = || {
            let status = pb::ProfileFieldStatus::Verified.into();
            Some(pb::ProfileField { status, changed_time: None })
        };
        let account_id = account_id(account);
        let mut random = Random::new(0, Purpose::AccountId as u64, account);
        pb::UpsertAccountRequest {
            request_id: uuid(&mut random),
            account: Some(pb::Account {
                market: Parties::MARKET.to_owned(),
                currency_code: "EUR".to_owned(),
                credit_limit: Some(Parties::euro(CREDIT_LIMIT)),
                opened_time: Some(OPENED),
                email: format!("{account_id}@example.com"),
                account_id,
                profile: Some(pb::Profile {
                    name: verified(),
                    birth_date: verified(),
                    address: verified(),
                    phone: verified(),
                    email: verified(),
                }),
                of_legal_age: pb::LegalAge::Yes.into(),
                income: Some(pb::Income {
                    monthly: Some(Parties::euro(INCOME)),
                    verified: Some(true),
                    as_of: Some(OPENED),
                }),
                ..Default::default()
            }),
        }
    }
}

fn account_id(account: u64) -> String {
    format!("load-{account:07}")
}

fn region(account: u64) -> &'static str {
    REGIONS[account as usize % REGIONS.len()]
}

fn device(device_id: String) -> pb::DeviceContext {
    pb::DeviceContext {
        device_id,
        platform: "ios".to_owned(),
        app_version: "8.4.0".to_owned(),
        integrity: pb::DeviceIntegrity::Trusted.into(),
        supported: Some(true),
        ..Default::default()
    }
}

fn instrument(token: String) -> pb::Instrument {
    pb::Instrument {
        token,
        kind: pb::InstrumentKind::Card.into(),
        country: Parties::MARKET.to_owned(),
        code_check: pb::CheckResult::Match.into(),
        ..Default::default()
    }
}

fn network(address: Ipv6Addr, region: &str, kind: pb::NetworkKind) -> pb::NetworkContext {
    pb::NetworkContext {
        ip_address: address.to_string(),
        country: Parties::MARKET.to_owned(),
        region: region.to_owned(),
        kind: kind.into(),
        ..Default::default()
    }
}

fn delivery(account: u64) -> pb::Delivery {
    pb::Delivery {
        kind: pb::DeliveryKind::Home.into(),
        country: Parties::MARKET.to_owned(),
        address_hash: format!("load-h-{account}"),
        ..Default::default()
    }
}
