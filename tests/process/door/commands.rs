//! `caller add`, `revoke` and `list`, with a service running and without one.

use super::service::{Place, ask, plain, unauthenticated, until, why};
use crate::child::run;
use crate::child::surety;

#[test]
fn a_caller_is_added_listed_and_revoked_on_a_new_folder() {
    let place = Place::new();
    let token =
        place.add(&["shop", "--role", "checkout", "--merchant", "m-1", "--merchant", "m-2"]);
    assert!(token.starts_with("srt_") && token.len() == 47, "{token}");
    let console = ["console", "--role", "agent", "--role", "auditor"];
    let named = ["--certificate", "Console.Example", "--no-token"];
    assert_eq!(place.add(&[&console[..], &named[..]].concat()), "");
    let listed = place.caller(&["list"]).out;
    for words in [
        "shop  roles checkout  merchants m-1,m-2  by token  since ",
        "console  roles agent,auditor  merchants any  by console.example  since ",
    ] {
        assert!(listed.contains(words), "{listed}");
    }
    assert!(!listed.contains(&token[4..]), "{listed}");
    place.revoke("shop");
    let json = place.caller(&["list", "--format", "json"]).out;
    let rows: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows[0]["merchants"], serde_json::json!(["m-1", "m-2"]));
    assert!(rows[0]["revoke_time"].is_string() && rows[1]["revoke_time"].is_null());
    assert_eq!(rows[1]["merchants"], serde_json::Value::Null);
    let again = place.caller(&["revoke", "shop"]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("no caller of that name"), "{}", again.err);
}

#[test]
fn the_ledger_is_found_in_the_environment_as_by_the_service() {
    let place = Place::new();
    place.add(&["shop", "--role", "agent"]);
    let by_environment = |command: &str, word: &str| {
        run(surety(command).arg(word).env("SURETY_DATA", place.folder.data()))
    };
    let listed = by_environment("caller", "list");
    assert!(listed.out.starts_with("shop  roles agent"), "{} {}", listed.out, listed.err);
    let verified = by_environment("audit", "verify");
    assert_eq!(verified.code, Some(0), "{}", verified.err);
}

#[test]
fn what_makes_no_sense_is_refused_and_nothing_is_added() {
    let place = Place::new();
    let checkout = &["shop", "--role", "checkout"][..];
    let rows: [(&[&str], i32, &str); 9] = [
        (checkout, 2, "--any-merchant"),
        (&["shop"], 2, "--role"),
        (&["shop", "--role", "cashier"], 2, "expected one of checkout"),
        (&["a shop", "--role", "agent"], 2, "A-Z"),
        (&["anna", "--role", "agent", "--merchant", "m-1"], 2, "only role is checkout"),
        (&["anna", "--role", "agent", "--no-token"], 2, "--certificate"),
        (&["anna", "--role", "agent", "--certificate", "*.example"], 2, "DNS name"),
        (&["x", "--role", "checkout", "--merchant", "m 1"], 2, "A-Z"),
        (&["x", "--role", "checkout", "--any-merchant", "--merchant", "m"], 2, "cannot be used"),
    ];
    for (arguments, code, words) in rows {
        let refused = place.caller(&[&["add"], arguments].concat());
        assert_eq!((refused.code, refused.out.as_str()), (Some(code), ""), "{arguments:?}");
        assert!(refused.err.contains(words), "{arguments:?}: {}", refused.err);
    }
    assert!(!place.folder.data().exists());
    place.add(&[checkout, &["--any-merchant"]].concat());
    let twice = place.caller(&["add", "shop", "--role", "agent"]);
    assert_eq!((twice.code, twice.out.as_str()), (Some(1), ""));
    assert!(twice.err.contains("shop is there already"), "{}", twice.err);
}

#[tokio::test]
async fn a_running_service_knows_of_callers_that_come_and_go() {
    let place = Place::new();
    let server = place.serve(&[]);
    server.logged("no callers");
    let channel = plain(&server).await;
    ask(channel.clone(), None).await.unwrap();
    let token = place.add(&["anna", "--role", "agent"]);
    // The first call with it looks for it at once.
    ask(channel.clone(), Some(&token)).await.unwrap();
    assert_eq!(why(ask(channel.clone(), None).await), unauthenticated("CREDENTIALS_MISSING"));
    place.revoke("anna");
    until(&channel, Some(&token), unauthenticated("CALLER_REVOKED")).await;
    // Nobody is left, and still nobody comes in without credentials.
    assert_eq!(why(ask(channel.clone(), None).await), unauthenticated("CREDENTIALS_MISSING"));
    let ended = server.stop();
    assert_eq!(ended.code, Some(0));
    assert!(!ended.err.contains(&token[4..]), "a token is in the log");
    // After a restart too.
    let server = place.serve(&[]);
    let channel = plain(&server).await;
    assert_eq!(why(ask(channel.clone(), None).await), unauthenticated("CREDENTIALS_MISSING"));
    assert_eq!(why(ask(channel, Some(&token)).await), unauthenticated("CALLER_REVOKED"));
}

#[test]
fn beyond_this_machine_nothing_is_served_without_tls_and_callers() {
    let place = Place::new();
    let serve = |options: &[&str]| {
        let mut command = surety("serve");
        command.args(["--grpc-listen", "0.0.0.0:0"]).args(options);
        run(command.arg("--data").arg(place.folder.data()))
    };
    let refused = serve(&[]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("--tls-cert"), "{}", refused.err);
    assert!(!place.folder.data().exists(), "nothing is made for a service that cannot be");
    let refused = serve(&["--plaintext"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("surety caller add"), "{}", refused.err);
    for (options, expected) in [
        (&["--tls-cert", "x", "--tls-key", "x", "--plaintext"][..], "not both"),
        (&["--tls-cert", "x"], "expected --tls-key"),
        (&["--tls-key", "x"], "expected --tls-cert"),
        (&["--tls-client-ca", "x"], "expected --tls-cert"),
    ] {
        let refused = serve(options);
        assert_eq!(refused.code, Some(1));
        assert!(refused.err.contains(expected), "{}", refused.err);
    }
    let refused = serve(&["--tls-cert", "nowhere.pem", "--tls-key", "nowhere.pem"]);
    assert!(refused.err.contains("cannot read nowhere.pem"), "{}", refused.err);
}
