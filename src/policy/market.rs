//! A market: its currency, products, thresholds by name, time zone and score bands.

use jiff::tz::TimeZone;

use super::file::Timing;
use crate::domain::{Component, Country, Currency, Product, Push, StepUpKind, Time, Value};

/// A range of a component's score and what it pushes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    /// Least score of the band; it reaches to the next one.
    pub from: i64,
    pub push: Push,
    pub step_up: Vec<StepUpKind>,
}

/// What short histories shrink towards: ln of amounts in major units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpendingPrior {
    pub log_amount_mean: f64,
    pub log_amount_sd: f64,
    /// How many purchases the prior is worth.
    pub weight: f64,
}

/// What the policy says for one market.
#[derive(Clone, Debug)]
pub struct Market {
    pub country: Country,
    pub currency: Currency,
    pub products: Vec<Product>,
    /// Minor units that a guest may owe in all.
    pub guest_limit: i64,
    /// Most minor units that an authorisation of a one-time card may exceed it by.
    pub card_tolerance_max: i64,
    /// From this amount on, in minor units, two people have to approve a review.
    pub second_person_from: Option<i64>,
    pub timing: Timing,
    pub spending: SpendingPrior,
    /// An ordinary purchase, in minor units.
    pub reference_amount: i64,
    pub(super) time_zone: TimeZone,
    /// Values of the thresholds, in order of their slots; never text.
    pub(super) thresholds: Vec<Value<'static>>,
    /// By product and component, in order of [`Product::ALL`] and [`Component::ALL`]; each list
    /// begins at 0 and rises.
    pub(super) bands: Vec<Vec<Band>>,
}

impl Market {
    /// Hour of the day and day of the week (Monday is 1) at `time`.
    pub fn local(&self, time: Time) -> Option<(u8, u8)> {
        let timestamp = jiff::Timestamp::from_microsecond(time.as_micros()).ok()?;
        let local = self.time_zone.to_datetime(timestamp);
        let weekday = local.date().weekday().to_monday_one_offset();
        Some((u8::try_from(local.hour()).ok()?, u8::try_from(weekday).ok()?))
    }

    /// Whether a request of `amount` minor units is too large for one reviewer alone.
    pub fn needs_two(&self, amount: i64) -> bool {
        self.second_person_from.is_some_and(|from| amount >= from)
    }

    pub fn thresholds(&self) -> &[Value<'static>] {
        &self.thresholds
    }

    /// The band that holds `score`.
    pub fn band(&self, product: Product, component: Component, score: i64) -> Option<&Band> {
        let list = self.bands.get(band_list(product, component))?;
        list.iter().rev().find(|band| band.from <= score)
    }
}

/// Where the bands of a product and component lie.
pub(super) fn band_list(product: Product, component: Component) -> usize {
    product as usize * Component::ALL.len() + component as usize
}
