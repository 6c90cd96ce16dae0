//! Whom signals are to forget on purpose: an account, and the parties that may have been its own.

use std::collections::BTreeSet;

use super::Party;
use crate::domain::{Parties, PartyKey};

/// An account and the parties that it was seen with. Networks and merchants are never its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    pub account: PartyKey,
    others: BTreeSet<(Party, PartyKey)>,
}

impl Own {
    /// From everything that was taught about the account.
    pub fn of<'p>(account: PartyKey, taught: impl IntoIterator<Item = &'p Parties>) -> Own {
        let mut others = BTreeSet::new();
        for parties in taught {
            let of_one = [
                (Party::Device, parties.device),
                (Party::Instrument, parties.instrument),
                (Party::Contact, parties.email),
                (Party::Contact, parties.phone),
            ];
            others.extend(of_one.into_iter().filter_map(|(kind, key)| Some((kind, key?))));
        }
        Own { account, others }
    }

    /// Whether a party of that kind stays where other accounts were seen with it. E-mail and phone
    /// say who somebody is, so they go whoever used them too.
    pub fn may_be_shared(kind: Party) -> bool {
        matches!(kind, Party::Device | Party::Instrument)
    }

    /// All of them, the account first.
    pub fn parties(&self) -> impl Iterator<Item = (Party, PartyKey)> {
        [(Party::Account, self.account)].into_iter().chain(self.others.iter().copied())
    }
}
