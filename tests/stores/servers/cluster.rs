//! A cluster on loopback: three masters, a replica each, and slots that move when a master dies.

use std::ops::RangeInclusive;

use redis::Value;
use tokio::sync::OnceCell;

use super::keeper::{self, Keeper};
use super::proxy::Proxy;
use super::redis::{Kind, RedisServer, on_path};
use super::wait::wait_for;

const NODES: usize = 6;
const MASTERS: usize = 3;
/// The latter two make replicas come online at once, not five seconds later, and confirm within a
/// second, not ten.
const OPTIONS: [&str; 8] = [
    "--cluster-enabled",
    "yes",
    "--cluster-node-timeout",
    "2000",
    "--repl-diskless-sync-delay",
    "0",
    "--repl-ping-replica-period",
    "1",
];

/// Killed and waited for when dropped, and at the end of the process.
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
    /// What the nodes call themselves, in the same order.
    ids: Vec<String>,
    /// Where clients find the nodes.
    ports: Vec<u16>,
}

impl RedisCluster {
    /// Returns when every slot is served and every replica is ready to take over.
    pub async fn start(kind: Kind) -> RedisCluster {
        let nodes = start_nodes(kind).await;
        let ports = nodes.iter().map(RedisServer::port).collect();
        RedisCluster::join(nodes, ports).await
    }

    /// Clients are told the ports of proxies, in the order of the nodes. The nodes' own bus passes
    /// by them, but replicas follow their masters through them; a node that is restarted gives its
    /// own port again.
    pub async fn start_behind_proxies(kind: Kind) -> (RedisCluster, Vec<Proxy>) {
        let nodes = start_nodes(kind).await;
        let mut proxies = Vec::new();
        for node in &nodes {
            let proxy = Proxy::start(node.port()).await;
            let port = proxy.port().to_string();
            node.command(&["CONFIG", "SET", "cluster-announce-port", &port]).await;
            proxies.push(proxy);
        }
        let ports = proxies.iter().map(Proxy::port).collect();
        (RedisCluster::join(nodes, ports).await, proxies)
    }

    async fn join(nodes: Vec<RedisServer>, ports: Vec<u16>) -> RedisCluster {
        create(&nodes).await;
        let mut ids = Vec::new();
        for node in &nodes {
            wait_for("a node that is ready", async || is_ready(node).await.then_some(())).await;
            ids.push(node.text(&["CLUSTER", "MYID"]).await);
        }
        RedisCluster { nodes, ids, ports }
    }

    /// One of Redis for all tests of a process that hurt nobody. Nobody drops a static: the nodes
    /// die with the process.
    pub async fn shared() -> &'static RedisCluster {
        static SHARED: OnceCell<RedisCluster> = OnceCell::const_new();
        SHARED.get_or_init(|| RedisCluster::start(Kind::Redis)).await
    }

    /// Names all nodes, dead ones too.
    pub fn url(&self) -> String {
        let addresses: Vec<String> =
            self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+cluster://{}", addresses.join(","))
    }

    /// To hang one, or to ask it something.
    pub fn node(&self, index: usize) -> &RedisServer {
        &self.nodes[index]
    }

    /// The node that serves the slot of a key; while that one is down, waits for its replica.
    pub async fn master_of(&self, key: &str) -> usize {
        wait_for("an owner of the slot", async || {
            let slot = self.view(&["CLUSTER", "KEYSLOT", key]).await?.parse().ok()?;
            let view = self.view(&["CLUSTER", "NODES"]).await?;
            let owner = view.lines().find(|line| is_working_master(line) && owns(line, slot))?;
            let index = self.ids.iter().position(|id| owner.starts_with(id.as_str()))?;
            self.nodes[index].is_up().then_some(index)
        })
        .await
    }

    /// Waits until the replica of a master has confirmed all that the master has.
    pub async fn is_passed_on(&self, index: usize) {
        let node = &self.nodes[index];
        wait_for("a replica that has everything", async || {
            let info = node.text(&["INFO", "replication"]).await;
            let offset = info.lines().find_map(|line| line.strip_prefix("master_repl_offset:"))?;
            info.contains(&format!(",offset={},", offset.trim())).then_some(())
        })
        .await;
    }

    /// SIGKILL, and waits until it is gone. `node(index).restart()` brings it back as a replica,
    /// if another was promoted in the meantime.
    pub fn kill_node(&self, index: usize) {
        self.nodes[index].kill();
    }

    /// Asks each master that is up.
    pub async fn command_on_masters(&self, args: &[&str]) -> Vec<Value> {
        let mut replies = Vec::new();
        for node in self.nodes.iter().filter(|node| node.is_up()) {
            if node.text(&["INFO", "replication"]).await.contains("role:master") {
                replies.push(node.command(args).await);
            }
        }
        replies
    }

    /// What the first node says that is able to.
    async fn view(&self, args: &[&str]) -> Option<String> {
        for node in self.nodes.iter().filter(|node| node.is_up()) {
            if let Some(text) = node.try_text(args).await {
                return Some(text);
            }
        }
        None
    }
}

async fn start_nodes(kind: Kind) -> Vec<RedisServer> {
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        nodes.push(RedisServer::start_with(kind, &OPTIONS).await);
    }
    nodes
}

/// Lets `redis-cli` give the slots to the first nodes and make replicas of the others.
async fn create(nodes: &[RedisServer]) {
    let mut args = vec!["--cluster".to_owned(), "create".to_owned()];
    args.extend(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())));
    args.extend(["--cluster-replicas", "1", "--cluster-yes"].map(str::to_owned));
    let client = Keeper::start(&keeper::folder(), &on_path("redis-cli"), &args);
    wait_for("a cluster", async || client.ended().then_some(())).await;
    assert!(client.said().contains("[OK] All 16384 slots covered"), "{}", client.said());
}

/// "ok" alone comes seconds too early: a master that dies before its replica is online stays lost.
/// One that is online and has confirmed nothing yet may still be sent nothing.
async fn is_ready(node: &RedisServer) -> bool {
    let info = node.text(&["CLUSTER", "INFO"]).await;
    let view = node.text(&["CLUSTER", "NODES"]).await;
    let replication = node.text(&["INFO", "replication"]).await;
    let knows_all = view.lines().filter(|line| line.contains("slave")).count() == NODES - MASTERS;
    let is_linked =
        ["master_link_status:up", "state=online"].iter().any(|word| replication.contains(word));
    let has_confirmed = !replication.contains(",offset=0,");
    info.contains("cluster_state:ok") && knows_all && is_linked && has_confirmed
}

/// A line of CLUSTER NODES: id, address, flags, master, ping, pong, epoch, link, slots.
fn is_working_master(line: &str) -> bool {
    let flags: Vec<&str> = line.split(' ').nth(2).unwrap_or_default().split(',').collect();
    flags.contains(&"master") && !flags.contains(&"fail")
}

fn owns(line: &str, slot: u16) -> bool {
    line.split(' ').skip(8).filter_map(slots).any(|slots| slots.contains(&slot))
}

/// `0-5460` or `7`; slots on their way, in brackets, still belong to where they come from.
fn slots(word: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some(first.parse().ok()?..=last.parse().ok()?)
}
