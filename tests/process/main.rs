//! The real binary as its users run it: asked, misused, stopped, killed, and started again.

// A test that fails says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// The binary as a child that never outlives its test.
mod child;
// A policy without limits on how often.
mod policy;
// A service on a folder of its own.
mod server;
// The pages of the HTTP port.
#[path = "../servers/http.rs"]
mod http;
// Random numbers that are the same in every run.
mod seed;
// The accounts and purchases that the tests speak of.
mod sample;
// The calls of a checkout and a lender.
mod client;
// What clients asked and were told, and whether the service still says so.
mod book;
// Many clients at once, until something is done to the service.
mod load;

// Killed at any moment, it has lost no answer.
mod kill;
// A disk that does not sync ends it, before it says anything untrue.
mod sync_failure;
// A disk that is full refuses, until there is room again.
mod disk_full;
// Asked to stop under load, it ends in order.
mod stop;
// Who comes in and who does not: callers, certificates, connections that mean no good.
mod door;
// What was counted before a crash counts after it.
mod memory;
// And does so when only the end of it has to be learnt again.
mod settings;
mod snapshot;
// Nothing personal where it does not belong.
mod personal_data;
// Probes, and nonsense, on the HTTP port.
mod http_port;
// What a real Prometheus makes of the metrics.
mod prometheus;
// What a collector of traces gets.
mod traces;
// What was kept long enough is dropped.
mod retention;

// A start that cannot be says why, in one line.
mod start_errors;
// `policy` and `catalog`.
mod policy_commands;
// `assess` against a running service.
mod assess;
// `erase` through a running service.
mod erase;
// `load` against a running service: what it counts is what happened.
mod load_generator;
// `health`, of services and of what is none.
mod health;
// `audit verify` beside a running service, and what it finds.
mod audit;
// `export` beside a running service.
mod export;
// `demo` and the story that it tells.
mod demo;

// Transactions made up, and what is true of them by plain counting.
mod transactions;
// `replay` counts as plain counting does.
mod replay;
// `replay` of files that are not as they should be.
mod replay_errors;

// `train scorecard` and `evaluate`.
mod train;
// `train forest` and `evaluate`.
mod train_forest;
// Both on the samples of public data that are in the repository.
mod train_samples;
// A service that lives through months while a test looks on.
mod past;
// Both, on the ledger of such a service.
mod train_ledger;
// Models of one's own, served or refused.
mod models;
