//! A child process: its lines as they come, its end, and its certain death when the test ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Far more than anything here takes; past it the child hangs, and the test says so.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary under test, with the word of its subcommand.
pub fn surety(subcommand: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_surety"));
    command.arg(subcommand);
    command
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ended {
    Running::start(command).end()
}

/// A child that runs; killed and waited for when dropped.
pub struct Running {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

/// How a child ended, and all that it had said and nobody read.
pub struct Ended {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Running {
    /// Standard input is empty unless the command has one.
    pub fn start(command: &mut Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let out = lines(child.stdout.take().unwrap());
        let err = lines(child.stderr.take().unwrap());
        Running { child, out, err }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The rest of the first line of standard output that begins so.
    pub fn line(&self, beginning: &str) -> String {
        match self.find(beginning) {
            Some(rest) => rest,
            None => panic!("no line \"{beginning}\"; errors: {}", all(&self.err)),
        }
    }

    /// The same, or `None` when there is no such line until it ends.
    pub fn find(&self, beginning: &str) -> Option<String> {
        loop {
            match self.out.recv_timeout(PATIENCE) {
                Ok(line) => match line.strip_prefix(beginning) {
                    Some(rest) => return Some(rest.to_owned()),
                    None => continue,
                },
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("neither \"{beginning}\" nor an end"),
            }
        }
    }

    /// The first line of its log, from here on, that has these words.
    pub fn logged(&self, words: &str) -> String {
        loop {
            match self.err.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(words) => return line,
                Ok(_) => continue,
                Err(_) => panic!("it never logged \"{words}\""),
            }
        }
    }

    /// SIGKILL: the process gets no chance to do anything more.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// SIGTERM.
    pub fn ask_to_stop(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it has ended by itself.
    pub fn end(mut self) -> Ended {
        let (out, err) = (all(&self.out), all(&self.err));
        Ended { code: self.child.wait().unwrap().code(), out, err }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended before.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Every line until the pipe is closed, which the end of the process does.
fn all(lines: &Receiver<String>) -> String {
    let mut text = String::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => text = text + &line + "\n",
            Err(RecvTimeoutError::Disconnected) => return text,
            Err(RecvTimeoutError::Timeout) => panic!("it does not end; it said: {text}"),
        }
    }
}
