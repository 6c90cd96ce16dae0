//! The door: connections are taken, greeted, counted, served, and closed in good order.
//!
//! tonic's own server has no cap on connections, no limit on how long one may say nothing, and
//! waits for every open stream at its end; so connections are taken here and handed to hyper.

mod certificate;
mod counts;
mod greet;
mod serve;
mod tls;
mod visit;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

pub use counts::{Counts, Refusal};
pub use serve::open;
pub use tls::{Tls, TlsError, TlsFiles};

/// Where connections come in.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    /// Connections at once.
    max: usize,
    counts: Arc<Counts>,
}

impl Door {
    pub async fn bind(address: SocketAddr, tls: Option<Tls>, max: usize) -> io::Result<Door> {
        let listener = TcpListener::bind(address).await?;
        Ok(Door { listener, tls: tls.map(Arc::new), max, counts: Arc::default() })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What came in and what was turned away; outlives the door.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// The certificates, if there are any; outlive the door.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }
}
