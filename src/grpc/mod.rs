//! The gRPC edge: parses what comes in, cuts what goes out by the caller's role.

mod calls;
mod codes;
mod criteria;
mod disclosure;
#[cfg(test)]
mod disclosure_tests;
mod door;
mod from_proto;
mod gate;
mod handlers;
mod limits;
mod page;
mod role;
mod serve;
mod status;
mod to_proto;
mod words;

pub use door::{Counts, Door, Refusal, Tls, TlsError, TlsFiles};
pub use limits::Limits;
pub use serve::{ServeError, serve};

/// The generated code of the package, and its descriptors.
#[allow(clippy::all, missing_docs)]
pub mod pb {
    tonic::include_proto!("surety.v1");

    /// The package's descriptors, for reflection and for proto3 JSON.
    pub const DESCRIPTORS: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/surety_descriptors.bin"));
}
