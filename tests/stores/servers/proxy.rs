//! A TCP proxy that does to connections what networks do: delays, withholds, cuts, lies.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

/// What happens from now on, also on connections that are there already. No mode lets a connection
/// go on with a gap in it: TCP never does, and clients would take one reply for another's.
#[derive(Clone, Debug, PartialEq)]
pub enum Mode {
    Pass,
    /// Everything arrives later, in order; what is under way does not hold up what follows.
    Delay {
        requests: Duration,
        replies: Duration,
    },
    /// Connections are accepted and nothing goes on, either way. What was held goes on afterwards,
    /// as when a partition heals.
    BlackHole,
    /// Requests go on; the reply that follows one with this word in it is swallowed, and the
    /// connection reset. After so many, everything passes; `u64::MAX` is until the mode is changed.
    /// Without the word, the greetings of new connections would use the number up.
    LoseReplies {
        count: u64,
        to: &'static str,
    },
    /// Each connection is reset after so many bytes of replies more, those of greetings too.
    CutAfter(usize),
    /// Requests go on; these bytes come back in place of each reply.
    Garbage(Vec<u8>),
    /// Bytes a second, for each way of each connection.
    Bandwidth(u32),
}

/// Stops, with all its connections, when dropped. It belongs to the runtime that started it.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    mode: watch::Sender<Mode>,
    connections: AtomicU64,
    segments: AtomicU64,
}

/// How a connection ends for its client.
enum End {
    Closed,
    Reset,
}

impl Proxy {
    /// In front of a port of 127.0.0.1; everything passes.
    pub async fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            mode: watch::Sender::new(Mode::Pass),
            connections: AtomicU64::new(0),
            segments: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, target, Arc::clone(&shared)));
        Proxy { port, shared, accepting }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn set(&self, mode: Mode) {
        self.shared.mode.send_replace(mode);
    }

    /// `LoseReplies` as it counts down, and `Pass` in the end.
    pub fn mode(&self) -> Mode {
        self.shared.mode.borrow().clone()
    }

    /// Accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Reads from clients that returned data: the number of network writes of a client that sends
    /// little and waits for the reply. Several writes at once may be read as one.
    pub fn segments(&self) -> u64 {
        self.shared.segments.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Connections live in the set, and end with it.
async fn accept(listener: TcpListener, target: u16, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let (client, _) = listener.accept().await.unwrap();
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let asked = AtomicBool::new(false);
            let connection = Connection { client: &client, shared: &shared, asked };
            let end = connection.serve(target).await;
            if matches!(end, Ok(End::Reset) | Err(_)) {
                // Closing sends RST then. It may be closed already.
                let _set = client.set_zero_linger();
            }
        });
    }
}

/// Bytes as they were read, and when they are due.
type Segment = (Instant, Vec<u8>);

/// More than a test has under way; past it, reading waits.
const UNDER_WAY: usize = 1024;

struct Connection<'a> {
    client: &'a TcpStream,
    shared: &'a Shared,
    /// A request went on whose reply shall be lost.
    asked: AtomicBool,
}

impl Connection<'_> {
    async fn serve(&self, target: u16) -> io::Result<End> {
        self.black_hole_ends().await;
        let server = TcpStream::connect(("127.0.0.1", target)).await?;
        self.client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (to_server, requests) = mpsc::channel(UNDER_WAY);
        let (to_client, replies) = mpsc::channel(UNDER_WAY);
        let requests = pump(self.read_requests(to_server), self.write_requests(&server, requests));
        let replies = pump(self.read_replies(&server, to_client), self.write_replies(replies));
        tokio::select! {
            end = requests => end,
            end = replies => end,
        }
    }

    async fn read_requests(&self, segments: mpsc::Sender<Segment>) {
        while let Some(bytes) = read(self.client).await {
            self.shared.segments.fetch_add(1, Ordering::SeqCst);
            let delay = match *self.shared.mode.borrow() {
                Mode::Delay { requests, .. } => requests,
                _ => Duration::ZERO,
            };
            if segments.send((Instant::now() + delay, bytes)).await.is_err() {
                return;
            }
        }
    }

    async fn read_replies(&self, server: &TcpStream, segments: mpsc::Sender<Segment>) {
        while let Some(bytes) = read(server).await {
            let delay = match *self.shared.mode.borrow() {
                Mode::Delay { replies, .. } => replies,
                _ => Duration::ZERO,
            };
            if segments.send((Instant::now() + delay, bytes)).await.is_err() {
                return;
            }
        }
    }

    async fn write_requests(
        &self,
        server: &TcpStream,
        mut segments: mpsc::Receiver<Segment>,
    ) -> io::Result<End> {
        while let Some((due, bytes)) = segments.recv().await {
            sleep_until(due).await;
            self.black_hole_ends().await;
            if let Mode::LoseReplies { to, .. } = *self.shared.mode.borrow()
                && bytes.windows(to.len()).any(|word| word == to.as_bytes())
            {
                self.asked.store(true, Ordering::SeqCst);
            }
            self.write(server, &bytes).await?;
        }
        Ok(End::Closed)
    }

    async fn write_replies(&self, mut segments: mpsc::Receiver<Segment>) -> io::Result<End> {
        let mut modes = self.shared.mode.subscribe();
        let mut written_in_mode = 0;
        while let Some((due, bytes)) = segments.recv().await {
            sleep_until(due).await;
            self.black_hole_ends().await;
            let asked = self.asked.swap(false, Ordering::SeqCst);
            if modes.has_changed().unwrap() {
                written_in_mode = 0;
            }
            let mode = modes.borrow_and_update().clone();
            match mode {
                Mode::LoseReplies { .. } if asked && self.shared.lose_one() => {
                    return Ok(End::Reset);
                }
                Mode::CutAfter(limit) if written_in_mode + bytes.len() >= limit => {
                    self.write(self.client, &bytes[..limit - written_in_mode]).await?;
                    return Ok(End::Reset);
                }
                Mode::Garbage(garbage) => self.write(self.client, &garbage).await?,
                _ => self.write(self.client, &bytes).await?,
            }
            written_in_mode += bytes.len();
        }
        Ok(End::Closed)
    }

    async fn black_hole_ends(&self) {
        let mut modes = self.shared.mode.subscribe();
        modes.wait_for(|mode| *mode != Mode::BlackHole).await.unwrap();
    }

    /// All of it, in twenty pieces a second when the bandwidth is limited.
    async fn write(&self, to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let rate = match *self.shared.mode.borrow() {
                Mode::Bandwidth(rate) => Some(rate),
                _ => None,
            };
            let most = rate.map_or(bytes.len(), |rate| (rate as usize / 20).max(1));
            let (piece, rest) = bytes.split_at(most.min(bytes.len()));
            write_all(to, piece).await?;
            if let Some(rate) = rate {
                sleep(Duration::from_secs_f64(piece.len() as f64 / f64::from(rate))).await;
            }
            bytes = rest;
        }
        Ok(())
    }
}

impl Shared {
    /// Whether this reply is one of those to lose: another connection may have lost the last.
    fn lose_one(&self) -> bool {
        self.mode.send_if_modified(|mode| match mode {
            Mode::LoseReplies { count: 0, .. } => false,
            Mode::LoseReplies { count: 1, .. } => {
                *mode = Mode::Pass;
                true
            }
            Mode::LoseReplies { count, .. } => {
                *count -= 1;
                true
            }
            _ => false,
        })
    }
}

/// One way: what was read before the end is still written, and writing decides how it ends.
async fn pump(
    reading: impl Future<Output = ()>,
    writing: impl Future<Output = io::Result<End>>,
) -> io::Result<End> {
    let reading = async {
        reading.await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        end = writing => end,
        never = reading => match never {},
    }
}

/// The next bytes, or `None` at the end.
async fn read(from: &TcpStream) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        from.readable().await.ok()?;
        match from.try_read(&mut bytes) {
            Ok(0) => return None,
            Ok(length) => {
                bytes.truncate(length);
                return Some(bytes);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => return None,
        }
    }
}

async fn write_all(to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
