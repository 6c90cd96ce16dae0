//! The whole assessment over gRPC on loopback, against a call that does nothing.
//!
//! Absolute figures say how fast the machine is; the ratio says what an assessment costs beyond the
//! call itself. Both are measured in turns, so that what else the machine does hits both.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use prost_types::Timestamp;
use surety::app::DRAIN;
use surety::domain::PARTY_SECRET_LEN;
use surety::grpc::{self, Door, Limits, pb};
use surety::ledger::{Ledger, Place};
use surety::service::{Clock, Service, Settings};
use surety::signals::{EmbeddedConfig, EmbeddedStore, SignalStore};
use tokio::runtime::Runtime;
use tonic::Request;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use uuid::Uuid;

use pb::account_service_client::AccountServiceClient;
use pb::risk_decision_service_client::RiskDecisionServiceClient;

use super::{Call, sample};

const CLIENTS: usize = 64;

/// How much is measured: rounds, and calls of each kind that a client makes in one.
struct Size {
    rounds: usize,
    calls: u64,
}

const WHOLE: Size = Size { rounds: 9, calls: 40 };
const SMALL: Size = Size { rounds: 1, calls: 1 };

impl Size {
    /// Each buys at most four times, so that no velocity rule holds it.
    fn accounts(&self) -> u64 {
        let purchases = self.rounds as u64 * self.calls * CLIENTS as u64;
        purchases.div_ceil(4).next_multiple_of(CLIENTS as u64)
    }
}

pub fn define(call: &Call) {
    if !call.wants("assess") {
        return;
    }
    let size = if call.small { SMALL } else { WHOLE };
    Runtime::new().unwrap().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let bench = Arc::new(Bench::start(folder.path(), &size).await);
        let mut rounds = Vec::new();
        for _ in 0..size.rounds {
            let floor = bench.rate(Kind::Floor, size.calls).await;
            let assess = bench.rate(Kind::Assess, size.calls).await;
            rounds.push((floor, assess));
        }
        if !call.small {
            let floor = median(rounds.iter().map(|round| round.0));
            let assess = median(rounds.iter().map(|round| round.1));
            let ratio = median(rounds.iter().map(|(floor, assess)| assess / floor));
            println!(
                "assess: {CLIENTS} clients, no-op {floor:.0}/s, assessments {assess:.0}/s, \
                 ratio {ratio:.2} (median of {} rounds)",
                size.rounds
            );
        }
    });
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[derive(Clone, Copy)]
enum Kind {
    /// A health check: the same server, nothing behind it.
    Floor,
    Assess,
}

struct Bench {
    channels: Vec<Channel>,
    accounts: u64,
    next: AtomicU64,
}

impl Bench {
    /// A service on an empty ledger, with every account known and a client connected each.
    async fn start(folder: &std::path::Path, size: &Size) -> Bench {
        let settings = Settings {
            ledger: Ledger::open(&Place::file(&folder.join("ledger.sqlite"))).await.unwrap(),
            playbook: Arc::new(sample::playbook()),
            signals: SignalStore::Embedded(EmbeddedStore::new(EmbeddedConfig::default())),
            snapshot: None,
            party_secret: [7; PARTY_SECRET_LEN],
            step_up_secret: vec![7; 32],
            clock: Clock::system(),
        };
        let service = Service::start(settings).await.unwrap();
        let door = Door::bind("127.0.0.1:0".parse().unwrap(), None, 1_000).await.unwrap();
        let url = format!("http://{}", door.address().unwrap());
        tokio::spawn(grpc::serve(service, door, Limits::default(), std::future::pending(), DRAIN));
        let mut channels = Vec::new();
        for _ in 0..CLIENTS {
            channels.push(Channel::from_shared(url.clone()).unwrap().connect().await.unwrap());
        }
        let bench = Bench { channels, accounts: size.accounts(), next: AtomicU64::new(0) };
        bench.make_accounts().await;
        bench
    }

    async fn make_accounts(&self) {
        let per_client = self.accounts / CLIENTS as u64;
        let tasks = (0..).zip(&self.channels).map(|(client, channel)| {
            let mut accounts = AccountServiceClient::new(channel.clone());
            tokio::spawn(async move {
                for number in client * per_client..(client + 1) * per_client {
                    let account = Some(account(number));
                    let request_id = Uuid::now_v7().to_string();
                    let message = pb::UpsertAccountRequest { request_id, account };
                    let mut request = Request::new(message);
                    request.metadata_mut().insert("surety-role", "ledger".parse().unwrap());
                    accounts.upsert_account(request).await.unwrap();
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    }

    /// Calls a second when every client makes so many, one after the other.
    async fn rate(self: &Arc<Bench>, kind: Kind, calls: u64) -> f64 {
        let begun = Instant::now();
        let clients = self.channels.iter().map(|channel| {
            let (bench, channel) = (Arc::clone(self), channel.clone());
            tokio::spawn(async move {
                match kind {
                    Kind::Floor => floor(channel, calls).await,
                    Kind::Assess => bench.assess(channel, calls).await,
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
        (calls * CLIENTS as u64) as f64 / begun.elapsed().as_secs_f64()
    }

    async fn assess(&self, channel: Channel, calls: u64) {
        let mut client = RiskDecisionServiceClient::new(channel);
        for _ in 0..calls {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let request = purchase(number % self.accounts, number / self.accounts);
            let answer = client.evaluate_purchase(request).await.unwrap().into_inner();
            let decision = answer.decision.unwrap();
            assert_eq!(decision.outcome(), pb::DecisionOutcome::Approved, "{decision:?}");
        }
    }
}

async fn floor(channel: Channel, calls: u64) {
    let mut client = HealthClient::new(channel);
    for _ in 0..calls {
        let request = HealthCheckRequest { service: String::new() };
        let answer = client.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status, 1);
    }
}

fn money(minor_units: i64) -> Option<pb::Money> {
    Some(pb::Money { minor_units, currency_code: "EUR".to_owned() })
}

fn account(number: u64) -> pb::Account {
    let verified = || {
        let status = pb::ProfileFieldStatus::Verified.into();
        Some(pb::ProfileField { status, changed_time: None })
    };
    pb::Account {
        account_id: format!("account-{number}"),
        market: "DE".to_owned(),
        currency_code: "EUR".to_owned(),
        credit_limit: money(1_000_000),
        opened_time: Some(Timestamp { seconds: 1_600_000_000, nanos: 0 }),
        profile: Some(pb::Profile {
            name: verified(),
            birth_date: verified(),
            address: verified(),
            phone: verified(),
            email: verified(),
        }),
        of_legal_age: pb::LegalAge::Yes.into(),
        ..pb::Account::default()
    }
}

/// A request as a checkout sends it: shop, plan, device and network; a little dearer each time, so
/// that it is no duplicate.
fn purchase(account: u64, earlier: u64) -> pb::EvaluatePurchaseRequest {
    let context = pb::PurchaseContext {
        account_id: format!("account-{account}"),
        merchant: Some(pb::Merchant {
            merchant_id: format!("m-{}", account % 100),
            category: "5732".to_owned(),
            country: "DE".to_owned(),
        }),
        merchant_order_reference: format!("SO-{account}"),
        amount: money(2_500 + earlier as i64),
        plan: Some(pb::PaymentPlan {
            kind: pb::PlanKind::PayLater30.into(),
            ..pb::PaymentPlan::default()
        }),
        device: Some(pb::DeviceContext {
            device_id: format!("phone-{account}"),
            platform: "ios".to_owned(),
            integrity: pb::DeviceIntegrity::Trusted.into(),
            supported: Some(true),
            ..pb::DeviceContext::default()
        }),
        network: Some(pb::NetworkContext {
            ip_address: format!("2a00:{account:x}::1"),
            country: "DE".to_owned(),
            region: "DE-BE".to_owned(),
            kind: pb::NetworkKind::Residential.into(),
            ..pb::NetworkContext::default()
        }),
        market: "DE".to_owned(),
        locale: "de-DE".to_owned(),
        ..pb::PurchaseContext::default()
    };
    pb::EvaluatePurchaseRequest { request_id: Uuid::now_v7().to_string(), context: Some(context) }
}
