//! Reads the requests that ask for a decision: a purchase or a one-time card.

use prost_types::Timestamp;

use super::call;
use super::parties::{self, Asker};
use super::payment;
use super::raw_context::raw_context;
use super::reader::{Path, Reader, language_tag, order_reference};
use super::setting::{self, Setting, Shop};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::domain::{
    CallId, Country, CreditRequestKind, Fault, Parties, Product, Request, RequestFacts,
};
use crate::grpc::pb;

/// What a retry may change, taken out of the request before it is hashed.
#[derive(Default)]
struct Aside {
    locale: String,
    client_time: Option<Timestamp>,
}

impl Aside {
    fn of(context: Option<&mut pb::PurchaseContext>) -> Aside {
        context.map_or_else(Aside::default, |context| Aside {
            locale: std::mem::take(&mut context.locale),
            client_time: context.client_time.take(),
        })
    }
}

/// One of the two requests, as far as they are alike.
struct Ask<'m> {
    call: Option<CallId>,
    context: Option<&'m pb::PurchaseContext>,
    aside: Aside,
    /// Only for a one-time card.
    terms: Option<pb::OneTimeCardTerms>,
}

/// A request for a decision on a purchase.
pub fn evaluate_purchase(
    mut r: Reader,
    mut request: pb::EvaluatePurchaseRequest,
) -> Result<Request, Vec<Fault>> {
    let aside = Aside::of(request.context.as_mut());
    let call = call(&mut r, "EvaluatePurchase", &request.request_id, &request);
    let ask = Ask { call, context: request.context.as_ref(), aside, terms: None };
    let parsed = whole(&mut r, ask);
    r.finish(parsed)
}

/// A request for a one-time card.
pub fn evaluate_one_time_card(
    mut r: Reader,
    mut request: pb::EvaluateOneTimeCardRequest,
) -> Result<Request, Vec<Fault>> {
    let aside = Aside::of(request.context.as_mut());
    let call = call(&mut r, "EvaluateOneTimeCard", &request.request_id, &request);
    let terms = Some(request.terms.unwrap_or_default());
    let ask = Ask { call, context: request.context.as_ref(), aside, terms };
    let parsed = whole(&mut r, ask);
    r.finish(parsed)
}

fn whole(r: &mut Reader, ask: Ask) -> Option<Request> {
    let at = &Path::ROOT.field("context");
    let context = r.required(at, ask.context)?;
    let asker = parties::asker(r, at, context);
    let shop = setting::shop(r, &at.field("merchant"), context.merchant.as_ref());
    let order_at = at.field("merchant_order_reference");
    let order_reference = r.optional(&order_at, &context.merchant_order_reference, order_reference);
    let locale = r.optional(&at.field("locale"), &ask.aside.locale, language_tag);
    r.time(&at.field("client_time"), ask.aside.client_time.as_ref());
    let setting = setting::setting(r, at, context);
    let payment = payment::payment(r, at, context, ask.terms.as_ref());
    let market = r.take(&at.field("market"), Country::parse(&context.market));
    let kind = r.word(&at.field("credit_request_kind"), context.credit_request_kind);
    let channel = r.word(&at.field("channel"), context.channel);

    let (call, asker, shop, payment) = (ask.call?, asker?, shop?, payment?);
    let parties = all_parties(r, &asker, &shop, &setting);
    let facts = RequestFacts {
        time: r.now(),
        product: ask.terms.map_or(Product::Purchase, |_| Product::OneTimeCard),
        guest: context.guest.is_some(),
        guest_details_match: asker.details_match,
        market: market?,
        currency: payment.amount.currency(),
        amount: payment.amount.minor(),
        plan: payment.plan,
        card: payment.card,
        merchant_category: shop.category,
        merchant_country: shop.country,
        order_reference_given: order_reference.is_some(),
        basket: payment.basket,
        instrument: setting.instrument.map(|instrument| instrument.facts),
        delivery: setting.delivery,
        device: setting.device.map(|device| device.facts),
        network: setting.network.as_ref().map(|network| network.facts),
        session: setting.session,
        // Not stated is taken as the kind with the most duties.
        credit_request_kind: kind.or(Some(CreditRequestKind::NewPlan)),
        channel,
        hour: None,
        weekday: None,
    };
    Some(Request {
        id: call.request_id,
        hash: call.hash,
        holder: asker.holder,
        merchant: shop.id,
        order_reference,
        basket_hash: basket_hash(&context.items),
        locale: locale.unwrap_or_default(),
        facts,
        parties,
        position: setting.network.and_then(|network| network.position),
        raw_context: raw_context(context),
    })
}

/// Two orders are the same when their baskets are, line by line.
fn basket_hash(items: &[pb::LineItem]) -> Option<[u8; 32]> {
    let lines = items.iter().map(Message::encode_length_delimited_to_vec);
    let hash = lines.fold(Sha256::new(), |hash, line| hash.chain_update(line));
    (!items.is_empty()).then(|| hash.finalize().into())
}

fn all_parties(r: &Reader, asker: &Asker, shop: &Shop, setting: &Setting) -> Parties {
    let seen = parties::parties(asker.key, setting.device.as_ref(), setting.network.as_ref());
    Parties {
        instrument: setting.instrument.as_ref().map(|instrument| instrument.key),
        email: asker.email,
        phone: asker.phone,
        merchant: Some(r.key("merchant", shop.id.as_str())),
        address: setting.address,
        ..seen
    }
}
