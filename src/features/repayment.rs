//! What a repayment record says in ratios and counts: the same for a ledger's and a data file's.
//!
//! No currency amounts and no personal traits: only how much of a limit was used, how much of what
//! was owed was paid back, and how late. More of each speaks against an account, but for the shares
//! that were paid, of which less does.

use crate::domain::{PERIODS, RepaymentRecord};

/// Nobody is better for having paid back more than twice what was owed.
const PAID_SHARE_MAX: f64 = 2.0;

/// A record as numbers, the newest period first. Amounts are in any one unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RepaymentNumbers {
    pub limit: Option<f64>,
    pub balance: [Option<f64>; PERIODS],
    /// The part of the balance whose payments `paid` has.
    pub payable: [Option<f64>; PERIODS],
    pub paid: [Option<f64>; PERIODS],
    pub months_late: [Option<f64>; PERIODS],
}

impl RepaymentNumbers {
    pub fn of(limit: Option<i64>, record: &RepaymentRecord) -> RepaymentNumbers {
        let number = |value: i64| Some(value as f64);
        RepaymentNumbers {
            limit: limit.and_then(number),
            balance: record.balance.map(number),
            payable: record.payable.map(number),
            paid: record.paid.map(number),
            months_late: record.months_late.map(|late| late.and_then(number)),
        }
    }

    /// Share of the limit in use at the end of a period.
    fn use_of(&self, period: usize) -> Option<f64> {
        let limit = self.limit.filter(|limit| *limit > 0.0)?;
        Some(self.balance[period]? / limit)
    }

    /// Share of what was owed at a period's begin that was paid back in it.
    fn paid_of(&self, period: usize) -> Option<f64> {
        let owed = self.payable.get(period + 1).copied().flatten()?;
        let share = (owed > 0.0).then_some(self.paid[period]? / owed)?;
        Some(share.clamp(0.0, PAID_SHARE_MAX))
    }

    fn delays(&self) -> impl Iterator<Item = f64> + '_ {
        // Below one month are codes of those who are not late.
        self.months_late.iter().flatten().map(|months| months.max(0.0))
    }
}

/// One number that a record comes to.
#[derive(Clone, Copy)]
pub struct Characteristic {
    pub name: &'static str,
    pub unit: &'static str,
    pub about: &'static str,
    /// `None` is missing.
    pub of: fn(&RepaymentNumbers) -> Option<f64>,
}

pub const CHARACTERISTICS: [Characteristic; 9] = [
    Characteristic {
        name: "account.limit_use",
        unit: "ratio",
        about: "share of the limit that is outstanding",
        of: |record| record.use_of(0),
    },
    Characteristic {
        name: "account.limit_use_mean",
        unit: "ratio",
        about: "share of the limit outstanding, mean of six periods of 30 days",
        of: |record| mean((0..PERIODS).filter_map(|period| record.use_of(period))),
    },
    Characteristic {
        name: "account.limit_use_trend",
        unit: "ratio",
        about: "change of that share a period, by least squares over the six",
        of: trend,
    },
    Characteristic {
        name: "account.months_late",
        unit: "months",
        about: "longest delay of a payment in the last 30 days",
        of: |record| record.months_late[0].map(|months| months.max(0.0)),
    },
    Characteristic {
        name: "account.months_late_before",
        unit: "months",
        about: "longest delay of a payment in the 30 days before those",
        of: |record| record.months_late[1].map(|months| months.max(0.0)),
    },
    Characteristic {
        name: "account.months_late_worst",
        unit: "months",
        about: "longest delay of a payment in six periods of 30 days",
        of: |record| record.delays().reduce(f64::max),
    },
    Characteristic {
        name: "account.periods_late",
        unit: "",
        about: "how many of the six periods had a payment late",
        of: |record| record.delays().map(|months| f64::from(months >= 1.0)).reduce(|a, b| a + b),
    },
    Characteristic {
        name: "account.paid_share",
        unit: "ratio",
        about: "paid back in the last 30 days of what was owed before, at most 2",
        of: |record| record.paid_of(0),
    },
    Characteristic {
        name: "account.paid_share_mean",
        unit: "ratio",
        about: "the same, mean of the five periods that have one before them",
        of: |record| mean((0..PERIODS).filter_map(|period| record.paid_of(period))),
    },
];

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then_some(sum / count)
}

/// Slope of the least squares line through the shares in use, a period from old to new.
fn trend(record: &RepaymentNumbers) -> Option<f64> {
    let points = || {
        let place = |period: usize| (PERIODS - 1 - period) as f64;
        (0..PERIODS).filter_map(move |period| Some((place(period), record.use_of(period)?)))
    };
    let (x, y) = (mean(points().map(|(x, _)| x))?, mean(points().map(|(_, y)| y))?);
    let spread: f64 = points().map(|(at, _)| (at - x) * (at - x)).sum();
    let together: f64 = points().map(|(at, share)| (at - x) * (share - y)).sum();
    (spread > 0.0).then_some(together / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, record: &RepaymentNumbers) -> Option<f64> {
        (CHARACTERISTICS.iter().find(|one| one.name == name).unwrap().of)(record)
    }

    #[test]
    fn ratios_and_counts_of_a_record() {
        let record = RepaymentNumbers::of(
            Some(1_000),
            &RepaymentRecord {
                balance: [600, 500, 400, 300, 200, 100],
                payable: [600, 500, 400, 300, 200, 100],
                paid: [50, 0, 900, 10, 10, 10],
                months_late: [Some(0), Some(2), Some(1), None, Some(0), None],
            },
        );
        let near = |name, expected: f64| {
            let told = of(name, &record).unwrap();
            assert!((told - expected).abs() < 1e-12, "{name}: {told}");
        };
        near("account.limit_use", 0.6);
        near("account.limit_use_mean", 0.35);
        near("account.limit_use_trend", 0.1);
        near("account.months_late", 0.0);
        near("account.months_late_before", 2.0);
        near("account.months_late_worst", 2.0);
        near("account.periods_late", 2.0);
        near("account.paid_share", 0.1);
        // 0.1, 0, 2 (cut), 0.05, 0.1
        near("account.paid_share_mean", 0.45);
    }

    #[test]
    fn what_is_not_known_is_missing_and_not_zero() {
        let nothing = RepaymentNumbers::default();
        assert!(CHARACTERISTICS.iter().all(|one| (one.of)(&nothing).is_none()));
        // A new account with a limit uses nothing of it; it was never late nor in time.
        let new = RepaymentNumbers::of(Some(1_000), &RepaymentRecord::default());
        assert_eq!(of("account.limit_use", &new), Some(0.0));
        for name in ["account.months_late", "account.periods_late", "account.paid_share"] {
            assert_eq!(of(name, &new), None, "{name}");
        }
        let no_limit = RepaymentNumbers::of(Some(0), &RepaymentRecord::default());
        assert_eq!(of("account.limit_use", &no_limit), None);
    }

    #[test]
    fn codes_below_one_month_are_not_late() {
        let record = RepaymentNumbers {
            months_late: [Some(-2.0), Some(-1.0), Some(0.0), Some(0.0), Some(0.0), Some(3.0)],
            ..RepaymentNumbers::default()
        };
        assert_eq!(of("account.months_late", &record), Some(0.0));
        assert_eq!(of("account.months_late_worst", &record), Some(3.0));
        assert_eq!(of("account.periods_late", &record), Some(1.0));
    }
}
