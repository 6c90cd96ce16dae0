//! What staff ask who talk to customers: finding a decision, and how an account stands.

use std::collections::HashMap;

use serde::Deserialize;

use super::decisions::{After, account_not_found};
use super::{Error, Service};
use crate::domain::{
    AccountId, AccountSummary, Caller, DecisionId, DecisionRecord, Holder, KnownDevice, Search,
    SearchQuery, Time,
};
use crate::ledger::Sent;

/// Decisions that a summary ends with.
const LATEST: usize = 20;
/// Decisions that are looked through for devices, and devices that are told.
const LOOKED_THROUGH: usize = 200;
const DEVICES_MAX: usize = 20;
/// Of a device's id so much is shown, and never more than a quarter of it.
const SHOWN_MAX: usize = 4;

impl Service {
    /// Decisions as they stand now, newest first, and where the next page begins.
    pub async fn search_decisions(
        &self,
        query: SearchQuery,
    ) -> Result<(Vec<DecisionRecord>, After), Error> {
        let now = self.now();
        let SearchQuery { search, page_size, after } = query;
        if let Search::Reference(reference) = search {
            let found = self.ledger.decision_by_reference(reference).await?;
            // The one that there is was on the page before.
            let found = found.filter(|_| after.is_none());
            return Ok((found.into_iter().map(|r| self.as_it_stands(r, now)).collect(), None));
        }
        let found = self.ledger.search(&search, after, page_size).await?;
        let is_last = found.len() < page_size;
        let next = found.last().map(|record| (record.created, record.id)).filter(|_| !is_last);
        Ok((found.into_iter().map(|record| self.as_it_stands(record, now)).collect(), next))
    }

    /// How an account stands now, without the restrictions that the caller may not know of.
    pub async fn account_summary(
        &self,
        caller: &Caller,
        id: AccountId,
    ) -> Result<AccountSummary, Error> {
        let now = self.now();
        let (account, _) = self.ledger.account(&id).await?.ok_or_else(|| account_not_found(&id))?;
        let holder = Holder::Account(id.clone());
        let mut restrictions = self.ledger.restrictions(&id).await?;
        restrictions.retain(|restriction| {
            let open = restriction.end > now && restriction.lifted.is_none_or(|at| at > now);
            open && restriction.kind.seen_by(caller.role)
        });
        let sent = self.ledger.sent_about(&holder, LOOKED_THROUGH).await?;
        let latest = Search::Holder { holder: holder.clone(), from: None, until: None };
        let latest = self.ledger.search(&latest, None, LATEST).await?;
        Ok(AccountSummary {
            account: id,
            as_of: now,
            currency: account.currency,
            credit_limit: account.credit_limit,
            plans: self.ledger.open_plans(&holder, now).await?,
            reservations: self.ledger.held_reservations(&holder, now).await?,
            restrictions,
            devices: known_devices(&sent),
            decisions: latest.into_iter().map(|r| self.as_it_stands(r, now)).collect(),
        })
    }
}

/// What of a raw context names the device.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawContext {
    device: Device,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Device {
    device_id: String,
    platform: String,
}

/// Devices of completed purchases, the latest first. A purchase that a step-up let through is
/// completed under a later decision than the one that the device was sent with.
fn known_devices(sent: &[Sent]) -> Vec<KnownDevice> {
    let captured: HashMap<DecisionId, bool> =
        sent.iter().map(|sent| (sent.id, sent.captured)).collect();
    let completed = |sent: &&Sent| {
        let later = sent.superseded_by.and_then(|id| captured.get(&id).copied());
        sent.captured || later.unwrap_or(false)
    };
    let mut devices: Vec<(String, KnownDevice)> = Vec::new();
    for sent in sent.iter().filter(completed) {
        let raw = sent.raw_context.as_deref().map(serde_json::from_str::<RawContext>);
        let Some(Ok(RawContext { device })) = raw else { continue };
        if device.device_id.is_empty() {
            continue;
        }
        match devices.iter_mut().find(|(id, _)| *id == device.device_id) {
            // They come newest first.
            Some((_, known)) => known.first_seen = sent.created,
            None => devices.push((device.device_id.clone(), first_met(device, sent.created))),
        }
    }
    devices.into_iter().map(|(_, device)| device).take(DEVICES_MAX).collect()
}

fn first_met(device: Device, time: Time) -> KnownDevice {
    KnownDevice {
        masked_id: masked(&device.device_id),
        platform: device.platform,
        first_seen: time,
        last_seen: time,
    }
}

/// The end of an id: enough to tell a customer's own devices apart, too little to be one.
fn masked(id: &str) -> String {
    let shown = (id.chars().count() / 4).min(SHOWN_MAX);
    let hidden = id.chars().count() - shown;
    format!("…{}", id.chars().skip(hidden).collect::<String>())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn sent(number: u128, captured: bool, device: &str) -> Sent {
        Sent {
            id: DecisionId(Uuid::from_u128(number)),
            created: Time::from_seconds(number as i64),
            captured,
            superseded_by: None,
            raw_context: Some(format!(
                r#"{{"device":{{"device_id":"{device}","platform":"ios"}}}}"#
            )),
        }
    }

    #[test]
    fn devices_of_completed_purchases_are_known_and_no_others() {
        let replaced = Sent {
            superseded_by: Some(DecisionId(Uuid::from_u128(5))),
            ..sent(4, false, "stepped-up-phone")
        };
        let empty = Sent { raw_context: Some("{}".into()), ..sent(5, true, "") };
        let erased = Sent { raw_context: None, ..sent(3, true, "") };
        let rows = [
            sent(7, false, "tried-only-phone"),
            sent(6, true, "the-first-phone"),
            empty,
            replaced,
            erased,
            sent(1, true, "the-first-phone"),
        ];
        let known = known_devices(&rows);
        let found: Vec<(&str, i64, i64)> = known
            .iter()
            .map(|d| (d.masked_id.as_str(), d.first_seen.as_seconds(), d.last_seen.as_seconds()))
            .collect();
        assert_eq!(found, [("…one", 1, 6), ("…hone", 4, 4)]);
    }

    #[test]
    fn an_id_is_masked_however_short() {
        for (id, shown) in
            [("", "…"), ("abc", "…"), ("abcd", "…d"), ("device-xylophone-4711", "…4711")]
        {
            assert_eq!(masked(id), shown);
        }
    }
}
