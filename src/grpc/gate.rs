//! The layer that finds out who makes a call, before any handler sees it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service as Layered, http};
use tonic::{Code, Status};

use super::status::refused;
use crate::domain::KnownCaller;
use crate::service::{Service, Stranger};

/// What everybody may ask, so that balancers need no credentials.
pub const HEALTH: &str = "/grpc.health.v1.Health/";
const HEALTH_WATCH: &str = "/grpc.health.v1.Health/Watch";
/// Watches of health on one connection. A client that checks health by the service config holds one
/// as long as it is connected, and makes no call without; anybody may hold one without credentials.
const HEALTH_WATCHES: usize = 8;
/// Where a token is sent, and how it is introduced (RFC 6750).
const AUTHORIZATION: &str = "authorization";
const BEARER: &str = "bearer ";

type Answer = Result<http::Response<Body>, Infallible>;

/// The other end of a connection.
#[derive(Debug)]
pub struct Visitor {
    pub peer: SocketAddr,
    /// Subject alternative names of its client certificate, which was checked.
    names: Vec<String>,
    health_watches: Arc<Semaphore>,
}

/// Marks the answer to a call that was let in.
#[derive(Clone, Copy, Debug)]
pub struct Admitted;

/// Who makes a call.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Somebody on the same machine, while nobody else can reach the service and the ledger has no
    /// callers: what it says about itself is believed.
    Local,
    Known(Arc<KnownCaller>),
}

/// Wraps all services together.
#[derive(Clone)]
pub struct Gate<S> {
    pub inner: S,
    pub service: Arc<Service>,
    /// Whether the service listens on a loopback address.
    pub on_loopback: bool,
}

impl<S> Layered<http::Request<Body>> for Gate<S>
where
    S: Layered<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        // The one that is ready is called.
        let waiting = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, waiting);
        match request.uri().path() {
            HEALTH_WATCH => return Box::pin(watch_health(inner, request)),
            path if path.starts_with(HEALTH) => return Box::pin(inner.call(request)),
            _ => {}
        }
        let (service, on_loopback) = (Arc::clone(&self.service), self.on_loopback);
        let shown = Shown {
            authorization: request.headers().get(AUTHORIZATION).cloned(),
            visitor: request.extensions().get::<Arc<Visitor>>().cloned(),
        };
        Box::pin(async move {
            match identify(&service, on_loopback, shown).await {
                Ok(identity) => {
                    request.extensions_mut().insert(identity);
                    let mut response = inner.call(request).await?;
                    response.extensions_mut().insert(Admitted);
                    Ok(response)
                }
                Err(refusal) => Ok(refusal.into_http()),
            }
        })
    }
}

/// The answer keeps its place until it ends.
async fn watch_health<S>(mut inner: S, request: http::Request<Body>) -> Answer
where
    S: Layered<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
{
    let visitor = request.extensions().get::<Arc<Visitor>>();
    let places = visitor.map(|visitor| Arc::clone(&visitor.health_watches));
    let Some(place) = places.and_then(|places| places.try_acquire_owned().ok()) else {
        let text = format!("expected at most {HEALTH_WATCHES} watches of health on a connection");
        return Ok(refused(Code::ResourceExhausted, "TOO_MANY_WATCHES", text).into_http());
    };
    let response = inner.call(request).await?;
    Ok(response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &place;
            frame
        }))
    }))
}

/// What a call shows of who makes it.
struct Shown {
    authorization: Option<http::HeaderValue>,
    visitor: Option<Arc<Visitor>>,
}

/// A token comes before a certificate: proxies that speak for others have certificates too.
async fn identify(service: &Service, on_loopback: bool, shown: Shown) -> Result<Identity, Status> {
    let (callers, now) = (service.callers(), service.now());
    if let Some(value) = shown.authorization {
        let token = value.to_str().ok().and_then(bearer).ok_or_else(unknown_token)?;
        return callers.by_token(token, now).await.map(Identity::Known).map_err(strange);
    }
    let visitor = shown.visitor.ok_or_else(missing)?;
    if on_loopback && visitor.is_local() && !callers.any() {
        return Ok(Identity::Local);
    }
    match visitor.names.as_slice() {
        [] => Err(missing()),
        names => callers.by_certificate(names, now).await.map(Identity::Known).map_err(strange),
    }
}

impl Visitor {
    pub fn new(peer: SocketAddr, names: Vec<String>) -> Visitor {
        Visitor { peer, names, health_watches: Arc::new(Semaphore::new(HEALTH_WATCHES)) }
    }

    fn is_local(&self) -> bool {
        self.peer.ip().to_canonical().is_loopback()
    }
}

/// The token in `Bearer srt_…`; the word is the same in any case.
fn bearer(value: &str) -> Option<&str> {
    let (word, token) = value.split_at_checked(BEARER.len())?;
    word.eq_ignore_ascii_case(BEARER).then(|| token.trim())
}

fn missing() -> Status {
    let text = "expected a token in the metadata `authorization`, as `Bearer srt_…`, or a client \
                certificate that is known";
    refused(Code::Unauthenticated, "CREDENTIALS_MISSING", text)
}

fn unknown_token() -> Status {
    let text = "the token in `authorization` is not known; expected `Bearer srt_…`";
    refused(Code::Unauthenticated, "TOKEN_UNKNOWN", text)
}

/// That a token was revoked is told only to who has it, and nobody guesses 32 random bytes.
fn strange(stranger: Stranger) -> Status {
    match stranger {
        Stranger::TokenUnknown => unknown_token(),
        Stranger::CertificateUnknown => {
            let text = "no caller is known by a name of the client certificate";
            refused(Code::Unauthenticated, "CERTIFICATE_UNKNOWN", text)
        }
        Stranger::Revoked => {
            let text = "the caller was revoked";
            refused(Code::Unauthenticated, "CALLER_REVOKED", text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_follows_the_word_bearer() {
        for (value, token) in [
            ("Bearer srt_x", Some("srt_x")),
            ("bearer  srt_x ", Some("srt_x")),
            ("BEARER srt_x", Some("srt_x")),
            ("Basic srt_x", None),
            ("srt_x", None),
            ("Bearer", None),
            ("", None),
        ] {
            assert_eq!(bearer(value), token, "{value}");
        }
    }

    #[test]
    fn who_is_on_the_same_machine_is_seen_by_the_address() {
        for (peer, local) in [
            ("127.0.0.1:5000", true),
            ("127.9.0.1:5000", true),
            ("[::1]:5000", true),
            ("[::ffff:127.0.0.1]:5000", true),
            ("192.0.2.1:5000", false),
            ("[2001:db8::1]:5000", false),
        ] {
            let visitor = Visitor::new(peer.parse().unwrap(), vec![]);
            assert_eq!(visitor.is_local(), local, "{peer}");
        }
    }
}
