//! Ends late calls, and restates the codes that tonic answers by itself.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::{Code, Status};

use super::status::refused;

/// The longest that any call may take, whatever deadline its client set.
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

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let limit = client_timeout(request.headers()).unwrap_or(CALL_MAX).min(CALL_MAX);
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
            refused(Code::ResourceExhausted, "REQUEST_TOO_LARGE", status.message()).into_http()
        }
        (Code::Internal, true) => {
            refused(Code::InvalidArgument, "FIELD_INVALID", status.message()).into_http()
        }
        _ => response,
    }
}

/// The header `grpc-timeout`: up to eight digits and a unit (gRPC over HTTP/2). One that is broken
/// is no deadline, as for tonic.
fn client_timeout(headers: &http::HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
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
    use super::*;

    fn timeout(text: &str) -> Option<Duration> {
        let mut headers = http::HeaderMap::new();
        headers.insert("grpc-timeout", text.parse().unwrap());
        client_timeout(&headers)
    }

    #[test]
    fn deadlines_are_read_as_grpc_writes_them() {
        assert_eq!(timeout("300m"), Some(Duration::from_millis(300)));
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for broken in ["", "m", "300", "100000000S", "1x", "-1S"] {
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

    #[tokio::test]
    async fn a_late_call_ends_as_late_and_not_as_cancelled() {
        let mut request = http::Request::new(Body::empty());
        request.headers_mut().insert("grpc-timeout", "20m".parse().unwrap());
        let response = Codes(Endless).call(request).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded);
    }
}
