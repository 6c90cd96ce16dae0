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
    /// The part of it whose payments are told; see [`Owed::told`].
    pub payable: [i64; PERIODS],
    /// Minor units repaid of that part in each period.
    pub paid: [i64; PERIODS],
    /// Months of the longest delay that was seen in each period; see [`months_late`]. Missing where
    /// nothing was repaid and nothing was late: nobody has shown then how they pay.
    pub months_late: [Option<i64>; PERIODS],
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
    /// Of its plan, as in [`Owed`].
    pub told: bool,
}

/// A plan with something outstanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owed {
    pub started: Time,
    /// Minor units.
    pub outstanding: i64,
    /// Whether what is not told as paid is not paid. It is not so where the lender states what is
    /// left instead, nor where a plan is paused or disputed and nothing is to be paid.
    pub told: bool,
}

/// Months that `days` past due are: a week is no delay, the 30 days after it are one month.
pub fn months_late(days: i64) -> i64 {
    if days <= GRACE_DAYS { 0 } else { 1 + (days - GRACE_DAYS - 1) / PERIOD_DAYS }
}

/// Days that have begun since `due`.
fn days_past(due: Time, now: Time) -> i64 {
    let day = Span::days(1).as_micros();
    ((now - due).as_micros() + day - 1).div_euclid(day)
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
        for period in 0..PERIODS {
            let end = now - Span::days(PERIOD_DAYS * period as i64);
            let start = end - Span::days(PERIOD_DAYS);
            let still_owed = |counts: fn(bool) -> bool| -> i64 {
                let plans = owed.iter().filter(|plan| plan.started <= end && counts(plan.told));
                let since = |one: &&Repayment| one.started <= end && one.paid > end;
                let repaid = repayments.iter().filter(since).filter(|one| counts(one.told));
                let outstanding = plans.map(|plan| plan.outstanding);
                outstanding.chain(repaid.map(|one| one.amount)).sum()
            };
            record.balance[period] = still_owed(|_| true);
            record.payable[period] = still_owed(|told| told);
            let inside = || repayments.iter().filter(|one| one.paid > start && one.paid <= end);
            record.paid[period] = inside().filter(|one| one.told).map(|one| one.amount).sum();
            let delays = repayments.iter().filter(|one| one.paid > start && one.due < end);
            let days = delays.map(|one| days_past(one.due, one.paid.min(end)));
            let unpaid = oldest_due.map(|due| days_past(due, end));
            let late = months_late(days.chain(unpaid).max().unwrap_or(0));
            record.months_late[period] = (late > 0 || inside().next().is_some()).then_some(late);
        }
        record
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

    fn paid(due: i64, paid: i64) -> Repayment {
        let (due, paid) = (day(due), day(paid));
        Repayment { due, paid, amount: 100, started: day(0), told: true }
    }

    #[test]
    fn what_nobody_has_shown_is_missing_until_a_payment_or_a_delay_shows_it() {
        let owed = [Owed { started: day(195), outstanding: 500, told: true }];
        let at = |oldest_due| RepaymentRecord::at(day(200), &[], &owed, oldest_due);
        let record = at(None);
        assert_eq!(record.balance, [500, 0, 0, 0, 0, 0]);
        assert_eq!(record.months_late, [None; PERIODS]);
        // Not due yet, and due within the week that is no delay, show nothing.
        for due in [201, 200, 193] {
            assert_eq!(at(Some(day(due))), record, "{due}");
        }
        // A moment more is a delay.
        let late = at(Some(day(193) - Span::micros(1))).months_late;
        assert_eq!(late, [Some(1), None, None, None, None, None]);
    }

    #[test]
    fn balances_payments_and_delays_fall_into_their_periods() {
        // Three instalments of 100, due on days 30, 60 and 90; the second was paid 40 days late.
        let repayments = [paid(30, 30), paid(60, 100)];
        let owed = [Owed { started: day(0), outstanding: 100, told: true }];
        let record = RepaymentRecord::at(day(110), &repayments, &owed, Some(day(90)));
        // Periods end on days 110, 80, 50, 20 and before the first purchase.
        assert_eq!(record.balance, [100, 200, 200, 300, 0, 0]);
        assert_eq!(record.payable, record.balance);
        assert_eq!(record.paid, [100, 0, 100, 0, 0, 0]);
        // Day 110: 40 days when it was paid; day 80: 20 days by then.
        assert_eq!(record.months_late, [Some(2), Some(1), Some(0), None, None, None]);
    }

    #[test]
    fn plans_whose_payments_are_not_told_are_owed_but_not_payable() {
        let owed = [
            Owed { started: day(0), outstanding: 700, told: false },
            Owed { started: day(0), outstanding: 300, told: true },
        ];
        let repayments = [paid(150, 150), Repayment { told: false, ..paid(150, 150) }];
        let record = RepaymentRecord::at(day(160), &repayments, &owed, None);
        assert_eq!((record.balance[0], record.balance[1]), (1_000, 1_200));
        assert_eq!((record.payable[0], record.payable[1]), (300, 400));
        assert_eq!(record.paid[0], 100);
    }
}
