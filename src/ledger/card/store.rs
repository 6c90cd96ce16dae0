//! Cards as they are stored, by id and by what a list asks for.

use super::super::sql::{Connection, Row, Statement, query};
use super::super::{Error, Ledger};
use crate::domain::{
    AccountId, AuthorizationId, Card, CardAuthorization, CardNumber, Currency, DecisionId, Holder,
    MerchantId, Money, OneTimeCardId, Time,
};

/// A card with the authorisation that holds it, what is reserved for it, and the first moment at
/// which a hold was in force while it waited for its purchase.
const CARDS: &str = "SELECT cards.*,
        held.authorization_id AS held_id, held.amount AS held_amount,
        held.captured AS held_captured, held.created AS held_created,
        held.merchant AS held_merchant,
        CAST(COALESCE((
            SELECT amount - captured FROM reservations
            WHERE reservations.decision_id = cards.decision_id AND released IS NULL
        ), 0) AS BIGINT) AS reserved,
        CASE WHEN cards.canceled IS NOT NULL THEN cards.held ELSE (
            SELECT MIN(CASE WHEN starts > cards.opened THEN starts ELSE cards.opened END)
            FROM restrictions
            WHERE restrictions.account_id = cards.holder
                AND kind IN ('SECURITY', 'SANCTIONS', 'COMPLIANCE') AND ends > cards.opened
                AND (lifted IS NULL OR (lifted > cards.opened AND lifted > starts))
        ) END AS stopped
    FROM cards LEFT JOIN card_authorizations AS held
        ON held.authorization_id = cards.authorization_id
    WHERE ";

/// Which cards to list, newest first.
#[derive(Clone, Debug)]
pub struct CardFilter {
    pub holder: Holder,
    /// First moment.
    pub from: Option<Time>,
    /// First moment after.
    pub until: Option<Time>,
    /// The last card of the page before, by its decision.
    pub after: Option<(Time, DecisionId)>,
    pub limit: u32,
}

impl Ledger {
    /// A card with what became of it.
    pub async fn card(&self, id: OneTimeCardId) -> Result<Option<Card>, Error> {
        let mut connection = self.readers.acquire().await?;
        find(&mut connection, id).await
    }

    /// Cards newest first.
    pub async fn list_cards(&self, filter: &CardFilter) -> Result<Vec<Card>, Error> {
        let mut statement = Statement::new(CARDS);
        statement.push("cards.holder = ").push_bind(filter.holder.ledger_name());
        if let Some(from) = filter.from {
            statement.push(" AND cards.created >= ").push_bind(from.as_micros());
        }
        if let Some(until) = filter.until {
            statement.push(" AND cards.created < ").push_bind(until.as_micros());
        }
        if let Some((created, decision)) = filter.after {
            statement.push(" AND (cards.created, cards.decision_id) < (");
            statement.push_bind(created.as_micros());
            statement.push(", ").push_bind(decision.to_string()).push(")");
        }
        statement.push(" ORDER BY cards.created DESC, cards.decision_id DESC LIMIT ");
        statement.push_bind(i64::from(filter.limit));
        let mut connection = self.readers.acquire().await?;
        statement.fetch_all(&mut connection).await?.iter().map(stored).collect()
    }
}

/// A card, on a connection that may be inside a write.
pub(super) async fn find(
    connection: &mut Connection,
    id: OneTimeCardId,
) -> Result<Option<Card>, Error> {
    let mut statement = Statement::new(CARDS);
    statement.push("cards.card_id = ").push_bind(id.to_string());
    statement.fetch_all(connection).await?.first().map(stored).transpose()
}

/// Cards whose person is erased, with what is still known of their numbers.
pub(super) async fn forgotten(connection: &mut Connection) -> Result<Vec<Card>, Error> {
    let mut statement = Statement::new(CARDS);
    statement.push("cards.forgotten IS NOT NULL AND cards.token IS NOT NULL");
    statement.fetch_all(connection).await?.iter().map(stored).collect()
}

/// By which name the ledger has the holder of a card.
pub(super) async fn holder(
    connection: &mut Connection,
    id: OneTimeCardId,
) -> Result<Option<String>, Error> {
    let row = query("SELECT holder FROM cards WHERE card_id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| row.try_get("holder")).transpose()?)
}

/// Decisions of the cards of an account that wait for their purchase, with the ends of the cards.
pub(super) async fn open_of(
    connection: &mut Connection,
    account: &AccountId,
    now: Time,
) -> Result<Vec<(DecisionId, Time)>, Error> {
    let rows = query(
        "SELECT decision_id, expires FROM cards
         WHERE holder = $1 AND canceled IS NULL AND authorization_id IS NULL AND expires > $2",
    )
    .bind(account.as_str())
    .bind(now.as_micros())
    .fetch_all(connection)
    .await?;
    let open = |row: &Row| Ok((decision_of(row)?, Time::from_micros(row.try_get("expires")?)));
    rows.iter().map(open).collect()
}

fn decision_of(row: &Row) -> Result<DecisionId, Error> {
    DecisionId::parse(row.try_get("decision_id")?).map_err(|_| odd("decision"))
}

fn odd(column: &str) -> Error {
    Error::corrupt(format_args!("a one-time card has an odd {column}"))
}

fn stored(row: &Row) -> Result<Card, Error> {
    let currency = Currency::parse(row.try_get("currency")?).map_err(|_| odd("currency"))?;
    let locked: i64 = row.try_get("merchant_locked")?;
    let time = |column| -> Result<Option<Time>, Error> {
        let micros: Option<i64> = row.try_get(column)?;
        Ok(micros.map(Time::from_micros))
    };
    Ok(Card {
        id: OneTimeCardId::parse(row.try_get("card_id")?).map_err(|_| odd("id"))?,
        decision: decision_of(row)?,
        holder: Holder::from_ledger_name(row.try_get("holder")?).ok_or_else(|| odd("holder"))?,
        merchant: MerchantId::parse(row.try_get("merchant")?).map_err(|_| odd("merchant"))?,
        merchant_locked: locked != 0,
        amount: Money::new(row.try_get("amount")?, currency).map_err(|_| odd("amount"))?,
        tolerance: row.try_get("tolerance")?,
        created: Time::from_micros(row.try_get("created")?),
        expires: Time::from_micros(row.try_get("expires")?),
        activated: time("activated")?,
        number: number(row)?,
        authorization: authorization(row)?,
        canceled: time("canceled")?,
        held: time("stopped")?,
        reserved: row.try_get("reserved")?,
    })
}

fn number(row: &Row) -> Result<Option<CardNumber>, Error> {
    let token: Option<String> = row.try_get("token")?;
    let Some(token) = token else { return Ok(None) };
    let last_four = row.try_get("last_four")?;
    Ok(Some(CardNumber { token, last_four, network: row.try_get("network")? }))
}

fn authorization(row: &Row) -> Result<Option<CardAuthorization>, Error> {
    let id: Option<&str> = row.try_get("held_id")?;
    let Some(id) = id else { return Ok(None) };
    let merchant = MerchantId::parse(row.try_get("held_merchant")?);
    Ok(Some(CardAuthorization {
        id: AuthorizationId::parse(id).map_err(|_| odd("authorization"))?,
        amount: row.try_get("held_amount")?,
        captured: row.try_get("held_captured")?,
        created: Time::from_micros(row.try_get("held_created")?),
        merchant: merchant.map_err(|_| odd("shop"))?,
    }))
}
