//! The one chain of a file: its links are written with the decisions, in one transaction.

use crate::ledger::Error;
use crate::ledger::assess::Prepared;
use crate::ledger::chain::{Head, link};
use crate::ledger::sql::{Connection, Statement};

/// A file has one writer, whoever that is at the time, and so one chain.
const ONLY: i64 = 1;

/// The chain as the transaction under way leaves it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain(Head);

impl Chain {
    pub async fn open(connection: &mut Connection) -> Result<Chain, Error> {
        Ok(Chain(Head::open(connection, ONLY).await?))
    }

    /// Adds a link for each of `group`, and the new head, to a statement.
    pub fn push_links<'g>(&mut self, statement: &mut Statement<'g>, group: &[&'g Prepared]) {
        let Chain(head) = self;
        statement.push("; INSERT INTO links (chain, link, decision_id, hash) ");
        statement.push_values(group, |mut row, prepared| {
            head.link += 1;
            head.hash = link(&head.hash, &prepared.digest);
            row.push_bind(head.chain)
                .push_bind(head.link)
                .push_bind(prepared.commit.record.id.to_string())
                .push_bind(head.hash.to_vec());
        });
        statement.push("; UPDATE chains SET head = ").push_bind(head.link);
        statement.push(", head_hash = ").push_bind(head.hash.to_vec());
        statement.push(" WHERE chain = ").push_bind(head.chain);
    }
}
