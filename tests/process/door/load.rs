//! `load` over TLS: as callers by token or certificate, and what it says when it is not let in.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::certificates::Authority;
use super::service::Place;
use crate::child::{Ended, run, surety};
use crate::server::Server;

/// The files that a lender and a checkout of any shop would have.
struct Credentials {
    checkout: PathBuf,
    lender: PathBuf,
}

impl Credentials {
    fn of(place: &Place) -> Credentials {
        let file = |name: &str, token: String| {
            let path = place.folder.path(name);
            std::fs::write(&path, format!("{token}\n")).unwrap();
            path
        };
        let checkout = place.add(&["shop", "--role", "checkout", "--any-merchant"]);
        let lender = place.add(&["lender", "--role", "ledger"]);
        Credentials { checkout: file("shop.token", checkout), lender: file("lender.token", lender) }
    }
}

/// An option, and the file that it names.
type File<'f> = (&'static str, &'f Path);

/// A short run against the server, with options and files.
fn load(server: &Server, options: &str, files: &[File<'_>]) -> Ended {
    let mut command = surety("load");
    command.args(["--accounts", "20", "--clients", "2", "--timeout", "30s", "--format", "json"]);
    command.args(["--warm-up", "0s", "--duration", "500ms"]);
    if !options.contains("--url") {
        command.args(["--url", &format!("https://{}", server.address)]);
    }
    command.args(options.split_whitespace());
    for (option, path) in files {
        command.arg(option).arg(path);
    }
    run(&mut command)
}

fn answered_all(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    assert!(report["answered"].as_u64() > Some(0), "{report:#}");
    assert_eq!(report["errors"], 0, "{report:#}");
}

#[test]
fn callers_with_a_token_or_a_certificate_are_let_in() {
    let (place, authority) = (Place::new(), Authority::new());
    let credentials = Credentials::of(&place);
    let by_name = ["--certificate", "shop.example", "--no-token"];
    place.add(&[&["named", "--role", "checkout", "--any-merchant"], &by_name[..]].concat());
    let server = place.serve_tls(&authority.server(), &authority, &[]);
    let (ca, lender) = (authority.certificate(), credentials.lender.as_path());
    let setup = ("--setup-token-file", lender);
    let ended = load(&server, "", &[("--ca", &ca), setup, ("--token-file", &credentials.checkout)]);
    answered_all(&ended);

    let shop = authority.client("DNS:shop.example");
    let (cert, key) = (place.folder.path("shop.pem"), place.folder.path("shop.key"));
    std::fs::write(&cert, &shop.certificate).unwrap();
    std::fs::write(&key, &shop.key).unwrap();
    let files = [("--ca", ca.as_path()), ("--cert", &cert), ("--key", &key)];
    answered_all(&load(&server, "--skip-setup --seed 2", &files));
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn who_is_not_let_in_is_told_why() {
    let (place, authority, stranger) = (Place::new(), Authority::new(), Authority::new());
    let credentials = Credentials::of(&place);
    let unknown = place.folder.path("unknown.token");
    let token = std::fs::read_to_string(&credentials.checkout).unwrap();
    let last = if token.trim_end().ends_with('A') { "B\n" } else { "A\n" };
    std::fs::write(&unknown, format!("{}{last}", &token[..token.len() - 2])).unwrap();
    let server = place.serve_tls(&authority.server(), &authority, &[]);
    let (ca, other) = (authority.certificate(), stranger.certificate());
    let (checkout, lender) = (credentials.checkout.as_path(), credentials.lender.as_path());
    let plain = format!("--url http://{}", server.address);
    let cases: [(&str, &[File<'_>], &str); 7] = [
        (
            "",
            &[("--ca", &ca), ("--setup-token-file", lender), ("--token-file", &unknown)],
            "no call was answered: UNAUTHENTICATED TOKEN_UNKNOWN",
        ),
        (
            "",
            &[("--ca", &ca), ("--setup-token-file", &unknown), ("--token-file", checkout)],
            "cannot write the accounts: Unauthenticated TOKEN_UNKNOWN",
        ),
        (
            "",
            &[("--ca", &ca), ("--token-file", checkout)],
            "cannot write the accounts: PermissionDenied ROLE_NOT_ALLOWED",
        ),
        ("", &[("--ca", &ca)], "cannot write the accounts: Unauthenticated CREDENTIALS_MISSING"),
        ("", &[("--ca", &other), ("--token-file", checkout)], "invalid peer certificate"),
        ("", &[("--token-file", checkout)], "invalid peer certificate"),
        (&plain, &[("--token-file", checkout)], "cannot reach http://127.0.0.1:"),
    ];
    for (options, files, words) in cases {
        let ended = load(&server, options, files);
        assert_eq!(ended.code, Some(1), "{words}: {}", ended.err);
        assert!(ended.err.contains(words), "expected {words}: {}", ended.err);
    }
    assert_eq!(server.stop().code, Some(0));
}
