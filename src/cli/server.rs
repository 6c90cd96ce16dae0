//! Where the service is, and what it is shown, for the commands that call it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

#[derive(Debug, Args)]
pub(super) struct Server {
    /// With https:// by TLS.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051")]
    server: String,
    /// File with the token of a caller, so that no command line shows it.
    #[arg(long, value_name = "FILE", env = "SURETY_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Authorities that the server's certificate may come from, PEM; without it the system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Certificate to be known by, PEM.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The key of that certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

impl Server {
    pub async fn connect(&self) -> Result<Channel> {
        let unreachable = || format!("cannot reach {}", self.server);
        let mut endpoint = Endpoint::from_shared(self.server.clone()).with_context(unreachable)?;
        if self.server.starts_with("https:") {
            endpoint = endpoint.tls_config(self.tls()?).with_context(unreachable)?;
        }
        endpoint.connect().await.with_context(unreachable)
    }

    /// A message with the credentials. Who has some acts in the role that it names, or in its only
    /// one; who has none in `unless_named`.
    pub fn request<T>(
        &self,
        message: T,
        role: Option<&str>,
        unless_named: &str,
    ) -> Result<Request<T>> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        let is_known = self.token_file.is_some() || self.cert.is_some();
        if let Some(role) = role.or((!is_known).then_some(unless_named)) {
            metadata.insert("surety-role", MetadataValue::try_from(role).context("--role")?);
        }
        if let Some(path) = &self.token_file {
            let token = String::from_utf8(read(path)?).context("--token-file")?;
            let mut value = MetadataValue::try_from(format!("Bearer {}", token.trim()))
                .context("--token-file: expected a token as `surety caller add` printed it")?;
            value.set_sensitive(true);
            metadata.insert("authorization", value);
        }
        Ok(request)
    }

    fn tls(&self) -> Result<ClientTlsConfig> {
        let mut tls = match &self.ca {
            Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(path)?)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        if let (Some(certificate), Some(key)) = (&self.cert, &self.key) {
            tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        Ok(tls)
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
