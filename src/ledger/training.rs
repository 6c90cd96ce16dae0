//! Decisions that became purchases, with what was told of them since, for training: read beside a
//! service that has the ledger open, all of it as of one moment of the file.

use std::collections::HashMap;

use tokio_stream::StreamExt;

use super::sql::{Connection, Row, Statement, query};
use super::{Error, Place};
use crate::domain::{DecisionId, EventKind, Holder, Outcome, Time};

/// Finished purchases and their aftermath; reads only.
#[derive(Debug)]
pub struct Past {
    connection: Connection,
}

/// An approval of which something was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured {
    pub id: DecisionId,
    pub created: Time,
    /// Nobody tells what becomes of a guest's purchase: events are of accounts.
    pub guest: bool,
}

/// What was known when it was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    pub id: DecisionId,
    pub created: Time,
    /// [`Holder::ledger_name`].
    pub holder: String,
    /// What `decide` saw, as JSON.
    pub facts: String,
}

/// The plan of a purchase on credit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanPast {
    /// When how much falls due, refunds taken off.
    pub instalments: Vec<(Time, i64)>,
    /// Repayments by when they were paid, plan_status, disputes and chargebacks; in order of time.
    pub told: Vec<(Time, EventKind)>,
}

impl Past {
    /// Opens a ledger that is there already, in use or not. All that is read is one snapshot.
    pub async fn open(place: &Place) -> Result<Past, Error> {
        let mut connection = place.beside().await?;
        connection.run(connection.engine().begin_snapshot()).await?;
        // The first statement in the transaction takes the snapshot.
        query(
            "SELECT decisions.facts, events.recorded, instalments.due
             FROM decisions, events, instalments LIMIT 0",
        )
        .execute(&mut connection)
        .await
        .map_err(|error| place.unavailable("cannot be read as one", &error))?;
        Ok(Past { connection })
    }

    /// Captured approvals up to `as_of`, in order of time, then of id. What was replaced by a later
    /// assessment was never captured itself.
    pub async fn captured(&mut self, as_of: Time) -> Result<Vec<Captured>, Error> {
        let mut rows = query(
            "SELECT decision_id, holder, created FROM decisions
             WHERE outcome = $1 AND captured > 0 AND created <= $2
             ORDER BY created, decision_id",
        )
        .bind(Outcome::Approved.name())
        .bind(as_of.as_micros())
        .fetch(&mut self.connection);
        let mut captured = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let holder = Holder::from_ledger_name(row.try_get("holder")?);
            captured.push(Captured {
                id: id_of(&row)?,
                created: Time::from_micros(row.try_get("created")?),
                guest: matches!(holder, Some(Holder::Guest(_))),
            });
        }
        Ok(captured)
    }

    /// The facts of so many decisions, in the order in which they are asked for.
    pub async fn decided(&mut self, ids: &[DecisionId]) -> Result<Vec<Decided>, Error> {
        let mut statement = Statement::new(
            "SELECT decision_id, holder, created, facts FROM decisions WHERE decision_id IN ",
        );
        push_ids(&mut statement, ids);
        let mut found = HashMap::with_capacity(ids.len());
        let mut rows = statement.fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            let id = id_of(&row)?;
            let decided = Decided {
                id,
                created: Time::from_micros(row.try_get("created")?),
                holder: row.try_get("holder")?,
                facts: row.try_get("facts")?,
            };
            found.insert(id, decided);
        }
        let missing = || Error::corrupt("a decision is there and not there");
        ids.iter().map(|id| found.remove(id).ok_or_else(missing)).collect()
    }

    /// Decisions of confirmed misuse or with a chargeback, by what was recorded until `as_of`, and
    /// when that came first. Events that name a decision which a later one replaced are of that.
    pub async fn misused(&mut self, as_of: Time) -> Result<HashMap<DecisionId, Time>, Error> {
        let mut told = Vec::new();
        let mut rows = query(
            "SELECT time, payload FROM events
             WHERE kind IN ('confirmed_misuse', 'chargeback') AND recorded <= $1",
        )
        .bind(as_of.as_micros())
        .fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            match serde_json::from_str(row.try_get("payload")?)? {
                EventKind::ConfirmedMisuse { decision, .. }
                | EventKind::Chargeback { decision, .. } => {
                    told.push((decision, Time::from_micros(row.try_get("time")?)));
                }
                _ => return Err(Error::corrupt("an event is not what its kind says")),
            }
        }
        drop(rows);
        let mut misused = HashMap::with_capacity(told.len());
        for (decision, time) in told {
            let last = self.last(decision).await?;
            let first = misused.entry(last).or_insert(time);
            *first = time.min(*first);
        }
        Ok(misused)
    }

    /// The decision that stands at the end of those which replaced one another.
    async fn last(&mut self, decision: DecisionId) -> Result<DecisionId, Error> {
        let mut last = decision;
        loop {
            let next: Option<Option<String>> =
                query("SELECT superseded_by FROM decisions WHERE decision_id = $1")
                    .bind(last.to_string())
                    .fetch_value(&mut self.connection)
                    .await?;
            match next.flatten() {
                Some(next) => last = parsed(&next)?,
                None => return Ok(last),
            }
        }
    }

    /// Plans of those decisions that have one, with what was recorded of them until `as_of`.
    pub async fn plans(
        &mut self,
        ids: &[DecisionId],
        as_of: Time,
    ) -> Result<HashMap<DecisionId, PlanPast>, Error> {
        let mut statement = Statement::new(
            "SELECT decisions.decision_id, instalments.due, instalments.amount
             FROM decisions JOIN instalments ON instalments.holder = decisions.holder
                AND instalments.plan_id = decisions.decision_id
             WHERE decisions.decision_id IN ",
        );
        push_ids(&mut statement, ids);
        statement.push(" ORDER BY instalments.due, instalments.number");
        let mut plans: HashMap<DecisionId, PlanPast> = HashMap::new();
        let mut rows = statement.fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            let instalment = (Time::from_micros(row.try_get("due")?), row.try_get("amount")?);
            plans.entry(id_of(&row)?).or_default().instalments.push(instalment);
        }
        drop(rows);
        self.tell(ids, as_of, &mut plans).await?;
        Ok(plans)
    }

    async fn tell(
        &mut self,
        ids: &[DecisionId],
        as_of: Time,
        plans: &mut HashMap<DecisionId, PlanPast>,
    ) -> Result<(), Error> {
        // The plan is named in the payload alone: most events of the holder are sorted out before
        // they are parsed.
        let mut statement = Statement::new(
            "SELECT decisions.decision_id, events.time, events.payload
             FROM decisions JOIN events ON events.account_id = decisions.holder
                AND events.kind IN ('repayment', 'plan_status', 'dispute', 'chargeback')
             WHERE events.payload LIKE '%' || decisions.decision_id || '%' AND events.recorded <= ",
        );
        statement.push_bind(as_of.as_micros()).push(" AND decisions.decision_id IN ");
        push_ids(&mut statement, ids);
        statement.push(" ORDER BY events.time, events.event_id");
        let mut rows = statement.fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            let id = id_of(&row)?;
            let kind: EventKind = serde_json::from_str(row.try_get("payload")?)?;
            let time = Time::from_micros(row.try_get("time")?);
            if let (Some(time), Some(plan)) = (about(&kind, id, time), plans.get_mut(&id)) {
                plan.told.push((time, kind));
            }
        }
        for plan in plans.values_mut() {
            plan.told.sort_by_key(|(time, _)| *time);
        }
        Ok(())
    }
}

/// When it happened, if it is about this very plan.
fn about(kind: &EventKind, plan: DecisionId, time: Time) -> Option<Time> {
    let named = |id: &str| id == plan.to_string();
    match kind {
        EventKind::Repayment { plan_id, paid, .. } => named(plan_id).then_some(*paid),
        EventKind::PlanStatus { plan_id, .. } => named(plan_id).then_some(time),
        EventKind::Dispute { decision, .. } | EventKind::Chargeback { decision, .. } => {
            (*decision == plan).then_some(time)
        }
        _ => None,
    }
}

fn push_ids(statement: &mut Statement<'_>, ids: &[DecisionId]) {
    statement.push_tuples(ids, |mut row, id| {
        row.push_bind(id.to_string());
    });
}

fn id_of(row: &Row) -> Result<DecisionId, Error> {
    parsed(row.try_get("decision_id")?)
}

fn parsed(id: &str) -> Result<DecisionId, Error> {
    DecisionId::parse(id).map_err(|_| Error::corrupt("a decision has an id that is none"))
}
