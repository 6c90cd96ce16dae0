//! Accounts of a replay: made at their first row, complete and verified; what they owe and repaid.

use std::collections::{HashMap, VecDeque};

use super::Options;
use super::rows::Row;
use crate::domain::{
    Currency, FieldStatus, LegalAge, OrderFacts, Parties, PartyHasher, PartyKey, PlanFacts,
    Profile, ProfileField, Span, Standing, Time, network_fold,
};
use crate::policy::Market;
use crate::signals::{Observation, SignalEvent, SpendingPrior};

/// How far back orders count.
const ORDERS_KEPT: Span = Span::hours(24);
const DUPLICATE_WITHIN: Span = Span::minutes(10);

/// An order as later rows of its account see it.
struct Order {
    time: Time,
    amount: i64,
    merchant: PartyKey,
}

struct Account {
    key: PartyKey,
    opened: Time,
    outstanding: i64,
    open: i64,
    repaid: i64,
    orders: VecDeque<Order>,
}

/// A label that is not known yet.
struct Label {
    known_at: Time,
    account: String,
    misused: bool,
    observation: Observation,
}

pub(super) struct Accounts {
    hasher: PartyHasher,
    limit: Option<i64>,
    label_delay: Span,
    accounts: HashMap<String, Account>,
    merchants: HashMap<String, PartyKey>,
    /// In order of time, since the rows are.
    labels: VecDeque<Label>,
}

impl Accounts {
    pub fn new(hasher: PartyHasher, limit: Option<i64>, label_delay: Span) -> Accounts {
        Accounts {
            hasher,
            limit,
            label_delay,
            accounts: HashMap::new(),
            merchants: HashMap::new(),
            labels: VecDeque::new(),
        }
    }

    /// Labels that have become known by `now`: repaid ones free what was owed, misused ones are
    /// told to the signals.
    pub fn labels_due(&mut self, now: Time) -> Vec<SignalEvent> {
        let mut misused = Vec::new();
        while let Some(label) = self.labels.pop_front_if(|label| label.known_at <= now) {
            let account = self.accounts.get_mut(&label.account);
            match (label.misused, account) {
                (true, _) => misused.push(SignalEvent::Misuse(label.observation)),
                (false, Some(account)) => {
                    account.repaid += 1;
                    if self.limit.is_some() {
                        account.outstanding -= label.observation.amount;
                        account.open -= 1;
                    }
                }
                (false, None) => {}
            }
        }
        misused
    }

    fn account(&mut self, row: &Row) -> &mut Account {
        let hasher = &self.hasher;
        self.accounts.entry(row.account.clone()).or_insert_with(|| Account {
            key: hasher.key("account", &row.account),
            opened: row.time,
            outstanding: 0,
            open: 0,
            repaid: 0,
            orders: VecDeque::new(),
        })
    }

    fn merchant(&mut self, name: &str) -> PartyKey {
        match self.merchants.get(name) {
            Some(key) => *key,
            None => {
                let key = self.hasher.key("merchant", name);
                self.merchants.insert(name.to_owned(), key);
                key
            }
        }
    }

    pub fn observation(
        &mut self,
        row: &Row,
        (currency, market, local): (Currency, Option<&Market>, Option<(u8, u8)>),
    ) -> Observation {
        let account = self.account(row).key;
        let merchant = (!row.merchant.is_empty()).then(|| self.merchant(&row.merchant));
        let prior = market.map(|market| market.spending);
        Observation {
            id: row.number,
            time: row.time,
            parties: Parties {
                account: Some(account),
                merchant,
                device: row.device.as_ref().map(|device| self.hasher.key("device", device)),
                network: row.ip.map(|ip| self.hasher.key("network", &network_fold(ip, None, None))),
                ..Parties::default()
            },
            amount: row.amount,
            category: row.category,
            hour: local.map(|(hour, _)| hour),
            position: None,
            prior: prior.map_or_else(SpendingPrior::default, |prior| SpendingPrior {
                log_mean: prior.log_amount_mean,
                log_sd: prior.log_amount_sd,
                weight: prior.weight,
            }),
            exponent: u8::try_from(currency.exponent()).unwrap_or(2),
        }
    }

    /// The standing before this row.
    pub fn standing(&mut self, row: &Row, options: &Options) -> Standing {
        let limit = self.limit;
        let merchant = self.merchant(&row.merchant);
        let account = self.account(row);
        while account.orders.pop_front_if(|order| order.time <= row.time - ORDERS_KEPT).is_some() {}
        let placed_60m = account.orders.iter().filter(|o| row.time - o.time < Span::hours(1));
        let duplicate = account.orders.iter().any(|order| {
            order.merchant == merchant
                && order.amount == row.amount
                && row.time - order.time <= DUPLICATE_WITHIN
        });
        let verified = Some(ProfileField { status: FieldStatus::Verified, changed: None });
        Standing {
            known: true,
            market: Some(options.market),
            currency: Some(options.currency),
            credit_limit: limit,
            outstanding: account.outstanding,
            opened: Some(account.opened),
            profile: Profile {
                name: verified,
                birth_date: verified,
                address: verified,
                phone: verified,
                email: verified,
            },
            of_legal_age: Some(LegalAge::Yes),
            plans: PlanFacts { open: account.open, repaid: account.repaid, ..PlanFacts::default() },
            orders: OrderFacts {
                placed_60m: placed_60m.count() as i64,
                placed_24h: account.orders.len() as i64,
                amount_24h: account.orders.iter().map(|order| order.amount).sum(),
                duplicate,
                ..OrderFacts::default()
            },
            ..Standing::unknown()
        }
    }

    /// The row became a purchase; its label will be known later.
    pub fn purchased(&mut self, row: &Row, observation: Observation) {
        let merchant = self.merchant(&row.merchant);
        // Without a limit nothing is owed: the rows are purchases, and no plans with us.
        let owed = self.limit.is_some();
        let account = self.account(row);
        account.orders.push_back(Order { time: row.time, amount: row.amount, merchant });
        if let Some(misused) = row.misused {
            if owed {
                account.outstanding += row.amount;
                account.open += 1;
            }
            self.labels.push_back(Label {
                known_at: row.time + self.label_delay,
                account: row.account.clone(),
                misused,
                observation,
            });
        }
    }
}
