//! A child process that ends with the bench, however that one ends.
//!
//! A shell stands between: it waits for the end of its standard input, whose other end only the
//! bench holds, and then ends the child. Signals are ignored once the child is there: it would
//! ignore them too.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::Outcome;

const SHELL: &str = r#"
"$@" </dev/null &
child=$!
trap '' HUP INT PIPE TERM
echo "pid $child"
exec >/dev/null
read -r word
kill -TERM "$child"
wait "$child"
"#;

/// Far more than a start takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asked to end, and waited for, when dropped.
pub struct Kept {
    shell: Child,
    lines: Receiver<String>,
    /// What it says on standard error.
    log: PathBuf,
    pid: u32,
}

impl Kept {
    /// Starts a program; what it says goes to a file of that name in `folder`.
    pub fn start(command: &Command, folder: &Path, name: &str) -> Outcome<Kept> {
        let log = folder.join(format!("{name}.log"));
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            // Ctrl-c is for the bench, which ends its children in order.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()?;
        let out = BufReader::new(shell.stdout.take().expect("it is piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            // Read on when nobody listens any more, or its pipe is full one day.
            out.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let mut kept = Kept { shell, lines, log, pid: 0 };
        kept.pid = kept.line("pid ")?.parse()?;
        Ok(kept)
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The rest of the next line that begins so.
    pub fn line(&self, beginning: &str) -> Outcome<String> {
        let begun = Instant::now();
        while let Some(left) = PATIENCE.checked_sub(begun.elapsed()) {
            let Ok(line) = self.lines.recv_timeout(left) else { break };
            if let Some(rest) = line.strip_prefix(beginning) {
                return Ok(rest.to_owned());
            }
        }
        anyhow::bail!("a child never said \"{beginning}\"; it said: {}", self.said())
    }

    /// The end of its log.
    pub fn said(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // It ends when its child has.
        let _ended = self.shell.wait();
    }
}
