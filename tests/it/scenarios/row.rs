//! A row of a table: read strictly, so that a mistyped key is an error and not an easier test.

use std::collections::BTreeMap;

use serde::Deserialize;
use surety::domain::Span;
use surety::grpc::pb;

use crate::support::{codes, decisive};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub name: String,
    #[serde(default)]
    pub given: Given,
    pub request: Ask,
    /// How the customer does in the step-up that the request leads to.
    pub step_up: Option<Check>,
    pub expect: Expect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    Passed,
    Failed,
}

/// Who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// A customer of two years with a habit and a good record.
    #[default]
    Regular,
    /// A complete account that has done nothing yet.
    New,
    /// An account that nobody told the service of.
    Unknown,
    Guest,
}

/// What was before the request.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    #[serde(default)]
    pub account: Who,
    pub limit: Option<i64>,
    /// Status of single profile fields.
    #[serde(default)]
    pub profile: BTreeMap<String, String>,
    pub of_legal_age: Option<bool>,
    pub income: Option<i64>,
    pub income_verified: Option<bool>,
    pub commitments: Option<i64>,
    #[serde(default)]
    pub bureau: BureauTold,
    /// Kinds of restriction that begin just before the request, for a day.
    #[serde(default)]
    pub holds: Vec<String>,
    #[serde(default)]
    events: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BureauTold {
    pub file_found: Option<bool>,
    pub delinquency_days: Option<i32>,
    pub collections: Option<bool>,
    pub insolvency: Option<bool>,
    pub inquiries: Option<i32>,
    pub file_age_months: Option<i32>,
    pub entries: Option<i32>,
}

/// What is asked; events that are attempts use the same words.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    pub amount: i64,
    #[serde(default)]
    pub card: bool,
    /// PAY_NOW, PAY_LATER_30, or instalments as `6x30`.
    pub plan: Option<String>,
    pub currency: Option<String>,
    pub market: Option<String>,
    /// Another customer than the row's own.
    pub account: Option<String>,
    pub merchant: Option<String>,
    pub category: Option<String>,
    pub order: Option<String>,
    pub ip: Option<String>,
    pub country: Option<String>,
    pub region: Option<String>,
    pub network: Option<String>,
    /// Latitude and longitude in degrees, exact to a kilometre.
    pub place: Option<String>,
    /// Empty sends no device.
    pub device: Option<String>,
    pub integrity: Option<String>,
    pub supported: Option<bool>,
    pub channel: Option<String>,
    pub token: Option<String>,
    pub instrument: Option<String>,
    pub instrument_country: Option<String>,
    /// Month of expiry, `2026-10`.
    pub expiry: Option<String>,
    /// Fields of the instrument whose check found a mismatch.
    pub mismatch: Option<String>,
    pub bank: Option<String>,
    pub delivery: Option<String>,
    pub delivery_country: Option<String>,
    pub address: Option<String>,
    pub gift_cards: Option<i64>,
    pub pieces: Option<i32>,
    pub details_match: Option<String>,
}

/// What is expected of the decision, as the auditor sees it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub outcome: String,
    /// Exactly the codes that decide, in any order.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Codes that are there besides, whatever they do.
    #[serde(default)]
    pub also: Vec<String>,
    /// Kinds of the step-up that is asked for; none is asked for when empty.
    #[serde(default)]
    pub step_up: Vec<String>,
}

impl Expect {
    pub fn all_codes(&self) -> impl Iterator<Item = &str> {
        self.codes.iter().chain(&self.also).map(String::as_str)
    }

    /// What differs; nothing when all is as expected.
    pub fn problem(&self, found: &pb::Decision) -> Option<String> {
        let outcome = found.outcome().as_str_name().trim_start_matches("DECISION_OUTCOME_");
        let mut decided: Vec<&str> = decisive(found);
        let mut expected: Vec<&str> = self.codes.iter().map(String::as_str).collect();
        decided.sort_unstable();
        expected.sort_unstable();
        let asked = found.step_up.iter().flat_map(|step_up| step_up.kinds());
        let kinds: Vec<&str> =
            asked.map(|kind| kind.as_str_name().trim_start_matches("STEP_UP_KIND_")).collect();
        let all = codes(found);
        let also = self.also.iter().all(|code| all.contains(&code.as_str()));
        let waits = outcome == "MANUAL_REVIEW" && kinds.is_empty();
        let right = outcome == self.outcome
            && decided == expected
            && also
            && kinds == self.step_up
            && found.review.is_some() == waits;
        (!right).then(|| format!("{outcome} by {decided:?} of {all:?}, step-up {kinds:?}"))
    }
}

/// One thing that happened before the request.
#[derive(Clone, Debug)]
pub struct Before {
    pub what: String,
    /// `key=value` words; of an attempt, those of [`Ask`].
    pub words: toml::Table,
    /// How long before the request.
    pub ago: Span,
}

impl Before {
    pub fn text(&self, key: &str) -> Option<String> {
        self.words.get(key)?.as_str().map(str::to_owned)
    }

    pub fn number(&self, key: &str) -> Option<i64> {
        self.words.get(key)?.as_integer()
    }
}

impl Given {
    /// The events, oldest first.
    pub fn events(&self) -> Result<Vec<Before>, String> {
        let events: Result<Vec<Before>, String> =
            self.events.iter().map(|text| before(text)).collect();
        let mut events = events?;
        events.sort_by_key(|event| -event.ago.as_micros());
        Ok(events)
    }
}

/// What each event may say besides its time.
const WORDS: [(&str, &[&str]); 9] = [
    ("bank_refused", &[]),
    ("bought", &["amount", "category", "times"]),
    ("repaid", &["plan", "amount", "late_days"]),
    ("owes", &["plan", "amount", "overdue", "state", "due_days"]),
    ("sign_in", &["place"]),
    ("changed", &["field"]),
    ("support_plan", &[]),
    ("misuse", &["scope"]),
    ("confirmed", &[]),
];

fn before(text: &str) -> Result<Before, String> {
    let mut words = text.split_whitespace();
    let what = words.next().unwrap_or_default().to_owned();
    let mut told = toml::Table::new();
    let mut ago = None;
    for word in words {
        match word.split_once('=') {
            Some((key, value)) => {
                let number = value.parse().map(toml::Value::Integer);
                let flag = value.parse().map(toml::Value::Boolean);
                let value = number.or(flag).unwrap_or_else(|_| value.into());
                told.insert(key.to_owned(), value);
            }
            None => ago = Some(span(word).ok_or(format!("{text}: no time {word}"))?),
        }
    }
    let ago = ago.ok_or(format!("{text}: when?"))?;
    let known = WORDS.iter().find(|(name, _)| *name == what).map(|(_, keys)| *keys);
    match (what.as_str(), known) {
        // Its words are checked by their own table.
        ("attempt" | "order", _) => {
            Ask::deserialize(told.clone()).map_err(|error| format!("{text}: {error}"))?;
        }
        (_, Some(keys)) if told.keys().all(|key| keys.contains(&key.as_str())) => {}
        (_, _) => return Err(format!("{text}: not understood")),
    }
    Ok(Before { what, words: told, ago })
}

/// `-50m`, `-36h`, `-400d`.
fn span(word: &str) -> Option<Span> {
    let (number, unit) = word.strip_prefix('-')?.split_at_checked(word.len() - 2)?;
    let number = number.parse().ok()?;
    match unit {
        "s" => Some(Span::seconds(number)),
        "m" => Some(Span::minutes(number)),
        "h" => Some(Span::hours(number)),
        "d" => Some(Span::days(number)),
        _ => None,
    }
}

pub fn read(text: &str) -> Result<Vec<Row>, toml::de::Error> {
    toml::from_str::<Table>(text).map(|table| table.case)
}

pub fn parse(name: &str, text: &str) -> Vec<Row> {
    read(text).unwrap_or_else(|error| panic!("{name}: {error}"))
}
