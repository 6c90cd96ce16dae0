//! Where raw identifiers of persons are kept, and that they are nowhere else.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use surety::grpc::pb;

use crate::client::{Ask, Client};
use crate::http::get;
use crate::http_port::with_http;
use crate::sample;
use crate::server::Folder;

/// Values that could not come from anywhere else.
const EMAIL: &str = "quokka.zebrafish@mail.example";
const PHONE: &str = "+4479460958231";
const IP: &str = "198.51.100.234";
const ACCOUNT: &str = "acc-okapi-815";
const DEVICE: &str = "device-xylophone-4711";
const GIVEN_NAME: &str = "Wilhelmina";
const FAMILY_NAME: &str = "Featherstonehaugh";
const STREET: &str = "Kumquat Crescent 17";
const CITY: &str = "Llanfairpwll";
const POSTAL_CODE: &str = "LL61 5UJ";
const USER_AGENT: &str = "Netscape-Navigator/4.79";
/// What a guest's email, the address of a network and the like are turned into for comparing.
const FOLDED: [&str; 2] = ["198.51.100.0", "zebrafish"];
const RAW: [&str; 10] =
    [EMAIL, PHONE, IP, DEVICE, GIVEN_NAME, FAMILY_NAME, STREET, CITY, POSTAL_CODE, USER_AGENT];

#[tokio::test(flavor = "multi_thread")]
async fn raw_identifiers_are_in_the_raw_context_and_nowhere_else() {
    let folder = Folder::new();
    let mut command = with_http();
    command.env("SURETY_LOG", "debug,surety=trace");
    let server = folder.serve_by(command);
    let mut client = Client::connect(&server.address).await.unwrap();
    ask_all(&mut client).await;
    // Half of it is told after a crash, from what was stored.
    server.kill();
    let mut command = with_http();
    command.env("SURETY_LOG", "debug,surety=trace");
    let server = folder.serve_by(command);
    let mut client = Client::connect(&server.address).await.unwrap();
    let asked = ask_all(&mut client).await;
    let metrics = get(&server.http(), "/metrics").1;
    assert!(metrics.contains("surety_decisions_total"), "{metrics}");
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    absent("the log", ended.err.as_bytes());
    absent("the metrics", metrics.as_bytes());
    // The ledger knows accounts and requests by their names; who watches the service need not.
    for id in asked.iter().map(String::as_str).chain([ACCOUNT]) {
        assert!(!metrics.contains(id), "{id} is in the metrics");
    }
    assert!(!ended.err.contains(ACCOUNT), "{ACCOUNT} is in the log");
    absent("standard output", ended.out.as_bytes());

    let file = folder.data().join("ledger.sqlite");
    let mut ledger = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    let raw: Vec<String> =
        sqlx::query_scalar("SELECT payload FROM raw_context").fetch_all(&mut ledger).await.unwrap();
    let raw = raw.concat();
    // What is looked for would be found.
    for value in RAW {
        assert!(raw.contains(value), "{value} is not in the raw context");
    }
    for statement in ["DELETE FROM raw_context", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"] {
        sqlx::query(statement).execute(&mut ledger).await.unwrap();
    }
    for entry in fs::read_dir(folder.data()).unwrap() {
        let path = entry.unwrap().path();
        absent(&path.display().to_string(), &fs::read(&path).unwrap());
    }
}

fn absent(place: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    for value in RAW.iter().chain(&FOLDED) {
        let found = text.find(&value.to_lowercase());
        let around = found.map(|at| text[..at].chars().rev().take(80).collect::<String>());
        let around = around.map(|text| text.chars().rev().collect::<String>());
        assert_eq!(around, None, "{value} is in {place}, after the above");
    }
}

/// A customer, a guest, and both with mistakes, so that refusals are told too; gives
/// the names of the requests.
async fn ask_all(client: &mut Client) -> Vec<String> {
    let mut asked = Vec::new();
    let mut account = sample::account(ACCOUNT, 100_000);
    (account.email, account.phone) = (EMAIL.to_owned(), PHONE.to_owned());
    client.upsert(account).await;
    for guest in [false, true] {
        let id = uuid::Uuid::now_v7().to_string();
        client.ask(&Ask::buy(id.clone(), context(guest))).await.unwrap();
        asked.push(id);
        let mut wrong = context(guest);
        wrong.market = "XX".to_owned();
        wrong.locale = EMAIL.to_owned();
        wrong.merchant_order_reference = "4111111111111111".to_owned();
        client.ask(&Ask::buy("no id".to_owned(), wrong)).await.unwrap_err();
    }
    asked
}

fn context(guest: bool) -> pb::PurchaseContext {
    let mut context = sample::purchase(ACCOUNT, 4_900);
    if guest {
        context.account_id = String::new();
        context.guest = Some(pb::GuestIdentity {
            email: EMAIL.to_owned(),
            phone: PHONE.to_owned(),
            given_name: GIVEN_NAME.to_owned(),
            family_name: FAMILY_NAME.to_owned(),
            postal_address: Some(pb::PostalAddress {
                street: STREET.to_owned(),
                postal_code: POSTAL_CODE.to_owned(),
                city: CITY.to_owned(),
                country: "GB".to_owned(),
            }),
            ..pb::GuestIdentity::default()
        });
    }
    let mut device = sample::device(DEVICE);
    device.user_agent = USER_AGENT.to_owned();
    context.device = Some(device);
    if let Some(network) = &mut context.network {
        network.ip_address = IP.to_owned();
    }
    context.delivery = Some(pb::Delivery {
        kind: pb::DeliveryKind::Home.into(),
        country: "GB".to_owned(),
        postal_code: POSTAL_CODE.to_owned(),
        address_hash: "a1b2c3".to_owned(),
    });
    context
}

#[test]
fn keys_are_for_their_owner_only_and_stay_the_same() {
    let folder = Folder::new();
    let mut before = None;
    for _ in 0..2 {
        assert_eq!(folder.serve().stop().code, Some(0));
        let keys = ["party.key", "step-up.key"].map(|name| {
            let path = folder.data().join(name);
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
            fs::read(path).unwrap()
        });
        assert_ne!(keys[0], keys[1]);
        assert!(before.is_none_or(|before| before == keys));
        before = Some(keys);
    }
}
