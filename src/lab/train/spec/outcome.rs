//! The `[outcome]` table: what makes a decision of the ledger a positive row, and when it is told.

use serde::Deserialize;

use super::check::Check;
use super::file;
use crate::domain::Span;

/// The column that an outcome fills: 1 where it came, else 0.
pub const OUTCOME: &str = "outcome";
/// Ten years, as far as the ledger's own words on days reach.
const DAYS_MAX: i64 = 3_650;

/// What became of a decision, told after so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub kind: OutcomeKind,
    /// How long after the decision its events count; the row is mature then.
    pub within: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// Its misuse was confirmed, or its payment was charged back.
    Misuse,
    /// Something of its plan was due so long ago and not paid, or was written off.
    Late { at_least: Span },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Misuse,
    Late,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    kind: Kind,
    within_days: i64,
    days_late: Option<i64>,
}

impl File {
    pub fn outcome(&self) -> Result<Outcome, String> {
        let days = |key: &str, days: i64| match days {
            1..=DAYS_MAX => Ok(Span::days(days)),
            _ => Err(format!("{key}: expected 1 to {DAYS_MAX} days")),
        };
        let within = days("within_days", self.within_days)?;
        let kind = match (&self.kind, self.days_late) {
            (Kind::Misuse, None) => OutcomeKind::Misuse,
            (Kind::Misuse, Some(_)) => return Err("`days_late` belongs to kind late".to_owned()),
            (Kind::Late, None) => {
                return Err("an outcome of kind late needs `days_late`".to_owned());
            }
            (Kind::Late, Some(late)) => OutcomeKind::Late { at_least: days("days_late", late)? },
        };
        match kind {
            OutcomeKind::Late { at_least } if at_least >= within => {
                Err("within_days: expected more than days_late, or no row is ever late".to_owned())
            }
            _ => Ok(Outcome { kind, within }),
        }
    }
}

impl Check<'_> {
    /// An outcome makes the target: there is no other.
    pub(super) fn outcome(&mut self, file: &file::File) -> Option<Outcome> {
        let outcome = file.outcome.as_ref()?;
        if file.target.get_ref() != OUTCOME {
            let problem = format!("expected \"{OUTCOME}\", which [outcome] makes");
            self.fault(file.target.span(), problem);
        }
        let one = match file.positive.get_ref() {
            file::Scalar::Text(text) => text == "1",
            file::Scalar::Integer(number) => *number == 1,
        };
        if !one {
            self.fault(file.positive.span(), "expected 1: [outcome] makes 0 and 1");
        }
        match outcome.get_ref().outcome() {
            Ok(outcome) => Some(outcome),
            Err(problem) => {
                self.fault(outcome.span(), problem);
                None
            }
        }
    }
}
