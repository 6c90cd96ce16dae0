//! Signals about the merchant: how busy, and how often its purchases turned out to be misuse.

use super::{Fold, Party, Scope, Signal, Taught, Window};
use crate::domain::{Span, Type};

/// Misuse is known about a week after the purchase, so both counts end a week ago.
const LABEL_DELAY: Span = Span::days(7);

const fn purchases(name: &'static str, about: &'static str, length: Span) -> Signal {
    Signal {
        name,
        about,
        key: Party::Merchant,
        fold: Fold::Count(Scope::OwnHistory),
        window: Window::delayed(length, LABEL_DELAY),
        taught_by: Taught::Purchase,
        unit: "purchases",
        value_type: Type::Int,
    }
}

const fn misuse(name: &'static str, about: &'static str, length: Span) -> Signal {
    Signal { taught_by: Taught::Outcome, ..purchases(name, about, length) }
}

const fn share(name: &'static str, about: &'static str, length: Span) -> Signal {
    Signal {
        fold: Fold::Share,
        unit: "share",
        value_type: Type::Double,
        ..misuse(name, about, length)
    }
}

pub(super) const SIGNALS: [Signal; 10] = [
    Signal {
        fold: Fold::Count(Scope::WithRequest),
        window: Window::last(Span::hours(1)),
        taught_by: Taught::Attempt,
        unit: "attempts",
        ..purchases("merchant_attempts_1h", "attempts in the last hour", Span::hours(1))
    },
    purchases("merchant_purchases_1d", "purchases in the day a week ago", Span::days(1)),
    purchases("merchant_purchases_7d", "purchases in the 7 days until a week ago", Span::days(7)),
    purchases("merchant_purchases_30d", "purchases in 30 days until a week ago", Span::days(30)),
    misuse("merchant_misuse_1d", "misused purchases of the day a week ago", Span::days(1)),
    misuse("merchant_misuse_7d", "misused purchases of 7 days until a week ago", Span::days(7)),
    misuse("merchant_misuse_30d", "misused purchases of 30 days until a week ago", Span::days(30)),
    share("merchant_misuse_share_1d", "share misused of the day a week ago", Span::days(1)),
    share("merchant_misuse_share_7d", "share misused of 7 days until a week ago", Span::days(7)),
    share("merchant_misuse_share_30d", "share misused of 30 days until a week ago", Span::days(30)),
];
