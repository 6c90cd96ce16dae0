//! Who calls, and which calls a role may make.

use tonic::{Code, Request, Status};

use super::status::refused;
use crate::domain::{Caller, Fault, FaultKind, Role};
use crate::service::Error;

/// Metadata in which a caller on the same machine names its role, until there are credentials.
const ROLE: &str = "surety-role";
/// The name of every caller until there are credentials.
const LOCAL: &str = "local";

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
        Rpc::Support => &[Role::Agent, Role::Reviewer, Role::Lead, Role::Compliance, Role::Auditor],
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
    Ok(Caller { name: LOCAL.to_owned(), role })
}

/// The role that a caller on the same machine names; everybody else is a checkout.
fn role<T>(request: &Request<T>) -> Result<Role, Status> {
    let local = request.remote_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    match request.metadata().get(ROLE).filter(|_| local) {
        None => Ok(Role::Checkout),
        Some(named) => named.to_str().ok().and_then(Role::from_name).ok_or_else(unknown_role),
    }
}

fn unknown_role() -> Status {
    let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    let problem = format!("expected one of {}", names.join(", "));
    let field = format!("metadata.{ROLE}");
    Error::Invalid(vec![Fault { field, problem, kind: FaultKind::FieldInvalid }]).into()
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
            ("agent", Rpc::Support, true),
            ("lead", Rpc::Support, true),
            ("auditor", Rpc::Support, true),
            ("checkout", Rpc::Support, false),
            ("ledger", Rpc::Support, false),
            ("compliance", Rpc::EraseAccount, true),
            ("auditor", Rpc::EraseAccount, false),
            ("agent", Rpc::EraseAccount, false),
        ] {
            let found = caller(&request("127.0.0.1:1", Some(named)), rpc);
            let code = found.map(|caller| caller.role.name()).map_err(|status| status.code());
            let expected = if may { Ok(named) } else { Err(Code::PermissionDenied) };
            assert_eq!(code, expected, "{named} {rpc:?}");
        }
        for role in Role::ALL {
            assert!(caller(&request("127.0.0.1:1", Some(role.name())), Rpc::ReadCatalog).is_ok());
        }
    }
}
