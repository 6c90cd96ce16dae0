//! The catalogue's texts as they go out: in the language of the request, with their gaps filled.

use jiff::Timestamp;

use crate::domain::{DecisionRecord, Disclosure, Outcome, Time};
use crate::policy::{ReasonCatalog, ReasonEntry, Texts};

/// What support reads about a code that it must not repeat.
const DO_NOT_DISCLOSE: &str = "Do not disclose. ";

/// The words for the customer: the code's own, or the general security text where it has none.
pub fn customer_text(
    entry: &ReasonEntry,
    record: &DecisionRecord,
    catalog: &ReasonCatalog,
) -> String {
    let own = entry.text.as_ref().and_then(|texts| filled(texts, record));
    own.or_else(|| filled(general(record, catalog), record))
        .unwrap_or_else(|| entry.action.for_locale(&record.locale).0.to_owned())
}

/// The words for support, marked where the code itself is not to be told.
pub fn support_text(entry: &ReasonEntry) -> String {
    match entry.disclosure {
        Disclosure::Generic | Disclosure::No => format!("{DO_NOT_DISCLOSE}{}", entry.support_text),
        Disclosure::Yes | Disclosure::LoggedIn | Disclosure::As => entry.support_text.clone(),
    }
}

/// The general security text of the outcome, as the customer was told.
pub fn general_text(record: &DecisionRecord, catalog: &ReasonCatalog) -> String {
    filled(general(record, catalog), record).unwrap_or_default()
}

fn general<'a>(record: &DecisionRecord, catalog: &'a ReasonCatalog) -> &'a Texts {
    let messages = &catalog.messages;
    match record.decision.outcome {
        Outcome::Approved => &messages.approved.body,
        Outcome::Declined => &messages.declined.body,
        Outcome::ManualReview if record.decision.step_up.is_some() => &messages.step_up.body,
        Outcome::ManualReview => &messages.review.body,
    }
}

/// The text with its gaps filled; `None` when one of them is not known.
fn filled(texts: &Texts, record: &DecisionRecord) -> Option<String> {
    let retry = record.decision.retry.earliest;
    let review = record.decision.review.map(|review| review.expected);
    let mut text = texts.for_locale(&record.locale).0.to_owned();
    for (gap, time, pattern) in [
        ("{end_date}", retry, "%Y-%m-%d"),
        ("{retry_time}", retry, "%Y-%m-%d %H:%M UTC"),
        ("{review_time}", review, "%Y-%m-%d %H:%M UTC"),
    ] {
        if text.contains(gap) {
            text = text.replace(gap, &written(time?, pattern)?);
        }
    }
    Some(text)
}

fn written(time: Time, pattern: &str) -> Option<String> {
    let time = Timestamp::from_microsecond(time.as_micros()).ok()?;
    Some(time.strftime(pattern).to_string())
}
