//! How many connections are open and how many were turned away, by why; each why is logged once a
//! minute.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often one kind of bad connection is worth a line.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Why a connection was turned away or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There were as many as there may be, and none of them was idle.
    Full,
    /// It was idle longest when there were as many as there may be.
    Idle,
    /// No TLS, a certificate that is not taken, or none of the versions.
    Tls,
    /// HTTP/1 on the port of gRPC.
    Http1,
    /// Neither HTTP/2 nor HTTP/1, or HTTP/2 that is broken.
    Garbage,
    /// It did not say in time what it wants.
    Silent,
    /// Streams opened and reset, or frames sent, faster than anybody needs.
    Flood,
    /// The operating system gave no connection, for want of file descriptors mostly.
    Accept,
}

impl Refusal {
    pub const ALL: [Refusal; 8] = [
        Refusal::Full,
        Refusal::Idle,
        Refusal::Tls,
        Refusal::Http1,
        Refusal::Garbage,
        Refusal::Silent,
        Refusal::Flood,
        Refusal::Accept,
    ];

    /// As metrics and logs name it.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::Full => "full",
            Refusal::Idle => "idle",
            Refusal::Tls => "tls",
            Refusal::Http1 => "http1",
            Refusal::Garbage => "garbage",
            Refusal::Silent => "silent",
            Refusal::Flood => "flood",
            Refusal::Accept => "accept",
        }
    }
}

/// Counts of one server.
#[derive(Debug, Default)]
pub struct Counts {
    open: AtomicUsize,
    refused: [Refused; Refusal::ALL.len()],
}

#[derive(Debug, Default)]
struct Refused {
    total: AtomicU64,
    told: Mutex<Told>,
}

/// What the log knows.
#[derive(Debug, Default)]
struct Told {
    last: Option<Instant>,
    /// Since the last line.
    untold: u64,
}

impl Counts {
    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections that were turned away for that, since the start.
    pub fn refused(&self, refusal: Refusal) -> u64 {
        self.refused[refusal as usize].total.load(Ordering::Relaxed)
    }

    pub(super) fn came(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn went(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts one, and logs it when the last line about its kind is a minute old. Of a flood of
    /// them the log has a line and their number.
    pub(super) fn refuse(&self, refusal: Refusal, what: &dyn Display) {
        let refused = &self.refused[refusal as usize];
        refused.total.fetch_add(1, Ordering::Relaxed);
        if let Some(connections) = refused.tell(Instant::now()) {
            let kind = refusal.name();
            tracing::warn!(kind, connections, latest = %what, "connections turned away");
        }
    }
}

impl Refused {
    /// How many a line has to tell of, if one is due.
    fn tell(&self, now: Instant) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.untold += 1;
        if told.last.is_some_and(|last| now.duration_since(last) < LOG_EVERY) {
            return None;
        }
        told.last = Some(now);
        Some(std::mem::take(&mut told.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_place_and_name() {
        for (at, refusal) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal as usize, at, "{}", refusal.name());
        }
    }

    #[test]
    fn a_flood_is_one_line_a_minute_with_a_count() {
        let (refused, start) = (Refused::default(), Instant::now());
        let at = |seconds| refused.tell(start + Duration::from_secs(seconds));
        assert_eq!(at(0), Some(1));
        assert_eq!((0..500).filter_map(|_| at(30)).count(), 0);
        assert_eq!(at(60), Some(501));
        assert_eq!(at(119), None);
        assert_eq!(at(180), Some(2));
    }
}
