//! Certificates of both sides: who is let in by one, who is not, and new ones under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::Code;

use super::certificates::{Authority, Pair};
use super::service::{Place, ask, secured, unauthenticated, why};
use crate::server::Server;

/// Calls at least that are made while certificates change.
const CALLS_LEAST: usize = 200;

#[tokio::test]
async fn a_client_is_known_by_the_name_of_its_certificate_or_by_its_token() {
    let (place, authority) = (Place::new(), Authority::new());
    let by_name = ["--certificate", "shop.example", "--no-token"];
    place.add(&[&["shop", "--role", "agent"], &by_name[..]].concat());
    place.add(&["mesh", "--role", "agent", "--certificate", "spiffe://x.example/mesh"]);
    let token = place.add(&["anna", "--role", "agent"]);
    let server = place.serve_tls(&authority.server(), &authority, &[]);
    let ok = (Code::Ok, String::new());
    let shown = |name: &str| Some(authority.client(name));
    for (shows, token, expected) in [
        (shown("DNS:shop.example"), None, ok.clone()),
        (shown("DNS:other.example,DNS:SHOP.example"), None, ok.clone()),
        (shown("URI:spiffe://x.example/mesh"), None, ok.clone()),
        (shown("DNS:other.example"), None, unauthenticated("CERTIFICATE_UNKNOWN")),
        (shown("DNS:other.example"), Some(token.as_str()), ok.clone()),
        (None, Some(token.as_str()), ok.clone()),
        (None, None, unauthenticated("CREDENTIALS_MISSING")),
    ] {
        let channel = secured(&server, &authority, shows.as_ref()).connect().await.unwrap();
        assert_eq!(why(ask(channel, token).await), expected);
    }
    let channel = secured(&server, &authority, shown("DNS:shop.example").as_ref());
    let channel = channel.connect().await.unwrap();
    place.revoke("shop");
    super::service::until(&channel, None, unauthenticated("CALLER_REVOKED")).await;
    assert_eq!(server.stop().code, Some(0));
}

#[tokio::test]
async fn certificates_that_do_not_hold_let_nobody_in() {
    let (place, authority, stranger) = (Place::new(), Authority::new(), Authority::new());
    let by_name = ["--certificate", "shop.example", "--no-token"];
    place.add(&[&["shop", "--role", "agent"], &by_name[..]].concat());
    let server = place.serve_tls(&authority.server(), &authority, &[]);
    let name = "DNS:shop.example";
    for shows in [stranger.client(name), authority.expired_client(name)] {
        let endpoint = secured(&server, &authority, Some(&shows));
        // With TLS 1.3 the client is done before the server has looked at its certificate.
        if let Ok(channel) = endpoint.connect().await {
            let (code, reason) = why(ask(channel, None).await);
            assert_ne!(code, Code::Ok);
            assert_eq!(reason, "", "no handler was reached");
        }
    }
    // The client does not know who signed for the server.
    assert!(secured(&server, &stranger, None).connect().await.is_err());
    let channel = secured(&server, &authority, Some(&authority.client(name)));
    ask(channel.connect().await.unwrap(), None).await.unwrap();
    let log = server.stop().err;
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("turned away")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("\"kind\":\"tls\""), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_certificates_are_served_without_a_restart_and_no_call_fails() {
    let (place, authority) = (Place::new(), Authority::new());
    let token = place.add(&["anna", "--role", "agent"]);
    let (old, new) = (authority.server(), authority.server());
    let server = place.serve_tls(&old, &authority, &[]);
    let (stop, calls) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let endpoint = secured(&server, &authority, None);
            let (token, stop, calls) = (token.clone(), Arc::clone(&stop), Arc::clone(&calls));
            tokio::spawn(async move {
                let mut channel = endpoint.connect().await.unwrap();
                while !stop.load(Ordering::Relaxed) {
                    // Half of them keep their connection, the others make a new one each time.
                    if client % 2 == 0 {
                        channel = endpoint.connect().await.unwrap();
                    }
                    ask(channel.clone(), Some(&token)).await.unwrap();
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    assert_eq!(served(&server, &authority).await, leaf(&old));
    // First a pair that does not fit: half of what is new.
    let half = Pair { key: old.key.clone(), ..new.clone() };
    half.write(place.folder.root());
    server.logged("new certificates are unfit");
    assert_eq!(served(&server, &authority).await, leaf(&old));
    new.write(place.folder.root());
    server.logged("serving with new certificates");
    assert_eq!(served(&server, &authority).await, leaf(&new));
    while calls.load(Ordering::Relaxed) < CALLS_LEAST {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(server.stop().code, Some(0));
}

fn leaf(pair: &Pair) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()
}

/// The certificate that a new connection is shown.
async fn served(server: &Server, authority: &Authority) -> CertificateDer<'static> {
    let mut roots = RootCertStore::empty();
    let pem = std::fs::read(authority.certificate()).unwrap();
    roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(&server.address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}
