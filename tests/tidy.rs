//! What a style rule can check, this checks: layers, purity, lengths, first lines, banned calls.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules in reading order: each may import only from those before it. What stands on one line
/// may not import from one another.
const LAYERS: [&[&str]; 17] = [
    &["telemetry"],
    &["domain"],
    &["signals"],
    &["features"],
    &["scoring"],
    &["policy"],
    &["playbook"],
    &["decide"],
    &["ledger"],
    &["service"],
    &["grpc", "http", "console", "lab"],
    &["load"],
    &["config"],
    &["app"],
    &["cli"],
    &["lib"],
    &["main"],
];

/// The pure core: the same input gives the same bytes. One path or folder a line.
const PURE: [&str; 7] = [
    "src/domain/",
    "src/signals/",
    "src/features/",
    "src/scoring/",
    "src/policy/",
    "src/playbook.rs",
    "src/decide/",
];
const IMPURE_WORDS: [&str; 10] = [
    "async ",
    "tokio",
    "redis",
    "sqlx",
    "tonic::",
    "axum",
    "std::fs",
    "SystemTime",
    "Instant::now",
    "getrandom",
];
/// The signal store that others share, and the choice between the stores.
const MAY_REACH_OUT: [&str; 2] = ["src/signals/store.rs", "src/signals/redis/"];
/// The embedded store is memory shared by threads, is copied while they use it, and loaded by
/// several; everything else under `signals` is arithmetic. The parser of conditions needs a deep
/// stack in debug builds, and takes a thread for it.
const MAY_SHARE: [&str; 4] = [
    "src/signals/embedded.rs",
    "src/signals/embedded/copy.rs",
    "src/signals/embedded/load.rs",
    "src/policy/condition/parse.rs",
];
const SHARING_WORDS: [&str; 3] = ["std::sync::", "std::thread", "thread::"];

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

const BANNED: [(&str, &str); 8] = [
    ("todo!(", "build it"),
    ("unimplemented!(", "build it"),
    ("dbg!(", "use tracing"),
    ("#[ignore", "a test runs or is not there"),
    ("should_panic", "return an error and check it"),
    ("use super::*;", "name what is used (tests excepted)"),
    ("allow(dead_code", "delete it"),
    ("thread::sleep(", "wait for the event itself"),
];

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The file without its test module and its comments.
    fn code(&self) -> String {
        let end = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        let lines = self.text[..end].lines();
        lines.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    }

    fn is_test(&self) -> bool {
        let declared_by_tests = ["reference.rs", "differential.rs", "_tests.rs", "sample.rs"];
        self.path.starts_with("tests/")
            || self.path.contains("/test")
            || declared_by_tests.iter().any(|name| self.path.ends_with(name))
    }

    /// The top module that the file belongs to.
    fn module(&self) -> &str {
        let rest = self.path.strip_prefix("src/").unwrap_or("");
        rest.split(['/', '.']).next().unwrap_or("")
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![root.join("build.rs")];
    for folder in ["src", "tests", "benches"] {
        collect(&root.join(folder), &mut paths);
    }
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"),
    };
    paths.into_iter().map(read).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn fail_on(findings: Vec<String>) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[test]
fn a_module_imports_only_from_those_before_it() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("src/")) {
        let own = source.module();
        let Some(layer) = layer_of(own) else {
            findings.push(format!("{}: module `{own}` has no place in LAYERS", source.path));
            continue;
        };
        let code = source.code();
        let imported: BTreeSet<&str> = code
            .match_indices("crate::")
            .chain(code.match_indices("surety::"))
            .filter(|(at, _)| !code[..*at].ends_with(['_', '$']) && !code[..*at].ends_with("v1::"))
            .filter_map(|(at, word)| {
                code[at + word.len()..].split(|c: char| !c.is_alphanumeric() && c != '_').next()
            })
            .filter(|name| layer_of(name).is_some() && *name != own)
            .collect();
        for name in imported {
            if layer_of(name) >= Some(layer) {
                findings.push(format!("{}: `{own}` may not import from `{name}`", source.path));
            }
        }
    }
    fail_on(findings);
}

#[test]
fn pure_files_stay_pure() {
    let mut findings = Vec::new();
    for source in sources() {
        let under = |places: &[&str]| places.iter().any(|place| source.path.starts_with(place));
        let pure = under(&PURE) && !under(&MAY_REACH_OUT);
        if !pure || source.is_test() {
            continue;
        }
        let code = source.code();
        let shares = MAY_SHARE.contains(&source.path.as_str());
        let words = IMPURE_WORDS.iter().chain(SHARING_WORDS.iter().filter(|_| !shares));
        // The module is named after what it talks to.
        let code = code.replace("pub mod redis;", "").replace("super::redis::", "");
        for word in words.filter(|word| code.contains(**word)) {
            findings.push(format!("{}: `{}` in a pure file", source.path, word.trim()));
        }
    }
    fail_on(findings);
}

#[test]
fn generated_types_stop_at_the_edge() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("src/")) {
        let edge = ["src/grpc/", "src/load/", "src/cli/"]
            .iter()
            .any(|place| source.path.starts_with(place));
        if !edge && source.code().contains("pb::") {
            findings.push(format!("{}: wire types are for grpc and its clients", source.path));
        }
    }
    fail_on(findings);
}

#[test]
fn every_file_begins_with_what_lives_there() {
    let missing = sources().into_iter().filter(|source| !source.text.starts_with("//! "));
    fail_on(missing.map(|source| format!("{}: no `//!` sentence first", source.path)).collect());
}

#[test]
fn files_functions_and_lines_are_short() {
    let mut findings = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        if lines.len() > FILE_LINES_MAX {
            findings.push(format!("{}: {} lines", source.path, lines.len()));
        }
        for (number, line) in lines.iter().enumerate() {
            if line.chars().count() > COLUMNS_MAX {
                findings.push(format!(
                    "{}:{}: over {COLUMNS_MAX} columns",
                    source.path,
                    number + 1
                ));
            }
            if let Some(length) = function_length(&lines[number..])
                && length > FUNCTION_LINES_MAX
            {
                findings.push(format!("{}:{}: {length} lines", source.path, number + 1));
            }
        }
    }
    fail_on(findings);
}

/// Length of the function that begins at the first line: rustfmt closes it at its own indentation.
fn function_length(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?;
    let words = first.trim_start();
    let begins = ["fn ", "async fn ", "const fn "].iter().any(|word| {
        let rest = words.strip_prefix("pub").map_or(words, |rest| {
            rest.trim_start_matches("(super)").trim_start_matches("(crate)").trim_start()
        });
        rest.starts_with(word)
    });
    if !begins || first.trim_end().ends_with(';') {
        return None;
    }
    let indentation = first.len() - words.len();
    let closing = format!("{}}}", " ".repeat(indentation));
    lines.iter().position(|line| *line == closing).map(|end| end + 1)
}

#[test]
fn banned_calls_stay_out() {
    let mut findings = Vec::new();
    for source in sources() {
        if source.path == "tests/tidy.rs" {
            continue;
        }
        let code = source.code();
        for (word, instead) in BANNED.iter().filter(|(word, _)| code.contains(word)) {
            if !(source.is_test() && *word == "use super::*;") {
                findings.push(format!("{}: `{word}`: {instead}", source.path));
            }
        }
    }
    fail_on(findings);
}
