//! What staff read is recorded before it is shown.

use super::{Error, Service, sees_all};
use crate::domain::{Caller, Seen, StaffRead};

impl Service {
    /// Records what staff are about to be shown; when it cannot be, they are not shown it. What
    /// others read, of their own callers' making, is not recorded.
    pub async fn record_read(
        &self,
        caller: &Caller,
        call: &'static str,
        seen: Seen,
    ) -> Result<(), Error> {
        if !sees_all(caller.role) {
            return Ok(());
        }
        let read = StaffRead {
            time: self.now(),
            caller: caller.name.clone(),
            role: caller.role,
            call: call.to_owned(),
            seen,
        };
        Ok(self.ledger.record_read(read).await?)
    }
}
