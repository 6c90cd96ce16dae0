//! The link against real servers that are killed, stopped and started again.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::redis::{Cmd, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, interval, timeout};

use super::{BreakerState, Fault, Link, LinkError, Options, Server};

/// Scheduling on a busy machine: what a call may take over its budget.
const SLACK: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(10);

/// A server of our own, killed when dropped.
pub(super) struct TestServer {
    pub port: u16,
    arguments: Vec<String>,
    child: Option<Child>,
    folder: tempfile::TempDir,
}

impl TestServer {
    pub fn start(arguments: &[&str]) -> TestServer {
        let mut server = TestServer {
            port: free_port(),
            arguments: arguments.iter().map(|argument| argument.to_string()).collect(),
            child: None,
            folder: tempfile::tempdir().unwrap(),
        };
        server.restart();
        server
    }

    pub fn restart(&mut self) {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", ""]);
        command.args(&self.arguments).current_dir(self.folder.path());
        self.child = Some(command.stdout(Stdio::null()).spawn().unwrap());
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// `STOP` or `CONT`.
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    pub fn link(&self, options: Options) -> Link {
        Link::new(self.address(), options).unwrap()
    }

    pub fn address(&self) -> Server {
        Server::parse(&format!("redis://127.0.0.1:{}", self.port)).unwrap()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(super) fn command(words: &str) -> Cmd {
    let mut command = Cmd::new();
    for word in words.split(' ') {
        command.arg(word);
    }
    command
}

/// A budget that a busy machine keeps when the server is well.
pub(super) fn options() -> Options {
    Options { budget: Duration::from_millis(100), ..Options::default() }
}

async fn send(link: &Link, words: &str) -> Result<Value, Fault> {
    link.send(vec![command(words)]).await.pop().unwrap()
}

/// Sends until an answer comes; returns how long that took.
async fn until_answered(link: &Link) -> Duration {
    let start = Instant::now();
    let mut ticks = interval(Duration::from_millis(10));
    let answered = async {
        while send(link, "PING").await.is_err() {
            ticks.tick().await;
        }
    };
    timeout(LONG, answered).await.unwrap();
    start.elapsed()
}

/// Sends until the breaker is open; no call may take longer than its budget.
async fn until_open(link: &Link, expected: &[Fault]) {
    while link.breaker().state() == BreakerState::Closed {
        let start = Instant::now();
        let fault = send(link, "PING").await.unwrap_err();
        assert!(start.elapsed() < options().budget + SLACK, "{:?}", start.elapsed());
        assert!(expected.contains(&fault), "{fault:?}");
    }
    let start = Instant::now();
    assert_eq!(send(link, "PING").await, Err(Fault::BreakerOpen));
    assert!(start.elapsed() < Duration::from_millis(50));
}

fn counted(link: &Link, fault: Fault) -> u64 {
    link.faults().snapshot()[fault as usize].1
}

#[tokio::test]
async fn one_bad_command_does_not_spoil_the_others() {
    let server = TestServer::start(&[]);
    let link = server.link(options());
    until_answered(&link).await;
    let words = ["SET k 7", "LPUSH k x", "EVALSHA none 0", "NONSENSE k", "INCR k", "GET none"];
    let replies = link.send(words.map(command).to_vec()).await;
    let expected = [
        Ok(Value::Okay),
        Err(Fault::WrongType),
        Err(Fault::ScriptGone),
        Err(Fault::Other),
        Ok(Value::Int(8)),
        Ok(Value::Nil),
    ];
    assert_eq!(replies, expected);
    assert_eq!(counted(&link, Fault::WrongType), 1);
    assert_eq!(link.send(Vec::new()).await, []);
    assert_eq!(link.breaker().state(), BreakerState::Closed);
    let masters = link.each_master(command("CONFIG GET maxmemory-policy"), LONG).await;
    assert!(matches!(masters.as_slice(), [Ok(Value::Array(pair))] if pair.len() == 2));
}

#[tokio::test]
async fn a_killed_server_opens_the_breaker_and_its_return_closes_it() {
    let mut server = TestServer::start(&[]);
    let link = server.link(options());
    until_answered(&link).await;
    server.kill();
    until_open(&link, &[Fault::Unreachable, Fault::Timeout]).await;
    server.restart();
    let took = until_answered(&link).await;
    assert!(took < Duration::from_millis(2_500), "{took:?}");
    assert_eq!(link.breaker().state(), BreakerState::Closed);
    assert!(counted(&link, Fault::BreakerOpen) > 0);
}

#[tokio::test]
async fn a_stopped_server_costs_no_more_than_the_budget() {
    let server = TestServer::start(&[]);
    let link = server.link(options());
    until_answered(&link).await;
    server.signal("STOP");
    until_open(&link, &[Fault::Timeout]).await;
    // The breaker is not asked here, and the budget is the caller's own.
    let start = Instant::now();
    let budget = Duration::from_millis(300);
    let replies = link.send_unhurried(vec![command("PING")], budget).await;
    assert_eq!(replies, [Err(Fault::Timeout)]);
    assert!(start.elapsed() >= budget && start.elapsed() < budget + SLACK);
    server.signal("CONT");
    let took = until_answered(&link).await;
    assert!(took < Duration::from_millis(2_500), "{took:?}");
}

#[tokio::test]
async fn a_server_that_starts_late_is_no_error() {
    let mut server = TestServer::start(&[]);
    server.kill();
    let link = server.link(options());
    until_open(&link, &[Fault::Unreachable, Fault::Timeout]).await;
    assert_eq!(link.send(Vec::new()).await, []);
    server.restart();
    let replies = link.send_unhurried(vec![command("PING")], LONG).await;
    assert_eq!(replies, [Ok(Value::SimpleString("PONG".into()))]);
    // Only a call in a hurry tells that those in a hurry are served.
    assert_ne!(link.breaker().state(), BreakerState::Closed);
    until_answered(&link).await;
    assert_eq!(link.breaker().state(), BreakerState::Closed);
}

#[tokio::test]
async fn a_wrong_password_is_told_and_forgotten_when_it_is_right() {
    let server = TestServer::start(&["--requirepass", "right"]);
    let patient = server.address().with_password("right".into());
    let administrator = Link::new(patient, options()).unwrap();
    until_answered(&administrator).await;
    let wrong = Link::new(server.address().with_password("wrong".into()), options()).unwrap();
    until_open(&wrong, &[Fault::Denied]).await;
    let none = server.link(options());
    until_open(&none, &[Fault::Denied]).await;
    assert!(send(&administrator, "CONFIG SET requirepass wrong").await.is_ok());
    until_answered(&wrong).await;
}

#[tokio::test]
async fn a_missing_right_is_told() {
    let server = TestServer::start(&[]);
    let administrator = server.link(options());
    until_answered(&administrator).await;
    let rule = "ACL SETUSER surety on >p%s +get +ping ~*";
    assert!(send(&administrator, rule).await.is_ok());
    let text = format!("redis://surety:p%25s@127.0.0.1:{}", server.port);
    let link = Link::new(Server::parse(&text).unwrap(), options()).unwrap();
    let replies = link.send(["GET k", "SET k 1"].map(command).to_vec()).await;
    assert_eq!(replies, [Ok(Value::Nil), Err(Fault::Denied)]);
}

#[tokio::test]
async fn more_calls_than_allowed_are_refused_at_once() {
    let server = TestServer::start(&[]);
    let link = server.link(Options { in_flight: 2, ..options() });
    until_answered(&link).await;
    server.signal("STOP");
    let refused = async {
        let start = Instant::now();
        let replies = link.send(["PING", "PING"].map(command).to_vec()).await;
        (replies, start.elapsed())
    };
    let (one, two, (refused, took)) =
        tokio::join!(send(&link, "PING"), send(&link, "PING"), refused);
    assert_eq!((one, two), (Err(Fault::Timeout), Err(Fault::Timeout)));
    assert_eq!(refused, [Err(Fault::TooManyInFlight), Err(Fault::TooManyInFlight)]);
    assert!(took < Duration::from_millis(50), "{took:?}");
    // Places come back, also those of calls that were dropped half way.
    server.signal("CONT");
    drop(timeout(Duration::ZERO, send(&link, "PING")).await);
    until_answered(&link).await;
}

#[tokio::test]
async fn a_connection_closed_meanwhile_costs_nobody_anything() {
    let server = TestServer::start(&[]);
    let (link, administrator) = (server.link(options()), server.link(options()));
    until_answered(&link).await;
    until_answered(&administrator).await;
    for _ in 0..5 {
        let killed = send(&administrator, "CLIENT KILL TYPE normal SKIPME yes").await;
        assert_eq!(killed, Ok(Value::Int(1)));
        assert_eq!(send(&link, "PING").await, Ok(Value::SimpleString("PONG".into())));
    }
}

#[tokio::test]
async fn a_server_without_writes_or_memory_keeps_being_asked() {
    let server = TestServer::start(&[]);
    let link = server.link(options());
    until_answered(&link).await;
    assert!(send(&link, "CONFIG SET maxmemory 1").await.is_ok());
    for _ in 0..8 {
        assert_eq!(send(&link, "SET k 1").await, Err(Fault::OutOfMemory));
    }
    assert!(send(&link, "CONFIG SET maxmemory 0").await.is_ok());
    assert!(send(&link, "REPLICAOF 127.0.0.1 1").await.is_ok());
    for _ in 0..8 {
        assert_eq!(send(&link, "SET k 1").await, Err(Fault::ReadOnly));
    }
    assert_eq!(link.breaker().state(), BreakerState::Closed);
    assert!(send(&link, "REPLICAOF NO ONE").await.is_ok());
    assert!(send(&link, "SET k 1").await.is_ok());
}

#[tokio::test]
async fn a_server_that_talks_nonsense_is_borne() {
    for answer in ["$1000000000\r\n", "*1000000000\r\n", "HTTP/1.1 400 Bad Request\r\n", ":x\r\n"] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // Two errors for the names that the client gives itself, which it ignores.
                drop(stream.write_all(b"-ERR\r\n-ERR\r\n").await);
                tokio::spawn(async move {
                    let mut sent = vec![0; 4_096];
                    while stream.read(&mut sent).await.is_ok_and(|length| length > 0) {
                        drop(stream.write_all(answer.as_bytes()).await);
                    }
                });
            }
        });
        let address = Server::parse(&format!("redis://127.0.0.1:{port}")).unwrap();
        let link = Link::new(address, options()).unwrap();
        until_open(&link, &[Fault::Timeout, Fault::Unreachable, Fault::Corrupt]).await;
        serving.abort();
    }
}

#[tokio::test]
async fn many_callers_do_not_each_dial() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let dialled = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&dialled);
    let serving = tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counting.fetch_add(1, Ordering::Relaxed);
        }
    });
    let address = Server::parse(&format!("redis://127.0.0.1:{port}")).unwrap();
    let link = Link::new(address, options()).unwrap();
    let budget = Duration::from_millis(100);
    let calls = (0..200).map(|_| link.send_unhurried(vec![command("PING")], budget));
    let replies = futures_util::future::join_all(calls).await;
    assert!(replies.iter().all(|replies| *replies == [Err(Fault::Unreachable)]));
    // At once, and after the first pauses.
    assert!((1..=3).contains(&dialled.load(Ordering::Relaxed)), "{dialled:?}");
    serving.abort();
}

#[tokio::test]
async fn settings_that_can_not_work_are_refused() {
    let server = || Server::parse("rediss://localhost").unwrap();
    let refused = |server, options| Link::new(server, options).err();
    let zero = Options { budget: Duration::ZERO, ..options() };
    assert_eq!(refused(server(), zero), Some(LinkError::Zero));
    let none = Options { in_flight: 0, ..options() };
    assert_eq!(refused(server(), none), Some(LinkError::InFlight));
    let plain = Server::parse("redis://localhost").unwrap().with_ca(b"any".to_vec());
    assert_eq!(refused(plain, options()), Some(LinkError::NotTls));
    let empty = server().with_ca(b"nothing".to_vec());
    assert_eq!(refused(empty, options()), Some(LinkError::NoCertificate));
    let torn = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
    assert!(matches!(refused(server().with_ca(torn), options()), Some(LinkError::Refused(_))));
}

#[tokio::test]
async fn tls_trusts_the_given_authority_only() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["right", "wrong"] {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        openssl.args(["-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext"]);
        openssl.args(["subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"]);
        openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
        let made = openssl.current_dir(folder.path()).stderr(Stdio::null()).status().unwrap();
        assert!(made.success());
    }
    let path = |name: &str| folder.path().join(name).display().to_string();
    let tls_port = free_port().to_string();
    let (certificate, key) = (path("right.pem"), path("right.key"));
    let _server = TestServer::start(&[
        "--tls-port",
        &tls_port,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &certificate,
        "--tls-auth-clients",
        "no",
    ]);
    let link = |authority: &str| {
        let server = Server::parse(&format!("rediss://localhost:{tls_port}")).unwrap();
        let authority = std::fs::read(path(authority)).unwrap();
        Link::new(server.with_ca(authority), options()).unwrap()
    };
    until_answered(&link("right.pem")).await;
    until_open(&link("wrong.pem"), &[Fault::Unreachable, Fault::Timeout]).await;
}
