//! Reads what is to be paid and how: amount, plan, basket, and the terms of a one-time card.

use prost_types::Duration;

use super::reader::{Path, Reader};
use crate::domain::{
    BasketFacts, CardTerms, Currency, Money, PlanKind, PlanTerms, Span, opaque_id,
};
use crate::grpc::pb;

const ITEMS_MAX: usize = 200;
const QUANTITY_MAX: i32 = 100_000;
const CATEGORY_CODE_MAX: usize = 32;
/// The longest that a one-time card may be good, and what is asked for when nothing is said.
const CARD_VALID_MAX: Span = Span::hours(24);
/// Days until the one payment of PAY_LATER_30 is due.
const PAY_LATER_DAYS: u32 = 30;

/// What is to be paid and how.
pub struct Payment {
    pub amount: Money,
    pub plan: PlanTerms,
    pub basket: Option<BasketFacts>,
    pub card: Option<CardTerms>,
}

/// The payment of a purchase; `terms` only for a one-time card.
pub fn payment(
    r: &mut Reader,
    at: &Path,
    context: &pb::PurchaseContext,
    terms: Option<&pb::OneTimeCardTerms>,
) -> Option<Payment> {
    let amount = r.price(&at.field("amount"), context.amount.as_ref());
    // Known also when the amount is wrong, so that a second currency is reported all the same.
    let currency = context.amount.as_ref().and_then(|m| Currency::parse(&m.currency_code).ok());
    let basket = basket(r, at, &context.items, currency);
    let plan_at = at.field("plan");
    let plan = r.required(&plan_at, context.plan.as_ref());
    let plan = plan.and_then(|plan| {
        check_upfront(r, &plan_at.field("upfront"), plan, amount);
        plan_terms(r, &plan_at, plan, currency)
    });
    let card = terms.map(|terms| card_terms(r, &Path::ROOT.field("terms"), terms, currency));
    if card.is_some() && plan.is_some_and(|plan| plan.kind == PlanKind::PayNow) {
        r.fault(&plan_at.field("kind"), "a one-time card is credit and cannot be paid now");
    }
    Some(Payment { amount: amount?, plan: plan?, basket, card })
}

/// The terms of a plan by themselves, as events tell them too.
pub fn plan_terms(
    r: &mut Reader,
    at: &Path,
    plan: &pb::PaymentPlan,
    currency: Option<Currency>,
) -> Option<PlanTerms> {
    let upfront = r.money_in(currency, &at.field("upfront"), plan.upfront.as_ref());
    let kind = r.required_word(&at.field("kind"), plan.kind)?;
    let (counts, intervals) = match kind {
        PlanKind::Instalments => (2..=36, 7..=31),
        PlanKind::PayNow | PlanKind::PayLater30 => (0..=0, 0..=0),
    };
    let count = r.number(&at.field("count"), Some(plan.count), counts);
    let interval = r.number(&at.field("interval_days"), Some(plan.interval_days), intervals);
    let (count, interval_days) = match kind {
        PlanKind::PayNow => (0, 0),
        PlanKind::PayLater30 => (1, PAY_LATER_DAYS),
        PlanKind::Instalments => (count?.try_into().ok()?, interval?.try_into().ok()?),
    };
    let upfront = match kind {
        // All is paid at once, so no part of it is named.
        PlanKind::PayNow => 0,
        PlanKind::PayLater30 | PlanKind::Instalments => upfront.map_or(0, |part| part.minor()),
    };
    Some(PlanTerms { kind, count, interval_days, upfront })
}

fn check_upfront(r: &mut Reader, at: &Path, plan: &pb::PaymentPlan, amount: Option<Money>) {
    let (Some(upfront), Some(amount)) = (&plan.upfront, amount) else {
        return;
    };
    let minor_at = at.field("minor_units");
    let pay_now = plan.kind == i32::from(pb::PlanKind::PayNow);
    if pay_now && upfront.minor_units != amount.minor() {
        r.fault(&minor_at, "expected nothing, or all of the amount, with PAY_NOW");
    } else if !pay_now && upfront.minor_units >= amount.minor() {
        r.fault(&minor_at, "must be less than the amount, else nothing is left to pay later");
    }
}

fn basket(
    r: &mut Reader,
    at: &Path,
    items: &[pb::LineItem],
    currency: Option<Currency>,
) -> Option<BasketFacts> {
    let mut facts = BasketFacts { lines: 0, quantity: 0, gift_card_amount: 0, digital_amount: 0 };
    for (place, item) in r.list(&at.field("items"), items, ITEMS_MAX).iter().enumerate() {
        let at = at.item("items", place);
        let code_shape = |code: &str| opaque_id(code, CATEGORY_CODE_MAX).map(drop);
        r.optional(&at.field("category_code"), &item.category_code, code_shape);
        let quantity = r.number(&at.field("quantity"), Some(item.quantity), 1..=QUANTITY_MAX);
        let amount_at = at.field("amount");
        let amount = r.money_in(currency, &amount_at, item.amount.as_ref());
        if item.amount.is_none() && (item.gift_card || item.digital) {
            // Their share of the purchase is judged, and an unknown share must not read as none.
            r.fault(&amount_at, "required for a gift card and for digital goods");
        }
        let minor = amount.map_or(0, |amount| amount.minor());
        facts.lines += 1;
        facts.quantity += quantity.unwrap_or(0);
        facts.gift_card_amount += if item.gift_card { minor } else { 0 };
        facts.digital_amount += if item.digital { minor } else { 0 };
    }
    (!items.is_empty()).then_some(facts)
}

fn card_terms(
    r: &mut Reader,
    at: &Path,
    terms: &pb::OneTimeCardTerms,
    currency: Option<Currency>,
) -> CardTerms {
    let valid_for = valid_for(r, &at.field("valid_for"), terms.valid_for.as_ref());
    let tolerance = r.money_in(currency, &at.field("tolerance"), terms.tolerance.as_ref());
    CardTerms {
        valid_for: valid_for.unwrap_or(CARD_VALID_MAX),
        merchant_locked: terms.merchant_locked,
        tolerance: tolerance.map_or(0, |tolerance| tolerance.minor()),
    }
}

fn valid_for(r: &mut Reader, at: &Path, asked: Option<&Duration>) -> Option<Span> {
    let asked = asked?;
    if asked.nanos != 0 || !(1..=CARD_VALID_MAX.as_seconds()).contains(&asked.seconds) {
        r.fault(at, "expected whole seconds, above zero and at most 24 h");
    }
    Some(Span::seconds(asked.seconds))
}
