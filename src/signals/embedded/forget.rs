//! Forgetting an account on purpose, with what was its own.

use super::{EmbeddedStore, Party};
use crate::domain::PartyKey;
use crate::signals::forget::Own;

impl EmbeddedStore {
    /// Drops the account, its contacts, and the devices and instruments that no other account was
    /// seen with; gives how many parties that were. A copy that is being made may have them still.
    pub fn forget(&self, own: &Own) -> u64 {
        own.parties().filter(|(kind, key)| self.drop_party(*kind, key, &own.account)).count() as u64
    }

    fn drop_party(&self, kind: Party, key: &PartyKey, account: &PartyKey) -> bool {
        let (may_be_shared, kind) = (Own::may_be_shared(kind), &self.kinds[kind as usize]);
        let mut shard = kind.shard(key);
        let Some((place, _, slot)) = shard.parties.get_full(key) else { return false };
        if may_be_shared && slot.state.is_shared(account, &kind.plan) {
            return false;
        }
        shard.remove(place, &kind.plan);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Parties, Span};
    use crate::signals::tests::{START, key, observation, with};
    use crate::signals::{EmbeddedConfig, Observation, SignalEvent};

    /// A purchase of an account on a device, with a card and an email of its own.
    fn bought(id: u64, account: u64, device: u64) -> Observation {
        with(observation(id, account, START + Span::minutes(id as i64)), |parties| {
            parties.device = Some(key(2, device));
            parties.instrument = Some(key(6, account));
            parties.email = Some(key(7, account));
        })
    }

    #[test]
    fn an_account_goes_with_what_was_its_own_and_nothing_else() {
        let store = EmbeddedStore::new(EmbeddedConfig::default());
        let purchases = [bought(1, 1, 10), bought(2, 1, 11), bought(3, 2, 11)];
        for purchase in &purchases {
            store.observe(purchase);
            store.apply(&SignalEvent::Purchase(purchase.clone()));
        }
        let parties = |store: &EmbeddedStore| -> Vec<usize> {
            store.statistics().iter().map(|kind| kind.parties).collect()
        };
        let before = parties(&store);
        let others = store.read(&purchases[2]);
        let account = purchases[0].parties.account.unwrap();
        let of_account: Vec<Parties> =
            purchases[..2].iter().map(|purchase| purchase.parties.clone()).collect();
        let own = Own::of(account, &of_account);
        // The account, its email and card, and the device that nobody else has used.
        assert_eq!(store.forget(&own), 4);
        let gone: usize = before.iter().sum::<usize>() - parties(&store).iter().sum::<usize>();
        assert_eq!(gone, 4);
        assert_eq!(store.read(&purchases[2]), others, "nobody else is forgotten");
        let fresh = EmbeddedStore::new(EmbeddedConfig::default());
        let alone = Observation {
            parties: Parties { account: Some(account), ..Parties::default() },
            ..purchases[0].clone()
        };
        assert_eq!(store.read(&alone), fresh.read(&alone), "as if it had never been there");
        assert_eq!(store.forget(&own), 0);
    }
}
