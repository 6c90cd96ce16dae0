//! Amounts without a currency: as multiples of what is usual for the account or in the market.

use super::View;
use crate::domain::{RequestFacts, Value};
use crate::signals::{self, Reading};

/// Own purchases, decayed with age, below which there is nothing to deviate from: the prior alone
/// would make "unusual for you" of what is unusual for others.
pub const HISTORY_MIN: f64 = 0.5;

const WEIGHT: usize = signals::place_of("spending_weight");
const LEVEL: usize = signals::place_of("spending_level");

pub(super) fn amount_to_reference(request: &RequestFacts, view: &View<'_>) -> Value<'static> {
    let reference = view.market.reference_amount.filter(|reference| *reference > 0);
    reference.map(|reference| request.amount as f64 / reference as f64).into()
}

pub(super) fn amount_to_usual(view: &View<'_>) -> Value<'static> {
    to_usual(view, view.facts.request.amount as f64)
}

/// Of the mean that the reading at `place` gives, in minor units.
pub(super) fn mean_to_usual(view: &View<'_>, place: usize) -> Value<'static> {
    number(view, place).map_or_else(|missing| missing, |mean| to_usual(view, mean))
}

/// The usual amount is the geometric mean of the account's own purchases.
fn to_usual(view: &View<'_>, minor: f64) -> Value<'static> {
    let usual = || {
        if number(view, WEIGHT)? < HISTORY_MIN {
            return Err(Value::NotSupplied);
        }
        let minor_in_major = 10_f64.powi(view.facts.request.currency.exponent() as i32);
        Ok(libm::exp(number(view, LEVEL)?) * minor_in_major)
    };
    usual().map_or_else(|missing| missing, |usual| Value::Double(minor / usual))
}

/// A reading as a number, or what it is missing as.
fn number(view: &View<'_>, place: usize) -> Result<f64, Value<'static>> {
    match view.facts.readings.get(place) {
        Reading::Int(value) => Ok(value as f64),
        Reading::Double(value) => Ok(value),
        Reading::Failed => Err(Value::Failed),
        _ => Err(Value::NotSupplied),
    }
}
