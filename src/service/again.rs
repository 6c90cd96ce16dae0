//! A pending decision that is assessed again: its request, as it was asked, as of now.

use super::{Error, Service};
use crate::domain::{DecisionRecord, Request, RequestFacts, Time};
use crate::features::{Facts, ReviewFacts, StepUpFacts};
use crate::signals::Observation;

/// What is kept of the first assessment.
pub(super) struct Again {
    pub request: Request,
    pub observation: Observation,
    /// What the customer has passed so far.
    pub step_up: StepUpFacts,
    /// What a reviewer said so far.
    pub review: Option<ReviewFacts>,
}

impl Service {
    /// Reads what a pending decision was made of. `call` is the time and the hash of the call that
    /// has it assessed again.
    pub(super) async fn again(
        &self,
        pending: &DecisionRecord,
        call: (Time, [u8; 32]),
    ) -> Result<Again, Error> {
        let stored = self.ledger.facts(pending.id).await?;
        let observation = self.observed(pending.id).await?;
        let Some(stored) = stored else {
            return Err(Error::unexpected(&"a pending decision has no facts"));
        };
        let Some(mut observation) = observation else {
            return Err(Error::Precondition {
                reason: "DECISION_ERASED",
                subject: "decision".to_owned(),
                description:
                    "what this request was judged by was erased: it can only be cancelled, \
                              or end by itself"
                        .to_owned(),
            });
        };
        let mut facts: Facts =
            serde_json::from_str(&stored).map_err(|failure| Error::unexpected(&failure))?;
        facts.request.time = call.0;
        observation.time = call.0;
        let Facts { request, step_up, review, .. } = facts;
        let mut request = asked(pending, request, &observation, call.1);
        request.basket_hash = self.ledger.basket_hash(pending.id).await?;
        Ok(Again { request, observation, step_up, review })
    }
}

fn asked(
    pending: &DecisionRecord,
    facts: RequestFacts,
    observation: &Observation,
    hash: [u8; 32],
) -> Request {
    Request {
        id: pending.request_id,
        hash,
        holder: pending.holder.clone(),
        merchant: pending.merchant.clone(),
        order_reference: pending.order_reference.clone(),
        basket_hash: None,
        locale: pending.locale.clone(),
        facts,
        parties: observation.parties.clone(),
        position: observation.position,
        // What was sent is kept with the first decision.
        raw_context: "{}".to_owned(),
    }
}
