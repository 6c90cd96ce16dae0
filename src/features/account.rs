//! Names read from the account's standing: a table, one entry a name.

use super::{Variable, View, of_account};
use crate::domain::{
    FieldStatus, LegalAge, ProfileField, RestrictionKind, Standing, Time, Type, Value,
};

pub(super) const VARIABLES: &[Variable] = &[
    of_account("account.known", Type::Bool, "", "the lender told us of the account", |s, _| {
        s.known.into()
    }),
    of_account("account.market", Type::Text, "ISO 3166", "market of the account", |s, _| {
        s.market.as_ref().into()
    }),
    of_account("account.currency", Type::Text, "ISO 4217", "the account's one currency", |s, _| {
        s.currency.map(|c| c.code()).into()
    }),
    of_account(
        "account.credit_limit",
        Type::Int,
        "minor units",
        "limit assigned by the lender; for a guest the market's",
        |s, _| s.credit_limit.into(),
    ),
    of_account("account.outstanding", Type::Int, "minor units", "owed over all plans", |s, _| {
        s.outstanding.into()
    }),
    of_account(
        "account.reserved",
        Type::Int,
        "minor units",
        "held for approvals that are not captured yet",
        |s, _| s.reserved.into(),
    ),
    of_account("account.opened_days", Type::Int, "days", "age of the account", |s, view| {
        s.opened.map(|t| (now(view) - t).as_days()).into()
    }),
    of_account(
        "account.profile_missing",
        Type::Int,
        "",
        "profile fields that are empty",
        |s, _| profile_count(s, FieldStatus::Absent),
    ),
    of_account(
        "account.contact_unreachable",
        Type::Bool,
        "",
        "email bounces or phone is unreachable",
        |s, _| contact_unreachable(s),
    ),
    of_account(
        "account.address_unreachable",
        Type::Bool,
        "",
        "the address was not found or mail came back",
        |s, _| field_is(s.profile.address, FieldStatus::Unreachable),
    ),
    of_account(
        "account.contact_changed_hours",
        Type::Double,
        "hours",
        "since email, phone or password changed",
        |s, view| s.contact_changed.map(|t| (now(view) - t).as_hours_f64()).into(),
    ),
    of_account(
        "account.of_legal_age",
        Type::Bool,
        "",
        "old enough for a credit agreement",
        |s, _| s.of_legal_age.map(|age| age == LegalAge::Yes).into(),
    ),
    of_account("account.income_monthly", Type::Int, "minor units", "income a month", |s, _| {
        s.income_monthly.into()
    }),
    of_account("account.income_verified", Type::Bool, "", "the income was confirmed", |s, _| {
        s.income_verified.into()
    }),
    of_account(
        "account.commitments_monthly",
        Type::Int,
        "minor units",
        "commitments elsewhere a month",
        |s, _| s.commitments_monthly.into(),
    ),
    of_account(
        "account.bureau_file_found",
        Type::Bool,
        "",
        "the credit bureau has a file",
        |s, _| s.bureau.file_found.into(),
    ),
    of_account(
        "account.bureau_delinquency_days",
        Type::Int,
        "days",
        "worst delinquency elsewhere in 12 months",
        |s, _| s.bureau.worst_delinquency_days.into(),
    ),
    of_account(
        "account.bureau_collections",
        Type::Bool,
        "",
        "open collection or court judgment",
        |s, _| s.bureau.collections_or_judgment.into(),
    ),
    of_account("account.bureau_insolvency", Type::Bool, "", "open insolvency", |s, _| {
        s.bureau.insolvency.into()
    }),
    of_account(
        "account.bureau_inquiries_6m",
        Type::Int,
        "",
        "searches by others in 6 months",
        |s, _| s.bureau.inquiries_6m.into(),
    ),
    of_account(
        "account.bureau_file_age_months",
        Type::Int,
        "months",
        "age of the bureau's file",
        |s, _| s.bureau.file_age_months.into(),
    ),
    of_account("account.bureau_entries", Type::Int, "", "entries in the bureau's file", |s, _| {
        s.bureau.entries.into()
    }),
    of_account(
        "account.support_plan_active",
        Type::Bool,
        "",
        "a payment support arrangement is running",
        |s, _| s.support_plan_active.into(),
    ),
    of_account("account.plans_open", Type::Int, "", "plans with something outstanding", |s, _| {
        s.plans.open.into()
    }),
    of_account("account.plans_repaid", Type::Int, "", "plans repaid in full", |s, _| {
        s.plans.repaid.into()
    }),
    of_account(
        "account.due_30d",
        Type::Int,
        "minor units",
        "what open plans make due within 30 days",
        |s, _| s.plans.due_30d.into(),
    ),
    of_account(
        "account.days_overdue",
        Type::Int,
        "days",
        "since the oldest unpaid instalment was due",
        |s, _| s.plans.days_overdue.into(),
    ),
    of_account("account.defaulted", Type::Bool, "", "a balance was written off or sold", |s, _| {
        s.plans.defaulted.into()
    }),
    of_account(
        "account.late_180d",
        Type::Int,
        "",
        "instalments paid over 7 days late in 180 days",
        |s, _| s.plans.late_180d.into(),
    ),
    of_account(
        "account.late_365d",
        Type::Int,
        "",
        "instalments paid late at all in 365 days",
        |s, _| s.plans.late_365d.into(),
    ),
    of_account(
        "account.orders_60m",
        Type::Int,
        "",
        "orders reserved or confirmed in 60 minutes",
        |s, _| s.orders.placed_60m.into(),
    ),
    of_account(
        "account.orders_24h",
        Type::Int,
        "",
        "orders reserved or confirmed in 24 hours",
        |s, _| s.orders.placed_24h.into(),
    ),
    of_account("account.orders_amount_24h", Type::Int, "minor units", "sum of those", |s, _| {
        s.orders.amount_24h.into()
    }),
    of_account(
        "account.duplicate_order",
        Type::Bool,
        "",
        "same shop, amount and basket within 10 minutes",
        |s, _| s.orders.duplicate.into(),
    ),
    of_account("account.cards_24h", Type::Int, "", "one-time cards granted in 24 hours", |s, _| {
        s.orders.cards_24h.into()
    }),
    of_account("account.cards_open", Type::Int, "", "one-time cards open and unused", |s, _| {
        s.orders.cards_open.into()
    }),
    of_account("account.security_hold", Type::Bool, "", "a security hold is in force", |s, _| {
        restricted(s, RestrictionKind::Security)
    }),
    of_account(
        "account.temporarily_restricted",
        Type::Bool,
        "",
        "a temporary restriction is in force",
        |s, _| restricted(s, RestrictionKind::Temporary),
    ),
    of_account(
        "account.self_excluded",
        Type::Bool,
        "",
        "the customer asked not to be lent to",
        |s, _| restricted(s, RestrictionKind::SelfExclusion),
    ),
    of_account(
        "account.sanctions_hold",
        Type::Bool,
        "",
        "name screening found a possible match",
        |s, _| restricted(s, RestrictionKind::Sanctions),
    ),
    of_account(
        "account.compliance_hold",
        Type::Bool,
        "",
        "activity was referred to compliance",
        |s, _| restricted(s, RestrictionKind::Compliance),
    ),
    of_account(
        "account.listed",
        Type::Bool,
        "",
        "the account is on the list of confirmed misuse",
        |s, _| s.listed.account.into(),
    ),
    of_account(
        "account.device_listed",
        Type::Bool,
        "",
        "the device is on the list of confirmed misuse",
        |s, _| s.listed.device.into(),
    ),
    of_account(
        "account.instrument_listed",
        Type::Bool,
        "",
        "the instrument is on the list of confirmed misuse",
        |s, _| s.listed.instrument.into(),
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
