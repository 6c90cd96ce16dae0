//! The HTTP port: who asks whether the service lives and is ready, and who sends it nonsense.

use crate::child::surety;
use crate::client::{Ask, Client};
use crate::http::{ask, get};
use crate::sample;
use crate::server::Folder;

/// `serve` with an HTTP port of its own.
pub fn with_http() -> std::process::Command {
    let mut command = surety("serve");
    command.args(["--http-listen", "127.0.0.1:0"]);
    command
}

#[test]
fn without_the_option_there_is_no_port() {
    let folder = Folder::new();
    let ended = folder.serve().stop();
    assert_eq!(ended.code, Some(0));
    assert!(!ended.out.contains("HTTP"), "{}", ended.out);
}

#[test]
fn probes_are_answered_and_the_address_is_the_second_line() {
    let folder = Folder::new();
    let server = folder.serve_by(with_http());
    let http = server.http();
    assert_eq!(get(&http, "/livez"), (200, "ok\n".to_owned()));
    assert_eq!(get(&http, "/readyz"), (200, "ok\n".to_owned()));
    let (status, text) = get(&http, "/metrics");
    assert_eq!(status, 200);
    for part in ["ledger", "signals", "playbook"] {
        assert!(text.contains(&format!("surety_ready{{part=\"{part}\"}} 1\n")), "{text}");
    }
    assert_eq!(get(&http, "/").0, 404);
    assert!(ask(&http, b"POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n").contains(" 405 "));
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_port_that_is_taken_stops_the_start_with_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = Folder::new();
    let mut command = surety("serve");
    command.args(["--grpc-listen", "127.0.0.1:0", "--http-listen", &address, "--data"]);
    let ended = crate::child::run(command.arg(folder.data()));
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains(&format!("cannot listen on {address} for HTTP")), "{}", ended.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_on_the_port_harms_nobody() {
    let folder = Folder::new();
    let server = folder.serve_by(with_http());
    let http = server.http();
    // More than there are places, and none says anything: they are cut off.
    let silent: Vec<_> = (0..100).map(|_| std::net::TcpStream::connect(&http).unwrap()).collect();
    let mut many = b"GET /metrics HTTP/1.1\r\n".to_vec();
    (0..200).for_each(|n| many.extend(format!("h{n}: x\r\n").into_bytes()));
    many.extend(b"\r\n");
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(30_000));
    for (bytes, expected) in [
        (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..], " 400 "),
        (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], ""),
        (&many, " 431 "),
        (long.as_bytes(), " 431 "),
    ] {
        let answer = ask_whatever(&http, bytes);
        assert!(answer.contains(expected), "{expected}: {answer}");
    }
    let mut client = Client::connect(&server.address).await.unwrap();
    client.upsert(sample::account("acc-1", 100_000)).await;
    let buy = Ask::buy(uuid::Uuid::now_v7().to_string(), sample::purchase("acc-1", 4_900));
    client.ask(&buy).await.unwrap();
    assert_eq!(get(&http, "/readyz").0, 200);
    drop(silent);
    assert_eq!(server.stop().code, Some(0));
}

/// What comes back, if the other end says anything before it hangs up.
fn ask_whatever(address: &str, bytes: &[u8]) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    // It may hang up before all is written.
    let _written = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _read = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
