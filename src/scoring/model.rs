//! A model of either kind, bound to the slots of the facts: a chance, and what speaks for it.

use thiserror::Error;

use super::forest::{Forest, ForestError};
use super::scorecard::{ArtifactError, Scorecard};
use crate::domain::{ReasonCode, Value as Fact};
use crate::features::{self, Named};
use crate::scoring::Value;

/// Facts that no model may look at. Scores of components are never mixed; age is for the capacity
/// to contract only; help with paying is a personal circumstance.
const BARRED: [&str; 6] = [
    "score.credit",
    "score.affordability",
    "score.spending",
    "score.fraud",
    "account.of_legal_age",
    "account.support_plan_active",
];
/// Hexadecimal digits of the checksum that tell versions apart.
const VERSION_DIGITS: usize = 12;
const PPM: f64 = 1_000_000.0;

/// Why a model cannot serve.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ModelError {
    #[error(transparent)]
    Scorecard(#[from] ArtifactError),
    #[error(transparent)]
    Forest(#[from] ForestError),
    #[error("the feature \"{0}\" is not known here; `surety catalog names` lists what is")]
    Unknown(String),
    #[error("the feature \"{0}\" may not be an input of a model")]
    Barred(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Scorecard(Scorecard),
    Forest(Forest),
}

/// A model that is ready to serve; see [`Model::parse`].
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    kind: Kind,
    /// Of each input, in the model's order.
    slots: Vec<u16>,
}

/// One input that speaks for the chance, and how much.
#[derive(Clone, Debug, PartialEq)]
pub struct Speaks {
    pub slot: u16,
    pub reason: ReasonCode,
    /// Its part of all that speaks for the chance, in parts per million.
    pub ppm: i64,
    /// What it is held against, for staff.
    pub against: String,
}

impl Model {
    /// Reads an artifact of either kind and finds its features among the facts.
    ///
    /// # Errors
    ///
    /// An artifact that is not sound, or was changed after training; a feature that is not known
    /// or is barred.
    pub fn parse(bytes: &[u8]) -> Result<Model, ModelError> {
        let kind = match Forest::claimed(bytes) {
            true => Kind::Forest(Forest::parse(bytes)?),
            false => Kind::Scorecard(Scorecard::parse(bytes)?),
        };
        let known = features::names();
        let inputs: Vec<&String> = match &kind {
            Kind::Scorecard(card) => card.characteristics.iter().map(|one| &one.name).collect(),
            Kind::Forest(forest) => forest.inputs().iter().map(|input| &input.name).collect(),
        };
        let slots = inputs.into_iter().map(|name| slot_of(&known, name)).collect::<Result<_, _>>();
        Ok(Model { slots: slots?, kind })
    }

    /// Name and the beginning of the checksum.
    pub fn version(&self) -> String {
        let (name, checksum) = match &self.kind {
            Kind::Scorecard(card) => (&card.name, &card.checksum),
            Kind::Forest(forest) => (&forest.artifact().name, &forest.artifact().checksum),
        };
        format!("{name} {}", checksum.get(..VERSION_DIGITS).unwrap_or(checksum))
    }

    pub fn checksum(&self) -> &str {
        match &self.kind {
            Kind::Scorecard(card) => &card.checksum,
            Kind::Forest(forest) => &forest.artifact().checksum,
        }
    }

    /// The slots that it looks at.
    pub fn slots(&self) -> &[u16] {
        &self.slots
    }

    /// The chance in parts per million. `None` when nothing that it looks at is known, or when a
    /// source failed: what is left would flatter.
    pub fn chance_ppm(&self, facts: &[Fact<'_>]) -> Option<i64> {
        let mut known = false;
        for slot in &self.slots {
            match fact(facts, *slot) {
                Fact::Failed => return None,
                Fact::NotSupplied => {}
                _ => known = true,
            }
        }
        let chance = known.then(|| match &self.kind {
            Kind::Scorecard(card) => card.probability(card.points(|at| self.value(facts, at))),
            Kind::Forest(forest) => forest.probability(&self.row(forest, facts)),
        })?;
        Some((chance * PPM) as i64)
    }

    /// What speaks for the chance, the strongest first, among equals in the model's order.
    pub fn speaks(&self, facts: &[Fact<'_>]) -> Vec<Speaks> {
        let weighed: Vec<(usize, f64, String)> = match &self.kind {
            Kind::Scorecard(card) => self.shortfalls(card, facts),
            Kind::Forest(forest) => {
                let row = self.row(forest, facts);
                let mut parts = vec![0.0; row.len()];
                forest.contributions(&row, &mut parts);
                let told = |(at, part): (usize, f64)| (at, part, String::new());
                parts.into_iter().enumerate().filter(|(_, part)| *part > 0.0).map(told).collect()
            }
        };
        let total: f64 = weighed.iter().map(|(_, weight, _)| weight).sum();
        let mut speaks: Vec<Speaks> = weighed
            .into_iter()
            .map(|(at, weight, against)| Speaks {
                slot: self.slots[at],
                reason: self.reason(facts, at),
                ppm: (weight / total * PPM) as i64,
                against,
            })
            .collect();
        speaks.sort_by_key(|one| -one.ppm);
        speaks
    }

    /// Points that characteristics lack to their reference.
    fn shortfalls(&self, card: &Scorecard, facts: &[Fact<'_>]) -> Vec<(usize, f64, String)> {
        let told = card.characteristics.iter().enumerate().filter_map(|(at, one)| {
            let earned = one.bins.points(self.value(facts, at));
            let lacks = one.reference - earned;
            let against = format!("{earned} points, who just pass have {}", one.reference);
            (lacks > 0).then(|| (at, f64::from(lacks), against))
        });
        told.collect()
    }

    /// What an input is a fact for: a value that is not there is another one.
    fn reason(&self, facts: &[Fact<'_>], at: usize) -> ReasonCode {
        match &self.kind {
            Kind::Scorecard(card) => card.characteristics[at].reason_of(self.value(facts, at)),
            Kind::Forest(forest) => {
                let input = &forest.inputs()[at];
                let missing = fact(facts, self.slots[at]).is_missing();
                input.missing_reason.filter(|_| missing).unwrap_or(input.reason)
            }
        }
    }

    fn value<'a>(&self, facts: &[Fact<'a>], at: usize) -> Value<'a> {
        match fact(facts, self.slots[at]) {
            Fact::Bool(yes) => Value::Number(f64::from(u8::from(yes))),
            Fact::Int(number) => Value::Number(number as f64),
            Fact::Double(number) => Value::Number(number),
            Fact::Text(text) => Value::Text(text),
            Fact::NotSupplied | Fact::Failed => Value::Missing,
        }
    }

    fn row(&self, forest: &Forest, facts: &[Fact<'_>]) -> Vec<f64> {
        (0..self.slots.len()).map(|at| forest.encode(at, self.value(facts, at))).collect()
    }
}

fn fact<'a>(facts: &[Fact<'a>], slot: u16) -> Fact<'a> {
    facts.get(usize::from(slot)).copied().unwrap_or(Fact::NotSupplied)
}

fn slot_of(known: &[Named], name: &str) -> Result<u16, ModelError> {
    if BARRED.contains(&name) {
        return Err(ModelError::Barred(name.to_owned()));
    }
    let named = known.iter().find(|named| named.name == name);
    named.map(|named| named.slot).ok_or_else(|| ModelError::Unknown(name.to_owned()))
}

#[cfg(test)]
mod tests;
