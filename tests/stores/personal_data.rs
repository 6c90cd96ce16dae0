//! Nothing in the store says who somebody is: only hashes under a key that it does not know.

use redis::FromRedisValue;
use surety::grpc::pb;
use uuid::Uuid;

use crate::client::{Ask, Client};
use crate::sample;
use crate::servers::{Kind, RedisServer};
use crate::service::{Service, Site};

/// Values that could not come from anywhere else.
const ACCOUNT: &str = "account-quetzal-0815";
const EMAIL: &str = "quokka.zebrafish@mail.example";
const PHONE: &str = "+4479460958231";
const IP: &str = "198.51.100.234";
const DEVICE: &str = "device-xylophone-4711";
const MERCHANT: &str = "merchant-marmalade-99";
const CARD: &str = "tok_4242_walrus";
/// What networks and mailboxes are turned into for comparing, and a card number.
const OTHERS: [&str; 3] = ["198.51.100.0", "zebrafish", "4111111111111111"];
const RAW: [&str; 7] = [ACCOUNT, EMAIL, PHONE, IP, DEVICE, MERCHANT, CARD];

/// All keys with their values, as text.
const DUMP: &str = "
local dump = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  dump[#dump + 1] = key
  local kind = redis.call('TYPE', key).ok
  if kind == 'string' then
    dump[#dump + 1] = redis.call('GET', key)
  elseif kind == 'set' then
    for _, member in ipairs(redis.call('SMEMBERS', key)) do dump[#dump + 1] = member end
  else
    return redis.error_reply('a key of type ' .. kind)
  end
end
return dump";

async fn dump(server: &RedisServer) -> String {
    let dump = server.command(&["EVAL", DUMP, "0"]).await;
    let dump = Vec::<Vec<u8>>::from_redis_value(dump).unwrap();
    String::from_utf8_lossy(&dump.join(&b'\n')).to_lowercase()
}

fn context(guest: bool, amount: i64) -> pb::PurchaseContext {
    let mut context = sample::purchase(ACCOUNT, amount);
    if guest {
        context.account_id = String::new();
        context.guest = Some(pb::GuestIdentity {
            email: EMAIL.to_owned(),
            phone: PHONE.to_owned(),
            ..pb::GuestIdentity::default()
        });
    }
    context.device = Some(sample::device(DEVICE));
    if let Some(network) = &mut context.network {
        network.ip_address = IP.to_owned();
    }
    if let Some(merchant) = &mut context.merchant {
        merchant.merchant_id = MERCHANT.to_owned();
    }
    context.instrument =
        Some(pb::Instrument { token: CARD.to_owned(), ..pb::Instrument::default() });
    context
}

/// Everything that teaches the store something: attempts, purchases, and what is taken back.
async fn all_calls(service: &Service) {
    let mut client = Client::connect(&service.address).await.unwrap();
    let mut account = sample::account(ACCOUNT, 1_000_000);
    (account.email, account.phone) = (EMAIL.to_owned(), PHONE.to_owned());
    client.upsert(account).await;
    let request_id = || Uuid::now_v7().to_string();
    for amount in [1_000, 2_000] {
        client.ask(&Ask::buy(request_id(), context(true, amount))).await.unwrap();
        let bought = client.ask(&Ask::buy(request_id(), context(false, amount))).await.unwrap();
        assert_eq!(bought.outcome(), pb::DecisionOutcome::Approved, "{bought:?}");
        let decision_id = bought.decision_id.clone();
        let ask = match amount {
            1_000 => Ask::Confirm(pb::ConfirmPurchaseRequest {
                request_id: request_id(),
                decision_id,
                merchant_id: MERCHANT.to_owned(),
                captured_amount: bought.approved_amount,
                merchant_order_reference: String::new(),
            }),
            _ => Ask::Cancel(pb::CancelDecisionRequest {
                request_id: request_id(),
                decision_id,
                reason: pb::CancelReason::BankRefused.into(),
            }),
        };
        client.ask(&ask).await.unwrap();
        client.decision(&bought.decision_id).await.unwrap();
        // A mistake, as some make it.
        let mut wrong = context(false, amount);
        wrong.merchant_order_reference = "4111111111111111".to_owned();
        client.ask(&Ask::buy(request_id(), wrong)).await.unwrap_err();
    }
}

/// The key under which a party lies in the store.
fn key_of(site: &Site, (kind, hashed_as, name): (&str, &str, &str)) -> String {
    let hash = site.hasher().key(hashed_as, name).to_string();
    let (partition, rest) = hash.split_at(3);
    format!("surety:{{{partition}}}:{kind}:{rest}")
}

fn erase(service: &Service, account: &str) -> std::process::Output {
    let url = format!("http://{}", service.address);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_surety"));
    command.args(["erase", account, "--server", &url]).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_erased_from_the_store_or_not_at_all() {
    let server = RedisServer::start(Kind::Redis).await;
    let site = Site::new();
    let service = site.serve("service", &server.url()).await;
    all_calls(&service).await;
    let told = dump(&server).await;
    let own =
        [("account", "account", ACCOUNT), ("contact", "email", EMAIL), ("contact", "phone", PHONE)];
    let others = [
        ("merchant", "merchant", MERCHANT),
        ("network", "network", "198.51.100.0/24"),
        // A guest has paid with it too.
        ("instrument", "instrument", CARD),
    ];
    for party in own.iter().chain(&others) {
        assert!(told.contains(&key_of(&site, *party)), "no {party:?} in the store");
    }
    // While the store is away nothing is erased anywhere, and whoever asks is told.
    server.pause().await;
    let refused = erase(&service, ACCOUNT);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("STORE_UNAVAILABLE"), "{words}");
    server.resume();
    let erased = erase(&service, ACCOUNT);
    let words = String::from_utf8_lossy(&erased.stdout).into_owned();
    assert!(erased.status.success() && !words.contains("raw contexts     0"), "{words}");
    let told = dump(&server).await;
    for party in &own {
        assert!(!told.contains(&key_of(&site, *party)), "{party:?} is still in the store");
    }
    for party in &others {
        assert!(told.contains(&key_of(&site, *party)), "no {party:?} in the store any more");
    }
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_is_in_the_store() {
    let server = RedisServer::start(Kind::Redis).await;
    let site = Site::new();
    let service = site.serve("service", &server.url()).await;
    all_calls(&service).await;
    service.stop();
    let told = dump(&server).await;
    // All parties are there, by their hashes.
    for party in [
        ("account", "account", ACCOUNT),
        ("contact", "email", EMAIL),
        ("contact", "phone", PHONE),
        ("device", "device", DEVICE),
        ("merchant", "merchant", MERCHANT),
        ("instrument", "instrument", CARD),
        ("network", "network", "198.51.100.0/24"),
    ] {
        assert!(told.contains(&key_of(&site, party)), "no {party:?} in the store");
    }
    for word in RAW.iter().chain(&OTHERS) {
        assert!(!told.contains(&word.to_lowercase()), "{word} is in the store");
    }
    // What is looked for would be found.
    server.command(&["SET", "note", EMAIL]).await;
    server.command(&["SADD", "notes", PHONE]).await;
    let told = dump(&server).await;
    assert!(told.contains(EMAIL) && told.contains(PHONE));
}
