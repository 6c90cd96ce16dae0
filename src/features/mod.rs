//! Facts as numbers by name: everything that a rule, a band or a model may look at.

mod account;
mod relative;
mod repayment;
mod request;

pub use repayment::{CHARACTERISTICS, Characteristic, RepaymentNumbers};

use serde::{Deserialize, Serialize};

use crate::domain::{
    Component, ReasonCode, RequestFacts, Scores, Standing, StepUpKind, Type, Value,
};
use crate::signals::{self, Readings, Signal};

/// All that `decide` may see; stored with the decision. Holds no personal data and no earlier
/// decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    pub request: RequestFacts,
    pub readings: Readings,
    pub standing: Standing,
    /// What the customer has passed since the request, and whether a check failed.
    #[serde(default)]
    pub step_up: StepUpFacts,
    /// What a person said who reviewed the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewFacts>,
}

/// Results of a step-up, for the re-assessment that follows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUpFacts {
    pub passed: Vec<StepUpKind>,
    pub failed: bool,
}

/// What a reviewer said of the request, for the decision that follows. Who it was is no fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReviewFacts {
    /// Nothing that asks for a review is left to ask; what compliance holds, only if `held`.
    Approved { held: bool },
    /// Refused, on these grounds.
    Declined { codes: Vec<ReasonCode> },
    /// To be cleared by these checks; what compliance holds, only if `held`.
    StepUp { kinds: Vec<StepUpKind>, held: bool },
}

/// What the policy says of the market, as far as a request is measured by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarketFacts {
    pub served: bool,
    pub currency: bool,
    pub product: bool,
    /// An ordinary purchase, in minor units.
    pub reference_amount: Option<i64>,
}

/// What a name is read from.
pub struct View<'a> {
    pub facts: &'a Facts,
    pub market: MarketFacts,
    pub scores: &'a Scores,
}

/// A name that rules may use.
#[derive(Clone, Copy)]
pub struct Variable {
    /// Dotted, for example `account.outstanding`.
    pub name: &'static str,
    pub value_type: Type,
    pub unit: &'static str,
    pub about: &'static str,
    read: Read,
}

/// How a value is read: from the part of the facts that it is about, with the rest at hand.
#[derive(Clone, Copy)]
enum Read {
    Request(for<'a> fn(&'a RequestFacts, &View<'a>) -> Value<'a>),
    Account(for<'a> fn(&'a Standing, &View<'a>) -> Value<'a>),
    Record(fn(&RepaymentNumbers) -> Option<f64>),
    Score(Component),
}

impl Variable {
    pub fn read<'a>(&self, view: &View<'a>) -> Value<'a> {
        match self.read {
            Read::Request(read) => read(&view.facts.request, view),
            Read::Account(read) => read(&view.facts.standing, view),
            Read::Record(read) => of_record(&view.facts.standing).and_then(|r| read(&r)).into(),
            Read::Score(component) => score_of(view, component),
        }
    }
}

const fn of_request(
    name: &'static str,
    value_type: Type,
    unit: &'static str,
    about: &'static str,
    read: for<'a> fn(&'a RequestFacts, &View<'a>) -> Value<'a>,
) -> Variable {
    Variable { name, value_type, unit, about, read: Read::Request(read) }
}

const fn of_account(
    name: &'static str,
    value_type: Type,
    unit: &'static str,
    about: &'static str,
    read: for<'a> fn(&'a Standing, &View<'a>) -> Value<'a>,
) -> Variable {
    Variable { name, value_type, unit, about, read: Read::Account(read) }
}

fn of_record(standing: &Standing) -> Option<RepaymentNumbers> {
    let record = standing.repayment.as_ref()?;
    Some(RepaymentNumbers::of(standing.credit_limit, record))
}

/// Names of what the repayment record comes to.
const RECORD: [Variable; CHARACTERISTICS.len()] = {
    let mut all = [from_record(&CHARACTERISTICS[0]); CHARACTERISTICS.len()];
    let mut next = 1;
    while next < all.len() {
        all[next] = from_record(&CHARACTERISTICS[next]);
        next += 1;
    }
    all
};

const fn from_record(one: &Characteristic) -> Variable {
    let Characteristic { name, unit, about, of } = *one;
    Variable { name, value_type: Type::Double, unit, about, read: Read::Record(of) }
}

/// Names of the component scores, known once the score rules were tried.
const SCORES: [Variable; 4] = [
    score("score.credit", Component::Credit),
    score("score.affordability", Component::Affordability),
    score("score.spending", Component::Spending),
    score("score.fraud", Component::Fraud),
];

const fn score(name: &'static str, component: Component) -> Variable {
    Variable {
        name,
        value_type: Type::Int,
        unit: "0 to 1000",
        about: "score of the component, higher is riskier",
        read: Read::Score(component),
    }
}

/// A score is missing because its source failed, or because there is no history to score.
fn score_of(view: &View<'_>, component: Component) -> Value<'static> {
    match view.scores.of(component) {
        Some(score) => Value::Int(score),
        None if view.facts.readings.any_failed() => Value::Failed,
        None => Value::NotSupplied,
    }
}

/// Where the values of a name lie among all values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub name: String,
    pub slot: u16,
    pub value_type: Type,
}

/// Number of slots that [`read`] fills; further ones (thresholds) come after.
pub fn slot_count() -> usize {
    VARIABLES + signals::catalog().len()
}

/// How many slots come before those of signals.
const VARIABLES: usize =
    request::VARIABLES.len() + account::VARIABLES.len() + RECORD.len() + SCORES.len();

/// Every variable, in order of its slot; signals follow after them.
pub fn variables() -> impl Iterator<Item = &'static Variable> {
    request::VARIABLES.iter().chain(account::VARIABLES).chain(&RECORD).chain(&SCORES)
}

/// Every name with its slot and type, signals included.
pub fn names() -> Vec<Named> {
    let of_variables = variables().map(|variable| (variable.name.to_owned(), variable.value_type));
    let of_signals = signals::catalog()
        .iter()
        .map(|signal| (format!("signal.{}", signal.name), signal.value_type));
    of_variables
        .chain(of_signals)
        .zip(0..)
        .map(|((name, value_type), slot)| Named { name, slot, value_type })
        .collect()
}

/// Whether a slot holds a component score.
pub fn is_score(slot: u16) -> bool {
    (VARIABLES - SCORES.len()..VARIABLES).contains(&usize::from(slot))
}

/// The signal whose reading a slot holds, if it holds one.
pub fn signal_of(slot: u16) -> Option<&'static Signal> {
    let place = usize::from(slot).checked_sub(VARIABLES)?;
    signals::catalog().get(place)
}

/// The value of one slot below [`slot_count`].
pub fn read<'a>(slot: u16, view: &View<'a>) -> Value<'a> {
    let slot = usize::from(slot);
    let (requests, accounts) = (request::VARIABLES.len(), account::VARIABLES.len());
    let records = requests + accounts + RECORD.len();
    match slot {
        _ if slot < requests => request::VARIABLES[slot].read(view),
        _ if slot < requests + accounts => account::VARIABLES[slot - requests].read(view),
        _ if slot < records => RECORD[slot - requests - accounts].read(view),
        _ if slot < VARIABLES => SCORES[slot - records].read(view),
        _ => view.facts.readings.get(slot - VARIABLES).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_stand_in_order_of_their_slots() {
        let names = names();
        let unique: BTreeSet<_> = names.iter().map(|named| &named.name).collect();
        assert_eq!(unique.len(), names.len());
        assert_eq!(names.len(), slot_count());
        assert!(names.iter().zip(0..).all(|(named, slot)| named.slot == slot));
    }

    #[test]
    fn only_scores_are_scores() {
        for named in names() {
            assert_eq!(is_score(named.slot), named.name.starts_with("score."), "{}", named.name);
        }
    }
}
