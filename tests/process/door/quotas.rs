//! Quotas of callers and accounts, and deadlines that are too short for anything.

use std::future::poll_fn;
use std::time::Duration;

use surety::grpc::pb;
use surety::grpc::pb::risk_decision_service_client::RiskDecisionServiceClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tonic::codegen::Bytes;
use tonic::codegen::http::{Method, Request, Version};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use super::certificates::Authority;
use super::service::{Place, ask, plain, secured, why, with_token};
use crate::http::get;
use crate::server::Server;

const HTTP: [&str; 2] = ["--http-listen", "127.0.0.1:0"];

fn serve(place: &Place, options: &[&str]) -> Server {
    place.serve(&[&HTTP[..], options].concat())
}

/// The value of one sample of the server's metrics.
fn metric(http: &str, sample: &str) -> f64 {
    let (_, text) = get(http, "/metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{sample} ")));
    line.unwrap_or_else(|| panic!("no {sample} in:\n{text}")).parse().unwrap()
}

fn refused(http: &str, cause: &str) -> f64 {
    metric(http, &format!("surety_calls_refused_total{{cause=\"{cause}\"}}"))
}

async fn preview(channel: &Channel, token: &str, account: &str) -> Result<(), Status> {
    let request = pb::PreviewSpendingPowerRequest {
        account_id: account.to_owned(),
        market: "GB".to_owned(),
        currency_code: "GBP".to_owned(),
        ..Default::default()
    };
    let mut decisions = RiskDecisionServiceClient::new(channel.clone());
    decisions.preview_spending_power(with_token(Some(token), request)).await.map(drop)
}

/// Calls until the quota is spent; gives the refusal.
async fn until_refused(call: impl AsyncFn() -> Result<(), Status>) -> Status {
    for _ in 0..1_000 {
        if let Err(status) = call().await
            && status.code() == Code::ResourceExhausted
        {
            return status;
        }
    }
    panic!("a thousand calls, and none was refused");
}

/// All that a client needs to come back at the right time: in both places, and the same.
fn assert_tells_when(status: &Status, subject: &str, setting: &str) {
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "CALLER_RATE_LIMIT");
    let quota = &details.quota_failure().unwrap().violations[0];
    assert_eq!(quota.subject, subject);
    assert_eq!(quota.description, format!("{setting}: 2 a second"));
    let delay = details.retry_info().unwrap().retry_delay.unwrap();
    assert!(delay > Duration::ZERO && delay <= Duration::from_millis(500), "{delay:?}");
    let pushback = status.metadata().get("grpc-retry-pushback-ms").unwrap();
    assert_eq!(pushback.to_str().unwrap(), delay.as_millis().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_over_its_quota_is_told_when_to_come_back_and_no_other_notices() {
    let place = Place::new();
    let [one, other] =
        ["one", "other"].map(|name| place.add(&[name, "--role", "checkout", "--any-merchant"]));
    let server = serve(&place, &["--calls-per-second", "2"]);
    let http = server.http();
    let channel = plain(&server).await;
    let status = until_refused(async || ask(channel.clone(), Some(&one)).await).await;
    assert_tells_when(&status, "caller", "calls-per-second");
    // Who is refused is who was over it.
    ask(channel.clone(), Some(&other)).await.unwrap();
    HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
    // Once it has waited as it was told, it is let in again.
    let delay = status.get_error_details().retry_info().unwrap().retry_delay.unwrap();
    tokio::time::sleep(delay).await;
    ask(channel, Some(&one)).await.unwrap();
    assert!(refused(&http, "rate") >= 1.0);
    assert_eq!(refused(&http, "account_rate"), 0.0);
    assert!(server.logged("over its quota").contains("\"caller\":\"one\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_of_one_account_on_and_on_is_refused_and_of_another_is_not() {
    let place = Place::new();
    let [one, other] =
        ["one", "other"].map(|name| place.add(&[name, "--role", "checkout", "--any-merchant"]));
    let server = serve(&place, &["--calls-per-second-account", "2"]);
    let http = server.http();
    let channel = plain(&server).await;
    let status = until_refused(async || preview(&channel, &one, "acc-4711").await).await;
    assert_tells_when(&status, "caller and account", "calls-per-second-account");
    assert!(!format!("{status:?}").contains("4711"), "{status:?}");
    // Nobody knows the accounts; that is another answer.
    for (token, account) in [(&one, "acc-2"), (&other, "acc-4711")] {
        let told = why(preview(&channel, token, account).await);
        assert_eq!(told, (Code::NotFound, "ACCOUNT_NOT_FOUND".to_owned()));
    }
    assert!(refused(&http, "account_rate") >= 1.0);
    assert_eq!(refused(&http, "rate"), 0.0);
}

/// An evaluation as it begins, by a client that keeps to nothing; closed when dropped.
struct Raw {
    answer: h2::client::ResponseFuture,
    stream: h2::SendStream<Bytes>,
    connection: AbortHandle,
}

impl Raw {
    async fn begin(server: &Server, deadline: Option<&str>) -> Raw {
        let stream = TcpStream::connect(&server.address).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection).abort_handle();
        let mut request = Request::builder()
            .method(Method::POST)
            .version(Version::HTTP_2)
            .uri("http://surety/surety.v1.RiskDecisionService/EvaluatePurchase")
            .header("content-type", "application/grpc");
        if let Some(deadline) = deadline {
            request = request.header("grpc-timeout", deadline);
        }
        poll_fn(|context| client.poll_ready(context)).await.unwrap();
        let (answer, stream) = client.send_request(request.body(()).unwrap(), false).unwrap();
        Raw { answer, stream, connection }
    }

    /// Sends a message without a field, and gives the code of the answer.
    async fn end(mut self) -> i32 {
        // It may be refused before that is there.
        let _sent = self.stream.send_data(vec![0; 5].into(), true);
        let answer = (&mut self.answer).await.unwrap();
        answer.headers().get("grpc-status").unwrap().to_str().unwrap().parse().unwrap()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

async fn with_deadline(server: &Server, deadline: &str) -> i32 {
    Raw::begin(server, Some(deadline)).await.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_cannot_be_met_or_read_is_refused_before_anything_is_done() {
    let place = Place::new();
    let server = serve(&place, &[]);
    let http = server.http();
    for (deadline, code) in [
        ("0m", Code::DeadlineExceeded),
        ("4m", Code::DeadlineExceeded),
        ("4999u", Code::DeadlineExceeded),
        ("soon", Code::InvalidArgument),
        ("123456789m", Code::InvalidArgument),
    ] {
        assert_eq!(with_deadline(&server, deadline).await, code as i32, "{deadline}");
    }
    assert_eq!(refused(&http, "deadline"), 3.0);
    assert_eq!(metric(&http, "surety_queue_duration_seconds_count"), 0.0, "some were looked at");
    // A long one is cut, and no fault: the message is what is wrong.
    assert_eq!(with_deadline(&server, "99999999H").await, Code::InvalidArgument as i32);
    assert_eq!(metric(&http, "surety_queue_duration_seconds_count"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_does_not_end_holds_no_place() {
    let place = Place::new();
    let server = serve(&place, &["--concurrency", "1"]);
    let mut halves = Vec::new();
    for _ in 0..20 {
        let mut half = Raw::begin(&server, None).await;
        half.stream.send_data(vec![0; 3].into(), false).unwrap();
        halves.push(half);
    }
    let channel = plain(&server).await;
    for _ in 0..20 {
        ask(channel.clone(), None).await.unwrap();
    }
    assert_eq!(refused(&server.http(), "shed"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_of_connections_and_of_the_end_of_certificates() {
    let (place, authority) = (Place::new(), Authority::new());
    let token = place.add(&["anna", "--role", "agent"]);
    let server = place.serve_tls(&authority.server(), &authority, &HTTP);
    let http = server.http();
    let channel = secured(&server, &authority, None).connect().await.unwrap();
    ask(channel.clone(), Some(&token)).await.unwrap();
    why(ask(secured(&server, &authority, None).connect().await.unwrap(), None).await);
    assert!(metric(&http, "surety_connections") >= 1.0);
    assert_eq!(refused(&http, "unauthenticated"), 1.0);
    // No TLS.
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let _closed = stream.read_to_end(&mut Vec::new()).await;
    assert_eq!(metric(&http, "surety_connections_refused_total{cause=\"tls\"}"), 1.0);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    for certificate in ["server", "client_ca"] {
        let sample =
            format!("surety_certificate_not_after_seconds{{certificate=\"{certificate}\"}}");
        assert!(metric(&http, &sample) > now, "{certificate}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_as_large_as_the_setting_says_and_batches_larger() {
    let place = Place::new();
    let server = serve(&place, &["--max-message-bytes", "4096"]);
    let http = server.http();
    let channel = plain(&server).await;
    let mut decisions = RiskDecisionServiceClient::new(channel.clone());
    for (length, reason) in [(4_000, "FIELD_INVALID"), (4_200, "REQUEST_TOO_LARGE")] {
        let request_id = "x".repeat(length);
        let request = pb::EvaluatePurchaseRequest { request_id, context: None };
        assert_eq!(why(decisions.evaluate_purchase(request).await).1, reason, "{length}");
    }
    let mut accounts = pb::account_service_client::AccountServiceClient::new(channel);
    for (length, reason) in [(65_000, "FIELD_INVALID"), (66_000, "REQUEST_TOO_LARGE")] {
        let request_id = "x".repeat(length);
        let request = pb::RecordAccountEventsRequest { request_id, events: vec![] };
        let mut request = tonic::Request::new(request);
        request.metadata_mut().insert("surety-role", "ledger".parse().unwrap());
        assert_eq!(why(accounts.record_account_events(request).await).1, reason, "{length}");
    }
    assert_eq!(refused(&http, "message_size"), 2.0);
}
