//! Shared signals on the real thing: Redis and Valkey, alone and as a cluster, and their faults.

// A test that fails says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// Real servers that never outlive their test, and a proxy that breaks connections.
mod servers;

// The accounts and purchases, the calls and the policy of the tests of the binary.
#[path = "../process/client.rs"]
mod client;
#[path = "../process/policy.rs"]
mod policy;
#[path = "../process/sample.rs"]
mod sample;

// The real binary on such a server.
mod service;
// One customer who buys again and again, and what the store counted of it.
mod shopper;

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

// Several services on one ledger and one store.
mod replicas;
// Replaced one after the other, while a stock client asks them.
mod rolling;
// The database away, slow or killed.
mod ledger_outage;
// More calls than it can answer.
mod overload;
// What it has written nevertheless is taught.
mod taught_once;
// What staff read is on record, or not shown.
mod staff_reads;
// Several services on one store count together.
mod together;
// The store away, slow, full or broken: reviewed meanwhile, counted afterwards.
mod outage;
mod cluster_outage;
// What metrics say of a store that goes and comes.
#[path = "../servers/http.rs"]
mod http;
mod metrics;
// Taught again at the next start.
mod again;
// The store emptied: nobody looks new.
mod emptied;
// A store that was emptied, and filled from what a ledger holds.
mod rebuild;
// A store that is not fit for use at the start.
mod unfit;
// Passwords, rights and certificates.
mod access;
// Settings that cannot be.
mod settings;
// Nothing personal in the store.
mod personal_data;
