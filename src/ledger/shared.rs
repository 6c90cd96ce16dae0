//! What processes that share a ledger have to agree on: the party key, where signals are, and
//! which filling of a shared store holds them.

use super::sql::{Connection, query};
use super::{Error, Ledger, Place, postgres};

/// The advisory lock of those who keep signals: alone, or shared by all who have them in one store.
const SIGNALS_LOCK: i64 = 0x5369_676e;

/// Held by a process as long as it teaches signals from this ledger.
#[derive(Debug)]
pub struct SignalsClaim {
    _session: Connection,
}

impl Ledger {
    /// The id of the party key under which this ledger is hashed: `key_id`, if nothing is yet.
    pub async fn party_key(&self, key_id: &str) -> Result<String, Error> {
        let key_id = key_id.to_owned();
        self.write(move |connection| {
            let key_id = key_id.clone();
            Box::pin(async move {
                // One at a time: two that start at once must not both be the first.
                connection.touch(&[""]).await?;
                let known = query("SELECT key_id FROM party_keys").fetch_value(connection).await?;
                if let Some(known) = known {
                    return Ok(known);
                }
                query("INSERT INTO party_keys (key_id) VALUES ($1)")
                    .bind(&key_id)
                    .execute(connection)
                    .await?;
                Ok(key_id)
            })
        })
        .await
    }

    /// The filling of a shared signal store that holds what this ledger has taught.
    pub async fn filling(&self) -> Result<Option<String>, Error> {
        filling(&mut self.readers.acquire().await?).await
    }

    /// That filling: `proposed`, if there is none yet.
    pub async fn claim_filling(&self, proposed: &str) -> Result<String, Error> {
        let proposed = proposed.to_owned();
        self.write(move |connection| {
            let proposed = proposed.clone();
            Box::pin(async move {
                query(
                    "INSERT INTO signal_fillings (place, filling) VALUES (1, $1)
                     ON CONFLICT DO NOTHING",
                )
                .bind(&proposed)
                .execute(connection)
                .await?;
                Ok(filling(connection).await?.unwrap_or(proposed))
            })
        })
        .await
    }
}

pub(super) async fn filling(connection: &mut Connection) -> Result<Option<String>, Error> {
    query("SELECT filling FROM signal_fillings").fetch_value(connection).await
}

impl Place {
    /// Makes `filling` the one that holds what the ledger has taught, beside services that use it;
    /// `false` when it is no longer `before` that holds it.
    pub async fn remember_filling(&self, before: &str, filling: &str) -> Result<bool, Error> {
        let changed = query(
            "INSERT INTO signal_fillings (place, filling) VALUES (1, $1)
             ON CONFLICT (place) DO UPDATE SET filling = excluded.filling
             WHERE signal_fillings.filling = $2",
        )
        .bind(filling)
        .bind(before)
        .execute(&mut self.writing_beside().await?)
        .await?;
        Ok(changed == 1)
    }

    /// Says that this process teaches signals from the ledger: into a store of its own, and then
    /// nobody else may, or into one that several share. `None` when somebody else has it otherwise.
    /// A file has one process anyway.
    pub async fn claim_signals(&self, of_its_own: bool) -> Result<Option<SignalsClaim>, Error> {
        let Place::Postgres(options) = self else {
            return Err(Error::corrupt("a claim on the signals of a file"));
        };
        let mut session = postgres::beside(options).await?;
        let text = match of_its_own {
            true => "SELECT CAST(PG_TRY_ADVISORY_LOCK($1) AS INT)::BIGINT",
            false => "SELECT CAST(PG_TRY_ADVISORY_LOCK_SHARED($1) AS INT)::BIGINT",
        };
        let taken = query(text).bind(SIGNALS_LOCK).fetch_value::<i64>(&mut session).await?;
        Ok((taken == Some(1)).then_some(SignalsClaim { _session: session }))
    }
}
