//! Signals about the device: how fast it is used, by how many, and since when.

use super::{Fold, Member, Party, Scope, Signal, Taught, Window};
use crate::domain::{Span, Type};

/// How long an idle device keeps its age.
const AGE_KEPT: Span = Span::days(365);

const fn attempt(name: &'static str, about: &'static str, length: Span) -> Signal {
    Signal {
        name,
        about,
        key: Party::Device,
        fold: Fold::Count(Scope::WithRequest),
        window: Window::last(length),
        taught_by: Taught::Attempt,
        unit: "attempts",
        value_type: Type::Int,
    }
}

const fn distinct(name: &'static str, about: &'static str, member: Member, window: Span) -> Signal {
    Signal { fold: Fold::Distinct(member), unit: "different ones", ..attempt(name, about, window) }
}

pub(super) const SIGNALS: [Signal; 7] = [
    attempt("device_attempts_1m", "attempts from this device in a minute", Span::minutes(1)),
    attempt("device_attempts_10m", "attempts from this device in 10 minutes", Span::minutes(10)),
    attempt("device_attempts_1h", "attempts from this device in an hour", Span::hours(1)),
    distinct(
        "device_accounts_24h",
        "different accounts on this device in 24 hours",
        Member::Account,
        Span::hours(24),
    ),
    distinct(
        "device_accounts_30d",
        "different accounts on this device in 30 days",
        Member::Account,
        Span::days(30),
    ),
    distinct(
        "device_instruments_24h",
        "different payment instruments tried on this device in 24 hours",
        Member::Instrument,
        Span::hours(24),
    ),
    Signal {
        fold: Fold::FirstSeen,
        unit: "hours",
        value_type: Type::Double,
        ..attempt("device_age_hours", "hours since this device was first seen", AGE_KEPT)
    },
];
