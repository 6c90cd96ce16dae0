//! The vocabulary: plain types that cannot be wrong, without I/O and without a clock.

mod account;
mod decision;
mod event;
mod fault;
mod geography;
mod ids;
mod money;
mod named;
mod reason;
mod record;
mod request;
mod standing;
mod text;
mod time;
mod value;

pub use account::*;
pub use decision::*;
pub use event::*;
pub use fault::*;
pub use geography::*;
pub use ids::*;
pub use money::*;
pub use reason::*;
pub use record::*;
pub use request::*;
pub use standing::*;
pub use text::*;
pub use time::*;
pub use value::*;
