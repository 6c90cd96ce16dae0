//! Checkpoints: what retention dropped, each hashed into a chain of its own.
//!
//! A base that somebody moved by hand has no checkpoint, and one that somebody adds later stands
//! behind all that were there: whoever has kept the hash of an earlier one sees what came since.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::Error;
use super::chain::{HASH_LEN, Hash, hash_of, link};
use super::sql::{Connection, Row, query};
use super::verify::Break;
use crate::domain::Time;

/// Changes when what is hashed does.
const FORM: &[u8] = b"surety.checkpoint.v1";

/// Stands for the decisions that are in no chain, and for the chain of checkpoints itself.
pub(super) const NO_CHAIN: i64 = 0;

/// The beginning of a chain as retention left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub chain: i64,
    /// The last link that was dropped; of [`NO_CHAIN`], how many decisions are left.
    pub base: i64,
    pub base_hash: Hash,
    /// Decisions that were dropped since the checkpoint before.
    pub dropped: i64,
    /// Only decisions made before that were dropped.
    pub made_before: Time,
}

/// The checkpoints of a ledger, which hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// Number of the last one; 0 before the first.
    pub last: i64,
    /// Hash of the last one, in hexadecimal.
    pub hash: String,
    /// Decisions that were dropped, in all.
    pub dropped: i64,
}

impl Checkpoint {
    fn of_row(row: &Row) -> Result<Checkpoint, Error> {
        Ok(Checkpoint {
            chain: row.try_get("chain")?,
            base: row.try_get("base")?,
            base_hash: hash_of(row.try_get("base_hash")?)?,
            dropped: row.try_get("dropped")?,
            made_before: Time::from_micros(row.try_get("made_before")?),
        })
    }

    fn digest(&self) -> Hash {
        let mut hash = Sha256::new();
        hash.update(FORM);
        for number in [self.chain, self.base, self.dropped, self.made_before.as_micros()] {
            hash.update(number.to_be_bytes());
        }
        hash.update(self.base_hash);
        hash.finalize().into()
    }

    /// Whether it is of a time when bases were moved without checkpoints.
    fn is_inherited(&self) -> bool {
        self.made_before == Time::from_micros(0)
    }
}

/// Writes a checkpoint down. Whoever calls it is the only one to do so.
pub(super) async fn append(
    connection: &mut Connection,
    checkpoint: &Checkpoint,
) -> Result<(), Error> {
    let last = query("SELECT number, hash FROM checkpoints ORDER BY number DESC LIMIT 1")
        .fetch_optional(connection)
        .await?;
    let (number, before) = match last {
        Some(row) => (row.try_get("number")?, hash_of(row.try_get("hash")?)?),
        None => (0_i64, [0; HASH_LEN]),
    };
    query(
        "INSERT INTO checkpoints (number, chain, base, base_hash, dropped, made_before, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(number + 1)
    .bind(checkpoint.chain)
    .bind(checkpoint.base)
    .bind(checkpoint.base_hash.to_vec())
    .bind(checkpoint.dropped)
    .bind(checkpoint.made_before.as_micros())
    .bind(link(&before, &checkpoint.digest()).to_vec())
    .execute(connection)
    .await?;
    Ok(())
}

/// Follows the checkpoints; gives them, with the last one of each chain.
pub(super) async fn follow(
    connection: &mut Connection,
) -> Result<Result<(Checkpoints, HashMap<i64, Checkpoint>), Break>, Error> {
    let rows = query("SELECT * FROM checkpoints ORDER BY number").fetch_all(connection).await?;
    let (mut hash, mut dropped, mut begun) = ([0; HASH_LEN], 0_i64, false);
    let mut last_of = HashMap::new();
    for (number, row) in (1_i64..).zip(&rows) {
        let broken = |what: &str| {
            let what = format!("checkpoint {number} of retention {what}");
            Ok(Err(Break { chain: NO_CHAIN, link: number, what }))
        };
        if row.try_get::<i64>("number")? != number {
            return broken("is missing");
        }
        let checkpoint = Checkpoint::of_row(row)?;
        let told = hash_of(row.try_get("hash")?)?;
        begun |= !checkpoint.is_inherited();
        hash = match begun {
            true => link(&hash, &checkpoint.digest()),
            false => checkpoint.base_hash,
        };
        if told != hash {
            return broken("is not what was recorded");
        }
        dropped = dropped.saturating_add(checkpoint.dropped);
        last_of.insert(checkpoint.chain, checkpoint);
    }
    let last = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    Ok(Ok((Checkpoints { last, hash: hexadecimal(&hash), dropped }, last_of)))
}

/// A hash as people keep it.
pub(super) fn hexadecimal(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
