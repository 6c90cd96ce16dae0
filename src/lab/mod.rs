//! Offline work on the same pure core: what would have been decided, on whose history.

pub mod replay;
