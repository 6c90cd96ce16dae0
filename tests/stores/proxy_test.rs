//! Each fault of the proxy, met by a real client in front of a real server.

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, RedisResult, Value};

use crate::servers::{Kind, Mode, Proxy, RedisServer};

/// Enough for a slow machine, and what a test waits for in vain.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

struct Scene {
    server: RedisServer,
    proxy: Proxy,
}

impl Scene {
    async fn new() -> Scene {
        let server = RedisServer::start(Kind::Redis).await;
        let proxy = Proxy::start(server.port()).await;
        Scene { server, proxy }
    }

    async fn connect(&self, patience: Duration) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(patience))
            .set_response_timeout(Some(patience));
        let client = Client::open(self.proxy.url()).unwrap();
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// What the server itself says, past the proxy.
    async fn count(&self, key: &str) -> i64 {
        i64::from_redis_value(self.server.command(&["GET", key]).await).unwrap_or(0)
    }
}

async fn increment(connection: &mut MultiplexedConnection, key: &str) -> RedisResult<i64> {
    redis::cmd("INCR").arg(key).query_async(connection).await
}

#[tokio::test]
async fn what_passes_is_counted() {
    let scene = Scene::new().await;
    let mut connection = scene.connect(LONG).await.unwrap();
    increment(&mut connection, "k").await.unwrap();
    let before = scene.proxy.segments();
    for expected in 2..=11 {
        assert_eq!(increment(&mut connection, "k").await.unwrap(), expected);
    }
    assert_eq!(scene.proxy.segments() - before, 10);
    assert_eq!(scene.proxy.connections(), 1);
    scene.connect(LONG).await.unwrap();
    assert_eq!(scene.proxy.connections(), 2);

    // More than one read or one write of the proxy takes.
    let long = "x".repeat(3_000_000);
    let echo: String = redis::cmd("ECHO").arg(&long).query_async(&mut connection).await.unwrap();
    assert!(echo == long);
}

#[tokio::test]
async fn a_delay_holds_up_nothing_but_itself() {
    let scene = Scene::new().await;
    let mut connection = scene.connect(LONG).await.unwrap();
    let (requests, replies) = (Duration::from_millis(100), Duration::from_millis(200));
    scene.proxy.set(Mode::Delay { requests, replies });
    let begin = Instant::now();
    increment(&mut connection, "k").await.unwrap();
    assert!(begin.elapsed() >= requests + replies);

    // One after the other these would take six seconds.
    let begin = Instant::now();
    let asked = (0..20).map(|_| {
        let mut connection = connection.clone();
        async move { increment(&mut connection, "k").await }
    });
    let counts = futures_util::future::try_join_all(asked).await.unwrap();
    assert_eq!(counts, (2..=21).collect::<Vec<_>>());
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_black_hole_gives_back_what_it_held() {
    let scene = Scene::new().await;
    let mut connection = scene.connect(SHORT).await.unwrap();
    scene.proxy.set(Mode::BlackHole);
    assert!(increment(&mut connection, "k").await.unwrap_err().is_timeout());
    assert!(scene.connect(SHORT).await.is_err());
    assert_eq!(scene.count("k").await, 0);

    scene.proxy.set(Mode::Pass);
    connection.set_response_timeout(LONG);
    assert_eq!(increment(&mut connection, "k").await.unwrap(), 2);
}

#[tokio::test]
async fn a_lost_reply_is_that_of_a_request_that_ran() {
    let scene = Scene::new().await;
    scene.proxy.set(Mode::LoseReplies { count: 2, to: "INCR" });
    for left in [Mode::LoseReplies { count: 1, to: "INCR" }, Mode::Pass] {
        let mut connection = scene.connect(LONG).await.unwrap();
        let _pong: String = redis::cmd("PING").query_async(&mut connection).await.unwrap();
        let error = increment(&mut connection, "k").await.unwrap_err();
        assert!(error.is_connection_dropped(), "{error:?}");
        assert_eq!(scene.proxy.mode(), left);
    }
    assert_eq!(scene.count("k").await, 2);
    let mut connection = scene.connect(LONG).await.unwrap();
    assert_eq!(increment(&mut connection, "k").await.unwrap(), 3);

    scene.proxy.set(Mode::LoseReplies { count: u64::MAX, to: "INCR" });
    assert!(increment(&mut connection, "k").await.is_err());
    scene.proxy.set(Mode::Pass);
    assert_eq!(scene.count("k").await, 4);
}

#[tokio::test]
async fn a_cut_comes_after_its_bytes() {
    let scene = Scene::new().await;
    let mut connection = scene.connect(LONG).await.unwrap();
    increment(&mut connection, "k").await.unwrap();
    // `:2\r\n` and `:3\r\n`, and a byte of the third.
    scene.proxy.set(Mode::CutAfter(9));
    assert_eq!(increment(&mut connection, "k").await.unwrap(), 2);
    assert_eq!(increment(&mut connection, "k").await.unwrap(), 3);
    let error = increment(&mut connection, "k").await.unwrap_err();
    assert!(error.is_connection_dropped(), "{error:?}");
    assert_eq!(scene.count("k").await, 4);
}

#[tokio::test]
async fn a_cut_is_a_reset() {
    let scene = Scene::new().await;
    let client = tokio::net::TcpStream::connect(("127.0.0.1", scene.proxy.port())).await.unwrap();
    scene.proxy.set(Mode::CutAfter(0));
    client.try_write(b"PING\r\n").unwrap();
    client.readable().await.unwrap();
    let end = client.try_read(&mut [0; 8]).unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn garbage_comes_in_place_of_replies() {
    let scene = Scene::new().await;
    let mut connection = scene.connect(LONG).await.unwrap();
    scene.proxy.set(Mode::Garbage(b"\xff\x00 no reply\r\n".to_vec()));
    let error = increment(&mut connection, "k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Parse, "{error:?}");
    assert_eq!(scene.count("k").await, 1);

    // A gigabyte announced, that never comes.
    scene.proxy.set(Mode::Pass);
    let mut connection = scene.connect(SHORT).await.unwrap();
    scene.proxy.set(Mode::Garbage(b"$1000000000\r\n".to_vec()));
    assert!(increment(&mut connection, "k").await.is_err());
}

#[tokio::test]
async fn bandwidth_has_its_limit() {
    let scene = Scene::new().await;
    let value = "x".repeat(20_000);
    scene.server.command(&["SET", "k", &value]).await;
    let mut connection = scene.connect(LONG).await.unwrap();
    scene.proxy.set(Mode::Bandwidth(40_000));
    let begin = Instant::now();
    let read: Value = redis::cmd("GET").arg("k").query_async(&mut connection).await.unwrap();
    assert_eq!(read, Value::BulkString(value.into_bytes()));
    assert!(begin.elapsed() >= Duration::from_millis(400), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_server_that_died_resets_and_one_that_is_back_is_found() {
    let scene = Scene::new().await;
    let mut connection = scene.connect(LONG).await.unwrap();
    scene.server.kill();
    assert!(increment(&mut connection, "k").await.is_err());
    assert!(scene.connect(LONG).await.is_err());
    scene.server.restart().await;
    let mut connection = scene.connect(LONG).await.unwrap();
    assert_eq!(increment(&mut connection, "k").await.unwrap(), 1);
}

#[tokio::test]
async fn a_proxy_that_is_dropped_ends_its_connections() {
    let Scene { server, proxy } = Scene::new().await;
    let scene = Scene { proxy: Proxy::start(server.port()).await, server };
    let mut connection = scene.connect(LONG).await.unwrap();
    let port = proxy.port();
    drop(proxy);
    let free = async || std::net::TcpListener::bind(("127.0.0.1", port)).ok();
    crate::servers::wait_for("the port of a proxy that is gone", free).await;
    assert_eq!(increment(&mut connection, "k").await.unwrap(), 1);
    drop(scene.proxy);
    assert!(increment(&mut connection, "k").await.is_err());
}
