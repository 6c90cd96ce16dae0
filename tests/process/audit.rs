//! `audit verify`: beside a running service, and on a ledger that somebody has changed; and `audit
//! reads` beside one.

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use surety::grpc::pb;
use uuid::Uuid;

use crate::child::{Ended, run, surety};
use crate::client::{Ask, Client};
use crate::sample;
use crate::server::Folder;

fn verify(folder: &Folder, arguments: &[&str]) -> Ended {
    let mut command = surety("audit");
    command.args(["verify", "--data"]).arg(folder.data()).args(arguments);
    run(&mut command)
}

fn reads(folder: &Folder, arguments: &[&str]) -> Ended {
    let mut command = surety("audit");
    command.args(["reads", "--data"]).arg(folder.data()).args(arguments);
    run(&mut command)
}

async fn buy(client: &mut Client, amount: i64) -> pb::Decision {
    let ask = Ask::buy(Uuid::now_v7().to_string(), sample::purchase("acc-1", amount));
    client.ask(&ask).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_record_that_was_changed_is_named() {
    let folder = Folder::without_velocity();
    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap();
    client.upsert(sample::account("acc-1", 100_000)).await;
    let mut decisions = Vec::new();
    for amount in [1_000, 2_000, 3_000] {
        decisions.push(buy(&mut client, amount).await);
    }
    let beside = verify(&folder, &[]);
    assert_eq!((beside.code, beside.err.as_str()), (Some(0), ""));
    assert!(
        beside.out.starts_with("chain 1 holds: 3 decisions up to link 3, hash "),
        "{}",
        beside.out
    );
    assert_eq!(server.stop().code, Some(0));

    // A chain goes on where it ended.
    let server = folder.serve();
    buy(&mut Client::connect(&server.address).await.unwrap(), 4_000).await;
    assert_eq!(server.stop().code, Some(0));
    assert!(verify(&folder, &[]).out.starts_with("chain 1 holds: 4 decisions up to link 4"));
    let later = verify(&folder, &["--from", "2100-01-01"]);
    assert!(later.out.starts_with("chain 1 holds: 0 decisions up to link 4"), "{}", later.out);

    // A head that was kept elsewhere is part of the chain, and another one is not.
    let hash = beside.out.trim_end().rsplit(' ').next().unwrap();
    let kept = format!("1:3:{hash}");
    assert_eq!(verify(&folder, &["--head", &kept]).code, Some(0));
    let other = format!("1:4:{hash}");
    let lost = verify(&folder, &["--head", &kept, "--head", &other]);
    assert_eq!(lost.code, Some(1));
    assert!(lost.out.ends_with(&format!("head {other} is lost: it has another hash\n")));
    assert_eq!(lost.err, "surety: 1 of 2 heads are not part of the chains any more\n");

    let file = SqliteConnectOptions::new().filename(folder.data().join("ledger.sqlite"));
    let mut connection = file.connect().await.unwrap();
    sqlx::query("UPDATE decisions SET facts = facts || ' ' WHERE decision_id = $1")
        .bind(&decisions[1].decision_id)
        .execute(&mut connection)
        .await
        .unwrap();
    let broken = verify(&folder, &[]);
    assert_eq!(broken.code, Some(1));
    let named = format!(
        "chain 1 is broken at link 2: decision {} is not what was recorded\n",
        decisions[1].decision_id
    );
    assert_eq!(broken.out, named);
    assert_eq!(broken.err, "surety: 1 of 1 chains do not hold\n");
}

#[test]
fn what_cannot_be_verified_is_said_in_one_line() {
    let folder = Folder::new();
    let nothing = verify(&folder, &[]);
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(1), ""));
    assert!(nothing.err.contains("ledger.sqlite cannot be read"), "{}", nothing.err);
    let odd = verify(&folder, &["--from", "yesterday"]);
    assert_eq!(odd.code, Some(2));
    assert!(odd.err.contains("expected a time such as"), "{}", odd.err);
    for head in ["1:2", "1:2:abc", "x:2:abc", ""] {
        let odd = verify(&folder, &["--head", head]);
        assert_eq!(odd.code, Some(2));
        assert!(odd.err.contains("expected CHAIN:LINK:HASH"), "{}", odd.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_read_what_is_told_beside_a_running_service() {
    let folder = Folder::without_velocity();
    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap();
    for account in ["acc-1", "acc-2"] {
        client.upsert(sample::account(account, 100_000)).await;
    }
    let bought = buy(&mut client, 1_000).await;
    let id = bought.decision_id.as_str();
    let header = "time,caller,role,call,account_id,decision_ids,criteria\n";
    let nobody = reads(&folder, &[]);
    assert_eq!((nobody.code, nobody.out.as_str()), (Some(0), header), "{}", nobody.err);
    client.decision(id).await.unwrap();
    let mut auditor = client.as_auditor();
    for _ in 0..3 {
        auditor.decision(id).await.unwrap();
    }
    let all = reads(&folder, &["--account", "acc-1", "--decision", id, "--by", "local"]);
    let lines: Vec<&str> = all.out.strip_prefix(header).unwrap().lines().collect();
    assert_eq!(lines.len(), 3, "{}", all.out);
    for line in &lines {
        let (_time, rest) = line.split_once(',').unwrap();
        assert_eq!(rest, format!("local,auditor,GetDecision,acc-1,{id},"));
    }
    for none in [["--account", "acc-2"], ["--by", "anna"], ["--until", "2026-01-01"]] {
        assert_eq!(reads(&folder, &none).out, header, "{none:?}");
    }
    let objects = reads(&folder, &["--since", "2026-01-01", "--format", "json"]);
    let objects: Vec<serde_json::Value> =
        objects.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[0]["decision_ids"], serde_json::json!([id]));
    assert_eq!((&objects[0]["role"], &objects[0]["criteria"]), (&"auditor".into(), &"".into()));
    drop((client, auditor));
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn reads_that_cannot_be_looked_for_are_said_in_one_line() {
    let folder = Folder::new();
    for (arguments, words) in [
        (["--decision", "7"], "--decision"),
        (["--account", "no blanks"], "--account"),
        (["--since", "yesterday"], "expected a time such as"),
        (["--format", "xml"], "csv, json"),
    ] {
        let odd = reads(&folder, &arguments);
        assert_eq!((odd.code, odd.out.as_str()), (Some(2), ""));
        assert!(odd.err.contains(words), "{}", odd.err);
    }
    let turned = reads(&folder, &["--since", "2026-11-02", "--until", "2026-11-01"]);
    assert_eq!(turned.code, Some(2), "{}", turned.err);
    let nothing = reads(&folder, &[]);
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(1), ""));
    assert!(nothing.err.contains("ledger.sqlite cannot be read"), "{}", nothing.err);
}
