//! The chain of records: each link is a hash of the one before and of a decision.
//!
//! Whoever changes, removes or inserts a decision later would have to make all links after it anew,
//! and the head that has been told to somebody else by then.

use sha2::{Digest, Sha256};

use super::Error;
use super::sql::{Connection, query};
use crate::domain::DecisionId;

pub(super) const HASH_LEN: usize = 32;
pub(super) type Hash = [u8; HASH_LEN];

/// Changes when what is hashed does.
const FORM: &[u8] = b"surety.decision.v1";

/// What a link says of a decision: its id, the record as it was first answered (with the versions
/// of everything that decided) and the facts, each with its length in front.
pub(super) fn digest(id: DecisionId, record: &str, facts: &str) -> Hash {
    let mut hash = Sha256::new();
    hash.update(FORM);
    hash.update(id.0.as_bytes());
    for text in [record, facts] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

/// The link after `before`.
pub(super) fn link(before: &Hash, digest: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(digest);
    hash.finalize().into()
}

/// The end of a chain that somebody writes; nobody else writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub chain: i64,
    /// Number of the last link; 0 before the first.
    pub link: i64,
    pub hash: Hash,
}

impl Head {
    /// The head of a chain, which begins now if it is not there.
    pub async fn open(connection: &mut Connection, chain: i64) -> Result<Head, Error> {
        query(
            "INSERT INTO chains (chain, base, base_hash, head, head_hash) VALUES ($1, 0, $2, 0, $2)
             ON CONFLICT (chain) DO NOTHING",
        )
        .bind(chain)
        .bind(vec![0; HASH_LEN])
        .execute(connection)
        .await?;
        let row = query("SELECT head, head_hash FROM chains WHERE chain = $1")
            .bind(chain)
            .fetch_one(connection)
            .await?;
        Ok(Head { chain, link: row.try_get("head")?, hash: hash_of(row.try_get("head_hash")?)? })
    }
}

pub(super) fn hash_of(bytes: Vec<u8>) -> Result<Hash, Error> {
    bytes.try_into().map_err(|_| Error::corrupt("the hash of a link is cut"))
}
