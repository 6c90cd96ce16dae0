//! Accounts, restrictions and what became of events, on the wire.

use super::{minor, time};
use crate::domain::{
    Account, Bureau, Erased, EventOutcome, EventStatus, Profile, ProfileField, Restriction,
};
use crate::grpc::pb;
use crate::grpc::words::Word;

/// An account with its etag. E-mail and phone are only known as hashes, so they stay empty.
pub fn account(account: &Account, etag: String) -> pb::Account {
    let currency = account.currency;
    let income = account.income.map(|income| pb::Income {
        monthly: Some(minor(income.monthly, currency)),
        verified: Some(income.verified),
        as_of: income.as_of.map(time),
    });
    let commitments = account.commitments.as_ref().map(|commitments| pb::Commitments {
        monthly: Some(minor(commitments.monthly, currency)),
        source: commitments.source.clone(),
        as_of: commitments.as_of.map(time),
    });
    pb::Account {
        account_id: account.id.to_string(),
        etag,
        market: account.market.to_string(),
        currency_code: currency.code().to_owned(),
        credit_limit: Some(minor(account.credit_limit, currency)),
        opened_time: account.opened.map(time),
        email: String::new(),
        phone: String::new(),
        profile: Some(profile(&account.profile)),
        of_legal_age: account.of_legal_age.map_or(0, Word::number),
        income,
        commitments,
        bureau: account.bureau.as_ref().map(bureau),
        support_plan_active: account.support_plan_active,
    }
}

fn profile(profile: &Profile) -> pb::Profile {
    pb::Profile {
        name: profile.name.map(profile_field),
        birth_date: profile.birth_date.map(profile_field),
        address: profile.address.map(profile_field),
        phone: profile.phone.map(profile_field),
        email: profile.email.map(profile_field),
    }
}

fn profile_field(field: ProfileField) -> pb::ProfileField {
    pb::ProfileField { status: field.status.number(), changed_time: field.changed.map(time) }
}

fn bureau(bureau: &Bureau) -> pb::Bureau {
    // All were bounded at the door, far below what an int32 holds.
    let number = |value: Option<i64>| value.and_then(|value| i32::try_from(value).ok());
    pb::Bureau {
        file_found: bureau.file_found,
        worst_delinquency_days: number(bureau.worst_delinquency_days),
        collections_or_judgment: bureau.collections_or_judgment,
        insolvency: bureau.insolvency,
        inquiries_6m: number(bureau.inquiries_6m),
        file_age_months: number(bureau.file_age_months),
        entries: number(bureau.entries),
        as_of: bureau.as_of.map(time),
    }
}

/// A hold or restriction.
pub fn restriction(restriction: &Restriction) -> pb::Restriction {
    pb::Restriction {
        restriction_id: restriction.id.to_string(),
        account_id: restriction.account.to_string(),
        kind: restriction.kind.number(),
        code: restriction.code.number(),
        start_time: Some(time(restriction.start)),
        end_time: Some(time(restriction.end)),
        note: restriction.note.clone(),
        lifted_time: restriction.lifted.map(time),
        origin: restriction.origin.number(),
    }
}

/// What was erased.
pub fn erased(erased: &Erased) -> pb::EraseAccountResponse {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    pb::EraseAccountResponse {
        raw_contexts: count(erased.raw_contexts),
        signal_events: count(erased.signal_events),
        account_fields: count(erased.account_fields),
        signal_parties: count(erased.signal_parties),
        erase_time: Some(time(erased.time)),
        staff_texts: count(erased.staff_texts),
        card_numbers: count(erased.card_numbers),
    }
}

/// What became of each event, in the order sent.
pub fn event_results(outcomes: Vec<EventOutcome>) -> Vec<pb::AccountEventResult> {
    let result = |outcome: EventOutcome| pb::AccountEventResult {
        event_id: outcome.event_id,
        status: status(outcome.status).into(),
        problem: outcome.problem,
        field: outcome.field,
    };
    outcomes.into_iter().map(result).collect()
}

fn status(status: EventStatus) -> pb::AccountEventStatus {
    match status {
        EventStatus::Applied => pb::AccountEventStatus::Applied,
        EventStatus::Duplicate => pb::AccountEventStatus::Duplicate,
        EventStatus::Rejected => pb::AccountEventStatus::Rejected,
    }
}
