//! Accounts as the lender tells them, replaced whole.

use super::{Claim, Error, Ledger, Written};
use crate::domain::{Account, AccountId};

impl Ledger {
    /// Replaces an account or makes it; answers its new etag. With `expected_etag` it must be the
    /// present one.
    pub async fn upsert_account(
        &self,
        _claim: Claim,
        _account: Account,
        _expected_etag: Option<String>,
    ) -> Result<Written<String>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }

    /// An account with its etag.
    pub async fn account(&self, _id: &AccountId) -> Result<Option<(Account, String)>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }
}
