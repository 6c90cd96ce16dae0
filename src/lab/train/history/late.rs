//! How late a plan was: what falls due, held against what was told of it, in order of time.
//!
//! Repayments count towards the oldest instalments, as the ledger counts them. What the lender
//! says comes first: the due time of a repayment says how late it was, and the due time of a
//! plan_status overrides the instalments until the next repayment. A paused or disputed plan is
//! not late while it is.

use crate::domain::{EventKind, PlanState, Span, Time};
use crate::ledger::PlanPast;

/// When a plan is late, and until when that is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub horizon: Time,
    /// How long something must have been due.
    pub at_least: Span,
}

/// Whether the plan was late at any time up to the horizon. `None` when it is paused or disputed by
/// the last that is known of it: nobody can tell what becomes of it.
pub(super) fn late(plan: &PlanPast, line: Line) -> Option<bool> {
    let mut state = State::default();
    let mut late = false;
    let mut told = plan.told.iter().peekable();
    while let Some((time, kind)) = told.next_if(|(time, _)| *time <= line.horizon) {
        late |= state.late_by(plan, (*time, kind), line.at_least);
        state.learn(plan, *time, kind);
    }
    late |= state.oldest_due(plan).is_some_and(|due| line.horizon - due >= line.at_least);
    for (time, kind) in told {
        state.learn(plan, *time, kind);
    }
    (!state.paused && !state.disputed).then_some(late)
}

#[derive(Default)]
struct State {
    /// Towards the instalments, oldest first, in minor units.
    paid: i64,
    stated_due: Option<Time>,
    paused: bool,
    disputed: bool,
}

impl State {
    /// Whether what is told shows that the plan is late until then.
    fn late_by(&self, plan: &PlanPast, (time, kind): (Time, &EventKind), at_least: Span) -> bool {
        let late = |due: Time| time - due >= at_least;
        match kind {
            EventKind::PlanStatus { state: PlanState::Defaulted, .. } => true,
            // From here on it is not late, whatever it was before.
            EventKind::PlanStatus { state: PlanState::Paused, .. }
            | EventKind::Dispute { opened: true, .. }
            | EventKind::Chargeback { .. } => self.oldest_due(plan).is_some_and(late),
            _ if self.paused || self.disputed => false,
            EventKind::Repayment { due, .. } => late(*due),
            EventKind::PlanStatus { days_overdue, .. } => Span::days(*days_overdue) >= at_least,
            _ => false,
        }
    }

    fn learn(&mut self, plan: &PlanPast, time: Time, kind: &EventKind) {
        match kind {
            EventKind::Repayment { amount, .. } => {
                self.paid += amount.minor();
                self.stated_due = None;
            }
            EventKind::PlanStatus { outstanding, next_due, days_overdue, state, .. } => {
                let whole: i64 = plan.instalments.iter().map(|(_, amount)| amount).sum();
                self.paid = self.paid.max(whole - outstanding.minor());
                self.stated_due = match *days_overdue {
                    1.. => Some(time - Span::days(*days_overdue)),
                    _ => *next_due,
                };
                self.paused = *state == PlanState::Paused;
            }
            EventKind::Dispute { opened, .. } => self.disputed = *opened,
            EventKind::Chargeback { .. } => self.disputed = true,
            _ => {}
        }
    }

    /// Since when something is due and not paid; `None` when nothing is open, or nothing counts.
    fn oldest_due(&self, plan: &PlanPast) -> Option<Time> {
        let mut covered = self.paid;
        let open = plan.instalments.iter().find(|(_, amount)| {
            covered -= amount;
            covered < 0 && *amount > 0
        });
        let open = open.map(|(due, _)| *due).filter(|_| !self.paused && !self.disputed);
        open.map(|due| self.stated_due.unwrap_or(due))
    }
}
