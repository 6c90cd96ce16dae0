//! The real binary, asked by stock Python clients; and the README, held to what really happens.

// A test that fails says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// The real binary on a folder and a port of its own.
mod server;
// Health and both reflections, by the clients that Python users have.
mod discovery;
// The blocks, commands and paths of a page.
mod page;
// Every command of the README runs, and prints what the README says.
mod readme;
