//! Who asks, and in which role: what goes on the wire is cut by it.

use super::named::named;
use super::{MerchantId, Time};

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
    /// Whom it may ask about.
    pub merchants: Merchants,
}

/// For which merchants a caller may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merchants {
    Any,
    Only(Vec<MerchantId>),
}

impl Merchants {
    pub fn has(&self, merchant: &MerchantId) -> bool {
        match self {
            Merchants::Any => true,
            Merchants::Only(merchants) => merchants.contains(merchant),
        }
    }
}

/// A caller as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCaller {
    pub name: String,
    /// At least one.
    pub roles: Vec<Role>,
    pub merchants: Merchants,
    /// SHA-256 of its token. A fast hash is right here: 32 random bytes cannot be guessed however
    /// fast each guess is; slow hashes are for what people make up.
    pub token_hash: Option<[u8; 32]>,
    /// The subject alternative name, DNS or URI, of the client certificate that it is known by.
    pub certificate: Option<String>,
    pub created: Time,
    /// From when on it may not call; that may be to come.
    pub revoked: Option<Time>,
}

impl KnownCaller {
    pub fn is_revoked(&self, now: Time) -> bool {
        self.revoked.is_some_and(|end| end <= now)
    }
}

/// The shape of a subject alternative name: a URI, or a DNS name, which is the same in lower case.
/// Returns it as certificates are compared by it.
pub fn certificate_name(text: &str) -> Option<String> {
    let plain = !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_graphic());
    if !plain {
        return None;
    }
    if text.contains("://") {
        return Some(text.to_owned());
    }
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    text.split('.').all(label).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_certificates_are_dns_names_or_uris() {
        for (text, name) in [
            ("Shop.Example", Some("shop.example")),
            (
                "spiffe://lender.example/ns/shop/sa/Checkout",
                Some("spiffe://lender.example/ns/shop/sa/Checkout"),
            ),
            ("checkout", Some("checkout")),
            ("", None),
            ("*.example", None),
            ("a b", None),
            ("shop..example", None),
            ("anna@example.com", None),
        ] {
            assert_eq!(certificate_name(text).as_deref(), name, "{text}");
        }
        assert_eq!(certificate_name(&"x".repeat(256)), None);
    }

    #[test]
    fn a_caller_of_some_merchants_has_no_others() {
        let named = |text| MerchantId::parse(text).unwrap();
        let some = Merchants::Only(vec![named("m-1"), named("m-2")]);
        assert!(some.has(&named("m-2")) && !some.has(&named("m-3")));
        assert!(Merchants::Any.has(&named("m-3")));
    }
}
