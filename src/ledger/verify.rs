//! Proving the chains: every decision is what it was when it was recorded, and none is missing.
//!
//! What retention dropped is behind checkpoints, which are a chain themselves: a beginning that was
//! moved by hand has none. Whoever writes the whole ledger can still make everything anew, cut
//! chains at their end and move the head with it, or write checkpoints as retention does: that
//! cannot be told from inside. It can be told by a head that was kept elsewhere: see
//! [`Chains::lost`].

use std::collections::HashMap;

use futures_util::TryStreamExt;

use super::chain::{self, HASH_LEN, Hash, hash_of};
use super::checkpoint::{self, Checkpoint, Checkpoints, NO_CHAIN, hexadecimal};
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

/// A head as it was once told, and kept elsewhere. Chain 0 is that of the checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownHead {
    pub chain: i64,
    pub link: i64,
    /// In hexadecimal.
    pub hash: String,
}

/// A chain as it is stored: what retention left of it.
struct Stored {
    chain: i64,
    base: (i64, Hash),
    head: (i64, Hash),
}

impl Stored {
    /// The part of a chain before its base was dropped by retention, or there never was one.
    fn is_behind(&self, checkpoint: Option<&Checkpoint>) -> bool {
        self.base == checkpoint.map_or((0, [0; HASH_LEN]), |left| (left.base, left.base_hash))
    }
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

    /// Follows the checkpoints of retention. What is left of the decisions without a link, and the
    /// chains themselves, are as the last ones say.
    pub async fn checkpoints(&mut self) -> Result<Result<Checkpoints, Break>, Error> {
        let (checkpoints, left) = match checkpoint::follow(&mut self.connection).await? {
            Ok(followed) => followed,
            Err(found) => return Ok(Err(found)),
        };
        let broken = |chain, what| Ok(Err(Break { chain, link: checkpoints.last, what }));
        let unlinked: Option<i64> =
            query("SELECT decisions FROM unlinked").fetch_value(&mut self.connection).await?;
        if let Some(told) = left.get(&NO_CHAIN)
            && unlinked != Some(told.base)
        {
            let what = format!("retention left {} decisions of before the chains", told.base);
            return broken(NO_CHAIN, what);
        }
        let stored = self.stored().await?;
        let gone = left.keys().find(|chain| {
            **chain != NO_CHAIN && !stored.iter().any(|stored| stored.chain == **chain)
        });
        match gone {
            Some(chain) => broken(*chain, "the whole chain is missing".to_owned()),
            None => Ok(Ok(checkpoints)),
        }
    }

    /// Why a head that was told before is not part of the chains any more, if it is not: they were
    /// cut or made anew since, or retention has dropped it.
    pub async fn lost(&mut self, known: &KnownHead) -> Result<Option<String>, Error> {
        let text = match known.chain {
            NO_CHAIN => "SELECT hash FROM checkpoints WHERE 0 = $1 AND number = $2",
            _ => {
                "SELECT hash FROM links WHERE chain = $1 AND link = $2
                 UNION ALL SELECT base_hash FROM chains WHERE chain = $1 AND base = $2"
            }
        };
        let found: Option<Vec<u8>> = query(text)
            .bind(known.chain)
            .bind(known.link)
            .fetch_value(&mut self.connection)
            .await?;
        let found = found.map(hash_of).transpose()?;
        let stored = self.stored().await?;
        let base = stored.iter().find(|stored| stored.chain == known.chain);
        Ok(match found {
            Some(hash) if hexadecimal(&hash) == known.hash => None,
            Some(_) => Some("it has another hash".to_owned()),
            None if base.is_some_and(|stored| known.link < stored.base.0) => {
                Some("retention has dropped it, so that it proves nothing: keep newer ones".into())
            }
            None => Some("it is not there".to_owned()),
        })
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
        let left = match checkpoint::follow(&mut self.connection).await? {
            Ok((_, left)) => left,
            // Then no beginning is proved.
            Err(_) => HashMap::new(),
        };
        for (expected, stored) in (1..).zip(self.stored().await?) {
            // Numbers are given one after the other.
            if stored.chain != expected {
                let what = "the whole chain is missing".to_owned();
                found.push(Err(Break { chain: expected, link: 1, what }));
                break;
            }
            if !stored.is_behind(left.get(&stored.chain)) {
                let (chain, link) = (stored.chain, stored.base.0);
                let what = "what was before it was not dropped by retention".to_owned();
                found.push(Err(Break { chain, link, what }));
                continue;
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
        Ok(Ok(Verified { chain, decisions, link, hash: hexadecimal(&hash) }))
    }
}
