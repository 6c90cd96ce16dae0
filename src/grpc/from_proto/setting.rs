//! Reads what surrounds a purchase: shop, device, network, instrument, delivery and session.

use super::parties::{self, Device, Network, TOKEN_MAX};
use super::reader::{Path, Reader, response_code};
use crate::domain::{
    Category, Country, DeliveryFacts, InstrumentFacts, MerchantId, PartyKey, SessionFacts, Time,
    opaque_id,
};
use crate::grpc::pb;

const SESSION_ID_MAX: usize = 64;

/// The shop.
pub struct Shop {
    pub id: MerchantId,
    pub category: Option<Category>,
    pub country: Option<Country>,
}

/// The card or account that pays, as a party and by what is known about it.
pub struct Instrument {
    pub key: PartyKey,
    pub facts: InstrumentFacts,
}

/// What surrounds a purchase; all of it may be unknown.
pub struct Setting {
    pub device: Option<Device>,
    pub network: Option<Network>,
    pub instrument: Option<Instrument>,
    pub delivery: Option<DeliveryFacts>,
    pub address: Option<PartyKey>,
    pub session: SessionFacts,
}

/// Everything around the purchase of `context`.
pub fn setting(r: &mut Reader, at: &Path, context: &pb::PurchaseContext) -> Setting {
    let delivery_at = at.field("delivery");
    Setting {
        device: parties::device(r, &at.field("device"), context.device.as_ref()),
        network: parties::network(r, &at.field("network"), context.network.as_ref()),
        instrument: instrument(r, &at.field("instrument"), context.instrument.as_ref()),
        delivery: delivery(r, &delivery_at, context.delivery.as_ref()),
        address: parties::address(r, &delivery_at, context.delivery.as_ref()),
        session: session(r, &at.field("session"), context.session.as_ref()),
    }
}

/// A shop that has to be named.
pub fn shop(r: &mut Reader, at: &Path, sent: Option<&pb::Merchant>) -> Option<Shop> {
    let sent = r.required(at, sent)?;
    let id = r.take(&at.field("merchant_id"), MerchantId::parse(&sent.merchant_id));
    let category = r.optional(&at.field("category"), &sent.category, Category::parse);
    let country = r.optional(&at.field("country"), &sent.country, Country::parse);
    Some(Shop { id: id?, category, country })
}

fn instrument(r: &mut Reader, at: &Path, sent: Option<&pb::Instrument>) -> Option<Instrument> {
    let sent = sent?;
    let token = r.take(&at.field("token"), opaque_id(&sent.token, TOKEN_MAX)).is_some();
    let code_at = at.field("bank_response_code");
    let facts = InstrumentFacts {
        kind: r.word(&at.field("kind"), sent.kind),
        country: r.optional(&at.field("country"), &sent.country, Country::parse),
        expires: expires(r, at, sent),
        address_check: r.word(&at.field("address_check"), sent.address_check),
        name_check: r.word(&at.field("name_check"), sent.name_check),
        code_check: r.word(&at.field("code_check"), sent.code_check),
        details_check: r.word(&at.field("details_check"), sent.details_check),
        holder_check: r.word(&at.field("holder_is_customer"), sent.holder_is_customer),
        bank_response: r.optional(&code_at, &sent.bank_response_code, response_code),
    };
    token.then(|| Instrument { key: r.key("instrument", &sent.token), facts })
}

/// The first moment after the month of expiry; unknown unless year and month are known.
fn expires(r: &mut Reader, at: &Path, sent: &pb::Instrument) -> Option<Time> {
    let known = |part: i32| (part != 0).then_some(part);
    let year = r.number(&at.field("expiry_year"), known(sent.expiry_year), 2000..=2099);
    let month = r.number(&at.field("expiry_month"), known(sent.expiry_month), 1..=12);
    let (year, month) = (i16::try_from(year?).ok()?, i8::try_from(month?).ok()?);
    let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let first = jiff::civil::Date::new(year, month, 1).ok()?;
    let midnight = first.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Time::from_seconds(midnight.timestamp().as_second()))
}

fn delivery(r: &mut Reader, at: &Path, sent: Option<&pb::Delivery>) -> Option<DeliveryFacts> {
    let sent = sent?;
    let kind = r.word(&at.field("kind"), sent.kind);
    let country = r.optional(&at.field("country"), &sent.country, Country::parse);
    Some(DeliveryFacts { kind, country })
}

fn session(r: &mut Reader, at: &Path, sent: Option<&pb::SessionContext>) -> SessionFacts {
    let Some(sent) = sent else {
        return SessionFacts::default();
    };
    // Both ids are for the caller's own search; nothing is decided by them, so none is kept.
    let id_shape = |id: &str| opaque_id(id, SESSION_ID_MAX).map(drop);
    r.optional(&at.field("session_id"), &sent.session_id, id_shape);
    r.optional(&at.field("checkout_session"), &sent.checkout_session, id_shape);
    SessionFacts {
        sign_in_time: r.past_time(&at.field("sign_in_time"), sent.sign_in_time.as_ref()),
        authentication: r.word(&at.field("authentication"), sent.authentication),
    }
}
