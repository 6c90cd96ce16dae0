//! Surety decides, while the shopper waits, whether a checkout may grant credit: for a purchase, or
//! for a one-time card. It answers APPROVED, DECLINED or MANUAL_REVIEW, with reasons.
//!
//! All that bears on a request is gathered first: [readings](signals::Readings) of what is
//! remembered about the parties, and the account's [standing](domain::Standing) in the ledger. One
//! pure function, [`decide`](decide::decide), turns these [facts](features::Facts) and a
//! [playbook](playbook::Playbook) into a [decision](domain::Decision). One transaction records the
//! decision with its facts and reserves the exposure; no answer leaves before it is durable. So a
//! passed step-up, or a lost race for the last of a limit, is `decide` on newer facts, and a replay
//! of past transactions is `decide` on theirs.
//!
//! # The map
//!
//! In reading order. A module imports only from those before it, and `grpc`, `http` and `lab` not
//! from each other. The modules from `domain` to `decide` are pure: no I/O, no clock, no chance.
//! `tests/tidy.rs` holds both.
//!
//! - [`telemetry`]: logs, one line of JSON a thing that happens; metrics, each named in one place;
//!   traces for a collector. Without personal data; without a registry that is global.
//! - [`domain`]: the words, as types that cannot be wrong: money, ids, time, request, standing,
//!   decision. Without wire types.
//! - [`signals`]: what is remembered about the parties: one catalog of signals, and two stores that
//!   run the same folds, in memory (saved as a snapshot now and then) or in Redis. Without folds in
//!   Lua: scripts only gather records.
//! - [`features`]: facts by name: every value that a rule may look at, one entry each. Without past
//!   decisions: they are never facts.
//! - [`scoring`]: the spending score: how unlikely a purchase is for this account; scorecards and
//!   forests as checked artifacts, and what speaks for the chance that they tell. Without training.
//! - [`policy`]: rules in CEL, bands, thresholds by market, the examples that must pass, the reason
//!   catalogue. Without an interpreter: conditions are compiled when they are loaded.
//! - [`playbook`]: policy, catalogue and models with their fingerprint: one immutable thing.
//! - [`decide`](mod@decide): the heart: every rule is tried, the strongest push wins, all reasons
//!   stay. Without fetching: what it needs is in the facts.
//! - [`ledger`]: what is durable, in one SQLite file or in a PostgreSQL database that several
//!   processes share: decisions in chains of hashes, exposure, accounts, plans, cards, reviews,
//!   answers by key. Without a sweeper: ends are judged by comparing times.
//! - [`service`]: the use cases, the only place where signals, ledger and `decide` meet.
//! - [`grpc`]: the edge: takes connections, finds out who calls, parses what comes in, cuts what
//!   goes out by the caller's role. Without rules of any kind.
//! - [`http`]: the port for probes and Prometheus. Without credentials, and without anything that
//!   needs them.
//! - [`lab`]: offline work on the same pure core: `replay`; `train`, which makes a model of a spec
//!   and a table, or of the ledger's own past. Without the service: it needs none.
//! - [`load`]: the load generator: a client that asks as shops do, and measures. Without the
//!   service: it knows the protos alone.
//! - [`app`]: puts it together: data folder, keys, ledger, playbook, server, an orderly stop.
//! - [`cli`]: the subcommands, one file each.
//!
//! Absent everywhere, on purpose: global state, traits for stores (a closed set is an enum),
//! `utils`, and clocks below the edges (time is an argument).
//!
//! # The life of an assessment
//!
//! 1. `grpc/door/`, `grpc/calls.rs`, `grpc/codes.rs`: TLS; limits on connections, metadata and
//!    streams; its span and its count; the deadline; the status codes that the protos promise.
//! 2. `grpc/gate.rs`, `service/callers.rs`: whose token or certificate this is. `grpc/limits/`:
//!    its caller's quota, its size, and a place, after those that go before. Then
//!    `grpc/handlers/decisions.rs`, `grpc/role.rs`: a [`Caller`](domain::Caller) whose role may
//!    make the call.
//! 3. `grpc/from_proto/purchase.rs`: a valid [`Request`](domain::Request), or all its faults
//!    together. Identifiers become keyed hashes here.
//! 4. `service/assess.rs`: from here on in a task of its own, which runs to its end even when the
//!    caller leaves.
//! 5. `service/running.rs`: is the same `request_id` under way, or another request of the same
//!    holder? Wait for it.
//! 6. `ledger/standing.rs`: one statement. Was it answered before? That answer again, so that a
//!    retry is no second attempt. Else limit, what is owed and reserved, plans, holds:
//!    [`Standing`](domain::Standing).
//! 7. `signals/store.rs`: the attempt is counted and every signal read, in `signals/embedded.rs` or
//!    through `signals/redis/` in one round trip: [`Readings`](signals::Readings).
//! 8. `decide/mod.rs`, with `scoring/`, `features/`, `policy/condition/`, `decide/judge.rs`: the
//!    spending score; every rule; their points make scores; the rules on scores; the bands; the
//!    stand-in for a source that failed.
//! 9. `decide/reasons.rs`, `decide/outcome.rs`: reasons in order, with their evidence; expiry,
//!    step-up, review, when to try again: a [`Decision`](domain::Decision).
//! 10. `service/message.rs`, `service/draw.rs`: the customer's message in the language of the
//!     request; id and reference.
//! 11. `ledger/assess.rs`, `ledger/sqlite/` or `ledger/postgres/`: decisions that wait go into one
//!     transaction. The limit is a condition of the statement that reserves.
//! 12. `service/assess.rs`: somebody else took the headroom? Back to 6, at most twice; then a
//!     person looks. Another process changed something about the holder? Back to 6.
//! 13. `grpc/to_proto/decision.rs`, `grpc/disclosure.rs`: the answer, cut to what the role may see.
//!
//! `service/assess.rs` alone knows the order from 4 to 12: read it first. Later,
//! `service/step_up.rs` and `service/resolve.rs`, where a person has decided, go through 6 to 13
//! again with the stored request; `service/watch.rs` tells who waits for it; `service/decisions.rs`
//! and `service/events.rs` take what became of a decision to the ledger and from there to the
//! signals. `service/snapshot.rs` saves an embedded store now and then; a start loads what was
//! saved, and `service/teach.rs` teaches it what the ledger kept since.
//!
//! A one-time card goes on from its grant: `service/cards.rs` and `ledger/card/` keep its life,
//! whose states `domain/card.rs` judges by the clock.
//!
//! Beside all this, `service/support.rs` finds decisions for staff through `ledger/search.rs`,
//! whose indexes are chosen in `ledger/migrations/0005_support.sql`; `service/erase.rs` forgets a
//! person in ledger, signals and snapshot; `service/retention.rs` drops what was kept long enough.
//!
//! # Where a new thing goes
//!
//! - rule, band, threshold, market: `models/policy.toml`, with examples; no code.
//! - verdict of a reviewer: `domain/review.rs`, `decide/review.rs`, `service/resolve.rs`.
//! - text of a reason: `models/reasons.toml`. A new code also: `domain/reason.rs` and
//!   `proto/surety/v1/reason_code.proto`.
//! - signal: an entry in `signals/<group>.rs`. It is then stored, read, a name for rules, and a
//!   line of `surety catalog`.
//! - fold of signals: `signals/mod.rs`, where the compiler names the other places, and the naive
//!   model in `signals/reference.rs` that it is tested against.
//! - fact of the request: its proto, `domain/request.rs`, `grpc/from_proto/`, an entry in
//!   `features/request.rs`.
//! - fact of the account: `ledger/standing.sql`, `domain/standing.rs`, an entry in
//!   `features/account.rs`.
//! - operator in conditions: `policy/condition/`: type check, program, evidence.
//! - gRPC call: its proto, `grpc/role.rs`, its class in `grpc/limits/class.rs`,
//!   `grpc/from_proto/`, `grpc/handlers/`, a function in `service/`.
//! - table or column: a new file in `ledger/migrations/`.
//! - scorecard: a spec in `models/specs/`, whose README says what may stand in it; no code.
//! - request that the load generator sends: `load/mix.rs`, `load/parties.rs`.
//! - metric: `telemetry/metrics.rs`, and its row in the README's table.
//! - subcommand: a file in `cli/` and a variant in `cli/mod.rs`.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// Logs, metrics, traces.
pub mod telemetry;

// The pure core: words, what is remembered, facts by name, scores, rules, and the decision.
pub mod domain;
pub mod signals;
pub mod features;
pub mod scoring;
pub mod policy;
pub mod playbook;
pub mod decide;

// What is durable, and the use cases that join it to the core.
pub mod ledger;
pub mod service;

// The edges: callers over gRPC, who watches over HTTP, files of the past.
pub mod grpc;
pub mod http;
pub mod lab;

// A client for measurements.
pub mod load;

// The process: put together, started from the command line.
pub mod app;
pub mod cli;
