//! What the customer reads at checkout: always there, general where a reason may not be told.

use crate::domain::{CustomerMessage, Decision, Disclosure, Effect, NextStep, Outcome, Reason};
use crate::policy::{Market, MessageTexts, ReasonCatalog, fill};

/// The message for a customer who is not verified, in the language of `locale` or its fallback.
pub(super) fn render(
    decision: &Decision,
    catalog: &ReasonCatalog,
    market: Option<&Market>,
    locale: &str,
) -> CustomerMessage {
    let first = decision.reasons.iter().find(|reason| reason.effect == Effect::Decisive);
    let (texts, waits) = frame(decision, catalog);
    let told = first.and_then(|reason| own_text(reason, catalog, locale)).filter(|_| !waits);
    let step = next_step(decision, first, catalog, waits);
    let general = texts.body.for_locale(locale);
    let (body, used) = told.unwrap_or(general);
    let (title, _) = texts.title.for_locale(locale);
    CustomerMessage {
        title: title.to_owned(),
        // A text whose time is not known gives way to the general one.
        body: fill(body, decision, market)
            .or_else(|| fill(general.0, decision, market))
            .unwrap_or_default(),
        next_step: catalog.next_step_text(step, locale).to_owned(),
        locale: used.to_owned(),
    }
}

/// Title and general text of the outcome, and whether all that is said is to wait: an ordinary
/// review and one that compliance holds read alike.
fn frame<'a>(decision: &Decision, catalog: &'a ReasonCatalog) -> (&'a MessageTexts, bool) {
    match (decision.outcome, &decision.step_up) {
        (Outcome::Approved, _) => (&catalog.messages.approved, false),
        (Outcome::Declined, _) => (&catalog.messages.declined, false),
        (Outcome::ManualReview, Some(_)) => (&catalog.messages.step_up, false),
        (Outcome::ManualReview, None) => (&catalog.messages.review, true),
    }
}

/// The reason's own text, where it may be told before the customer is verified.
fn own_text<'a>(
    reason: &Reason,
    catalog: &'a ReasonCatalog,
    locale: &str,
) -> Option<(&'a str, &'a str)> {
    let entry = catalog.entry(reason.code);
    match entry.disclosure {
        Disclosure::Yes | Disclosure::As => {
            entry.text.as_ref().map(|texts| texts.for_locale(locale))
        }
        Disclosure::LoggedIn | Disclosure::Generic | Disclosure::No => None,
    }
}

fn next_step(
    decision: &Decision,
    first: Option<&Reason>,
    catalog: &ReasonCatalog,
    waits: bool,
) -> NextStep {
    match (decision.outcome, first) {
        (Outcome::Approved, _) | (_, None) => NextStep::None,
        _ if waits => NextStep::WaitForReview,
        (_, Some(reason)) => match catalog.entry(reason.code).disclosure {
            Disclosure::Yes | Disclosure::As => catalog.entry(reason.code).next_step,
            // A step of a reason that is not told would tell it.
            _ if decision.outcome == Outcome::ManualReview => NextStep::VerifyIdentity,
            _ => NextStep::ContactSupport,
        },
    }
}
