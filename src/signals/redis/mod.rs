//! The way to a shared store in Redis or Valkey: address, circuit breaker, faults, connection.

mod breaker;
mod dial;
mod faults;
mod keeper;
mod link;
mod url;

pub use breaker::{Admission, Breaker, BreakerState};
pub use faults::{Fault, FaultCounts, Faults};
pub use link::{Link, LinkError, Options};
pub use url::{Node, Server, UrlError};

#[cfg(test)]
mod link_tests;
