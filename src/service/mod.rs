//! The service behind every edge.

mod error;
mod stub;

pub use error::Error;
pub use stub::{Answered, Service};
