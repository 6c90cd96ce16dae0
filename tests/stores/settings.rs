//! Settings of the store that cannot be: an exit code, one line that helps, and no password in it.

use std::fs;
use std::process::{Command, Output};

use crate::service::Site;

const PASSWORD: &str = "n0t-f0r-y0u";

/// One line on standard error with all of `words`, and nothing else.
fn is_refused(command: &mut Command, words: &[&str]) {
    let ended = command.output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let told = of_no_password(&ended);
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.starts_with("surety: "), "{told}");
    for word in words {
        assert!(told.contains(word), "no \"{word}\" in: {told}");
    }
}

fn of_no_password(ended: &Output) -> String {
    let out = String::from_utf8(ended.stdout.clone()).unwrap();
    let told = String::from_utf8(ended.stderr.clone()).unwrap();
    assert!(!out.contains(PASSWORD) && !told.contains(PASSWORD), "{out}{told}");
    told
}

#[test]
fn an_address_that_cannot_be() {
    let site = Site::new();
    let cases = [
        ("embeded", "must begin with redis://"),
        ("http://:PASSWORD@h:6379", "must begin with redis://"),
        ("redis://:PASSWORD@h:port", "no valid port"),
        ("redis://:PASSWORD@:6379", "no valid host"),
        ("redis://:PASSWORD@h:6379/first", "the database must be a number"),
        ("redis://:PASSWORD%@h:6379", "percent-encoded"),
        ("redis://:PASSWORD@h:6379,i:6379", "redis+cluster://"),
        ("redis+cluster://:PASSWORD@h:6379/1", "no numbered databases"),
        ("redis://PASSWORD:h:6379", "no valid"),
    ];
    for (address, word) in cases {
        let address = address.replace("PASSWORD", PASSWORD);
        is_refused(&mut site.command("data", &address), &["--signals", word]);
        // The same from the environment.
        let mut command = Command::new(env!("CARGO_BIN_EXE_surety"));
        command.args(["serve", "--data"]).arg(site.path("data")).env("SURETY_SIGNALS", &address);
        is_refused(&mut command, &["--signals", word]);
    }
    assert!(!site.path("data").exists(), "nothing is made for a service that cannot be");
}

#[test]
fn a_shared_store_wants_a_shared_key() {
    let site = Site::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_surety"));
    command.args(["serve", "--grpc-listen", "127.0.0.1:0", "--signals", "redis://127.0.0.1:1"]);
    command.arg("--data").arg(site.path("data"));
    is_refused(&mut command, &["--party-key", "32 random bytes"]);

    fs::remove_file(site.path("party.key")).unwrap();
    let name = site.path("party.key").display().to_string();
    is_refused(&mut site.command("data", "redis://127.0.0.1:1"), &[&name, "no such file"]);
    fs::write(site.path("party.key"), "short").unwrap();
    let words = [name.as_str(), "expected a key of 32 bytes"];
    is_refused(&mut site.command("data", "redis://127.0.0.1:1"), &words);
}

#[test]
fn files_that_are_not_there_or_not_what_they_should_be() {
    let site = Site::new();
    let (nowhere, key) = (site.path("nowhere"), site.path("party.key"));
    let name = nowhere.display().to_string();
    for (option, url, file, words) in [
        ("--signals-password-file", "redis://h", &nowhere, [name.as_str(), "No such file"]),
        ("--signals-ca-file", "rediss://h", &nowhere, [name.as_str(), "No such file"]),
        ("--signals-ca-file", "rediss://h", &key, ["no certificate", "PEM"]),
        ("--signals-ca-file", "redis://h", &key, ["for TLS only", "rediss://"]),
    ] {
        let mut command = site.command("data", url);
        command.arg(option).arg(file);
        is_refused(&mut command, &words);
    }
}

#[test]
fn a_budget_that_cannot_be() {
    let site = Site::new();
    let url = format!("redis://:{PASSWORD}@127.0.0.1:1");
    for budget in ["0", "10001", "-1", "quick"] {
        let mut command = site.command("data", &url);
        let ended = command.arg(format!("--signals-budget-ms={budget}")).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(of_no_password(&ended).contains("--signals-budget-ms"), "{ended:?}");
    }
}

#[test]
fn help_does_not_tell_the_environment() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_surety"));
    command.args(["serve", "--help"]).env("SURETY_SIGNALS", format!("redis://:{PASSWORD}@h"));
    let ended = command.output().unwrap();
    assert!(ended.status.success());
    of_no_password(&ended);
}
