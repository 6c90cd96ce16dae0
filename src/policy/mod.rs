//! Policy.

mod place;
mod reason;

pub use place::{LoadError, Place};
pub use reason::{MessageTexts, Messages, ReasonCatalog, ReasonEntry, Texts};
