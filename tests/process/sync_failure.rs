//! fsync that fails while the service runs (fiu-utils).

use std::process::Command;

use crate::book::Book;
use crate::child::run;
use crate::client::Client;
use crate::load::{ACCOUNTS, Moment, open_accounts, until_broken};
use crate::seed::Random;
use crate::server::Folder;

const SEED: u64 = 0xf5;
const FAIL: &str = "enable name=posix/io/sync/*";

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_ends_the_process_and_loses_no_answer() {
    let folder = Folder::without_velocity();
    let mut random = Random::new(SEED);
    let mut book = Book::default();
    let server = folder.serve_by(with_faults(&folder, &[]));
    let mut client = Client::connect(&server.address).await.unwrap();
    open_accounts(&mut client, 1_000_000).await;
    let address = server.address.clone();
    let control = folder.path(&format!("control-{}", server.pid()));
    let fail = || {
        let mut command = Command::new("fiu-ctrl");
        command.args(["-c", FAIL]).arg(control);
        assert!(command.status().unwrap().success());
    };
    until_broken(&address, &mut book, &mut random, Moment::Answered(100), fail).await;
    let ended = server.end();
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let told: Vec<&str> = ended.err.lines().filter(|line| line.starts_with("surety: ")).collect();
    assert_eq!(told.len(), 1, "{}", ended.err);
    assert!(told[0].contains("the ledger failed, so nothing more is answered"), "{}", told[0]);

    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap();
    book.holds(&client, (0..book.len()).collect()).await;
    book.settle(&mut client).await;
    for account in ACCOUNTS {
        let held = client.held(account).await;
        assert_eq!(held..=held, book.held(account), "{account}");
    }
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(folder.check().await.findings, Vec::<String>::new());
}

#[test]
fn a_disk_that_never_synced_is_not_served_from() {
    let folder = Folder::new();
    let mut command = with_faults(&folder, &["-c", FAIL]);
    command.args(["--grpc-listen", "127.0.0.1:0", "--data"]).arg(folder.data());
    let ended = run(&mut command);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    // What is left of that start is no hindrance to the next.
    assert_eq!(folder.serve().stop().code, Some(0));
}

/// The script becomes the service, so its process is the service's.
fn with_faults(folder: &Folder, options: &[&str]) -> Command {
    let found = Command::new("fiu-run").arg("-h").output();
    assert!(found.is_ok(), "fiu-run is missing: run tests/run, which installs fiu-utils");
    let mut command = Command::new("fiu-run");
    command.args(["-x", "-f"]).arg(folder.path("control")).args(options);
    command.args([env!("CARGO_BIN_EXE_surety"), "serve"]);
    command
}
