//! What callers may take of the service, as options of `serve`.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::{Args, value_parser};

use crate::grpc;

#[derive(Debug, Args)]
pub(super) struct Limits {
    /// Calls a second that a caller may make, a second's worth of them at once; without it as many
    /// as there are places for. Callers on the same machine without credentials share one quota.
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..=1_000_000))]
    calls_per_second: Option<u32>,
    /// Calls a second that a caller may make about one account: evaluations, retries among them,
    /// previews, and reads of an account.
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..=1_000_000))]
    calls_per_second_account: Option<u32>,
    /// Calls that are worked on at once, health apart; lists and searches have half of them at
    /// most. A commit of the ledger takes 256 decisions, so fewer than 64 make it slower.
    #[arg(long, value_name = "NUMBER", default_value_t = grpc::Limits::default().concurrency,
          value_parser = value_parser!(u32).range(1..=2_048))]
    concurrency: u32,
    /// Milliseconds that a call may wait to be worked on; then, or when four times as many wait as
    /// are worked on, it is answered UNAVAILABLE. Decisions go before writes, and those before
    /// reads. While calls wait without a pause, each may wait a twentieth of it.
    #[arg(long, value_name = "MS", default_value_t = 100,
          value_parser = value_parser!(u64).range(1..=10_000))]
    queue_ms: u64,
    /// Bytes of a message; batches of events may have 16 times as many.
    #[arg(long, value_name = "BYTES", default_value_t = grpc::Limits::default().message_max,
          value_parser = value_parser!(u32).range(4_096..=4_194_304))]
    max_message_bytes: u32,
}

impl Limits {
    pub fn limits(&self) -> grpc::Limits {
        grpc::Limits {
            calls_per_second: self.calls_per_second.and_then(NonZeroU32::new),
            calls_per_second_account: self.calls_per_second_account.and_then(NonZeroU32::new),
            concurrency: self.concurrency,
            queue: Duration::from_millis(self.queue_ms),
            message_max: self.max_message_bytes,
        }
    }
}
