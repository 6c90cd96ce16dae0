//! Names read from the request: a table, one entry a name.

use super::Variable;
use crate::domain::{CheckResult, InstrumentFacts, RequestFacts, Type, Value};

/// A month for what falls due, in days.
const DAYS_A_MONTH: i64 = 30;

/// One entry of the table: name, type, unit, meaning, and how it is read.
macro_rules! variable {
    ($name:literal, $type:ident, $unit:literal, $about:literal, |$r:tt, $view:tt| $read:expr) => {
        Variable {
            name: $name,
            value_type: Type::$type,
            unit: $unit,
            about: $about,
            read: |outer| {
                let ($r, $view) = (&outer.facts.request, outer);
                $read
            },
        }
    };
}

pub(super) const VARIABLES: &[Variable] = &[
    variable!(
        "request.product",
        Text,
        "",
        "what is asked for: PURCHASE or ONE_TIME_CARD",
        |r, _| r.product.name().into()
    ),
    variable!("request.guest", Bool, "", "nobody is signed in", |r, _| r.guest.into()),
    variable!(
        "request.guest_details_match",
        Text,
        "",
        "MATCH, MISMATCH or NOT_CHECKED for name, address and contact of a guest",
        |r, _| r.guest_details_match.map(|c| c.name()).into()
    ),
    variable!(
        "request.market_supported",
        Bool,
        "",
        "the policy has a section for the market",
        |_, view| view.offered.market.into()
    ),
    variable!("request.currency_supported", Bool, "", "the currency is the market's", |_, view| {
        view.offered.currency.into()
    }),
    variable!("request.product_offered", Bool, "", "the market offers the product", |_, view| view
        .offered
        .product
        .into()),
    variable!("request.market", Text, "ISO 3166", "market of the request", |r, _| (&r.market)
        .into()),
    variable!("request.currency", Text, "ISO 4217", "currency of the request", |r, _| r
        .currency
        .code()
        .into()),
    variable!("request.amount", Int, "minor units", "amount of the request", |r, _| r
        .amount
        .into()),
    variable!("request.upfront", Int, "minor units", "part that is paid at once", |r, _| r
        .plan
        .upfront
        .into()),
    variable!("request.exposure", Int, "minor units", "part that is credit", |r, _| r
        .exposure()
        .into()),
    variable!("request.plan", Text, "", "PAY_NOW, PAY_LATER_30 or INSTALMENTS", |r, _| r
        .plan
        .kind
        .name()
        .into()),
    variable!("request.plan_count", Int, "", "instalments after the upfront part", |r, _| {
        i64::from(r.plan.count).into()
    }),
    variable!(
        "request.plan_due_30d",
        Int,
        "minor units",
        "what the new plan makes due within 30 days",
        |r, _| r.plan.due_within(r.exposure(), DAYS_A_MONTH).into()
    ),
    variable!(
        "request.card_valid_hours",
        Int,
        "hours",
        "how long the one-time card would live",
        |r, _| r.card.map(|c| c.valid_for.as_seconds() / 3600).into()
    ),
    variable!(
        "request.card_tolerance",
        Int,
        "minor units",
        "what an authorisation may exceed the card by",
        |r, _| r.card.map(|c| c.tolerance).into()
    ),
    variable!("request.merchant_category", Int, "ISO 18245", "category of the shop", |r, _| r
        .merchant_category
        .map(|c| i64::from(c.number()))
        .into()),
    variable!("request.merchant_country", Text, "ISO 3166", "country of the shop", |r, _| r
        .merchant_country
        .as_ref()
        .into()),
    variable!("request.order_reference_given", Bool, "", "the shop named its order", |r, _| r
        .order_reference_given
        .into()),
    variable!("request.basket_lines", Int, "", "lines of the basket", |r, _| r
        .basket
        .map(|b| b.lines)
        .into()),
    variable!("request.basket_quantity", Int, "", "pieces in the basket", |r, _| r
        .basket
        .map(|b| b.quantity)
        .into()),
    variable!(
        "request.basket_gift_card_amount",
        Int,
        "minor units",
        "gift cards and cash-like goods in the basket",
        |r, _| r.basket.map(|b| b.gift_card_amount).into()
    ),
    variable!(
        "request.basket_digital_amount",
        Int,
        "minor units",
        "digital goods in the basket",
        |r, _| r.basket.map(|b| b.digital_amount).into()
    ),
    variable!(
        "request.instrument_kind",
        Text,
        "",
        "CARD, BANK_ACCOUNT, PREPAID_CARD, GIFT_CARD or WALLET",
        |r, _| instrument(r).and_then(|i| i.kind).map(|k| k.name()).into()
    ),
    variable!(
        "request.instrument_country",
        Text,
        "ISO 3166",
        "country of the card or account",
        |r, _| instrument(r).and_then(|i| i.country.as_ref()).into()
    ),
    variable!("request.instrument_expired", Bool, "", "its expiry month is over", |r, _| {
        instrument(r).and_then(|i| i.expires).map(|end| end <= r.time).into()
    }),
    variable!(
        "request.instrument_address_check",
        Text,
        "",
        "the bank's check of the address",
        |r, _| check(r, |i| i.address_check)
    ),
    variable!("request.instrument_name_check", Text, "", "the bank's check of the name", |r, _| {
        check(r, |i| i.name_check)
    }),
    variable!(
        "request.instrument_code_check",
        Text,
        "",
        "the bank's check of the security code",
        |r, _| check(r, |i| i.code_check)
    ),
    variable!(
        "request.instrument_details_check",
        Text,
        "",
        "whether number and expiry are well formed",
        |r, _| check(r, |i| i.details_check)
    ),
    variable!(
        "request.instrument_holder_check",
        Text,
        "",
        "whether it is in the customer's own name",
        |r, _| check(r, |i| i.holder_check)
    ),
    variable!(
        "request.bank_response",
        Text,
        "ISO 8583",
        "answer of the bank for the first payment",
        |r, _| instrument(r).and_then(|i| i.bank_response.as_deref()).into()
    ),
    variable!(
        "request.delivery_kind",
        Text,
        "",
        "HOME, PICKUP_POINT, STORE, FORWARDING_SERVICE or DIGITAL",
        |r, _| r.delivery.and_then(|d| d.kind).map(|k| k.name()).into()
    ),
    variable!("request.delivery_country", Text, "ISO 3166", "where the goods go", |r, _| r
        .delivery
        .as_ref()
        .and_then(|d| d.country.as_ref())
        .into()),
    variable!("request.device_present", Bool, "", "the checkout sent a device", |r, _| r
        .device
        .is_some()
        .into()),
    variable!(
        "request.device_integrity",
        Text,
        "",
        "TRUSTED, EMULATOR, AUTOMATION or TAMPERED",
        |r, _| r.device.and_then(|d| d.integrity).map(|i| i.name()).into()
    ),
    variable!(
        "request.device_supported",
        Bool,
        "",
        "app or browser version is supported",
        |r, _| r.device.and_then(|d| d.supported).into()
    ),
    variable!("request.network_present", Bool, "", "the checkout sent an address", |r, _| r
        .network
        .is_some()
        .into()),
    variable!(
        "request.network_kind",
        Text,
        "",
        "RESIDENTIAL, MOBILE, BUSINESS, HOSTING, VPN, TOR or PUBLIC_HOTSPOT",
        |r, _| r.network.and_then(|n| n.kind).map(|k| k.name()).into()
    ),
    variable!("request.network_country", Text, "ISO 3166", "country of the address", |r, _| r
        .network
        .as_ref()
        .and_then(|n| n.country.as_ref())
        .into()),
    variable!("request.authentication", Text, "", "NONE, PASSWORD or STRONG", |r, _| r
        .session
        .authentication
        .map(|s| s.name())
        .into()),
    variable!(
        "request.credit_request_kind",
        Text,
        "",
        "NEW_PLAN, DRAW_WITHIN_LIMIT or LIMIT_INCREASE",
        |r, _| r.credit_request_kind.map(|k| k.name()).into()
    ),
    variable!("request.channel", Text, "", "WEB, APP, IN_STORE or PHONE", |r, _| r
        .channel
        .map(|c| c.name())
        .into()),
    variable!("request.hour", Int, "hour", "hour of the day in the market's time zone", |r, _| r
        .hour
        .map(i64::from)
        .into()),
    variable!(
        "request.weekday",
        Int,
        "",
        "Monday 1 to Sunday 7 in the market's time zone",
        |r, _| r.weekday.map(i64::from).into()
    ),
    variable!(
        "request.step_up_failed",
        Bool,
        "",
        "a check that the customer was asked to pass failed",
        |_, view| view.facts.step_up.failed.into()
    ),
];

fn instrument(request: &RequestFacts) -> Option<&InstrumentFacts> {
    request.instrument.as_ref()
}

fn check(
    request: &RequestFacts,
    which: fn(&InstrumentFacts) -> Option<CheckResult>,
) -> Value<'static> {
    instrument(request).and_then(which).map(CheckResult::name).into()
}
