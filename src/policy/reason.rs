//! The reason catalogue: what each code means, who may be told, and in which words.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::place::{LoadError, Place};
use crate::domain::{
    Disclosure, FixableBy, NextStep, PublicReason, PushesTo, ReasonCategory, ReasonCode,
    RetryDisposition,
};

/// Most characters of a customer text, so that it fits a checkout's message line.
const CUSTOMER_TEXT_MAX: usize = 150;
/// Words that accuse, or that teach an attacker what is looked at.
const WORDS_BARRED: [&str; 20] = [
    "fraud",
    "suspicious",
    "sanction",
    "blacklist",
    "stolen",
    "vpn",
    "ip",
    "fingerprint",
    "score",
    "risk",
    "algorithm",
    "policy",
    "bedrägeri",
    "misstänkt",
    "stulen",
    "betrug",
    "verdächtig",
    "gestohlen",
    "risiko",
    "algorithmus",
];
/// Every text exists in this language; others fall back to it.
const FALLBACK_LOCALE: &str = "en";

/// A text by language.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Texts(BTreeMap<String, String>);

impl Texts {
    /// The text for a BCP 47 tag, by lookup (RFC 4647 section 3.4): the tag is shortened from the
    /// right until a language is found, then English. Also gives the tag that was used.
    pub fn for_locale(&self, tag: &str) -> (&str, &str) {
        let mut tag = tag;
        loop {
            let found = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(tag));
            if let Some((known, text)) = found {
                return (text, known);
            }
            match tag.rfind(['-', '_']) {
                Some(end) => tag = &tag[..end],
                None if tag == FALLBACK_LOCALE => return ("", FALLBACK_LOCALE),
                None => tag = FALLBACK_LOCALE,
            }
        }
    }

    fn missing<'a>(&self, locales: &'a [String]) -> Option<&'a str> {
        locales.iter().map(String::as_str).find(|locale| !self.0.contains_key(*locale))
    }
}

/// One code of the catalogue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonEntry {
    pub code: ReasonCode,
    pub number: i32,
    pub category: ReasonCategory,
    pub pushes_to: PushesTo,
    pub favourable: bool,
    pub disclosure: Disclosure,
    /// Under which code's text it is shown; only with [`Disclosure::As`].
    pub shown_as: Option<ReasonCode>,
    pub public_reason: PublicReason,
    pub next_step: NextStep,
    pub retry: RetryDisposition,
    /// Statement of the principal reason in a US notice of adverse action.
    pub principal_reason: Option<String>,
    /// Why no principal reason is due, where there is none.
    pub no_principal_reason: Option<String>,
    pub fixable_by: FixableBy,
    /// Whether a reviewer may give it as the ground of a refusal.
    pub by_reviewer: bool,
    pub support_text: String,
    /// Customer text; absent where the customer is only ever told the general text.
    pub text: Option<Texts>,
    /// What the customer is advised to do.
    pub action: Texts,
}

/// Title and body that the customer reads.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageTexts {
    pub title: Texts,
    pub body: Texts,
}

/// Messages by outcome; the bodies of refusal, step-up and review are the general security texts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Messages {
    pub approved: MessageTexts,
    pub declined: MessageTexts,
    pub step_up: MessageTexts,
    pub review: MessageTexts,
    pub neutral: MessageTexts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: String,
    text_version: String,
    locales: Vec<String>,
    message: Messages,
    next_step: BTreeMap<NextStep, Texts>,
    reason: Vec<toml::Spanned<ReasonEntry>>,
}

/// All codes, checked.
#[derive(Clone, Debug)]
pub struct ReasonCatalog {
    pub version: String,
    pub text_version: String,
    pub messages: Messages,
    next_steps: BTreeMap<NextStep, Texts>,
    /// By the code's place in [`ReasonCode::ALL`].
    entries: Vec<ReasonEntry>,
}

impl ReasonCatalog {
    /// Parses and checks a catalogue; `name` is the file's name for messages.
    pub fn parse(name: &str, source: &str) -> Result<ReasonCatalog, LoadError> {
        let file: File = toml::from_str(source).map_err(|e| LoadError::toml(name, source, &e))?;
        for entry in &file.reason {
            check(entry.get_ref(), &file).map_err(|problem| {
                LoadError::at(name, Place::of(source, entry.span().start), problem)
            })?;
        }
        let entries = ReasonCode::ALL.iter().map(|&code| the_one(&file.reason, code)).collect();
        let entries: Result<Vec<ReasonEntry>, String> = entries;
        let start = Place::of(source, 0);
        let entries = entries.map_err(|problem| LoadError::at(name, start, problem))?;
        if let Some(missing) = NextStep::ALL.iter().find(|step| !file.next_step.contains_key(*step))
        {
            return Err(LoadError::at(name, start, format!("next step {missing} has no text")));
        }
        Ok(ReasonCatalog {
            version: file.version,
            text_version: file.text_version,
            messages: file.message,
            next_steps: file.next_step,
            entries,
        })
    }

    pub fn entry(&self, code: ReasonCode) -> &ReasonEntry {
        let place = ReasonCode::ALL.binary_search_by_key(&code.number(), |known| known.number());
        &self.entries[place.unwrap_or(0)]
    }

    pub fn entries(&self) -> &[ReasonEntry] {
        &self.entries
    }

    /// The sentence for a next step, in the language of `tag` or its fallback.
    pub fn next_step_text(&self, step: NextStep, tag: &str) -> &str {
        self.next_steps.get(&step).map_or("", |texts| texts.for_locale(tag).0)
    }
}

fn the_one(
    entries: &[toml::Spanned<ReasonEntry>],
    code: ReasonCode,
) -> Result<ReasonEntry, String> {
    let mut found = entries.iter().map(toml::Spanned::get_ref).filter(|entry| entry.code == code);
    match (found.next(), found.next()) {
        (Some(entry), None) => Ok(entry.clone()),
        (Some(_), Some(_)) => Err(format!("{code} stands twice; expected every code once")),
        (None, _) => Err(format!("{code} is missing; expected every code once")),
    }
}

/// The checks of the catalogue on itself.
fn check(entry: &ReasonEntry, file: &File) -> Result<(), String> {
    let code = entry.code;
    if entry.number != code.number() || entry.category != code.category() {
        return Err(format!(
            "{code} has number {} and category {:?}; both are for ever",
            code.number(),
            code.category()
        ));
    }
    check_disclosure(entry, file)?;
    if entry.principal_reason.is_some() == entry.no_principal_reason.is_some() {
        return Err(format!("{code}: expected either principal_reason or no_principal_reason"));
    }
    if entry.by_reviewer && (entry.favourable || entry.category == ReasonCategory::System) {
        return Err(format!("{code} is no ground of a refusal by a reviewer"));
    }
    let texts = entry.text.iter().chain([&entry.action]);
    for (locale, text) in texts.flat_map(|texts| &texts.0) {
        check_customer_text(text).map_err(|problem| format!("{code}, {locale}: {problem}"))?;
    }
    Ok(())
}

fn check_disclosure(entry: &ReasonEntry, file: &File) -> Result<(), String> {
    let code = entry.code;
    match (entry.disclosure, &entry.text) {
        (Disclosure::Generic | Disclosure::No, Some(_)) => {
            return Err(format!("{code} is never told, so it has no customer text"));
        }
        (Disclosure::Yes | Disclosure::LoggedIn | Disclosure::As, None) => {
            return Err(format!("{code} needs a customer text"));
        }
        (_, Some(texts)) => {
            if let Some(locale) = texts.missing(&file.locales) {
                return Err(format!("{code} has no text in {locale}"));
            }
        }
        (_, None) => {}
    }
    let shown = entry.shown_as.and_then(|other| the_one(&file.reason, other).ok());
    match (entry.disclosure, shown) {
        (Disclosure::As, Some(other)) if other.text == entry.text => Ok(()),
        (Disclosure::As, _) => {
            Err(format!("{code} is shown as another code, so it repeats that code's text"))
        }
        (_, None) if entry.shown_as.is_none() => Ok(()),
        _ => Err(format!("{code}: shown_as goes with disclosure AS only")),
    }
}

fn check_customer_text(text: &str) -> Result<(), String> {
    if text.chars().count() > CUSTOMER_TEXT_MAX {
        return Err(format!("customer text longer than {CUSTOMER_TEXT_MAX} characters"));
    }
    let lower = text.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    match words.find(|word| WORDS_BARRED.contains(word)) {
        Some(word) => Err(format!("customer text holds the word \"{word}\"")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../models/reasons.toml");

    #[test]
    fn the_shipped_catalogue_passes_its_own_checks() {
        let catalog = ReasonCatalog::parse("reasons.toml", SHIPPED).unwrap();
        for &code in ReasonCode::ALL {
            assert_eq!(catalog.entry(code).code, code);
        }
    }

    #[test]
    fn texts_fall_back_by_language_and_then_to_english() {
        let catalog = ReasonCatalog::parse("reasons.toml", SHIPPED).unwrap();
        let texts = catalog.entry(ReasonCode::CreditLimitExceeded).text.as_ref().unwrap();
        for (tag, used) in
            [("de-AT", "de"), ("sv", "sv"), ("SV-fi", "sv"), ("fr-FR", "en"), ("", "en")]
        {
            assert_eq!(texts.for_locale(tag).1, used, "{tag}");
        }
    }

    #[test]
    fn a_broken_catalogue_names_line_and_column() {
        let cases = [
            (SHIPPED.replacen("number = 101", "number = 102", 1), "PROFILE_INCOMPLETE has number"),
            (SHIPPED.replacen("\"PROFILE_INCOMPLETE\"", "\"PROFILE_EMPTY\"", 1), "PROFILE_EMPTY"),
            (SHIPPED.replacen("favourable = false", "favorable = false", 1), "favorable"),
            (SHIPPED.replace("by_reviewer = false", "by_reviewer = true"), "is no ground of"),
            (
                SHIPPED.replacen("Some of your details are missing", "Your score is missing", 1),
                "holds the word \"score\"",
            ),
        ];
        for (source, expected) in cases {
            let error = ReasonCatalog::parse("reasons.toml", &source).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(error.starts_with("reasons.toml:"), "{error}");
        }
    }
}
