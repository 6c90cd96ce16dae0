//! Who asks, and in which role: what goes on the wire is cut by it.

use super::named::named;

named! {
    /// What a caller may see and do.
    Role {
        Checkout "checkout",
        Issuer "issuer",
        Ledger "ledger",
        CustomerApp "customer_app",
        Agent "agent",
        Reviewer "reviewer",
        Lead "lead",
        Compliance "compliance",
        Auditor "auditor",
    }
}

/// The caller of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Part of every idempotency key: two callers may use the same `request_id`.
    pub name: String,
    pub role: Role,
}
