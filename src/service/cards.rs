//! One-time cards after they were granted: made, used, captured, cancelled, looked up.

use std::sync::Arc;

use super::accounts::answer;
use super::decisions::After;
use super::{Answered, Error, Service, draw, key, teach};
use crate::decide::decide;
use crate::domain::{
    AdjustKind, AuthorizationId, Caller, CancelReason, Card, CardActivation, CardAdjustment,
    CardAt, CardCancellation, CardPurchase, CardQuery, DecisionId, DecisionRecord, Disclosure,
    Effect, Fault, FaultKind, Holder, OneTimeCardId, PublicReason, ReasonCode,
};
use crate::features::Facts;
use crate::ledger::{
    self, ActivateCard, AdjustCard, AuthorizeCard, CancelCard, CardAdjusted, CardAuthorized,
    CardFilter, PreconditionReason, Written,
};
use crate::signals::{Observation, SignalEvent};

/// Pages that a list may look through before it gives what it has.
const PAGES_LOOKED_THROUGH_MAX: usize = 20;

impl Service {
    /// A card as it is now. Whose decision granted it does not matter: issuers see all cards.
    pub async fn card(&self, id: OneTimeCardId) -> Result<CardAt, Error> {
        let card = self.ledger.card(id).await?.ok_or_else(|| card_not_found(id))?;
        Ok(CardAt { card, now: self.now() })
    }

    /// Cards of an account as they stand now, newest first, and where the next page begins.
    pub async fn list_cards(&self, query: CardQuery) -> Result<(Vec<CardAt>, After), Error> {
        let now = self.now();
        let mut filter = CardFilter {
            holder: Holder::Account(query.account),
            from: query.from,
            until: query.until,
            after: query.after,
            limit: u32::try_from(query.page_size).unwrap_or(u32::MAX),
        };
        let mut page = Vec::new();
        for _ in 0..PAGES_LOOKED_THROUGH_MAX {
            let cards = self.ledger.list_cards(&filter).await?;
            let exhausted = cards.len() < query.page_size;
            for card in cards {
                filter.after = Some((card.created, card.decision));
                // Time alone changes states, so they are judged here and not in the ledger.
                if query.states.is_empty() || query.states.contains(&card.state(now)) {
                    page.push(CardAt { card, now });
                }
                if page.len() == query.page_size {
                    return Ok((page, filter.after));
                }
            }
            if exhausted {
                return Ok((page, None));
            }
        }
        Ok((page, filter.after))
    }

    /// The decision that granted a card.
    pub async fn granting(&self, decision: DecisionId) -> Result<DecisionRecord, Error> {
        let found = self.ledger.decision(decision).await?;
        found.ok_or_else(|| Error::unexpected(&"a card without its decision"))
    }

    /// Notes that the issuer has made the number.
    pub async fn activate_card(
        self: &Arc<Self>,
        caller: Caller,
        activation: CardActivation,
    ) -> Result<Answered<CardAt>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move {
            let key = key(&caller, "ActivateOneTimeCard", activation.call.request_id);
            let _turn = service.running.enter(&key).await?;
            let CardActivation { call, card, number } = activation;
            let claim = service.claim(key, call.hash);
            let written = service.ledger.activate_card(claim, ActivateCard { card, number }).await;
            let mut answered = answer(written.map_err(|error| named(error, card))?, call.hash)?;
            service.number(&mut answered.value, answered.replayed).await?;
            Ok(answered)
        })
        .await
    }

    /// Answers a network; a purchase that is approved takes the card.
    pub async fn authorize_card(
        self: &Arc<Self>,
        caller: Caller,
        purchase: CardPurchase,
    ) -> Result<Answered<CardAuthorized>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move {
            let key = key(&caller, "AuthorizeOneTimeCard", purchase.call.request_id);
            let _turn = service.running.enter(&key).await?;
            let hash = purchase.call.hash;
            let written = match service.ledger.answer(&key).await? {
                Some(before) => Written::Before(before),
                None => {
                    let claim = service.claim(key, hash);
                    let asked = service.asked(purchase).await?;
                    service.ledger.authorize_card(claim, asked).await.map_err(reused)?
                }
            };
            let answered: Answered<CardAuthorized> = answer(written, hash)?;
            let replayed = answered.replayed || answered.value.repeated;
            Ok(Answered { replayed, ..answered })
        })
        .await
    }

    /// What the ledger has to know to answer a network.
    async fn asked(&self, purchase: CardPurchase) -> Result<AuthorizeCard, Error> {
        let CardAt { card, now } = self.card(purchase.card).await?;
        let record = self.granting(card.decision).await?;
        Ok(AuthorizeCard {
            id: AuthorizationId(draw::uuid(now)?),
            merchant_eligible: self.merchant_eligible(&purchase, &record).await?,
            guest_limit: self.card_guest_limit(&record),
            secret: self.secret_codes(),
            purchase,
        })
    }

    /// Whether policy allows credit at the kind of shop that the network tells: the rules as they
    /// are now, on the facts of the decision with that kind of shop.
    async fn merchant_eligible(
        &self,
        purchase: &CardPurchase,
        record: &DecisionRecord,
    ) -> Result<bool, Error> {
        let Some(category) = purchase.merchant.category else { return Ok(true) };
        let Some(facts) = self.ledger.facts(record.id).await? else { return Ok(true) };
        let mut facts: Facts =
            serde_json::from_str(&facts).map_err(|failure| Error::unexpected(&failure))?;
        facts.request.merchant_category = Some(category);
        facts.request.merchant_country = purchase.merchant.country;
        let reasons = decide(&facts, &self.playbook).reasons;
        let excludes =
            |code, effect| code == ReasonCode::MerchantNotEligible && effect == Effect::Decisive;
        Ok(!reasons.iter().any(|reason| excludes(reason.code, reason.effect)))
    }

    /// Codes of which a network is told nothing.
    fn secret_codes(&self) -> Vec<ReasonCode> {
        let entries = self.playbook.catalog.entries().iter();
        let secret = entries.filter(|entry| {
            entry.public_reason == PublicReason::SecurityCheck || entry.disclosure == Disclosure::No
        });
        secret.map(|entry| entry.code).collect()
    }

    fn card_guest_limit(&self, record: &DecisionRecord) -> Option<i64> {
        let market = self.playbook.policy.market(record.market);
        match record.holder {
            Holder::Guest(_) => Some(market.map_or(0, |market| market.guest_limit)),
            Holder::Account(_) => None,
        }
    }

    /// Raises, captures or takes back; the first capture teaches the customer's habits.
    pub async fn adjust_card(
        self: &Arc<Self>,
        caller: Caller,
        adjustment: CardAdjustment,
    ) -> Result<Answered<CardAdjusted>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move {
            let key = key(&caller, "AdjustOneTimeCard", adjustment.call.request_id);
            let _turn = service.running.enter(&key).await?;
            let hash = adjustment.call.hash;
            if let Some(before) = service.ledger.answer(&key).await? {
                let mut answered: Answered<CardAdjusted> = answer(Written::Before(before), hash)?;
                service.number(&mut answered.value.card, true).await?;
                return Ok(answered);
            }
            let CardAt { card, .. } = service.card(adjustment.card).await?;
            let record = service.granting(card.decision).await?;
            let purchase = service.habit(&adjustment, &card).await?;
            let (claim, holder) = (service.claim(key, hash), record.holder.clone());
            let adjust = AdjustCard {
                guest_limit: service.card_guest_limit(&record),
                secret: service.secret_codes(),
                purchase: purchase.as_ref().map(teach::row).transpose()?,
                adjustment,
            };
            let written = service.ledger.adjust_card(claim.clone(), adjust).await;
            let teaches = |adjusted: &CardAdjusted| {
                let purchase = purchase.filter(|_| adjusted.taught);
                purchase.map(|event| (holder, event)).into_iter().collect()
            };
            let written = service.taught_by(claim, written, teaches).await;
            let written = written.map_err(|error| match error {
                ledger::Error::NotFound => Error::NotFound {
                    what: "authorization",
                    reason: "AUTHORIZATION_NOT_FOUND",
                    name: String::new(),
                },
                other => other.into(),
            })?;
            let mut answered: Answered<CardAdjusted> = answer(written, hash)?;
            service.number(&mut answered.value.card, answered.replayed).await?;
            Ok(answered)
        })
        .await
    }

    /// The purchase that a first capture completes.
    async fn habit(
        &self,
        adjustment: &CardAdjustment,
        card: &Card,
    ) -> Result<Option<SignalEvent>, Error> {
        let captured = card.authorization.as_ref().is_some_and(|held| held.captured > 0);
        if adjustment.kind != AdjustKind::Capture || captured {
            return Ok(None);
        }
        let (amount, time) = (adjustment.amount.minor(), self.now());
        let observed = self.observed(card.decision).await?;
        Ok(observed.map(|seen| SignalEvent::Purchase(Observation { amount, time, ..seen })))
    }

    /// A stored answer is without its card's number, which is told as long as it is there.
    async fn number(&self, told: &mut CardAt, replayed: bool) -> Result<(), Error> {
        if replayed && told.card.number.is_some() {
            let present = self.ledger.card(told.card.id).await?;
            told.card.number = present.and_then(|card| card.number);
        }
        Ok(())
    }

    /// Ends a card that is not used.
    pub async fn cancel_card(
        self: &Arc<Self>,
        caller: Caller,
        cancellation: CardCancellation,
    ) -> Result<Answered<CardAt>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move {
            let key = key(&caller, "CancelOneTimeCard", cancellation.call.request_id);
            let _turn = service.running.enter(&key).await?;
            let hash = cancellation.call.hash;
            if let Some(before) = service.ledger.answer(&key).await? {
                let mut answered: Answered<CardAt> = answer(Written::Before(before), hash)?;
                service.number(&mut answered.value, true).await?;
                return Ok(answered);
            }
            let CardAt { card, .. } = service.card(cancellation.card).await?;
            let refused = cancellation.reason == CancelReason::BankRefused;
            let taken_back = match service.observed(card.decision).await? {
                Some(observation) if refused => Some(SignalEvent::TakenBack(observation)),
                _ => None,
            };
            let cancel = CancelCard {
                card: cancellation.card,
                reason: cancellation.reason.name().to_owned(),
                taken_back: taken_back.as_ref().map(teach::row).transpose()?,
            };
            let claim = service.claim(key, hash);
            let holder = service.granting(card.decision).await?.holder;
            let written = service.ledger.cancel_card(claim.clone(), cancel).await;
            let teaches =
                |_: &CardAt| taken_back.map(|event| (holder, event)).into_iter().collect();
            let written = service.taught_by(claim, written, teaches).await?;
            let mut answered: Answered<CardAt> = answer(written, hash)?;
            service.number(&mut answered.value, answered.replayed).await?;
            Ok(answered)
        })
        .await
    }
}

fn card_not_found(id: OneTimeCardId) -> Error {
    Error::NotFound {
        what: "one-time card",
        reason: "ONE_TIME_CARD_NOT_FOUND",
        name: id.to_string(),
    }
}

fn named(error: ledger::Error, card: OneTimeCardId) -> Error {
    match error {
        ledger::Error::NotFound => card_not_found(card),
        other => other.into(),
    }
}

/// A network request that says something else the second time is as wrong as a reused `request_id`.
fn reused(error: ledger::Error) -> Error {
    match error {
        ledger::Error::Precondition(refusal)
            if refusal.reason == PreconditionReason::NetworkRequestReused =>
        {
            Error::Invalid(vec![Fault {
                field: "network_request_id".to_owned(),
                problem: refusal.text,
                kind: FaultKind::RequestIdReused,
            }])
        }
        other => other.into(),
    }
}
