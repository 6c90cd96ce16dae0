//! Decisions that have a party in common with a case; other customers stay behind a mask.

use super::{Error, Service};
use crate::domain::{
    Caller, DecisionRecord, Holder, LinkKind, Parties, PartyKey, RelatedAfter, RelatedQuery, Time,
};
use crate::ledger::ListFilter;
use crate::signals::Observation;

/// Rows of the past that one look goes through, newest first.
const LOOK_ROWS: i64 = 10_000;
/// Looks of one call, each about 0.1 s: a page comes in time, even an empty one.
const LOOKS_MAX: usize = 3;

/// A decision with what links it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    pub decision: DecisionRecord,
    /// Strongest first.
    pub links: Vec<LinkKind>,
    /// The account of the case's own customer, or a name that stands for another one.
    pub customer: String,
    pub same_customer: bool,
}

/// A page, and where the search goes on.
pub type RelatedPage = (Vec<Related>, Option<RelatedAfter>);

impl Service {
    /// First the customer's own decisions, then those of others that share a party.
    ///
    /// Links are looked for in what signals were taught, a part of the past a page. An index by
    /// party would be five entries at random places for each decision ever made, for the sake of
    /// the few that a person looks at: it would cost the commit more than all it writes now.
    pub async fn related(
        &self,
        caller: &Caller,
        query: RelatedQuery,
    ) -> Result<RelatedPage, Error> {
        let case = self.seen_case(caller, query.case).await?.decision;
        let now = self.now();
        let own = query.kinds.contains(&LinkKind::Account);
        match query.after {
            None if own => self.own_decisions(&case, &query, now).await,
            Some(RelatedAfter::Own(..)) => self.own_decisions(&case, &query, now).await,
            None => self.linked_decisions(&case, &query, i64::MAX).await,
            Some(RelatedAfter::Before(before)) => {
                self.linked_decisions(&case, &query, before).await
            }
        }
    }

    async fn own_decisions(
        &self,
        case: &DecisionRecord,
        query: &RelatedQuery,
        now: Time,
    ) -> Result<RelatedPage, Error> {
        let after = match query.after {
            Some(RelatedAfter::Own(time, id)) => Some((time, id)),
            _ => None,
        };
        let filter = ListFilter {
            holder: Some(case.holder.clone()),
            after,
            limit: u32::try_from(query.page_size).unwrap_or(u32::MAX),
            ..ListFilter::default()
        };
        let found = self.ledger.list_decisions(&filter).await?;
        let next = match found.last().filter(|_| found.len() == query.page_size) {
            Some(last) => RelatedAfter::Own(last.created, last.id),
            None => RelatedAfter::Before(i64::MAX),
        };
        let others = found.into_iter().filter(|record| record.id != case.id);
        let related = |record: DecisionRecord| Related {
            decision: record.judged(now),
            links: vec![LinkKind::Account],
            customer: self.customer(case, &case.holder),
            same_customer: true,
        };
        Ok((others.map(related).collect(), Some(next)))
    }

    async fn linked_decisions(
        &self,
        case: &DecisionRecord,
        query: &RelatedQuery,
        before: i64,
    ) -> Result<RelatedPage, Error> {
        let parties = self.observed(case.id).await?.map(|observation| observation.parties);
        let wanted = parties.map(|parties| keys(&parties, &query.kinds)).unwrap_or_default();
        let (oldest, newest) = self.ledger.signal_bounds().await?;
        if wanted.is_empty() {
            return Ok((Vec::new(), None));
        }
        let texts: Vec<String> = wanted.iter().map(|(_, key)| key.to_string()).collect();
        let mut before = before.min(newest.saturating_add(1));
        let holder = case.holder.ledger_name();
        for _ in 0..LOOKS_MAX {
            if before <= oldest {
                return Ok((Vec::new(), None));
            }
            let range = (before.saturating_sub(LOOK_ROWS).max(oldest), before);
            let rows = self.ledger.attempts_of(&texts, &holder, range, query.page_size).await?;
            before = match rows.last().filter(|_| rows.len() == query.page_size) {
                Some(last) => last.seq,
                None => range.0,
            };
            let mut page = Vec::new();
            for row in &rows {
                let Some(id) = row.decision else { continue };
                let Some(decision) = self.ledger.decision(id).await? else { continue };
                let observation: Observation = serde_json::from_str(&row.payload)
                    .map_err(|failure| Error::unexpected(&failure))?;
                let links = links(&wanted, &observation.parties);
                if !links.is_empty() {
                    let customer = self.customer(case, &decision.holder);
                    let decision = decision.judged(self.now());
                    page.push(Related { decision, links, customer, same_customer: false });
                }
            }
            if !page.is_empty() {
                let next = (before > oldest).then_some(RelatedAfter::Before(before));
                return Ok((page, next));
            }
        }
        Ok((Vec::new(), (before > oldest).then_some(RelatedAfter::Before(before))))
    }

    /// The customer of the case by name, another one by a name of ours that is always the same.
    fn customer(&self, case: &DecisionRecord, holder: &Holder) -> String {
        match holder {
            Holder::Account(id) if case.holder == *holder => id.to_string(),
            _ => {
                let mask = self.hasher.key("customer", &holder.ledger_name()).to_string();
                format!("customer-{}", &mask[..8])
            }
        }
    }
}

/// The parties by which others may be linked, strongest link first.
fn keys(parties: &Parties, kinds: &[LinkKind]) -> Vec<(LinkKind, PartyKey)> {
    let all = [
        (LinkKind::Instrument, parties.instrument),
        (LinkKind::Phone, parties.phone),
        (LinkKind::Email, parties.email),
        (LinkKind::Device, parties.device),
        (LinkKind::Address, parties.address),
        (LinkKind::Network, parties.network),
    ];
    let wanted = all.into_iter().filter(|(kind, _)| kinds.contains(kind));
    wanted.filter_map(|(kind, key)| Some((kind, key?))).collect()
}

fn links(wanted: &[(LinkKind, PartyKey)], other: &Parties) -> Vec<LinkKind> {
    let theirs = keys(other, LinkKind::ALL);
    wanted.iter().filter(|mine| theirs.contains(mine)).map(|(kind, _)| *kind).collect()
}
