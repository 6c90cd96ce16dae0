//! Names read from the request: a table, one entry a name.

use super::relative::{amount_to_reference, amount_to_usual, mean_to_usual};
use super::{Variable, of_request};
use crate::domain::{CheckResult, InstrumentFacts, RequestFacts, Type, Value};
use crate::signals;

/// A month for what falls due, in days.
const DAYS_A_MONTH: i64 = 30;

const DAY_MEAN: usize = signals::place_of("account_purchase_mean_1d");
const WEEK_MEAN: usize = signals::place_of("account_purchase_mean_7d");

pub(super) const VARIABLES: &[Variable] = &[
    of_request(
        "request.product",
        Type::Text,
        "",
        "what is asked for: PURCHASE or ONE_TIME_CARD",
        |r, _| r.product.name().into(),
    ),
    of_request("request.guest", Type::Bool, "", "nobody is signed in", |r, _| r.guest.into()),
    of_request(
        "request.guest_details_match",
        Type::Text,
        "",
        "MATCH, MISMATCH or NOT_CHECKED for name, address and contact of a guest",
        |r, _| r.guest_details_match.map(|c| c.name()).into(),
    ),
    of_request(
        "request.market_supported",
        Type::Bool,
        "",
        "the policy has a section for the market",
        |_, view| view.market.served.into(),
    ),
    of_request(
        "request.currency_supported",
        Type::Bool,
        "",
        "the currency is the market's",
        |_, view| view.market.currency.into(),
    ),
    of_request(
        "request.product_offered",
        Type::Bool,
        "",
        "the market offers the product",
        |_, view| view.market.product.into(),
    ),
    of_request("request.market", Type::Text, "ISO 3166", "market of the request", |r, _| {
        (&r.market).into()
    }),
    of_request("request.currency", Type::Text, "ISO 4217", "currency of the request", |r, _| {
        r.currency.code().into()
    }),
    of_request("request.amount", Type::Int, "minor units", "amount of the request", |r, _| {
        r.amount.into()
    }),
    of_request(
        "request.amount_to_reference",
        Type::Double,
        "times",
        "amount as a multiple of an ordinary purchase in the market",
        amount_to_reference,
    ),
    of_request(
        "request.amount_to_usual",
        Type::Double,
        "times",
        "amount as a multiple of the account's median of 180 days, from three purchases on",
        |_, view| amount_to_usual(view),
    ),
    of_request(
        "request.day_mean_to_usual",
        Type::Double,
        "times",
        "mean purchase of a day, this one included, as a multiple of that median",
        |_, view| mean_to_usual(view, DAY_MEAN),
    ),
    of_request(
        "request.week_mean_to_usual",
        Type::Double,
        "times",
        "mean purchase of 7 days, this one included, as a multiple of that median",
        |_, view| mean_to_usual(view, WEEK_MEAN),
    ),
    of_request("request.upfront", Type::Int, "minor units", "part that is paid at once", |r, _| {
        r.plan.upfront.into()
    }),
    of_request("request.exposure", Type::Int, "minor units", "part that is credit", |r, _| {
        r.exposure().into()
    }),
    of_request("request.plan", Type::Text, "", "PAY_NOW, PAY_LATER_30 or INSTALMENTS", |r, _| {
        r.plan.kind.name().into()
    }),
    of_request(
        "request.plan_count",
        Type::Int,
        "",
        "instalments after the upfront part",
        |r, _| i64::from(r.plan.count).into(),
    ),
    of_request(
        "request.plan_due_30d",
        Type::Int,
        "minor units",
        "what the new plan makes due within 30 days",
        |r, _| r.plan.due_within(r.exposure(), DAYS_A_MONTH).into(),
    ),
    of_request(
        "request.card_valid_hours",
        Type::Int,
        "hours",
        "how long the one-time card would live",
        |r, _| r.card.map(|c| c.valid_for.as_seconds() / 3600).into(),
    ),
    of_request(
        "request.card_tolerance",
        Type::Int,
        "minor units",
        "what an authorisation may exceed the card by",
        |r, _| r.card.map(|c| c.tolerance).into(),
    ),
    of_request(
        "request.merchant_category",
        Type::Int,
        "ISO 18245",
        "category of the shop",
        |r, _| r.merchant_category.map(|c| i64::from(c.number())).into(),
    ),
    of_request(
        "request.merchant_country",
        Type::Text,
        "ISO 3166",
        "country of the shop",
        |r, _| r.merchant_country.as_ref().into(),
    ),
    of_request(
        "request.order_reference_given",
        Type::Bool,
        "",
        "the shop named its order",
        |r, _| r.order_reference_given.into(),
    ),
    of_request("request.basket_lines", Type::Int, "", "lines of the basket", |r, _| {
        r.basket.map(|b| b.lines).into()
    }),
    of_request("request.basket_quantity", Type::Int, "", "pieces in the basket", |r, _| {
        r.basket.map(|b| b.quantity).into()
    }),
    of_request(
        "request.basket_gift_card_amount",
        Type::Int,
        "minor units",
        "gift cards and cash-like goods in the basket",
        |r, _| r.basket.map(|b| b.gift_card_amount).into(),
    ),
    of_request(
        "request.basket_digital_amount",
        Type::Int,
        "minor units",
        "digital goods in the basket",
        |r, _| r.basket.map(|b| b.digital_amount).into(),
    ),
    of_request(
        "request.instrument_kind",
        Type::Text,
        "",
        "CARD, BANK_ACCOUNT, PREPAID_CARD, GIFT_CARD or WALLET",
        |r, _| instrument(r).and_then(|i| i.kind).map(|k| k.name()).into(),
    ),
    of_request(
        "request.instrument_country",
        Type::Text,
        "ISO 3166",
        "country of the card or account",
        |r, _| instrument(r).and_then(|i| i.country.as_ref()).into(),
    ),
    of_request("request.instrument_expired", Type::Bool, "", "its expiry month is over", |r, _| {
        instrument(r).and_then(|i| i.expires).map(|end| end <= r.time).into()
    }),
    of_request(
        "request.instrument_address_check",
        Type::Text,
        "",
        "the bank's check of the address",
        |r, _| check(r, |i| i.address_check),
    ),
    of_request(
        "request.instrument_name_check",
        Type::Text,
        "",
        "the bank's check of the name",
        |r, _| check(r, |i| i.name_check),
    ),
    of_request(
        "request.instrument_code_check",
        Type::Text,
        "",
        "the bank's check of the security code",
        |r, _| check(r, |i| i.code_check),
    ),
    of_request(
        "request.instrument_details_check",
        Type::Text,
        "",
        "whether number and expiry are well formed",
        |r, _| check(r, |i| i.details_check),
    ),
    of_request(
        "request.instrument_holder_check",
        Type::Text,
        "",
        "whether it is in the customer's own name",
        |r, _| check(r, |i| i.holder_check),
    ),
    of_request(
        "request.bank_response",
        Type::Text,
        "ISO 8583",
        "answer of the bank for the first payment",
        |r, _| instrument(r).and_then(|i| i.bank_response.as_deref()).into(),
    ),
    of_request(
        "request.delivery_kind",
        Type::Text,
        "",
        "HOME, PICKUP_POINT, STORE, FORWARDING_SERVICE or DIGITAL",
        |r, _| r.delivery.and_then(|d| d.kind).map(|k| k.name()).into(),
    ),
    of_request("request.delivery_country", Type::Text, "ISO 3166", "where the goods go", |r, _| {
        r.delivery.as_ref().and_then(|d| d.country.as_ref()).into()
    }),
    of_request("request.device_present", Type::Bool, "", "the checkout sent a device", |r, _| {
        r.device.is_some().into()
    }),
    of_request(
        "request.device_integrity",
        Type::Text,
        "",
        "TRUSTED, EMULATOR, AUTOMATION or TAMPERED",
        |r, _| r.device.and_then(|d| d.integrity).map(|i| i.name()).into(),
    ),
    of_request(
        "request.device_supported",
        Type::Bool,
        "",
        "app or browser version is supported",
        |r, _| r.device.and_then(|d| d.supported).into(),
    ),
    of_request(
        "request.network_present",
        Type::Bool,
        "",
        "the checkout sent an address",
        |r, _| r.network.is_some().into(),
    ),
    of_request(
        "request.network_kind",
        Type::Text,
        "",
        "RESIDENTIAL, MOBILE, BUSINESS, HOSTING, VPN, TOR or PUBLIC_HOTSPOT",
        |r, _| r.network.and_then(|n| n.kind).map(|k| k.name()).into(),
    ),
    of_request(
        "request.network_country",
        Type::Text,
        "ISO 3166",
        "country of the address",
        |r, _| r.network.as_ref().and_then(|n| n.country.as_ref()).into(),
    ),
    of_request("request.authentication", Type::Text, "", "NONE, PASSWORD or STRONG", |r, _| {
        r.session.authentication.map(|s| s.name()).into()
    }),
    of_request(
        "request.credit_request_kind",
        Type::Text,
        "",
        "NEW_PLAN, DRAW_WITHIN_LIMIT or LIMIT_INCREASE",
        |r, _| r.credit_request_kind.map(|k| k.name()).into(),
    ),
    of_request("request.channel", Type::Text, "", "WEB, APP, IN_STORE or PHONE", |r, _| {
        r.channel.map(|c| c.name()).into()
    }),
    of_request(
        "request.hour",
        Type::Int,
        "hour",
        "hour of the day in the market's time zone",
        |r, _| r.hour.map(i64::from).into(),
    ),
    of_request(
        "request.weekday",
        Type::Int,
        "",
        "Monday 1 to Sunday 7 in the market's time zone",
        |r, _| r.weekday.map(i64::from).into(),
    ),
    of_request(
        "request.step_up_failed",
        Type::Bool,
        "",
        "a check that the customer was asked to pass failed",
        |_, view| view.facts.step_up.failed.into(),
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
