//! The tools that check the chart, as `tests/run` installs them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a tool said, and whether it was content.
#[derive(Debug)]
pub struct Said {
    pub content: bool,
    pub standard_output: String,
    /// Both streams.
    pub all: String,
}

impl Said {
    /// What it printed; it has to be content.
    #[track_caller]
    pub fn expect_content(self, what: &str) -> String {
        assert!(self.content, "{what}:\n{}", self.all);
        self.standard_output
    }
}

/// The folder of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A tool of `.tools/chart`.
fn installed(name: &str) -> PathBuf {
    let tool = root().join(".tools/chart/bin").join(name);
    assert!(tool.exists(), "there is no {name}: run the tests by tests/run, which installs it");
    tool
}

/// Runs a command in the repository's folder, with text on its standard input.
fn run(mut command: Command, input: &str) -> Said {
    let piped = command.current_dir(root()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = match piped.stderr(Stdio::piped()).spawn() {
        Ok(process) => process,
        Err(error) => panic!("{command:?}: {error}; run the tests by tests/run"),
    };
    let mut pipe = process.stdin.take().unwrap();
    let Output { status, stdout, stderr } = std::thread::scope(|scope| {
        // A tool may say no before it has read everything.
        scope.spawn(move || pipe.write_all(input.as_bytes()).is_ok());
        process.wait_with_output().unwrap()
    });
    let standard_output = String::from_utf8(stdout).unwrap();
    let all = format!("{standard_output}{}", String::from_utf8_lossy(&stderr));
    Said { content: status.success(), standard_output, all }
}

pub fn helm(arguments: &[&str]) -> Said {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(installed("helm"));
    command.args(arguments);
    for kind in ["CACHE", "CONFIG", "DATA"] {
        command.env(format!("HELM_{kind}_HOME"), home.path());
    }
    run(command, "")
}

pub fn promtool(arguments: &[&str]) -> Said {
    let mut command = Command::new("promtool");
    command.args(arguments);
    run(command, "")
}

/// A Python tool, with text on its standard input.
pub fn tool(name: &str, arguments: &[&str], input: &str) -> Said {
    let mut command = Command::new(installed(name));
    command.args(arguments);
    run(command, input)
}

/// The documents of a YAML stream, as JSON.
pub fn documents(yaml: &str) -> Vec<serde_json::Value> {
    const CONVERT: &str = "import json, sys, yaml\n\
        json.dump([d for d in yaml.safe_load_all(sys.stdin) if d is not None], sys.stdout)";
    let json = tool("python", &["-c", CONVERT], yaml).expect_content("this is no YAML");
    serde_json::from_str(&json).unwrap()
}
