//! The service under test: started whole on a folder of its own, with a clock that tests move.

mod data;
#[path = "../../servers/http.rs"]
mod http;
mod issuer;
mod lender;
mod read;
mod reviewer;
mod shop;
mod staff;

pub use data::*;
pub use issuer::*;
pub use lender::*;
pub use read::*;
pub use reviewer::*;
pub use shop::*;

use std::path::PathBuf;

use surety::app::{App, Config, Entrance, PlaybookFiles, SNAPSHOT_EVERY, Signals};
use surety::domain::{Span, Time};
use surety::grpc::pb::account_service_client::AccountServiceClient;
use surety::grpc::pb::one_time_card_service_client::OneTimeCardServiceClient;
use surety::grpc::pb::review_service_client::ReviewServiceClient;
use surety::grpc::pb::risk_decision_service_client::RiskDecisionServiceClient;
use surety::grpc::pb::support_service_client::SupportServiceClient;
use surety::ledger::{Ledger, Place};
use surety::playbook::SHIPPED_POLICY;
use surety::service::Clock;
use surety::signals::EmbeddedConfig;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Request;
use tonic::transport::Channel;

/// Where every clock begins: a Wednesday, 18:00 in Berlin.
pub const START: Time = Time::from_seconds(1_795_021_200);

/// A running service and its clients. Dropping it stops the service in good order and checks that
/// its ledger adds up.
pub struct TestApp {
    runtime: Runtime,
    folder: TempDir,
    clock: Clock,
    policy: Option<PathBuf>,
    running: Option<Running>,
}

struct Running {
    url: String,
    http: String,
    decisions: RiskDecisionServiceClient<Channel>,
    accounts: AccountServiceClient<Channel>,
    cards: OneTimeCardServiceClient<Channel>,
    reviews: ReviewServiceClient<Channel>,
    support: SupportServiceClient<Channel>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl TestApp {
    /// The service as it is shipped.
    pub fn start() -> TestApp {
        let mut app = TestApp::stopped();
        app.resume();
        app
    }

    /// The service with another policy than the shipped one.
    pub fn with_policy(text: &str) -> TestApp {
        let mut app = TestApp::stopped();
        app.set_policy(text);
        app.resume();
        app
    }

    fn stopped() -> TestApp {
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(2).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        TestApp { runtime, folder, clock: Clock::manual(START), policy: None, running: None }
    }

    /// Takes effect at the next start.
    pub fn set_policy(&mut self, text: &str) {
        let path = self.folder.path().join("policy.toml");
        std::fs::write(&path, text).unwrap();
        self.policy = Some(path);
    }

    /// Starts on what the folder holds, with the time as it stands.
    pub fn resume(&mut self) {
        let config = Config {
            grpc_listen: ([127, 0, 0, 1], 0).into(),
            entrance: Entrance::default(),
            http_listen: Some(([127, 0, 0, 1], 0).into()),
            data: self.folder.path().to_owned(),
            ledger: Place::file(&self.ledger_file()),
            playbook: PlaybookFiles { policy: self.policy.clone(), ..PlaybookFiles::default() },
            signals: Signals::Embedded(EmbeddedConfig::default()),
            party_key: None,
            step_up_key: None,
            clock: self.clock.clone(),
            snapshot_every: Some(SNAPSHOT_EVERY),
            retention: None,
        };
        let running = self.runtime.block_on(async {
            let app = App::open(&config).await.unwrap();
            let url = format!("http://{}", app.address().unwrap());
            let http = app.http_address().unwrap().to_string();
            let (stop, stopped) = oneshot::channel::<()>();
            let serving = tokio::spawn(app.serve(async move {
                let _asked = stopped.await;
            }));
            Running {
                url: url.clone(),
                http,
                decisions: RiskDecisionServiceClient::connect(url.clone()).await.unwrap(),
                accounts: AccountServiceClient::connect(url.clone()).await.unwrap(),
                cards: OneTimeCardServiceClient::connect(url.clone()).await.unwrap(),
                reviews: ReviewServiceClient::connect(url.clone()).await.unwrap(),
                support: SupportServiceClient::connect(url).await.unwrap(),
                stop,
                serving,
            }
        });
        self.running = Some(running);
    }

    /// Stops in good order; gives what the ledger's own check finds wrong.
    pub fn stop(&mut self) -> Vec<String> {
        let Some(Running { decisions, accounts, cards, reviews, support, stop, serving, .. }) =
            self.running.take()
        else {
            return Vec::new();
        };
        // Open connections would hold the drain.
        drop((decisions, accounts, cards, reviews, support));
        let _ = stop.send(());
        self.runtime.block_on(async {
            serving.await.unwrap().unwrap();
            let ledger = Ledger::open(&Place::file(&self.ledger_file())).await.unwrap();
            let report = ledger.check(self.clock.now()).await.unwrap();
            ledger.close().await;
            report.findings
        })
    }

    /// Stops and starts again.
    pub fn restart(&mut self) {
        assert_eq!(self.stop(), Vec::<String>::new());
        self.resume();
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    pub fn advance(&self, by: Span) {
        self.clock.advance(by);
    }

    /// Moves the clock forward to `time`.
    pub fn advance_to(&self, time: Time) {
        assert!(time >= self.now(), "the clock of a test goes forward");
        self.advance(time - self.now());
    }

    pub fn ledger_file(&self) -> PathBuf {
        self.folder.path().join("ledger.sqlite")
    }

    pub fn step_up_key(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("step-up.key")).unwrap()
    }

    pub fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// A page of the HTTP port, which has to be there.
    pub fn page(&self, path: &str) -> String {
        let address = &self.running.as_ref().expect("the service runs").http;
        let (status, text) = http::get(address, path);
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    /// A connection of its own.
    pub async fn channel(&self) -> Channel {
        let url = self.running.as_ref().expect("the service runs").url.clone();
        Channel::from_shared(url).unwrap().connect().await.unwrap()
    }

    /// A call with the client as it is.
    pub fn raw<T, F: Future<Output = T>>(
        &self,
        call: impl FnOnce(RiskDecisionServiceClient<Channel>) -> F,
    ) -> T {
        self.block_on(call(self.decisions()))
    }

    fn decisions(&self) -> RiskDecisionServiceClient<Channel> {
        self.running.as_ref().expect("the service runs").decisions.clone()
    }

    pub fn cards(&self) -> OneTimeCardServiceClient<Channel> {
        self.running.as_ref().expect("the service runs").cards.clone()
    }

    pub fn reviews(&self) -> ReviewServiceClient<Channel> {
        self.running.as_ref().expect("the service runs").reviews.clone()
    }

    fn accounts(&self) -> AccountServiceClient<Channel> {
        self.running.as_ref().expect("the service runs").accounts.clone()
    }

    fn support(&self) -> SupportServiceClient<Channel> {
        self.running.as_ref().expect("the service runs").support.clone()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        // A test that failed already has said why.
        if !std::thread::panicking() {
            assert_eq!(self.stop(), Vec::<String>::new(), "what the ledger's check finds wrong");
        }
    }
}

/// The shipped policy with texts replaced in what follows `from`. A text that is not there is a
/// mistake in the test.
pub fn policy_with(from: &str, changes: &[(&str, &str)]) -> String {
    let shipped = SHIPPED_POLICY.text;
    let (head, tail) = shipped.split_at(shipped.find(from).expect("the shipped policy has it"));
    let mut tail = tail.to_owned();
    for (old, new) in changes {
        assert!(tail.contains(old), "the shipped policy has no {old:?} after {from:?}");
        tail = tail.replacen(old, new, 1);
    }
    format!("{head}{tail}")
}

/// A message as a caller of that role sends it.
pub fn by<T>(role: &'static str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("surety-role", role.parse().unwrap());
    request
}
