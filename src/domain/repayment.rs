//! How an account has used and repaid its credit with us, in six periods of thirty days.

use serde::{Deserialize, Serialize};

use super::{Span, Time};

/// Periods of a record.
pub const PERIODS: usize = 6;
/// Days of a period, and of a month of delay.
pub const PERIOD_DAYS: i64 = 30;
/// A payment so late is a payment in time.
const GRACE_DAYS: i64 = 7;

/// The record up to the moment of a decision, the newest period first. Before its first purchase
/// an account owed nothing and paid nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepaymentRecord {
    /// Minor units outstanding at the end of each period. What was refunded or restated since
    /// counts as never owed.
    pub balance: [i64; PERIODS],
    /// Minor units repaid in each period.
    pub paid: [i64; PERIODS],
    /// Months of the longest delay that was seen in each period; see [`months_late`]. Missing when
    /// nothing was repaid in any of them and nothing is due.
    pub months_late: Option<[i64; PERIODS]>,
}

/// A repayment of an instalment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repayment {
    pub due: Time,
    pub paid: Time,
    /// Minor units.
    pub amount: i64,
    /// When its plan began.
    pub started: Time,
}

/// A plan with something outstanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owed {
    pub started: Time,
    /// Minor units.
    pub outstanding: i64,
}

/// Months that `days` past due are: a week is no delay, the 30 days after it are one month.
pub fn months_late(days: i64) -> i64 {
    if days <= GRACE_DAYS { 0 } else { 1 + (days - GRACE_DAYS - 1) / PERIOD_DAYS }
}

impl RepaymentRecord {
    /// The record at `now`, from every repayment of the last six periods, all that is owed, and
    /// the due date of the oldest instalment that is not paid.
    pub fn at(
        now: Time,
        repayments: &[Repayment],
        owed: &[Owed],
        oldest_due: Option<Time>,
    ) -> RepaymentRecord {
        let mut record = RepaymentRecord::default();
        let mut late = [0; PERIODS];
        for (period, late) in late.iter_mut().enumerate() {
            let end = now - Span::days(PERIOD_DAYS * period as i64);
            let start = end - Span::days(PERIOD_DAYS);
            let there = owed.iter().filter(|plan| plan.started <= end);
            let still_owed: i64 = there.map(|plan| plan.outstanding).sum();
            let repaid_later = repayments.iter().filter(|one| one.started <= end && one.paid > end);
            record.balance[period] = still_owed + repaid_later.map(|one| one.amount).sum::<i64>();
            let inside = repayments.iter().filter(|one| one.paid > start && one.paid <= end);
            record.paid[period] = inside.map(|one| one.amount).sum();
            let delays = repayments.iter().filter(|one| one.paid > start && one.due < end);
            let days = delays.map(|one| (one.paid.min(end) - one.due).as_days());
            let unpaid = oldest_due.map(|due| (end - due).as_days());
            *late = months_late(days.chain(unpaid).max().unwrap_or(0));
        }
        let told = !repayments.is_empty() || oldest_due.is_some_and(|due| due <= now);
        RepaymentRecord { months_late: told.then_some(late), ..record }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Time {
        Time::EPOCH + Span::days(day)
    }

    #[test]
    fn a_week_is_no_delay_and_then_every_thirty_days_are_a_month() {
        let days = [-3, 0, 7, 8, 37, 38, 67, 68];
        assert_eq!(days.map(months_late), [0, 0, 0, 1, 1, 2, 2, 3]);
    }

    #[test]
    fn a_record_without_anything_due_tells_nothing_of_delays() {
        let owed = [Owed { started: day(195), outstanding: 500 }];
        let record = RepaymentRecord::at(day(200), &[], &owed, None);
        assert_eq!(record.balance, [500, 0, 0, 0, 0, 0]);
        assert_eq!(record.months_late, None);
        // Not due yet is as if nothing were due.
        assert_eq!(RepaymentRecord::at(day(200), &[], &owed, Some(day(201))), record);
        let due_now = RepaymentRecord::at(day(200), &[], &owed, Some(day(200)));
        assert_eq!(due_now.months_late, Some([0; PERIODS]));
    }

    #[test]
    fn balances_payments_and_delays_fall_into_their_periods() {
        // Three instalments of 100, due on days 30, 60 and 90; the second was paid 40 days late.
        let paid =
            |due, paid| Repayment { due: day(due), paid: day(paid), amount: 100, started: day(0) };
        let repayments = [paid(30, 30), paid(60, 100)];
        let owed = [Owed { started: day(0), outstanding: 100 }];
        let record = RepaymentRecord::at(day(110), &repayments, &owed, Some(day(90)));
        // Periods end on days 110, 80, 50, 20 and before the first purchase.
        assert_eq!(record.balance, [100, 200, 200, 300, 0, 0]);
        assert_eq!(record.paid, [100, 0, 100, 0, 0, 0]);
        // Day 110: 40 days when it was paid; day 80: 20 days by then.
        assert_eq!(record.months_late, Some([2, 1, 0, 0, 0, 0]));
    }
}
