//! A customer who buys again and again, and what the store says of the attempts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use surety::domain::{Parties, PartyHasher, Time};
use surety::grpc::pb::{Decision, DecisionOutcome, ReasonCode};
use surety::signals::redis::{Options, RedisStore, Server};
use surety::signals::{Observation, Reading};
use tokio::time::timeout;
use uuid::Uuid;

use crate::client::{Ask, Client};
use crate::differential::belong;
use crate::sample;
use crate::servers::{wait_for, wait_for_every};
use crate::service::{Service, Site};

/// Many times what an answer takes, and a fraction of what a store that is away would keep it.
const PROMPT: Duration = Duration::from_secs(5);
/// Never used up by a test.
const LIMIT: i64 = 1_000_000_000;
/// Between tries while the store is away. Accounts keep their newest 160 attempts: to be counted
/// exactly, a test makes fewer.
const NOW_AND_THEN: Duration = Duration::from_millis(200);
/// For reading past what a test does to the service.
const PATIENT: Duration = Duration::from_secs(5);

/// The owner of one account, on one device.
pub struct Shopper {
    client: Client,
    pub account: String,
    /// Attempts so far.
    pub made: i64,
    /// Each purchase costs a penny more than the one before: the same again is a duplicate.
    pub cheapest: i64,
}

/// Reads the store past the service.
pub struct Counter {
    store: RedisStore,
    hasher: PartyHasher,
}

/// Attempts in the last hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    pub account: i64,
    pub device: i64,
    pub merchant: i64,
}

impl Attempts {
    /// Of one account, which always buys on its own device and from the same merchant.
    pub fn all(count: i64) -> Attempts {
        Attempts { account: count, device: count, merchant: count }
    }
}

impl Shopper {
    /// Known to the service's ledger from now on.
    pub async fn of(service: &Service, account: &str) -> Shopper {
        let mut client = Client::connect(&service.address).await.unwrap();
        client.upsert(sample::account(account, LIMIT)).await;
        Shopper {
            client: client.as_auditor(),
            account: account.to_owned(),
            made: 0,
            cheapest: 1_000,
        }
    }

    /// The next attempt, which can be asked again.
    pub fn next(&mut self) -> Ask {
        self.made += 1;
        let context = sample::purchase(&self.account, self.cheapest + self.made);
        Ask::buy(Uuid::now_v7().to_string(), context)
    }

    /// Whatever befell the store, there is an answer, and soon.
    pub async fn ask(&self, ask: &Ask) -> Decision {
        let mut client = self.client.clone();
        let asked = timeout(PROMPT, client.ask(ask)).await;
        asked.expect("the answer waits for the store").expect("an answer and no error")
    }

    pub async fn buy(&mut self) -> Decision {
        let ask = self.next();
        self.ask(&ask).await
    }

    pub fn next_often(&mut self, times: usize) -> Vec<Ask> {
        (0..times).map(|_| self.next()).collect()
    }

    /// All at once.
    pub async fn ask_all(&self, asks: &[Ask]) -> Vec<Decision> {
        futures_util::future::join_all(asks.iter().map(|ask| self.ask(ask))).await
    }

    /// All at once.
    pub async fn buy_often(&mut self, times: usize) -> Vec<Decision> {
        let asks = self.next_often(times);
        self.ask_all(&asks).await
    }

    /// Buys until a decision is made in full again.
    pub async fn buy_until_full(&mut self) {
        let decision = wait_for_every(NOW_AND_THEN, "a full decision", async || {
            let decision = self.buy().await;
            (!decision.degraded).then_some(decision)
        });
        is_full(&decision.await);
    }

    /// What the account holds of its limit.
    pub async fn held(&self) -> i64 {
        self.client.clone().held(&self.account).await
    }
}

/// With all readings; nothing speaks against the purchase.
pub fn is_full(decision: &Decision) {
    assert!(!decision.degraded, "{decision:?}");
    assert_eq!(decision.outcome(), DecisionOutcome::Approved, "{decision:?}");
}

/// Without readings, so a person looks.
pub fn is_blind(decision: &Decision) {
    assert!(decision.degraded, "{decision:?}");
    assert_eq!(decision.outcome(), DecisionOutcome::ManualReview, "{decision:?}");
    let told = |reason: ReasonCode| decision.reasons.iter().any(|told| told.code() == reason);
    assert!(told(ReasonCode::DataSourceUnavailable), "{decision:?}");
    assert_eq!(decision.missing_sources, ["signals"], "{decision:?}");
}

/// When nobody knows what the store could tell.
pub fn is_blind_or_full(decision: &Decision) {
    if decision.degraded { is_blind(decision) } else { is_full(decision) }
}

impl Counter {
    pub async fn new(site: &Site, url: &str) -> Counter {
        let options = Options { budget: PATIENT, ..Options::default() };
        let hasher = site.hasher();
        let server = Server::parse(url).unwrap();
        let store = RedisStore::new(server, options, &hasher.key_id()).unwrap();
        belong(&store).await;
        Counter { store, hasher }
    }

    /// `None` when the store cannot tell.
    pub async fn attempts(&self, account: &str) -> Option<Attempts> {
        Some(Attempts {
            account: self.before(account, "account_attempts_1h").await?,
            device: self.before(account, "device_attempts_1h").await?,
            merchant: self.before(account, "merchant_attempts_1h").await?,
        })
    }

    /// Of the account in the last day; `None` when the store cannot tell.
    pub async fn purchases(&self, account: &str) -> Option<i64> {
        self.before(account, "account_purchases_1d").await
    }

    /// A count, without the request that asks for it.
    async fn before(&self, account: &str, signal: &str) -> Option<i64> {
        let key = |kind: &str, name: &str| Some(self.hasher.key(kind, name));
        let parties = Parties {
            account: key("account", account),
            device: key("device", &format!("{account}-phone")),
            merchant: key("merchant", sample::MERCHANT),
            ..Parties::default()
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let time = Time::from_micros(i64::try_from(now.as_micros()).unwrap());
        let (id, _) = Uuid::now_v7().as_u64_pair();
        let asked = Observation { id, time, parties, ..Observation::default() };
        let readings = self.store.read(&asked).await;
        match readings.by_name(signal) {
            Some(Reading::Int(count)) => Some(count - 1),
            _ => None,
        }
    }

    /// Waits until as many are counted; more than that is a failure.
    pub async fn gets_to(&self, account: &str, expected: Attempts) {
        let counted = wait_for("all attempts in the store", async || {
            let counted = self.attempts(account).await?;
            (counted.account >= expected.account
                && counted.device >= expected.device
                && counted.merchant >= expected.merchant)
                .then_some(counted)
        });
        assert_eq!(counted.await, expected);
    }
}
