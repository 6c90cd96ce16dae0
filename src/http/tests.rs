//! The pages while a service starts, serves and stops, over a socket.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{HEADERS_MAX, Pages};
use crate::domain::PARTY_SECRET_LEN;
use crate::ledger::{Ledger, Place};
use crate::playbook::{Playbook, SHIPPED};
use crate::service::{Clock, Service, Settings};
use crate::signals::{EmbeddedConfig, EmbeddedStore, SignalStore};

async fn pages() -> Pages {
    Pages::open(([127, 0, 0, 1], 0).into()).await.unwrap()
}

async fn get(pages: &Pages, path: &str) -> String {
    let mut stream = TcpStream::connect(pages.address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    format!("{} {body}", head.split(' ').nth(1).unwrap())
}

async fn service(folder: &tempfile::TempDir) -> Arc<Service> {
    let settings = Settings {
        ledger: Ledger::open(&Place::file(&folder.path().join("ledger.sqlite"))).await.unwrap(),
        playbook: Arc::new(Playbook::parse(&SHIPPED).unwrap()),
        signals: SignalStore::Embedded(EmbeddedStore::new(EmbeddedConfig::default())),
        snapshot: None,
        party_secret: [7; PARTY_SECRET_LEN],
        step_up_secret: vec![7; 32],
        clock: Clock::system(),
    };
    Service::start(settings).await.unwrap()
}

#[tokio::test]
async fn a_service_is_ready_from_its_start_to_its_drain_and_lives_all_the_time() {
    let pages = pages().await;
    assert_eq!(get(&pages, "/livez").await, "200 ok\n");
    assert_eq!(get(&pages, "/readyz").await, "503 not ready: starting\n");
    assert_eq!(get(&pages, "/metrics").await, "503 starting\n");
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    pages.tell_of(&service);
    assert_eq!(get(&pages, "/readyz").await, "200 ok\n");
    let metrics = get(&pages, "/metrics").await;
    assert!(metrics.starts_with("200 # HELP process_"), "{metrics}");
    pages.draining()();
    assert_eq!(get(&pages, "/readyz").await, "503 not ready: stopping\n");
    assert_eq!(get(&pages, "/livez").await, "200 ok\n");
    // The pages do not keep it from its end.
    let told = Arc::downgrade(&service);
    drop(service);
    assert!(told.upgrade().is_none());
    assert_eq!(get(&pages, "/readyz").await, "503 not ready: starting\n");
}

#[tokio::test]
async fn who_sends_nothing_is_cut_off() {
    let pages = pages().await;
    let mut silent = TcpStream::connect(pages.address()).await.unwrap();
    let mut answer = Vec::new();
    let patience = HEADERS_MAX + Duration::from_secs(1);
    let ended = tokio::time::timeout(patience, silent.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "it is still open");
}
