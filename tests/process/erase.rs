//! `erase`: nothing of the person is left in any file, and what is owed stays.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use surety::domain::{PARTY_SECRET_LEN, PartyHasher};
use surety::grpc::pb;

use crate::child::{Ended, run, surety};
use crate::client::{Ask, Client};
use crate::sample;
use crate::server::{Folder, Server};

const ERASED: &str = "acc-erased";
const OTHER: &str = "acc-other";
const EMAIL: &str = "quokka.zebrafish@mail.example";
const PHONE: &str = "+4479460958231";
const DEVICE: &str = "device-xylophone-4711";
const IP: &str = "198.51.100.234";
const USER_AGENT: &str = "Netscape-Navigator/4.79";
const POSTAL_CODE: &str = "LL61 5UJ";
const CARD: &str = "tok_4242_walrus";
/// Both accounts use it.
const SHARED_DEVICE: &str = "device-of-the-family";

fn erase(server: &Server, arguments: &[&str]) -> Ended {
    let url = format!("http://{}", server.address);
    run(surety("erase").args(["--server", &url]).args(arguments))
}

fn context(account: &str, device: &str, amount: i64) -> pb::PurchaseContext {
    let mut context = sample::purchase(account, amount);
    let mut device = sample::device(device);
    device.user_agent = USER_AGENT.to_owned();
    context.device = Some(device);
    if account == ERASED {
        if let Some(network) = &mut context.network {
            network.ip_address = IP.to_owned();
        }
        context.instrument =
            Some(pb::Instrument { token: CARD.to_owned(), ..pb::Instrument::default() });
        context.delivery = Some(pb::Delivery {
            kind: pb::DeliveryKind::Home.into(),
            country: "GB".to_owned(),
            postal_code: POSTAL_CODE.to_owned(),
            address_hash: "a1b2c3".to_owned(),
        });
    }
    context
}

async fn buy(client: &mut Client, context: pb::PurchaseContext) -> pb::Decision {
    let id = || uuid::Uuid::now_v7().to_string();
    let decision = client.ask(&Ask::buy(id(), context)).await.unwrap();
    client
        .ask(&Ask::Confirm(pb::ConfirmPurchaseRequest {
            request_id: id(),
            decision_id: decision.decision_id.clone(),
            merchant_id: sample::MERCHANT.to_owned(),
            captured_amount: decision.approved_amount.clone(),
            merchant_order_reference: String::new(),
        }))
        .await
        .unwrap();
    decision
}

/// Two customers, one of whom is to be erased.
async fn live(client: &mut Client) -> pb::Decision {
    for name in [ERASED, OTHER] {
        let mut account = sample::account(name, 100_000);
        (account.email, account.phone) = (format!("{name}@x.example"), String::new());
        if name == ERASED {
            (account.email, account.phone) = (EMAIL.to_owned(), PHONE.to_owned());
        }
        client.upsert(account).await;
    }
    let bought = buy(client, context(ERASED, DEVICE, 4_900)).await;
    buy(client, context(ERASED, SHARED_DEVICE, 1_000)).await;
    buy(client, context(OTHER, SHARED_DEVICE, 2_000)).await;
    bought
}

/// The words, and the keys of the parties as text and as bytes.
fn traces(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let secret: [u8; PARTY_SECRET_LEN] =
        fs::read(data.join("party.key")).unwrap().try_into().unwrap();
    let hasher = PartyHasher::new(&secret);
    let mut traces = BTreeMap::new();
    for word in [EMAIL, PHONE, DEVICE, IP, POSTAL_CODE, CARD] {
        traces.insert(word.to_owned(), word.as_bytes().to_vec());
    }
    for (kind, name) in [
        ("account", ERASED),
        ("email", EMAIL),
        ("phone", PHONE),
        ("device", DEVICE),
        ("instrument", CARD),
    ] {
        let key = hasher.key(kind, name);
        traces.insert(format!("hash of {kind}"), key.to_string().into_bytes());
        traces.insert(format!("{kind} in bytes"), key.0.to_vec());
    }
    traces
}

/// Which traces are in which files of the folder.
fn found(data: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for (name, trace) in traces(data) {
            if bytes.windows(trace.len()).any(|part| part == trace) {
                found.push((path.file_name().unwrap().to_string_lossy().into_owned(), name));
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_person_is_left_in_any_file() {
    let folder = Folder::without_velocity();
    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap();
    let bought = live(&mut client).await;
    // A snapshot is written, and everything moved from the log into the file.
    drop(client);
    assert_eq!(server.stop().code, Some(0));
    let before = found(&folder.data());
    for name in ["ledger.sqlite", "signals.snapshot"] {
        assert!(before.iter().any(|(file, _)| file == name), "{name} of {before:?}");
    }
    // What is looked for would be found, but for what is hashed at the door.
    for (trace, _) in traces(&folder.data()) {
        if [EMAIL, PHONE, CARD].contains(&trace.as_str()) {
            continue;
        }
        assert!(before.iter().any(|(_, name)| *name == trace), "{trace} of {before:?}");
    }

    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap();
    let later = buy(&mut client, context(ERASED, DEVICE, 1_500)).await;
    let held = client.held(ERASED).await;
    assert_eq!(held, 7_400);
    let id = uuid::Uuid::now_v7().to_string();
    let ended = erase(&server, &[ERASED, "--request-id", &id]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let told = ended.out.lines().map(str::trim).collect::<Vec<_>>();
    assert!(told[0].starts_with("erased acc-erased at 20"), "{told:?}");
    // Three purchases, each an attempt and completed; contacts, opening, profile and age; the
    // account, two contacts, a device and a card.
    let counts = [
        "raw contexts     3",
        "signal events    6",
        "account fields   5",
        "signal parties   5",
        "staff texts      0",
        "card numbers     0",
    ];
    assert_eq!(told[1..], counts);
    assert_eq!(found(&folder.data()), [], "while it runs");

    // Told again, and again under another id.
    assert_eq!(erase(&server, &[ERASED, "--request-id", &id]).out, ended.out);
    let again = erase(&server, &[ERASED]).out;
    assert!(
        again.contains("raw contexts     0\n") && again.contains("signal events    0\n"),
        "{again}"
    );

    // What is owed stays, and decisions read as before.
    assert_eq!(client.held(ERASED).await, held);
    assert_eq!(client.held(OTHER).await, 2_000);
    for decision in [&bought, &later] {
        let seen = client.as_auditor().decision(&decision.decision_id).await.unwrap();
        assert_eq!(seen.outcome(), pb::DecisionOutcome::Approved);
        assert_eq!(seen.reference, decision.reference);
    }
    buy(&mut client, context(OTHER, SHARED_DEVICE, 3_000)).await;
    drop(client);
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(found(&folder.data()), [], "after a snapshot without them");
    assert!(folder.data().join("signals.snapshot").exists());
    assert_eq!(folder.check().await.findings, Vec::<String>::new());
    let server = folder.serve();
    assert_eq!(server.stop().code, Some(0), "it starts on what is left");
    assert_eq!(found(&folder.data()), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_named_by_a_file_and_leaves_no_contact() {
    let folder = Folder::without_velocity();
    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap();
    let guest = pb::GuestIdentity {
        email: EMAIL.to_owned(),
        phone: PHONE.to_owned(),
        given_name: "Quentin".to_owned(),
        ..pb::GuestIdentity::default()
    };
    let mut context = context("", DEVICE, 1_000);
    context.guest = Some(guest);
    let ask = Ask::buy(uuid::Uuid::now_v7().to_string(), context);
    let asked = client.ask(&ask).await.unwrap();
    drop(client);
    let words = [EMAIL, PHONE, DEVICE, "Quentin"];
    let left = || {
        let file = |entry: std::io::Result<fs::DirEntry>| fs::read(entry.unwrap().path()).unwrap();
        let files: Vec<Vec<u8>> = fs::read_dir(folder.data()).unwrap().map(file).collect();
        let has = |word: &&str| {
            files.iter().any(|file| file.windows(word.len()).any(|part| part == word.as_bytes()))
        };
        words.into_iter().filter(has).collect::<Vec<_>>()
    };
    assert_eq!(left(), words);
    let named = tempfile::NamedTempFile::new().unwrap();
    fs::write(&named, format!(r#"{{"email": "{EMAIL}"}}"#)).unwrap();
    let path = named.path().to_str().unwrap();
    let ended = erase(&server, &["--guest", path]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.starts_with("erased the guest at 20"), "{}", ended.out);
    assert!(ended.out.contains("raw contexts     1\n"), "{}", ended.out);
    assert_eq!(left(), [""; 0]);
    let client = Client::connect(&server.address).await.unwrap();
    let seen = client.as_auditor().decision(&asked.decision_id).await.unwrap();
    assert_eq!(seen.reference, asked.reference);
    drop(client);

    fs::write(&named, r#"{"mail": "a@b.example"}"#).unwrap();
    for (arguments, words) in [
        (vec!["--guest", path], "not a surety.v1.GuestIdentity"),
        (vec!["--guest", "/nowhere/guest.json"], "cannot read"),
    ] {
        let ended = erase(&server, &arguments);
        assert_eq!(ended.code, Some(1), "{}", ended.err);
        assert!(ended.err.contains(words), "{}", ended.err);
    }
    for arguments in [vec![], vec!["acc-1", "--guest", path]] {
        assert_eq!(erase(&server, &arguments).code, Some(2));
    }
    assert_eq!(server.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_erased_is_said() {
    let folder = Folder::new();
    let server = folder.serve();
    for (arguments, words) in [
        (vec!["nobody"], "NotFound ACCOUNT_NOT_FOUND"),
        (vec!["a b"], "account_id"),
        (vec!["nobody", "--request-id", "7"], "request_id"),
        (vec!["nobody", "--role", "agent"], "PermissionDenied ROLE_NOT_ALLOWED"),
    ] {
        let ended = erase(&server, &arguments);
        assert_eq!(ended.code, Some(1), "{}", ended.err);
        assert!(ended.err.contains(words), "{}", ended.err);
    }
    assert_eq!(server.stop().code, Some(0));
    let ended = run(surety("erase").args(["nobody", "--server", "http://127.0.0.1:9"]));
    assert!(ended.code == Some(1) && ended.err.contains("cannot reach"), "{}", ended.err);
}
