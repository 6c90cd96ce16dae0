//! A training table of one's own past: facts as they were stored with each decision, and what came
//! of it as it was known at one moment.
//!
//! A row is an approval that was captured and whose outcome had time to come. Its features are read
//! from the stored facts alone, so nothing later than the decision is in them. Its outcome is made
//! of events that happened up to the horizon and were recorded up to `as_of`: the same `as_of`
//! tells the same of a row, whatever was recorded since.

mod fields;
mod late;

use std::collections::HashMap;
use std::io::Write;

use super::error::Error;
use super::spec::{Outcome, OutcomeKind, Spec};
use super::table::{Growing, Table};
use crate::domain::{DecisionId, Time};
use crate::ledger::{Captured, Past, Place};
use crate::policy::Policy;
use fields::Fields;
use late::{Line, late};

/// Decisions whose facts are in memory at once: some megabytes of JSON.
const BATCH: usize = 500;

/// What was no row, by the reason why; captured approvals all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Their outcome may still come.
    pub immature: u64,
    /// Of guests: no event tells what became of them.
    pub guests: u64,
    /// Paid at once, where the outcome is a late plan.
    pub without_plan: u64,
    /// The plan is paused or disputed.
    pub unclear: u64,
}

impl LeftOut {
    /// Words for each count that is not 0.
    pub fn words(&self) -> Vec<String> {
        let counts = [
            (self.immature, "not mature yet"),
            (self.guests, "of guests, whom no event is about"),
            (self.without_plan, "without a plan"),
            (self.unclear, "with a plan that is paused or disputed"),
        ];
        let some = counts.into_iter().filter(|(count, _)| *count > 0);
        some.map(|(count, why)| format!("{count} {why}")).collect()
    }
}

/// Reads the ledger at `path` into the table that `spec` asks for, as everything was known at
/// `as_of`, and writes it to `csv` with id and time of each row. `policy` has the amounts of its
/// markets by which a request is measured; they are no facts, and stand as they are now.
pub async fn table_of_ledger(
    spec: &Spec,
    policy: &Policy,
    (place, as_of): (&Place, Time),
    csv: &mut dyn Write,
) -> Result<(Table, LeftOut), Error> {
    let outcome = spec.outcome.ok_or_else(|| {
        Error::data("the spec has no [outcome]: nothing says which decisions of a ledger went bad")
    })?;
    let fields = Fields::new(spec, policy)?;
    let mut growing = Growing::new(&fields.header(), &spec.columns())?;
    let mut csv = csv::Writer::from_writer(csv);
    csv.write_record(&fields.header())?;

    let mut past = Past::open(place).await?;
    let mut left_out = LeftOut::default();
    let rows = rows(&mut past, (outcome, as_of), &mut left_out).await?;
    let mut outcomes = Outcomes::new(&mut past, outcome, as_of).await?;
    let mut written = 0;
    for batch in rows.chunks(BATCH) {
        let positive = outcomes.of(&mut past, batch, &mut left_out).await?;
        let ids: Vec<DecisionId> = positive.iter().map(|(id, _)| *id).collect();
        let decided = past.decided(&ids).await?;
        for (decided, (_, positive)) in decided.iter().zip(&positive) {
            let record = fields.record(decided, *positive)?;
            csv.write_record(&record)?;
            growing.push(&record)?;
            written += 1;
        }
    }
    csv.flush().map_err(csv::Error::from)?;
    if written == 0 {
        let words = match left_out.words() {
            none if none.is_empty() => "no approval was captured".to_owned(),
            some => format!("of captured approvals, {}", some.join(", ")),
        };
        return Err(Error::data(format!("the ledger has no row to train on: {words}")));
    }
    Ok((growing.table()?, left_out))
}

/// What may be a row, in order of time, then of id.
async fn rows(
    past: &mut Past,
    (outcome, as_of): (Outcome, Time),
    left_out: &mut LeftOut,
) -> Result<Vec<(DecisionId, Time)>, Error> {
    let mut rows = Vec::new();
    for Captured { id, created, guest } in past.captured(as_of).await? {
        match (guest, created + outcome.within > as_of) {
            (true, _) => left_out.guests += 1,
            (false, true) => left_out.immature += 1,
            (false, false) => rows.push((id, created)),
        }
    }
    Ok(rows)
}

/// Tells which decisions are positive.
struct Outcomes {
    outcome: Outcome,
    as_of: Time,
    misused: HashMap<DecisionId, Time>,
}

impl Outcomes {
    async fn new(past: &mut Past, outcome: Outcome, as_of: Time) -> Result<Outcomes, Error> {
        let misused = match outcome.kind {
            OutcomeKind::Misuse => past.misused(as_of).await?,
            OutcomeKind::Late { .. } => HashMap::new(),
        };
        Ok(Outcomes { outcome, as_of, misused })
    }

    /// Those of `batch` of which the outcome can be told, with it.
    async fn of(
        &mut self,
        past: &mut Past,
        batch: &[(DecisionId, Time)],
        left_out: &mut LeftOut,
    ) -> Result<Vec<(DecisionId, bool)>, Error> {
        let horizon = |created: Time| created + self.outcome.within;
        let OutcomeKind::Late { at_least } = self.outcome.kind else {
            let within = |first: &Time, created| *first <= horizon(created);
            let one = |(id, created): &(DecisionId, Time)| {
                (*id, self.misused.get(id).is_some_and(|first| within(first, *created)))
            };
            return Ok(batch.iter().map(one).collect());
        };
        let ids: Vec<DecisionId> = batch.iter().map(|(id, _)| *id).collect();
        let plans = past.plans(&ids, self.as_of).await?;
        let mut told = Vec::with_capacity(batch.len());
        for (id, created) in batch {
            let line = Line { horizon: horizon(*created), at_least };
            match plans.get(id).map(|plan| late(plan, line)) {
                None => left_out.without_plan += 1,
                Some(None) => left_out.unclear += 1,
                Some(Some(late)) => told.push((*id, late)),
            }
        }
        Ok(told)
    }
}
