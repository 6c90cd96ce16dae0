//! Stored decisions, by id, by reference, and by what a list asks for.

use super::sql::{Connection, Row, Statement, query};
use super::{Error, Ledger};
use crate::domain::{
    DecisionId, DecisionRecord, Holder, MerchantId, Outcome, Progress, ReasonCode, Reference, Time,
};

/// What a list of decisions is narrowed to; an empty field narrows nothing.
#[derive(Clone, Debug, Default)]
pub struct ListFilter {
    pub caller: Option<String>,
    pub holder: Option<Holder>,
    pub merchant: Option<MerchantId>,
    pub order_reference: Option<String>,
    /// Outcomes as first answered; a pending decision that lapsed meanwhile is for the caller to
    /// judge.
    pub outcomes: Vec<Outcome>,
    /// Decisions that have one of these among their reasons.
    pub codes: Vec<ReasonCode>,
    /// First moment.
    pub from: Option<Time>,
    /// First moment after.
    pub until: Option<Time>,
    /// The last decision of the page before.
    pub after: Option<(Time, DecisionId)>,
    pub limit: u32,
}

impl Ledger {
    /// A decision with its progress.
    pub async fn decision(&self, id: DecisionId) -> Result<Option<DecisionRecord>, Error> {
        let mut connection = self.readers.acquire().await?;
        find(&mut connection, id).await
    }

    /// A decision by what a customer reads out.
    pub async fn decision_by_reference(
        &self,
        reference: Reference,
    ) -> Result<Option<DecisionRecord>, Error> {
        let mut connection = self.readers.acquire().await?;
        let row = query("SELECT * FROM decisions WHERE reference = $1")
            .bind(reference.as_str())
            .fetch_optional(&mut connection)
            .await?;
        row.as_ref().map(stored).transpose()
    }

    /// Decisions newest first.
    pub async fn list_decisions(&self, filter: &ListFilter) -> Result<Vec<DecisionRecord>, Error> {
        let mut connection = self.searchers.acquire().await?;
        let rows = list_query(filter).fetch_all(&mut connection).await?;
        rows.iter().map(stored).collect()
    }

    /// Hash of the basket that a decision was about; `None` when none was sent.
    pub async fn basket_hash(&self, id: DecisionId) -> Result<Option<[u8; 32]>, Error> {
        let mut connection = self.readers.acquire().await?;
        let row = query("SELECT basket FROM decisions WHERE decision_id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut connection)
            .await?;
        let hash: Option<Vec<u8>> = row.map(|row| row.try_get("basket")).transpose()?;
        Ok(hash.and_then(|hash| hash.try_into().ok()))
    }

    /// What `decide` saw, as JSON.
    pub async fn facts(&self, id: DecisionId) -> Result<Option<String>, Error> {
        let mut connection = self.readers.acquire().await?;
        query("SELECT facts FROM decisions WHERE decision_id = $1")
            .bind(id.to_string())
            .fetch_value(&mut connection)
            .await
    }
}

fn list_query(filter: &ListFilter) -> Statement<'_> {
    let mut statement = Statement::new("SELECT * FROM decisions WHERE 1 = 1");
    let texts = [
        ("caller", filter.caller.clone()),
        ("holder", filter.holder.as_ref().map(Holder::ledger_name)),
        ("merchant", filter.merchant.as_ref().map(|merchant| merchant.as_str().to_owned())),
        ("order_reference", filter.order_reference.clone()),
    ];
    for (column, text) in texts {
        if let Some(text) = text {
            statement.push(format_args!(" AND {column} = ")).push_bind(text);
        }
    }
    if !filter.outcomes.is_empty() {
        statement.push(" AND outcome IN ");
        statement.push_tuples(&filter.outcomes, |mut row, outcome| {
            row.push_bind(outcome.name());
        });
    }
    if !filter.codes.is_empty() {
        statement.push(" AND (1 = 0");
        for code in &filter.codes {
            statement.push(" OR codes LIKE ").push_bind(format!("% {code} %"));
        }
        statement.push(")");
    }
    for (bound, time) in [(" AND created >= ", filter.from), (" AND created < ", filter.until)] {
        if let Some(time) = time {
            statement.push(bound).push_bind(time.as_micros());
        }
    }
    if let Some((created, id)) = filter.after {
        statement.push(" AND (created, decision_id) < (").push_bind(created.as_micros());
        statement.push(", ").push_bind(id.to_string()).push(")");
    }
    statement.push(" ORDER BY created DESC, decision_id DESC LIMIT ");
    statement.push_bind(i64::from(filter.limit));
    statement
}

/// A decision with its progress, on a connection that may be inside a write.
pub(super) async fn find(
    connection: &mut Connection,
    id: DecisionId,
) -> Result<Option<DecisionRecord>, Error> {
    let row = query("SELECT * FROM decisions WHERE decision_id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(stored).transpose()
}

/// A decision that is about to change, its holder taken for the rest of the transaction.
pub(super) async fn taken(
    connection: &mut Connection,
    id: DecisionId,
) -> Result<Option<DecisionRecord>, Error> {
    let holder = query("SELECT holder FROM decisions WHERE decision_id = $1")
        .bind(id.to_string())
        .fetch_value::<String>(connection)
        .await?;
    let Some(holder) = holder else { return Ok(None) };
    connection.touch(&[&holder]).await?;
    find(connection, id).await
}

/// The record of a row of `decisions`, with what became of it since it was answered.
pub(super) fn stored(row: &Row) -> Result<DecisionRecord, Error> {
    let record: &str = row.try_get("record")?;
    let mut record: DecisionRecord = serde_json::from_str(record)?;
    let superseded_by: Option<String> = row.try_get("superseded_by")?;
    let canceled: Option<i64> = row.try_get("canceled")?;
    let authorized: Option<i64> = row.try_get("authorized")?;
    record.order_reference = row.try_get("order_reference")?;
    record.progress = Progress {
        canceled: canceled.map(Time::from_micros),
        superseded_by: superseded_by
            .map(|id| DecisionId::parse(&id))
            .transpose()
            .map_err(|_| Error::corrupt("a decision is superseded by what is no decision"))?,
        captured: row.try_get("captured")?,
        authorized: authorized.map(Time::from_micros),
    };
    Ok(record)
}

/// Reason codes between blanks, so that one is found by its name with blanks around it.
pub(super) fn codes(record: &DecisionRecord) -> String {
    let names = record.decision.reasons.iter().map(|reason| reason.code.name());
    names.fold(String::from(" "), |codes, name| codes + name + " ")
}
