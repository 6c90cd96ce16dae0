//! Statements that run on either engine: one text, values of three kinds, rows read by name.
//!
//! sqlx types its pools, connections, statements and rows by engine. Here each of them is an enum
//! of the two, so that everything above has one text and knows no engine but in the commit.

mod connection;
mod row;
mod statement;
mod value;

pub(super) use connection::{Connection, Engine, Pool};
pub(super) use row::{Column, Row};
pub(super) use statement::{Statement, query};
use value::Value;
