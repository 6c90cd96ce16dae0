//! The service behind every edge.

mod error;

pub use error::Error;
