//! Proving the chains: every decision is what it was when it was recorded, and none is missing.

use futures_util::TryStreamExt;

use super::chain::{self, Hash, hash_of};
use super::sql::{Connection, query};
use super::{Error, Place};
use crate::domain::{DecisionId, Time};

/// The chains of a ledger, read beside whoever writes, as of one moment.
#[derive(Debug)]
pub struct Chains {
    connection: Connection,
}

/// One chain that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub chain: i64,
    pub decisions: u64,
    /// The last link that was looked at, with its hash in hexadecimal. Whoever keeps it elsewhere
    /// can tell later whether the chain was made anew.
    pub link: i64,
    pub hash: String,
}

/// The first place at which a chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    pub chain: i64,
    pub link: i64,
    /// What is wrong there, with the decision's id where it is known.
    pub what: String,
}

/// A chain as it is stored: what retention left of it.
struct Stored {
    chain: i64,
    base: (i64, Hash),
    head: (i64, Hash),
}

impl Chains {
    /// Opens a ledger that is there already, in use or not.
    pub async fn open(place: &Place) -> Result<Chains, Error> {
        let mut connection = place.beside().await?;
        connection.run(connection.engine().begin_snapshot()).await?;
        Ok(Chains { connection })
    }

    /// Decisions that are in no chain although there was one when they were made.
    pub async fn strangers(&mut self) -> Result<i64, Error> {
        let strangers = query(
            "SELECT (SELECT COUNT(*) FROM decisions) - (
                SELECT COUNT(*) FROM links JOIN chains ON chains.chain = links.chain
                WHERE links.link > chains.base AND links.link <= chains.head
            ) - (SELECT decisions FROM unlinked)",
        );
        Ok(strangers.fetch_value(&mut self.connection).await?.unwrap_or(0))
    }

    /// Links that there are, for whoever shows how far it is.
    pub async fn links(&mut self) -> Result<i64, Error> {
        let links = query("SELECT COUNT(*) FROM links").fetch_value(&mut self.connection).await?;
        Ok(links.unwrap_or(0))
    }

    /// Follows every chain, or what of it was decided in `[from, until)`. `seen` is told of every
    /// link.
    pub async fn verify(
        &mut self,
        (from, until): (Option<Time>, Option<Time>),
        mut seen: impl FnMut(),
    ) -> Result<Vec<Result<Verified, Break>>, Error> {
        let mut found = Vec::new();
        for (expected, stored) in (1..).zip(self.stored().await?) {
            // Numbers are given one after the other.
            if stored.chain != expected {
                let what = "the whole chain is missing".to_owned();
                found.push(Err(Break { chain: expected, link: 1, what }));
                break;
            }
            let (mut before, mut last) = (stored.base, stored.head);
            if let Some(from) = from {
                before = self.link_before(&stored, from).await?;
            }
            if let Some(until) = until {
                last = self.link_before(&stored, until).await?;
            }
            found.push(self.follow(stored.chain, (before, last), &mut seen).await?);
        }
        Ok(found)
    }

    async fn stored(&mut self) -> Result<Vec<Stored>, Error> {
        let rows = query("SELECT * FROM chains ORDER BY chain").fetch_all(&mut self.connection);
        let mut stored = Vec::new();
        for row in rows.await? {
            stored.push(Stored {
                chain: row.try_get("chain")?,
                base: (row.try_get("base")?, hash_of(row.try_get("base_hash")?)?),
                head: (row.try_get("head")?, hash_of(row.try_get("head_hash")?)?),
            });
        }
        Ok(stored)
    }

    /// The last link before all decisions of that time or later. Decisions of one moment are not
    /// committed in the order of their times, so that a range may begin a little early.
    async fn link_before(&mut self, stored: &Stored, time: Time) -> Result<(i64, Hash), Error> {
        let first = query(
            "SELECT MIN(link) FROM links JOIN decisions
                ON decisions.decision_id = links.decision_id
             WHERE chain = $1 AND created >= $2",
        )
        .bind(stored.chain)
        .bind(time.as_micros())
        .fetch_value::<Option<i64>>(&mut self.connection)
        .await?
        .flatten();
        let link = match first {
            Some(first) => first - 1,
            None => return Ok(stored.head),
        };
        let hash = query("SELECT hash FROM links WHERE chain = $1 AND link = $2")
            .bind(stored.chain)
            .bind(link)
            .fetch_value::<Vec<u8>>(&mut self.connection)
            .await?;
        match hash {
            Some(hash) => Ok((link, hash_of(hash)?)),
            None => Ok(stored.base),
        }
    }

    async fn follow(
        &mut self,
        chain: i64,
        ((base, mut hash), (head, head_hash)): ((i64, Hash), (i64, Hash)),
        seen: &mut impl FnMut(),
    ) -> Result<Result<Verified, Break>, Error> {
        let broken = |link, what: String| Ok(Err(Break { chain, link, what }));
        let mut rows = query(
            "SELECT links.link, links.decision_id, links.hash, decisions.record, decisions.facts
             FROM links LEFT JOIN decisions ON decisions.decision_id = links.decision_id
             WHERE chain = $1 AND link > $2 AND link <= $3 ORDER BY link",
        )
        .bind(chain)
        .bind(base)
        .bind(head)
        .fetch(&mut self.connection);
        let mut link = base;
        while let Some(row) = rows.try_next().await? {
            link += 1;
            seen();
            if row.try_get::<i64>("link")? != link {
                return broken(link, "the link is missing".to_owned());
            }
            let id: &str = row.try_get("decision_id")?;
            let (record, facts): (Option<&str>, Option<&str>) =
                (row.try_get("record")?, row.try_get("facts")?);
            let (Some(record), Some(facts)) = (record, facts) else {
                return broken(link, format!("decision {id} is missing"));
            };
            let Ok(decision) = DecisionId::parse(id) else {
                return broken(link, format!("{id} is no decision"));
            };
            hash = chain::link(&hash, &chain::digest(decision, record, facts));
            if hash_of(row.try_get("hash")?)? != hash {
                return broken(link, format!("decision {id} is not what was recorded"));
            }
        }
        if (link, hash) != (head, head_hash) {
            return broken(link + 1, format!("the chain ends before its head, link {head}"));
        }
        let decisions = u64::try_from(link - base).unwrap_or(0);
        let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Ok(Verified { chain, decisions, link, hash }))
    }
}
