//! Signals about what a request came over and was paid with: network, instrument, contact.

use super::{Fold, Member, Party, Scope, Signal, Taught, Window};
use crate::domain::{Span, Type};

const fn attempt(party: Party, name: &'static str, about: &'static str, length: Span) -> Signal {
    Signal {
        name,
        about,
        key: party,
        fold: Fold::Count(Scope::WithRequest),
        window: Window::last(length),
        taught_by: Taught::Attempt,
        unit: "attempts",
        value_type: Type::Int,
    }
}

const fn accounts(party: Party, name: &'static str, about: &'static str, length: Span) -> Signal {
    Signal {
        fold: Fold::Distinct(Member::Account),
        unit: "accounts",
        ..attempt(party, name, about, length)
    }
}

pub(super) const SIGNALS: [Signal; 6] = [
    attempt(
        Party::Network,
        "network_attempts_1m",
        "attempts from this network in the last minute",
        Span::minutes(1),
    ),
    attempt(
        Party::Network,
        "network_attempts_1h",
        "attempts from this network in the last hour",
        Span::hours(1),
    ),
    accounts(
        Party::Network,
        "network_accounts_1h",
        "different accounts on this network in the last hour; 64 says 64 or more",
        Span::hours(1),
    ),
    attempt(
        Party::Instrument,
        "instrument_attempts_10m",
        "attempts with this payment instrument in 10 minutes",
        Span::minutes(10),
    ),
    accounts(
        Party::Instrument,
        "instrument_accounts_30d",
        "different accounts with this payment instrument in 30 days",
        Span::days(30),
    ),
    accounts(
        Party::Contact,
        "contact_accounts_90d",
        "different accounts with this email or phone in 90 days, the larger of the two",
        Span::days(90),
    ),
];
