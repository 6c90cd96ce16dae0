//! The catalogue's texts as they go out: in the language of the request, with their gaps filled.

use super::Audience;
use crate::domain::{DecisionRecord, Disclosure, Outcome};
use crate::policy::{ReasonEntry, Texts, fill};

/// What support reads about a code that it must not repeat.
const DO_NOT_DISCLOSE: &str = "Do not disclose. ";

/// The words for the customer: the code's own, or the general security text where it has none.
pub fn customer_text(entry: &ReasonEntry, record: &DecisionRecord, to: Audience) -> String {
    let own = entry.text.as_ref().and_then(|texts| filled(texts, record, to));
    own.or_else(|| filled(general(record, to), record, to))
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
pub fn general_text(record: &DecisionRecord, to: Audience) -> String {
    filled(general(record, to), record, to).unwrap_or_default()
}

fn general<'a>(record: &DecisionRecord, to: Audience<'a>) -> &'a Texts {
    let messages = &to.playbook.catalog.messages;
    match record.decision.outcome {
        Outcome::Approved => &messages.approved.body,
        Outcome::Declined => &messages.declined.body,
        Outcome::ManualReview if record.decision.step_up.is_some() => &messages.step_up.body,
        Outcome::ManualReview => &messages.review.body,
    }
}

/// The text with its gaps filled; `None` when one of them is not known.
fn filled(texts: &Texts, record: &DecisionRecord, to: Audience) -> Option<String> {
    let market = to.playbook.policy.market(record.market);
    fill(texts.for_locale(&record.locale).0, &record.decision, market)
}
