//! A child process that dies with the process that started it, however that one ends.
//!
//! Between the two stands a shell that waits for the end of its standard input. Only the test
//! process holds the other end of that pipe (Rust opens pipes close-on-exec), and the kernel closes
//! it whatever happens: a drop, a return from `main` with statics that nobody drops, an abort, a
//! SIGKILL. `PR_SET_PDEATHSIG` would be bound to the thread that started the child, and tests run
//! on threads that end before others are done.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// A shell of its own process group: ctrl-c and whoever kills the test's group do not reach it, so
/// it is there to do its work. It ignores SIGPIPE, as its reader may be gone before it says a word,
/// and SIGHUP, which the kernel sends to a group that loses its parent while a member is stopped.
/// Told to kill, it says when that is done, and stays for the folder.
/// The server stays unreaped until the shell waits for it, so its pid is never another's.
const SHELL: &str = r#"
trap '' HUP INT PIPE TERM
folder=$1
shift
sh -c 'echo "$$"; exec "$@"' sh "$@" </dev/null 2>&1 &
exec 3>&2 >/dev/null 2>&1
word=
read -r word
kill -9 "$!"
wait
if [ "$word" = kill ]; then
  echo >&3
  word=
  read -r word
fi
[ "$word" = keep ] || rm -rf -- "$folder"
"#;

/// Killed and waited for when dropped, and its folder removed.
pub struct Keeper {
    shell: Child,
    pid: u32,
    killed: bool,
    said: Arc<Mutex<Said>>,
}

#[derive(Default)]
struct Said {
    text: String,
    all: bool,
}

/// A folder that the shell removes.
pub fn folder() -> PathBuf {
    tempfile::Builder::new().prefix("surety-stores-").tempdir().unwrap().keep()
}

impl Keeper {
    /// Runs a program in a folder.
    pub fn start(folder: &Path, program: &Path, args: &[String]) -> Keeper {
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, "sh"])
            .arg(folder)
            .arg(program)
            .args(args)
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(shell.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let said = Arc::new(Mutex::new(Said::default()));
        let listener = Arc::clone(&said);
        std::thread::spawn(move || listen(out, &listener));
        Keeper { shell, pid: line.trim().parse().unwrap(), killed: false, said }
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Everything it has printed.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().text.clone()
    }

    /// Whether it is gone; if by itself, then with all that it printed known.
    pub fn ended(&self) -> bool {
        self.killed || self.said.lock().unwrap().all
    }

    pub fn signal(&self, name: &str) {
        assert!(!self.killed, "its pid may be another's");
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid.to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// SIGKILL, and waits until it is gone; its folder stays until the drop.
    pub fn kill(&mut self) {
        self.tell("kill\n");
        let gone = self.shell.stderr.as_mut().unwrap().read(&mut [0]);
        assert_eq!(gone.unwrap(), 1);
        self.killed = true;
    }

    /// Ends it, if it has not, and leaves its folder to another.
    pub fn leave(mut self) {
        self.tell("keep\n");
    }

    fn tell(&mut self, word: &str) {
        self.shell.stdin.as_mut().unwrap().write_all(word.as_bytes()).unwrap();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // The end of its standard input is what the shell waits for.
        drop(self.shell.stdin.take());
        let _waited = self.shell.wait();
    }
}

fn listen(mut out: impl Read, said: &Mutex<Said>) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = out.read(&mut bytes) {
        said.lock().unwrap().text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    said.lock().unwrap().all = true;
}
