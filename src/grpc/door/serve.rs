//! The accept loop: a place for each connection or none, its service, and the end of all of them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tonic::body::Body;
use tonic::codegen::{Service, http};

use super::greet::{Rewound, greet};
use super::visit::{Held, UnderWay, Visit};
use super::{Counts, Door, Refusal, Tls, certificate};
use crate::grpc::gate::{Admitted, HEALTH, Visitor};

/// Until then a connection must have said that it speaks HTTP/2, its TLS handshake included.
const GREETING_MAX: Duration = Duration::from_secs(5);
/// Metadata of a call; ours is a role and what proxies add.
const HEADER_LIST_MAX: u32 = 16 * 1024;
/// Calls that one connection may have under way; its client waits, nothing queues here.
const CALLS_PER_CONNECTION: u32 = 256;
/// A peer that is gone without a word is noticed after both.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams that a client opened and reset before anybody looked at them (CVE-2023-44487), and that
/// were reset because of what the client did; with more the connection ends.
const RESETS_WAITING_MAX: usize = 20;
const RESETS_FOR_ERRORS_MAX: usize = 128;
/// Below this a connection is not idle, only between two calls.
const IDLE_LEAST: Duration = Duration::from_secs(1);
/// How long one that is asked to leave may take; and how many may at once, since they still have
/// their file descriptors.
const LEAVING_MAX: Duration = Duration::from_secs(1);
const LEAVING_AT_ONCE: usize = 64;
/// How long open connections may take to end when no call is under way any more.
const LINGER: Duration = Duration::from_secs(1);
/// Rest after the operating system gave no connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the connections that come to the door until `stop`. Then no more are taken, and those
/// that are there end with their calls: after `drain_for`, or soon after the last call, what is
/// still open is cut, so that no open watch and no idle socket holds the end.
pub async fn open<S>(door: Door, service: S, stop: impl Future<Output = ()>, drain_for: Duration)
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    let Door { listener, tls, max, counts } = door;
    let (closing, closes) = watch::channel(false);
    let under_way = Arc::<UnderWay>::default();
    let host = Host { service, tls, under_way, closes, counts };
    let mut visits = Visits { max, ..Visits::default() };
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => visits.receive(&host, stream, peer),
                Err(error) => host.not_accepted(&error).await,
            },
            Some(ended) = visits.tasks.join_next_with_id() => visits.ended(ended),
        }
    }
    // Whoever comes now is refused by the operating system, and asks another replica.
    drop(listener);
    closing.send_replace(true);
    let all_gone = async { while visits.tasks.join_next().await.is_some() {} };
    let quiet = async {
        host.under_way.none().await;
        tokio::time::sleep(LINGER).await;
        host.under_way.none().await;
    };
    tokio::select! {
        () = all_gone => {}
        () = quiet => {}
        () = tokio::time::sleep(drain_for) => {}
    }
    visits.tasks.shutdown().await;
}

/// What every connection is served with.
#[derive(Clone)]
struct Host<S> {
    service: S,
    tls: Option<Arc<Tls>>,
    under_way: Arc<UnderWay>,
    closes: watch::Receiver<bool>,
    counts: Arc<Counts>,
}

/// Connections that are open.
#[derive(Default)]
struct Visits {
    max: usize,
    tasks: JoinSet<()>,
    by_task: HashMap<Id, Arc<Visit>>,
}

impl Visits {
    fn receive<S>(&mut self, host: &Host<S>, stream: TcpStream, peer: SocketAddr)
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send,
    {
        if self.by_task.len() >= self.max && !self.make_room(&host.counts) {
            return host.counts.refuse(Refusal::Full, &peer.ip());
        }
        // Small answers leave at once; a socket that cannot do so works all the same.
        let _nodelay = stream.set_nodelay(true);
        let visit = Arc::new(Visit::new(Arc::clone(&host.counts)));
        let attended = host.clone().attend(stream, peer, Arc::clone(&visit));
        let task = self.tasks.spawn(attended);
        self.by_task.insert(task.id(), visit);
    }

    /// Asks who has been idle longest to leave: first of strangers, who may all want nothing
    /// but the place.
    fn make_room(&self, counts: &Counts) -> bool {
        let leaving = self.by_task.values().filter(|visit| visit.is_leaving()).count();
        if self.by_task.len() - leaving < self.max {
            return true;
        }
        let idle = |visit: &Arc<Visit>| {
            let idle = visit.idle().filter(|(_, idle)| *idle >= IDLE_LEAST)?;
            Some((idle, Arc::clone(visit)))
        };
        let idlest = self.by_task.values().filter_map(idle).max_by_key(|(idle, _)| *idle);
        match idlest {
            Some((_, visit)) if leaving < LEAVING_AT_ONCE => {
                visit.ask_to_leave();
                counts.refuse(Refusal::Idle, &"there are as many as there may be");
                true
            }
            _ => false,
        }
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(failure) => {
                tracing::error!(cause = %failure, "a connection's task failed");
                failure.id()
            }
        };
        self.by_task.remove(&id);
    }
}

impl<S> Host<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    /// The loop lives on, whatever happens to one connection.
    async fn not_accepted(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset};
        if matches!(error.kind(), ConnectionAborted | ConnectionReset) {
            return;
        }
        self.counts.refuse(Refusal::Accept, error);
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }

    /// One connection from its first byte to its end.
    async fn attend(mut self, stream: TcpStream, peer: SocketAddr, visit: Arc<Visit>) {
        let (tls, counts) = (self.tls.clone(), Arc::clone(&self.counts));
        let greeted = async {
            let Some(tls) = tls else {
                let (mut stream, names) = (stream, Vec::new());
                return greet(&mut stream).await.map(|()| (Opened::Plain(stream), names));
            };
            let mut stream = tls.acceptor().accept(stream).await.map_err(|error| {
                counts.refuse(Refusal::Tls, &error);
                None
            })?;
            let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let names = leaf.map(certificate::names).unwrap_or_default();
            greet(&mut stream).await.map(|()| (Opened::Tls(Box::new(stream)), names))
        };
        let mut closes = self.closes.clone();
        let greeted = tokio::select! {
            greeted = tokio::time::timeout(GREETING_MAX, greeted) => greeted,
            () = visit.asked_to_leave() => return,
            () = closed(&mut closes) => return,
        };
        let visitor = |names| Arc::new(Visitor::new(peer, names));
        match greeted {
            Ok(Ok((Opened::Plain(io), names))) => self.serve(io, visitor(names), visit).await,
            Ok(Ok((Opened::Tls(io), names))) => self.serve(io, visitor(names), visit).await,
            Ok(Err(None)) => {}
            Ok(Err(Some(refusal))) => self.counts.refuse(refusal, &peer.ip()),
            Err(_) => self.counts.refuse(Refusal::Silent, &peer.ip()),
        }
    }

    /// Serves calls until the peer leaves, or is asked to.
    async fn serve<T>(&mut self, io: T, visitor: Arc<Visitor>, visit: Arc<Visit>)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (service, under_way) = (self.service.clone(), Arc::clone(&self.under_way));
        let peer = visitor.peer;
        let calls = Arc::clone(&visit);
        let answer = service_fn(move |request: http::Request<Incoming>| {
            let call = calls.call(&under_way, !request.uri().path().starts_with(HEALTH));
            let calls = Arc::clone(&calls);
            let (mut service, visitor) = (service.clone(), Arc::clone(&visitor));
            async move {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(visitor);
                poll_fn(|context| service.poll_ready(context)).await?;
                let response = service.call(request).await?;
                if response.extensions().get::<Admitted>().is_some() {
                    calls.admit();
                }
                Ok::<_, Infallible>(response.map(|body| Body::new(Held { body, _call: call })))
            }
        });
        let io = TokioIo::new(Rewound::new(io));
        let mut connection = pin!(builder().serve_connection(io, answer));
        let ended = tokio::select! {
            ended = &mut connection => Some(ended),
            () = visit.asked_to_leave() => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(LEAVING_MAX, connection).await.ok()
            }
            () = closed(&mut self.closes) => {
                connection.as_mut().graceful_shutdown();
                Some(connection.await)
            }
        };
        if let Some(Err(error)) = ended
            && let Some(refusal) = broken(&error)
        {
            self.counts.refuse(refusal, &format_args!("{}: {error}", peer.ip()));
        }
    }
}

/// Resolves once the door is closed.
async fn closed(closes: &mut watch::Receiver<bool>) {
    // The door holds the other end for as long as there are connections.
    let _closed = closes.wait_for(|closing| *closing).await;
}

/// A connection that has shown what it is.
enum Opened {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

fn builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        // A flood of metadata is refused before it is read.
        .max_header_list_size(HEADER_LIST_MAX)
        .max_concurrent_streams(CALLS_PER_CONNECTION)
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .max_pending_accept_reset_streams(RESETS_WAITING_MAX)
        .max_local_error_reset_streams(RESETS_FOR_ERRORS_MAX);
    builder
}

/// What the peer did to have its connection ended, if it did anything: peers that vanish, and
/// those whose time is over, did nothing.
fn broken(error: &hyper::Error) -> Option<Refusal> {
    use h2::Reason;
    let error = error.source()?.downcast_ref::<h2::Error>()?;
    if error.is_remote() {
        return None;
    }
    match error.reason()? {
        Reason::ENHANCE_YOUR_CALM => Some(Refusal::Flood),
        Reason::NO_ERROR | Reason::CANCEL | Reason::REFUSED_STREAM => None,
        _ => Some(Refusal::Garbage),
    }
}
