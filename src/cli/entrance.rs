//! How connections are let in, as options of `serve`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, value_parser};

use crate::app;
use crate::grpc::TlsFiles;

#[derive(Debug, Args)]
pub(super) struct Entrance {
    /// The server's certificate and those between it and its authority, PEM. Read again when it
    /// changes, as are the key and the authorities.
    #[arg(long, value_name = "FILE", env = "SURETY_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, PEM.
    #[arg(long, value_name = "FILE", env = "SURETY_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Authorities of client certificates, PEM: with them callers may be known by a certificate
    /// instead of a token.
    #[arg(long, value_name = "FILE", env = "SURETY_TLS_CLIENT_CA", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// Listen beyond this machine without TLS, where a mesh encrypts.
    #[arg(long, conflicts_with = "tls_cert")]
    plaintext: bool,
    /// Connections at once; at the last one, who has been idle longest makes room. Fewer where the
    /// file descriptors of the process do not suffice.
    #[arg(long, value_name = "NUMBER", default_value_t = app::CONNECTIONS_MAX,
          value_parser = value_parser!(u32).range(1..))]
    max_connections: u32,
    /// After SIGTERM, how long calls under way may take to end.
    #[arg(long, value_name = "SECONDS", default_value_t = app::DRAIN.as_secs(),
          value_parser = value_parser!(u64).range(1..=3_600))]
    drain_seconds: u64,
}

impl Entrance {
    pub fn entrance(&self) -> app::Entrance {
        let files = self.tls_cert.clone().zip(self.tls_key.clone());
        let client_ca = self.tls_client_ca.clone();
        app::Entrance {
            tls: files.map(|(certificate, key)| TlsFiles { certificate, key, client_ca }),
            plaintext: self.plaintext,
            connections_max: self.max_connections,
            drain: Duration::from_secs(self.drain_seconds),
        }
    }
}
