//! Accounts as the lender tells them, and holds on them.

use std::sync::Arc;

use super::decisions::account_not_found;
use super::{Answered, Error, Service, key, same_content};
use crate::domain::{
    Account, AccountId, AccountUpsert, Caller, Restriction, RestrictionKind, RestrictionLift,
    RestrictionSet, Role,
};
use crate::ledger::Written;

impl Service {
    /// Replaces an account whole; gives it back with its new etag.
    pub async fn upsert_account(
        self: &Arc<Self>,
        caller: Caller,
        upsert: AccountUpsert,
    ) -> Result<Answered<(Account, String)>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move {
            let key = key(&caller, "UpsertAccount", upsert.call.request_id);
            let _turn = service.running.enter(&key).await?;
            let claim = service.claim(key, upsert.call.hash);
            let account = upsert.account;
            let written =
                service.ledger.upsert_account(claim, account.clone(), upsert.etag).await?;
            let answered = answer(written, upsert.call.hash)?;
            Ok(Answered { value: (account, answered.value), replayed: answered.replayed })
        })
        .await
    }

    pub async fn account(&self, id: AccountId) -> Result<(Account, String), Error> {
        self.ledger.account(&id).await?.ok_or_else(|| account_not_found(&id))
    }

    /// Sets a hold or restriction; it always has an end.
    pub async fn set_restriction(
        self: &Arc<Self>,
        caller: Caller,
        set: RestrictionSet,
    ) -> Result<Answered<Restriction>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move {
            let key = key(&caller, "SetRestriction", set.call.request_id);
            let _turn = service.running.enter(&key).await?;
            let claim = service.claim(key, set.call.hash);
            let written = service.ledger.set_restriction(claim, set.restriction).await?;
            service.noted(answer(written, set.call.hash)?).await
        })
        .await
    }

    /// Lifts a restriction from now on.
    pub async fn lift_restriction(
        self: &Arc<Self>,
        caller: Caller,
        lift: RestrictionLift,
    ) -> Result<Answered<Restriction>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move {
            let key = key(&caller, "LiftRestriction", lift.call.request_id);
            let _turn = service.running.enter(&key).await?;
            let not_found = || Error::NotFound {
                what: "restriction",
                reason: "RESTRICTION_NOT_FOUND",
                name: lift.id.to_string(),
            };
            let restriction = service.ledger.restriction(lift.id).await?;
            let restriction = restriction
                .filter(|restriction| restriction.kind.seen_by(caller.role))
                .ok_or_else(not_found)?;
            if caller.role == Role::Agent && restriction.kind != RestrictionKind::Security {
                return Err(Error::Forbidden {
                    reason: "ROLE_NOT_ALLOWED",
                    description: "an agent lifts security holds only".to_owned(),
                });
            }
            let claim = service.claim(key, lift.call.hash);
            let note = match &lift.evidence {
                Some(evidence) => format!("{} (evidence: {evidence})", lift.note),
                None => lift.note,
            };
            let written = service.ledger.lift_restriction(claim, lift.id, note).await?;
            service.noted(answer(written, lift.call.hash)?).await
        })
        .await
    }

    /// A stored answer is without its note, which is told as long as it is there.
    async fn noted(
        &self,
        mut answered: Answered<Restriction>,
    ) -> Result<Answered<Restriction>, Error> {
        if answered.replayed
            && let Some(present) = self.ledger.restriction(answered.value.id).await?
        {
            answered.value.note = present.note;
        }
        Ok(answered)
    }

    /// Restrictions of an account that the caller may know of, newest first.
    pub async fn restrictions(
        &self,
        caller: &Caller,
        id: AccountId,
    ) -> Result<Vec<Restriction>, Error> {
        let mut restrictions = self.ledger.restrictions(&id).await?;
        restrictions.retain(|restriction| restriction.kind.seen_by(caller.role));
        Ok(restrictions)
    }
}

/// What was written now, or what was answered before to the same content.
pub(super) fn answer<T: serde::de::DeserializeOwned>(
    written: Written<T>,
    hash: [u8; 32],
) -> Result<Answered<T>, Error> {
    match written {
        Written::Now(value) => Ok(Answered { value, replayed: false }),
        Written::Before(answer) => {
            same_content(&answer, hash)?;
            Ok(Answered { value: answer.read()?, replayed: true })
        }
    }
}
