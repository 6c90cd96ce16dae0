//! From the domain to the wire: every answer, cut for the role that gets it.

mod account;
mod card;
mod catalog;
mod decision;
mod review;
mod texts;

pub use account::{account, event_results, restriction};
pub use card::{card, one_time_card, refusal};
pub use catalog::reason_code_info;
pub use decision::{decision, spending_power};
pub use review::{related_decision, review_action, review_case, review_note};

use prost_types::Timestamp;

use super::pb;
use crate::domain::{Currency, Money, Role, Time};
use crate::playbook::Playbook;

const MICROS: i64 = 1_000_000;

/// To whom an answer goes, and when.
#[derive(Clone, Copy)]
pub struct Audience<'a> {
    pub role: Role,
    pub playbook: &'a Playbook,
    pub now: Time,
}

fn time(time: Time) -> Timestamp {
    // Below a second the remainder is in range by construction, so nothing is lost.
    let nanos = (time.as_micros().rem_euclid(MICROS) * 1_000) as i32;
    Timestamp { seconds: time.as_seconds(), nanos }
}

fn money(money: Money) -> pb::Money {
    minor(money.minor(), money.currency())
}

fn minor(minor_units: i64, currency: Currency) -> pb::Money {
    pb::Money { minor_units, currency_code: currency.code().to_owned() }
}
