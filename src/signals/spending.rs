//! Signals about what is usual for an account's purchases; the spending component combines them.

use super::{Fold, Party, Signal, SpendingPart, Taught, Window};
use crate::domain::{Span, Type};

/// How long an idle account keeps its habits; what is older than 90 days counts half already.
const KEPT: Span = Span::days(365);

/// The window of the rule on amounts above the usual (reason code 401).
const USUAL: Span = Span::days(180);

const fn part(
    name: &'static str,
    about: &'static str,
    unit: &'static str,
    part: SpendingPart,
) -> Signal {
    Signal {
        name,
        about,
        key: Party::Account,
        fold: Fold::Spending(part),
        window: Window::last(KEPT),
        taught_by: Taught::Purchase,
        unit,
        value_type: Type::Double,
    }
}

const fn percentile(name: &'static str, about: &'static str, percent: u8) -> Signal {
    Signal {
        fold: Fold::Percentile(percent),
        window: Window::last(USUAL),
        ..part(name, about, "minor units", SpendingPart::Level)
    }
}

pub(super) const SIGNALS: [Signal; 12] = [
    part(
        "spending_weight",
        "own purchases, each counting half after 90 days",
        "purchases",
        SpendingPart::Weight,
    ),
    part(
        "spending_level",
        "usual amount: mean logarithm, drawn to the market's while purchases are few",
        "ln major units",
        SpendingPart::Level,
    ),
    part(
        "spending_spread",
        "how far the logarithm of the next amount usually lies from the level",
        "ln major units",
        SpendingPart::Spread,
    ),
    Signal {
        window: Window::last(Span::days(3)),
        ..part(
            "spending_recent_excess",
            "how far the purchases of three days were above what is rare, together",
            "nats",
            SpendingPart::RecentExcess,
        )
    },
    Signal {
        window: Window::last(Span::days(3)),
        value_type: Type::Int,
        ..part(
            "spending_recent_count",
            "own purchases of three days, 32 at most",
            "purchases",
            SpendingPart::RecentCount,
        )
    },
    Signal {
        window: Window::last(Span::hours(24)),
        value_type: Type::Int,
        ..part(
            "spending_day_count",
            "own purchases of 24 hours, 32 at most",
            "purchases",
            SpendingPart::DayCount,
        )
    },
    part(
        "spending_rate",
        "usual purchases a day, drawn to one a day while the history is short",
        "purchases a day",
        SpendingPart::Rate,
    ),
    part(
        "spending_hour_tail",
        "share of own purchases at hours as rare as this or rarer",
        "share",
        SpendingPart::HourTail,
    ),
    part(
        "spending_category_tail",
        "share of own purchases in shop types as rare as this or rarer",
        "share",
        SpendingPart::CategoryTail,
    ),
    part(
        "spending_merchant_tail",
        "1 for a merchant used before, else the usual share of purchases at new merchants",
        "share",
        SpendingPart::MerchantTail,
    ),
    percentile("spending_median_minor", "median of own purchases in 180 days", 50),
    percentile("spending_p95_minor", "95th percentile of own purchases in 180 days", 95),
];
