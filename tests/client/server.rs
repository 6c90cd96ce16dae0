//! A service on a folder and a port of its own, and the commands that are run against it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_surety");

/// Killed and waited for when dropped.
pub struct Server {
    process: Child,
    pub address: String,
    _data: TempDir,
}

impl Server {
    pub fn start() -> Server {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(BINARY);
        command.args(["serve", "--grpc-listen", "127.0.0.1:0", "--data"]).arg(data.path());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("serving gRPC on ").unwrap_or_default();
        let address = address.to_owned();
        let server = Server { process, address, _data: data };
        assert!(!server.address.is_empty(), "the first line is: {line}");
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended before.
        let _killed = self.process.kill();
        let _waited = self.process.wait();
    }
}

/// The folder of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Python with the packages of `tests/python/requirements.txt`.
pub fn python() -> PathBuf {
    let python = root().join(".tools/venv/bin/python");
    assert!(python.exists(), "there is no .tools/venv: run the tests by tests/run, which makes it");
    python
}

/// Runs a command to its end; it must succeed.
pub fn standard_output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.current_dir(root()).output().unwrap();
    let told = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?} ended with {status}: {told}");
    String::from_utf8(stdout).unwrap()
}

/// Runs a line of shell in which `surety` is the binary under test.
pub fn shell(line: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(BINARY, folder.path().join("surety")).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", folder.path().display());
    standard_output(Command::new("bash").args(["-euo", "pipefail", "-c", line]).env("PATH", path))
}
