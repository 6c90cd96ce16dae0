//! What we remember about parties: one catalog of signals that every store and reader derives from.
//!
//! A signal is a fold over one party's past and a window. A window ends at the request's own time,
//! or `delay` before it, and is open at its old end: an event exactly `length` old is out. What
//! claims to be up to five seconds later than the request counts too, for clocks differ. An entry
//! in a group's table is all that a new signal of an existing fold needs.

use serde::{Deserialize, Serialize};

use crate::domain::{Category, Parties, PartyKey, Position, Span, Time, Type};

mod account;
mod device;
mod merchant;
mod network;
mod spending;

mod buckets;
mod log;
mod party;
mod plan;
mod profile;
mod sightings;
mod trail;
mod wire;

mod kept;
mod record;

mod embedded;
mod forget;
mod readings;
pub mod redis;
mod store;

pub use embedded::{
    EmbeddedConfig, EmbeddedStore, KindStatistics, SnapshotCut, SnapshotError, SnapshotMark,
    SnapshotWritten, Statistics, StoredSnapshot,
};
pub use forget::Own;
pub use profile::SpendingPart;
pub use readings::{Reading, Readings};
pub use store::SignalStore;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod profile_reference;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

/// Whom a signal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    Account,
    Device,
    /// The address folded: IPv4 by /24, IPv6 by /48, carriers by autonomous system.
    Network,
    Instrument,
    /// Email and phone; the larger reading of the two counts.
    Contact,
    Merchant,
}

impl Party {
    pub const ALL: [Party; 6] = [
        Party::Account,
        Party::Device,
        Party::Network,
        Party::Instrument,
        Party::Contact,
        Party::Merchant,
    ];

    /// Name in configuration and statistics.
    pub fn name(self) -> &'static str {
        match self {
            Party::Account => "account",
            Party::Device => "device",
            Party::Network => "network",
            Party::Instrument => "instrument",
            Party::Contact => "contact",
            Party::Merchant => "merchant",
        }
    }

    /// Whether counts are kept in buckets: a log of a few hundred events would hold minutes only.
    pub(crate) fn is_busy(self) -> bool {
        matches!(self, Party::Network | Party::Merchant)
    }
}

/// What kind of event teaches a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Taught {
    /// Each fresh request, whatever came of it: velocity.
    Attempt,
    /// Completed purchases: habits. What is known is taught by strong sign-ins and passed step-ups
    /// too, never by attempts, else a thief's second try is familiar.
    Purchase,
    /// Confirmed misuse, at the time of the purchase that was misused.
    Outcome,
}

/// Which part of a party's past a signal looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// For folds without a window of their own: how long the party is remembered for them.
    pub length: Span,
    /// How long before the request the window ends; labels are late.
    pub delay: Span,
}

impl Window {
    /// `(t - length, t]`.
    pub const fn last(length: Span) -> Window {
        Window { length, delay: Span::ZERO }
    }

    /// `(t - delay - length, t - delay]`.
    pub const fn delayed(length: Span, delay: Span) -> Window {
        Window { length, delay }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |span: Span| match span.as_seconds() {
            s if s < 60 => format!("{s}s"),
            s if s < 3_600 => format!("{}m", s / 60),
            s if s <= 86_400 => format!("{}h", s / 3_600),
            s => format!("{}d", s / 86_400),
        };
        f.write_str(&text(self.length))?;
        if self.delay > Span::ZERO {
            write!(f, " until {} ago", text(self.delay))?;
        }
        Ok(())
    }
}

/// Whether a fold over past events takes in the request that is being judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// As if the request were already the newest event: an attempt is, a purchase may become one.
    WithRequest,
    /// What was there before the request.
    OwnHistory,
}

/// A party of the request that a set of another party may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Member {
    Account,
    Device,
    Network,
    Instrument,
    Region,
    Address,
}

impl Member {
    /// The member as sets keep it; `None` when the request has none.
    pub fn of(self, parties: &Parties) -> Option<u64> {
        let key = match self {
            Member::Account => parties.account,
            Member::Device => parties.device,
            Member::Network => parties.network,
            Member::Instrument => parties.instrument,
            Member::Region => parties.region,
            Member::Address => parties.address,
        };
        key.as_ref().map(PartyKey::short)
    }
}

/// How a signal aggregates. Counts, sums and means are exact up to the length of the log (160),
/// past which they are capped; for busy parties they come from buckets. Sets hold 64 members, so a
/// count of 64 says "at least".
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fold {
    /// How many events.
    Count(Scope),
    /// Sum of amounts in minor units.
    Sum(Scope),
    /// Mean of amounts in minor units; not supplied when there are none.
    Mean(Scope),
    /// That percentile (0 to 100) of the amounts before the request, in minor units, interpolated;
    /// not supplied when there are none.
    Percentile(u8),
    /// How many different members. Taught by attempts it counts the request's own member, taught by
    /// purchases it does not.
    Distinct(Member),
    /// Whether the request's member is in the set; not supplied when the request has none.
    Known(Member),
    /// Confirmed misuse per purchase, 0 to 1; 0 without purchases.
    Share,
    /// Hours since the party was first seen by any event.
    FirstSeen,
    /// Hours since the newest event of another request; not supplied when there was none.
    LastSeen,
    /// Speed in km/h between the newest place of another request and this one.
    Travel,
    /// A number of the profile of what is usual, before this request.
    Spending(SpendingPart),
}

/// One thing remembered about a party.
#[derive(Clone, Copy, Debug)]
pub struct Signal {
    /// Unique; rules call it `signal.<name>`.
    pub name: &'static str,
    /// Meaning, in one line for people.
    pub about: &'static str,
    pub key: Party,
    pub fold: Fold,
    pub window: Window,
    pub taught_by: Taught,
    pub unit: &'static str,
    pub value_type: Type,
}

const GROUPS: [&[Signal]; 5] = [
    &account::SIGNALS,
    &spending::SIGNALS,
    &device::SIGNALS,
    &network::SIGNALS,
    &merchant::SIGNALS,
];

const LENGTH: usize = {
    let (mut length, mut group) = (0, 0);
    while group < GROUPS.len() {
        length += GROUPS[group].len();
        group += 1;
    }
    length
};

/// The groups joined when the program is compiled, so that a position needs no lookup.
static CATALOG: [Signal; LENGTH] = {
    let mut all = [GROUPS[0][0]; LENGTH];
    let (mut filled, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut entry = 0;
        while entry < GROUPS[group].len() {
            all[filled] = GROUPS[group][entry];
            filled += 1;
            entry += 1;
        }
        group += 1;
    }
    all
};

/// Every signal; the position of a signal is its index in [`Readings`].
pub fn catalog() -> &'static [Signal] {
    &CATALOG
}

/// The position of the signal of that name.
pub fn position_of(name: &str) -> Option<usize> {
    CATALOG.iter().position(|signal| signal.name == name)
}

/// The same for a name that is written in the program: a wrong one does not compile when the
/// place is a constant.
pub const fn place_of(name: &str) -> usize {
    let (mut place, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut entry = 0;
        while entry < GROUPS[group].len() {
            if same(GROUPS[group][entry].name.as_bytes(), name.as_bytes()) {
                return place;
            }
            place += 1;
            entry += 1;
        }
        group += 1;
    }
    assert!(place < LENGTH, "no signal has this name");
    LENGTH
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut place = 0;
    while place < a.len() && place < b.len() && a[place] == b[place] {
        place += 1;
    }
    place == a.len() && place == b.len()
}

/// What one event tells about its parties.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Short hash of the request, so that it can be taken back and is not counted twice.
    pub id: u64,
    pub time: Time,
    pub parties: Parties,
    /// Minor units, 0 when the event has no amount.
    #[serde(default)]
    pub amount: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// Hour of the day in the market's time zone, 0 to 23; the caller knows the zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Decimal places of the currency.
    #[serde(default = "two")]
    pub exponent: u8,
    #[serde(default)]
    pub prior: SpendingPrior,
}

/// Decimal places of most currencies.
fn two() -> u8 {
    2
}

/// What a market's purchases look like before an account has made any; from the policy, and kept
/// with each event, so that a store that is rebuilt under another policy learns the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpendingPrior {
    /// Mean of the natural logarithm of amounts in major units.
    pub log_mean: f64,
    /// Standard deviation of the same.
    pub log_sd: f64,
    /// Own purchases that the prior is worth.
    pub weight: f64,
}

impl Default for SpendingPrior {
    /// Forty units, give or take a factor of e, worth five purchases.
    fn default() -> SpendingPrior {
        SpendingPrior { log_mean: 3.688_879_454_113_936, log_sd: 1.0, weight: 5.0 }
    }
}

impl Default for Observation {
    fn default() -> Observation {
        Observation {
            id: 0,
            time: Time::EPOCH,
            parties: Parties::default(),
            amount: 0,
            category: None,
            hour: None,
            position: None,
            exponent: two(),
            prior: SpendingPrior::default(),
        }
    }
}

/// One thing that happened; what the ledger keeps to rebuild the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SignalEvent {
    /// A fresh request; the same id never counts twice.
    Attempt(Observation),
    /// A bank refused: the attempt, and a purchase of the same id, never were. Where the customer
    /// was seen, and what was usual, stays learnt.
    TakenBack(Observation),
    /// A completed purchase.
    Purchase(Observation),
    /// A strong sign-in or a passed step-up: device, region and address are known from now on.
    Recognized(Observation),
    /// The lender took a device off the account: it is no longer known, habits and counts stay.
    Forgotten(Observation),
    /// A weak sign-in: tells only when and where the account was seen.
    SignIn(Observation),
    /// Confirmed misuse of a purchase, sent once a purchase; the time is the purchase's.
    Misuse(Observation),
}
