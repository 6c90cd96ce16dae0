//! Signals about the account: how fast, how much, and what is known of its owner.

use super::{Fold, Member, Party, Scope, Signal, Taught, Window};
use crate::domain::{Span, Type};

/// How long a device, region or address stays known without being used (reason codes 501, 604).
const KNOWN: Span = Span::days(180);

/// How long an account stays remembered for when and where it was last seen.
const SEEN: Span = Span::days(365);

const fn attempt(name: &'static str, about: &'static str, length: Span) -> Signal {
    Signal {
        name,
        about,
        key: Party::Account,
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

const fn purchases(name: &'static str, about: &'static str, length: Span) -> Signal {
    Signal { taught_by: Taught::Purchase, unit: "purchases", ..attempt(name, about, length) }
}

const fn mean(name: &'static str, about: &'static str, length: Span) -> Signal {
    Signal {
        fold: Fold::Mean(Scope::WithRequest),
        unit: "minor units",
        value_type: Type::Double,
        ..purchases(name, about, length)
    }
}

const fn known_count(name: &'static str, about: &'static str, member: Member) -> Signal {
    Signal { taught_by: Taught::Purchase, ..distinct(name, about, member, KNOWN) }
}

const fn known(name: &'static str, about: &'static str, member: Member) -> Signal {
    Signal {
        fold: Fold::Known(member),
        unit: "",
        value_type: Type::Bool,
        ..known_count(name, about, member)
    }
}

pub(super) const SIGNALS: [Signal; 24] = [
    attempt("account_attempts_1m", "attempts in the last minute", Span::minutes(1)),
    attempt("account_attempts_10m", "attempts in the last 10 minutes", Span::minutes(10)),
    attempt("account_attempts_1h", "attempts in the last hour", Span::hours(1)),
    attempt("account_attempts_24h", "attempts in the last 24 hours", Span::hours(24)),
    Signal {
        fold: Fold::Sum(Scope::WithRequest),
        unit: "minor units",
        ..attempt("account_amount_24h", "amount attempted in the last 24 hours", Span::hours(24))
    },
    distinct(
        "account_networks_30m",
        "different networks used in the last 30 minutes",
        Member::Network,
        Span::minutes(30),
    ),
    distinct(
        "account_networks_1h",
        "different networks used in the last hour; IPv6 by /48, IPv4 by /24, carriers as one",
        Member::Network,
        Span::hours(1),
    ),
    distinct(
        "account_devices_24h",
        "different devices used in the last 24 hours",
        Member::Device,
        Span::hours(24),
    ),
    distinct(
        "account_instruments_1h",
        "different payment instruments tried in the last hour",
        Member::Instrument,
        Span::hours(1),
    ),
    purchases("account_purchases_1d", "purchases in one day, this one included", Span::days(1)),
    purchases("account_purchases_7d", "purchases in 7 days, this one included", Span::days(7)),
    purchases("account_purchases_30d", "purchases in 30 days, this one included", Span::days(30)),
    mean("account_purchase_mean_1d", "mean purchase in one day, this one included", Span::days(1)),
    mean("account_purchase_mean_7d", "mean purchase in 7 days, this one included", Span::days(7)),
    mean("account_purchase_mean_30d", "mean purchase in 30 days with this one", Span::days(30)),
    Signal {
        fold: Fold::Count(Scope::OwnHistory),
        ..purchases("account_purchases_180d", "purchases in 180 days before this one", KNOWN)
    },
    known_count("account_devices_known", "devices known from own purchases", Member::Device),
    known_count("account_regions_known", "regions known from own purchases", Member::Region),
    known_count("account_addresses_known", "delivery addresses known", Member::Address),
    known("account_device_known", "this device is a known one", Member::Device),
    known("account_region_known", "this region is a known one", Member::Region),
    known("account_address_known", "this delivery address is a known one", Member::Address),
    Signal {
        fold: Fold::Travel,
        window: Window::last(SEEN),
        unit: "km/h",
        value_type: Type::Double,
        ..attempt("account_travel_km_h", "speed needed from the last known place to here", SEEN)
    },
    Signal {
        fold: Fold::LastSeen,
        unit: "hours",
        value_type: Type::Double,
        ..attempt("account_last_seen_hours", "hours since the last request or sign-in", SEEN)
    },
];
