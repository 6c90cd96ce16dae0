//! Reads what an issuer asks about one-time cards; a number is never taken, only its token.

use super::decision::{page_size, words};
use super::parties::TOKEN_MAX;
use super::reader::{Path, Reader, invalid};
use super::{call, content, page};
use crate::domain::{
    AccountId, AuthorizationId, AuthorizationKind, CardActivation, CardAdjustment,
    CardCancellation, CardNumber, CardPurchase, CardQuery, Category, Country, Fault, MerchantId,
    Money, NetworkMerchant, OneTimeCardId, Problem, opaque_id, short_text,
};
use crate::grpc::pb;

const NETWORK_MAX: usize = 32;
const NETWORK_REQUEST_MAX: usize = 64;
const SHOP_NAME_MAX: usize = 64;
const LAST_FOUR_LEN: usize = 4;

/// The name of one card.
pub fn get_one_time_card(
    mut r: Reader,
    request: &pb::GetOneTimeCardRequest,
) -> Result<OneTimeCardId, Vec<Fault>> {
    let id = card_id(&mut r, &request.one_time_card_id);
    r.finish(id)
}

/// The cards of one account.
pub fn list_one_time_cards(
    mut r: Reader,
    request: pb::ListOneTimeCardsRequest,
) -> Result<CardQuery, Vec<Fault>> {
    let at = &Path::ROOT;
    let account = r.take(&at.field("account_id"), AccountId::parse(&request.account_id));
    let filter = request.filter.unwrap_or_default();
    let filter_at = &at.field("filter");
    let states = words(&mut r, filter_at, "states", &filter.states);
    let from_at = filter_at.field("create_time_from");
    let until_at = filter_at.field("create_time_until");
    let from = r.time(&from_at, filter.create_time_from.as_ref());
    let until = r.time(&until_at, filter.create_time_until.as_ref());
    let page_size = page_size(&mut r, &at.field("page_size"), request.page_size);
    let after = r.optional(&at.field("page_token"), &request.page_token, page::parse);
    let read = || {
        let (account, page_size) = (account?, page_size?);
        Some(CardQuery { account, states, from, until, page_size, after })
    };
    r.finish(read())
}

/// What the issuer tells of a number that it has made.
pub fn activate_one_time_card(
    mut r: Reader,
    request: pb::ActivateOneTimeCardRequest,
) -> Result<CardActivation, Vec<Fault>> {
    let at = &Path::ROOT;
    let call = call(&mut r, "ActivateOneTimeCard", &request.request_id, &request);
    let card = card_id(&mut r, &request.one_time_card_id);
    let token = r.take(&at.field("card_token"), opaque_id(&request.card_token, TOKEN_MAX));
    let last_four = r.take(&at.field("last_four"), last_four(&request.last_four));
    let network = r.take(&at.field("network"), network(&request.network));
    let read = || {
        let (token, last_four, network) = (token?.to_owned(), last_four?, network?);
        let number = CardNumber { token, last_four, network };
        Some(CardActivation { call: call?, card: card?, number })
    };
    r.finish(read())
}

/// What a network asks of a card.
pub fn authorize_one_time_card(
    mut r: Reader,
    request: pb::AuthorizeOneTimeCardRequest,
) -> Result<CardPurchase, Vec<Fault>> {
    let at = &Path::ROOT;
    let call = call(&mut r, "AuthorizeOneTimeCard", &request.request_id, &request);
    let name_at = at.field("network_request_id");
    let name = opaque_id(&request.network_request_id, NETWORK_REQUEST_MAX).map(str::to_owned);
    let network_request = r.take(&name_at, name);
    let card = card_id(&mut r, &request.one_time_card_id);
    let kind = r.required_word(&at.field("kind"), request.kind);
    let amount = asked_amount(&mut r, &at.field("amount"), kind, request.amount.as_ref());
    let merchant = shop(&mut r, &at.field("merchant"), request.merchant.as_ref());
    let entry_mode = r.word(&at.field("entry_mode"), request.entry_mode);
    let unnamed = pb::AuthorizeOneTimeCardRequest { request_id: String::new(), ..request };
    let content = content("AuthorizeOneTimeCard", &unnamed);
    let read = || {
        let (call, network_request, card) = (call?, network_request?, card?);
        let (kind, merchant) = (kind?, merchant?);
        Some(CardPurchase {
            call,
            network_request,
            content,
            card,
            kind,
            amount,
            merchant,
            entry_mode,
        })
    };
    r.finish(read())
}

/// A purchase has an amount, and a check of the account has none.
fn asked_amount(
    r: &mut Reader,
    at: &Path,
    kind: Option<AuthorizationKind>,
    sent: Option<&pb::Money>,
) -> Option<Money> {
    match kind? {
        AuthorizationKind::Purchase => r.price(at, sent),
        AuthorizationKind::AccountCheck => {
            if r.money(at, sent).is_some_and(|amount| amount.minor() > 0) {
                r.fault(&at.field("minor_units"), "must be zero for a check of the account");
            }
            None
        }
    }
}

fn shop(r: &mut Reader, at: &Path, sent: Option<&pb::NetworkMerchant>) -> Option<NetworkMerchant> {
    let sent = r.required(at, sent)?;
    let id = r.take(&at.field("merchant_id"), MerchantId::parse(&sent.merchant_id));
    let name = r.take(&at.field("name"), short_text(&sent.name, SHOP_NAME_MAX));
    let category = r.optional(&at.field("category"), &sent.category, Category::parse);
    let country = r.optional(&at.field("country"), &sent.country, Country::parse);
    Some(NetworkMerchant { id: id?, name: name?.to_owned(), category, country })
}

/// A change of what a shop holds on a card.
pub fn adjust_one_time_card(
    mut r: Reader,
    request: pb::AdjustOneTimeCardRequest,
) -> Result<CardAdjustment, Vec<Fault>> {
    let at = &Path::ROOT;
    let call = call(&mut r, "AdjustOneTimeCard", &request.request_id, &request);
    let card = card_id(&mut r, &request.one_time_card_id);
    let id_at = at.field("authorization_id");
    let authorization = r.take(&id_at, AuthorizationId::parse(&request.authorization_id));
    let kind = r.required_word(&at.field("kind"), request.kind);
    let amount = r.price(&at.field("amount"), request.amount.as_ref());
    let read = || {
        let (call, card, authorization) = (call?, card?, authorization?);
        Some(CardAdjustment { call, card, authorization, kind: kind?, amount: amount? })
    };
    r.finish(read())
}

/// A card that is ended.
pub fn cancel_one_time_card(
    mut r: Reader,
    request: pb::CancelOneTimeCardRequest,
) -> Result<CardCancellation, Vec<Fault>> {
    let call = call(&mut r, "CancelOneTimeCard", &request.request_id, &request);
    let card = card_id(&mut r, &request.one_time_card_id);
    let reason = r.required_word(&Path::ROOT.field("reason"), request.reason);
    let read = || Some(CardCancellation { call: call?, card: card?, reason: reason? });
    r.finish(read())
}

fn card_id(r: &mut Reader, text: &str) -> Option<OneTimeCardId> {
    r.take(&Path::ROOT.field("one_time_card_id"), OneTimeCardId::parse(text))
}

fn last_four(text: &str) -> Result<String, Problem> {
    match text.len() == LAST_FOUR_LEN && text.bytes().all(|b| b.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => invalid("expected the last four digits of the number"),
    }
}

fn network(text: &str) -> Result<String, Problem> {
    match text.trim() {
        "" => invalid("required"),
        text => short_text(text, NETWORK_MAX).map(str::to_owned),
    }
}
