//! Forgetting an account on purpose, with what was its own, for all processes that share the store.

use super::visit::{Visit, party_key};
use super::{Fault, Purpose, RedisStore, UNHURRIED};
use crate::signals::Observation;
use crate::signals::forget::Own;
use crate::signals::party::Held;

impl RedisStore {
    /// Drops the account, its contacts, and the devices and instruments that no other account was
    /// seen with; gives how many parties that were. What this process has still to teach about the
    /// account goes too.
    pub async fn forget(&self, own: &Own) -> Result<u64, Fault> {
        self.missed.forget_all_of(own.account);
        let visits = own.parties().map(|(kind, key)| Visit { kind, key, lesson: None }).collect();
        let nobody = Observation::default();
        let told = self.ask(visits, &nobody, (&Held::new(false), Purpose::Later)).await;
        let mut commands = Vec::new();
        for (visit, told) in told {
            let plan = &self.plans[visit.kind as usize];
            let goes = match told.party {
                Ok(None) => false,
                Ok(Some(kept)) => {
                    !Own::may_be_shared(visit.kind) || !kept.state.is_shared(&own.account, plan)
                }
                // Whatever is there gives no readings, and the rebuild will begin it anew.
                Err(Fault::Cold | Fault::Corrupt | Fault::WrongType | Fault::NotOurs) => true,
                Err(fault) => return Err(fault),
            };
            if goes {
                let mut command = ::redis::cmd("DEL");
                command.arg(party_key(visit.kind, &visit.key));
                commands.push(command);
            }
        }
        if commands.is_empty() {
            return Ok(0);
        }
        let mut gone = 0;
        for reply in self.link.send_unhurried(commands, UNHURRIED).await {
            if let ::redis::Value::Int(removed) = reply? {
                gone += removed.unsigned_abs();
            }
        }
        Ok(gone)
    }
}
