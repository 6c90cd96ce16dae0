//! The reason catalogue on the wire.

use crate::domain::Role;
use crate::grpc::disclosure::is_staff;
use crate::grpc::pb;
use crate::grpc::words::{self, Word};
use crate::policy::{ReasonCatalog, ReasonEntry};

/// What the catalogue says about one code, in one language.
pub fn reason_code_info(
    entry: &ReasonEntry,
    catalog: &ReasonCatalog,
    locale: &str,
    role: Role,
) -> pb::ReasonCodeInfo {
    let staff = is_staff(role);
    let (action, used) = entry.action.for_locale(locale);
    // A code without words of its own is only ever met as the general security text.
    let texts = entry.text.as_ref().unwrap_or(&catalog.messages.declined.body);
    pb::ReasonCodeInfo {
        code: entry.code.number(),
        name: entry.code.name().to_owned(),
        number: entry.code.number(),
        category: entry.category.number(),
        disclosure: if staff { words::disclosure(entry.disclosure) } else { 0 },
        public_reason: words::public_reason(entry.public_reason),
        next_step: entry.next_step.number(),
        retry: entry.retry.number(),
        fixable_by: entry.fixable_by.number(),
        principal_reason: entry.principal_reason.clone().unwrap_or_default(),
        customer_text: texts.for_locale(locale).0.to_owned(),
        action: action.to_owned(),
        support_text: if staff { entry.support_text.clone() } else { String::new() },
        locale: used.to_owned(),
        by_reviewer: staff && entry.by_reviewer,
    }
}
