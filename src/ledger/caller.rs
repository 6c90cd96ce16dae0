//! Who may call: rows that are added and revoked beside running services, which read them.

use super::sql::{Connection, Row, query};
use super::{Error, Ledger, Place};
use crate::domain::{KnownCaller, MerchantId, Merchants, Role, Time};

/// How many callers were ever added, how many of them revoked, and the sum of when, in seconds: the
/// same numbers, the same callers, since rows only come, and only their ends move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallersMark {
    pub added: i64,
    pub revoked: i64,
    pub ends: i64,
}

impl Ledger {
    /// Changes when a caller is added or revoked.
    pub async fn callers_mark(&self) -> Result<CallersMark, Error> {
        let mut connection = self.readers.acquire().await?;
        let row = query(
            "SELECT COUNT(*) AS added, COUNT(revoked) AS revoked,
                CAST(COALESCE(SUM(revoked / 1000000), 0) AS BIGINT) AS ends FROM callers",
        )
        .fetch_one(&mut connection)
        .await?;
        Ok(CallersMark {
            added: row.try_get("added")?,
            revoked: row.try_get("revoked")?,
            ends: row.try_get("ends")?,
        })
    }

    /// All callers, the revoked ones too, in the order in which they were added; an error for each
    /// that cannot be read.
    pub async fn callers(&self) -> Result<Vec<Result<KnownCaller, Error>>, Error> {
        callers(&mut self.readers.acquire().await?).await
    }
}

impl Place {
    /// Adds a caller, making the ledger if there is none yet; `false` when another that has no end
    /// has its name or its certificate.
    pub async fn add_caller(&self, caller: &KnownCaller) -> Result<bool, Error> {
        let mut connection = self.with_callers().await?;
        let added = query(
            "INSERT INTO callers (name, roles, merchants, token_hash, certificate, created)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT DO NOTHING",
        )
        .bind(&caller.name)
        .bind(caller.roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" "))
        .bind(match &caller.merchants {
            Merchants::Any => None,
            Merchants::Only(merchants) => {
                Some(merchants.iter().map(MerchantId::as_str).collect::<Vec<_>>().join(" "))
            }
        })
        .bind(caller.token_hash.map(|hash| hash.to_vec()))
        .bind(caller.certificate.as_deref())
        .bind(caller.created.as_micros())
        .execute(&mut connection)
        .await?;
        Ok(added == 1)
    }

    /// Revokes the callers of a name from `end` on, those with a later end too; `false` when there
    /// is none, or no more. Until then its name may be given a second token.
    pub async fn revoke_caller(&self, name: &str, end: Time) -> Result<bool, Error> {
        let revoked = query(
            "UPDATE callers SET revoked = $2
             WHERE name = $1 AND (revoked IS NULL OR revoked > $2)",
        )
        .bind(name)
        .bind(end.as_micros())
        .execute(&mut self.writing_beside().await?)
        .await?;
        Ok(revoked > 0)
    }

    /// All callers, the revoked ones too, in the order in which they were added; an error for each
    /// that cannot be read.
    pub async fn callers(&self) -> Result<Vec<Result<KnownCaller, Error>>, Error> {
        callers(&mut self.beside().await?).await
    }

    /// A connection to a ledger that has the table: it is made or migrated where it must be, which
    /// is refused while a service of an older version has the file open.
    async fn with_callers(&self) -> Result<Connection, Error> {
        if let Ok(mut connection) = self.writing_beside().await
            && query("SELECT seq FROM callers LIMIT 0").execute(&mut connection).await.is_ok()
        {
            return Ok(connection);
        }
        Ledger::open(self).await?.close().await;
        self.writing_beside().await
    }
}

async fn callers(connection: &mut Connection) -> Result<Vec<Result<KnownCaller, Error>>, Error> {
    let rows = query("SELECT * FROM callers ORDER BY seq").fetch_all(connection).await?;
    Ok(rows.iter().map(stored).collect())
}

fn stored(row: &Row) -> Result<KnownCaller, Error> {
    let name: String = row.try_get("name")?;
    let garbled = || Error::corrupt(format!("the caller {name} is garbled"));
    let roles: &str = row.try_get("roles")?;
    let roles = roles.split(' ').map(Role::from_name).collect::<Option<_>>();
    let merchants = match row.try_get::<Option<String>>("merchants")? {
        None => Merchants::Any,
        Some(text) => {
            let parsed = text.split(' ').map(MerchantId::parse).collect::<Result<_, _>>();
            Merchants::Only(parsed.map_err(|_| garbled())?)
        }
    };
    let token_hash = match row.try_get::<Option<Vec<u8>>>("token_hash")? {
        None => None,
        Some(bytes) => Some(bytes.try_into().map_err(|_| garbled())?),
    };
    let time = |micros: i64| Time::from_micros(micros);
    Ok(KnownCaller {
        roles: roles.ok_or_else(garbled)?,
        merchants,
        token_hash,
        certificate: row.try_get("certificate")?,
        created: time(row.try_get("created")?),
        revoked: row.try_get::<Option<i64>>("revoked")?.map(time),
        name,
    })
}
