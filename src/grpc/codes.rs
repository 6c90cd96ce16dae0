//! Ends late calls, and restates the codes that tonic answers by itself.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::{Code, Status};

use super::gate::HEALTH;
use super::limits::{DEADLINE_LEAST, Deadline};
use super::status::{TOO_LARGE, refused, too_short};
use crate::domain::{Fault, FaultKind};
use crate::service::Error;

/// In which a client says how long it waits.
const TIMEOUT: &str = "grpc-timeout";

/// The longest that any call may take, whatever deadline its client set or did not set. Decisions
/// have no shorter one of their own: what makes a caller wait under load is the queue, which has
/// its own bound, and one that is given up here stands all the same.
const CALL_MAX: Duration = Duration::from_secs(10);

/// Wraps all services together.
#[derive(Clone)]
pub struct Codes<S>(pub S);

impl<S> Service<http::Request<Body>> for Codes<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let limit = match limit(&request) {
            Ok(limit) => limit,
            Err(refusal) => return Box::pin(async move { Ok(refusal.into_http()) }),
        };
        request.extensions_mut().insert(Deadline(Instant::now() + limit));
        let answer = tokio::time::timeout(limit, self.0.call(request));
        Box::pin(async move {
            match answer.await {
                Ok(Ok(response)) => Ok(restated(response)),
                Err(_) => Ok(too_late().into_http()),
            }
        })
    }
}

fn too_late() -> Status {
    let text = "too late to wait; a decision may stand all the same: repeat the same request_id";
    Status::deadline_exceeded(text)
}

/// A refusal that tonic made before a handler ran, under the code that fits it. Ours are known by
/// their details, tonic's have none.
fn restated(response: http::Response<Body>) -> http::Response<Body> {
    let Some(status) = Status::from_header_map(response.headers()) else {
        return response;
    };
    match (status.code(), status.details().is_empty()) {
        (Code::OutOfRange, true) => {
            refused(Code::ResourceExhausted, TOO_LARGE, status.message()).into_http()
        }
        (Code::Internal, true) => {
            refused(Code::InvalidArgument, "FIELD_INVALID", status.message()).into_http()
        }
        _ => response,
    }
}

/// How long a call may take; fails when that is not known, or too short for anything to be begun.
/// Health is answered in any case.
fn limit(request: &http::Request<Body>) -> Result<Duration, Status> {
    if request.uri().path().starts_with(HEALTH) {
        return Ok(CALL_MAX);
    }
    let Some(value) = request.headers().get(TIMEOUT) else { return Ok(CALL_MAX) };
    match value.to_str().ok().and_then(timeout) {
        None => Err(Error::Invalid(vec![Fault {
            field: format!("metadata.{TIMEOUT}"),
            problem: "expected up to eight digits and one of H M S m u n".to_owned(),
            kind: FaultKind::FieldInvalid,
        }])
        .into()),
        Some(limit) if limit < DEADLINE_LEAST => Err(too_short(DEADLINE_LEAST)),
        Some(limit) => Ok(limit.min(CALL_MAX)),
    }
}

/// Up to eight digits and a unit (gRPC over HTTP/2).
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    #[test]
    fn deadlines_are_read_as_grpc_writes_them() {
        assert_eq!(timeout("300m"), Some(Duration::from_millis(300)));
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for broken in ["", "m", "300", "100000000S", "1x", "-1S", "+1S", "1 S", "1é"] {
            assert_eq!(timeout(broken), None, "{broken}");
        }
    }

    #[test]
    fn only_what_tonic_says_by_itself_is_restated() {
        let code = |status: Status| {
            let restated = restated(status.into_http());
            Status::from_header_map(restated.headers()).unwrap().code()
        };
        assert_eq!(code(Status::out_of_range("length too large")), Code::ResourceExhausted);
        assert_eq!(code(Status::internal("failed to decode")), Code::InvalidArgument);
        assert_eq!(code(refused(Code::Internal, "UNEXPECTED", "ours")), Code::Internal);
        assert_eq!(code(Status::unimplemented("")), Code::Unimplemented);
    }

    /// A handler that never ends.
    #[derive(Clone)]
    struct Endless;

    impl Service<http::Request<Body>> for Endless {
        type Response = http::Response<Body>;
        type Error = Infallible;
        type Future = BoxFuture<http::Response<Body>, Infallible>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: http::Request<Body>) -> Self::Future {
            Box::pin(std::future::pending())
        }
    }

    fn called(path: &str, timeout: &str) -> http::Request<Body> {
        let mut request = http::Request::new(Body::empty());
        *request.uri_mut() = path.parse().unwrap();
        request.headers_mut().insert(TIMEOUT, timeout.parse().unwrap());
        request
    }

    #[tokio::test]
    async fn what_cannot_be_done_in_time_is_refused_before_anything_is_done() {
        for (timeout, code, reason) in [
            ("0S", Code::DeadlineExceeded, "DEADLINE_TOO_SHORT"),
            ("4999u", Code::DeadlineExceeded, "DEADLINE_TOO_SHORT"),
            ("4m", Code::DeadlineExceeded, "DEADLINE_TOO_SHORT"),
            ("soon", Code::InvalidArgument, "FIELD_INVALID"),
            ("-1S", Code::InvalidArgument, "FIELD_INVALID"),
        ] {
            // The handler never ends, so it was not asked.
            let answer = Codes(Endless).call(called("/surety.v1.S/M", timeout)).await.unwrap();
            let status = Status::from_header_map(answer.headers()).unwrap();
            let info = status.get_error_details().error_info().cloned().unwrap();
            assert_eq!((status.code(), info.reason.as_str()), (code, reason), "{timeout}");
        }
        for timeout in ["5m", "99999999H"] {
            assert!(limit(&called("/surety.v1.S/M", timeout)).unwrap() >= DEADLINE_LEAST);
        }
        assert_eq!(limit(&called("/grpc.health.v1.Health/Check", "0S")).unwrap(), CALL_MAX);
    }

    #[tokio::test]
    async fn a_late_call_ends_as_late_and_not_as_cancelled() {
        let mut request = http::Request::new(Body::empty());
        request.headers_mut().insert("grpc-timeout", "20m".parse().unwrap());
        let response = Codes(Endless).call(request).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded);
    }
}
