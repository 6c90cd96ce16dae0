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

use crate::telemetry::Metrics;

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

    /// Has metrics tell of connections and certificates.
    pub fn tell(&self, metrics: &Metrics) {
        let (counts, tls) = (self.counts(), self.tls());
        metrics.before_each_look(move |gauges| {
            gauges.connections.set(i64::try_from(counts.open()).unwrap_or(i64::MAX));
            for refusal in Refusal::ALL {
                gauges.connections_refused_so_far(refusal.name(), counts.refused(refusal));
            }
            let Some(tls) = &tls else { return };
            let ends =
                [("server", tls.server_not_after()), ("client_ca", tls.client_ca_not_after())];
            for (certificate, end) in ends {
                if let Some(end) = end {
                    let gauge = gauges.certificates.with_label_values(&[certificate]);
                    gauge.set(end.as_micros() / 1_000_000);
                }
            }
        });
    }

    /// The certificates, if there are any; outlive the door.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }
}
