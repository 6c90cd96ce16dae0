//! Settings from a file, the environment and the command line, in this order of strength.

use std::fs;
use std::process::Command;

use crate::child::{Ended, run, surety};
use crate::server::Folder;

fn config(what: &str, file: &std::path::Path) -> Command {
    let mut command = surety("config");
    command.arg(what).arg("--config").arg(file);
    command
}

/// The line about one setting.
fn told<'a>(ended: &'a Ended, setting: &str) -> &'a str {
    let about = |line: &&str| line.starts_with(&format!("{setting} "));
    ended
        .out
        .lines()
        .find(about)
        .unwrap_or_else(|| panic!("{setting}: {} {}", ended.out, ended.err))
}

#[test]
fn the_command_line_is_stronger_than_the_environment_and_that_than_the_file() {
    let folder = Folder::new();
    let file = folder.path("surety.toml");
    fs::write(
        &file,
        "grpc-listen = \"127.0.0.1:1001\"\nsnapshot-every = 7\nsignals-budget-ms = 30\n\
         ledger = \"postgres://me:secret@db.example/surety\"\n",
    )
    .unwrap();
    let mut command = config("print", &file);
    command.args(["--snapshot-every", "9"]);
    command.env("SURETY_SNAPSHOT_EVERY", "8").env("SURETY_SIGNALS_BUDGET_MS", "40");
    let ended = run(&mut command);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let name = file.display();
    assert_eq!(told(&ended, "grpc-listen"), format!("grpc-listen = \"127.0.0.1:1001\"  # {name}"));
    assert_eq!(told(&ended, "snapshot-every"), "snapshot-every = 9  # command line");
    assert_eq!(
        told(&ended, "signals-budget-ms"),
        "signals-budget-ms = 40  # SURETY_SIGNALS_BUDGET_MS"
    );
    assert_eq!(told(&ended, "signals"), "signals = \"embedded\"  # default");
    assert_eq!(
        told(&ended, "ledger"),
        format!("ledger = \"postgres://me:***@db.example/surety\"  # {name}")
    );
    assert!(!ended.out.contains("secret"), "{}", ended.out);
}

#[test]
fn limits_that_cannot_be_are_refused_with_what_may_be() {
    let folder = Folder::new();
    let file = folder.path("surety.toml");
    for (line, problem) in [
        ("calls-per-second = 0", "0 is not in 1..=1000000"),
        ("calls-per-second-account = -1", "-1 is not in 1..=1000000"),
        ("concurrency = 3000", "3000 is not in 1..=2048"),
        ("queue-ms = 0", "0 is not in 1..=10000"),
        ("max-message-bytes = 64", "64 is not in 4096..=4194304"),
        ("log-level = \"loud\"", "invalid value 'loud'"),
    ] {
        fs::write(&file, line).unwrap();
        let ended = run(&mut config("check", &file));
        assert_eq!(ended.code, Some(2), "{line}: {}", ended.err);
        assert!(ended.err.contains("line 1: ") && ended.err.contains(problem), "{}", ended.err);
    }
    fs::write(&file, "log-level = \"warn\"\ncalls-per-second = 1_000\n").unwrap();
    let ended = run(&mut config("print", &file));
    assert!(told(&ended, "log-level").starts_with("log-level = \"warn\"  #"), "{}", ended.out);
    assert!(told(&ended, "calls-per-second").starts_with("calls-per-second = 1000  #"));
}

#[test]
fn all_faults_of_a_file_are_told_together_and_nothing_starts() {
    let folder = Folder::new();
    let file = folder.path("surety.toml");
    fs::write(&file, "grpc-lissten = \"x\"\nsnapshot-every = 0\n").unwrap();
    let mut serve = surety("serve");
    serve.args(["--data"]).arg(folder.data()).arg("--config").arg(&file);
    for command in [&mut serve, &mut config("check", &file)] {
        let ended = run(command);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""));
        for words in ["2 faults", "line 1: grpc-lissten is no setting", "grpc-listen?", "line 2:"] {
            assert!(ended.err.contains(words), "{words}: {}", ended.err);
        }
    }
    assert!(!folder.data().exists());
    let missing = run(&mut config("check", &folder.path("none.toml")));
    assert!(missing.err.contains("cannot read the settings in"), "{}", missing.err);
}

#[test]
fn a_check_reads_all_files_that_are_named() {
    let folder = Folder::new();
    let file = folder.path("surety.toml");
    fs::write(&file, "policy = \"none.toml\"\nparty-key = \"none.key\"\n").unwrap();
    let ended = run(&mut config("check", &file));
    assert_eq!(ended.code, Some(1));
    for words in ["none.toml", "none.key"] {
        assert!(ended.err.contains(words), "{words}: {}", ended.err);
    }
    fs::write(&file, "grpc-listen = \"127.0.0.1:0\"\n").unwrap();
    let ended = run(&mut config("check", &file));
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "the settings are fit for use\n"));
}

#[test]
fn the_page_of_settings_is_the_one_that_the_program_prints() {
    let printed = run(surety("config").arg("reference"));
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/SETTINGS.md")).unwrap();
    assert_eq!(printed.out, page, "surety config reference > SETTINGS.md");
}
