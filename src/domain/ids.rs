//! Ids: opaque ones that callers make, ours, and the keyed hashes that stand for parties.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Problem, opaque_id};

/// Longest account, merchant and event id.
pub const ID_MAX: usize = 64;

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn parse(text: &str) -> Result<$name, Problem> {
                opaque_id(text, ID_MAX).map(|text| $name(text.to_owned()))
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

opaque!(
    /// The lender's id of a customer.
    AccountId
);
opaque!(
    /// The id of a shop.
    MerchantId
);
opaque!(
    /// The lender's id of an account event.
    EventId
);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A UUID in its hyphenated form of 36 characters.
            pub fn parse(text: &str) -> Result<$name, Problem> {
                match Uuid::try_parse(text) {
                    Ok(id) if text.len() == 36 => Ok($name(id)),
                    _ => Err(Problem::new("expected a UUID of 36 characters")),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id!(
    /// Made by the caller; a retry repeats it and gets the first answer.
    RequestId
);
uuid_id!(
    /// Ours, UUIDv7; also the id of the plan that a confirmed purchase begins.
    DecisionId
);
uuid_id!(
    /// Ours; names one hold or restriction of an account.
    RestrictionId
);
uuid_id!(
    /// Ours, UUIDv7; names a one-time card, whose number only the issuer knows.
    OneTimeCardId
);
uuid_id!(
    /// Ours, UUIDv7; names one answer to a card network.
    AuthorizationId
);

/// A party as signals know it: the first 16 bytes of HMAC-SHA-256 over its kind and identifier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartyKey(pub [u8; 16]);

impl PartyKey {
    /// Eight bytes of the key, where a set inside one party needs members that are short.
    pub fn short(&self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().unwrap_or_default())
    }

    /// A key that is like any other with those eight bytes, where only they are looked at.
    pub fn from_short(short: u64) -> PartyKey {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&short.to_le_bytes());
        PartyKey(key)
    }

    pub fn parse(text: &str) -> Option<PartyKey> {
        (text.len() == 32)
            .then(|| u128::from_str_radix(text, 16).ok())
            .flatten()
            .map(|n| PartyKey(n.to_be_bytes()))
    }
}

impl std::fmt::Display for PartyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl std::fmt::Debug for PartyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl TryFrom<String> for PartyKey {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        PartyKey::parse(&text).ok_or("expected 32 hexadecimal digits")
    }
}

impl From<PartyKey> for String {
    fn from(key: PartyKey) -> String {
        key.to_string()
    }
}

/// Whose exposure a request is: an account of the lender, or a guest known by a hashed contact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Holder {
    Account(AccountId),
    Guest(PartyKey),
}

impl Holder {
    /// The name under which the ledger keeps the holder. `~` is not allowed in an account id, so
    /// that no account can take a guest's name.
    pub fn ledger_name(&self) -> String {
        match self {
            Holder::Account(id) => id.as_str().to_owned(),
            Holder::Guest(key) => format!("guest~{key}"),
        }
    }

    pub fn from_ledger_name(name: &str) -> Option<Holder> {
        match name.strip_prefix("guest~") {
            Some(key) => PartyKey::parse(key).map(Holder::Guest),
            None => AccountId::parse(name).ok().map(Holder::Account),
        }
    }
}

/// Crockford's base 32: no I, L, O, U, so that a reference can be read out on the phone.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What a customer reads to support: seven random characters and a check character.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference([u8; 8]);

impl Reference {
    /// The reference of the low 35 bits of `random`.
    pub fn from_random(random: u64) -> Reference {
        let mut characters = [0; 8];
        for (place, character) in characters[..7].iter_mut().enumerate() {
            *character = CROCKFORD[(random >> (5 * place)) as usize & 31];
        }
        characters[7] = check_character(&characters[..7]);
        Reference(characters)
    }

    /// Reads a reference as people write it: any case, hyphens and blanks ignored, I and L as 1,
    /// O as 0.
    pub fn parse(text: &str) -> Result<Reference, Problem> {
        let mut characters = [0; 8];
        let mut count = 0;
        for b in text.bytes().filter(|b| !b"- ".contains(b)) {
            let character = match b.to_ascii_uppercase() {
                b'I' | b'L' => b'1',
                b'O' => b'0',
                other => other,
            };
            if count == 8 || !CROCKFORD.contains(&character) {
                return Err(bad_reference());
            }
            characters[count] = character;
            count += 1;
        }
        match count == 8 && characters[7] == check_character(&characters[..7]) {
            true => Ok(Reference(characters)),
            false => Err(bad_reference()),
        }
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

fn bad_reference() -> Problem {
    Problem::new("expected the 8 characters of a reference; one of them is mistyped or missing")
}

/// Weights 1 to 7 modulo 31 find every wrong character (but 0 for Z) and every swap of neighbours.
fn check_character(characters: &[u8]) -> u8 {
    let value = |c: u8| CROCKFORD.iter().position(|&known| known == c).unwrap_or(0);
    let sum: usize = characters.iter().enumerate().map(|(place, &c)| (place + 1) * value(c)).sum();
    CROCKFORD[sum % 31]
}

impl std::fmt::Debug for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Reference {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Reference::parse(&text).map_err(|problem| problem.text)
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> String {
        reference.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_survives_how_people_write_it() {
        let reference = Reference::from_random(0x1234_5678_9abc);
        let text = reference.as_str();
        let spoken = format!("{}-{}", &text[..4], text[4..].to_lowercase());
        assert_eq!(Reference::parse(&spoken), Ok(reference));
    }

    #[test]
    fn a_reference_with_a_typing_mistake_is_refused() {
        let text = Reference::from_random(987_654_321).as_str().to_owned();
        for place in 0..7 {
            let mut wrong = text.clone().into_bytes();
            wrong[place] = if wrong[place] == b'7' { b'8' } else { b'7' };
            assert!(Reference::parse(std::str::from_utf8(&wrong).unwrap()).is_err());
        }
        for text in ["", "7F3K92Q", "7F3K92QDX", "7F3K92Q!"] {
            assert!(Reference::parse(text).is_err());
        }
    }

    #[test]
    fn holders_keep_their_kind_in_the_ledger() {
        let account = Holder::Account(AccountId::parse("acc-1042").unwrap());
        let guest = Holder::Guest(PartyKey([7; 16]));
        for holder in [account, guest] {
            assert_eq!(Holder::from_ledger_name(&holder.ledger_name()), Some(holder));
        }
        assert!(AccountId::parse("guest~0").is_err());
    }
}
