//! One-time cards on the wire, and what a network is answered.

use super::{Audience, decision, minor, money, time};
use crate::domain::{
    Card, CardAuthorization, CardState, Currency, Decision, DecisionRecord, NetworkAnswer, Outcome,
    Retry, RetryDisposition, Role, Time,
};
use crate::grpc::pb;
use crate::grpc::words::Word;

/// A card as it stands at `now`.
pub fn card(card: &Card, role: Role, now: Time) -> pb::OneTimeCard {
    let state = card.state(now);
    let currency = card.amount.currency();
    let number = card.number.clone();
    let token = number.as_ref().map(|number| number.token.clone());
    pb::OneTimeCard {
        one_time_card_id: card.id.to_string(),
        decision_id: card.decision.to_string(),
        state: state.number(),
        amount: Some(money(card.amount)),
        tolerance: Some(minor(card.tolerance, currency)),
        merchant_id: if card.merchant_locked { card.merchant.to_string() } else { String::new() },
        expire_time: Some(time(card.expires)),
        create_time: Some(time(card.created)),
        activate_time: card.activated.map(time),
        card_token: token.filter(|_| sees_token(role)).unwrap_or_default(),
        last_four: number.as_ref().map(|number| number.last_four.clone()).unwrap_or_default(),
        network: number.map(|number| number.network).unwrap_or_default(),
        authorization: card.authorization.as_ref().map(|held| authorization(held, currency)),
        reserved_amount: Some(minor(card.reserved_at(now), currency)),
        cancel_time: card.canceled_at(now).filter(|_| state == CardState::Canceled).map(time),
    }
}

/// Whoever has the token can ask the issuer for the number.
fn sees_token(role: Role) -> bool {
    matches!(role, Role::Issuer | Role::Auditor)
}

fn authorization(held: &CardAuthorization, currency: Currency) -> pb::CardAuthorization {
    pb::CardAuthorization {
        authorization_id: held.id.to_string(),
        amount: Some(minor(held.amount, currency)),
        captured_amount: Some(minor(held.captured, currency)),
        create_time: Some(time(held.created)),
        expire_time: Some(time(held.ends())),
        merchant_id: held.merchant.to_string(),
    }
}

/// The card of an approval, as it was granted.
pub fn one_time_card(record: &DecisionRecord, role: Role) -> Option<pb::OneTimeCard> {
    let granted = Card::granted(record).filter(|_| record.decision.outcome == Outcome::Approved)?;
    Some(card(&granted, role, record.created))
}

/// Why a network was refused, as a decision declined for that reason would say it to the role.
pub fn refusal(
    granting: &DecisionRecord,
    answer: &NetworkAnswer,
    to: Audience,
) -> (Vec<pb::Reason>, Vec<i32>) {
    let Some(reason) = answer.reason.clone() else { return (Vec::new(), Vec::new()) };
    let declined = DecisionRecord {
        decision: Decision {
            outcome: Outcome::Declined,
            reasons: vec![reason],
            step_up: None,
            review: None,
            retry: Retry { disposition: RetryDisposition::NotApplicable, earliest: None },
            adverse_action: None,
            ..granting.decision.clone()
        },
        ..granting.clone()
    };
    let told = decision(&declined, to);
    (told.reasons, told.public_reasons)
}
