//! fsync that fails while the service runs (fiu-utils).

use std::process::Command;

use crate::book::Book;
use crate::client::Client;
use crate::load::{ACCOUNTS, Moment, open_accounts, until_broken};
use crate::seed::Random;
use crate::server::{Folder, Server};

const SEED: u64 = 0xf5;

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_ends_the_process_and_loses_no_answer() {
    let folder = Folder::without_velocity();
    let mut random = Random::new(SEED);
    let mut book = Book::default();
    let server = serve_with_faults(&folder);
    let mut client = Client::connect(&server.address).await.unwrap();
    open_accounts(&mut client, 1_000_000).await;
    let address = server.address.clone();
    let control = folder.path(&format!("control-{}", server.pid()));
    let fail = || {
        let mut command = Command::new("fiu-ctrl");
        command.args(["-c", "enable name=posix/io/sync/*"]).arg(control);
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

/// The script becomes the service, so its process is the service's.
fn serve_with_faults(folder: &Folder) -> Server {
    let found = Command::new("fiu-run").arg("-h").output();
    assert!(found.is_ok(), "fiu-run is missing: run tests/run, which installs fiu-utils");
    let mut command = Command::new("fiu-run");
    command.args(["-x", "-f"]).arg(folder.path("control"));
    command.args([env!("CARGO_BIN_EXE_surety"), "serve"]);
    folder.serve_by(command)
}
