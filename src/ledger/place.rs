//! Where a ledger is: a file, or a database of a PostgreSQL server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use super::sql::Connection;
use super::{Error, postgres, sqlite};

/// A ledger's place; shown without its password.
#[derive(Clone)]
pub enum Place {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl Place {
    /// Reads `sqlite:FILE`, `postgres://user@host/database`, or the bare path of a file.
    pub fn parse(text: &str) -> Result<Place, Error> {
        let wrong = |what: &str| {
            let expected = "expected sqlite:FILE or postgres://user@host:port/database";
            Error::Unavailable(format!("the ledger's address {what}; {expected}"))
        };
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            // What sqlx says of a wrong one may hold its password.
            let options = PgConnectOptions::from_str(text).map_err(|_| wrong("does not parse"))?;
            return match options.get_database() {
                Some(_) => Ok(Place::Postgres(Box::new(options))),
                None => Err(wrong("names no database")),
            };
        }
        let path = text.strip_prefix("sqlite://").or(text.strip_prefix("sqlite:")).unwrap_or(text);
        match path {
            "" => Err(wrong("is empty")),
            _ if path.contains("://") => Err(wrong("is of an unknown kind")),
            _ => Ok(Place::Sqlite(PathBuf::from(path))),
        }
    }

    pub fn file(path: &Path) -> Place {
        Place::Sqlite(path.to_owned())
    }

    /// The same with a password, where there is one to have.
    pub fn with_password(self, password: &str) -> Place {
        match self {
            Place::Sqlite(path) => Place::Sqlite(path),
            Place::Postgres(options) => Place::Postgres(Box::new(options.password(password))),
        }
    }

    /// Whether several processes may have it open at once.
    pub fn is_shared(&self) -> bool {
        matches!(self, Place::Postgres(_))
    }

    /// A connection that only reads, to a ledger that is there already, in use or not.
    pub(super) async fn beside(&self) -> Result<Connection, Error> {
        match self {
            Place::Sqlite(path) => sqlite::beside(path).await,
            Place::Postgres(options) => postgres::beside(options).await,
        }
        .map_err(|error| self.unavailable("cannot be read", &error))
    }

    /// One that writes a little, for a command that runs beside a service.
    pub(super) async fn writing_beside(&self) -> Result<Connection, Error> {
        match self {
            Place::Sqlite(path) => sqlite::writing_beside(path).await,
            Place::Postgres(options) => postgres::writing_beside(options).await,
        }
        .map_err(|error| self.unavailable("cannot be written", &error))
    }

    pub(super) fn unavailable(&self, what: &str, error: &dyn fmt::Display) -> Error {
        Error::Unavailable(format!("the ledger {self} {what}: {error}"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Sqlite(path) => path.display().fmt(f),
            Place::Postgres(options) => write!(
                f,
                "postgres://{}:{}/{}",
                options.get_host(),
                options.get_port(),
                options.get_database().unwrap_or_default()
            ),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_place_is_read_and_shown_without_its_password() {
        for (text, shown) in [
            ("sqlite:/data/ledger.sqlite", "/data/ledger.sqlite"),
            ("sqlite://ledger.sqlite", "ledger.sqlite"),
            ("ledger.sqlite", "ledger.sqlite"),
            ("postgres://anna:secret@db.example:5433/surety", "postgres://db.example:5433/surety"),
            ("postgresql://db.example/surety?sslmode=require", "postgres://db.example:5432/surety"),
        ] {
            let place = Place::parse(text).unwrap();
            assert_eq!((place.to_string(), format!("{place:?}")), (shown.into(), shown.into()));
        }
        for text in ["", "sqlite:", "mysql://db/surety", "postgres://db", "postgres://a:b:c@/x"] {
            let error = Place::parse(text).unwrap_err().to_string();
            assert!(error.contains("expected sqlite:FILE or postgres://"), "{text}: {error}");
            assert!(!error.contains("a:b:c"), "{error}");
        }
    }
}
