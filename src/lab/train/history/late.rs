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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Currency, DecisionId, Money};

    /// Two instalments of 500, due on days 30 and 60; looked at until day 90, late from 14 days.
    const LINE: Line = Line { horizon: day(90), at_least: Span::days(14) };

    const fn day(number: i64) -> Time {
        Time::from_seconds(86_400 * number)
    }

    fn money(minor: i64) -> Money {
        Money::new(minor, Currency::parse("EUR").unwrap()).unwrap()
    }

    fn paid(amount: i64, (due, paid): (i64, i64)) -> (Time, EventKind) {
        let (due, time) = (day(due), day(paid));
        let amount = money(amount);
        (time, EventKind::Repayment { plan_id: String::new(), amount, due, paid: time })
    }

    fn stated(on: i64, outstanding: i64, days_overdue: i64, state: PlanState) -> (Time, EventKind) {
        let kind = EventKind::PlanStatus {
            plan_id: String::new(),
            outstanding: money(outstanding),
            next_due: None,
            days_overdue,
            state,
        };
        (day(on), kind)
    }

    fn extended(on: i64, outstanding: i64, next_due: i64) -> (Time, EventKind) {
        let (time, mut kind) = stated(on, outstanding, 0, PlanState::Current);
        if let EventKind::PlanStatus { next_due: due, .. } = &mut kind {
            *due = Some(day(next_due));
        }
        (time, kind)
    }

    fn dispute(on: i64, opened: bool) -> (Time, EventKind) {
        (day(on), EventKind::Dispute { decision: DecisionId(uuid::Uuid::nil()), opened })
    }

    fn asked(told: Vec<(Time, EventKind)>) -> Option<bool> {
        late(&PlanPast { instalments: vec![(day(30), 500), (day(60), 500)], told }, LINE)
    }

    #[test]
    fn a_repayment_is_late_by_its_own_due_time() {
        let rest = paid(500, (60, 60));
        for (on, expected) in [(29, false), (30, false), (43, false), (44, true), (45, true)] {
            assert_eq!(asked(vec![paid(500, (30, on)), rest.clone()]), Some(expected), "day {on}");
        }
        // Paid a moment too soon to be late.
        let (time, kind) = paid(500, (30, 44));
        let moment = (time - Span::micros(1), kind.clone());
        assert_eq!(asked(vec![moment, rest.clone()]), Some(false));
        // The lender moved the due time.
        assert_eq!(asked(vec![paid(500, (40, 45)), rest]), Some(false));
    }

    #[test]
    fn what_is_open_at_the_horizon_is_late_since_it_was_due() {
        let first = paid(500, (30, 30));
        assert_eq!(asked(vec![]), Some(true));
        assert_eq!(asked(vec![first.clone()]), Some(true), "the second is due since day 60");
        assert_eq!(asked(vec![first.clone(), paid(499, (60, 60))]), Some(true), "1 is open");
        assert_eq!(asked(vec![first.clone(), paid(500, (60, 90))]), Some(true), "30 days late");
        let at = |horizon| {
            let plan = PlanPast { instalments: vec![(day(30), 500), (day(60), 500)], told: vec![] };
            late(&plan, Line { horizon: day(horizon), ..LINE })
        };
        assert_eq!(
            [at(29), at(43), at(44), at(45)].map(Option::unwrap),
            [false, false, true, true]
        );
    }

    #[test]
    fn what_happened_after_the_horizon_is_not_seen() {
        let first = paid(500, (30, 30));
        assert_eq!(asked(vec![first.clone(), paid(500, (89, 89))]), Some(false));
        // Due just before the horizon, and paid long after it.
        let plan = |told| PlanPast { instalments: vec![(day(30), 500), (day(80), 500)], told };
        assert_eq!(late(&plan(vec![first.clone()]), LINE), Some(false));
        assert_eq!(late(&plan(vec![first.clone(), paid(500, (80, 120))]), LINE), Some(false));
        let off = stated(91, 500, 11, PlanState::Defaulted);
        assert_eq!(late(&plan(vec![first.clone(), off]), LINE), Some(false));
        let off = stated(90, 500, 10, PlanState::Defaulted);
        assert_eq!(late(&plan(vec![first, off]), LINE), Some(true));
    }

    #[test]
    fn the_lenders_word_comes_before_our_instalments() {
        assert_eq!(asked(vec![stated(50, 0, 0, PlanState::Closed)]), Some(false), "all is paid");
        assert_eq!(asked(vec![stated(40, 1_000, 13, PlanState::Overdue)]), Some(true), "and stays");
        let cured = |days| {
            let overdue = stated(40, 1_000, days, PlanState::Overdue);
            asked(vec![overdue, stated(41, 0, 0, PlanState::Closed)])
        };
        assert_eq!([cured(13), cured(14)], [Some(false), Some(true)]);
        assert_eq!(asked(vec![extended(40, 1_000, 80)]), Some(false), "due on day 80 only");
        assert_eq!(asked(vec![extended(40, 1_000, 76)]), Some(true));
        // A repayment spends the word; what is left of the first instalment is due since day 30.
        assert_eq!(asked(vec![extended(40, 1_000, 80), paid(1, (80, 80))]), Some(true));
    }

    #[test]
    fn what_is_paused_or_disputed_is_unknown_and_late_only_before() {
        let first = paid(500, (30, 30));
        let rest = paid(500, (60, 100));
        assert_eq!(asked(vec![dispute(31, true)]), None);
        assert_eq!(asked(vec![stated(31, 1_000, 0, PlanState::Paused)]), None);
        assert_eq!(asked(vec![dispute(95, true)]), None, "after the horizon as well");
        let paused = |on, until| {
            let pause = stated(on, 500, 0, PlanState::Paused);
            let resume = stated(until, 500, 0, PlanState::Current);
            asked(vec![first.clone(), pause, resume, rest.clone()])
        };
        assert_eq!(paused(61, 95), Some(false), "paused at the horizon");
        assert_eq!(paused(74, 95), Some(true), "late before it was paused");
        let disputed =
            |on, until| asked(vec![first.clone(), dispute(on, true), dispute(until, false)]);
        assert_eq!([disputed(61, 95), disputed(74, 95)], [Some(false), Some(true)]);
        assert_eq!(disputed(61, 70), Some(true), "the dispute is over, and nothing paid");
        let off = stated(70, 500, 0, PlanState::Defaulted);
        assert_eq!(asked(vec![first, dispute(61, true), off, dispute(95, false)]), Some(true));
    }

    #[test]
    fn what_was_refunded_is_not_owed() {
        let plan = PlanPast { instalments: vec![(day(30), 0), (day(60), 0)], told: vec![] };
        assert_eq!(late(&plan, LINE), Some(false));
        let plan = PlanPast {
            instalments: vec![(day(30), 500), (day(60), 0)],
            told: vec![paid(500, (30, 30))],
        };
        assert_eq!(late(&plan, LINE), Some(false));
    }
}
