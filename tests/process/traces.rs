//! A collector of traces gets every stage of a call under its caller's trace, and nothing personal.

use std::sync::Mutex;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use surety::grpc::pb;
use surety::grpc::pb::risk_decision_service_client::RiskDecisionServiceClient;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};

use crate::child::surety;
use crate::client::Client;
use crate::sample;
use crate::server::Folder;

const PATIENCE: Duration = Duration::from_secs(60);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const ACCOUNT: &str = "acc-okapi-4711";
const EMAIL: &str = "quokka.zebrafish@mail.example";

struct Collector(Mutex<mpsc::UnboundedSender<Span>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            // The test may have seen enough.
            let _sent = self.0.lock().unwrap().send(span);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn collector() -> (String, mpsc::UnboundedReceiver<Span>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, spans) = mpsc::unbounded_channel();
    let service = TraceServiceServer::new(Collector(Mutex::new(sender)));
    let serving = Server::builder().add_service(service);
    tokio::spawn(serving.serve_with_incoming(TcpIncoming::from(listener)));
    (url, spans)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn buy(address: &str, traceparent: Option<&str>) -> (String, pb::Decision) {
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    let mut checkout = RiskDecisionServiceClient::new(channel.connect().await.unwrap());
    let request_id = uuid::Uuid::now_v7().to_string();
    let context = Some(sample::purchase(ACCOUNT, 4_900));
    let asked = pb::EvaluatePurchaseRequest { request_id: request_id.clone(), context };
    let mut request = Request::new(asked);
    if let Some(traceparent) = traceparent {
        request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
    }
    let answer = checkout.evaluate_purchase(request).await.unwrap().into_inner();
    (request_id, answer.decision.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_has_all_stages_under_the_callers_trace_and_nothing_personal() {
    let (url, mut spans) = collector().await;
    let folder = Folder::new();
    let mut command = surety("serve");
    command.args(["--otlp-endpoint", &url]);
    let server = folder.serve_by(command);
    let mut client = Client::connect(&server.address).await.unwrap();
    let mut account = sample::account(ACCOUNT, 100_000);
    account.email = EMAIL.to_owned();
    client.upsert(account).await;
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let (request_id, decision) = buy(&server.address, Some(&traceparent)).await;

    // What is left is sent when it stops.
    assert_eq!(server.stop().code, Some(0));
    spans.close();
    let (mut ours, mut all) = (Vec::new(), String::new());
    while let Some(span) = spans.recv().await {
        all.push_str(&format!("{span:?}"));
        if hex(&span.trace_id) == TRACE {
            ours.push(span);
        }
    }
    let call = ours.iter().find(|span| hex(&span.parent_span_id) == PARENT);
    let call = call.unwrap_or_else(|| panic!("no span goes on with the caller's: {ours:#?}"));
    let mut stages: Vec<&str> = ours
        .iter()
        .filter(|span| span.parent_span_id == call.span_id)
        .map(|span| span.name.as_str())
        .collect();
    stages.sort_unstable();
    assert_eq!(stages, ["commit", "decide", "edge", "observe", "standing"]);
    let told = format!("{:?}", call.attributes);
    for value in [
        request_id.as_str(),
        decision.decision_id.as_str(),
        "APPROVED",
        "surety.v1.RiskDecisionService",
        "EvaluatePurchase",
    ] {
        assert!(told.contains(value), "{value} is not in {told}");
    }
    for personal in [ACCOUNT, EMAIL, "zebrafish", "203.0.113", sample::MERCHANT, "SO-4900"] {
        assert!(!all.contains(personal), "{personal} is in {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_one_line_and_no_call() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let folder = Folder::new();
    let mut command = surety("serve");
    command.args(["--otlp-endpoint", &format!("http://{gone}")]);
    command.env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let server = folder.serve_by(command);
    let mut client = Client::connect(&server.address).await.unwrap();
    client.upsert(sample::account(ACCOUNT, 100_000)).await;
    let line = tokio::task::block_in_place(|| server.logged("spans could not be sent"));
    assert!(line.contains(&gone.to_string()), "{line}");
    for _ in 0..5 {
        let asked = tokio::time::timeout(PATIENCE, buy(&server.address, None)).await;
        asked.expect("a call does not wait for the collector");
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let ended = server.stop();
    assert_eq!(ended.code, Some(0));
    assert!(!ended.err.contains("spans could not be sent"), "{}", ended.err);
}

#[test]
fn an_address_of_a_collector_that_is_none_stops_the_start() {
    let folder = Folder::new();
    let mut command = surety("serve");
    command.args(["--otlp-endpoint", "collector 4317", "--data"]).arg(folder.data());
    let ended = crate::child::run(&mut command);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("expected http://HOST:PORT"), "{}", ended.err);
}
