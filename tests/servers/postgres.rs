//! A PostgreSQL server of the tests' own, run as an ordinary user on a free port.
//!
//! A shell stands between: it waits for the end of its standard input, whose other end only the
//! test process holds, and then ends the server and removes its folder. So none outlives a test,
//! however that one ends.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Starts the server, and stays to end it and to remove its folder.
const SHELL: &str = r#"
trap '' HUP INT PIPE TERM
bin=$1 folder=$2 port=$3
"$bin/postgres" -D "$folder/data" -k "$folder" -p "$port" </dev/null 2>&1 &
server=$!
exec >/dev/null 2>&1
read -r word
kill -CONT "$server"
kill -QUIT "$server"
wait
rm -rf -- "$folder"
"#;

const SETTINGS: &str = "listen_addresses = '127.0.0.1'
max_connections = 300
shared_buffers = 64MB
autovacuum_naptime = 5s
log_destination = stderr
logging_collector = off
";

/// A running server; ended when dropped.
pub struct Postgres {
    shell: Child,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    /// Starts a server with a few more lines of settings, such as `fsync = off`: the commits are
    /// the same then, they are only not brought to the disk.
    pub fn start(more: &str) -> Postgres {
        let bin = binaries();
        let owner = owner();
        let folder = tempfile::Builder::new().prefix("surety-postgres-").tempdir().unwrap().keep();
        if let Some((uid, gid)) = owner {
            chown(&folder, Some(uid), Some(gid)).unwrap();
        }
        let data = folder.join("data");
        let made = as_owner(&bin.join("initdb"), owner)
            .args(["--no-sync", "--auth=trust", "--username=surety", "--encoding=UTF8"])
            .args(["--locale=C", "-D"])
            .arg(&data)
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let settings = data.join("postgresql.conf");
        let all = std::fs::read_to_string(&settings).unwrap() + SETTINGS + more;
        std::fs::write(settings, all).unwrap();
        // Somebody else may take a port between being found free and being used.
        (0..10).find_map(|_| Postgres::run(&bin, &folder, owner)).expect("no port was free")
    }

    fn run(bin: &Path, folder: &Path, owner: Option<(u32, u32)>) -> Option<Postgres> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut shell = as_owner(Path::new("sh"), owner)
            .args(["-c", SHELL, "sh"])
            .arg(bin)
            .arg(folder)
            .arg(port.to_string())
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        let is_up =
            lines.by_ref().any(|line| line.unwrap().contains("ready to accept connections"));
        // Read on, or its pipe is full one day.
        std::thread::spawn(move || lines.count());
        let folder = folder.to_owned();
        is_up.then_some(Postgres { shell, folder, port })
    }

    /// The address of a database of that name.
    pub fn address(&self, database: &str) -> String {
        format!("postgres://surety@127.0.0.1:{}/{database}", self.port)
    }

    /// The address of a new, empty database.
    pub async fn database(&self) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name = format!("ledger_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.address("postgres")).await.unwrap();
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        self.address(&name)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().unwrap();
        assert!(!self.folder.exists() || std::thread::panicking(), "the folder is still there");
    }
}

fn binaries() -> PathBuf {
    found().expect("PostgreSQL is missing: tests/run installs it")
}

/// The folder of its programs: where Debian puts them, the newest first, or else where the path
/// says.
pub fn found() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let in_path = || std::env::split_paths(&paths).find(|bin| bin.join("initdb").exists());
    found.pop().or_else(in_path)
}

/// PostgreSQL refuses to run as root: then it runs as its own user, whom its package has made.
fn owner() -> Option<(u32, u32)> {
    let own = Command::new("id").arg("-u").output().unwrap();
    if String::from_utf8_lossy(&own.stdout).trim() != "0" {
        return None;
    }
    let mut users = String::new();
    std::fs::File::open("/etc/passwd").unwrap().read_to_string(&mut users).unwrap();
    let user = users.lines().find(|line| line.starts_with("postgres:")).expect("no user postgres");
    let mut ids = user.split(':').skip(2).map(|id| id.parse().unwrap());
    Some((ids.next().unwrap(), ids.next().unwrap()))
}

fn as_owner(program: &Path, owner: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = owner {
        command.uid(uid).gid(gid);
    }
    command
}
