//! A disk without room, and with room again: a small file system of the service's own.

use std::path::PathBuf;
use std::process::Command;

use surety::grpc::pb;
use tonic::Code;
use uuid::Uuid;

use crate::client::{Ask, Client};
use crate::sample::{account, purchase};
use crate::server::{Folder, Server};

/// Mounts it where the data folder is to be, in a namespace that ends with the service, and fills a
/// part of it with what can be removed later.
const WITH_SMALL_DISK: &str = r#"
data=$1
shift
mkdir -p "$data"
mount -t tmpfs -o size=6m none "$data"
head -c 3000000 /dev/zero >"$data/ballast"
exec "$@"
"#;

fn serve(folder: &Folder) -> Server {
    let id = Command::new("id").arg("-u").output().unwrap().stdout;
    let mut command = Command::new("unshare");
    if id != b"0\n" {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "sh", "-c", WITH_SMALL_DISK, "sh"]).arg(folder.data());
    command.args([env!("CARGO_BIN_EXE_surety"), "serve"]);
    folder.serve_by(command)
}

async fn buy(client: &mut Client, number: i64) -> (Ask, Result<pb::Decision, tonic::Status>) {
    let ask = Ask::buy(Uuid::now_v7().to_string(), purchase("acc-1", 100 + number));
    let answer = client.ask(&ask).await;
    (ask, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_no_answer_and_is_left_without_a_restart() {
    let folder = Folder::without_velocity();
    let server = serve(&folder);
    let mut client = Client::connect(&server.address).await.unwrap();
    client.upsert(account("acc-1", 100_000_000)).await;
    let mut answered = Vec::new();
    let refused = loop {
        match buy(&mut client, answered.len() as i64).await {
            (ask, Ok(decision)) => answered.push((ask, decision)),
            (ask, Err(status)) => break (ask, status),
        }
        assert!(answered.len() < 10_000, "the disk is never full");
    };
    let (refused, status) = refused;
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(answered.len() > 10, "{} answers", answered.len());
    let held: i64 =
        answered.iter().map(|(_, d)| d.approved_amount.as_ref().unwrap().minor_units).sum();
    assert_eq!(client.held("acc-1").await, held, "nothing is reserved without an answer");

    let root = PathBuf::from(format!("/proc/{}/root", server.pid()));
    let data = folder.data();
    std::fs::remove_file(root.join(data.strip_prefix("/").unwrap()).join("ballast")).unwrap();
    let decision = client.ask(&refused).await.unwrap();
    assert_eq!(decision.outcome(), pb::DecisionOutcome::Approved);
    for (ask, decision) in answered {
        assert_eq!(client.ask(&ask).await.unwrap(), decision, "the first answer again");
    }
    assert_eq!(server.stop().code, Some(0));
}
