//! Tests of the ledger, each on a file of its own.
