//! Every command of the README runs, and prints what the README says; what it names is there.

use std::fs;

use crate::page::{blocks, code_words, invocations, steps};
use crate::server::{Server, python, root, shell};

/// Where `surety serve` listens when nobody says where.
const DEFAULT_ADDRESS: &str = "127.0.0.1:50051";

/// Beginnings of what is printed before something that differs from run to run, or from one policy
/// to the next.
const VARYING: [&str; 11] = [
    "DECLINED (FINAL)  reference ",
    "decision  ",
    "policy ",
    "\"decision_id\": ",
    "\"reference\": ",
    "\"notice_due_time\": ",
    "\"create_time\": ",
    "\"decision_duration\": ",
    "\"etag\": ",
    "\"policy\": ",
    "\"text\": ",
];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The text without what varies.
fn steady(text: &str) -> String {
    let cut = |line: &str| {
        let begin = VARYING.iter().find_map(|word| Some(line.find(word)? + word.len()));
        format!("{}\n", &line[..begin.unwrap_or(line.len())])
    };
    text.lines().map(cut).collect()
}

#[test]
fn every_console_block_prints_what_it_says() {
    python();
    let server = Server::start();
    let readme = read("README.md");
    let consoles = blocks(&readme).into_iter().filter(|block| block.language == "console");
    let steps: Vec<_> = consoles.flat_map(|block| steps(&block.text)).collect();
    assert!(steps.len() >= 5, "only {} commands were found", steps.len());
    for step in steps {
        let mut command = step.command.replace(DEFAULT_ADDRESS, &server.address);
        if command.starts_with("surety assess ") {
            command = format!("{command} --server http://{}", server.address);
        }
        let printed = shell(&command);
        assert_eq!(steady(&printed), steady(&step.output), "{}\n{printed}", step.command);
    }
}

#[test]
fn files_that_are_shown_are_shown_as_they_are() {
    let shown = blocks(&read("README.md"));
    for (language, path) in
        [("python", "tests/python/checkout.py"), ("json", "tests/client/purchase.json")]
    {
        let file = read(path);
        let found = shown.iter().any(|block| block.language == language && block.text == file);
        assert!(found, "the README does not show {path} as it is");
    }
    let policy = read("models/policy.toml");
    for block in shown.iter().filter(|block| block.language == "toml") {
        assert!(policy.contains(&block.text), "not in the policy:\n{}", block.text);
    }
}

#[test]
fn commands_and_options_that_are_named_exist() {
    let named = invocations(&read("README.md"));
    assert!(named.len() >= 8, "only {named:?} were found");
    let commands = shell("surety --help");
    for line in named {
        let words: Vec<&str> = line.split_whitespace().collect();
        let command = words[0];
        let listed = |help: &str, word: &str| help.lines().any(|l| l.trim().starts_with(word));
        assert!(listed(&commands, &format!("{command} ")), "no `surety {command}`");
        let mut help = shell(&format!("surety {command} --help"));
        if ["audit", "caller", "config", "export", "policy", "signals", "train"].contains(&command)
            && words.len() > 1
        {
            assert!(listed(&help, words[1]), "no `surety {command} {}`", words[1]);
            help = shell(&format!("surety {command} {} --help", words[1]));
        }
        for option in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "no {option} in `surety {command} --help`");
        }
    }
}

#[test]
fn paths_that_are_named_exist() {
    let (readme, map) = (read("README.md"), read("src/lib.rs"));
    let is_path = |word: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        word.contains('/') && !word.starts_with(['/', '.']) && word.chars().all(plain)
    };
    let named: Vec<&str> =
        code_words(&readme).into_iter().chain(code_words(&map)).filter(is_path).collect();
    assert!(named.len() >= 40, "only {named:?} were found");
    for path in named {
        let found = root().join(path).exists() || root().join("src").join(path).exists();
        assert!(found, "`{path}` is named and not there");
    }
}
