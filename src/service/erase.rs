//! Erasing the person behind an account, or a guest: from the signals, from their snapshot, from
//! the ledger.

use std::sync::Arc;

use serde::Deserialize;

use super::accounts::answer;
use super::decisions::account_not_found;
use super::{Answered, Error, Service, key};
use crate::domain::{Caller, Erased, Erasure, Holder, Parties};
use crate::ledger;
use crate::signals::Own;

/// What of a row that the signals were taught says whom it was about.
#[derive(Deserialize)]
struct Taught {
    parties: Parties,
}

impl Service {
    /// Erases what is kept about a person, once a `request_id`.
    pub async fn erase_account(
        self: &Arc<Self>,
        caller: Caller,
        erasure: Erasure,
    ) -> Result<Answered<Erased>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move { service.erase(caller, erasure).await }).await
    }

    async fn erase(&self, caller: Caller, erasure: Erasure) -> Result<Answered<Erased>, Error> {
        let key = key(&caller, "EraseAccount", erasure.call.request_id);
        let _turn = self.running.enter(&key).await?;
        let holder = erasure.holder;
        let _alone = self.holders.enter(&holder).await?;
        // The ledger last: as long as it has not answered, all of this is done again by a retry,
        // which finds in it whom the signals are to forget.
        let own = self.own_parties(&holder).await?;
        let forgotten = self.forget(&own).await?;
        let claim = self.claim(key, erasure.call.hash);
        let written = self.ledger.erase(claim, holder.clone(), forgotten).await;
        let written = written.map_err(|error| match error {
            ledger::Error::NotFound => not_found(&holder),
            other => other.into(),
        })?;
        // What was told about the holder in between the ledger has erased, and nobody else.
        self.forget(&own).await?;
        answer(written, erasure.call.hash)
    }

    /// The holder and all parties that the ledger knows to have been seen with it.
    async fn own_parties(&self, holder: &Holder) -> Result<Own, Error> {
        let mut parties = Vec::new();
        for payload in self.ledger.signals_of(holder).await? {
            let taught: Taught = serde_json::from_str(&payload)
                .map_err(|failure| ledger::Error::Corrupt(failure.to_string()))?;
            parties.push(taught.parties);
        }
        let account = match holder {
            Holder::Account(account) => {
                if let Some((known, _)) = self.ledger.account(account).await? {
                    let (email, phone) = (known.email, known.phone);
                    parties.push(Parties { email, phone, ..Parties::default() });
                }
                self.hasher.key("account", account.as_str())
            }
            // A guest is known by a contact, and counted under it as if it were an account.
            Holder::Guest(contact) => {
                parties.push(Parties { email: Some(*contact), ..Parties::default() });
                *contact
            }
        };
        Ok(Own::of(account, &parties))
    }

    /// From the store, and from the file that it would be loaded from.
    async fn forget(&self, own: &Own) -> Result<u64, Error> {
        let forgotten = self.signals.forget(own).await.map_err(|fault| {
            tracing::warn!(?fault, "somebody could not be erased from the signals");
            Error::Unavailable { reason: "STORE_UNAVAILABLE" }
        })?;
        self.snapshot.remove().map_err(|failure| Error::unexpected(&failure))?;
        Ok(forgotten)
    }
}

fn not_found(holder: &Holder) -> Error {
    match holder {
        Holder::Account(id) => account_not_found(id),
        // Not by its contact: what is answered may be logged.
        Holder::Guest(_) => {
            Error::NotFound { what: "guest", reason: "GUEST_NOT_FOUND", name: String::new() }
        }
    }
}
