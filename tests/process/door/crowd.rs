//! More connections than there may be: idle ones make room, and none of them holds the stop.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::service::{Place, ask, plain};
use crate::server::Server;

/// The preface of HTTP/2 with empty settings: a connection that is all right, and idle.
const BEGINNING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const CONNECTIONS: usize = 10_000;
/// Kibibytes; a debug build with that many connections needs far less.
const MEMORY_MAX: u64 = 1024 * 1024;

/// As many sockets as may be, up to `wanted`.
fn sockets(wanted: usize) -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let limit = (wanted as u64 + 500).min(maximum.unwrap_or(u64::MAX));
    setrlimit(Resource::Nofile, Rlimit { current: Some(limit), maximum }).unwrap();
    wanted.min(limit as usize - 400)
}

async fn idle(server: &Server, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        // It may be closed already: there are too many.
        let _said = stream.write_all(BEGINNING).await;
        streams.push(stream);
    }
    streams
}

fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_idle_connections_harm_nobody() {
    let place = Place::new();
    let server = place.serve(&[]);
    let channel = plain(&server).await;
    let crowd = idle(&server, sockets(CONNECTIONS)).await;
    let begun = Instant::now();
    ask(channel, None).await.unwrap();
    ask(plain(&server).await, None).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(memory(&server) < MEMORY_MAX, "{} KiB", memory(&server));
    let asked = Instant::now();
    assert_eq!(server.stop().code, Some(0));
    assert!(asked.elapsed() < Duration::from_secs(8), "the stop took {:?}", asked.elapsed());
    drop(crowd);
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_watch_the_health_but_not_without_end() {
    let place = Place::new();
    let server = place.serve(&[]);
    let mut health = HealthClient::new(plain(&server).await);
    let mut watches = Vec::new();
    let refused = loop {
        match health.watch(HealthCheckRequest::default()).await {
            Ok(mut watch) => {
                let status = watch.get_mut().message().await.unwrap().unwrap().status();
                assert_eq!(status, ServingStatus::Serving);
                watches.push(watch);
            }
            Err(status) => break status,
        }
    };
    assert_eq!((refused.code(), watches.len()), (Code::ResourceExhausted, 8));
    assert!(health.check(HealthCheckRequest::default()).await.is_ok());
    // Nobody takes them from others.
    let mut other = HealthClient::new(plain(&server).await);
    assert!(other.watch(HealthCheckRequest::default()).await.is_ok());
    // Those that end make room.
    drop(watches);
    for _ in 0..100 {
        if health.watch(HealthCheckRequest::default()).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no watch has made room within five seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_last_connection_the_idlest_makes_room() {
    let place = Place::new();
    let server = place.serve(&["--max-connections", "50"]);
    let channel = plain(&server).await;
    ask(channel.clone(), None).await.unwrap();
    let crowd = idle(&server, 120).await;
    // None of the crowd has been idle for long: for a moment nobody else comes in.
    let mut latest = None;
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let endpoint = format!("http://{}", server.address);
        let endpoint = tonic::transport::Endpoint::from_shared(endpoint).unwrap();
        let told = match endpoint.connect().await {
            Ok(channel) => ask(channel, None).await.is_ok(),
            Err(_) => false,
        };
        latest = Some(told);
        if told {
            break;
        }
    }
    assert_eq!(latest, Some(true), "nobody makes room");
    // Who has called before goes after those who never did.
    ask(channel, None).await.unwrap();
    let log = server.stop().err;
    for kind in ["full", "idle"] {
        let kind = format!("\"kind\":\"{kind}\"");
        assert_eq!(log.lines().filter(|line| line.contains(&kind)).count(), 1, "{log}");
    }
    drop(crowd);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_watch_of_health_and_no_silent_socket_holds_the_stop() {
    let place = Place::new();
    let server = place.serve(&[]);
    let mut client = HealthClient::new(plain(&server).await);
    let check = HealthCheckRequest { service: String::new() };
    let mut watch = client.watch(check).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status().as_str_name(), "SERVING");
    let silent = TcpStream::connect(&server.address).await.unwrap();
    let idle = idle(&server, 1).await;
    let asked = Instant::now();
    server.ask_to_stop();
    assert_eq!(watch.message().await.unwrap().unwrap().status().as_str_name(), "NOT_SERVING");
    assert_eq!(server.end().code, Some(0));
    assert!(asked.elapsed() < Duration::from_secs(5), "the stop took {:?}", asked.elapsed());
    drop((silent, idle));
}
