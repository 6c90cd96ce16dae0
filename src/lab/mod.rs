//! Offline work on the same pure core: what would have been decided, and models trained.

mod cell;
pub mod replay;
pub mod train;
