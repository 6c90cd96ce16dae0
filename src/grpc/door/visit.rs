//! One connection's visit: what it has under way, since when it is idle, and when it has to leave.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Notify;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

use super::Counts;

/// Calls under way on all connections.
#[derive(Debug, Default)]
pub struct UnderWay {
    calls: AtomicUsize,
    ended: Notify,
}

impl UnderWay {
    /// Resolves when no call is under way.
    pub async fn none(&self) {
        loop {
            let ended = self.ended.notified();
            if self.calls.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// One connection, from the moment it was taken; counted as open until it is dropped.
#[derive(Debug)]
pub struct Visit {
    began: Instant,
    calls: AtomicUsize,
    /// Milliseconds after `began`.
    idle_since: AtomicU64,
    is_known: AtomicBool,
    leaving: AtomicBool,
    leave: Notify,
    counts: Arc<Counts>,
}

impl Visit {
    pub fn new(counts: Arc<Counts>) -> Visit {
        counts.came();
        Visit {
            began: Instant::now(),
            calls: AtomicUsize::default(),
            idle_since: AtomicU64::default(),
            is_known: AtomicBool::default(),
            leaving: AtomicBool::default(),
            leave: Notify::new(),
            counts,
        }
    }

    /// Whether it is a stranger, and how long it has been idle; `None` when it is not. A stranger
    /// is idle all the time: what is refused to it makes it no better.
    pub fn idle(&self) -> Option<(bool, Duration)> {
        if self.calls.load(Ordering::Relaxed) > 0 || self.is_leaving() {
            return None;
        }
        let since = Duration::from_millis(self.idle_since.load(Ordering::Relaxed));
        let idle = self.began.elapsed().saturating_sub(since);
        Some((!self.is_known.load(Ordering::Relaxed), idle))
    }

    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Asks it to leave.
    pub fn ask_to_leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
        self.leave.notify_one();
    }

    /// Resolves when it was asked to.
    pub async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }

    /// A call of it was let in: it is no stranger.
    pub fn admit(&self) {
        self.is_known.store(true, Ordering::Relaxed);
    }

    /// A call begins. One that is not awaited, as all about health, keeps nobody here.
    pub fn call(self: &Arc<Self>, under_way: &Arc<UnderWay>, awaited: bool) -> Call {
        let awaited = awaited.then(|| {
            self.calls.fetch_add(1, Ordering::Relaxed);
            under_way.calls.fetch_add(1, Ordering::SeqCst);
            Arc::clone(under_way)
        });
        Call { visit: Arc::clone(self), awaited }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.counts.went();
    }
}

/// A call under way; over when it is dropped.
#[derive(Debug)]
pub struct Call {
    visit: Arc<Visit>,
    awaited: Option<Arc<UnderWay>>,
}

impl Drop for Call {
    fn drop(&mut self) {
        let Some(under_way) = &self.awaited else { return };
        if self.visit.is_known.load(Ordering::Relaxed) {
            let now = u64::try_from(self.visit.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.visit.idle_since.store(now, Ordering::Relaxed);
        }
        self.visit.calls.fetch_sub(1, Ordering::Relaxed);
        if under_way.calls.fetch_sub(1, Ordering::SeqCst) == 1 {
            under_way.ended.notify_waiters();
        }
    }
}

/// An answer's body: the call is under way until all of it was taken.
pub struct Held {
    pub body: Body,
    pub _call: Call,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_visit_is_idle_between_calls_and_only_awaited_ones_are_waited_for() {
        let (counts, under_way) = (Arc::<Counts>::default(), Arc::<UnderWay>::default());
        let visit = Arc::new(Visit::new(Arc::clone(&counts)));
        assert_eq!(counts.open(), 1);
        assert!(visit.idle().unwrap().0);
        let watch = visit.call(&under_way, false);
        assert!(visit.idle().unwrap().0, "anybody may ask about health");
        visit.admit();
        assert!(!visit.idle().unwrap().0);
        under_way.none().await;
        let call = visit.call(&under_way, true);
        assert_eq!(visit.idle(), None);
        let waiting = tokio::spawn({
            let under_way = Arc::clone(&under_way);
            async move { under_way.none().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(call);
        waiting.await.unwrap();
        assert!(visit.idle().is_some());
        visit.ask_to_leave();
        visit.asked_to_leave().await;
        assert_eq!(visit.idle(), None);
        drop((visit, watch));
        assert_eq!(counts.open(), 0);
    }
}
