//! Shared signals on the real thing: Redis and Valkey, alone and as a cluster, and their faults.

// A test that fails says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// Real servers that never outlive their test, and a proxy that breaks connections.
mod servers;

// A server and a cluster: started, asked, killed, hung, back again.
mod servers_test;
// Each fault of the proxy, met by a real client.
mod proxy_test;

// What every store does, played on each of them.
mod contract;

// Servers that hold what we did not write, or refuse.
mod bad_input;

// What a decision costs, by the servers' own statistics.
mod statistics;

// Random streams of events, and every reading of them on all stores.
mod differential;
mod stream;
// A store that was emptied, and filled from what a ledger holds.
mod rebuild;
