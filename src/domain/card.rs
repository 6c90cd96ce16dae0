//! The life of a one-time card: its states as times tell them, and what the network is answered.

use serde::{Deserialize, Serialize};

use super::named::named;
use super::{
    AccountId, AuthorizationId, CallId, CancelReason, Category, Country, DecisionId,
    DecisionRecord, Holder, MerchantId, Money, OneTimeCardId, Reason, ReasonCode, Span, Time,
};

/// How long the issuer may take to make a number.
pub const ACTIVATION: Span = Span::minutes(10);
/// How long an authorisation waits for its captures.
pub const AUTHORIZATION_HOLDS: Span = Span::days(14);

named! {
    CardState {
        Approved "APPROVED",
        Active "ACTIVE",
        Authorized "AUTHORIZED",
        Used "USED",
        Expired "EXPIRED",
        Canceled "CANCELED",
    }

    AuthorizationKind {
        Purchase "PURCHASE",
        /// Without an amount; never spends a card.
        AccountCheck "ACCOUNT_CHECK",
    }

    EntryMode {
        Ecommerce "ECOMMERCE",
        CredentialOnFile "CREDENTIAL_ON_FILE",
        Contactless "CONTACTLESS",
        Chip "CHIP",
        MagneticStripe "MAGNETIC_STRIPE",
        Keyed "KEYED",
    }

    AdjustKind {
        Increment "INCREMENT",
        Capture "CAPTURE",
        Reverse "REVERSE",
    }
}

/// What the issuer tells of the number; the number itself is never here. Stored answers are without
/// it, so that it is in one place and can be erased there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardNumber {
    #[serde(skip)]
    pub token: String,
    #[serde(skip)]
    pub last_four: String,
    pub network: String,
}

/// What a shop holds on a card, as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardAuthorization {
    pub id: AuthorizationId,
    /// Minor units, with increments and less what was reversed.
    pub amount: i64,
    /// Minor units.
    pub captured: i64,
    pub created: Time,
    pub merchant: MerchantId,
}

impl CardAuthorization {
    /// Minor units that are neither captured nor reversed.
    pub fn open(&self) -> i64 {
        self.amount - self.captured
    }

    /// When what is open is released.
    pub fn ends(&self) -> Time {
        self.created + AUTHORIZATION_HOLDS
    }
}

/// A one-time card with what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub id: OneTimeCardId,
    pub decision: DecisionId,
    pub holder: Holder,
    /// The shop of the request.
    pub merchant: MerchantId,
    pub merchant_locked: bool,
    pub amount: Money,
    /// Minor units that an authorisation may be above the amount.
    pub tolerance: i64,
    pub created: Time,
    pub expires: Time,
    pub activated: Option<Time>,
    pub number: Option<CardNumber>,
    /// The one purchase; empty before it and after it was reversed in full.
    pub authorization: Option<CardAuthorization>,
    pub canceled: Option<Time>,
    /// When a hold on the account ended the card, written down or not.
    pub held: Option<Time>,
    /// Minor units that the reservation would still hold, whatever the state.
    pub reserved: i64,
}

impl Card {
    /// The card of an approval, as it was granted.
    pub fn granted(record: &DecisionRecord) -> Option<Card> {
        let card = record.card?;
        Some(Card {
            id: OneTimeCardId(card.id),
            decision: record.id,
            holder: record.holder.clone(),
            merchant: record.merchant.clone(),
            merchant_locked: card.terms.merchant_locked,
            amount: record.amount,
            tolerance: card.terms.tolerance,
            created: record.created,
            expires: card.expires,
            activated: None,
            number: None,
            authorization: None,
            canceled: None,
            held: None,
            reserved: record.exposure(),
        })
    }

    /// The state at `now`: ends are judged by comparing times, not by a sweeper having run.
    pub fn state(&self, now: Time) -> CardState {
        match &self.authorization {
            _ if self.canceled.is_some() => CardState::Canceled,
            Some(held) if held.open() == 0 || held.ends() <= now => CardState::Used,
            Some(_) => CardState::Authorized,
            None if self.held_since(now).is_some() => CardState::Canceled,
            None if self.expires <= now => CardState::Expired,
            None if self.activated.is_some() => CardState::Active,
            None => CardState::Approved,
        }
    }

    /// When the card was cancelled, by a call or by a hold.
    pub fn canceled_at(&self, now: Time) -> Option<Time> {
        self.canceled.or_else(|| self.held_since(now).filter(|_| self.authorization.is_none()))
    }

    fn held_since(&self, now: Time) -> Option<Time> {
        self.held.filter(|since| *since <= now && *since < self.expires)
    }

    /// Minor units held of the limit at `now`.
    pub fn reserved_at(&self, now: Time) -> i64 {
        match self.state(now) {
            CardState::Approved | CardState::Active | CardState::Authorized => self.reserved,
            CardState::Used | CardState::Expired | CardState::Canceled => 0,
        }
    }

    /// Most minor units that may be authorised in all.
    pub fn authorizable(&self) -> i64 {
        self.amount.minor().saturating_add(self.tolerance)
    }
}

/// A card and the moment at which it is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardAt {
    pub card: Card,
    pub now: Time,
}

#[derive(Clone, Debug)]
pub struct CardActivation {
    pub call: CallId,
    pub card: OneTimeCardId,
    pub number: CardNumber,
}

/// A shop as the card network tells it.
#[derive(Clone, Debug)]
pub struct NetworkMerchant {
    pub id: MerchantId,
    pub name: String,
    pub category: Option<Category>,
    pub country: Option<Country>,
}

#[derive(Clone, Debug)]
pub struct CardPurchase {
    pub call: CallId,
    /// The network's own name for the request.
    pub network_request: String,
    /// Hash of all but the `request_id`: what one network request always says.
    pub content: [u8; 32],
    pub card: OneTimeCardId,
    pub kind: AuthorizationKind,
    /// Empty for a check.
    pub amount: Option<Money>,
    pub merchant: NetworkMerchant,
    pub entry_mode: Option<EntryMode>,
}

#[derive(Clone, Debug)]
pub struct CardAdjustment {
    pub call: CallId,
    pub card: OneTimeCardId,
    pub authorization: AuthorizationId,
    pub kind: AdjustKind,
    /// Above zero.
    pub amount: Money,
}

#[derive(Clone, Debug)]
pub struct CardCancellation {
    pub call: CallId,
    pub card: OneTimeCardId,
    pub reason: CancelReason,
}

/// Which cards to list, newest first.
#[derive(Clone, Debug)]
pub struct CardQuery {
    pub account: AccountId,
    /// Empty means all.
    pub states: Vec<CardState>,
    pub from: Option<Time>,
    pub until: Option<Time>,
    /// 1 to 200.
    pub page_size: usize,
    /// Last card of the page before, by its decision.
    pub after: Option<(Time, DecisionId)>,
}

/// What the network is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAnswer {
    /// Why not; empty when approved.
    pub reason: Option<Reason>,
    /// Two digits of ISO 8583.
    pub response: String,
}

impl NetworkAnswer {
    pub fn approved() -> NetworkAnswer {
        NetworkAnswer { reason: None, response: "00".to_owned() }
    }

    pub fn is_approval(&self) -> bool {
        self.reason.is_none()
    }
}

/// The answer of ISO 8583 that stands for a refusal (reason catalogue, section 6). Of what is
/// `secret` the network learns nothing: never 59, 63 or 64. `expired` tells which end a card had.
pub fn network_response(code: ReasonCode, secret: bool, expired: bool) -> &'static str {
    use ReasonCode as Code;
    match code {
        _ if secret => "05",
        Code::OneTimeCardAmountExceeded | Code::CreditLimitExceeded => "61",
        Code::OneTimeCardAlreadyUsed | Code::AttemptsTooFrequent => "65",
        Code::OneTimeCardNotActive if expired => "54",
        Code::OneTimeCardNotActive => "62",
        // A card is frozen while these last.
        Code::AccountTemporarilyRestricted | Code::CreditSelfExclusion => "62",
        Code::OneTimeCardMerchantMismatch | Code::MerchantNotEligible => "57",
        Code::InstrumentDetailsInvalid => "14",
        Code::DataSourceUnavailable => "91",
        _ => "05",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_is_answered_as_the_catalogue_says() {
        for (code, response) in [
            (ReasonCode::OneTimeCardAmountExceeded, "61"),
            (ReasonCode::CreditLimitExceeded, "61"),
            (ReasonCode::OneTimeCardAlreadyUsed, "65"),
            (ReasonCode::OneTimeCardNotActive, "62"),
            (ReasonCode::OneTimeCardMerchantMismatch, "57"),
            (ReasonCode::MerchantNotEligible, "57"),
            (ReasonCode::InstrumentDetailsInvalid, "14"),
            (ReasonCode::AttemptsTooFrequent, "65"),
            (ReasonCode::DataSourceUnavailable, "91"),
            (ReasonCode::BlockListMatch, "05"),
        ] {
            assert_eq!(network_response(code, false, false), response, "{code}");
            assert_eq!(network_response(code, true, false), "05", "{code}");
        }
        assert_eq!(network_response(ReasonCode::OneTimeCardNotActive, false, true), "54");
    }

    #[test]
    fn no_refusal_approves_and_none_accuses() {
        for &code in ReasonCode::ALL {
            for (secret, expired) in [(false, false), (false, true), (true, false), (true, true)] {
                let response = network_response(code, secret, expired);
                assert!(!["00", "08", "11", "59", "63", "64", "85"].contains(&response), "{code}");
            }
        }
    }
}
