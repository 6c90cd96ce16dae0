//! Decisions by what a customer can tell of them; the indexes are those of `0005_support.sql`.

use super::decision::stored;
use super::sql::Statement;
use super::{Error, Ledger};
use crate::domain::{DecisionId, DecisionRecord, MerchantId, Search, Time};

impl Ledger {
    /// Decisions that fit, newest first, after the last one of the page before.
    pub async fn search(
        &self,
        search: &Search,
        after: Option<(Time, DecisionId)>,
        limit: usize,
    ) -> Result<Vec<DecisionRecord>, Error> {
        let mut connection = self.searchers.acquire().await?;
        let rows = statement(search, after, limit).fetch_all(&mut connection).await?;
        rows.iter().map(stored).collect()
    }
}

fn statement(
    search: &Search,
    after: Option<(Time, DecisionId)>,
    limit: usize,
) -> Statement<'static> {
    let mut statement = Statement::new("");
    // The table that tells time and id: pages go on in its order.
    let table = match search {
        Search::Reason { .. } => "decision_codes",
        _ => "decisions",
    };
    match search {
        Search::Reference(reference) => {
            statement.push("SELECT * FROM decisions WHERE reference = ");
            statement.push_bind(reference.as_str().to_owned());
        }
        Search::Order { order_reference, merchant } => {
            statement.push("SELECT * FROM decisions WHERE order_reference = ");
            statement.push_bind(order_reference.clone());
            if let Some(merchant) = merchant {
                statement.push(" AND merchant = ").push_bind(merchant.as_str().to_owned());
            }
        }
        Search::Holder { holder, from, until } => {
            statement.push("SELECT * FROM decisions WHERE holder = ");
            statement.push_bind(holder.ledger_name());
            push_times(&mut statement, table, (*from, *until));
        }
        Search::Purchase { merchant, currency, amounts, times } => {
            push_merchant(&mut statement, merchant);
            statement.push(" AND amount BETWEEN ").push_bind(amounts.0);
            statement.push(" AND ").push_bind(amounts.1);
            statement.push(" AND currency = ").push_bind(currency.code());
            statement.push(" AND created BETWEEN ").push_bind(times.0.as_micros());
            statement.push(" AND ").push_bind(times.1.as_micros());
        }
        Search::Reason { code, from, until } => {
            statement.push(
                "SELECT decisions.* FROM decision_codes
                 JOIN decisions ON decisions.decision_id = decision_codes.decision_id
                 WHERE decision_codes.code = ",
            );
            statement.push_bind(i64::from(code.number()));
            push_times(&mut statement, table, (*from, *until));
        }
    }
    push_page(&mut statement, table, after);
    statement.push(" LIMIT ").push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
    statement
}

fn push_merchant(statement: &mut Statement<'static>, merchant: &MerchantId) {
    statement.push("SELECT * FROM decisions WHERE merchant = ");
    statement.push_bind(merchant.as_str().to_owned());
}

fn push_times(
    statement: &mut Statement<'static>,
    table: &str,
    (from, until): (Option<Time>, Option<Time>),
) {
    for (sign, time) in [(">=", from), ("<", until)] {
        if let Some(time) = time {
            statement.push(format_args!(" AND {table}.created {sign} "));
            statement.push_bind(time.as_micros());
        }
    }
}

fn push_page(statement: &mut Statement<'static>, table: &str, after: Option<(Time, DecisionId)>) {
    if let Some((created, id)) = after {
        statement.push(format_args!(" AND ({table}.created, {table}.decision_id) < ("));
        statement.push_bind(created.as_micros()).push(", ");
        statement.push_bind(id.to_string()).push(")");
    }
    statement.push(format_args!(" ORDER BY {table}.created DESC, {table}.decision_id DESC"));
}
