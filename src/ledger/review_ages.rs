//! How many review cases wait, and how old they are.

use super::review::{JOINED, UNDECIDED};
use super::sql::Statement;
use super::{Error, Ledger};
use crate::domain::{ReviewQueue, Span, Time};

/// Ages that a case can be below, youngest first, and a last one that is below none.
const AGES: [(&str, Span); 4] = [
    ("15m", Span::minutes(15)),
    ("1h", Span::hours(1)),
    ("4h", Span::hours(4)),
    ("1d", Span::hours(24)),
];
const OLDER: &str = "older";

/// Undecided cases of one queue and age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenReviews {
    pub queue: ReviewQueue,
    /// The age that they are below and not below the one before: `15m`, `1h`, `4h`, `1d`, `older`.
    pub age: &'static str,
    pub cases: i64,
}

impl Ledger {
    /// Undecided cases; every queue and age is among them. Nobody's decision waits for this.
    pub async fn open_reviews(&self, now: Time) -> Result<Vec<OpenReviews>, Error> {
        let mut statement =
            Statement::new("SELECT queue, age, COUNT(*) AS cases FROM (SELECT queue, CASE");
        for (place, (_, age)) in (0_i64..).zip(AGES) {
            statement.push(" WHEN review_cases.created > ").push_bind((now - age).as_micros());
            statement.push(format_args!(" THEN CAST({place} AS BIGINT)"));
        }
        statement.push(format_args!(" ELSE CAST({} AS BIGINT) END AS age FROM ", AGES.len()));
        statement.push(JOINED).push(" WHERE ").push(UNDECIDED).push_bind(now.as_micros());
        statement.push(") AS undecided GROUP BY queue, age");
        let rows = statement.fetch_all(&mut self.searchers.acquire().await?).await?;
        let mut open = Vec::with_capacity(ReviewQueue::ALL.len() * (AGES.len() + 1));
        for queue in ReviewQueue::ALL {
            let ages = AGES.iter().map(|(age, _)| *age).chain([OLDER]);
            open.extend(ages.map(|age| OpenReviews { queue: *queue, age, cases: 0 }));
        }
        for row in &rows {
            let queue: &str = row.try_get("queue")?;
            let place = usize::try_from(row.try_get::<i64>("age")?).unwrap_or(AGES.len());
            let age = AGES.get(place).map_or(OLDER, |(age, _)| *age);
            let ours = |known: &&mut OpenReviews| known.queue.name() == queue && known.age == age;
            if let Some(known) = open.iter_mut().find(ours) {
                known.cases = row.try_get("cases")?;
            }
        }
        Ok(open)
    }
}
