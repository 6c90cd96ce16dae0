//! Certificates: read from files, and read again when those change.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, version};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use super::certificate;
use crate::domain::Time;

/// How often the files are looked at. They are small, and comparing all of them finds changes that
/// leave the time of modification as it was, as those of links in Kubernetes do.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The only protocol that is spoken here, as TLS names it.
const HTTP2: &[u8] = b"h2";

/// PEM files of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and those between it and the authority.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Authorities of client certificates; with one they are asked for, and still not required:
    /// a token is enough.
    pub client_ca: Option<PathBuf>,
}

/// Why files cannot be served with.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("cannot read {path}: {cause}")]
    Unreadable { path: String, cause: std::io::Error },
    #[error("{path}: expected {expected} in PEM")]
    NotPem { path: String, expected: &'static str },
    #[error("{path}: {cause}")]
    Unfit { path: String, cause: String },
}

/// What connections are served with; changes with the files.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    serving: RwLock<Serving>,
}

#[derive(Clone)]
struct Serving {
    config: Arc<ServerConfig>,
    /// Of what was read last, good or not, so that what is broken is told of once.
    read: [u8; 32],
    server_end: Option<Time>,
    client_ca_end: Option<Time>,
}

/// The bytes of the files.
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Tls {
    pub fn load(files: TlsFiles) -> Result<Tls, TlsError> {
        let contents = files.read()?;
        let serving = files.serving(&contents)?;
        Ok(Tls { files, serving: RwLock::new(serving) })
    }

    /// For the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.serving().config)
    }

    /// Until when the server's own certificate is valid.
    pub fn server_not_after(&self) -> Option<Time> {
        self.serving().server_end
    }

    /// Until when the first of the authorities of client certificates is valid.
    pub fn client_ca_not_after(&self) -> Option<Time> {
        self.serving().client_ca_end
    }

    fn serving(&self) -> Serving {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the files for ever. New connections get what is new; a pair that does not fit, as
    /// one of which only half is written yet, is logged, and the old one kept.
    pub async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let tls = Arc::clone(&self);
            // Files may hang, on a network's disk for one.
            let _looked = tokio::task::spawn_blocking(move || tls.look()).await;
        }
    }

    fn look(&self) {
        let before = self.serving();
        let read = self.files.read();
        let hash = read.as_ref().map_or_else(|error| hash(&[error.to_string().as_bytes()]), hashed);
        if hash == before.read {
            return;
        }
        let serving = match read.and_then(|contents| self.files.serving(&contents)) {
            Ok(serving) => {
                let not_after = serving.server_end.map(|end| end.as_micros() / 1_000_000);
                tracing::info!(not_after, "serving with new certificates");
                serving
            }
            Err(error) => {
                tracing::error!(cause = %error, "new certificates are unfit: the old ones stay");
                Serving { read: hash, ..before }
            }
        };
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = serving;
    }
}

impl TlsFiles {
    fn read(&self) -> Result<Contents, TlsError> {
        let read = |path: &Path| {
            let unreadable = |cause| TlsError::Unreadable { path: shown(path), cause };
            std::fs::read(path).map_err(unreadable)
        };
        Ok(Contents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            client_ca: self.client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn serving(&self, contents: &Contents) -> Result<Serving, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = certificates(&self.certificate, &contents.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key);
        let key = key.map_err(|_| not_pem(&self.key, "a private key"))?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(|error| unfit(&self.certificate, &error))?;
        let mut client_ca_end = None;
        let builder = match (&self.client_ca, &contents.client_ca) {
            (Some(path), Some(pem)) => {
                let authorities = certificates(path, pem)?;
                client_ca_end = authorities.iter().filter_map(certificate::not_after).min();
                let mut roots = RootCertStore::empty();
                for authority in authorities {
                    roots.add(authority).map_err(|error| unfit(path, &error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| unfit(path, &error))?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        let server_end = chain.first().and_then(certificate::not_after);
        let config = builder.with_single_cert(chain, key);
        // A key of another certificate is told here.
        let mut config = config.map_err(|error| unfit(&self.certificate, &error))?;
        config.alpn_protocols = vec![HTTP2.to_vec()];
        if contents.client_ca.is_some() {
            // A session that is gone on with would bring a certificate that nobody checks again.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        let read = hashed(contents);
        Ok(Serving { config: Arc::new(config), read, server_end, client_ca_end })
    }
}

fn hashed(contents: &Contents) -> [u8; 32] {
    let client_ca = contents.client_ca.as_deref().unwrap_or_default();
    hash(&[&contents.certificate, &contents.key, client_ca])
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let hashed = parts.iter().fold(Sha256::new(), |all, part| {
        all.chain_update(part.len().to_le_bytes()).chain_update(part)
    });
    hashed.finalize().into()
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let all = all.ok().filter(|all| !all.is_empty());
    all.ok_or_else(|| not_pem(path, "certificates"))
}

fn not_pem(path: &Path, expected: &'static str) -> TlsError {
    TlsError::NotPem { path: shown(path), expected }
}

fn unfit(path: &Path, cause: &dyn fmt::Display) -> TlsError {
    TlsError::Unfit { path: shown(path), cause: cause.to_string() }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("server_end", &self.server_end).finish_non_exhaustive()
    }
}
