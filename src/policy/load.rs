//! From the policy file to a policy: checked whole, compiled, its examples run.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use toml::Spanned;

use super::condition::{self, Names};
use super::example;
use super::file::{self, File, ModelWeight, OnMissing, RulePush};
use super::market::{Band, Market, SpendingPrior, band_list};
use super::place::{LoadError, Place, Source};
use super::{Policy, Rule};
use crate::domain::{Component, Product, Push, Span, Type, Value};
use crate::features::{self, Named};

/// The highest score that a component can have.
const SCORE_MAX: i64 = 1000;

pub(super) fn load(file: &str, text: &str) -> Result<Policy, LoadError> {
    let source = Source { file, text };
    let parsed: File = toml::from_str(text).map_err(|e| LoadError::toml(file, text, &e))?;
    if parsed.version.get_ref().is_empty() {
        return Err(source.error(parsed.version.span().start, "version is empty"));
    }
    let threshold_names = threshold_names(&source, &parsed)?;
    let mut named = features::names();
    for (name, value_type) in &threshold_names {
        let slot = slot_after(&named);
        named.push(Named { name: format!("threshold.{name}"), slot, value_type: *value_type });
    }
    let names =
        Names::new(named.iter().map(|named| (named.name.clone(), named.slot, named.value_type)));
    let markets = markets(&source, &parsed, &threshold_names)?;
    let rules = parsed
        .rule
        .iter()
        .map(|rule| compile_rule(&source, rule, &names))
        .collect::<Result<Vec<Rule>, LoadError>>()?;
    let mut policy = Policy {
        version: parsed.version.get_ref().clone(),
        used: used_slots(&rules),
        rules,
        stand_in: parsed.stand_in,
        weights: weights(&source, &parsed)?,
        markets,
        names: named,
        examples: Vec::new(),
    };
    policy.examples = example::run(&source, &parsed, &policy)?;
    Ok(policy)
}

fn slot_after(named: &[Named]) -> u16 {
    u16::try_from(named.len()).unwrap_or(u16::MAX)
}

fn used_slots(rules: &[Rule]) -> Vec<u16> {
    let limit = features::slot_count();
    let mut used: Vec<u16> = rules
        .iter()
        .flat_map(|rule| rule.when.slots())
        .filter(|slot| usize::from(*slot) < limit)
        .collect();
    used.sort_unstable();
    used.dedup();
    used
}

/// Names and types of the thresholds: every market has the same ones.
fn threshold_names(source: &Source<'_>, file: &File) -> Result<Vec<(String, Type)>, LoadError> {
    let mut names: Option<Vec<(String, Type)>> = None;
    for (country, market) in &file.market {
        let mut own = Vec::new();
        for (name, value) in &market.threshold {
            let value_type = match value.get_ref() {
                toml::Value::Integer(_) => Type::Int,
                toml::Value::Float(_) => Type::Double,
                toml::Value::Boolean(_) => Type::Bool,
                _ => {
                    let problem = "expected an integer, a float or a boolean";
                    return Err(source.error(value.span().start, problem));
                }
            };
            own.push((name.get_ref().clone(), value_type));
        }
        match &names {
            None => names = Some(own),
            Some(first) if *first == own => {}
            Some(first) => {
                let odd = own.iter().find(|entry| !first.contains(entry));
                let missing = first.iter().find(|entry| !own.contains(entry));
                let Some((name, value_type)) = odd.or(missing) else { continue };
                let problem = format!(
                    "threshold {name} ({value_type}) must stand in every market with one type"
                );
                return Err(source.error(country.span().start, problem));
            }
        }
    }
    names.ok_or_else(|| source.error(0, "expected at least one [market.XX]"))
}

fn markets(
    source: &Source<'_>,
    file: &File,
    threshold_names: &[(String, Type)],
) -> Result<Vec<Market>, LoadError> {
    file.market
        .iter()
        .map(|(country, market)| {
            let zone = market.time_zone.get_ref();
            let time_zone = TimeZone::get(zone).map_err(|_| {
                let problem = format!("{zone} is not a time zone of the IANA database");
                source.error(market.time_zone.span().start, problem)
            })?;
            let mut bands = Vec::new();
            for &product in Product::ALL {
                for &component in Component::ALL {
                    debug_assert_eq!(bands.len(), band_list(product, component));
                    bands.push(bands_for(source, file, (*country.get_ref(), product), component)?);
                }
            }
            let by_name: BTreeMap<&str, &toml::Value> = market
                .threshold
                .iter()
                .map(|(name, value)| (name.get_ref().as_str(), value.get_ref()))
                .collect();
            Ok(Market {
                country: *country.get_ref(),
                currency: market.currency,
                products: market.products.clone(),
                guest_limit: market.guest_limit_minor,
                card_tolerance_max: market.card_tolerance_max_minor,
                second_person_from: market.review_second_person_minor,
                timing: market.timing,
                spending: SpendingPrior {
                    log_amount_mean: market.spending.log_amount_mean,
                    log_amount_sd: market.spending.log_amount_sd,
                    weight: market.spending.prior_weight,
                },
                reference_amount: reference_amount(source, market)?,
                time_zone,
                thresholds: threshold_names
                    .iter()
                    .map(|(name, _)| by_name.get(name.as_str()).map_or(Value::NotSupplied, number))
                    .collect(),
                bands,
            })
        })
        .collect()
}

/// Minor units of an ordinary purchase.
fn reference_amount(source: &Source<'_>, market: &file::Market) -> Result<i64, LoadError> {
    let Some(stated) = &market.spending.reference_amount_minor else {
        let minor_in_major = 10_f64.powi(market.currency.exponent() as i32);
        let middle = libm::exp(market.spending.log_amount_mean) * minor_in_major;
        return Ok((middle as i64).max(1));
    };
    match *stated.get_ref() {
        amount @ 1.. => Ok(amount),
        _ => Err(source.error(stated.span().start, "expected an amount above 0")),
    }
}

fn number(value: &&toml::Value) -> Value<'static> {
    match value {
        toml::Value::Integer(value) => Value::Int(*value),
        toml::Value::Float(value) => Value::Double(*value),
        toml::Value::Boolean(value) => Value::Bool(*value),
        _ => Value::NotSupplied,
    }
}

/// By component, in order of [`Component::ALL`].
fn weights(
    source: &Source<'_>,
    file: &File,
) -> Result<[ModelWeight; Component::ALL.len()], LoadError> {
    let mut weights = [ModelWeight::default(); Component::ALL.len()];
    for (component, stated) in &file.model {
        if !matches!(component.get_ref(), Component::Credit | Component::Fraud) {
            let problem = "a model scores credit or fraud, nothing else";
            return Err(source.error(component.span().start, problem));
        }
        let weight = *stated.get_ref();
        let sound = (0..100).contains(&weight.from_percent);
        if !sound || !(0..=SCORE_MAX).contains(&weight.most) {
            let problem = "expected from_percent of 0 to 99 and most of 0 to 1000";
            return Err(source.error(stated.span().start, problem));
        }
        weights[*component.get_ref() as usize] = weight;
    }
    Ok(weights)
}

/// The bands of one component: those for this market and product, else for the market, else for
/// the product, else for all.
fn bands_for(
    source: &Source<'_>,
    file: &File,
    (market, product): (crate::domain::Country, Product),
    component: Component,
) -> Result<Vec<Band>, LoadError> {
    let scopes =
        [(Some(market), Some(product)), (Some(market), None), (None, Some(product)), (None, None)];
    for scope in scopes {
        let of_scope: Vec<&Spanned<file::Band>> = file
            .band
            .iter()
            .filter(|band| {
                let band = band.get_ref();
                band.component == component && (band.market, band.product) == scope
            })
            .collect();
        if !of_scope.is_empty() {
            return check_bands(source, &of_scope);
        }
    }
    Err(source.error(0, format!("component {component} has no [[band]]; expected one from 0")))
}

fn check_bands(
    source: &Source<'_>,
    bands: &[&Spanned<file::Band>],
) -> Result<Vec<Band>, LoadError> {
    let mut expected_above = -1;
    for band in bands {
        let (from, at) = (band.get_ref().from, band.span().start);
        let first = expected_above == -1;
        if (first && from != 0) || from <= expected_above || from > SCORE_MAX {
            let problem = if first {
                "the first band of a component must be from 0, else it leaves a gap".to_owned()
            } else {
                format!("expected a band from above {expected_above}, up to {SCORE_MAX}")
            };
            return Err(source.error(at, problem));
        }
        if (band.get_ref().push == Push::StepUp) == band.get_ref().step_up.is_empty() {
            return Err(source.error(at, "step_up names the checks of a band that pushes to it"));
        }
        expected_above = from;
    }
    let band = |band: &&Spanned<file::Band>| {
        let band = band.get_ref();
        Band { from: band.from, push: band.push, step_up: band.step_up.clone() }
    };
    Ok(bands.iter().map(band).collect())
}

fn compile_rule(
    source: &Source<'_>,
    spanned: &Spanned<file::Rule>,
    names: &Names,
) -> Result<Rule, LoadError> {
    let rule = spanned.get_ref();
    let at = spanned.span().start;
    let code = rule.code;
    let when = condition::compile(rule.when.get_ref(), names).map_err(|fault| {
        let offset = text_start(source.text, &rule.when) + fault.offset;
        source.error(offset, format!("{code}: {}", fault.message))
    })?;
    let scored = rule.push == RulePush::Score;
    if scored != (rule.component.is_some() && rule.points.is_some_and(|points| points != 0)) {
        let problem = "component and points (not 0) go with push = \"score\", and only with it";
        return Err(source.error(at, format!("{code}: {problem}")));
    }
    if (rule.push == RulePush::StepUp) == rule.step_up.is_empty() {
        let problem = "step_up names the checks of a rule with push = \"step_up\", and only of it";
        return Err(source.error(at, format!("{code}: {problem}")));
    }
    let after_scores = when.slots().any(features::is_score);
    if after_scores && scored {
        let problem = "a score rule cannot look at scores, which are known after it";
        return Err(source.error(at, format!("{code}: {problem}")));
    }
    let restrict = match &rule.restrict {
        Some(restrict) => Some((restrict.kind, span(source, &restrict.length)?)),
        None => None,
    };
    let retry_after = rule.retry_after.as_ref().map(|text| span(source, text)).transpose()?;
    let default_on_missing = match rule.push {
        RulePush::Score | RulePush::Info => OnMissing::Skip,
        _ => OnMissing::Review,
    };
    Ok(Rule {
        code,
        push: rule.push,
        when,
        on_missing: rule.on_missing.unwrap_or(default_on_missing),
        component: rule.component,
        points: rule.points.unwrap_or(0),
        step_up: rule.step_up.clone(),
        restrict,
        retry_after,
        after_scores,
        place: Place::of(source.text, at),
    })
}

/// A length such as `72h` or `10m`, above zero.
fn span(source: &Source<'_>, text: &Spanned<String>) -> Result<Span, LoadError> {
    match text.get_ref().parse::<jiff::SignedDuration>() {
        Ok(length) if length.as_secs() > 0 => Ok(Span::seconds(length.as_secs())),
        _ => Err(source.error(text.span().start, "expected a length such as \"72h\" or \"10m\"")),
    }
}

/// Byte offset at which the content of a TOML string begins, so that places inside a condition
/// map to the file. Escapes would shift it: rules stand in literal strings.
fn text_start(text: &str, spanned: &Spanned<String>) -> usize {
    let start = spanned.span().start;
    let raw = text.get(spanned.span()).unwrap_or("");
    let quotes = ["'''", "\"\"\"", "'", "\""].into_iter().find(|quotes| raw.starts_with(quotes));
    let length = quotes.map_or(0, str::len);
    // TOML drops a line break that stands right after the opening quotes of a long string.
    let line_break = match (length, raw.get(length..)) {
        (3, Some(rest)) if rest.starts_with("\r\n") => 2,
        (3, Some(rest)) if rest.starts_with('\n') => 1,
        _ => 0,
    };
    start + length + line_break
}
