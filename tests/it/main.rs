//! Acceptance: the whole service over real gRPC, as checkouts, lenders and their staff meet it.

// A test that fails says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// Starts the service and speaks the language of the domain to it.
mod support;
// One row a situation: given, request, expect. Every code that has a rule is in one.
mod scenarios;
// No more is approved than the limit holds, however many ask at once.
mod limit;
