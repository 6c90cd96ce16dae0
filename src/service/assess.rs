//! One assessment: observe and read the standing, decide, commit. Read this first.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use uuid::Uuid;

use super::{
    Answered, Error, Service, allowed, answered_before, draw, key, message, not_pending, teach,
};
use crate::decide::{contended, decide};
use crate::domain::{
    Caller, Decision, DecisionId, DecisionRecord, Holder, OneTimeCard, Outcome, Product, Progress,
    Request, Standing,
};
use crate::features::{Facts, ReviewFacts, StepUpFacts};
use crate::ledger::{self, AnswerKey, Asked, AssessCommit, Assessed, Probe, Resolution, SignalRow};
use crate::signals::{Readings, SignalEvent};
use crate::telemetry::{self, Decided, OTHER, Stage};

/// Headroom that was taken meanwhile is decided about again this often, then a person looks.
const DECIDED_AGAIN_MAX: usize = 2;
/// Somebody else's write about the holder is decided about anew this often. Each time another
/// process was quicker, so somebody always gets on; who never does asks again later.
const READ_AGAIN_MAX: usize = 40;
/// References are drawn from 2^35; a few collisions in a row mean that something else is wrong.
const REFERENCES_DRAWN_MAX: usize = 8;

/// What is being assessed: a fresh request, or one whose step-up was passed or failed.
pub(super) struct Assessment {
    pub key: AnswerKey,
    pub hash: [u8; 32],
    pub request: Request,
    /// As it was before the first decision.
    pub standing: Standing,
    pub readings: Readings,
    pub step_up: StepUpFacts,
    /// What a person said of it.
    pub review: Option<ReviewFacts>,
    /// Whose decision it is: who asked first, not who has it assessed again.
    pub owner: String,
    /// The pending decision that this one replaces.
    pub supersedes: Option<DecisionId>,
    /// What becomes of its review case.
    pub resolution: Option<Resolution>,
    /// What the ledger keeps of what the signal store is taught.
    pub signal: SignalRow,
    pub begun: Instant,
}

/// What became of a decision that was to be recorded.
enum Committed {
    Answered(Box<Answered<DecisionRecord>>),
    /// Somebody else took the headroom in between.
    HeadroomTaken,
    /// Another process changed something about the holder in between.
    Outdated,
}

impl Service {
    /// Decides a purchase or a one-time card. Counts as an attempt, once per `request_id`.
    pub async fn evaluate(
        self: &Arc<Self>,
        caller: Caller,
        request: Request,
    ) -> Result<Answered<DecisionRecord>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move { service.evaluate_to_the_end(caller, request).await }).await
    }

    async fn evaluate_to_the_end(
        &self,
        caller: Caller,
        mut request: Request,
    ) -> Result<Answered<DecisionRecord>, Error> {
        let begun = Instant::now();
        let call = match request.facts.product {
            Product::Purchase => "EvaluatePurchase",
            Product::OneTimeCard => "EvaluateOneTimeCard",
        };
        allowed(&caller, &request.merchant)?;
        let key = key(&caller, call, request.id);
        let _turn = self.running.enter(&key).await?;
        self.apply_market(&mut request);
        // Two orders at once from one holder: the second one sees the first.
        let _alone = self.holders.enter(&request.holder).await?;
        // The answer is asked for first, so that a retry is not counted as a second attempt.
        let probe = self.probe(&request, None);
        let asked = self.ledger.ask(&key, &probe);
        let standing = match self.metrics.stage(Stage::Standing, asked).await? {
            Asked::Before(answer) => return answered_before(*answer, request.hash),
            Asked::Fresh(standing) => *standing,
        };
        // A guest tells email and phone; those of an account are the lender's to tell.
        let contacts = standing.contacts;
        request.parties.email = request.parties.email.or(contacts.email);
        request.parties.phone = request.parties.phone.or(contacts.phone);
        let observation = self.observation(&request);
        let observing = self.signals.observe(&observation);
        let readings = self.metrics.stage(Stage::Observe, observing).await;
        let signal = teach::row(&SignalEvent::Attempt(observation))?;
        let (hash, step_up) = (request.hash, StepUpFacts::default());
        self.assess(Assessment {
            key,
            hash,
            request,
            standing,
            readings,
            step_up,
            review: None,
            owner: caller.name,
            supersedes: None,
            resolution: None,
            signal,
            begun,
        })
        .await
    }

    /// What only the market knows: the local hour, and how much a card may be exceeded by.
    fn apply_market(&self, request: &mut Request) {
        let Some(market) = self.playbook.policy.market(request.facts.market) else { return };
        if let Some((hour, weekday)) = market.local(request.facts.time) {
            request.facts.hour = Some(hour);
            request.facts.weekday = Some(weekday);
        }
        if let Some(card) = &mut request.facts.card {
            card.tolerance = card.tolerance.min(market.card_tolerance_max);
        }
    }

    /// Decides on what is known and commits; again with what is left when somebody else took the
    /// headroom in between.
    pub(super) async fn assess(
        &self,
        assessment: Assessment,
    ) -> Result<Answered<DecisionRecord>, Error> {
        let mut facts = Facts {
            request: assessment.request.facts.clone(),
            readings: assessment.readings.clone(),
            standing: assessment.standing.clone(),
            step_up: assessment.step_up.clone(),
            review: assessment.review.clone(),
        };
        let (mut lost, mut tried) = (0, Vec::new());
        for _ in 0..READ_AGAIN_MAX {
            let decision = self.metrics.stage_at_once(Stage::Decide, || match lost {
                0..=DECIDED_AGAIN_MAX => decide(&facts, &self.playbook),
                _ => contended(&facts, &self.playbook),
            });
            let committing = self.commit(&assessment, &facts, (decision, &mut tried));
            match self.metrics.stage(Stage::Commit, committing).await? {
                Committed::Answered(answered) => {
                    let DecisionRecord { id, decision, .. } = &answered.value;
                    telemetry::decided(id, decision.outcome.name());
                    return Ok(*answered);
                }
                Committed::HeadroomTaken => lost += 1,
                Committed::Outdated => {}
            }
            let (request, own) = (&assessment.request, assessment.supersedes);
            facts.standing = self.standing(request, own).await?;
        }
        Err(Error::InProgress)
    }

    /// The holder's standing as of now, so that a hold which began meanwhile is seen; a
    /// re-assessment leaves the decision that it replaces out of it.
    pub(super) async fn standing(
        &self,
        request: &Request,
        ignore: Option<DecisionId>,
    ) -> Result<Standing, Error> {
        let mut probe = self.probe(request, ignore);
        probe.now = probe.now.max(self.now());
        Ok(self.metrics.stage(Stage::Standing, self.ledger.standing(&probe)).await?)
    }

    fn probe<'r>(&self, request: &'r Request, ignore: Option<DecisionId>) -> Probe<'r> {
        Probe {
            holder: &request.holder,
            merchant: &request.merchant,
            amount: request.facts.amount,
            currency: request.facts.currency,
            basket_hash: request.basket_hash,
            parties: &request.parties,
            guest_limit: self.guest_limit(request),
            ignore,
            now: request.facts.time,
        }
    }

    fn guest_limit(&self, request: &Request) -> Option<i64> {
        let market = self.playbook.policy.market(request.facts.market);
        match request.holder {
            Holder::Guest(_) => Some(market.map_or(0, |market| market.guest_limit)),
            Holder::Account(_) => None,
        }
    }

    /// Records the decision, unless what it rests on was changed meanwhile. `tried` are the ids
    /// under which this call has tried to record one: of a commit whose connection was lost nobody
    /// knows at once whether it got through.
    async fn commit(
        &self,
        assessment: &Assessment,
        facts: &Facts,
        (decision, tried): (Decision, &mut Vec<DecisionId>),
    ) -> Result<Committed, Error> {
        let version = facts.standing.version;
        let facts = serde_json::to_string(facts).map_err(|failure| Error::unexpected(&failure))?;
        let mut record = self.record(assessment, decision)?;
        for _ in 0..REFERENCES_DRAWN_MAX {
            let commit = AssessCommit {
                key: assessment.key.clone(),
                hash: assessment.hash,
                record: record.clone(),
                facts: facts.clone(),
                raw_context: Some(assessment.request.raw_context.clone()),
                signal_event: Some(assessment.signal.clone()),
                guest_limit: self.guest_limit(&assessment.request),
                basket_hash: assessment.request.basket_hash,
                supersedes: assessment.supersedes,
                resolution: assessment.resolution.clone(),
                version,
            };
            tried.push(record.id);
            match self.ledger.assess(commit).await? {
                Assessed::Recorded => return Ok(self.recorded(assessment, record)),
                Assessed::HeadroomTaken => return Ok(Committed::HeadroomTaken),
                Assessed::Outdated => return Ok(Committed::Outdated),
                Assessed::Before(answer) => {
                    let answered = answered_before(answer, assessment.hash)?;
                    if tried.contains(&answered.value.id) {
                        return Ok(self.recorded(assessment, answered.value));
                    }
                    return Ok(Committed::Answered(Box::new(answered)));
                }
                Assessed::NotPending => return Err(not_pending()),
                Assessed::CaseChanged => return Err(ledger::Error::Conflict.into()),
                Assessed::ReferenceTaken => {
                    record.reference = draw::reference()?;
                    record.id = draw::decision_id(record.created)?;
                }
            }
        }
        Err(Error::unexpected(&"no free reference was drawn"))
    }

    /// The first answer under its key.
    fn recorded(&self, assessment: &Assessment, record: DecisionRecord) -> Committed {
        self.count(&record);
        // However long questions wait behind others, it answers.
        self.unanswered.store(0, Ordering::Relaxed);
        if let Some(replaced) = assessment.supersedes {
            self.watches.tell(replaced);
        }
        Committed::Answered(Box::new(Answered { value: record, replayed: false }))
    }

    /// Counts a decision that was recorded.
    fn count(&self, record: &DecisionRecord) {
        let decision = &record.decision;
        let market = self.playbook.policy.market(record.market).map(|known| known.country);
        let market = market.map_or(OTHER.to_owned(), |country| country.to_string());
        self.metrics.decided(Decided {
            outcome: decision.outcome.name(),
            product: record.product.name(),
            market: &market,
            top_code: decision.reasons.first().map_or("none", |reason| reason.code.name()),
        });
        for source in &decision.missing_sources {
            self.metrics.degraded(source.name());
        }
    }

    fn record(&self, assessment: &Assessment, decision: Decision) -> Result<DecisionRecord, Error> {
        let request = &assessment.request;
        let created = request.facts.time;
        let amount = request.money().ok_or_else(|| Error::unexpected(&"a request of nothing"))?;
        let market = self.playbook.policy.market(request.facts.market);
        let message = message::render(&decision, &self.playbook.catalog, market, &request.locale);
        let step_up_id = match decision.step_up {
            Some(_) => Some(draw::uuid(created)?),
            None => None,
        };
        let case_number = match decision.review {
            Some(_) => Some(draw::case_number()?),
            None => None,
        };
        Ok(DecisionRecord {
            id: draw::decision_id(created)?,
            reference: draw::reference()?,
            caller: assessment.owner.clone(),
            request_id: assessment.key.request_id,
            product: request.facts.product,
            holder: request.holder.clone(),
            merchant: request.merchant.clone(),
            order_reference: request.order_reference.clone(),
            market: request.facts.market,
            locale: request.locale.clone(),
            amount,
            plan: request.facts.plan,
            card: card(request, &decision, draw::uuid(created)?),
            decision,
            message,
            step_up_id,
            case_number,
            created,
            duration_micros: i64::try_from(assessment.begun.elapsed().as_micros())
                .unwrap_or(i64::MAX),
            progress: Progress::default(),
        })
    }
}

fn card(request: &Request, decision: &Decision, id: Uuid) -> Option<OneTimeCard> {
    match (request.facts.card, decision.outcome, decision.expires) {
        (Some(terms), Outcome::Approved, Some(expires)) => Some(OneTimeCard { id, terms, expires }),
        _ => None,
    }
}
