//! Reads what staff look for: a decision by what a customer can tell.

use prost_types::Duration;

use super::decision::page_size;
use super::reader::{Path, Reader, order_reference};
use crate::domain::{
    AccountId, Currency, Fault, Holder, MerchantId, Money, Reference, Search, SearchQuery, Span,
};
use crate::grpc::{page, pb};
use pb::search_decisions_request::Search as Sent;

/// Clocks of a till and a customer's memory differ from ours by so much.
const TIME_TOLERANCE: Span = Span::minutes(15);
const TIME_TOLERANCE_MAX: Span = Span::days(7);

/// The decisions that are looked for.
pub fn search_decisions(
    mut r: Reader,
    request: pb::SearchDecisionsRequest,
) -> Result<SearchQuery, Vec<Fault>> {
    let at = &Path::ROOT;
    let sent = r.required(&at.field("search"), request.search);
    let search = sent.and_then(|sent| match sent {
        Sent::Reference(text) => {
            r.take(&at.field("reference"), Reference::parse(&text)).map(Search::Reference)
        }
        Sent::Order(sent) => order(&mut r, &at.field("order"), &sent),
        Sent::Account(sent) => account(&mut r, &at.field("account"), &sent),
        Sent::Purchase(sent) => purchase(&mut r, &at.field("purchase"), &sent),
        Sent::Reason(sent) => reason(&mut r, &at.field("reason"), &sent),
    });
    let page_size = page_size(&mut r, at, request.page_size);
    let after = r.optional(&at.field("page_token"), &request.page_token, page::parse);
    let read = || Some(SearchQuery { search: search?, page_size: page_size?, after });
    r.finish(read())
}

fn order(r: &mut Reader, at: &Path, sent: &pb::OrderSearch) -> Option<Search> {
    let order_at = at.field("merchant_order_reference");
    let order_reference = match sent.merchant_order_reference.as_str() {
        "" => r.required(&order_at, None),
        text => r.take(&order_at, order_reference(text)),
    };
    let merchant = r.optional(&at.field("merchant_id"), &sent.merchant_id, MerchantId::parse);
    Some(Search::Order { order_reference: order_reference?, merchant })
}

fn account(r: &mut Reader, at: &Path, sent: &pb::AccountSearch) -> Option<Search> {
    let id = r.take(&at.field("account_id"), AccountId::parse(&sent.account_id));
    let from = r.time(&at.field("create_time_from"), sent.create_time_from.as_ref());
    let until = r.time(&at.field("create_time_until"), sent.create_time_until.as_ref());
    Some(Search::Holder { holder: Holder::Account(id?), from, until })
}

fn reason(r: &mut Reader, at: &Path, sent: &pb::ReasonSearch) -> Option<Search> {
    let code = r.required_word(&at.field("code"), sent.code);
    let from = r.time(&at.field("create_time_from"), sent.create_time_from.as_ref());
    let until = r.time(&at.field("create_time_until"), sent.create_time_until.as_ref());
    Some(Search::Reason { code: code?, from, until })
}

fn purchase(r: &mut Reader, at: &Path, sent: &pb::PurchaseSearch) -> Option<Search> {
    let merchant = r.take(&at.field("merchant_id"), MerchantId::parse(&sent.merchant_id));
    let amount = r.price(&at.field("amount"), sent.amount.as_ref());
    let currency = amount.map(|amount| amount.currency());
    let off_at = at.field("amount_tolerance");
    let off = r.money_in(currency, &off_at, sent.amount_tolerance.as_ref());
    let time_at = at.field("time");
    let stamp = r.required(&time_at, sent.time.as_ref());
    let time = r.time(&time_at, stamp);
    let early_or_late =
        time_tolerance(r, &at.field("time_tolerance"), sent.time_tolerance.as_ref())?;
    let (amount, time) = (amount?, time?);
    let off = off.map_or(one_unit(amount.currency()), |off: Money| off.minor());
    Some(Search::Purchase {
        merchant: merchant?,
        currency: amount.currency(),
        amounts: (amount.minor() - off, amount.minor() + off),
        times: (time - early_or_late, time + early_or_late),
    })
}

/// 1.00 EUR, 1 JPY, 1.000 KWD.
fn one_unit(currency: Currency) -> i64 {
    10_i64.pow(currency.exponent())
}

fn time_tolerance(r: &mut Reader, at: &Path, sent: Option<&Duration>) -> Option<Span> {
    let Some(sent) = sent else { return Some(TIME_TOLERANCE) };
    let span = Span::seconds(sent.seconds) + Span::micros(i64::from(sent.nanos / 1_000));
    if !(Span::ZERO..=TIME_TOLERANCE_MAX).contains(&span) {
        r.fault(at, "expected 0 to 7 days");
        return None;
    }
    Some(span)
}
