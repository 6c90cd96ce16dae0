//! Whether a network may have what it asks: by the card, the clock and the account's holds.

use super::super::Error;
use super::super::sql::{Connection, query};
use crate::domain::{
    AuthorizationKind, Card, CardPurchase, CardState, Effect, Evidence, NetworkAnswer, Push,
    Reason, ReasonCode, RestrictionKind, Time, network_response,
};

/// Why a network is refused.
pub(super) struct Refusal {
    code: ReasonCode,
    evidence: Vec<Evidence>,
    /// Whether the card ended by its time.
    expired: bool,
    /// A hold refuses without a word, whatever its code.
    hold: bool,
}

impl Refusal {
    pub fn of(code: ReasonCode, evidence: Vec<Evidence>) -> Refusal {
        Refusal { code, evidence, expired: false, hold: false }
    }

    /// The answer to the network; of `secret` codes it learns nothing.
    pub fn answer(self, secret: &[ReasonCode]) -> NetworkAnswer {
        let silent = self.hold || secret.contains(&self.code);
        let reason = Reason {
            code: self.code,
            effect: Effect::Decisive,
            push: Push::Decline,
            component: None,
            rank: 1,
            points: 0,
            share_percent: 0,
            evidence: self.evidence,
        };
        let response = network_response(self.code, silent, self.expired).to_owned();
        NetworkAnswer { reason: Some(reason), response }
    }
}

/// A comparison of what is asked with what the card allows.
pub(super) fn seen(key: &str, observed: impl ToString, threshold: impl ToString) -> Vec<Evidence> {
    vec![Evidence {
        key: key.to_owned(),
        observed: observed.to_string(),
        threshold: threshold.to_string(),
        window: String::new(),
        source: "request".to_owned(),
    }]
}

/// A restriction of the account in force, the gravest first.
pub(super) struct InForce {
    kind: RestrictionKind,
    code: ReasonCode,
}

pub(super) async fn restrictions(
    connection: &mut Connection,
    card: &Card,
    now: Time,
) -> Result<Vec<InForce>, Error> {
    let rows = query(
        "SELECT kind, code FROM restrictions
         WHERE account_id = $1 AND starts <= $2 AND ends > $2
            AND (lifted IS NULL OR lifted > $2)
         ORDER BY starts, restriction_id",
    )
    .bind(card.holder.ledger_name())
    .bind(now.as_micros())
    .fetch_all(connection)
    .await?;
    let mut found = Vec::new();
    for row in rows {
        let kind = RestrictionKind::from_name(row.try_get("kind")?);
        let code = ReasonCode::from_name(row.try_get("code")?);
        let (Some(kind), Some(code)) = (kind, code) else {
            return Err(Error::corrupt("a restriction of unknown kind or code"));
        };
        found.push(InForce { kind, code });
    }
    found.sort_by_key(|found| !found.kind.stops_cards());
    Ok(found)
}

/// What the account's restrictions say to a network.
pub(super) fn restricted(found: &[InForce]) -> Option<Refusal> {
    let gravest = found.first()?;
    let hold = gravest.kind.stops_cards();
    Some(Refusal { hold, ..Refusal::of(gravest.code, Vec::new()) })
}

/// Why a purchase or a check is refused, apart from the limit.
pub(super) fn refuse(
    (card, now): (&Card, Time),
    purchase: &CardPurchase,
    found: &[InForce],
    merchant_eligible: bool,
) -> Option<Refusal> {
    if let Some(refusal) = by_state(card, now, found).or_else(|| restricted(found)) {
        return Some(refusal);
    }
    let (shop, asked) = (&card.merchant, &purchase.merchant.id);
    if card.merchant_locked && shop != asked {
        let evidence = seen("authorization.merchant_id", asked, shop);
        return Some(Refusal::of(ReasonCode::OneTimeCardMerchantMismatch, evidence));
    }
    if !merchant_eligible {
        let category = purchase.merchant.category.map(|category| category.to_string());
        let evidence = seen("authorization.merchant_category", category.unwrap_or_default(), "");
        return Some(Refusal::of(ReasonCode::MerchantNotEligible, evidence));
    }
    match (purchase.kind, purchase.amount) {
        (AuthorizationKind::Purchase, Some(amount)) => above(card, amount.minor()),
        _ => None,
    }
}

/// The refusal of more than the card may ever be authorised for.
pub(super) fn above(card: &Card, amount: i64) -> Option<Refusal> {
    let most = card.authorizable();
    let evidence = || seen("authorization.amount", amount, most);
    (amount > most).then(|| Refusal::of(ReasonCode::OneTimeCardAmountExceeded, evidence()))
}

/// Only an active card can be used.
fn by_state(card: &Card, now: Time, found: &[InForce]) -> Option<Refusal> {
    let state = card.state(now);
    let evidence = seen("card.state", state, CardState::Active);
    let not_active = || Refusal::of(ReasonCode::OneTimeCardNotActive, evidence.clone());
    match state {
        CardState::Active => None,
        CardState::Authorized | CardState::Used => {
            Some(Refusal::of(ReasonCode::OneTimeCardAlreadyUsed, evidence))
        }
        CardState::Expired => Some(Refusal { expired: true, ..not_active() }),
        // The hold that ended the card speaks while it lasts.
        CardState::Canceled if card.held.is_some() => {
            restricted(found).filter(|refusal| refusal.hold).or_else(|| Some(not_active()))
        }
        CardState::Canceled | CardState::Approved => Some(not_active()),
    }
}
