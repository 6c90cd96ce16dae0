//! What a service was told is taught again at its next start, and what was undone stays undone.

use std::time::SystemTime;

use surety::domain::{Parties, Time};
use surety::grpc::pb;
use surety::grpc::pb::DeviceChange;
use surety::grpc::pb::account_service_client::AccountServiceClient;
use surety::signals::redis::{Options, RedisStore, Server};
use surety::signals::{Observation, Reading};
use tonic::Request;
use tonic::metadata::MetadataValue;
use uuid::Uuid;

use crate::differential::belong;
use crate::sample;
use crate::servers::{Kind, RedisServer};
use crate::service::{Service, Site};
use crate::shopper::Shopper;

const ACCOUNT: &str = "acc-1";
const DEVICE: &str = "acc-1-phone";

async fn tell(service: &Service, change: DeviceChange) {
    let kind = pb::account_event::Kind::DeviceChange(pb::DeviceChangeEvent {
        device: Some(sample::device(DEVICE)),
        change: change.into(),
    });
    let event = pb::AccountEvent {
        event_id: Uuid::now_v7().to_string(),
        account_id: ACCOUNT.to_owned(),
        event_time: Some(SystemTime::now().into()),
        kind: Some(kind),
    };
    let request_id = Uuid::now_v7().to_string();
    let asked = pb::RecordAccountEventsRequest { request_id, events: vec![event] };
    let mut request = Request::new(asked);
    request.metadata_mut().insert("surety-role", MetadataValue::from_static("ledger"));
    let url = format!("http://{}", service.address);
    let mut client = AccountServiceClient::connect(url).await.unwrap();
    client.record_account_events(request).await.unwrap();
}

/// Whether the device is a known one, past the service.
async fn is_known(site: &Site, server: &RedisServer) -> Option<Reading> {
    let (hasher, url) = (site.hasher(), Server::parse(&server.url()).unwrap());
    let budget = std::time::Duration::from_secs(5);
    let options = Options { budget, ..Options::default() };
    let store = RedisStore::new(url, options, &hasher.key_id()).unwrap();
    belong(&store).await;
    let key = |kind: &str, name: &str| Some(hasher.key(kind, name));
    let (account, device) = (key("account", ACCOUNT), key("device", DEVICE));
    let parties = Parties { account, device, ..Parties::default() };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let time = Time::from_micros(i64::try_from(now.as_micros()).unwrap());
    let o = Observation { id: 1, time, parties, ..Observation::default() };
    store.read(&o).await.by_name("account_device_known")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_was_removed_in_an_outage_stays_removed() {
    let (site, server) = (Site::new(), RedisServer::start(Kind::Redis).await);
    let service = site.serve("service", &server.url()).await;
    let _known = Shopper::of(&service, ACCOUNT).await;
    tell(&service, DeviceChange::Added).await;
    assert_eq!(is_known(&site, &server).await, Some(Reading::Bool(true)));
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    tell(&service, DeviceChange::Removed).await;
    service.stop();
    server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(is_known(&site, &server).await, Some(Reading::Bool(true)), "nobody told it");
    for start in ["first", "second"] {
        let service = site.serve("service", &server.url()).await;
        service.tells("recent signals are taught once more").await;
        assert_eq!(is_known(&site, &server).await, Some(Reading::Bool(false)), "{start}");
        service.stop();
    }
}
