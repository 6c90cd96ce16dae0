//! Reads what the lender tells about an account, and the holds that it puts on it or lifts.

use super::call;
use super::parties;
use super::reader::{Path, Reader, invalid};
use crate::domain::{
    Account, AccountId, AccountUpsert, Bureau, Commitments, Country, Currency, Erasure, Fault,
    Holder, Income, Problem, Profile, ProfileField, ReasonCode, Restriction, RestrictionId,
    RestrictionKind, RestrictionLift, RestrictionOrigin, RestrictionSet, Time, opaque_id,
    short_text,
};
use crate::grpc::pb;

const NOTE_MAX: usize = 500;
const EVIDENCE_MAX: usize = 128;
const ETAG_MAX: usize = 64;
const SOURCE_MAX: usize = 32;

/// An account as the lender knows it.
pub fn upsert_account(
    mut r: Reader,
    request: pb::UpsertAccountRequest,
) -> Result<AccountUpsert, Vec<Fault>> {
    let call = call(&mut r, "UpsertAccount", &request.request_id, &request);
    let at = &Path::ROOT.field("account");
    let sent = r.required(at, request.account.as_ref());
    let account = sent.and_then(|sent| account(&mut r, at, sent));
    let etag = sent.and_then(|sent| r.optional(&at.field("etag"), &sent.etag, etag));
    let read = || Some(AccountUpsert { call: call?, account: account?, etag });
    r.finish(read())
}

fn account(r: &mut Reader, at: &Path, sent: &pb::Account) -> Option<Account> {
    let id = r.take(&at.field("account_id"), AccountId::parse(&sent.account_id));
    let market = r.take(&at.field("market"), Country::parse(&sent.market));
    let currency = r.take(&at.field("currency_code"), Currency::parse(&sent.currency_code));
    let limit_at = at.field("credit_limit");
    let limit = r.required(&limit_at, sent.credit_limit.as_ref());
    let limit = r.money_in(currency, &limit_at, limit);
    let opened = r.past_time(&at.field("opened_time"), sent.opened_time.as_ref());
    let email = parties::email(r, &at.field("email"), &sent.email);
    let phone = parties::phone(r, &at.field("phone"), &sent.phone);
    let profile = profile(r, &at.field("profile"), sent.profile.as_ref());
    let of_legal_age = r.word(&at.field("of_legal_age"), sent.of_legal_age);
    let income = income(r, at, sent, currency);
    let commitments = commitments(r, at, sent, currency);
    let bureau = bureau(r, &at.field("bureau"), sent.bureau.as_ref());
    Some(Account {
        id: id?,
        market: market?,
        currency: currency?,
        credit_limit: limit?.minor(),
        opened,
        email,
        phone,
        profile,
        of_legal_age,
        income,
        commitments,
        bureau,
        support_plan_active: sent.support_plan_active,
    })
}

fn profile(r: &mut Reader, at: &Path, sent: Option<&pb::Profile>) -> Profile {
    let Some(sent) = sent else {
        return Profile::default();
    };
    Profile {
        name: profile_field(r, &at.field("name"), sent.name.as_ref()),
        birth_date: profile_field(r, &at.field("birth_date"), sent.birth_date.as_ref()),
        address: profile_field(r, &at.field("address"), sent.address.as_ref()),
        phone: profile_field(r, &at.field("phone"), sent.phone.as_ref()),
        email: profile_field(r, &at.field("email"), sent.email.as_ref()),
    }
}

fn profile_field(
    r: &mut Reader,
    at: &Path,
    sent: Option<&pb::ProfileField>,
) -> Option<ProfileField> {
    let sent = sent?;
    let changed = r.past_time(&at.field("changed_time"), sent.changed_time.as_ref());
    let status = r.word(&at.field("status"), sent.status)?;
    Some(ProfileField { status, changed })
}

fn income(
    r: &mut Reader,
    at: &Path,
    sent: &pb::Account,
    currency: Option<Currency>,
) -> Option<Income> {
    let sent = sent.income.as_ref()?;
    let at = at.field("income");
    let monthly_at = at.field("monthly");
    let monthly = r.required(&monthly_at, sent.monthly.as_ref());
    let monthly = r.money_in(currency, &monthly_at, monthly);
    let verified = r.required(&at.field("verified"), sent.verified);
    let as_of = r.past_time(&at.field("as_of"), sent.as_of.as_ref());
    Some(Income { monthly: monthly?.minor(), verified: verified?, as_of })
}

fn commitments(
    r: &mut Reader,
    at: &Path,
    sent: &pb::Account,
    currency: Option<Currency>,
) -> Option<Commitments> {
    let sent = sent.commitments.as_ref()?;
    let at = at.field("commitments");
    let monthly_at = at.field("monthly");
    let monthly = r.required(&monthly_at, sent.monthly.as_ref());
    let monthly = r.money_in(currency, &monthly_at, monthly);
    let source_at = at.field("source");
    let source = r.optional(&source_at, &sent.source, |text| opaque_id(text, SOURCE_MAX));
    let as_of = r.past_time(&at.field("as_of"), sent.as_of.as_ref());
    let source = source.unwrap_or_default().to_owned();
    Some(Commitments { monthly: monthly?.minor(), source, as_of })
}

fn bureau(r: &mut Reader, at: &Path, sent: Option<&pb::Bureau>) -> Option<Bureau> {
    let sent = sent?;
    let days_at = at.field("worst_delinquency_days");
    Some(Bureau {
        file_found: sent.file_found,
        worst_delinquency_days: r.number(&days_at, sent.worst_delinquency_days, 0..=3650),
        collections_or_judgment: sent.collections_or_judgment,
        insolvency: sent.insolvency,
        inquiries_6m: r.number(&at.field("inquiries_6m"), sent.inquiries_6m, 0..=1000),
        file_age_months: r.number(&at.field("file_age_months"), sent.file_age_months, 0..=1200),
        entries: r.number(&at.field("entries"), sent.entries, 0..=10_000),
        as_of: r.past_time(&at.field("as_of"), sent.as_of.as_ref()),
    })
}

/// The name of one account.
pub fn account_id(mut r: Reader, id: &str) -> Result<AccountId, Vec<Fault>> {
    let id = r.take(&Path::ROOT.field("account_id"), AccountId::parse(id));
    r.finish(id)
}

/// A hold to be put on an account under the given id.
pub fn set_restriction(
    mut r: Reader,
    request: pb::SetRestrictionRequest,
    id: RestrictionId,
) -> Result<RestrictionSet, Vec<Fault>> {
    let at = &Path::ROOT;
    let call = call(&mut r, "SetRestriction", &request.request_id, &request);
    let account = r.take(&at.field("account_id"), AccountId::parse(&request.account_id));
    let kind = r.required_word(&at.field("kind"), request.kind);
    let code = r.word(&at.field("code"), request.code);
    check_code(&mut r, &at.field("code"), kind, code);
    let start = r.time(&at.field("start_time"), request.start_time.as_ref());
    let start = start.unwrap_or(r.now());
    let end = end_time(&mut r, &at.field("end_time"), &request, start);
    let note = r.take(&at.field("note"), short_text(&request.note, NOTE_MAX));
    let read = || {
        let kind = kind?;
        let restriction = Restriction {
            id,
            account: account?,
            kind,
            code: code.unwrap_or(kind.own_code()),
            start,
            end: end?,
            note: note?.to_owned(),
            origin: RestrictionOrigin::Lender,
            lifted: None,
        };
        Some(RestrictionSet { call: call?, restriction })
    };
    r.finish(read())
}

/// A code that only compliance may know goes with a kind that only compliance sees, and so back.
fn check_code(r: &mut Reader, at: &Path, kind: Option<RestrictionKind>, code: Option<ReasonCode>) {
    let held =
        |code| matches!(code, ReasonCode::SanctionsPossibleMatch | ReasonCode::ComplianceReview);
    if let (Some(kind), Some(code)) = (kind, code)
        && held(kind.own_code()) != held(code)
    {
        r.fault(at, "does not go with this kind of restriction");
    }
}

fn end_time(
    r: &mut Reader,
    at: &Path,
    request: &pb::SetRestrictionRequest,
    start: Time,
) -> Option<Time> {
    let stamp = r.required(at, request.end_time.as_ref());
    let end = r.time(at, stamp)?;
    if end <= start || end <= r.now() {
        r.fault(at, "must be later than the start, and not past");
    }
    Some(end)
}

/// A hold to be ended before its time.
pub fn lift_restriction(
    mut r: Reader,
    request: pb::LiftRestrictionRequest,
) -> Result<RestrictionLift, Vec<Fault>> {
    let at = &Path::ROOT;
    let call = call(&mut r, "LiftRestriction", &request.request_id, &request);
    let id_at = at.field("restriction_id");
    let id = r.take(&id_at, RestrictionId::parse(&request.restriction_id));
    let note_at = at.field("note");
    let note = match request.note.trim() {
        "" => r.required(&note_at, None),
        note => r.take(&note_at, short_text(note, NOTE_MAX)),
    };
    let evidence_at = at.field("evidence");
    let evidence = r.optional(&evidence_at, &request.evidence, |text| {
        opaque_id(text, EVIDENCE_MAX).map(str::to_owned)
    });
    let read = || Some(RestrictionLift { call: call?, id: id?, note: note?.to_owned(), evidence });
    r.finish(read())
}

/// The account or the guest whose person is to be forgotten.
pub fn erase_account(
    mut r: Reader,
    request: pb::EraseAccountRequest,
) -> Result<Erasure, Vec<Fault>> {
    let at = &Path::ROOT;
    let holder = parties::holder(&mut r, at, (&request.account_id, request.guest.as_ref()));
    // What is kept of the request must not tell a contact to who has no key.
    let account_id = holder.as_ref().map(Holder::ledger_name).unwrap_or_default();
    let named = pb::EraseAccountRequest { account_id, guest: None, ..request };
    let call = call(&mut r, "EraseAccount", &named.request_id, &named);
    let read = || Some(Erasure { call: call?, holder: holder? });
    r.finish(read())
}

/// A version that we handed out. Not tried for a card number: it is compared and never kept.
pub(super) fn etag(text: &str) -> Result<String, Problem> {
    match text.len() <= ETAG_MAX && text.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => invalid("expected an etag as it was sent"),
    }
}
