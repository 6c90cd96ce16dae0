//! Acceptance: the whole service over real gRPC, as checkouts, lenders and their staff meet it.

// A test that fails says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// Starts the service and speaks the language of the domain to it.
mod support;
// One row a situation: given, request, expect. Every code that has a rule is in one.
mod scenarios;
// No more is approved than the limit holds, however many ask at once.
mod limit;
// Attempts, networks, first use: what is counted and what is not.
mod velocity;
// Holds, restrictions and arrears stop what they should, and leave nothing when they end.
mod holds;
// A check that the customer passes, fails, or does not do in time.
mod step_up;
// What a person decides of what the engine would not decide alone.
mod reviews;
// Who has a case: one of many, for a quarter of an hour.
mod review_claims;
// Which cases are seen by whom, and what is noted on them and linked to them.
mod review_cases;
// Watching a decision until it is decided.
mod watching;
// An approval is bound to what was approved; one-time cards and guests.
mod approvals;
// The life of a one-time card, row by row; every step that its state forbids.
mod cards;
// What a card network is answered, and how much of the limit a card holds meanwhile.
mod cards_network;
// Who may do what with cards, and what is refused at the door.
mod cards_access;
// The same request again gets the same answer.
mod idempotency;
// Callers that hang up in the middle of a call.
mod cancelled_calls;
// What was decided before, and what must not matter, does not matter.
mod blind;
// Who is told what.
mod disclosure;
// Looking decisions up; who may make which call.
mod lists;
// Staff find decisions from what a customer can tell, and see how an account stands.
mod support_calls;
// A person who is erased.
mod erasure;
// What is counted, under which names and labels.
mod metrics;
// What staff have read is on record.
mod staff_reads;
// The shipped models: what they add to a decision, and who learns of it.
mod models;
// More of what speaks against a customer never helps, of what speaks for one never hurts.
mod monotone;
// What is wrong with a request is said of every field; nothing of it is stored or counted.
mod bad_input;
