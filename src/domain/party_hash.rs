//! How identifiers become keyed hashes, and how addresses are folded for counting.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{NetworkKind, PartyKey};

/// Length of the secret, in bytes.
pub const PARTY_SECRET_LEN: usize = 32;

/// Turns identifiers into [`PartyKey`]s with a secret that never leaves the process.
#[derive(Clone)]
pub struct PartyHasher(Hmac<Sha256>);

impl PartyHasher {
    pub fn new(secret: &[u8; PARTY_SECRET_LEN]) -> PartyHasher {
        // HMAC pads a short key with zeros to the block of its hash (RFC 2104); done here, since a
        // full block cannot have the wrong length.
        let mut block = [0; 64];
        block[..PARTY_SECRET_LEN].copy_from_slice(secret);
        PartyHasher(Hmac::<Sha256>::new(&block.into()))
    }

    /// The key of `identifier` among parties of one `kind` (`device`, `network`, …): the same text
    /// under two kinds gives two unrelated keys.
    pub fn key(&self, kind: &str, identifier: &str) -> PartyKey {
        let mut mac = self.0.clone();
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(identifier.as_bytes());
        let digest = mac.finalize().into_bytes();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        PartyKey(key)
    }
}

impl PartyHasher {
    /// Names the secret without telling it, so that two processes can see whether theirs differ.
    pub fn key_id(&self) -> String {
        self.key("key id", "").to_string()[..16].to_owned()
    }
}

impl std::fmt::Debug for PartyHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PartyHasher(secret)")
    }
}

/// What counts as one network: a carrier by its autonomous system when the request says that it
/// came over a mobile network, else IPv6 by /48 (what one site is given, RFC 6177) and IPv4 by /24.
pub fn network_fold(address: IpAddr, kind: Option<NetworkKind>, asn: Option<u32>) -> String {
    match (kind, asn, address.to_canonical()) {
        (Some(NetworkKind::Mobile), Some(asn), _) => format!("as{asn}"),
        (_, _, IpAddr::V4(v4)) => {
            let [a, b, c, _] = v4.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        (_, _, IpAddr::V6(v6)) => {
            let [a, b, c, ..] = v6.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(address: &str, kind: Option<NetworkKind>, asn: Option<u32>) -> String {
        network_fold(address.parse().unwrap(), kind, asn)
    }

    #[test]
    fn addresses_fold_to_what_counts_as_one_network() {
        assert_eq!(fold("203.0.113.7", None, None), fold("203.0.113.250", None, Some(3301)));
        assert_ne!(fold("203.0.113.7", None, None), fold("203.0.114.7", None, None));
        assert_eq!(fold("2001:db8:17:4::9", None, None), fold("2001:db8:17:ffff::1", None, None));
        assert_ne!(fold("2001:db8:17::9", None, None), fold("2001:db8:18::9", None, None));
        assert_eq!(fold("::ffff:203.0.113.7", None, None), "203.0.113.0/24");
        let mobile = Some(NetworkKind::Mobile);
        assert_eq!(fold("10.1.2.3", mobile, Some(3301)), fold("2001:db8::1", mobile, Some(3301)));
        assert_eq!(fold("203.0.113.7", mobile, None), "203.0.113.0/24");
    }

    #[test]
    fn keys_depend_on_secret_kind_and_identifier() {
        let hasher = PartyHasher::new(&[1; PARTY_SECRET_LEN]);
        let key = hasher.key("device", "d-1");
        assert_eq!(key, hasher.key("device", "d-1"));
        assert_ne!(key, hasher.key("network", "d-1"));
        assert_ne!(key, hasher.key("device", "d-2"));
        assert_ne!(key, PartyHasher::new(&[2; PARTY_SECRET_LEN]).key("device", "d-1"));
    }
}
