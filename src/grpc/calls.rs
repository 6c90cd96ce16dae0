//! The outermost layer: each call has a span, is counted by its status, and timed.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use hyper::body::{Body as HttpBody, Frame, SizeHint};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Bytes, Service, http};
use tonic::{Code, Status};
use tracing::{Instrument, Span};

use super::pb;
use super::status::cause;
use crate::service;
use crate::telemetry::{self, Edge};

/// The services and methods that metrics know, by path. Callers can make up any number of names, so
/// what is none of ours has one name for all of it.
#[derive(Debug)]
pub struct Methods {
    served: HashMap<String, Arc<Method>>,
    unknown: Arc<Method>,
}

#[derive(Debug)]
struct Method {
    service: String,
    name: String,
}

impl Methods {
    /// Of what is served: our services, health and reflection.
    pub fn served() -> Result<Methods, prost::DecodeError> {
        let mut served = HashMap::new();
        for descriptors in [
            pb::DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ] {
            for file in FileDescriptorSet::decode(descriptors)?.file {
                for described in &file.service {
                    let service = format!("{}.{}", file.package(), described.name());
                    served.extend(described.method.iter().map(|method| {
                        let name = method.name().to_owned();
                        let path = format!("/{service}/{name}");
                        (path, Arc::new(Method { service: service.clone(), name }))
                    }));
                }
            }
        }
        let unknown = || "unknown".to_owned();
        Ok(Methods { served, unknown: Arc::new(Method { service: unknown(), name: unknown() }) })
    }

    fn of(&self, path: &str) -> Arc<Method> {
        Arc::clone(self.served.get(path).unwrap_or(&self.unknown))
    }
}

/// Wraps all services together.
#[derive(Clone)]
pub struct Calls<S> {
    pub inner: S,
    pub methods: Arc<Methods>,
    pub service: Arc<service::Service>,
}

impl<S> Service<http::Request<Body>> for Calls<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let method = self.methods.of(request.uri().path());
        let span = telemetry::call_span((&method.service, &method.name), request.headers());
        let mut call = Call::begin(Arc::clone(&self.service), method, span.clone());
        request.extensions_mut().insert(span.in_scope(Edge::begin));
        let answer = span.in_scope(|| self.inner.call(request));
        let answer = async move {
            let response = answer.await?;
            if call.hear(response.headers()) {
                return Ok(response);
            }
            Ok(response.map(|body| Body::new(Answer { body, call: Some(call) })))
        };
        Box::pin(answer.instrument(span))
    }
}

/// A call from its first byte on; counted when it ends, however that is.
struct Call {
    service: Arc<service::Service>,
    method: Arc<Method>,
    begun: Instant,
    /// What its caller was told; nobody was told anything when the caller left.
    code: Code,
    span: Span,
}

impl Call {
    fn begin(service: Arc<service::Service>, method: Arc<Method>, span: Span) -> Call {
        service.metrics().call_begins();
        Call { service, method, begun: Instant::now(), code: Code::Cancelled, span }
    }

    /// Whether the status stands there: in the headers of a refusal, else in the trailers.
    fn hear(&mut self, headers: &http::HeaderMap) -> bool {
        let Some(status) = Status::from_header_map(headers) else { return false };
        self.code = status.code();
        if let Some(cause) = cause(&status) {
            self.service.metrics().call_refused(cause);
        }
        true
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let (Method { service, name }, code) = (&*self.method, code_name(self.code));
        self.service.metrics().call_ends((service, name), code, self.begun.elapsed());
        telemetry::call_answered(&self.span, self.code as i32, code);
    }
}

/// The body of an answer, with the call until that ends.
struct Answer {
    body: Body,
    call: Option<Call>,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            // Counted before the caller can know that it is over.
            if let Some(mut call) = self.call.take() {
                call.hear(trailers);
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The code as the specification of gRPC writes it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::Methods;

    #[test]
    fn only_what_is_served_has_a_name() {
        let methods = Methods::served().unwrap();
        let name = |path| {
            let method = methods.of(path);
            format!("{} {}", method.service, method.name)
        };
        for (path, expected) in [
            (
                "/surety.v1.RiskDecisionService/EvaluatePurchase",
                "surety.v1.RiskDecisionService EvaluatePurchase",
            ),
            ("/grpc.health.v1.Health/Check", "grpc.health.v1.Health Check"),
            ("/surety.v1.RiskDecisionService/Evaluate", "unknown unknown"),
            ("/", "unknown unknown"),
            ("/metrics", "unknown unknown"),
        ] {
            assert_eq!(name(path), expected, "{path}");
        }
        assert!(methods.served.len() > 30, "{}", methods.served.len());
    }
}
