//! The standing of an account or guest: one statement, one snapshot.

use super::sql::{Row, query};
use super::{Answer, AnswerKey, Error, Ledger, answer};
use crate::domain::{
    Account, ActiveRestriction, Contacts, Currency, DecisionId, Holder, Listed, MerchantId,
    OrderFacts, Owed, Parties, PartyKey, PlanFacts, ReasonCode, Repayment, RepaymentRecord,
    RestrictionKind, Standing, Time,
};

/// For whom and for what the standing is read.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    pub holder: &'a Holder,
    pub merchant: &'a MerchantId,
    pub amount: i64,
    pub currency: Currency,
    pub basket_hash: Option<[u8; 32]>,
    pub parties: &'a Parties,
    /// The limit of a guest; `None` for an account.
    pub guest_limit: Option<i64>,
    /// A decision to leave out of the orders: the one that is being assessed again.
    pub ignore: Option<DecisionId>,
    pub now: Time,
}

/// What is known to whoever asks under a key.
#[derive(Clone, Debug)]
pub enum Asked {
    /// The key was answered before.
    Before(Box<Answer>),
    Fresh(Box<Standing>),
}

impl Ledger {
    /// The first answer under `key`, or else the standing: one trip for both.
    pub async fn ask(&self, key: &AnswerKey, probe: &Probe<'_>) -> Result<Asked, Error> {
        let rows = self.look(Some(key), probe).await?;
        match answer::of_row(first(&rows)?)? {
            Some(answer) => Ok(Asked::Before(Box::new(answer))),
            None => Ok(Asked::Fresh(Box::new(standing(&rows, probe)?))),
        }
    }

    /// The standing at `probe.now`. Of an unknown account only exposure, plans, orders,
    /// restrictions and lists are known; a guest has the limit that `probe` names.
    pub async fn standing(&self, probe: &Probe<'_>) -> Result<Standing, Error> {
        standing(&self.look(None, probe).await?, probe)
    }

    async fn look(&self, key: Option<&AnswerKey>, probe: &Probe<'_>) -> Result<Vec<Row>, Error> {
        // Nobody has the empty name, so what is not there is not found.
        let party = |key: Option<PartyKey>| key.map_or(String::new(), |key| key.to_string());
        let mut connection = self.counted(self.readers.acquire().await)?;
        let rows = query(include_str!("standing.sql"))
            .bind(probe.holder.ledger_name())
            .bind(probe.now.as_micros())
            .bind(probe.merchant.as_str())
            .bind(probe.amount)
            .bind(probe.currency.code())
            .bind(probe.basket_hash.map_or(Vec::new(), |hash| hash.to_vec()))
            .bind(probe.ignore.map_or(String::new(), |id| id.to_string()))
            .bind(party(probe.parties.account))
            .bind(party(probe.parties.device))
            .bind(party(probe.parties.instrument))
            .bind(key.map_or("", |key| key.caller.as_str()))
            .bind(key.map_or("", |key| key.call))
            .bind(key.map_or(String::new(), |key| key.request_id.to_string()))
            .fetch_all(&mut connection)
            .await;
        self.counted(rows)
    }
}

fn first(rows: &[Row]) -> Result<&Row, Error> {
    rows.first().ok_or_else(|| Error::corrupt("a standing without a row"))
}

fn standing(rows: &[Row], probe: &Probe<'_>) -> Result<Standing, Error> {
    let first = first(rows)?;
    let account: Option<&str> = first.try_get("account")?;
    let account: Option<Account> = account.map(serde_json::from_str).transpose()?;
    let contact: Option<i64> = first.try_get("contact_changed")?;
    let mut standing = Standing {
        outstanding: first.try_get("outstanding")?,
        reserved: first.try_get("reserved")?,
        contact_changed: contact.map(Time::from_micros),
        support_plan_active: support_plan(first, account.as_ref())?,
        restrictions: restrictions(rows)?,
        plans: plans(first, probe.now)?,
        orders: orders(first)?,
        listed: listed(first)?,
        version: first.try_get("version")?,
        ..Standing::unknown()
    };
    match (account, probe.holder) {
        (Some(account), _) => {
            add_account(&mut standing, account);
            standing.repayment = Some(repayment(first, probe.now)?);
        }
        (None, Holder::Guest(_)) => standing.credit_limit = probe.guest_limit,
        (None, Holder::Account(_)) => {}
    }
    Ok(standing)
}

fn add_account(standing: &mut Standing, account: Account) {
    let fields = [account.profile.email, account.profile.phone];
    let changed = fields.into_iter().flatten().filter_map(|field| field.changed).max();
    standing.known = true;
    standing.contacts = Contacts { email: account.email, phone: account.phone };
    standing.market = Some(account.market);
    standing.currency = Some(account.currency);
    standing.credit_limit = Some(account.credit_limit);
    standing.opened = account.opened;
    standing.profile = account.profile;
    standing.of_legal_age = account.of_legal_age;
    standing.income_monthly = account.income.map(|income| income.monthly);
    standing.income_verified = account.income.map(|income| income.verified);
    standing.commitments_monthly = account.commitments.map(|owed| owed.monthly);
    standing.bureau = account.bureau.unwrap_or_default();
    standing.contact_changed = standing.contact_changed.max(changed);
}

/// An event says more than the account when it came later, or when the account says nothing.
fn support_plan(row: &Row, account: Option<&Account>) -> Result<Option<bool>, Error> {
    let told = account.and_then(|account| account.support_plan_active);
    let event: Option<&str> = row.try_get("support_detail")?;
    let event_time: Option<i64> = row.try_get("support_time")?;
    let updated: Option<i64> = row.try_get("updated")?;
    Ok(match event {
        Some(detail) if told.is_none() || event_time > updated => Some(detail == "ACTIVE"),
        _ => told,
    })
}

fn restrictions(rows: &[Row]) -> Result<Vec<ActiveRestriction>, Error> {
    let mut restrictions = Vec::new();
    for row in rows {
        let Some(kind) = row.try_get("kind")? else { continue };
        let (kind, code) = (RestrictionKind::from_name(kind), row.try_get("code")?);
        let (Some(kind), Some(code)) = (kind, ReasonCode::from_name(code)) else {
            return Err(Error::corrupt("a restriction of unknown kind or code"));
        };
        restrictions.push(ActiveRestriction {
            kind,
            code,
            end: Time::from_micros(row.try_get("ends")?),
        });
    }
    Ok(restrictions)
}

fn plans(row: &Row, now: Time) -> Result<PlanFacts, Error> {
    let oldest_due: Option<i64> = row.try_get("oldest_due")?;
    let overdue = oldest_due.map(|due| (now - Time::from_micros(due)).as_days());
    let defaulted: i64 = row.try_get("plans_defaulted")?;
    Ok(PlanFacts {
        open: row.try_get("plans_open")?,
        repaid: row.try_get("plans_repaid")?,
        due_30d: row.try_get("due_30d")?,
        days_overdue: overdue.unwrap_or(0).max(0),
        defaulted: defaulted > 0,
        late_180d: row.try_get("late_180d")?,
        late_365d: row.try_get("late_365d")?,
    })
}

fn repayment(row: &Row, now: Time) -> Result<RepaymentRecord, Error> {
    let oldest_due: Option<i64> = row.try_get("oldest_due")?;
    let repaid = numbers(row.try_get("record_repaid")?)?;
    let repaid: Vec<Repayment> = repaid
        .into_iter()
        .map(|[due, paid, amount, started, told]| Repayment {
            due: Time::from_micros(due),
            paid: Time::from_micros(paid),
            amount,
            started: Time::from_micros(started),
            told: told == 1,
        })
        .collect();
    let owed = numbers(row.try_get("record_owed")?)?;
    let owed: Vec<Owed> = owed
        .into_iter()
        .map(|[started, outstanding, told]| Owed {
            started: Time::from_micros(started),
            outstanding,
            told: told == 1,
        })
        .collect();
    Ok(RepaymentRecord::at(now, &repaid, &owed, oldest_due.map(Time::from_micros)))
}

/// Rows of numbers as `standing.sql` lists them: `1 2,3 4`.
fn numbers<const N: usize>(list: Option<&str>) -> Result<Vec<[i64; N]>, Error> {
    let row = |text: &str| -> Option<[i64; N]> {
        let numbers: Vec<i64> = text.split(' ').map(|n| n.parse().ok()).collect::<Option<_>>()?;
        numbers.try_into().ok()
    };
    let rows = list.unwrap_or_default().split(',').filter(|text| !text.is_empty());
    rows.map(|text| row(text).ok_or_else(|| Error::corrupt("a list of other than numbers")))
        .collect()
}

fn orders(row: &Row) -> Result<OrderFacts, Error> {
    let duplicates: i64 = row.try_get("duplicates")?;
    Ok(OrderFacts {
        placed_60m: row.try_get("placed_60m")?,
        placed_24h: row.try_get("placed_24h")?,
        amount_24h: row.try_get("amount_24h")?,
        duplicate: duplicates > 0,
        cards_24h: row.try_get("cards_24h")?,
        cards_open: row.try_get("cards_open")?,
    })
}

fn listed(row: &Row) -> Result<Listed, Error> {
    let on_list = |column| row.try_get(column).map(|count: i64| count > 0);
    Ok(Listed {
        account: on_list("account_listed")?,
        device: on_list("device_listed")?,
        instrument: on_list("instrument_listed")?,
    })
}
