//! The server over a socket: its own codes, roles, health, reflection and stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};
use tonic_types::StatusExt;

use super::{Door, Limits, SERVICES, ServeError, pb, serve};
use crate::domain::PARTY_SECRET_LEN;
use crate::ledger::{Ledger, Place};
use crate::playbook::{Playbook, SHIPPED};
use crate::service::{Clock, Service, Settings};
use crate::signals::{EmbeddedConfig, EmbeddedStore, SignalStore};
use pb::account_service_client::AccountServiceClient;
use pb::reason_catalog_service_client::ReasonCatalogServiceClient;
use pb::risk_decision_service_client::RiskDecisionServiceClient;

const MESSAGE_MAX: usize = 64 * 1024;

/// A running server; it stops when told to, or with its runtime.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<Result<(), ServeError>>,
    _folder: tempfile::TempDir,
}

impl Running {
    async fn start() -> Running {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            ledger: Ledger::open(&Place::file(&folder.path().join("ledger.sqlite"))).await.unwrap(),
            playbook: Arc::new(Playbook::parse(&SHIPPED).unwrap()),
            signals: SignalStore::Embedded(EmbeddedStore::new(EmbeddedConfig::default())),
            snapshot: None,
            party_secret: [7; PARTY_SECRET_LEN],
            step_up_secret: vec![7; 32],
            clock: Clock::system(),
        };
        let service = Service::start(settings).await.unwrap();
        let door = Door::bind("127.0.0.1:0".parse().unwrap(), None, 100).await.unwrap();
        let address = door.address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let drain = Duration::from_millis(300);
        let ended = tokio::spawn(serve(service, door, Limits::default(), stopped, drain));
        Running { address, stop, ended, _folder: folder }
    }

    async fn channel(&self) -> Channel {
        let uri = format!("http://{}", self.address);
        Channel::from_shared(uri).unwrap().connect().await.unwrap()
    }
}

fn reason(status: &tonic::Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

fn named<T>(message: T, role: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("surety-role", role.parse().unwrap());
    request
}

#[tokio::test]
async fn an_oversized_message_is_refused_for_good() {
    let server = Running::start().await;
    let mut client = RiskDecisionServiceClient::new(server.channel().await);
    let request_id = "x".repeat(MESSAGE_MAX);
    let request = pb::EvaluatePurchaseRequest { request_id, context: None };
    let status = client.evaluate_purchase(request).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason(&status), "REQUEST_TOO_LARGE");
    // The same size is no trouble where many events are sent.
    let mut client = AccountServiceClient::new(server.channel().await);
    let request_id = "x".repeat(MESSAGE_MAX);
    let request = pb::RecordAccountEventsRequest { request_id, events: vec![] };
    let status = client.record_account_events(named(request, "ledger")).await.unwrap_err();
    assert_eq!(reason(&status), "FIELD_INVALID");
}

#[tokio::test]
async fn what_does_not_decode_is_the_callers_fault() {
    let server = Running::start().await;
    let mut grpc = tonic::client::Grpc::new(server.channel().await);
    grpc.ready().await.unwrap();
    // Field 1 of the other message is a text, which an account in field 2 of this one is not.
    let text = pb::GetDecisionRequest { reference: "\u{1}".into(), ..Default::default() };
    let codec: tonic_prost::ProstCodec<_, pb::EvaluatePurchaseResponse> = Default::default();
    let path = "/surety.v1.RiskDecisionService/EvaluatePurchase".parse().unwrap();
    let status = grpc.unary(Request::new(text), path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert_eq!(reason(&status), "FIELD_INVALID");
}

#[tokio::test]
async fn roles_decide_who_may_call() {
    let server = Running::start().await;
    let mut client = AccountServiceClient::new(server.channel().await);
    let request = || pb::GetAccountRequest { account_id: "acc-1".into() };
    let checkout = client.get_account(request()).await.unwrap_err();
    assert_eq!(checkout.code(), Code::PermissionDenied);
    assert_eq!(reason(&checkout), "ROLE_NOT_ALLOWED");
    let ledger = client.get_account(named(request(), "ledger")).await.unwrap_err();
    assert_eq!(reason(&ledger), "ACCOUNT_NOT_FOUND");
    let unknown = client.get_account(named(request(), "root")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn the_catalogue_is_read_in_the_callers_language() {
    let server = Running::start().await;
    let mut client = ReasonCatalogServiceClient::new(server.channel().await);
    let request = pb::ListReasonCodesRequest { locale: "sv-SE".into(), ..Default::default() };
    let codes = client.list_reason_codes(request).await.unwrap().into_inner().reason_codes;
    assert_eq!(codes.len(), 73);
    assert!(codes.iter().all(|info| info.locale == "sv" && info.support_text.is_empty()));
    assert!(codes.iter().all(|info| info.disclosure == 0));
    let request = |code| pb::GetReasonCodeRequest { code, ..Default::default() };
    let unknown = client.get_reason_code(request(999)).await.unwrap_err();
    assert_eq!(reason(&unknown), "REASON_CODE_NOT_FOUND");
    let staff = client.get_reason_code(named(request(904), "agent")).await.unwrap();
    assert!(!staff.into_inner().reason_code.unwrap().support_text.is_empty());
}

#[tokio::test]
async fn both_reflections_list_all_services() {
    let server = Running::start().await;
    let names = async {
        use v1::server_reflection_request::MessageRequest;
        use v1::server_reflection_response::MessageResponse;
        let channel = server.channel().await;
        let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel);
        let message_request = Some(MessageRequest::ListServices(String::new()));
        let ask = v1::ServerReflectionRequest { host: String::new(), message_request };
        let stream = client.server_reflection_info(tokio_stream::iter([ask])).await.unwrap();
        let answer = stream.into_inner().message().await.unwrap().unwrap();
        match answer.message_response {
            Some(MessageResponse::ListServicesResponse(list)) => {
                list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    let names = names.await;
    for name in SERVICES.iter().skip(1).chain(&["grpc.health.v1.Health"]) {
        assert!(names.contains(&(*name).to_owned()), "{name} is not in {names:?}");
    }
    let channel = server.channel().await;
    let mut old = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let ask = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                "surety.v1.RiskDecisionService".into(),
            ),
        ),
    };
    let stream = old.server_reflection_info(tokio_stream::iter([ask])).await.unwrap();
    assert!(stream.into_inner().message().await.unwrap().is_some());
}

#[tokio::test]
async fn a_stop_is_told_to_watchers_and_an_open_watch_does_not_hold_it() {
    let server = Running::start().await;
    let mut client = HealthClient::new(server.channel().await);
    for service in SERVICES {
        let check = HealthCheckRequest { service: (*service).into() };
        let status = client.check(check).await.unwrap().into_inner().status();
        assert_eq!(status.as_str_name(), "SERVING");
    }
    let watch = client.watch(HealthCheckRequest { service: SERVICES[1].into() }).await.unwrap();
    let mut watch = watch.into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status().as_str_name(), "SERVING");
    server.stop.send(()).unwrap();
    assert_eq!(watch.message().await.unwrap().unwrap().status().as_str_name(), "NOT_SERVING");
    server.ended.await.unwrap().unwrap();
}
