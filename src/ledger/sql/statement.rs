//! Statements: a fixed text with numbered values, or a text that is put together.

use std::fmt::{Display, Write};
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Encode, Postgres, SqlSafeStr, SqlStr, Sqlite, Type};

use super::connection::Kind;
use super::{Column, Connection, Engine, Row, Value};
use crate::ledger::Error;

/// A statement with `$1`, `$2` and so on in its text, each of which may stand there repeatedly.
pub(in crate::ledger) fn query<'q>(text: &'static str) -> Query<'q> {
    Query { text: text.into_sql_str(), values: Vec::new(), cached: true }
}

/// A text with its values, ready to run.
#[derive(Debug)]
pub(in crate::ledger) struct Query<'q> {
    text: SqlStr,
    values: Vec<Value<'q>>,
    cached: bool,
}

impl<'q> Query<'q> {
    pub fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Runs it; gives the number of rows that it wrote.
    pub async fn execute(self, connection: &mut Connection) -> Result<u64, Error> {
        let patience = connection.patience();
        let done = match connection.kind() {
            Kind::Sqlite(connection) => {
                let done = self.on_sqlite()?.execute(connection).await;
                done.map(|done| done.rows_affected()).map_err(Error::from)
            }
            Kind::Postgres(connection) => {
                let done = in_time(patience, self.on_postgres()?.execute(connection)).await;
                done.map(|done| done.rows_affected())
            }
        };
        connection.unless_lost(done)
    }

    pub async fn fetch_optional(self, connection: &mut Connection) -> Result<Option<Row>, Error> {
        let patience = connection.patience();
        let row = match connection.kind() {
            Kind::Sqlite(connection) => {
                let row = self.on_sqlite()?.fetch_optional(connection).await;
                row.map(|row| row.map(Row::Sqlite)).map_err(Error::from)
            }
            Kind::Postgres(connection) => {
                let row = in_time(patience, self.on_postgres()?.fetch_optional(connection)).await;
                row.map(|row| row.map(Row::Postgres))
            }
        };
        connection.unless_lost(row)
    }

    /// The one row; an error when there is none.
    pub async fn fetch_one(self, connection: &mut Connection) -> Result<Row, Error> {
        let row = self.fetch_optional(connection).await?;
        row.ok_or_else(|| Error::corrupt("a statement that always has a row had none"))
    }

    pub async fn fetch_all(self, connection: &mut Connection) -> Result<Vec<Row>, Error> {
        let patience = connection.patience();
        let rows = match connection.kind() {
            Kind::Sqlite(connection) => {
                let rows = self.on_sqlite()?.fetch_all(connection).await.map_err(Error::from);
                rows.map(|rows| rows.into_iter().map(Row::Sqlite).collect())
            }
            Kind::Postgres(connection) => {
                let rows = in_time(patience, self.on_postgres()?.fetch_all(connection)).await;
                rows.map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
        };
        connection.unless_lost(rows)
    }

    /// Rows one by one, for more of them than there is memory.
    pub fn fetch<'c>(self, connection: &'c mut Connection) -> BoxStream<'c, Result<Row, Error>>
    where
        'q: 'c,
    {
        let failed = |error: Error| -> BoxStream<'c, Result<Row, Error>> {
            Box::pin(futures_util::stream::once(std::future::ready(Err(error))))
        };
        match connection.kind() {
            Kind::Sqlite(connection) => match self.on_sqlite() {
                Ok(query) => {
                    Box::pin(query.fetch(connection).map_ok(Row::Sqlite).map_err(Error::from))
                }
                Err(error) => failed(error),
            },
            Kind::Postgres(connection) => match self.on_postgres() {
                Ok(query) => {
                    Box::pin(query.fetch(connection).map_ok(Row::Postgres).map_err(Error::from))
                }
                Err(error) => failed(error),
            },
        }
    }

    /// The first column of the first row, if there is one.
    pub async fn fetch_value<T>(self, connection: &mut Connection) -> Result<Option<T>, Error>
    where
        T: for<'r> Column<'r>,
    {
        let row = self.fetch_optional(connection).await?;
        Ok(row.map(|row| row.first()).transpose()?)
    }

    /// The first column of every row.
    pub async fn fetch_values<T>(self, connection: &mut Connection) -> Result<Vec<T>, Error>
    where
        T: for<'r> Column<'r>,
    {
        let rows = self.fetch_all(connection).await?;
        Ok(rows.iter().map(Row::first).collect::<Result<_, _>>()?)
    }

    fn on_sqlite<'s>(self) -> Result<sqlx::query::Query<'s, Sqlite, SqliteArguments>, Error> {
        let mut arguments = SqliteArguments::default();
        add(&mut arguments, self.values)?;
        Ok(sqlx::query_with(self.text, arguments).persistent(self.cached))
    }

    fn on_postgres<'s>(self) -> Result<sqlx::query::Query<'s, Postgres, PgArguments>, Error> {
        let mut arguments = PgArguments::default();
        add(&mut arguments, self.values)?;
        Ok(sqlx::query_with(self.text, arguments).persistent(self.cached))
    }
}

/// A server that hangs does not keep its own timeouts, nor does a network that swallows packets.
async fn in_time<T>(
    patience: Option<Duration>,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Error> {
    let Some(patience) = patience else { return Ok(work.await?) };
    let done = tokio::time::timeout(patience, work).await;
    Ok(done.map_err(|_| Error::hung())??)
}

/// A statement whose text is put together piece by piece, its values in between.
#[derive(Debug)]
pub(in crate::ledger) struct Statement<'q> {
    text: String,
    /// Where in the text values stand: SQLite takes `?` there, PostgreSQL a number.
    places: Vec<usize>,
    values: Vec<Value<'q>>,
    cached: bool,
}

/// One row of a list of rows.
pub(in crate::ledger) struct Values<'s, 'q> {
    statement: &'s mut Statement<'q>,
    first: bool,
}

impl<'q> Values<'_, 'q> {
    pub fn push_bind(&mut self, value: impl Into<Value<'q>>) -> &mut Self {
        if !std::mem::take(&mut self.first) {
            self.statement.push(", ");
        }
        self.statement.push_bind(value);
        self
    }
}

impl<'q> Statement<'q> {
    pub fn new(text: impl Into<String>) -> Statement<'q> {
        let (places, values) = (Vec::new(), Vec::new());
        Statement { text: text.into(), places, values, cached: true }
    }

    /// Whether a connection keeps it prepared; many texts that differ a little would only push out
    /// those that come again.
    pub fn cached(mut self, cached: bool) -> Statement<'q> {
        self.cached = cached;
        self
    }

    pub fn push(&mut self, text: impl Display) -> &mut Self {
        // Writing into a string does not fail.
        let _ = write!(self.text, "{text}");
        self
    }

    pub fn push_bind(&mut self, value: impl Into<Value<'q>>) -> &mut Self {
        self.places.push(self.text.len());
        self.text.push('?');
        self.values.push(value.into());
        self
    }

    /// `VALUES (…), (…)`, a row an item.
    pub fn push_values<I, F>(&mut self, items: I, row: F) -> &mut Self
    where
        I: IntoIterator,
        F: FnMut(Values<'_, 'q>, I::Item),
    {
        self.push("VALUES ");
        self.push_rows(items, row)
    }

    /// `((…), (…))`, as `IN` takes it.
    pub fn push_tuples<I, F>(&mut self, items: I, row: F) -> &mut Self
    where
        I: IntoIterator,
        F: FnMut(Values<'_, 'q>, I::Item),
    {
        self.push("(");
        self.push_rows(items, row);
        self.push(")")
    }

    fn push_rows<I, F>(&mut self, items: I, mut row: F) -> &mut Self
    where
        I: IntoIterator,
        F: FnMut(Values<'_, 'q>, I::Item),
    {
        for (position, item) in items.into_iter().enumerate() {
            self.push(if position == 0 { "(" } else { ", (" });
            row(Values { statement: self, first: true }, item);
            self.push(")");
        }
        self
    }

    pub async fn execute(self, connection: &mut Connection) -> Result<u64, Error> {
        self.ready(connection).execute(connection).await
    }

    pub async fn fetch_all(self, connection: &mut Connection) -> Result<Vec<Row>, Error> {
        self.ready(connection).fetch_all(connection).await
    }

    pub fn fetch<'c>(self, connection: &'c mut Connection) -> BoxStream<'c, Result<Row, Error>>
    where
        'q: 'c,
    {
        self.ready(connection).fetch(connection)
    }

    fn ready(self, connection: &Connection) -> Query<'q> {
        let text = match connection.engine() {
            Engine::Sqlite => self.text,
            Engine::Postgres => numbered(&self.text, &self.places),
        };
        let text = AssertSqlSafe(text).into_sql_str();
        Query { text, values: self.values, cached: self.cached }
    }
}

/// The text with `$1` and so on where values stand.
fn numbered(text: &str, places: &[usize]) -> String {
    let mut numbered = String::with_capacity(text.len() + 3 * places.len());
    let mut from = 0;
    for (number, &place) in (1..).zip(places) {
        numbered.push_str(&text[from..place]);
        let _ = write!(numbered, "${number}");
        from = place + 1;
    }
    numbered.push_str(&text[from..]);
    numbered
}

fn add<A>(arguments: &mut A, values: Vec<Value<'_>>) -> Result<(), Error>
where
    A: Arguments,
    Option<i64>: for<'t> Encode<'t, A::Database> + Type<A::Database>,
    for<'t> Option<&'t str>: Encode<'t, A::Database> + Type<A::Database>,
    for<'t> Option<&'t [u8]>: Encode<'t, A::Database> + Type<A::Database>,
{
    for value in values {
        let added = match value {
            Value::Number(number) => arguments.add(number),
            Value::Text(text) => arguments.add(text.as_deref()),
            Value::Bytes(bytes) => arguments.add(bytes.as_deref()),
        };
        added.map_err(Error::corrupt)?;
    }
    Ok(())
}
