//! The layer that keeps limits, between the gate and the handlers.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http_body_util::{BodyExt, Full};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Bytes, Service as Layered, http};
use tonic::{Code, Status};
use tracing::Instrument;

use super::class::{Class, class, has_one_message, reads};
use super::queue::Permit;
use super::{Deadline, Limiter};
use crate::grpc::gate::Identity;
use crate::grpc::status::{TOO_LARGE, refused};

/// What gRPC puts before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Wraps all services together.
#[derive(Clone)]
pub struct Limited<S> {
    pub inner: S,
    pub limiter: Arc<Limiter>,
}

impl<S> Layered<http::Request<Body>> for Limited<S>
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

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path();
        let (Some(class), goes_on) = (class(path), !reads(path)) else {
            return Box::pin(self.inner.call(request));
        };
        // The one that is ready is called.
        let waiting = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, waiting);
        let limiter = Arc::clone(&self.limiter);
        Box::pin(async move {
            match limiter.admit(class, request).await {
                Ok((taken, request)) => Held::new(goes_on, taken, inner.call(request)).await,
                Err(refusal) => Ok(refusal.into_http()),
            }
        })
    }
}

impl Limiter {
    /// The call when it may begin, with what it holds until it ends.
    async fn admit(
        &self,
        class: Class,
        request: http::Request<Body>,
    ) -> Result<(Taken, http::Request<Body>), Status> {
        self.count_caller(request.extensions().get::<Identity>())?;
        // No call comes here without one.
        let deadline = request.extensions().get::<Deadline>();
        let deadline = deadline.map_or_else(Instant::now, |deadline| deadline.0);
        let (memory, request) = match has_one_message(request.uri().path()) {
            true => self.gather(request).await?,
            false => (None, request),
        };
        let _permit = self.place(class, deadline).await?;
        Ok((Taken { _permit, _memory: memory }, request))
    }

    /// Reads the message, so that who sends it slowly, or never, has no place. All messages
    /// together have so much memory and no more.
    async fn gather(
        &self,
        request: http::Request<Body>,
    ) -> Result<(Memory, http::Request<Body>), Status> {
        let (parts, mut body) = request.into_parts();
        let max = self.limits().max_at(parts.uri.path());
        let (mut message, mut memory) = (Vec::new(), None);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Status::cancelled("the message broke off"))?;
            let Ok(data) = frame.into_data() else { continue };
            if message.len() + data.len() > max + PREFIX {
                let text = format!("expected a message of at most {max} bytes");
                return Err(refused(Code::ResourceExhausted, TOO_LARGE, text));
            }
            let more = self.memory_for(data.len())?;
            match &mut memory {
                None => memory = Some(more),
                Some(held) => OwnedSemaphorePermit::merge(held, more),
            }
            message.extend_from_slice(&data);
        }
        let body = Body::new(Full::new(Bytes::from(message)));
        Ok((memory, http::Request::from_parts(parts, body)))
    }
}

/// Held by the bytes of a message; an empty one has none.
type Memory = Option<OwnedSemaphorePermit>;

/// What a call under way has of what is bounded.
struct Taken {
    _permit: Permit,
    _memory: Memory,
}

type Answer = Result<http::Response<Body>, Infallible>;

/// A call that has a place. What writes goes on when its caller leaves, and has the place until it
/// ends; what only reads ends with its caller.
struct Held {
    goes_on: bool,
    call: Option<(Taken, BoxFuture<http::Response<Body>, Infallible>)>,
}

impl Held {
    fn new(
        goes_on: bool,
        taken: Taken,
        call: impl Future<Output = Answer> + Send + 'static,
    ) -> Held {
        Held { goes_on, call: Some((taken, Box::pin(call))) }
    }
}

impl Future for Held {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let Some((_, call)) = &mut self.call else { return Poll::Pending };
        let polled = call.as_mut().poll(context);
        if polled.is_ready() {
            self.call = None;
        }
        polled
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.goes_on {
            return;
        }
        if let (Some((taken, call)), Ok(runtime)) = (self.call.take(), Handle::try_current()) {
            let ends = async move {
                let _nobody_waits = call.await;
                drop(taken);
            };
            drop(runtime.spawn(ends.in_current_span()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;
    use crate::grpc::limits::queue::Queue;

    /// A call that ends when it is told to.
    async fn call(ends: oneshot::Receiver<()>) -> Answer {
        let _told = ends.await;
        Ok(http::Response::new(Body::empty()))
    }

    #[tokio::test]
    async fn what_writes_has_its_place_until_it_ends_and_what_reads_until_its_caller_leaves() {
        for keeps in [true, false] {
            let class = Class::Work;
            let queue = Arc::new(Queue::new(1, Duration::from_millis(100)));
            let _permit = queue.enter_at_once(class).unwrap();
            let (end, ends) = oneshot::channel();
            let held = Held::new(keeps, Taken { _permit, _memory: None }, call(ends));
            let left = tokio::time::timeout(Duration::from_millis(1), held).await;
            assert!(left.is_err(), "it ended by itself");
            assert_eq!(queue.enter_at_once(class).is_none(), keeps);
            drop(end);
            let latest = Instant::now() + Duration::from_secs(60);
            queue.enter(class, latest).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_call_that_ends_gives_its_place_back_at_once() {
        let queue = Arc::new(Queue::new(1, Duration::from_millis(100)));
        let _permit = queue.enter_at_once(Class::Decide).unwrap();
        let (end, ends) = oneshot::channel();
        end.send(()).unwrap();
        let mut held = Held::new(true, Taken { _permit, _memory: None }, call(ends));
        (&mut held).await.unwrap();
        assert!(queue.enter_at_once(Class::Decide).is_some());
    }
}
