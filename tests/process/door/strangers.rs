//! What is not a client of gRPC: closed soon, logged once, and no harm to anybody else.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;

use super::service::{Place, ask, plain, with_token};
use crate::server::Server;
use surety::grpc::pb;
use surety::grpc::pb::reason_catalog_service_client::ReasonCatalogServiceClient;

/// Connections of each kind.
const EACH: usize = 40;
/// Longer than anybody may take to say that it speaks HTTP/2.
const PATIENCE: Duration = Duration::from_secs(20);

/// Says something and waits for the end of the connection; how long that took.
async fn said(server: &Server, bytes: &[u8]) -> Duration {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end as well.
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "it was not closed");
    assert_eq!(answer, b"", "nothing is told to strangers");
    begun.elapsed()
}

/// The lines of the log about connections of that kind.
fn lines(log: &str, kind: &str) -> usize {
    let kind = format!("\"kind\":\"{kind}\"");
    log.lines().filter(|line| line.contains("turned away") && line.contains(&kind)).count()
}

#[tokio::test]
async fn what_is_no_http2_is_closed_at_once_and_logged_once() {
    let place = Place::new();
    let server = place.serve(&[]);
    let channel = plain(&server).await;
    let hello = [&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00][..], &[7; 500]].concat();
    let http1 = b"POST /surety.v1.RiskDecisionService/EvaluatePurchase HTTP/1.1\r\nHost: x\r\n\r\n";
    for _ in 0..EACH {
        for bytes in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], http1, &hello, b"\0\0\0"] {
            assert!(said(&server, bytes).await < Duration::from_secs(4));
        }
        ask(channel.clone(), None).await.unwrap();
    }
    // HTTP/2 that begins well and goes on badly.
    let broken = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0xff; 64]].concat();
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    stream.write_all(&broken).await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "it was not closed");
    ask(channel, None).await.unwrap();
    let log = server.stop().err;
    assert_eq!((lines(&log, "http1"), lines(&log, "garbage")), (1, 1), "{log}");
}

#[tokio::test]
async fn who_does_not_say_what_it_wants_is_closed_after_a_while() {
    let place = Place::new();
    let server = place.serve(&[]);
    let channel = plain(&server).await;
    let half = async |bytes: &'static [u8]| {
        let took = said(&server, bytes).await;
        assert!(took > Duration::from_secs(4), "closed after {took:?}");
    };
    let halves: [&'static [u8]; 3] = [b"", b"PRI * HTTP", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"];
    let all = (0..EACH).flat_map(|_| halves).map(half);
    futures_util::future::join_all(all).await;
    ask(channel, None).await.unwrap();
    let log = server.stop().err;
    assert_eq!(lines(&log, "silent"), 1, "{log}");
}

async fn with_metadata(channel: &Channel, bytes: usize) -> Result<(), tonic::Status> {
    let mut request = with_token(None, pb::ListReasonCodesRequest::default());
    for part in 0..bytes / 1_000 {
        let key = format!("x-part-{part}");
        let key: tonic::metadata::AsciiMetadataKey = key.parse().unwrap();
        let value = MetadataValue::try_from("v".repeat(1_000)).unwrap();
        request.metadata_mut().insert(key, value);
    }
    ReasonCatalogServiceClient::new(channel.clone()).list_reason_codes(request).await.map(drop)
}

#[tokio::test]
async fn metadata_without_end_is_refused_and_others_go_on() {
    let place = Place::new();
    let server = place.serve(&[]);
    let (channel, other) = (plain(&server).await, plain(&server).await);
    with_metadata(&channel, 8_000).await.unwrap();
    for bytes in [20_000, 60_000, 1_000_000] {
        assert!(with_metadata(&channel, bytes).await.is_err(), "{bytes}");
        ask(other.clone(), None).await.unwrap();
    }
    assert_eq!(server.stop().code, Some(0));
}
