//! A lender's past: a whole service in this process, lived through by a clock that the test moves.

use std::path::PathBuf;

use prost_types::Timestamp;
use surety::app::{App, Config, Entrance, PlaybookFiles, Signals};
use surety::domain::{Span, Time};
use surety::grpc::pb;
use surety::grpc::pb::account_event::Kind;
use surety::grpc::pb::account_service_client::AccountServiceClient;
use surety::ledger::Place;
use surety::service::Clock;
use surety::signals::EmbeddedConfig;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::client::{Ask, Client};
use crate::sample::{self, MERCHANT, pounds};
use crate::server::Folder;

/// 2026-01-05, 10:00 UTC.
pub const START: Time = Time::from_seconds(1_767_607_200);

/// A running service and what its callers do to it.
pub struct Past {
    folder: Folder,
    clock: Clock,
    client: Client,
    accounts: AccountServiceClient<Channel>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<anyhow::Result<()>>,
}

fn new_id() -> String {
    Uuid::now_v7().to_string()
}

pub fn stamp(time: Time) -> Timestamp {
    let nanos = time.as_micros().rem_euclid(1_000_000) * 1_000;
    Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap() }
}

/// The word of a confirmed misuse by the account's owner.
pub fn misuse(decision: &pb::Decision) -> Kind {
    Kind::ConfirmedMisuse(pb::ConfirmedMisuseEvent {
        decision_id: decision.decision_id.clone(),
        scope: pb::MisuseScope::Account.into(),
    })
}

/// A repayment in full of the plan of a purchase, by what was due when it was paid.
pub fn repaid(decision: &pb::Decision, due: Time) -> Kind {
    Kind::Repayment(pb::RepaymentEvent {
        plan_id: decision.decision_id.clone(),
        amount: decision.approved_amount.clone(),
        due_time: Some(stamp(due)),
        paid_time: None,
    })
}

impl Past {
    pub async fn begin() -> Past {
        let (folder, clock) = (Folder::new(), Clock::manual(START));
        let config = Config {
            grpc_listen: ([127, 0, 0, 1], 0).into(),
            entrance: Entrance::default(),
            http_listen: None,
            data: folder.data(),
            ledger: Place::file(&folder.data().join("ledger.sqlite")),
            playbook: PlaybookFiles::default(),
            signals: Signals::Embedded(EmbeddedConfig::default()),
            party_key: None,
            step_up_key: None,
            clock: clock.clone(),
            snapshot_every: None,
            retention: None,
        };
        let app = App::open(&config).await.unwrap();
        let address = app.address().unwrap().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(app.serve(async move {
            let _asked = stopped.await;
        }));
        let client = Client::connect(&address).await.unwrap();
        let accounts = AccountServiceClient::connect(format!("http://{address}")).await.unwrap();
        Past { folder, clock, client, accounts, stop, serving }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    pub fn ledger(&self) -> PathBuf {
        self.folder.data().join("ledger.sqlite")
    }

    /// Moves the clock forward.
    pub fn advance_to(&self, time: Time) {
        assert!(time >= self.clock.now(), "the clock goes forward");
        self.clock.advance(time - self.clock.now());
    }

    /// Tells the lender's word on an account with that limit, for a year.
    pub async fn account(&mut self, name: &str, limit: i64) {
        let opened_time = Some(stamp(START - Span::days(400)));
        self.client.upsert(pb::Account { opened_time, ..sample::account(name, limit) }).await;
    }

    /// Buys on credit for 30 days and captures it, now.
    pub async fn bought(&mut self, account: &str, amount: i64) -> pb::Decision {
        let approved = self.approved(sample::purchase(account, amount)).await;
        self.confirm(&approved, amount).await;
        approved
    }

    pub async fn approved(&mut self, context: pb::PurchaseContext) -> pb::Decision {
        let ask = Ask::buy(new_id(), context);
        let decision = self.client.ask(&ask).await.unwrap();
        assert_eq!(decision.outcome(), pb::DecisionOutcome::Approved, "{decision:?}");
        decision
    }

    pub async fn confirm(&mut self, approved: &pb::Decision, amount: i64) {
        let confirm = pb::ConfirmPurchaseRequest {
            request_id: new_id(),
            decision_id: approved.decision_id.clone(),
            merchant_id: MERCHANT.to_owned(),
            captured_amount: Some(pounds(amount)),
            merchant_order_reference: String::new(),
        };
        self.client.ask(&Ask::Confirm(confirm)).await.unwrap();
    }

    /// Tells what happened to an account, now.
    pub async fn tell(&mut self, account: &str, (time, kind): (Time, Kind)) {
        let event = pb::AccountEvent {
            event_id: new_id(),
            account_id: account.to_owned(),
            event_time: Some(stamp(time)),
            kind: Some(kind),
        };
        let told = pb::RecordAccountEventsRequest { request_id: new_id(), events: vec![event] };
        let mut request = Request::new(told);
        request.metadata_mut().insert("surety-role", MetadataValue::from_static("ledger"));
        let answer = self.accounts.record_account_events(request).await.unwrap().into_inner();
        assert_eq!(answer.results[0].status(), pb::AccountEventStatus::Applied, "{answer:?}");
    }

    /// Stops in order.
    pub async fn end(self) {
        let Past { client, accounts, stop, serving, folder, .. } = self;
        drop((client, accounts));
        stop.send(()).unwrap();
        serving.await.unwrap().unwrap();
        drop(folder);
    }
}
