//! What stops a start: one line on standard error that says what, where, and what was expected.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use surety::playbook::{SHIPPED_POLICY, SHIPPED_REASONS};

use crate::child::{Ended, Running, run, surety};
use crate::server::Folder;

const ANY_PORT: &str = "127.0.0.1:0";

fn serve(data: &Path, options: &[&str]) -> Ended {
    let mut command = surety("serve");
    command.args(["--grpc-listen", ANY_PORT, "--data"]).arg(data).args(options);
    run(&mut command)
}

/// Exit code 1, nothing on standard output, and one line that has all of `words`.
fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert_eq!(ended.out, "");
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    assert!(ended.err.starts_with("surety: "), "{}", ended.err);
    for word in words {
        assert!(ended.err.contains(word), "no \"{word}\" in: {}", ended.err);
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = Folder::new();
    let taken = TcpListener::bind(ANY_PORT).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = surety("serve");
    command.args(["--grpc-listen", &address, "--data"]).arg(folder.data());
    let ended = run(&mut command);
    refused(&ended, &[&format!("cannot listen on {address}"), "in use"]);
    assert!(!folder.data().exists(), "nothing is made for a service that cannot be");
}

#[test]
fn without_credentials_only_this_machine_is_served() {
    let folder = Folder::new();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let mut command = surety("serve");
        command.args(["--grpc-listen", address, "--data"]).arg(folder.data());
        refused(&run(&mut command), &[&format!("cannot listen on {address}"), "loopback"]);
    }
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    let file = folder.path("file");
    fs::write(&file, "not a folder").unwrap();
    let inside = file.join("data");
    for (data, word) in [(&file, "File exists"), (&inside, "Not a directory")] {
        let what = format!("cannot make the data folder {}", data.display());
        refused(&serve(data, &[]), &[&what, word]);
    }
    let nowhere = Path::new("/proc/surety-data");
    refused(&serve(nowhere, &[]), &["cannot make the data folder /proc/surety-data"]);
    let occupied = folder.path("occupied");
    fs::create_dir_all(occupied.join("ledger.sqlite")).unwrap();
    refused(&serve(&occupied, &[]), &["occupied/ledger.sqlite cannot be opened"]);
}

#[test]
fn a_file_that_is_no_ledger_is_named() {
    let folder = Folder::new();
    fs::create_dir(folder.data()).unwrap();
    let file = folder.data().join("ledger.sqlite");
    fs::write(&file, "once upon a time, ".repeat(500)).unwrap();
    refused(&serve(&folder.data(), &[]), &[&file.display().to_string(), "not a database"]);
}

#[test]
fn a_second_process_on_the_same_folder_is_refused_and_harms_nothing() {
    let folder = Folder::new();
    let first = folder.serve();
    let ledger = folder.data().join("ledger.sqlite");
    let what = format!("the ledger {} is in use by another process", ledger.display());
    refused(&serve(&folder.data(), &[]), &[&what]);
    assert_eq!(first.stop().code, Some(0));
    assert_eq!(folder.serve().stop().code, Some(0));
}

#[test]
fn of_several_that_start_at_once_on_a_new_folder_one_serves() {
    let folder = Folder::new();
    let start = |_| {
        let mut command = surety("serve");
        command.args(["--grpc-listen", ANY_PORT, "--data"]).arg(folder.data());
        Running::start(&mut command)
    };
    let started: Vec<Running> = (0..4).map(start).collect();
    let (serving, others): (Vec<Running>, Vec<Running>) =
        started.into_iter().partition(|one| one.find("serving gRPC on ").is_some());
    assert_eq!(serving.len(), 1);
    for other in others {
        refused(&other.end(), &["is in use by another process"]);
    }
}

#[test]
fn broken_files_are_told_with_line_column_and_what_was_expected() {
    let folder = Folder::new();
    let policy = SHIPPED_POLICY.text.to_owned();
    let reasons = SHIPPED_REASONS.text.to_owned();
    let cases: [(&str, String, &[&str]); 7] = [
        ("--policy", format!("version = {policy}"), &[":1:"]),
        ("--policy", replaced(&policy, "version = \"", "vresion = \""), &["vresion"]),
        ("--policy", replaced(&policy, "account.of_legal_age'", "account.of_age'"), &["of_age"]),
        ("--policy", replaced(&policy, "push = \"step_up\"", "push = \"stepup\""), &["stepup"]),
        ("--policy", replaced(&policy, "attempts_10m = 5 ", "attempts_10m = 6 "), &["ATTEMPTS"]),
        ("--policy", String::new(), &[":1:1"]),
        ("--reasons", reasons.replacen("number = ", "number == ", 1), &["="]),
    ];
    for (option, text, words) in cases {
        let file = folder.path("broken.toml");
        fs::write(&file, text).unwrap();
        let file = file.display().to_string();
        let ended = serve(&folder.data(), &[option, &file]);
        refused(&ended, words);
        let place = ended.err.strip_prefix(&format!("surety: {file}:")).unwrap();
        let numbers: Vec<Result<usize, _>> = place.split(':').take(2).map(str::parse).collect();
        assert!(matches!(numbers[..], [Ok(1..), Ok(1..)]), "{}", ended.err);
    }
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = Folder::new();
    let file = folder.path("nowhere.toml").display().to_string();
    for option in ["--policy", "--reasons"] {
        let ended = serve(&folder.data(), &[option, &file]);
        refused(&ended, &[&format!("cannot read {file}"), "No such file"]);
    }
}

#[test]
fn a_key_of_another_length_is_not_made_do() {
    for name in ["party.key", "step-up.key"] {
        for length in [0, 31, 33] {
            let folder = Folder::new();
            fs::create_dir(folder.data()).unwrap();
            let file = folder.data().join(name);
            fs::write(&file, vec![7; length]).unwrap();
            let what = format!("{}: expected a key of 32 bytes", file.display());
            refused(&serve(&folder.data(), &[]), &[&what]);
            assert_eq!(fs::read(&file).unwrap().len(), length, "it is left as it was");
        }
    }
}

#[test]
fn a_ledger_is_not_opened_under_another_party_key() {
    let folder = Folder::new();
    assert_eq!(folder.serve().stop().code, Some(0));
    let named = fs::read_to_string(folder.data().join("party.id")).unwrap();
    let (own, other) = (folder.data().join("party.key"), folder.path("other.key"));
    fs::write(&other, [9; 32]).unwrap();
    let what = format!(
        "the ledger in {} was hashed under another party key (id {named}); expected that key, got \
         id ",
        folder.data().display()
    );
    let other = other.display().to_string();
    refused(&serve(&folder.data(), &["--party-key", &other]), &[&what]);
    let mut show = surety("signals");
    show.args(["show", "--account", "acc-1", "--party-key", &other, "--data"]).arg(folder.data());
    refused(&run(&mut show), &[&what]);
    // A folder of before has no word of it, but its key.
    fs::remove_file(folder.data().join("party.id")).unwrap();
    refused(&serve(&folder.data(), &["--party-key", &other]), &[&what]);
    let copy = folder.path("copy.key");
    fs::rename(own, &copy).unwrap();
    let mut command = surety("serve");
    command.args(["--party-key", &copy.display().to_string()]);
    assert_eq!(folder.serve_by(command).stop().code, Some(0));
    refused(&serve(&folder.data(), &[]), &["party.key: no such file"]);
    refused(&serve(&folder.data(), &["--party-key", &other]), &[&what]);
}

#[test]
fn a_wrong_command_line_is_told_with_its_usage() {
    for (arguments, word) in [
        (&["serve", "--grpc-listen", "everywhere"][..], "--grpc-listen"),
        (&["serve", "--dta", "x"][..], "--dta"),
        (&["sevre"][..], "sevre"),
        (&["policy"][..], "Usage"),
        (&["assess"][..], "<FILE>"),
        (&["replay", "x.csv", "--market", "Germany"][..], "--market"),
    ] {
        let mut command = surety(arguments[0]);
        let ended = run(command.args(&arguments[1..]));
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(word), "{arguments:?}: {}", ended.err);
    }
    let help = run(&mut surety("--help"));
    assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
    for subcommand in ["serve", "demo", "assess", "replay", "catalog", "policy"] {
        assert!(help.out.contains(subcommand), "{}", help.out);
    }
}
