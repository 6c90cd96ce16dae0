//! `export decisions`: beside a running service, whole or not at all, and nobody's personal data.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use surety::grpc::pb;

use crate::child::{Ended, run, surety};
use crate::client::{Ask, Client};
use crate::sample;
use crate::server::Folder;

const FORMULA: &str = "=HYPERLINK(\"https://evil.example\",\"click\")";

fn export(ledger: &Path, arguments: &[&str]) -> Ended {
    let mut command = surety("export");
    command.args(["decisions", "--format", "csv", "--ledger"]).arg(ledger).args(arguments);
    run(&mut command)
}

/// Rows by the names of their columns.
fn rows(text: &str) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

async fn buy(client: &mut Client, context: pb::PurchaseContext) -> pb::Decision {
    client.ask(&Ask::buy(uuid::Uuid::now_v7().to_string(), context)).await.unwrap()
}

/// An approval that is confirmed in part, a refusal, and a guest.
async fn live(client: &mut Client) -> [pb::Decision; 3] {
    client.upsert(sample::account("acc-1", 10_000)).await;
    let mut context = sample::purchase("acc-1", 4_900);
    context.merchant_order_reference = FORMULA.to_owned();
    let approved = buy(client, context).await;
    client
        .ask(&Ask::Confirm(pb::ConfirmPurchaseRequest {
            request_id: uuid::Uuid::now_v7().to_string(),
            decision_id: approved.decision_id.clone(),
            merchant_id: sample::MERCHANT.to_owned(),
            captured_amount: Some(sample::pounds(900)),
            merchant_order_reference: String::new(),
        }))
        .await
        .unwrap();
    let declined = buy(client, sample::purchase("acc-1", 50_000)).await;
    let mut guest = sample::purchase("acc-1", 700);
    guest.account_id = String::new();
    guest.guest = Some(pb::GuestIdentity {
        email: "quokka.zebrafish@mail.example".to_owned(),
        ..pb::GuestIdentity::default()
    });
    [approved, declined, buy(client, guest).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_exported_beside_a_running_service() {
    let folder = Folder::without_velocity();
    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap();
    let [approved, declined, guest] = live(&mut client).await;
    let ledger = folder.data().join("ledger.sqlite");
    let ended = export(&ledger, &[]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), "3 decisions\n"));
    for personal in ["quokka", "203.0.113", "acc-1-phone"] {
        assert!(!ended.out.contains(personal), "{personal} is in the export");
    }
    let found = rows(&ended.out);
    let ids: Vec<&str> = found.iter().map(|row| row["decision_id"].as_str()).collect();
    let mut expected = [&approved, &declined, &guest].map(|d| d.decision_id.as_str());
    expected.sort_unstable();
    assert_eq!(ids, expected, "in order of time");
    let row = |decision: &pb::Decision| {
        found.iter().find(|row| row["decision_id"] == decision.decision_id).unwrap()
    };
    for (column, value) in [
        ("reference", approved.reference.as_str()),
        ("product", "PURCHASE"),
        ("market", "GB"),
        ("account_id", "acc-1"),
        ("guest", "false"),
        ("merchant_id", sample::MERCHANT),
        ("order_reference", &format!("'{FORMULA}")),
        ("currency", "GBP"),
        ("amount_minor", "4900"),
        ("outcome", "APPROVED"),
        ("state", "FINAL"),
        ("captured_minor", "900"),
        ("superseded_by", ""),
    ] {
        assert_eq!(row(&approved)[column], value, "{column}");
    }
    let refused = row(&declined);
    assert_eq!(refused["outcome"], "DECLINED");
    assert!(refused["codes"].split(' ').any(|code| code == "CREDIT_LIMIT_EXCEEDED"), "{refused:?}");
    assert_eq!((row(&guest)["account_id"].as_str(), row(&guest)["guest"].as_str()), ("", "true"));

    // By a file, and of a stretch of time: from the second one on, which ends before the third.
    let (since, until) = (&refused["create_time"], &row(&guest)["create_time"]);
    let out = folder.path("decisions.csv");
    let path = out.to_str().unwrap();
    let url = format!("sqlite:{}", ledger.display());
    let ended = export(Path::new(&url), &["--since", since, "--until", until, "--out", path]);
    assert_eq!(
        (ended.code, ended.out.as_str(), ended.err.as_str()),
        (Some(0), "", "1 decisions\n")
    );
    let found = rows(&fs::read_to_string(&out).unwrap());
    assert_eq!(found[0]["decision_id"], declined.decision_id);
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(rows(&export(&ledger, &[]).out).len(), 3, "nobody has it open");
}

#[test]
fn what_is_wrong_is_said_and_leaves_no_file() {
    let folder = Folder::new();
    let out = folder.path("decisions.csv");
    fs::write(&out, "the last one").unwrap();
    let path = out.to_str().unwrap();
    let no_ledger = folder.path("table.csv");
    fs::write(&no_ledger, "id,time\n1,2\n").unwrap();
    for (ledger, arguments, code, words) in [
        (folder.path("missing"), vec![], 1, "missing"),
        (no_ledger.clone(), vec![], 1, "cannot be read as one"),
        (no_ledger.clone(), vec!["--since", "2026-02-30"], 2, "--since"),
        (
            no_ledger.clone(),
            vec!["--since", "2026-02-02", "--until", "2026-02-01"],
            2,
            "expected a time later than --since",
        ),
    ] {
        let ended = export(&ledger, &[&arguments[..], &["--out", path]].concat());
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        assert!(ended.err.contains(words), "{}", ended.err);
    }
    assert_eq!(fs::read_to_string(&out).unwrap(), "the last one");
    let left = fs::read_dir(folder.root()).unwrap().count();
    assert_eq!(left, 2, "only what was there before");
}
