//! The connections, and every call over them with its metadata and its deadline.

use std::time::Duration;

use thiserror::Error;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Uri};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use super::mix::{FollowUp, Message};
use crate::grpc::pb;
use pb::account_service_client::AccountServiceClient;
use pb::risk_decision_service_client::RiskDecisionServiceClient;

/// How long the writing of an account may take.
const SETUP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Whom to call, and as whom.
#[derive(Clone, Debug)]
pub struct Target {
    /// At least one; calls take turns.
    pub urls: Vec<Uri>,
    /// To each of them, at least one.
    pub connections: usize,
    /// Of each call; the server is told by `grpc-timeout`.
    pub timeout: Duration,
    /// Sent as `surety-caller`.
    pub caller: Option<AsciiMetadataValue>,
    /// Sent as `authorization`, with the word Bearer in front.
    pub authorization: Option<AsciiMetadataValue>,
    /// The same for the calls that make accounts, where another caller has to do that.
    pub setup_authorization: Option<AsciiMetadataValue>,
    pub tls: Tls,
}

/// What `https` is spoken with, all in PEM.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Whom to trust; the system's authorities when not given.
    pub authority: Option<Vec<u8>>,
    /// Certificate and key of the client.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// Why nothing can be measured.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// No gRPC server answers there.
    #[error("cannot reach {url}: {text}")]
    Unreachable { url: Uri, text: String },
    /// Certificates or keys are not what they have to be.
    #[error("credentials: {0}")]
    Credentials(String),
}

/// A call that got no answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// The code as gRPC writes it.
    pub code: String,
    /// The reason of the ErrorInfo, or nothing.
    pub reason: String,
}

/// A decision, as far as the load generator looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub decision_id: String,
    pub outcome: pb::DecisionOutcome,
}

#[derive(Debug)]
pub struct Calls {
    connections: Vec<Connection>,
    target: Target,
}

#[derive(Debug)]
struct Connection {
    decisions: RiskDecisionServiceClient<Channel>,
    accounts: AccountServiceClient<Channel>,
}

impl Calls {
    /// Makes every connection, and sees that a server answers on it, before anything is measured.
    pub async fn connect(target: Target) -> Result<Calls, ConnectError> {
        let mut connections = Vec::new();
        for _ in 0..target.connections {
            for url in &target.urls {
                let endpoint = endpoint(url, &target.tls)
                    .map_err(|error| ConnectError::Credentials(innermost(&error)))?;
                let channel = answering(&endpoint)
                    .await
                    .map_err(|text| ConnectError::Unreachable { url: url.clone(), text })?;
                connections.push(Connection {
                    decisions: RiskDecisionServiceClient::new(channel.clone()),
                    accounts: AccountServiceClient::new(channel),
                });
            }
        }
        Ok(Calls { connections, target })
    }

    pub async fn evaluate(&self, turn: u64, message: Message) -> Result<Answer, Failure> {
        let mut client = self.connection(turn).decisions.clone();
        let decision = match message {
            Message::Purchase(message) => {
                let call = client.evaluate_purchase(self.request(*message));
                self.timed(call).await?.decision
            }
            Message::Card(message) => {
                let call = client.evaluate_one_time_card(self.request(*message));
                self.timed(call).await?.decision
            }
        };
        let decision = decision.ok_or_else(|| Failure::ours("NO_DECISION"))?;
        Ok(Answer { outcome: decision.outcome(), decision_id: decision.decision_id })
    }

    pub async fn follow_up(&self, turn: u64, follow_up: FollowUp) -> Result<(), Failure> {
        let mut client = self.connection(turn).decisions.clone();
        match follow_up {
            FollowUp::Confirm(message) => {
                self.timed(client.confirm_purchase(self.request(message))).await.map(drop)
            }
            FollowUp::Cancel(message) => {
                self.timed(client.cancel_decision(self.request(message))).await.map(drop)
            }
        }
    }

    pub async fn upsert(&self, turn: u64, message: pb::UpsertAccountRequest) -> Result<(), Status> {
        let mut request = self.request(message);
        request.set_timeout(SETUP_TIMEOUT);
        let metadata = request.metadata_mut();
        match &self.target.setup_authorization {
            Some(authorization) => {
                metadata.insert("authorization", authorization.clone());
            }
            // Without credentials a caller on the same machine names its own role.
            None if self.is_anonymous() => {
                metadata.insert("surety-role", AsciiMetadataValue::from_static("ledger"));
            }
            None => {}
        }
        self.connection(turn).accounts.clone().upsert_account(request).await.map(drop)
    }

    fn is_anonymous(&self) -> bool {
        self.target.authorization.is_none() && self.target.tls.identity.is_none()
    }

    fn connection(&self, turn: u64) -> &Connection {
        &self.connections[turn as usize % self.connections.len()]
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.target.timeout);
        let metadata = request.metadata_mut();
        if let Some(caller) = &self.target.caller {
            metadata.insert("surety-caller", caller.clone());
        }
        if let Some(authorization) = &self.target.authorization {
            metadata.insert("authorization", authorization.clone());
        }
        request
    }

    /// Waits for an answer no longer than the deadline, whatever the server does.
    async fn timed<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(self.target.timeout, call).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(Failure::from(&status)),
            Err(_) => Err(Failure::late()),
        }
    }
}

impl Failure {
    /// What was answered under OK is not what it had to be.
    pub fn ours(reason: &str) -> Failure {
        Failure { code: "OK".to_owned(), reason: reason.to_owned() }
    }

    fn late() -> Failure {
        Failure { code: name(Code::DeadlineExceeded), reason: String::new() }
    }
}

impl From<&Status> for Failure {
    fn from(status: &Status) -> Failure {
        // tonic's own timer tells its end so.
        if status.code() == Code::Cancelled && status.message() == "Timeout expired" {
            return Failure::late();
        }
        let info = status.get_details_error_info();
        Failure {
            code: name(status.code()),
            reason: info.map(|info| info.reason).unwrap_or_default(),
        }
    }
}

/// A code's name as gRPC writes it: `DeadlineExceeded` is DEADLINE_EXCEEDED.
fn name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

fn endpoint(url: &Uri, tls: &Tls) -> Result<Endpoint, tonic::transport::Error> {
    let endpoint = Endpoint::from(url.clone()).connect_timeout(CONNECT_MAX).tcp_nodelay(true);
    if url.scheme_str() != Some("https") {
        return Ok(endpoint);
    }
    let mut config = match &tls.authority {
        Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    if let Some((certificate, key)) = &tls.identity {
        config = config.identity(Identity::from_pem(certificate, key));
    }
    endpoint.tls_config(config)
}

/// A connection on which a gRPC server has answered: a port may take connections for somebody who
/// speaks another protocol, or who hangs.
async fn answering(endpoint: &Endpoint) -> Result<Channel, String> {
    let channel = endpoint.connect().await.map_err(|error| innermost(&error))?;
    let mut health = HealthClient::new(channel.clone());
    let check = health.check(HealthCheckRequest::default());
    let answer = match tokio::time::timeout(CONNECT_MAX, check).await {
        Ok(answer) => answer,
        Err(_) => return Err(format!("no answer within {CONNECT_MAX:?}")),
    };
    match answer {
        Ok(health) if health.get_ref().status() == ServingStatus::Serving => Ok(channel),
        Ok(health) => Err(format!("its health is {}", health.get_ref().status().as_str_name())),
        // One that tells its health to others only, or has none.
        Err(status) => match status.code() {
            Code::Unimplemented | Code::NotFound => Ok(channel),
            Code::Unauthenticated | Code::PermissionDenied => Ok(channel),
            code => {
                let cause = std::error::Error::source(&status).map(innermost);
                Err(format!("{}: {}", name(code), cause.unwrap_or(status.message().to_owned())))
            }
        },
    }
}

/// tonic says "transport error", its causes say what happened.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_of_grpc() {
        assert_eq!(name(Code::Unavailable), "UNAVAILABLE");
        assert_eq!(name(Code::DeadlineExceeded), "DEADLINE_EXCEEDED");
        assert_eq!(name(Code::Ok), "OK");
    }

    #[test]
    fn a_deadline_is_one_whoever_noticed_it() {
        let tonics = Failure::from(&Status::cancelled("Timeout expired"));
        assert_eq!(tonics, Failure::late());
        assert_eq!(Failure::from(&Status::deadline_exceeded("late")), Failure::late());
        assert_eq!(Failure::from(&Status::cancelled("by the peer")).code, "CANCELLED");
    }
}
