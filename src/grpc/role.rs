//! Who calls, and which calls a role may make.

use tonic::metadata::AsciiMetadataValue;
use tonic::{Code, Request, Status};

use super::status::refused;
use crate::domain::{Caller, Fault, Problem, Role, opaque_id};
use crate::service::Error;

/// Metadata in which a caller on the same machine names its role, until there are credentials.
const ROLE: &str = "surety-role";
/// Metadata in which it names itself.
const CALLER: &str = "surety-caller";
/// The name of a caller that gives none.
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

/// The roles that may make a call. Auditors read all; they evaluate only because the role is taken
/// from callers on the same machine alone, where `assess` shows all that a decision holds.
fn allowed(rpc: Rpc) -> &'static [Role] {
    match rpc {
        Rpc::Evaluate | Rpc::ReadDecisions => &[Role::Checkout, Role::Auditor],
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
    let role = role(request)?;
    if !allowed(rpc).contains(&role) {
        let text = format!("the role {role} may not make this call");
        return Err(refused(Code::PermissionDenied, "ROLE_NOT_ALLOWED", text));
    }
    // Two who name nobody would be one person where two are needed.
    if rpc == Rpc::WorkReviews && said(request, CALLER).is_none() {
        return Err(invalid(CALLER, Problem::new("required: reviews are done under a name")));
    }
    Ok(Caller { name: name(request)?, role })
}

/// What a caller on the same machine says about itself; of others nothing is believed.
fn said<'r, T>(request: &'r Request<T>, key: &str) -> Option<&'r AsciiMetadataValue> {
    let local = request.remote_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    request.metadata().get(key).filter(|_| local)
}

/// The role that a caller on the same machine names; everybody else is a checkout.
fn role<T>(request: &Request<T>) -> Result<Role, Status> {
    let named = |value: &AsciiMetadataValue| value.to_str().ok().and_then(Role::from_name);
    match said(request, ROLE) {
        None => Ok(Role::Checkout),
        Some(value) => named(value).ok_or_else(|| {
            let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
            let problem = Problem::new(format!("expected one of {}", names.join(", ")));
            invalid(ROLE, problem)
        }),
    }
}

/// The name that a caller on the same machine gives itself: claims, notes, keys and decisions
/// belong to it.
fn name<T>(request: &Request<T>) -> Result<String, Status> {
    let Some(value) = said(request, CALLER) else { return Ok(LOCAL.to_owned()) };
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
    use tonic::transport::server::TcpConnectInfo;

    use super::*;

    fn request(peer: &str, role: Option<&str>) -> Request<()> {
        let mut request = Request::new(());
        let remote_addr = Some(peer.parse().unwrap());
        request.extensions_mut().insert(TcpConnectInfo { local_addr: None, remote_addr });
        if let Some(role) = role {
            request.metadata_mut().insert(ROLE, role.parse().unwrap());
        }
        request
    }

    #[test]
    fn a_role_is_taken_from_callers_on_the_same_machine_alone() {
        for (peer, named, expected) in [
            ("127.0.0.1:5000", None, Ok(Role::Checkout)),
            ("127.0.0.1:5000", Some("auditor"), Ok(Role::Auditor)),
            ("[::1]:5000", Some("ledger"), Ok(Role::Ledger)),
            ("[::ffff:127.0.0.1]:5000", Some("customer_app"), Ok(Role::CustomerApp)),
            ("192.0.2.1:5000", Some("auditor"), Ok(Role::Checkout)),
            ("127.0.0.1:5000", Some("root"), Err(Code::InvalidArgument)),
            ("127.0.0.1:5000", Some("Auditor"), Err(Code::InvalidArgument)),
        ] {
            let found = role(&request(peer, named)).map_err(|status| status.code());
            assert_eq!(found, expected, "{peer} {named:?}");
        }
        assert_eq!(role(&Request::new(())).ok(), Some(Role::Checkout));
    }

    #[test]
    fn a_caller_on_the_same_machine_may_name_itself() {
        let longest = "x".repeat(64);
        let named = |peer, named: &str| {
            let mut request = request(peer, None);
            request.metadata_mut().insert(CALLER, named.parse().unwrap());
            name(&request).map_err(|status| status.code())
        };
        for (peer, given, expected) in [
            ("127.0.0.1:5000", "anna.larsson-7", Ok("anna.larsson-7".to_owned())),
            ("[::1]:5000", longest.as_str(), Ok(longest.clone())),
            ("192.0.2.1:5000", "anna", Ok(LOCAL.to_owned())),
            ("127.0.0.1:5000", &"x".repeat(65), Err(Code::InvalidArgument)),
            ("127.0.0.1:5000", "", Err(Code::InvalidArgument)),
            ("127.0.0.1:5000", "anna larsson", Err(Code::InvalidArgument)),
            ("127.0.0.1:5000", "4111111111111111", Err(Code::InvalidArgument)),
        ] {
            assert_eq!(named(peer, given), expected, "{peer} {given}");
        }
        assert_eq!(name(&request("127.0.0.1:5000", None)).unwrap(), LOCAL);
    }

    #[test]
    fn who_works_on_reviews_has_a_name_of_their_own() {
        let code = |named, rpc| {
            let found = caller(&request("127.0.0.1:1", Some(named)), rpc);
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
            let mut request = request("127.0.0.1:1", Some(named));
            request.metadata_mut().insert(CALLER, "anna".parse().unwrap());
            let found = caller(&request, rpc);
            let code = found.map(|caller| caller.role.name()).map_err(|status| status.code());
            let expected = if may { Ok(named) } else { Err(Code::PermissionDenied) };
            assert_eq!(code, expected, "{named} {rpc:?}");
        }
        for role in Role::ALL {
            assert!(caller(&request("127.0.0.1:1", Some(role.name())), Rpc::ReadCatalog).is_ok());
        }
    }
}
