//! `health`, as probes run it: of services that serve and that do not, and of what is none.

use std::net::TcpListener;

use tonic::transport::Server as TonicServer;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::health_reporter;

use crate::child::{Ended, run, surety};
use crate::door::certificates::Authority;
use crate::door::service::Place;
use crate::server::Folder;

fn health(options: &str) -> Ended {
    run(surety("health").args(options.split_whitespace()))
}

fn is_refused(options: &str, code: i32, words: &str) {
    let ended = health(options);
    assert_eq!(ended.code, Some(code), "{options}: {}", ended.err);
    assert!(ended.err.contains(words), "{options}: expected {words}: {}", ended.err);
    assert_eq!(ended.out, "", "{options}");
}

#[test]
fn a_service_that_serves_is_healthy_as_a_whole_and_in_parts() {
    let folder = Folder::new();
    let server = folder.serve();
    let target = format!("--target http://{}", server.address);
    for service in ["", " --service surety.v1.RiskDecisionService"] {
        let ended = health(&format!("{target}{service}"));
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), "SERVING\n"), "{}", ended.err);
    }
    let asked =
        run(surety("health").env("SURETY_HEALTH_TARGET", format!("http://{}", server.address)));
    assert_eq!(asked.code, Some(0), "{}", asked.err);
    is_refused(&format!("{target} --service nothing"), 1, "it has no service nothing");
}

#[test]
fn certificates_are_checked_and_no_credentials_are_needed() {
    let (place, authority, stranger) = (Place::new(), Authority::new(), Authority::new());
    place.add(&["anna", "--role", "agent"]);
    let server = place.serve_tls(&authority.server(), &authority, &[]);
    let port = server.address.rsplit_once(':').unwrap().1;
    let by_address = format!("--target https://{}", server.address);
    let own = format!("--tls-ca {}", authority.certificate().display());
    for options in [
        format!("{by_address} {own}"),
        format!("--target https://127.0.0.1:{port} {own} --tls-name localhost"),
    ] {
        let ended = health(&options);
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), "SERVING\n"), "{}", ended.err);
    }
    is_refused(&format!("{by_address} {own} --tls-name other.example"), 1, "not valid for name");
    let other = format!("{by_address} --tls-ca {}", stranger.certificate().display());
    is_refused(&other, 1, "invalid peer certificate");
    is_refused(&by_address, 1, "invalid peer certificate");
    is_refused(&format!("--target http://{}", server.address), 1, "http://127.0.0.1:");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_serve_is_not_healthy() {
    let (reporter, service) = health_reporter();
    reporter.set_service_status("", ServingStatus::NotServing).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = TonicServer::builder().add_service(service);
    let served = tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    is_refused(&format!("--target http://{address}"), 1, "NOT_SERVING");
    served.abort();
    // Connections are made by the system, and nobody ever takes them.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("--target http://{}", deaf.local_addr().unwrap());
    is_refused(&silent, 1, "no answer within 5s");
    is_refused("--target http://127.0.0.1:1", 1, "cannot reach http://127.0.0.1:1/");
}

#[test]
fn a_wrong_command_line_is_told() {
    for (options, words) in [
        ("--target localhost", "expected http://host:port or https://host:port"),
        ("--tls-ca ca.pem", "need a --target with https"),
        ("--target https://127.0.0.1:1 --tls-ca /nowhere/ca.pem", "/nowhere/ca.pem"),
    ] {
        is_refused(options, 2, words);
    }
}
