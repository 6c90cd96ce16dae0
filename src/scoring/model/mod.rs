//! A model of either kind, bound to the slots of the facts: a chance, and what speaks for it.

use thiserror::Error;

use super::forest::{Direction, Forest, ForestError, Input};
use super::scorecard::{ArtifactError, Bins, Characteristic, Scorecard};
use crate::domain::{ReasonCode, Type, Value as Fact};
use crate::features::{self, Named};
use crate::scoring::Value;
use crate::signals::{self, Fold, Scope};

/// Facts that no model may look at. Scores of components are never mixed; age is for the capacity
/// to contract only; help with paying is a personal circumstance; a hold or restriction is what
/// somebody decided, and must not be told under another name.
const BARRED: [&str; 11] = [
    "score.credit",
    "score.affordability",
    "score.spending",
    "score.fraud",
    "account.of_legal_age",
    "account.support_plan_active",
    "account.security_hold",
    "account.temporarily_restricted",
    "account.self_excluded",
    "account.sanctions_hold",
    "account.compliance_hold",
];
/// What rises with the amount of the request, besides signals that take it in. A larger amount
/// never improves a decision, so no model may find one safer.
const RISING: [&str; 7] = [
    "request.amount",
    "request.exposure",
    "request.plan_due_30d",
    "request.amount_to_reference",
    "request.amount_to_usual",
    "request.day_mean_to_usual",
    "request.week_mean_to_usual",
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
    #[error("the feature \"{feature}\" is of type {found} here, and the model takes {expected}")]
    Type { feature: String, found: Type, expected: &'static str },
    #[error(
        "the feature \"{0}\" rises with the amount of a request, and the model finds more of it \
         safer; train it with monotone = \"increasing\""
    )]
    Falls(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Scorecard(Scorecard),
    Forest(Forest),
}

/// A chance in parts per million, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chance {
    Told(i64),
    /// Nothing that the model looks at is known.
    Unknown,
    /// A source failed: what is left would flatter.
    Failed,
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
    /// An artifact that is not sound, or was changed after training; a feature that is not known,
    /// is barred, is of another type, or makes larger amounts safer.
    pub fn parse(bytes: &[u8]) -> Result<Model, ModelError> {
        let kind = match Forest::claimed(bytes) {
            true => Kind::Forest(Forest::parse(bytes)?),
            false => Kind::Scorecard(Scorecard::parse(bytes)?),
        };
        let known = features::names();
        let slots = match &kind {
            Kind::Scorecard(card) => card
                .characteristics
                .iter()
                .map(|one| {
                    let text = matches!(one.bins, Bins::Category { .. });
                    slot_of(&known, &one.name, text, one.bins.fall())
                })
                .collect::<Result<_, _>>(),
            Kind::Forest(forest) => forest
                .inputs()
                .iter()
                .map(|input| {
                    let rises = input.monotone == Some(Direction::Increasing);
                    slot_of(&known, &input.name, input.categories.is_some(), rises)
                })
                .collect(),
        };
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

    /// Every code that it may name.
    pub fn reasons(&self) -> Vec<ReasonCode> {
        match &self.kind {
            Kind::Scorecard(card) => {
                let of = |one: &Characteristic| [Some(one.reason), one.missing_reason];
                card.characteristics.iter().flat_map(of).flatten().collect()
            }
            Kind::Forest(forest) => {
                let of = |input: &Input| [Some(input.reason), input.missing_reason];
                forest.inputs().iter().flat_map(of).flatten().collect()
            }
        }
    }

    /// The slots that it looks at.
    pub fn slots(&self) -> &[u16] {
        &self.slots
    }

    pub fn chance(&self, facts: &[Fact<'_>]) -> Chance {
        let mut known = false;
        for slot in &self.slots {
            match fact(facts, *slot) {
                Fact::Failed => return Chance::Failed,
                Fact::NotSupplied => {}
                _ => known = true,
            }
        }
        if !known {
            return Chance::Unknown;
        }
        let chance = match &self.kind {
            Kind::Scorecard(card) => card.probability(card.points(|at| self.value(facts, at))),
            Kind::Forest(forest) => forest.probability(&self.row(forest, facts)),
        };
        Chance::Told((chance * PPM) as i64)
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
        let told = card.lacks(|at| self.value(facts, at)).map(|(at, lacks)| {
            let reference = card.characteristics[at].reference;
            let earned = reference - lacks;
            let against = format!("{earned} points, who just pass have {reference}");
            (at, f64::from(lacks), against)
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

/// Whether no model may look at the feature.
pub fn is_barred(name: &str) -> bool {
    BARRED.contains(&name)
}

/// The slot of an input that takes `text` or numbers, and of which more is never `safer`.
fn slot_of(known: &[Named], name: &str, text: bool, rises: bool) -> Result<u16, ModelError> {
    if is_barred(name) {
        return Err(ModelError::Barred(name.to_owned()));
    }
    let named = known.iter().find(|named| named.name == name);
    let named = named.ok_or_else(|| ModelError::Unknown(name.to_owned()))?;
    if text != (named.value_type == Type::Text) {
        return Err(ModelError::Type {
            feature: name.to_owned(),
            found: named.value_type,
            expected: if text { "categories" } else { "numbers" },
        });
    }
    if !rises && rises_with_amount(name) {
        return Err(ModelError::Falls(name.to_owned()));
    }
    Ok(named.slot)
}

fn rises_with_amount(name: &str) -> bool {
    let signal = name.strip_prefix("signal.").and_then(signals::position_of);
    let fold = signal.and_then(|at| signals::catalog().get(at)).map(|signal| signal.fold);
    let takes_it_in = [Fold::Sum(Scope::WithRequest), Fold::Mean(Scope::WithRequest)];
    RISING.contains(&name) || fold.is_some_and(|fold| takes_it_in.contains(&fold))
}

#[cfg(test)]
mod tests;
