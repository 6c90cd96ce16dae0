//! Who comes in and who does not: callers, certificates, and connections that mean no good.

// Authorities and certificates, made by openssl.
pub mod certificates;
// A service with callers, and clients with credentials.
pub mod service;

// `caller`, beside a running service.
mod commands;
// Who may call what, for whom, until when.
mod callers;
// No call but health without credentials.
mod sweep;
// Certificates of both sides, and new ones while calls are under way.
mod tls;
// How often who may call, and how soon an answer may be wanted.
mod quotas;
// `load` over TLS, with credentials that hold and others.
mod load;
// What is not a client is closed, and logged once a minute.
mod strangers;
// More connections than anybody needs.
mod crowd;
// Streams that are reset faster than they are served.
mod resets;
