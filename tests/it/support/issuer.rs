//! What a card issuer does: make numbers, pass on what networks ask, capture, take back.

use surety::grpc::pb;
use tonic::{Response, Status};

use super::{MERCHANT, TestApp, by, euro, new_id, purchase};

impl TestApp {
    /// A card of `amount` at any shop, without tolerance; the account has to get it.
    pub fn granted(&self, account: &str, amount: i64) -> pb::OneTimeCard {
        self.card(purchase(account, amount)).1.expect("a card")
    }

    /// A card with terms of its own.
    pub fn granted_with(
        &self,
        account: &str,
        amount: i64,
        terms: pb::OneTimeCardTerms,
    ) -> pb::OneTimeCard {
        let request = pb::EvaluateOneTimeCardRequest {
            request_id: new_id(),
            context: Some(purchase(account, amount)),
            terms: Some(terms),
        };
        self.try_card(request).unwrap().into_inner().one_time_card.expect("a card")
    }

    /// The same, whose number the issuer has made.
    pub fn active(&self, account: &str, amount: i64) -> pb::OneTimeCard {
        self.activate(&self.granted(account, amount))
    }

    pub fn activate(&self, card: &pb::OneTimeCard) -> pb::OneTimeCard {
        let answer = self.try_activate(activation(card)).unwrap().into_inner();
        answer.one_time_card.expect("a card")
    }

    pub fn try_activate(
        &self,
        request: pb::ActivateOneTimeCardRequest,
    ) -> Result<Response<pb::ActivateOneTimeCardResponse>, Status> {
        self.block_on(self.cards().activate_one_time_card(by("issuer", request)))
    }

    /// A purchase at the shop of the request.
    pub fn authorize(
        &self,
        card: &pb::OneTimeCard,
        amount: i64,
    ) -> pb::AuthorizeOneTimeCardResponse {
        self.try_authorize(authorization(card, amount)).unwrap().into_inner()
    }

    pub fn try_authorize(
        &self,
        request: pb::AuthorizeOneTimeCardRequest,
    ) -> Result<Response<pb::AuthorizeOneTimeCardResponse>, Status> {
        self.block_on(self.cards().authorize_one_time_card(by("issuer", request)))
    }

    /// Changes the authorisation in which the card is.
    pub fn adjust(
        &self,
        card: &pb::OneTimeCard,
        kind: pb::AdjustKind,
        amount: i64,
    ) -> pb::AdjustOneTimeCardResponse {
        self.try_adjust(adjustment(&self.card_now(card), kind, amount)).unwrap().into_inner()
    }

    pub fn try_adjust(
        &self,
        request: pb::AdjustOneTimeCardRequest,
    ) -> Result<Response<pb::AdjustOneTimeCardResponse>, Status> {
        self.block_on(self.cards().adjust_one_time_card(by("issuer", request)))
    }

    pub fn try_cancel_card(
        &self,
        request: pb::CancelOneTimeCardRequest,
    ) -> Result<Response<pb::CancelOneTimeCardResponse>, Status> {
        self.block_on(self.cards().cancel_one_time_card(by("issuer", request)))
    }

    /// The card as the issuer sees it now.
    pub fn card_now(&self, card: &pb::OneTimeCard) -> pb::OneTimeCard {
        self.try_get_card("issuer", &card.one_time_card_id).unwrap()
    }

    pub fn try_get_card(&self, role: &'static str, id: &str) -> Result<pb::OneTimeCard, Status> {
        let request = pb::GetOneTimeCardRequest { one_time_card_id: id.to_owned() };
        let answer = self.block_on(self.cards().get_one_time_card(by(role, request)))?;
        Ok(answer.into_inner().one_time_card.expect("a card"))
    }

    pub fn try_list_cards(
        &self,
        role: &'static str,
        request: pb::ListOneTimeCardsRequest,
    ) -> Result<pb::ListOneTimeCardsResponse, Status> {
        let answer = self.block_on(self.cards().list_one_time_cards(by(role, request)))?;
        Ok(answer.into_inner())
    }
}

pub fn activation(card: &pb::OneTimeCard) -> pb::ActivateOneTimeCardRequest {
    pb::ActivateOneTimeCardRequest {
        request_id: new_id(),
        one_time_card_id: card.one_time_card_id.clone(),
        card_token: "tok_5b1e77".to_owned(),
        last_four: "4242".to_owned(),
        network: "Visa".to_owned(),
    }
}

/// A purchase of `amount`, new to the network.
pub fn authorization(card: &pb::OneTimeCard, amount: i64) -> pb::AuthorizeOneTimeCardRequest {
    pb::AuthorizeOneTimeCardRequest {
        request_id: new_id(),
        network_request_id: new_id(),
        one_time_card_id: card.one_time_card_id.clone(),
        kind: pb::AuthorizationKind::Purchase.into(),
        amount: Some(euro(amount)),
        merchant: Some(shop(MERCHANT)),
        entry_mode: pb::EntryMode::Ecommerce.into(),
    }
}

/// A check of the account, without an amount.
pub fn account_check(card: &pb::OneTimeCard) -> pb::AuthorizeOneTimeCardRequest {
    let kind = pb::AuthorizationKind::AccountCheck.into();
    pb::AuthorizeOneTimeCardRequest { kind, amount: None, ..authorization(card, 1) }
}

/// A shop as the network tells it.
pub fn shop(merchant_id: &str) -> pb::NetworkMerchant {
    pb::NetworkMerchant {
        merchant_id: merchant_id.to_owned(),
        name: "EXAMPLE SHOP BERLIN".to_owned(),
        category: "5732".to_owned(),
        country: "DE".to_owned(),
    }
}

/// A change of the authorisation that the card was read with.
pub fn adjustment(
    card: &pb::OneTimeCard,
    kind: pb::AdjustKind,
    amount: i64,
) -> pb::AdjustOneTimeCardRequest {
    let held = card.authorization.clone().unwrap_or_default();
    pb::AdjustOneTimeCardRequest {
        request_id: new_id(),
        one_time_card_id: card.one_time_card_id.clone(),
        authorization_id: held.authorization_id,
        kind: kind.into(),
        amount: Some(euro(amount)),
    }
}

pub fn card_cancellation(card: &pb::OneTimeCard) -> pb::CancelOneTimeCardRequest {
    pb::CancelOneTimeCardRequest {
        request_id: new_id(),
        one_time_card_id: card.one_time_card_id.clone(),
        reason: pb::CancelReason::Customer.into(),
    }
}
