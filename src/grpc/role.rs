//! Who calls, and which calls a role may make.

use tonic::metadata::AsciiMetadataValue;
use tonic::{Code, Request, Status};

use super::gate::Identity;
use super::status::refused;
use crate::domain::{Caller, Fault, KnownCaller, Merchants, Problem, Role, opaque_id};
use crate::service::Error;

/// Metadata in which a caller names the role in which it acts, if it has several; one on the same
/// machine without credentials names any.
const ROLE: &str = "surety-role";
/// Metadata in which a caller without credentials names itself. With credentials the name is the
/// one in the ledger: a console calls under the name of the person at it, with that one's token.
const CALLER: &str = "surety-caller";
/// The name of a local caller that gives none.
const LOCAL: &str = "local";
const CALLER_MAX: usize = 64;

/// A call, for the table of who may make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rpc {
    Evaluate,
    PreviewSpendingPower,
    SubmitStepUp,
    ConfirmPurchase,
    CancelDecision,
    ReadDecisions,
    UpsertAccount,
    GetAccount,
    RecordAccountEvents,
    SetRestriction,
    LiftRestriction,
    ListRestrictions,
    ReadCards,
    ChangeCards,
    ReadCatalog,
    WorkReviews,
    ReadReviews,
    Support,
    EraseAccount,
}

/// The roles that may make a call. Auditors read all.
fn allowed(rpc: Rpc) -> &'static [Role] {
    match rpc {
        Rpc::Evaluate => &[Role::Checkout],
        Rpc::ReadDecisions => &[Role::Checkout, Role::Auditor],
        Rpc::PreviewSpendingPower => &[Role::Checkout, Role::CustomerApp, Role::Auditor],
        Rpc::SubmitStepUp | Rpc::ConfirmPurchase | Rpc::CancelDecision => &[Role::Checkout],
        Rpc::UpsertAccount | Rpc::RecordAccountEvents => &[Role::Ledger],
        Rpc::GetAccount => &[Role::Ledger, Role::Auditor],
        Rpc::SetRestriction => &[Role::Ledger, Role::Compliance],
        Rpc::LiftRestriction => &[Role::Ledger, Role::Agent, Role::Compliance],
        Rpc::ListRestrictions => &[Role::Ledger, Role::Compliance, Role::Auditor],
        Rpc::ReadCards => &[Role::Issuer, Role::Agent, Role::Auditor],
        Rpc::ChangeCards => &[Role::Issuer],
        Rpc::ReadCatalog => Role::ALL,
        Rpc::WorkReviews => &[Role::Reviewer, Role::Lead, Role::Compliance],
        Rpc::ReadReviews => &[Role::Reviewer, Role::Lead, Role::Compliance, Role::Auditor],
        // Not for reviewers: what a case does not tell them they must not find by searching.
        Rpc::Support => &[Role::Agent, Role::Compliance, Role::Auditor],
        Rpc::EraseAccount => &[Role::Ledger, Role::Compliance],
    }
}

/// The caller of a request, if it may make this call.
pub fn caller<T>(request: &Request<T>, rpc: Rpc) -> Result<Caller, Status> {
    match request.extensions().get::<Identity>() {
        Some(Identity::Known(known)) => known_caller(request, known, rpc),
        Some(Identity::Local) => local_caller(request, rpc),
        // No request comes past the gate like this.
        None => Err(refused(Code::Unauthenticated, "CREDENTIALS_MISSING", "nobody calls")),
    }
}

/// One of the ledger's callers.
fn known_caller<T>(request: &Request<T>, known: &KnownCaller, rpc: Rpc) -> Result<Caller, Status> {
    let role = match (role(request)?, known.roles.as_slice()) {
        (None, [only]) => *only,
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|role| role.name()).collect();
            let problem = format!("required: the role of this call, {}", names.join(" or "));
            return Err(invalid(ROLE, Problem::new(problem)));
        }
        (Some(role), roles) if roles.contains(&role) => role,
        (Some(role), _) => {
            let text = format!("the caller does not have the role {role}");
            return Err(refused(Code::PermissionDenied, "ROLE_NOT_ALLOWED", text));
        }
    };
    let says_another = |value: &AsciiMetadataValue| value.to_str().ok() != Some(&known.name);
    if request.metadata().get(CALLER).is_some_and(says_another) {
        let problem = Problem::new("expected nothing, or the name that the credentials have");
        return Err(invalid(CALLER, problem));
    }
    if !allowed(rpc).contains(&role) {
        return Err(not_allowed(role));
    }
    Ok(Caller { name: known.name.clone(), role, merchants: known.merchants.clone() })
}

/// Somebody on the same machine who needs no credentials. Such an auditor may evaluate too, since
/// `assess` shows all that a decision holds.
fn local_caller<T>(request: &Request<T>, rpc: Rpc) -> Result<Caller, Status> {
    let role = role(request)?.unwrap_or(Role::Checkout);
    let tries = rpc == Rpc::Evaluate && role == Role::Auditor;
    if !tries && !allowed(rpc).contains(&role) {
        return Err(not_allowed(role));
    }
    // Two who name nobody would be one person where two are needed.
    if rpc == Rpc::WorkReviews && request.metadata().get(CALLER).is_none() {
        return Err(invalid(CALLER, Problem::new("required: reviews are done under a name")));
    }
    Ok(Caller { name: name(request)?, role, merchants: Merchants::Any })
}

fn not_allowed(role: Role) -> Status {
    let text = format!("the role {role} may not make this call");
    refused(Code::PermissionDenied, "ROLE_NOT_ALLOWED", text)
}

/// The role that a request names.
fn role<T>(request: &Request<T>) -> Result<Option<Role>, Status> {
    let named = |value: &AsciiMetadataValue| value.to_str().ok().and_then(Role::from_name);
    match request.metadata().get(ROLE) {
        None => Ok(None),
        Some(value) => named(value).map(Some).ok_or_else(|| {
            let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
            let problem = Problem::new(format!("expected one of {}", names.join(", ")));
            invalid(ROLE, problem)
        }),
    }
}

/// The name that a local caller gives itself: claims, notes, keys and decisions belong to it.
fn name<T>(request: &Request<T>) -> Result<String, Status> {
    let Some(value) = request.metadata().get(CALLER) else { return Ok(LOCAL.to_owned()) };
    let text = value.to_str().unwrap_or(" ");
    let parsed = opaque_id(text, CALLER_MAX).map(str::to_owned);
    parsed.map_err(|problem| invalid(CALLER, problem))
}

fn invalid(key: &str, problem: Problem) -> Status {
    let Problem { kind, text: problem } = problem;
    let field = format!("metadata.{key}");
    Error::Invalid(vec![Fault { field, problem, kind }]).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{MerchantId, Time};

    fn request(role: Option<&str>) -> Request<()> {
        let mut request = Request::new(());
        request.extensions_mut().insert(Identity::Local);
        if let Some(role) = role {
            request.metadata_mut().insert(ROLE, role.parse().unwrap());
        }
        request
    }

    /// Of a caller that the ledger knows by the name of anna.
    fn of_anna(roles: &[Role], role: Option<&str>) -> Request<()> {
        let mut request = request(role);
        let merchants = Merchants::Only(vec![MerchantId::parse("m-1").unwrap()]);
        request.extensions_mut().insert(Identity::Known(Arc::new(KnownCaller {
            name: "anna".to_owned(),
            roles: roles.to_vec(),
            merchants,
            token_hash: None,
            certificate: None,
            created: Time::from_seconds(0),
            revoked: None,
        })));
        request
    }

    fn code<T>(found: Result<T, Status>) -> Result<T, Code> {
        found.map_err(|status| status.code())
    }

    #[test]
    fn a_local_caller_names_its_role() {
        for (named, expected) in [
            (None, Ok(Role::Checkout)),
            (Some("auditor"), Ok(Role::Auditor)),
            (Some("customer_app"), Ok(Role::CustomerApp)),
            (Some("root"), Err(Code::InvalidArgument)),
            (Some("Auditor"), Err(Code::InvalidArgument)),
        ] {
            let found = caller(&request(named), Rpc::ReadCatalog).map(|caller| caller.role);
            assert_eq!(code(found), expected, "{named:?}");
        }
        let nobody = caller(&Request::new(()), Rpc::ReadCatalog);
        assert_eq!(code(nobody), Err(Code::Unauthenticated));
    }

    #[test]
    fn a_known_caller_acts_in_a_role_that_it_has() {
        let (one, two) = (&[Role::Agent][..], &[Role::Reviewer, Role::Agent][..]);
        for (roles, named, expected) in [
            (one, None, Ok(Role::Agent)),
            (one, Some("agent"), Ok(Role::Agent)),
            (one, Some("auditor"), Err(Code::PermissionDenied)),
            (one, Some("root"), Err(Code::InvalidArgument)),
            (two, None, Err(Code::InvalidArgument)),
            (two, Some("agent"), Ok(Role::Agent)),
            (two, Some("reviewer"), Err(Code::PermissionDenied)),
        ] {
            let found = caller(&of_anna(roles, named), Rpc::Support).map(|caller| caller.role);
            assert_eq!(code(found), expected, "{roles:?} {named:?}");
        }
        // An auditor reads; it tries requests only where nobody has credentials.
        let auditor = &[Role::Auditor];
        let evaluates = caller(&of_anna(auditor, None), Rpc::Evaluate);
        assert_eq!(code(evaluates), Err(Code::PermissionDenied));
        assert!(caller(&request(Some("auditor")), Rpc::Evaluate).is_ok());
    }

    #[test]
    fn a_known_caller_has_its_own_name_and_merchants_and_no_others() {
        let asks = |says: Option<&str>| {
            let mut request = of_anna(&[Role::Reviewer], None);
            if let Some(says) = says {
                request.metadata_mut().insert(CALLER, says.parse().unwrap());
            }
            code(caller(&request, Rpc::WorkReviews))
        };
        for says in [None, Some("anna")] {
            let anna = asks(says).unwrap();
            assert_eq!(anna.name, "anna");
            assert!(!anna.merchants.has(&MerchantId::parse("m-2").unwrap()));
        }
        assert_eq!(asks(Some("bert")), Err(Code::InvalidArgument));
    }

    #[test]
    fn a_local_caller_may_name_itself() {
        let longest = "x".repeat(64);
        let named = |named: &str| {
            let mut request = request(None);
            request.metadata_mut().insert(CALLER, named.parse().unwrap());
            code(name(&request))
        };
        for (given, expected) in [
            ("anna.larsson-7", Ok("anna.larsson-7".to_owned())),
            (longest.as_str(), Ok(longest.clone())),
            (&"x".repeat(65), Err(Code::InvalidArgument)),
            ("", Err(Code::InvalidArgument)),
            ("anna larsson", Err(Code::InvalidArgument)),
            ("4111111111111111", Err(Code::InvalidArgument)),
        ] {
            assert_eq!(named(given), expected, "{given}");
        }
        assert_eq!(name(&request(None)).unwrap(), LOCAL);
    }

    #[test]
    fn who_works_on_reviews_has_a_name_of_their_own() {
        let code = |named, rpc| {
            let found = caller(&request(Some(named)), rpc);
            found.map(|caller| caller.name).map_err(|status| status.code())
        };
        for named in ["reviewer", "lead", "compliance"] {
            assert_eq!(code(named, Rpc::WorkReviews), Err(Code::InvalidArgument), "{named}");
            assert_eq!(code(named, Rpc::ReadReviews), Ok(LOCAL.to_owned()), "{named}");
        }
        assert_eq!(code("checkout", Rpc::WorkReviews), Err(Code::PermissionDenied));
    }

    #[test]
    fn a_role_may_make_its_own_calls_only() {
        for (named, rpc, may) in [
            ("checkout", Rpc::Evaluate, true),
            ("checkout", Rpc::UpsertAccount, false),
            ("checkout", Rpc::LiftRestriction, false),
            ("issuer", Rpc::Evaluate, false),
            ("issuer", Rpc::ReadCards, true),
            ("issuer", Rpc::ChangeCards, true),
            ("agent", Rpc::ReadCards, true),
            ("agent", Rpc::ChangeCards, false),
            ("auditor", Rpc::ReadCards, true),
            ("auditor", Rpc::ChangeCards, false),
            ("checkout", Rpc::ReadCards, false),
            ("checkout", Rpc::ChangeCards, false),
            ("ledger", Rpc::UpsertAccount, true),
            ("ledger", Rpc::Evaluate, false),
            ("customer_app", Rpc::PreviewSpendingPower, true),
            ("customer_app", Rpc::ReadDecisions, false),
            ("agent", Rpc::LiftRestriction, true),
            ("agent", Rpc::SetRestriction, false),
            ("compliance", Rpc::ListRestrictions, true),
            ("auditor", Rpc::Evaluate, true),
            ("auditor", Rpc::ReadDecisions, true),
            ("auditor", Rpc::ConfirmPurchase, false),
            ("auditor", Rpc::UpsertAccount, false),
            ("reviewer", Rpc::WorkReviews, true),
            ("reviewer", Rpc::Evaluate, false),
            ("lead", Rpc::WorkReviews, true),
            ("compliance", Rpc::WorkReviews, true),
            ("auditor", Rpc::ReadReviews, true),
            ("auditor", Rpc::WorkReviews, false),
            ("agent", Rpc::ReadReviews, false),
            ("checkout", Rpc::ReadReviews, false),
            ("agent", Rpc::Support, true),
            ("lead", Rpc::Support, false),
            ("reviewer", Rpc::Support, false),
            ("compliance", Rpc::Support, true),
            ("auditor", Rpc::Support, true),
            ("checkout", Rpc::Support, false),
            ("ledger", Rpc::Support, false),
            ("compliance", Rpc::EraseAccount, true),
            ("auditor", Rpc::EraseAccount, false),
            ("agent", Rpc::EraseAccount, false),
        ] {
            let mut request = request(Some(named));
            request.metadata_mut().insert(CALLER, "anna".parse().unwrap());
            let found = caller(&request, rpc);
            let code = found.map(|caller| caller.role.name()).map_err(|status| status.code());
            let expected = if may { Ok(named) } else { Err(Code::PermissionDenied) };
            assert_eq!(code, expected, "{named} {rpc:?}");
        }
        for role in Role::ALL {
            assert!(caller(&request(Some(role.name())), Rpc::ReadCatalog).is_ok());
        }
    }
}
