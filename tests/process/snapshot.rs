//! Snapshots of what is remembered: taken, used, and refused when they do not fit.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use surety::grpc::pb;
use surety::grpc::pb::ReasonCode;
use uuid::Uuid;

use crate::child::{Ended, surety};
use crate::client::{Ask, Client};
use crate::sample;
use crate::server::{Folder, Server};

const USED: &str = "the signals were loaded from their snapshot";
const REBUILT: &str = "the signals were rebuilt from the ledger";
const REFUSED: &str = "the snapshot of the signals is not used; they are rebuilt from the ledger";
const WRITTEN: &str = "a snapshot was written";
const NOT_WRITTEN: &str = "no snapshot could be written; the old one stays";

/// The shipped policy refuses the fifth attempt within ten minutes.
const TOLERATED: i64 = 4;

async fn attempt(client: &mut Client, account: &str) -> pb::Decision {
    let context = sample::purchase(account, 1_000);
    client.ask(&Ask::buy(Uuid::now_v7().to_string(), context)).await.unwrap()
}

fn is_refused(decision: &pb::Decision) -> bool {
    decision.reasons.iter().any(|reason| reason.code() == ReasonCode::AttemptsTooFrequent)
}

/// Attempts one after the other, of which those after the tolerated ones are refused.
async fn attempts(client: &mut Client, account: &str, numbers: std::ops::RangeInclusive<i64>) {
    for number in numbers {
        let decision = attempt(client, account).await;
        assert_eq!(is_refused(&decision), number > TOLERATED, "attempt {number} of {account}");
    }
}

async fn client(server: &Server) -> Client {
    Client::connect(&server.address).await.unwrap()
}

fn snapshot(folder: &Folder) -> PathBuf {
    folder.data().join("signals.snapshot")
}

fn every_second() -> Command {
    let mut command = surety("serve");
    command.args(["--snapshot-every", "1"]);
    command
}

fn count(ended: &Ended, words: &str) -> usize {
    ended.err.lines().filter(|line| line.contains(words)).count()
}

/// A folder with two accounts, of which one has tried as often as is tolerated; stopped in order.
async fn stopped_folder() -> Folder {
    let folder = Folder::new();
    let server = folder.serve();
    let mut client = client(&server).await;
    for account in ["acc-1", "acc-2"] {
        client.upsert(sample::account(account, 100_000)).await;
    }
    attempts(&mut client, "acc-1", 1..=TOLERATED).await;
    drop(client);
    let ended = server.stop();
    assert_eq!((ended.code, count(&ended, WRITTEN)), (Some(0), 1), "{}", ended.err);
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_saves_what_was_counted_and_a_crash_loses_nothing_after_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = stopped_folder().await;
    let file = snapshot(&folder);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!file.with_extension("snapshot.new").exists());

    let server = folder.serve();
    let used = server.logged(USED);
    assert!(used.contains("\"sequence\":4,\"tail\":0,"), "{used}");
    let mut first = client(&server).await;
    attempts(&mut first, "acc-1", TOLERATED + 1..=TOLERATED + 2).await;
    attempts(&mut first, "acc-2", 1..=TOLERATED).await;
    server.kill();

    let server = folder.serve();
    let used = server.logged(USED);
    assert!(used.contains("\"sequence\":4,\"tail\":6,"), "{used}");
    let mut second = client(&server).await;
    attempts(&mut second, "acc-2", TOLERATED + 1..=TOLERATED + 1).await;
    drop((first, second));
    assert_eq!(server.stop().code, Some(0));

    // Nothing new: the file is left as it is.
    let before = fs::read(&file).unwrap();
    let ended = folder.serve().stop();
    assert_eq!((ended.code, count(&ended, USED), count(&ended, WRITTEN)), (Some(0), 1, 0));
    assert!(fs::read(&file).unwrap() == before);
}

/// The same data in another folder.
fn copy_of(folder: &Folder) -> Folder {
    let copy = Folder::new();
    fs::create_dir(copy.data()).unwrap();
    for entry in fs::read_dir(folder.data()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.data().join(entry.file_name())).unwrap();
    }
    copy
}

/// Serves once with so many attempts of an account, the first of that number, and stops.
async fn attempts_in(folder: &Folder, account: &str, numbers: std::ops::RangeInclusive<i64>) {
    let server = folder.serve();
    let mut client = client(&server).await;
    attempts(&mut client, account, numbers).await;
    drop(client);
    assert_eq!(server.stop().code, Some(0));
}

/// The snapshot is refused for that cause, once, and what the ledger holds is counted.
async fn refused(folder: &Folder, cause: &str) {
    let server = folder.serve();
    let line = server.logged(REFUSED);
    assert!(line.contains(cause), "{cause}: {line}");
    assert!(line.contains("\"WARN\""), "{line}");
    server.logged(REBUILT);
    let mut client = client(&server).await;
    attempts(&mut client, "acc-2", 1..=TOLERATED + 1).await;
    attempts(&mut client, "acc-1", TOLERATED + 1..=TOLERATED + 1).await;
    drop(client);
    let ended = server.stop();
    assert_eq!((ended.code, count(&ended, "WARN"), count(&ended, WRITTEN)), (Some(0), 0, 1));
    // The new one is as good as any.
    let ended = folder.serve().stop();
    assert_eq!((count(&ended, "WARN"), count(&ended, USED)), (0, 1), "{}", ended.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_not_as_it_was_written_is_refused_and_the_ledger_counts() {
    let folder = stopped_folder().await;
    let whole = fs::read(snapshot(&folder)).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let cases = [
        (flipped, "it is garbled: "),
        (whole[..whole.len() - 30].to_vec(), "it is cut short"),
        (Vec::new(), "it is cut short"),
        (b"no snapshot at all".to_vec(), "it is no snapshot"),
        ([b"surety-s", &9_u32.to_le_bytes()[..], &whole].concat(), "it has format 9, "),
    ];
    for (bytes, cause) in cases {
        let copy = copy_of(&folder);
        fs::write(snapshot(&copy), bytes).unwrap();
        refused(&copy, cause).await;
    }
    let copy = copy_of(&folder);
    fs::remove_file(snapshot(&copy)).unwrap();
    fs::create_dir(snapshot(&copy)).unwrap();
    let server = copy.serve();
    assert!(server.logged(REFUSED).contains("it cannot be read"), "a folder is no file");
    assert_eq!(server.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_another_ledger_or_of_its_future_is_refused() {
    let folder = stopped_folder().await;
    let later = copy_of(&folder);
    attempts_in(&later, "acc-2", 1..=TOLERATED).await;

    // The ledger was brought back from a backup, the snapshot was not.
    let restored = copy_of(&folder);
    fs::copy(snapshot(&later), snapshot(&restored)).unwrap();
    refused(&restored, "row 8 differs").await;

    // And went on with something else since.
    let restored = copy_of(&folder);
    fs::remove_file(snapshot(&restored)).unwrap();
    let server = restored.serve();
    let mut other = client(&server).await;
    other.upsert(sample::account("acc-3", 100_000)).await;
    attempts(&mut other, "acc-3", 1..=TOLERATED + 2).await;
    drop(other);
    assert_eq!(server.stop().code, Some(0));
    fs::copy(snapshot(&later), snapshot(&restored)).unwrap();
    refused(&restored, "row 8 differs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_cannot_be_written_stops_nothing() {
    let folder = stopped_folder().await;
    let before = fs::read(snapshot(&folder)).unwrap();
    // Not even root can write a file where a folder is.
    fs::create_dir(snapshot(&folder).with_extension("snapshot.new")).unwrap();
    let server = folder.serve_by(every_second());
    let mut buyer = client(&server).await;
    attempts(&mut buyer, "acc-1", TOLERATED + 1..=TOLERATED + 1).await;
    for number in 1..=3 {
        assert!(server.logged(NOT_WRITTEN).contains("\"WARN\""));
        attempts(&mut buyer, "acc-2", number..=number).await;
    }
    drop(buyer);
    let ended = server.stop();
    assert_eq!((ended.code, count(&ended, WRITTEN)), (Some(0), 0), "{}", ended.err);
    assert!(fs::read(snapshot(&folder)).unwrap() == before, "the old one stays");

    fs::remove_dir(snapshot(&folder).with_extension("snapshot.new")).unwrap();
    let server = folder.serve();
    assert!(server.logged(USED).contains("\"tail\":4,"));
    let mut client = client(&server).await;
    attempts(&mut client, "acc-2", TOLERATED..=TOLERATED + 1).await;
}

/// What an auditor sees of counts when the account tries once more.
async fn counts(folder: &Folder, account: &str, log: &str) -> Vec<String> {
    let server = folder.serve();
    server.logged(log);
    let decision = attempt(&mut client(&server).await.as_auditor(), account).await;
    let counted = |evidence: &&pb::Evidence| evidence.key.contains("attempts");
    let reasons = decision.reasons.iter().flat_map(|reason| &reason.evidence);
    let mut counts: Vec<String> = reasons.filter(counted).map(|e| format!("{e:?}")).collect();
    counts.sort();
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_under_load_count_as_the_ledger_does() {
    let folder = Folder::new();
    let accounts = ["acc-1", "acc-2", "acc-3", "acc-4"];
    let server = folder.serve_by(every_second());
    let mut lender = client(&server).await;
    let mut load = tokio::task::JoinSet::new();
    for account in accounts {
        lender.upsert(sample::account(account, 100_000)).await;
        let mut client = lender.clone();
        load.spawn(async move {
            loop {
                let ask = sample::purchase(account, 1_000);
                let ask = Ask::buy(Uuid::now_v7().to_string(), ask);
                if client.ask(&ask).await.is_err() {
                    return;
                }
            }
        });
    }
    for _ in 0..2 {
        tokio::task::block_in_place(|| server.logged(WRITTEN));
    }
    server.kill();
    load.join_all().await;
    for account in accounts {
        let (quick, slow) = (copy_of(&folder), copy_of(&folder));
        fs::remove_file(snapshot(&slow)).unwrap();
        let quick = counts(&quick, account, USED).await;
        assert!(!quick.is_empty());
        assert_eq!(quick, counts(&slow, account, REBUILT).await);
    }
}
