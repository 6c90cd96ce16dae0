//! Checks the whole ledger against what must always hold; for tests and for support.

use tokio_stream::StreamExt;

use super::sql::{Connection, query};
use super::{Error, Ledger, decision};
use crate::domain::Time;

/// What was counted and what was found wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub decisions: i64,
    pub reservations: i64,
    pub answers: i64,
    /// One sentence each, at most [`Report::FINDINGS_MAX`] a kind; empty when all holds.
    pub findings: Vec<String>,
}

impl Report {
    pub const FINDINGS_MAX: u32 = 20;
}

/// Holders that hold more than any limit under which it was reserved. An imported debt passes
/// limits rightly: the lender granted it elsewhere. `$1` is the most rows, `$2` now.
const OVER_LIMIT: &str = "SELECT holder FROM (
        SELECT reservations.holder AS holder, MAX(limit_then) AS highest,
            COALESCE((SELECT SUM(outstanding) FROM plans
                WHERE plans.holder = reservations.holder AND source = 'SURETY'), 0)
            + SUM(CASE WHEN released IS NULL AND expires > $2
                THEN amount - captured ELSE 0 END) AS held
        FROM reservations GROUP BY reservations.holder
    ) AS holders WHERE held > highest LIMIT $1";

/// What must not be found: a sentence, and the statement that finds the ids of which it holds.
/// `$1` is the most rows.
const RULES: [(&str, &str); 8] = [
    (
        "was reserved above the limit then in force",
        "SELECT decision_id FROM reservations
         WHERE held_then > limit_then LIMIT $1",
    ),
    (
        "is a reservation that disagrees with its decision",
        "SELECT reservations.decision_id FROM reservations
         LEFT JOIN decisions ON decisions.decision_id = reservations.decision_id
         LEFT JOIN cards ON cards.decision_id = reservations.decision_id
         WHERE (decisions.decision_id IS NULL OR outcome <> 'APPROVED'
            OR reservations.holder <> decisions.holder
            -- A shop may hold more on a card than was granted, by its tolerance.
            OR reservations.amount > decisions.exposure + COALESCE(cards.tolerance, 0)
            OR reservations.captured > COALESCE(cards.captured, decisions.captured)
            OR (decisions.canceled IS NOT NULL AND released IS NULL)) LIMIT $1",
    ),
    (
        "is approved on credit without a reservation",
        "SELECT decision_id FROM decisions
         WHERE outcome = 'APPROVED' AND exposure > 0 AND NOT EXISTS (
            SELECT 1 FROM reservations WHERE reservations.decision_id = decisions.decision_id
         ) LIMIT $1",
    ),
    (
        "is a plan that does not add up with what was captured of its decision",
        "SELECT plan_id FROM plans
         WHERE source = 'SURETY' AND financed <> COALESCE((
            SELECT captured FROM reservations WHERE decision_id = plan_id
         ), -1) AND EXISTS (
            -- What is owed outlives the decision, when that is dropped for its age.
            SELECT 1 FROM decisions WHERE decision_id = plan_id
         ) LIMIT $1",
    ),
    (
        "is a one-time card that disagrees with its decision",
        "SELECT card_id FROM cards
         LEFT JOIN decisions ON decisions.decision_id = cards.decision_id
         WHERE (decisions.decision_id IS NULL OR outcome <> 'APPROVED'
            OR cards.holder <> decisions.holder OR cards.amount <> decisions.amount
            OR (cards.captured < decisions.captured)
            OR (decisions.captured < cards.captured AND decisions.captured < decisions.amount)
            OR (cards.canceled IS NULL AND decisions.canceled IS NOT NULL)
            OR (cards.authorization_id IS NULL AND decisions.authorized IS NOT NULL)
            OR (cards.authorization_id IS NOT NULL AND decisions.authorized IS NULL)) LIMIT $1",
    ),
    (
        "is a one-time card that disagrees with its authorisations",
        "SELECT card_id FROM cards
         WHERE captured <> COALESCE((
            SELECT SUM(card_authorizations.captured) FROM card_authorizations
            WHERE card_authorizations.card_id = cards.card_id
         ), 0) OR EXISTS (
            SELECT 1 FROM card_authorizations
            WHERE card_authorizations.card_id = cards.card_id
                AND card_authorizations.amount > 0
                AND (cards.authorization_id IS NULL
                    OR card_authorizations.authorization_id <> cards.authorization_id
                    OR card_authorizations.amount > cards.amount + cards.tolerance)
         ) LIMIT $1",
    ),
    (
        "is answered but not there",
        "SELECT decision_id FROM answers
         WHERE decision_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM decisions WHERE decisions.decision_id = answers.decision_id
         ) LIMIT $1",
    ),
    (
        "replaces nothing that is there",
        "SELECT superseded_by FROM decisions AS old
         WHERE superseded_by IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM decisions AS new WHERE new.decision_id = old.superseded_by
         ) LIMIT $1",
    ),
];

impl Ledger {
    /// Reads everything; not for the hot path.
    pub async fn check(&self, now: Time) -> Result<Report, Error> {
        let most = i64::from(Report::FINDINGS_MAX);
        // Each rule is one statement, and so one snapshot; writes go on meanwhile.
        let mut connection = self.readers.acquire().await?;
        let mut report = counts(&mut connection).await?;
        let over: Vec<String> = query(OVER_LIMIT)
            .bind(most)
            .bind(now.as_micros())
            .fetch_values(&mut connection)
            .await?;
        let over = over.iter().map(|holder| format!("{holder} holds more than its limit"));
        report.findings.extend(over);
        for (sentence, rule) in RULES {
            let ids: Vec<String> = query(rule).bind(most).fetch_values(&mut connection).await?;
            report.findings.extend(ids.into_iter().map(|id| format!("{id} {sentence}")));
        }
        report.findings.extend(unreadable(&mut connection).await?);
        Ok(report)
    }
}

async fn counts(connection: &mut Connection) -> Result<Report, Error> {
    let row = query(
        "SELECT (SELECT COUNT(*) FROM decisions) AS decisions,
            (SELECT COUNT(*) FROM reservations) AS reservations,
            (SELECT COUNT(*) FROM answers) AS answers",
    )
    .fetch_one(connection)
    .await?;
    Ok(Report {
        decisions: row.try_get("decisions")?,
        reservations: row.try_get("reservations")?,
        answers: row.try_get("answers")?,
        findings: Vec::new(),
    })
}

/// Decisions whose columns do not say what their record says.
async fn unreadable(connection: &mut Connection) -> Result<Vec<String>, Error> {
    let mut findings = Vec::new();
    let mut rows = query("SELECT * FROM decisions").fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let id: &str = row.try_get("decision_id")?;
        let agrees = decision::stored(&row).is_ok_and(|record| {
            record.id.to_string() == id
                && row.try_get("amount").is_ok_and(|amount: i64| amount == record.amount.minor())
                && row.try_get("exposure").is_ok_and(|held: i64| held == record.exposure())
        });
        if !agrees && findings.len() < Report::FINDINGS_MAX as usize {
            findings.push(format!("{id} has a record that disagrees with its columns"));
        }
    }
    Ok(findings)
}
