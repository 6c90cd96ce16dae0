//! A service with callers on a folder of its own, and clients that show credentials.

use std::process::Command;
use std::time::Duration;

use surety::grpc::pb;
use surety::grpc::pb::reason_catalog_service_client::ReasonCatalogServiceClient;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::certificates::{Authority, Pair};
use crate::child::{Ended, run, surety};
use crate::server::{Folder, Server};

/// A folder on which callers are kept and a service is started.
pub struct Place {
    pub folder: Folder,
}

impl Place {
    pub fn new() -> Place {
        Place { folder: Folder::without_velocity() }
    }

    pub fn serve(&self, options: &[&str]) -> Server {
        let mut command = surety("serve");
        command.args(options);
        self.folder.serve_by(command)
    }

    /// With TLS, of a pair that is in the folder, and authorities of clients.
    pub fn serve_tls(&self, server: &Pair, clients: &Authority, options: &[&str]) -> Server {
        server.write(self.folder.root());
        let mut command = surety("serve");
        command.arg("--tls-cert").arg(self.folder.path("server.pem"));
        command.arg("--tls-key").arg(self.folder.path("server.key"));
        command.arg("--tls-client-ca").arg(clients.certificate()).args(options);
        self.folder.serve_by(command)
    }

    pub fn caller(&self, arguments: &[&str]) -> Ended {
        let (word, rest) = arguments.split_first().unwrap();
        let mut command: Command = surety("caller");
        run(command.arg(word).args(rest).arg("--data").arg(self.folder.data()))
    }

    /// Adds a caller; its token, if it has one.
    pub fn add(&self, arguments: &[&str]) -> String {
        let added = self.caller(&[&["add"], arguments].concat());
        assert_eq!(added.code, Some(0), "{}", added.err);
        assert_eq!(added.err, "");
        added.out.trim_end().to_owned()
    }

    pub fn revoke(&self, name: &str) {
        let revoked = self.caller(&["revoke", name]);
        assert_eq!(revoked.code, Some(0), "{}", revoked.err);
    }
}

/// A connection without TLS.
pub async fn plain(server: &Server) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
    endpoint.connect().await.unwrap()
}

/// How a client reaches the server by TLS.
pub fn secured(server: &Server, trusts: &Authority, shows: Option<&Pair>) -> Endpoint {
    let pem = std::fs::read(trusts.certificate()).unwrap();
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
    if let Some(pair) = shows {
        tls = tls.identity(Identity::from_pem(&pair.certificate, &pair.key));
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", server.address)).unwrap();
    endpoint.tls_config(tls).unwrap()
}

/// A message with a token, if there is one.
pub fn with_token<T>(token: Option<&str>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}

/// A call that every role may make.
pub async fn ask(channel: Channel, token: Option<&str>) -> Result<(), Status> {
    let request = with_token(token, pb::ListReasonCodesRequest::default());
    ReasonCatalogServiceClient::new(channel).list_reason_codes(request).await.map(drop)
}

/// The code and the reason of a refusal.
pub fn why<T>(told: Result<T, Status>) -> (Code, String) {
    let Err(status) = told else { return (Code::Ok, String::new()) };
    let reason = status.get_error_details().error_info().map(|info| info.reason.clone());
    (status.code(), reason.unwrap_or_default())
}

pub fn unauthenticated(reason: &str) -> (Code, String) {
    (Code::Unauthenticated, reason.to_owned())
}

/// Asks until the answer is this one; longer than the service takes to know of a change.
pub async fn until(channel: &Channel, token: Option<&str>, expected: (Code, String)) {
    let mut last = (Code::Ok, String::new());
    for _ in 0..60 {
        last = why(ask(channel.clone(), token).await);
        if last == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("expected {expected:?} within three seconds, still {last:?}");
}
