//! The link against a real cluster whose masters hang, die and are replaced.

use std::time::Duration;

use ::redis::Value;
use tokio::time::{Instant, interval, timeout};

use super::link_tests::{TestServer, command, free_port, options};
use super::{Fault, Link, Server};

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;
const LONG: Duration = Duration::from_secs(30);

/// Three masters and a replica of the first.
struct Cluster {
    nodes: Vec<TestServer>,
}

impl Cluster {
    async fn start() -> Cluster {
        // By default the bus is at a port of ten thousand more, of which there may be none.
        let buses: Vec<String> = (0..=MASTERS).map(|_| free_port().to_string()).collect();
        let start = |bus: &String| {
            let settings = "--cluster-enabled yes --cluster-node-timeout 1000 \
                            --repl-diskless-sync-delay 0 --cluster-port";
            let settings = settings.split(' ').chain([bus.as_str()]);
            TestServer::start(&settings.collect::<Vec<_>>())
        };
        let cluster = Cluster { nodes: buses.iter().map(start).collect() };
        let meet = format!("CLUSTER MEET 127.0.0.1 {} {}", cluster.nodes[0].port, buses[0]);
        for (at, node) in cluster.nodes.iter().enumerate() {
            let link = node.link(options());
            until(async || ask(&link, &meet).await.is_ok()).await;
            if at < MASTERS {
                let (first, last) = (SLOTS * at / MASTERS, SLOTS * (at + 1) / MASTERS - 1);
                let slots = format!("CLUSTER ADDSLOTSRANGE {first} {last}");
                assert!(ask(&link, &slots).await.is_ok());
            }
        }
        let first = cluster.nodes[0].link(options());
        let Ok(Value::BulkString(id)) = ask(&first, "CLUSTER MYID").await else { panic!("no id") };
        let replica = cluster.nodes[MASTERS].link(options());
        let replicate = format!("CLUSTER REPLICATE {}", String::from_utf8(id).unwrap());
        until(async || ask(&replica, &replicate).await.is_ok()).await;
        // Without one it would not stand for election.
        until(async || holds_a_copy(&replica).await).await;
        for node in &cluster.nodes {
            let link = node.link(options());
            until(async || cluster.sees_all(&link).await).await;
        }
        cluster
    }

    async fn sees_all(&self, link: &Link) -> bool {
        let (info, replicas) = (ask(link, "CLUSTER INFO").await, ask(link, "CLUSTER NODES").await);
        let (Ok(Value::BulkString(info)), Ok(Value::BulkString(nodes))) = (info, replicas) else {
            return false;
        };
        let (info, nodes) = (String::from_utf8(info).unwrap(), String::from_utf8(nodes).unwrap());
        info.contains("cluster_state:ok")
            && info.contains("cluster_known_nodes:4")
            && nodes.lines().filter(|line| line.contains("slave")).count() == 1
            && !nodes.contains("fail")
    }

    /// Knows only one node and must find the others.
    fn link(&self) -> Link {
        let text = format!("redis+cluster://127.0.0.1:{}", self.nodes[0].port);
        Link::new(Server::parse(&text).unwrap(), options()).unwrap()
    }
}

async fn ask(link: &Link, words: &str) -> Result<Value, Fault> {
    link.send_unhurried(vec![command(words)], Duration::from_secs(1)).await.pop().unwrap()
}

async fn holds_a_copy(replica: &Link) -> bool {
    let Ok(Value::BulkString(info)) = ask(replica, "INFO replication").await else { return false };
    String::from_utf8(info).unwrap().contains("master_link_status:up")
}

async fn until(mut done: impl AsyncFnMut() -> bool) -> Duration {
    let start = Instant::now();
    let mut ticks = interval(Duration::from_millis(20));
    let waiting = async {
        while !done().await {
            ticks.tick().await;
        }
    };
    timeout(LONG, waiting).await.unwrap();
    start.elapsed()
}

/// One counter for each master: slots 5061, 7365 and 12182.
const COUNTERS: [&str; 3] = ["INCR bar", "INCR c", "INCR foo"];

async fn count(link: &Link) -> Vec<Result<Value, Fault>> {
    link.send(COUNTERS.map(command).to_vec()).await
}

async fn all_count(link: &Link) -> bool {
    count(link).await.iter().all(Result::is_ok)
}

#[tokio::test]
async fn a_hanging_or_dead_master_spoils_only_its_own_slots_until_it_is_replaced() {
    let mut cluster = Cluster::start().await;
    let link = cluster.link();
    until(async || all_count(&link).await).await;
    let masters = link.each_master(command("CONFIG GET maxmemory-policy"), LONG).await;
    assert_eq!(masters.iter().filter(|reply| reply.is_ok()).count(), MASTERS);

    // It hangs: no connection breaks, so nothing but the missing answers tells.
    cluster.nodes[0].signal("STOP");
    let start = Instant::now();
    let replies = count(&link).await;
    assert!(start.elapsed() < options().budget + Duration::from_millis(150));
    assert_eq!(replies[0], Err(Fault::Timeout));
    assert!(replies[1].is_ok() && replies[2].is_ok(), "{replies:?}");
    let checks = link.each_master(command("PING"), Duration::from_millis(800)).await;
    assert_eq!(checks.iter().filter(|reply| reply.is_ok()).count(), MASTERS - 1);
    let took = until(async || all_count(&link).await).await;
    assert!(took < Duration::from_secs(8), "{took:?}");

    // It comes back as a replica of its successor, which then dies.
    cluster.nodes[0].signal("CONT");
    let first = cluster.nodes[0].link(options());
    until(async || holds_a_copy(&first).await).await;
    until(async || cluster.sees_all(&first).await && all_count(&link).await).await;
    cluster.nodes[MASTERS].kill();
    let took = until(async || all_count(&link).await).await;
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[tokio::test]
async fn a_cluster_that_is_none_is_told() {
    let server = TestServer::start(&[]);
    let alone = server.link(options());
    until(async || ask(&alone, "PING").await.is_ok()).await;
    let text = format!("redis+cluster://127.0.0.1:{}", server.port);
    let link = Link::new(Server::parse(&text).unwrap(), options()).unwrap();
    assert_eq!(ask(&link, "PING").await, Err(Fault::Other));
    assert_eq!(link.each_master(command("PING"), LONG).await, [Err(Fault::Other)]);
}
