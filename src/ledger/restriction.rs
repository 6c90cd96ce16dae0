//! Holds and restrictions of accounts.

use super::{Claim, Error, Ledger, Written};
use crate::domain::{AccountId, Restriction, RestrictionId};

impl Ledger {
    /// Sets a restriction on an account, known or not.
    pub async fn set_restriction(
        &self,
        _claim: Claim,
        _restriction: Restriction,
    ) -> Result<Written<Restriction>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }

    /// Lifts a restriction from now on; one that was lifted before stays as it is.
    pub async fn lift_restriction(
        &self,
        _claim: Claim,
        _id: RestrictionId,
        _note: String,
    ) -> Result<Written<Restriction>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }

    /// A restriction by its id.
    pub async fn restriction(&self, _id: RestrictionId) -> Result<Option<Restriction>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }

    /// All restrictions that an account ever had, newest first.
    pub async fn restrictions(&self, _account: &AccountId) -> Result<Vec<Restriction>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }
}
