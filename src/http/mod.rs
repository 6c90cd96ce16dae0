//! The HTTP port: `/metrics` for Prometheus, `/livez` and `/readyz` for whoever runs the process.
//!
//! It asks nobody who they are, and tells nothing personal. It answers from the first moment of a
//! start on, and until the end of the drain.

mod page;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::service::Service;

/// Connections at once; a scraper and a few probes need one each for some milliseconds. The oldest
/// one makes room for another, so that silent ones keep no probe waiting.
const CONNECTIONS: usize = 64;
/// How long a client may take to send its few lines.
const HEADERS_MAX: Duration = Duration::from_secs(2);
/// How long a connection lasts: reading, a scrape of a busy ledger, and a slow client.
const CONNECTION_MAX: Duration = Duration::from_secs(10);
/// Memory for the lines of a request.
const BUFFER_MAX: usize = 16 * 1024;
const HEADER_COUNT_MAX: usize = 64;
/// After an accept that failed, for example for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// What the pages tell of, as far as it is there.
#[derive(Default)]
struct Told {
    /// A page that is being read does not keep a service from its end.
    service: OnceLock<Weak<Service>>,
    draining: AtomicBool,
}

impl Told {
    fn service(&self) -> Option<Arc<Service>> {
        self.service.get().and_then(Weak::upgrade)
    }
}

/// The server of the pages; it ends when this is dropped.
pub struct Pages {
    address: SocketAddr,
    told: Arc<Told>,
    accepting: JoinHandle<()>,
}

impl Pages {
    /// Answers at that address from now on.
    pub async fn open(listen: SocketAddr) -> std::io::Result<Pages> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let told = Arc::<Told>::default();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&told)));
        Ok(Pages { address, told, accepting })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The service has started, and they tell of it; they do so of the first one only.
    pub fn tell_of(&self, service: &Arc<Service>) {
        let _ = self.told.service.set(Arc::downgrade(service));
    }

    /// Says from now on that nothing new should be sent; to be called once the service is to stop.
    pub fn draining(&self) -> impl FnOnce() + Send + use<> {
        let told = Arc::clone(&self.told);
        move || told.draining.store(true, Ordering::Relaxed)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, told: Arc<Told>) {
    let mut open: VecDeque<JoinHandle<()>> = VecDeque::with_capacity(CONNECTIONS);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() == CONNECTIONS
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        let told = Arc::clone(&told);
        open.push_back(tokio::spawn(async move {
            // One that takes longer is cut off; what else goes wrong is its client's matter.
            let _ended = tokio::time::timeout(CONNECTION_MAX, serve(stream, &told)).await;
        }));
    }
}

async fn serve(stream: TcpStream, told: &Told) -> hyper::Result<()> {
    let answer =
        service_fn(async |request| Ok::<_, Infallible>(page::answer(told, &request).await));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_MAX)
        .max_buf_size(BUFFER_MAX)
        .max_headers(HEADER_COUNT_MAX)
        // One request a connection: nobody holds a place for nothing.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer)
        .await
}
