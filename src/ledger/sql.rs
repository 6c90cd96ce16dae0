//! Stand-in until the ledger runs on two engines: the same names over SQLite alone.

use std::future::Future;

use sqlx::{QueryBuilder, Sqlite};

pub(super) use sqlx::SqliteConnection as Connection;
pub(super) use sqlx::query;
pub(super) use sqlx::sqlite::SqliteRow as Row;

use super::Error;

pub(super) trait Touch {
    fn touch(&mut self, holders: &[&str]) -> impl Future<Output = Result<(), Error>> + Send;
}

impl Touch for Connection {
    async fn touch(&mut self, _holders: &[&str]) -> Result<(), Error> {
        Ok(())
    }
}

pub(super) struct Statement(QueryBuilder<Sqlite>);

impl Statement {
    pub fn new(text: &str) -> Statement {
        Statement(QueryBuilder::new(text))
    }

    pub fn push(&mut self, text: impl std::fmt::Display) -> &mut Statement {
        self.0.push(text);
        self
    }

    pub fn push_bind<'q, T>(&mut self, value: T) -> &mut Statement
    where
        T: 'q + sqlx::Encode<'q, Sqlite> + sqlx::Type<Sqlite>,
    {
        self.0.push_bind(value);
        self
    }

    pub async fn fetch_all(mut self, connection: &mut Connection) -> Result<Vec<Row>, Error> {
        Ok(self.0.build().fetch_all(connection).await?)
    }
}
