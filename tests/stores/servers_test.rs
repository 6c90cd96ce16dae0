//! The harness itself: real servers start, answer, die, hang, come back, and never stay behind.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, TlsCertificates, Value};
use tokio::time::timeout;

use crate::servers::{Kind, Mode, RedisCluster, RedisServer, wait_for};

const LIFELINE: &str = "SURETY_STORES_LIFELINE";

#[tokio::test]
async fn redis_dies_hangs_and_comes_back() {
    dies_hangs_and_comes_back(Kind::Redis).await;
}

#[tokio::test]
async fn valkey_dies_hangs_and_comes_back() {
    dies_hangs_and_comes_back(Kind::Valkey).await;
}

async fn dies_hangs_and_comes_back(kind: Kind) {
    let server = RedisServer::start(kind).await;
    let port = server.port();
    assert_eq!(server.command(&["SET", "k", "v"]).await, Value::Okay);

    server.pause().await;
    let hanging = timeout(Duration::from_millis(300), server.command(&["GET", "k"])).await;
    assert!(hanging.is_err(), "{hanging:?}");
    server.resume();
    assert_eq!(server.command(&["GET", "k"]).await, Value::BulkString(b"v".to_vec()));

    server.kill();
    assert!(!listens(port));
    server.restart().await;
    assert_eq!(server.port(), port);
    assert_eq!(server.command(&["GET", "k"]).await, Value::Nil);

    // Without a kill before.
    server.command(&["SET", "k", "v"]).await;
    server.restart().await;
    assert_eq!(server.command(&["DBSIZE"]).await, Value::Int(0));

    drop(server);
    assert!(!listens(port));
}

#[tokio::test]
async fn valkey_is_the_newer_one() {
    let server = RedisServer::start(Kind::Valkey).await;
    let Value::BulkString(info) = server.command(&["INFO", "server"]).await else { panic!() };
    assert!(String::from_utf8(info).unwrap().contains("valkey_version:9."));
}

#[tokio::test]
async fn statistics_are_of_what_was_asked_since_the_reset() {
    let server = RedisServer::start(Kind::Redis).await;
    server.command(&["SET", "k", "1"]).await;
    server.reset_stats().await;
    let before = server.info("total_net_input_bytes").await;

    for _ in 0..3 {
        server.command(&["INCR", "k"]).await;
    }
    server.command(&["CONFIG", "GET", "maxmemory"]).await;

    let stats = server.command_stats().await;
    assert_eq!(stats["incr"].calls, 3);
    assert!(stats["incr"].usec < 1_000_000);
    assert_eq!(stats["config|get"].calls, 1);
    assert!(!stats.contains_key("set") && !stats.contains_key("client|setinfo"), "{stats:?}");
    let increments = 3 * "*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n".len() as u64;
    assert!(server.info("total_net_input_bytes").await >= before + increments);
}

#[tokio::test]
async fn a_password_is_in_the_url() {
    let server = RedisServer::start_with(Kind::Redis, &["--requirepass", "secret"]).await;
    assert_eq!(error_code(&format!("redis://127.0.0.1:{}", server.port())).await, "NOAUTH");
    assert_eq!(error_code(&server.url()).await, "");
}

#[tokio::test]
async fn a_user_may_do_what_its_rules_say() {
    let user = ["--user", "app", "on", ">secret", "~*", "+get", "-eval"];
    let server = RedisServer::start_with(Kind::Valkey, &user).await;
    let url = format!("redis://app:secret@127.0.0.1:{}", server.port());
    assert_eq!(error_code(&url).await, "NOPERM");
    assert_eq!(error_code(&server.url()).await, "");
}

#[tokio::test]
async fn memory_has_its_end_when_told_so() {
    let args = ["--maxmemory", "1", "--maxmemory-policy", "noeviction"];
    let server = RedisServer::start_with(Kind::Redis, &args).await;
    assert_eq!(error_code(&server.url()).await, "OOM");
}

/// Of a script that writes; empty when it succeeded.
async fn error_code(url: &str) -> String {
    let mut connection =
        Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    let script = "return redis.call('SET', KEYS[1], 'v')";
    let done: Result<(), _> =
        redis::cmd("EVAL").arg(script).arg(1).arg("k").query_async(&mut connection).await;
    done.err().and_then(|error| error.code().map(str::to_owned)).unwrap_or_default()
}

#[tokio::test]
async fn tls_is_trusted_by_its_own_certificate_only() {
    let server = RedisServer::start_tls().await;
    let root_cert = Some(std::fs::read(server.certificate()).unwrap());
    let certificates = TlsCertificates { client_tls: None, root_cert };
    let client = Client::build_with_tls(server.url(), certificates).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let answer: String = redis::cmd("PING").query_async(&mut connection).await.unwrap();
    assert_eq!(answer, "PONG");

    let stranger = Client::open(server.url()).unwrap();
    assert!(stranger.get_multiplexed_async_connection().await.is_err());
}

#[tokio::test]
async fn a_cluster_of_redis_survives_a_master() {
    survives_a_master(Kind::Redis).await;
}

#[tokio::test]
async fn a_cluster_of_valkey_survives_a_master() {
    survives_a_master(Kind::Valkey).await;
}

async fn survives_a_master(kind: Kind) {
    let cluster = RedisCluster::start(kind).await;
    let old = cluster.master_of("k").await;
    // WAIT is for the writes of its own connection.
    let client = Client::open(cluster.node(old).url()).unwrap();
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let mut connection =
        client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
    let () = redis::cmd("SET").arg("k").arg("v").query_async(&mut connection).await.unwrap();
    let replicated: i64 =
        redis::cmd("WAIT").arg(1).arg(10_000).query_async(&mut connection).await.unwrap();
    assert_eq!(replicated, 1);

    cluster.kill_node(old);
    let new = cluster.master_of("k").await;
    assert_ne!(new, old);
    let client = Client::open(cluster.node(new).url()).unwrap();
    wait_for("the promoted replica's answer", async || {
        let mut connection = client.get_multiplexed_async_connection().await.ok()?;
        let value: String = redis::cmd("GET").arg("k").query_async(&mut connection).await.ok()?;
        (value == "v").then_some(())
    })
    .await;

    cluster.node(old).restart().await;
    wait_for("the old master as a replica", async || {
        let Value::Array(role) = cluster.node(old).command(&["ROLE"]).await else { panic!() };
        (role[0] == Value::BulkString(b"slave".to_vec())).then_some(())
    })
    .await;
}

#[tokio::test]
async fn clients_reach_a_cluster_of_redis_through_its_proxies() {
    clients_come_through_proxies(Kind::Redis).await;
}

#[tokio::test]
async fn clients_reach_a_cluster_of_valkey_through_its_proxies() {
    clients_come_through_proxies(Kind::Valkey).await;
}

async fn clients_come_through_proxies(kind: Kind) {
    let (cluster, proxies) = RedisCluster::start_behind_proxies(kind).await;
    for key in ["a", "b", "c", "d", "e", "f"] {
        // One that has lost a connection asks any other node first.
        let mut connection = connect(&cluster).await;
        let owner = cluster.master_of(key).await;
        let before = proxies[owner].segments();
        let lost = Mode::LoseReplies { count: 1, to: "INCR" };
        proxies[owner].set(lost);
        let reply: Result<i64, _> = redis::cmd("INCR").arg(key).query_async(&mut connection).await;
        assert!(reply.is_err(), "{reply:?}");
        assert_eq!(proxies[owner].mode(), Mode::Pass, "{reply:?}");
        assert!(proxies[owner].segments() > before);
        let counted = cluster.node(owner).command(&["GET", key]).await;
        assert_eq!(counted, Value::BulkString(b"1".to_vec()));
    }
}

/// A client that does not send a command twice.
async fn connect(cluster: &RedisCluster) -> ClusterConnection {
    let nodes = cluster.url().strip_prefix("redis+cluster://").unwrap().to_owned();
    let nodes = nodes.split(',').map(|node| format!("redis://{node}"));
    let client = ClusterClient::builder(nodes).retries(0).build().unwrap();
    client.get_async_connection().await.unwrap()
}

#[tokio::test]
async fn a_shared_cluster_has_three_masters() {
    let cluster = RedisCluster::shared().await;
    assert_eq!(cluster.command_on_masters(&["PING"]).await.len(), 3);
    let owners = [cluster.master_of("{a}1").await, cluster.master_of("{a}2").await];
    assert_eq!(owners[0], owners[1]);
}

/// A second process of this very test starts servers and is killed; they go with it, whether or
/// not anything would have dropped them.
#[tokio::test]
async fn servers_die_with_a_process_that_is_killed() {
    const OWN_NAME: &str = "servers_test::servers_die_with_a_process_that_is_killed";
    if std::env::var_os(LIFELINE).is_some() {
        let servers = [RedisServer::start(Kind::Redis).await, RedisServer::start_tls().await];
        servers[0].pause().await;
        for server in &servers {
            let folder = server.certificate().parent().unwrap().to_owned();
            println!("\nserver {} {}", server.port(), folder.display());
        }
        // Its end is the kill, or that of the first process if that one is killed itself.
        let _end = std::io::stdin().read(&mut [0]);
        return;
    }
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args([OWN_NAME, "--exact", "--nocapture"])
        .env(LIFELINE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let servers: Vec<String> = lines.filter(|line| line.starts_with("server ")).take(2).collect();
    let servers: Vec<(u16, &Path)> = servers.iter().map(|line| place(line)).collect();
    assert_eq!(servers.len(), 2);
    assert!(servers.iter().all(|(port, folder)| listens(*port) && folder.is_dir()));

    process.kill().unwrap();
    process.wait().unwrap();
    for (port, folder) in servers {
        let is_gone = async || (!listens(port) && !folder.exists()).then_some(());
        wait_for("the end of a server without an owner", is_gone).await;
    }
}

fn place(line: &str) -> (u16, &Path) {
    let (port, folder) = line.strip_prefix("server ").unwrap().split_once(' ').unwrap();
    (port.parse().unwrap(), Path::new(folder))
}

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}
