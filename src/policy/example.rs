//! A policy's examples: run at load, so that a rule that does not do what it says never runs.

use toml::Spanned;

use super::condition::Truth;
use super::file::{Example, File, RulePush};
use super::place::{LoadError, Place, Source};
use super::{Policy, Rule};
use crate::domain::{ReasonCode, Type, Value};
use crate::features::{self, Named};

/// An example and that it came out as stated.
#[derive(Clone, Debug)]
pub struct ExampleResult {
    pub code: ReasonCode,
    pub hit: bool,
    pub place: Place,
}

/// Facts by name, each with where it stands, borrowed from the file.
type Slots<'a> = Vec<Value<'a>>;

pub(super) fn run(
    source: &Source<'_>,
    file: &File,
    policy: &Policy,
) -> Result<Vec<ExampleResult>, LoadError> {
    let base_market = file.base.market.get_ref();
    let market = policy.market(*base_market).ok_or_else(|| {
        source.error(file.base.market.span().start, format!("no [market.{base_market}]"))
    })?;
    let mut base: Slots<'_> = vec![Value::NotSupplied; features::slot_count()];
    base.extend_from_slice(market.thresholds());
    lay(source, policy.names(), &file.base.facts, &mut base)?;
    let mut results = Vec::new();
    for (rule, spanned) in policy.rules.iter().zip(&file.rule) {
        base_is_clean(source, rule, &base, spanned.span().start)?;
        let examples = &spanned.get_ref().example;
        for wanted in [true, false] {
            if !examples.iter().any(|example| example.get_ref().hit == wanted) {
                let problem = format!("{}: needs an example with hit = {wanted}", rule.code);
                return Err(source.error(spanned.span().start, problem));
            }
        }
        for example in examples {
            results.push(run_one(source, policy, rule, (example, &base))?);
        }
    }
    Ok(results)
}

/// A base case that a rule hits would make every example of the others say less than it seems to.
fn base_is_clean(
    source: &Source<'_>,
    rule: &Rule,
    base: &[Value<'_>],
    at: usize,
) -> Result<(), LoadError> {
    let adverse = rule.push != RulePush::Info && rule.points >= 0;
    match adverse && rule.when.evaluate(base) == Truth::True {
        true => Err(source.error(at, format!("{}: hits the clean base case", rule.code))),
        false => Ok(()),
    }
}

fn run_one<'a>(
    source: &Source<'_>,
    policy: &Policy,
    rule: &Rule,
    (example, base): (&'a Spanned<Example>, &Slots<'a>),
) -> Result<ExampleResult, LoadError> {
    let mut slots = base.clone();
    lay(source, policy.names(), &example.get_ref().facts, &mut slots)?;
    let truth = rule.when.evaluate(&slots);
    let hit = example.get_ref().hit;
    if (truth == Truth::True) != hit {
        let problem = format!("{}: example says hit = {hit}, the rule says {truth:?}", rule.code);
        return Err(source.error(example.span().start, problem));
    }
    let place = Place::of(source.text, example.span().start);
    Ok(ExampleResult { code: rule.code, hit, place })
}

/// Lays the facts of a table over the slots; `account.x = 1` is a table in a table.
fn lay<'a>(
    source: &Source<'_>,
    names: &[Named],
    facts: &'a Spanned<toml::Table>,
    slots: &mut Slots<'a>,
) -> Result<(), LoadError> {
    for (group, members) in facts.get_ref() {
        let toml::Value::Table(members) = members else {
            let problem = format!("{group}: expected a dotted name such as account.outstanding");
            return Err(source.error(facts.span().start, problem));
        };
        for (member, value) in members {
            let name = format!("{group}.{member}");
            let named = names.iter().find(|named| named.name == name);
            let placed = named.and_then(|named| {
                let slot = slots.get_mut(usize::from(named.slot))?;
                *slot = typed(value, named.value_type)?;
                Some(())
            });
            if placed.is_none() {
                let problem = match named {
                    Some(named) => format!("{name}: expected {}", named.value_type),
                    None => format!("unknown name {name}"),
                };
                return Err(source.error(facts.span().start, problem));
            }
        }
    }
    Ok(())
}

/// A value of the type, or one of the two words for what is missing.
fn typed(value: &toml::Value, value_type: Type) -> Option<Value<'_>> {
    match (value, value_type) {
        (toml::Value::String(text), _) if text == "not supplied" => Some(Value::NotSupplied),
        (toml::Value::String(text), _) if text == "source failed" => Some(Value::Failed),
        (toml::Value::Boolean(value), Type::Bool) => Some(Value::Bool(*value)),
        (toml::Value::Integer(value), Type::Int) => Some(Value::Int(*value)),
        (toml::Value::Float(value), Type::Double) => Some(Value::Double(*value)),
        (toml::Value::String(text), Type::Text) => Some(Value::Text(text)),
        _ => None,
    }
}
