//! `health`: ask a running service whether it serves, for probes that can run a command only.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::error::ErrorKind;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Uri};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::load;

/// From the first byte to the answer; probes ask again.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct Health {
    /// Whom to ask, with https:// by TLS. No credentials are needed.
    #[arg(long, value_name = "URL", env = "SURETY_HEALTH_TARGET",
          default_value = "http://127.0.0.1:50051", value_parser = load::url)]
    target: Uri,
    /// Authorities that the server's certificate may come from, PEM; without it the system's.
    #[arg(long, value_name = "FILE", env = "SURETY_HEALTH_TLS_CA")]
    tls_ca: Option<PathBuf>,
    /// The name that the certificate has, where it is not the host of the target.
    #[arg(long, value_name = "NAME", env = "SURETY_HEALTH_TLS_NAME")]
    tls_name: Option<String>,
    /// Of the service to ask about, such as surety.v1.RiskDecisionService; without it the whole.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    service: String,
}

impl Health {
    /// Ends well if it serves.
    pub async fn run(self) -> Result<()> {
        let endpoint = self.endpoint()?;
        let target = &self.target;
        let Ok(status) = tokio::time::timeout(PATIENCE, self.ask(endpoint)).await else {
            bail!("{target}: no answer within {PATIENCE:?}");
        };
        match status? {
            ServingStatus::Serving => println!("SERVING"),
            other => bail!("{target}: {}", other.as_str_name()),
        }
        Ok(())
    }

    async fn ask(&self, endpoint: Endpoint) -> Result<ServingStatus> {
        let target = &self.target;
        let connected = endpoint.connect().await;
        let channel: Channel = connected.with_context(|| format!("cannot reach {target}"))?;
        let asked = HealthCheckRequest { service: self.service.clone() };
        match HealthClient::new(channel).check(asked).await {
            Ok(answer) => Ok(answer.get_ref().status()),
            Err(status) if status.code() == Code::NotFound => {
                bail!("{target}: it has no service {}", self.service)
            }
            Err(status) => bail!("{target}: {:?}: {}", status.code(), status.message()),
        }
    }

    fn endpoint(&self) -> Result<Endpoint> {
        let endpoint = Endpoint::from(self.target.clone());
        if self.target.scheme_str() != Some("https") {
            return match self.tls_ca.is_some() || self.tls_name.is_some() {
                true => Err(wrong("--tls-ca and --tls-name need a --target with https".to_owned())),
                false => Ok(endpoint),
            };
        }
        let mut tls = match &self.tls_ca {
            Some(path) => ClientTlsConfig::new().ca_certificate(authorities(path)?),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        if let Some(name) = &self.tls_name {
            tls = tls.domain_name(name);
        }
        endpoint.tls_config(tls).map_err(|error| wrong(format!("TLS: {error:#}")))
    }
}

fn authorities(path: &Path) -> Result<Certificate> {
    let pem = std::fs::read(path)
        .map_err(|error| wrong(format!("cannot read {}: {error}", path.display())))?;
    Ok(Certificate::from_pem(pem))
}

/// A wrong command line, as clap would tell it.
fn wrong(text: String) -> anyhow::Error {
    clap::Error::raw(ErrorKind::ValueValidation, text).into()
}
