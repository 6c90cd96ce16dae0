//! The one clock of the service, read at its edge and handed down as a value.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::{Span, Time};

/// Where the present comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's, which never goes back here: else what has expired would hold again.
    System(Arc<AtomicI64>),
    /// Stands still until it is moved: what a demo or a test shows does not wait for real hours.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    pub fn system() -> Clock {
        Clock::System(Arc::default())
    }

    pub fn manual(now: Time) -> Clock {
        Clock::Manual(Arc::new(AtomicI64::new(now.as_micros())))
    }

    pub fn now(&self) -> Time {
        match self {
            Clock::System(latest) => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
                Time::from_micros(latest.fetch_max(micros, Ordering::SeqCst).max(micros))
            }
            Clock::Manual(micros) => Time::from_micros(micros.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock; the system's clock goes on as it does.
    pub fn advance(&self, by: Span) {
        if let Clock::Manual(micros) = self {
            micros.fetch_add(by.as_micros(), Ordering::SeqCst);
        }
    }
}
