//! Names read from the account's standing: a table, one entry a name.

use super::{Variable, View};
use crate::domain::{
    FieldStatus, LegalAge, ProfileField, RestrictionKind, Standing, Time, Type, Value,
};

/// One entry of the table: name, type, unit, meaning, and how it is read.
macro_rules! variable {
    ($name:literal, $type:ident, $unit:literal, $about:literal, |$s:tt, $view:tt| $read:expr) => {
        Variable {
            name: $name,
            value_type: Type::$type,
            unit: $unit,
            about: $about,
            read: |outer| {
                let ($s, $view) = (&outer.facts.standing, outer);
                $read
            },
        }
    };
}

pub(super) const VARIABLES: &[Variable] = &[
    variable!("account.known", Bool, "", "the lender told us of the account", |s, _| s
        .known
        .into()),
    variable!("account.market", Text, "ISO 3166", "market of the account", |s, _| s
        .market
        .as_ref()
        .into()),
    variable!("account.currency", Text, "ISO 4217", "the account's one currency", |s, _| s
        .currency
        .map(|c| c.code())
        .into()),
    variable!(
        "account.credit_limit",
        Int,
        "minor units",
        "limit assigned by the lender; for a guest the market's",
        |s, _| s.credit_limit.into()
    ),
    variable!("account.outstanding", Int, "minor units", "owed over all plans", |s, _| s
        .outstanding
        .into()),
    variable!(
        "account.reserved",
        Int,
        "minor units",
        "held for approvals that are not captured yet",
        |s, _| s.reserved.into()
    ),
    variable!("account.opened_days", Int, "days", "age of the account", |s, view| s
        .opened
        .map(|t| (now(view) - t).as_days())
        .into()),
    variable!("account.profile_missing", Int, "", "profile fields that are empty", |s, _| {
        profile_count(s, FieldStatus::Absent)
    }),
    variable!(
        "account.contact_unreachable",
        Bool,
        "",
        "email bounces or phone is unreachable",
        |s, _| contact_unreachable(s)
    ),
    variable!(
        "account.address_unreachable",
        Bool,
        "",
        "the address was not found or mail came back",
        |s, _| field_is(s.profile.address, FieldStatus::Unreachable)
    ),
    variable!(
        "account.contact_changed_hours",
        Double,
        "hours",
        "since email, phone or password changed",
        |s, view| s.contact_changed.map(|t| (now(view) - t).as_hours_f64()).into()
    ),
    variable!("account.of_legal_age", Bool, "", "old enough for a credit agreement", |s, _| s
        .of_legal_age
        .map(|age| age == LegalAge::Yes)
        .into()),
    variable!("account.income_monthly", Int, "minor units", "income a month", |s, _| s
        .income_monthly
        .into()),
    variable!("account.income_verified", Bool, "", "the income was confirmed", |s, _| s
        .income_verified
        .into()),
    variable!(
        "account.commitments_monthly",
        Int,
        "minor units",
        "commitments elsewhere a month",
        |s, _| s.commitments_monthly.into()
    ),
    variable!("account.bureau_file_found", Bool, "", "the credit bureau has a file", |s, _| s
        .bureau
        .file_found
        .into()),
    variable!(
        "account.bureau_delinquency_days",
        Int,
        "days",
        "worst delinquency elsewhere in 12 months",
        |s, _| s.bureau.worst_delinquency_days.into()
    ),
    variable!(
        "account.bureau_collections",
        Bool,
        "",
        "open collection or court judgment",
        |s, _| s.bureau.collections_or_judgment.into()
    ),
    variable!("account.bureau_insolvency", Bool, "", "open insolvency", |s, _| s
        .bureau
        .insolvency
        .into()),
    variable!("account.bureau_inquiries_6m", Int, "", "searches by others in 6 months", |s, _| s
        .bureau
        .inquiries_6m
        .into()),
    variable!(
        "account.bureau_file_age_months",
        Int,
        "months",
        "age of the bureau's file",
        |s, _| s.bureau.file_age_months.into()
    ),
    variable!("account.bureau_entries", Int, "", "entries in the bureau's file", |s, _| s
        .bureau
        .entries
        .into()),
    variable!(
        "account.support_plan_active",
        Bool,
        "",
        "a payment support arrangement is running",
        |s, _| s.support_plan_active.into()
    ),
    variable!(
        "account.plans_open",
        Int,
        "",
        "plans with something outstanding, returns under way left out",
        |s, _| s.plans.open.into()
    ),
    variable!("account.plans_repaid", Int, "", "plans repaid in full", |s, _| s
        .plans
        .repaid
        .into()),
    variable!(
        "account.due_30d",
        Int,
        "minor units",
        "what open plans make due within 30 days",
        |s, _| s.plans.due_30d.into()
    ),
    variable!(
        "account.days_overdue",
        Int,
        "days",
        "since the oldest unpaid instalment was due",
        |s, _| s.plans.days_overdue.into()
    ),
    variable!("account.defaulted", Bool, "", "a balance was written off or sold", |s, _| s
        .plans
        .defaulted
        .into()),
    variable!(
        "account.late_180d",
        Int,
        "",
        "instalments paid over 7 days late in 180 days",
        |s, _| s.plans.late_180d.into()
    ),
    variable!("account.late_365d", Int, "", "instalments paid late at all in 365 days", |s, _| s
        .plans
        .late_365d
        .into()),
    variable!(
        "account.orders_60m",
        Int,
        "",
        "orders reserved or confirmed in 60 minutes",
        |s, _| s.orders.placed_60m.into()
    ),
    variable!("account.orders_24h", Int, "", "orders reserved or confirmed in 24 hours", |s, _| s
        .orders
        .placed_24h
        .into()),
    variable!("account.orders_amount_24h", Int, "minor units", "sum of those", |s, _| s
        .orders
        .amount_24h
        .into()),
    variable!(
        "account.duplicate_order",
        Bool,
        "",
        "same shop, amount and basket within 10 minutes",
        |s, _| s.orders.duplicate.into()
    ),
    variable!("account.cards_24h", Int, "", "one-time cards granted in 24 hours", |s, _| s
        .orders
        .cards_24h
        .into()),
    variable!("account.cards_open", Int, "", "one-time cards open and unused", |s, _| s
        .orders
        .cards_open
        .into()),
    variable!("account.security_hold", Bool, "", "a security hold is in force", |s, _| restricted(
        s,
        RestrictionKind::Security
    )),
    variable!(
        "account.temporarily_restricted",
        Bool,
        "",
        "a temporary restriction is in force",
        |s, _| restricted(s, RestrictionKind::Temporary)
    ),
    variable!("account.self_excluded", Bool, "", "the customer asked not to be lent to", |s, _| {
        restricted(s, RestrictionKind::SelfExclusion)
    }),
    variable!(
        "account.sanctions_hold",
        Bool,
        "",
        "name screening found a possible match",
        |s, _| restricted(s, RestrictionKind::Sanctions)
    ),
    variable!(
        "account.compliance_hold",
        Bool,
        "",
        "activity was referred to compliance",
        |s, _| restricted(s, RestrictionKind::Compliance)
    ),
    variable!(
        "account.listed",
        Bool,
        "",
        "the account is on the list of confirmed misuse",
        |s, _| s.listed.account.into()
    ),
    variable!(
        "account.device_listed",
        Bool,
        "",
        "the device is on the list of confirmed misuse",
        |s, _| s.listed.device.into()
    ),
    variable!(
        "account.instrument_listed",
        Bool,
        "",
        "the instrument is on the list of confirmed misuse",
        |s, _| s.listed.instrument.into()
    ),
];

fn now(view: &View<'_>) -> Time {
    view.facts.request.time
}

/// How many profile fields have a status; missing when the lender told of none.
fn profile_count(standing: &Standing, status: FieldStatus) -> Value<'static> {
    let fields = standing.profile.fields();
    if fields.iter().all(|(_, field)| field.is_none()) {
        return Value::NotSupplied;
    }
    let count = fields.iter().filter(|(_, field)| field.is_some_and(|f| f.status == status));
    Value::Int(count.count() as i64)
}

fn field_is(field: Option<ProfileField>, status: FieldStatus) -> Value<'static> {
    field.map(|field| field.status == status).into()
}

fn contact_unreachable(standing: &Standing) -> Value<'static> {
    let contacts = [standing.profile.email, standing.profile.phone];
    if contacts.iter().all(Option::is_none) {
        return Value::NotSupplied;
    }
    let unreachable = |field: &ProfileField| field.status == FieldStatus::Unreachable;
    Value::Bool(contacts.iter().flatten().any(unreachable))
}

fn restricted(standing: &Standing, kind: RestrictionKind) -> Value<'static> {
    Value::Bool(standing.restrictions.iter().any(|restriction| restriction.kind == kind))
}
