//! The columns of a ledger's table: who and when, every feature by its name, and the outcome.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::domain::{Scores, Time};
use crate::features::{self, Facts, View};
use crate::lab::cell;
use crate::lab::train::error::Error;
use crate::lab::train::spec::{OUTCOME, Spec};
use crate::ledger::Decided;
use crate::policy::Policy;
use crate::scoring::is_barred;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Id,
    Time,
    Account,
    Market,
    /// By its slot.
    Feature(u16),
    Outcome,
}

/// The columns that a spec names; id and time are always there, so that a row can be looked up.
pub(super) struct Fields<'a> {
    fields: Vec<(String, Field)>,
    policy: &'a Policy,
}

impl Fields<'_> {
    pub fn new<'a>(spec: &Spec, policy: &'a Policy) -> Result<Fields<'a>, Error> {
        let about = [
            ("id", Field::Id),
            ("time", Field::Time),
            ("account", Field::Account),
            ("market", Field::Market),
        ];
        let about = about.into_iter().map(|(name, field)| (name.to_owned(), field));
        // What no model may look at, none can be trained on.
        let features = features::names().into_iter().filter(|one| !is_barred(&one.name));
        let features = features.map(|one| (one.name, Field::Feature(one.slot)));
        let last = [(OUTCOME.to_owned(), Field::Outcome)];
        let mut wanted = spec.columns();
        let mut fields = Vec::new();
        for (name, field) in about.chain(features).chain(last) {
            if wanted.remove(&name).is_some() || matches!(field, Field::Id | Field::Time) {
                fields.push((name, field));
            }
        }
        match wanted.is_empty() {
            true => Ok(Fields { fields, policy }),
            false => Err(unknown(&wanted)),
        }
    }

    pub fn header(&self) -> csv::StringRecord {
        self.fields.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// A row. The facts stand as of the decision, so a later catalog reads them as they were then.
    pub fn record(&self, decided: &Decided, positive: bool) -> Result<csv::StringRecord, Error> {
        let facts: Facts = serde_json::from_str(&decided.facts).map_err(|cause| {
            Error::data(format!("the facts of decision {} cannot be read: {cause}", decided.id))
        })?;
        let market = self.policy.market_facts(&facts.request);
        let view = View { facts: &facts, market, scores: &Scores::default() };
        let mut record = csv::StringRecord::new();
        let mut text = String::new();
        for (_, field) in &self.fields {
            text.clear();
            match field {
                Field::Id => text.push_str(&decided.id.to_string()),
                Field::Time => text.push_str(&seconds(decided.created)),
                Field::Account => text.push_str(&hashed(&decided.holder)),
                Field::Market => text.push_str(facts.request.market.code()),
                Field::Feature(slot) => cell::write(&mut text, &features::read(*slot, &view)),
                Field::Outcome => text.push(if positive { '1' } else { '0' }),
            }
            record.push_field(&text);
        }
        Ok(record)
    }
}

fn unknown<T>(wanted: &BTreeMap<String, T>) -> Error {
    let names: Vec<String> = wanted.keys().map(|name| format!("\"{name}\"")).collect();
    Error::data(format!(
        "a ledger has no column {}: expected id, time, account, market, outcome, or a name of \
         `surety catalog` that a model may look at",
        names.join(", ")
    ))
}

/// Seconds since 1970, with as many decimals as there are.
fn seconds(time: Time) -> String {
    let micros = time.as_micros();
    let (whole, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    match rest {
        0 => whole.to_string(),
        rest => format!("{whole}.{rest:06}").trim_end_matches('0').to_owned(),
    }
}

/// Tells accounts apart in a file that is passed around; it hides no account from whoever can list
/// all names.
fn hashed(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::SHIPPED_POLICY;

    #[test]
    fn times_have_the_decimals_that_they_need() {
        for (micros, expected) in [
            (1_767_225_600_000_000, "1767225600"),
            (1_767_225_600_123_400, "1767225600.1234"),
            (1_767_225_600_000_001, "1767225600.000001"),
        ] {
            assert_eq!(seconds(Time::from_micros(micros)), expected);
        }
    }

    #[test]
    fn the_specs_to_begin_with_name_what_a_ledger_has() {
        let policy = Policy::parse(SHIPPED_POLICY.name, SHIPPED_POLICY.text).unwrap();
        for (text, columns) in [
            (include_str!("../../../../models/specs/own-misuse.toml"), 17),
            (include_str!("../../../../models/specs/own-late.toml"), 12),
        ] {
            let spec = Spec::parse("shipped", text).unwrap();
            let fields = Fields::new(&spec, &policy).unwrap();
            assert_eq!(fields.header().len(), columns, "{}", spec.name);
            assert_eq!(&fields.header()[columns - 1], "outcome");
        }
    }

    #[test]
    fn accounts_are_told_apart_by_a_short_hash() {
        assert_eq!(hashed("abc"), "ba7816bf8f01cfea");
    }
}
