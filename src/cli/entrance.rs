//! How connections are let in, as options of `serve`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, value_parser};

use super::limits::Limits;
use crate::app;
use crate::grpc::TlsFiles;

#[derive(Debug, Args)]
pub(super) struct Entrance {
    /// The server's certificate and those between it and its authority, PEM. Read again when it
    /// changes, as are the key and the authorities.
    #[arg(long, value_name = "FILE", env = "SURETY_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, PEM.
    #[arg(long, value_name = "FILE", env = "SURETY_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// Authorities of client certificates, PEM: with them callers may be known by a certificate
    /// instead of a token.
    #[arg(long, value_name = "FILE", env = "SURETY_TLS_CLIENT_CA")]
    tls_client_ca: Option<PathBuf>,
    /// Listen beyond this machine without TLS, where a mesh encrypts.
    #[arg(long)]
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
    #[command(flatten)]
    limits: Limits,
}

impl Entrance {
    /// What goes together is looked at here: clap knows nothing of what a file of settings says.
    pub fn entrance(&self) -> Result<app::Entrance> {
        let tls = match (&self.tls_cert, &self.tls_key, &self.tls_client_ca) {
            (None, None, None) => None,
            (Some(_), ..) if self.plaintext => {
                bail!("expected --tls-cert or --plaintext, not both")
            }
            (Some(certificate), Some(key), client_ca) => Some(TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
                client_ca: client_ca.clone(),
            }),
            (Some(_), None, _) => bail!("expected --tls-key beside --tls-cert"),
            (None, ..) => bail!("expected --tls-cert beside --tls-key or --tls-client-ca"),
        };
        Ok(app::Entrance {
            tls,
            plaintext: self.plaintext,
            connections_max: self.max_connections,
            drain: Duration::from_secs(self.drain_seconds),
            limits: self.limits.limits(),
        })
    }
}
