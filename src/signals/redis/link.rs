//! Commands to the store and values back: all in one round trip, within a budget, or a named fault.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::cluster_async::ClusterConnection;
use ::redis::{Cmd, Pipeline, RedisError, RedisResult, Value};
use futures_util::future::join_all;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::breaker::{Admission, Breaker};
use super::dial::{Connection, DialError, Dialer};
use super::faults::{Fault, Faults, reason};
use super::keeper::{Keeper, Kept};
use super::url::Server;

/// More calls at once than this are a mistake in the settings.
const IN_FLIGHT_MOST: usize = 65_536;

/// How often a call is sent over a new connection when the old one broke. A connection that was
/// closed while nobody used it is noticed only by the next call, which need not suffer for it.
const SENT_AGAIN: u32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The longest that a call which somebody waits for may take.
    pub budget: Duration,
    /// Calls under way at once.
    pub in_flight: usize,
    /// The longest that opening one connection may take, with TLS and sign-in. While a master is
    /// unreachable but listed, the client of a cluster stops all calls for so long each time it
    /// tries.
    pub connect_timeout: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            budget: Duration::from_millis(20),
            in_flight: 512,
            connect_timeout: Duration::from_millis(500),
        }
    }
}

/// Settings that can not work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LinkError {
    #[error("budget and connect timeout of the store must be longer than zero")]
    Zero,
    #[error("in_flight of the store must be from 1 to {IN_FLIGHT_MOST}")]
    InFlight,
    /// Who names an authority believes the connection to be encrypted.
    #[error("a certificate authority is for TLS only: expected rediss:// or rediss+cluster://")]
    NotTls,
    #[error("the certificate authority of the store holds no certificate in PEM")]
    NoCertificate,
    #[error("the settings of the store are refused: {0}")]
    Refused(String),
}

/// The way to a server or a cluster.
///
/// Dropping a call half way is harmless, yet what it sent may have run: so it is with every fault
/// of kind [`Fault::Timeout`] or [`Fault::Unreachable`], and a command may even run twice. What
/// is sent must bear repetition.
///
/// Memory is safe from lengths that a broken server announces: the client grows its buffer by what
/// has come in, and reserves at most 4,096 elements of an array ahead. A server that really sends
/// gigabytes is believed until the connection is renewed, some seconds later.
pub struct Link {
    keeper: Keeper,
    breaker: Breaker,
    faults: Arc<Faults>,
    in_flight: Semaphore,
    budget: Duration,
    store: String,
}

type Reply = Result<Value, Fault>;

/// Whether a call waits for a connection that could not be had just before.
#[derive(Clone, Copy)]
struct Haste {
    patient: bool,
    deadline: Instant,
}

impl Link {
    /// Does no I/O: the first call connects. A server that is down is no error here.
    pub fn new(server: Server, options: Options) -> Result<Link, LinkError> {
        if options.budget.is_zero() || options.connect_timeout.is_zero() {
            return Err(LinkError::Zero);
        }
        if !(1..=IN_FLIGHT_MOST).contains(&options.in_flight) {
            return Err(LinkError::InFlight);
        }
        if server.ca().is_some() && !server.is_tls() {
            return Err(LinkError::NotTls);
        }
        let pem = server.ca().map(String::from_utf8_lossy);
        if pem.is_some_and(|pem| !pem.contains("-----BEGIN CERTIFICATE-----")) {
            return Err(LinkError::NoCertificate);
        }
        let store = server.to_string();
        let faults = Arc::new(Faults::new(store.clone()));
        let dialer = Dialer::new(server, options.connect_timeout, options.in_flight)
            .map_err(|error| LinkError::Refused(reason(&error).unwrap_or_default()))?;
        Ok(Link {
            keeper: Keeper::new(dialer, Arc::clone(&faults)),
            breaker: Breaker::new(),
            faults,
            in_flight: Semaphore::new(options.in_flight),
            budget: options.budget,
            store,
        })
    }

    /// Sends all at once and returns the replies in the same order: over one write to a server, to
    /// the owners of the keys in a cluster. Ends within the budget; the replies that came by then
    /// count.
    pub async fn send(&self, commands: Vec<Cmd>) -> Vec<Reply> {
        // Nothing asked tells nothing: it must not pass for a probe.
        if commands.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        // Before the breaker: a probe that finds no room would keep others from probing.
        let Ok(_permit) = self.in_flight.try_acquire() else {
            return self.refuse(commands.len(), Fault::TooManyInFlight);
        };
        let admission = self.breaker.admit(now);
        if admission == Admission::Refuse {
            return self.refuse(commands.len(), Fault::BreakerOpen);
        }
        let haste = Haste { patient: false, deadline: now + self.budget };
        let replies = self.exchange(commands, haste).await;
        // In a cluster the failure of one master is no reason to leave the others alone.
        let out = |reply: &Reply| reply.as_ref().is_err_and(|fault| fault.is_outage());
        let ok = !replies.iter().all(out);
        if let Some(open_for) = self.breaker.record(admission, ok, Instant::now()) {
            self.faults.answers_again(open_for);
        }
        replies
    }

    /// The same for background work, which has time: waits for a connection while the budget
    /// lasts, and asks no breaker. It does not tell the breaker either: a store that answers in a
    /// second is alive, and useless to those in a hurry.
    pub async fn send_unhurried(&self, commands: Vec<Cmd>, budget: Duration) -> Vec<Reply> {
        let Ok(_permit) = self.in_flight.try_acquire() else {
            return self.refuse(commands.len(), Fault::TooManyInFlight);
        };
        let haste = Haste { patient: true, deadline: Instant::now() + budget };
        self.exchange(commands, haste).await
    }

    /// Asks every master of a cluster, or the one server: for checks of settings. When the masters
    /// can not be known, that is the one reply.
    pub async fn each_master(&self, command: Cmd, budget: Duration) -> Vec<Reply> {
        if !self.is_cluster() {
            return self.send_unhurried(vec![command], budget).await;
        }
        let deadline = Instant::now() + budget;
        let told = |error: DialError| self.fault(error.fault, error.reason.as_deref(), 1);
        match self.keeper.dialer().each_master(&command, deadline).await {
            Ok(replies) => replies.into_iter().map(|reply| reply.map_err(told)).collect(),
            Err(error) => vec![Err(told(error))],
        }
    }

    pub fn is_cluster(&self) -> bool {
        self.keeper.dialer().is_cluster()
    }

    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    async fn exchange(&self, commands: Vec<Cmd>, haste: Haste) -> Vec<Reply> {
        if commands.is_empty() {
            return Vec::new();
        }
        let kept = match self.connection(haste).await {
            Ok(kept) => kept,
            Err(fault) => return self.refuse(commands.len(), fault),
        };
        match &kept.connection {
            Connection::Single(first) => {
                let first = first.clone();
                self.to_server(commands, (kept, first), haste).await
            }
            Connection::Cluster(client, _) => {
                let send = commands.iter().map(|command| self.to_cluster(client, command, haste));
                let replies = join_all(send).await;
                if replies.iter().any(|reply| matches!(reply, Err(Fault::Timeout))) {
                    self.keeper.timed_out(&kept, Instant::now());
                }
                replies
            }
        }
    }

    async fn connection(&self, haste: Haste) -> Result<Kept, Fault> {
        match timeout_at(haste.deadline, self.keeper.connection(haste.patient)).await {
            Ok(result) => result,
            Err(_) => Err(self.keeper.down().unwrap_or(Fault::Timeout)),
        }
    }

    /// One pipeline, whose replies are looked at one by one: the fault of one command says nothing
    /// about the others.
    async fn to_server(
        &self,
        commands: Vec<Cmd>,
        (mut kept, mut connection): (Kept, MultiplexedConnection),
        haste: Haste,
    ) -> Vec<Reply> {
        let count = commands.len();
        let mut pipeline = Pipeline::with_capacity(count);
        for command in commands {
            pipeline.add_command(command);
        }
        let mut again = SENT_AGAIN;
        loop {
            let sent = connection.send_packed_commands(&pipeline, 0, count);
            let error = match timeout_at(haste.deadline, sent).await {
                Ok(Ok(values)) if values.len() == count => return self.replies(values, &kept),
                Ok(Ok(_)) => return self.refuse(count, Fault::Corrupt),
                Ok(Err(error)) => error,
                Err(_) => {
                    self.keeper.timed_out(&kept, Instant::now());
                    return self.refuse(count, Fault::Timeout);
                }
            };
            if !error.is_unrecoverable_error() {
                return self.failed(count, &error);
            }
            self.keeper.lost(&kept);
            if again == 0 {
                return self.failed(count, &error);
            }
            again -= 1;
            kept = match self.connection(haste).await {
                Ok(kept) => kept,
                Err(fault) => return self.refuse(count, fault),
            };
            match &kept.connection {
                Connection::Single(next) => connection = next.clone(),
                Connection::Cluster(..) => return self.failed(count, &error),
            }
        }
    }

    async fn to_cluster(&self, client: &ClusterConnection, command: &Cmd, haste: Haste) -> Reply {
        let mut client = client.clone();
        match timeout_at(haste.deadline, client.req_packed_command(command)).await {
            Ok(result) => self.reply(result.and_then(Value::extract_error)),
            Err(_) => Err(self.fault(Fault::Timeout, None, 1)),
        }
    }

    fn replies(&self, values: Vec<Value>, kept: &Kept) -> Vec<Reply> {
        let replies: Vec<Reply> =
            values.into_iter().map(|value| self.reply(value.extract_error())).collect();
        if replies.iter().any(|reply| matches!(reply, Err(Fault::ReadOnly))) {
            self.keeper.refuses_writes(kept, Instant::now());
        }
        replies
    }

    fn reply(&self, result: RedisResult<Value>) -> Reply {
        result.map_err(|error| self.fault(Fault::of(&error), reason(&error).as_deref(), 1))
    }

    fn failed(&self, count: usize, error: &RedisError) -> Vec<Reply> {
        let fault = self.fault(Fault::of(error), reason(error).as_deref(), count);
        vec![Err(fault); count]
    }

    fn refuse(&self, count: usize, fault: Fault) -> Vec<Reply> {
        vec![Err(self.fault(fault, None, count)); count]
    }

    fn fault(&self, fault: Fault, reason: Option<&str>, commands: usize) -> Fault {
        self.faults.note(fault, commands as u64, reason, Instant::now());
        fault
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({}, {:?})", self.store, self.breaker.state())
    }
}
