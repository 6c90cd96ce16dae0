//! Amounts without a currency: as multiples of what is usual for the account or in the market.

use super::View;
use crate::domain::{RequestFacts, Value};
use crate::signals::{self, Reading};

/// Own purchases from which on there is a usual one: three, or more that are older. They decay with
/// age, so that three of today are a little less than three.
const PURCHASES_MIN: f64 = 2.5;

const WEIGHT: usize = signals::place_of("spending_weight");
/// The account's own and nobody else's, so that "above your usual" is true.
const MEDIAN: usize = signals::place_of("spending_median_minor");

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

fn to_usual(view: &View<'_>, minor: f64) -> Value<'static> {
    let usual = || {
        let usual = number(view, MEDIAN)?;
        let enough = number(view, WEIGHT)? >= PURCHASES_MIN && usual > 0.0;
        if enough { Ok(usual) } else { Err(Value::NotSupplied) }
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
