//! Opens connections: to a server, to a cluster, and to the masters of a cluster one by one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::cluster::ClusterClientBuilder;
use ::redis::cluster_async::ClusterConnection;
use ::redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, RedisResult, TlsCertificates, Value,
};
use futures_util::future::{join_all, select_ok};
use tokio::time::{Instant, timeout, timeout_at};

use super::faults::{Fault, reason};
use super::url::{Node, Server};

/// Enough to follow a redirection to the new owner of a slot and once more from there; the client's
/// own 16 would repeat for minutes what our budget ended long before.
const CLUSTER_RETRIES: u32 = 3;
/// Between those; the client's own 1.3 s is longer than any budget. Milliseconds.
const CLUSTER_RETRY_WAIT: (u64, u64) = (2, 10);
/// The longest that a node of a cluster may take for one answer. Our budgets end calls before; this
/// ends the client's own questions (`CLUSTER SLOTS`, `PING`), during which it serves nobody.
const CLUSTER_ANSWER: Duration = Duration::from_secs(1);
/// A cluster is dialled in rounds: first nodes, slots, all nodes.
const CLUSTER_ROUNDS: u32 = 4;
/// A peer that vanished without a word is given up after so long, and not after the quarter of an
/// hour that the operating system would wait.
const VANISHED: Duration = Duration::from_secs(3);

/// A connection that many calls share.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    /// With the owners of the slots when it was dialled.
    Cluster(ClusterConnection, Masters),
}

/// Who owns which slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Masters(Vec<(i64, i64, Node)>);

pub(super) struct DialError {
    pub fault: Fault,
    pub reason: Option<String>,
}

impl From<RedisError> for DialError {
    fn from(error: RedisError) -> DialError {
        DialError { fault: Fault::of(&error), reason: reason(&error) }
    }
}

impl From<tokio::time::error::Elapsed> for DialError {
    fn from(_: tokio::time::error::Elapsed) -> DialError {
        DialError { fault: Fault::Timeout, reason: None }
    }
}

pub(super) struct Dialer {
    server: Server,
    connect_timeout: Duration,
    config: AsyncConnectionConfig,
    /// Masters of the cluster as last seen: the configured nodes may be gone by now.
    seen: Mutex<Vec<Node>>,
}

impl Dialer {
    /// Does no I/O. Fails when the certificates are unusable.
    pub fn new(server: Server, connect_timeout: Duration, in_flight: usize) -> RedisResult<Dialer> {
        // No limit on answers: each call has its own budget. Each call takes one place in the
        // buffer, so that with as many places as calls nobody waits for one.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connect_timeout))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(in_flight);
        let dialer = Dialer { server, connect_timeout, config, seen: Mutex::default() };
        for node in dialer.server.nodes() {
            dialer.client(node)?;
        }
        Ok(dialer)
    }

    pub fn is_cluster(&self) -> bool {
        self.server.is_cluster()
    }

    pub async fn dial(&self) -> Result<Connection, DialError> {
        if self.is_cluster() {
            return self.dial_cluster(self.masters().await?).await;
        }
        let [node, ..] = self.server.nodes() else {
            return Err(DialError { fault: Fault::Unreachable, reason: None });
        };
        Ok(Connection::Single(self.open(node).await?))
    }

    /// A connection to put in the place of one that seems stuck; none when that would not help.
    pub async fn renew(&self, stuck: &Connection) -> Option<Connection> {
        match stuck {
            // The name may lead elsewhere by now, as after a failover. A server that hangs does
            // not get as far as a second connection.
            Connection::Single(_) => self.dial().await.ok(),
            // The client asks for new owners only when a node refuses or disconnects, and not when
            // a master just hangs. While the owners are the same it is better left alone: a new
            // client that cannot reach a master stalls all calls each time it tries to.
            Connection::Cluster(_, known) => {
                let masters = self.masters().await.ok().filter(|masters| masters != known)?;
                self.dial_cluster(masters).await.ok()
            }
        }
    }

    /// Sends a command to every master, each over a connection of its own: a cluster's client
    /// leaves out those it cannot reach, and fails the whole for the fault of one.
    pub async fn each_master(
        &self,
        command: &Cmd,
        deadline: Instant,
    ) -> Result<Vec<Result<Value, DialError>>, DialError> {
        let masters = timeout_at(deadline, self.masters()).await??;
        let ask = async |node: Node| -> Result<Value, DialError> {
            let ask = async {
                self.open(&node).await?.send_packed_command(command).await?.extract_error()
            };
            Ok(timeout_at(deadline, ask).await??)
        };
        Ok(join_all(masters.nodes().into_iter().map(ask)).await)
    }

    async fn dial_cluster(&self, masters: Masters) -> Result<Connection, DialError> {
        let mut nodes = masters.nodes();
        nodes.extend(
            self.server.nodes().iter().filter(|n| !nodes.contains(n)).cloned().collect::<Vec<_>>(),
        );
        let infos = nodes.iter().map(|node| self.info(node)).collect::<RedisResult<Vec<_>>>()?;
        let (wait_min, wait_max) = CLUSTER_RETRY_WAIT;
        let mut builder = ClusterClientBuilder::new(infos)
            .tcp_settings(tcp_settings())
            .connection_timeout(self.connect_timeout)
            .response_timeout(CLUSTER_ANSWER)
            .overall_response_timeout(None)
            .retries(CLUSTER_RETRIES)
            .min_retry_wait(wait_min)
            .max_retry_wait(wait_max);
        if let Some(certificates) = self.certificates() {
            builder = builder.certs(certificates);
        }
        let client = builder.build()?;
        let rounds = self.connect_timeout * CLUSTER_ROUNDS;
        let connection = timeout(rounds, client.get_async_connection()).await??;
        Ok(Connection::Cluster(connection, masters))
    }

    /// Asks all nodes known who owns the slots; the first answer is it.
    async fn masters(&self) -> Result<Masters, DialError> {
        let mut nodes = self.server.nodes().to_vec();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        nodes.extend(seen.into_iter().filter(|node| !self.server.nodes().contains(node)));
        let ask = async |node: Node| -> Result<Masters, DialError> {
            let mut slots = redis::cmd("CLUSTER");
            slots.arg("SLOTS");
            let ask = async {
                self.open(&node).await?.send_packed_command(&slots).await?.extract_error()
            };
            let slots = timeout(self.connect_timeout, ask).await?.map_err(cluster_error)?;
            Masters::parse(&slots, &node)
        };
        let (masters, _) = select_ok(nodes.into_iter().map(|node| Box::pin(ask(node)))).await?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = masters.nodes();
        Ok(masters)
    }

    async fn open(&self, node: &Node) -> RedisResult<MultiplexedConnection> {
        self.client(node)?.get_multiplexed_async_connection_with_config(&self.config).await
    }

    fn client(&self, node: &Node) -> RedisResult<Client> {
        let info = self.info(node)?;
        match self.certificates() {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        }
    }

    fn info(&self, node: &Node) -> RedisResult<ConnectionInfo> {
        let (host, port) = (node.host.clone(), node.port);
        let address = if self.server.is_tls() {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let mut settings = RedisConnectionInfo::default().set_db(i64::from(self.server.database()));
        if let Some(user) = self.server.user() {
            settings = settings.set_username(user);
        }
        if let Some(password) = self.server.password() {
            settings = settings.set_password(password);
        }
        let info = address.into_connection_info()?;
        Ok(info.set_redis_settings(settings).set_tcp_settings(tcp_settings()))
    }

    fn certificates(&self) -> Option<TlsCertificates> {
        let root_cert = self.server.ca()?.to_vec();
        Some(TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
    }
}

/// The client's own settings leave small writes waiting for acknowledgements (Nagle), and notice a
/// peer that vanished after many minutes.
fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(VANISHED).with_interval(VANISHED);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    // Keepalive sleeps while data waits to be acknowledged: this ends that wait.
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(VANISHED);
    settings
}

fn cluster_error(error: RedisError) -> DialError {
    let disabled = error.detail().is_some_and(|text| text.contains("cluster support disabled"));
    let mut error = DialError::from(error);
    if disabled {
        error.reason = Some("not a cluster: the address should begin with redis://".to_string());
    }
    error
}

impl Masters {
    /// Understands an answer to `CLUSTER SLOTS` of a node, which may leave out its own host.
    fn parse(answer: &Value, asked: &Node) -> Result<Masters, DialError> {
        let corrupt = || DialError { fault: Fault::Corrupt, reason: None };
        let Value::Array(ranges) = answer else { return Err(corrupt()) };
        let mut owners = Vec::with_capacity(ranges.len());
        for range in ranges {
            let Value::Array(range) = range else { return Err(corrupt()) };
            let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = range.as_slice()
            else {
                return Err(corrupt());
            };
            let [host, Value::Int(port), ..] = master.as_slice() else { return Err(corrupt()) };
            let host = match host {
                Value::BulkString(host) => String::from_utf8_lossy(host).into_owned(),
                Value::Nil => String::new(),
                _ => return Err(corrupt()),
            };
            // The server's word for a host that it does not know.
            if host == "?" {
                continue;
            }
            let host = if host.is_empty() { asked.host.clone() } else { host };
            let port = u16::try_from(*port).map_err(|_| corrupt())?;
            owners.push((*first, *last, Node { host, port }));
        }
        if owners.is_empty() {
            let reason = Some("the cluster has no slots".to_string());
            return Err(DialError { fault: Fault::Unavailable, reason });
        }
        owners.sort_by_key(|(first, ..)| *first);
        Ok(Masters(owners))
    }

    fn nodes(&self) -> Vec<Node> {
        let mut nodes: Vec<Node> = Vec::new();
        for (.., node) in &self.0 {
            if !nodes.contains(node) {
                nodes.push(node.clone());
            }
        }
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(answer: &str) -> Result<Masters, Fault> {
        let value = redis::parse_redis_value(answer.as_bytes()).unwrap();
        let asked = Node { host: "asked".into(), port: 1 };
        Masters::parse(&value, &asked).map_err(|error| error.fault)
    }

    fn range(first: u16, last: u16, host: &str, port: u16) -> String {
        format!("*3\r\n:{first}\r\n:{last}\r\n*2\r\n{host}\r\n:{port}\r\n")
    }

    #[test]
    fn owners_of_slots_are_known_whatever_their_order() {
        let (a, b) = (range(0, 9, "$1\r\na", 7), range(10, 19, "$0\r\n", 8));
        let (c, unknown) = (range(20, 29, "$-1", 8), range(30, 39, "$1\r\n?", 9));
        let masters = parse(&format!("*4\r\n{b}{a}{unknown}{c}")).unwrap();
        assert_eq!(parse(&format!("*3\r\n{a}{c}{b}")), Ok(masters.clone()));
        let named: Vec<String> = masters.nodes().iter().map(Node::to_string).collect();
        assert_eq!(named, ["a:7", "asked:8"]);
        let moved = range(10, 19, "$1\r\na", 7);
        assert_ne!(parse(&format!("*3\r\n{a}{c}{moved}")), Ok(masters));
    }

    #[test]
    fn answers_without_owners_are_faults() {
        assert_eq!(parse("*0\r\n"), Err(Fault::Unavailable));
        assert_eq!(parse("+OK\r\n"), Err(Fault::Corrupt));
        assert_eq!(parse("*1\r\n:1\r\n"), Err(Fault::Corrupt));
        assert_eq!(parse(&format!("*1\r\n{}", range(0, 9, ":1", 0))), Err(Fault::Corrupt));
    }
}
