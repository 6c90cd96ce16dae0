//! The heart: facts and a playbook make a decision. Pure; no I/O, no clock, no chance.

mod judge;
#[cfg(test)]
mod model_tests;
mod models;
mod outcome;
mod reasons;
mod review;
#[cfg(test)]
mod review_tests;
#[cfg(test)]
mod tests;

use crate::domain::{
    Component, Decision, Effect, Outcome, Push, Reason, ReasonCode, Retry, RetryDisposition,
    ReviewAsked, ReviewQueue, Scores, Share, Source, Span, StepUpKind, Value,
};
use crate::features::{self, Facts, View};
use crate::playbook::Playbook;
use crate::policy::Market;
use crate::scoring::SpendingScore;

use judge::{Judged, Verdicts};
use models::ModelPoints;

/// What one request came to, on the way to a decision.
struct Case<'a> {
    facts: &'a Facts,
    playbook: &'a Playbook,
    /// Absent when the policy does not serve the market.
    market: Option<&'a Market>,
    scores: Scores,
    spending: Option<SpendingScore>,
    points: ModelPoints,
    /// Strongest push of all rules, bands and the stand-in.
    push: Push,
    verdicts: Verdicts<'a>,
}

/// Decides. The same facts and playbook give the same bytes, on every machine.
pub fn decide(facts: &Facts, playbook: &Playbook) -> Decision {
    let market = playbook.policy.market(facts.request.market);
    let of_market = playbook.policy.market_facts(&facts.request);
    let spending = playbook.spending.score(
        &facts.readings,
        facts.request.amount,
        facts.request.currency.exponent(),
    );
    let none = Scores::default();
    let mut slots = filled(playbook, market, &View { facts, market: of_market, scores: &none });

    let mut verdicts = judge::rules(&playbook.policy.rules, false, &slots);
    let points = ModelPoints::of(facts, playbook, &slots);
    let scores = scores(&verdicts, spending.as_ref(), points);
    let view = View { facts, market: of_market, scores: &scores };
    for &slot in playbook.policy.used_slots().iter().filter(|slot| features::is_score(**slot)) {
        slots[usize::from(slot)] = features::read(slot, &view);
    }
    verdicts.append(judge::rules(&playbook.policy.rules, true, &slots));
    verdicts.on_missing = verdicts.on_missing.max(points.on_missing);
    let push = Push::None;
    let mut case = Case { facts, playbook, market, scores, spending, points, push, verdicts };
    case.satisfy_step_ups();
    case.judge_bands();
    case.stand_in();
    case.heed_reviewer();
    case.push = case.strongest();
    case.decision(&slots)
}

/// The decision when others took the headroom as often as it was decided again: nobody knows what
/// will be left, so a person looks. It stands on the limit, which is what was in the way.
pub fn contended(facts: &Facts, playbook: &Playbook) -> Decision {
    let mut decision = decide(facts, playbook);
    if decision.outcome != Outcome::Approved {
        return decision;
    }
    let timing = playbook.policy.market(facts.request.market).map(|market| market.timing);
    let timing = timing.unwrap_or_default();
    let now = facts.request.time;
    let expected = now + Span::minutes(timing.credit_review_minutes);
    decision.outcome = Outcome::ManualReview;
    decision.expires = None;
    decision.review = Some(ReviewAsked {
        queue: ReviewQueue::Credit,
        expected,
        expires: now + Span::hours(timing.review_expires_hours),
    });
    decision.retry = Retry { disposition: RetryDisposition::AfterTime, earliest: Some(expected) };
    decision.reasons.insert(
        0,
        Reason {
            code: ReasonCode::CreditLimitExceeded,
            effect: Effect::Decisive,
            push: Push::Review,
            component: None,
            rank: 1,
            points: 0,
            share_percent: 0,
            evidence: Vec::new(),
        },
    );
    for (reason, rank) in decision.reasons.iter_mut().zip(1..) {
        reason.rank = rank;
    }
    decision
}

/// Values of every slot that some rule or model reads, thresholds behind them.
fn filled<'a>(
    playbook: &'a Playbook,
    market: Option<&'a Market>,
    view: &View<'a>,
) -> Vec<Value<'a>> {
    let names = playbook.policy.names().len();
    let mut slots = Vec::with_capacity(names);
    slots.resize(features::slot_count(), Value::NotSupplied);
    for &slot in playbook.used_slots() {
        slots[usize::from(slot)] = features::read(slot, view);
    }
    slots.extend_from_slice(market.map_or(&[], Market::thresholds));
    slots.resize(names, Value::NotSupplied);
    slots
}

/// The model's points and those of the score rules that hit, each component for itself; spending
/// has its own formula beside.
fn scores(verdicts: &Verdicts, spending: Option<&SpendingScore>, points: ModelPoints) -> Scores {
    let mut scores = Scores {
        credit: Some(points.get(Component::Credit).unwrap_or(0)),
        affordability: Some(0),
        spending: spending.map(SpendingScore::points),
        fraud: Some(points.get(Component::Fraud).unwrap_or(0)),
    };
    for hit in &verdicts.hits {
        if let Some(component) = hit.rule.component
            && let Some(score) = scores.of_mut(component)
        {
            *score = score.saturating_add(hit.rule.points);
        }
    }
    for &component in Component::ALL {
        if let Some(score) = scores.of_mut(component) {
            *score = (*score).clamp(0, 1000);
        }
    }
    scores
}

impl Case<'_> {
    /// A passed step-up clears every push to a step-up whose checks it covers. Details that were
    /// missing are not there because somebody said so: only the profile clears COMPLETE_PROFILE.
    fn satisfy_step_ups(&mut self) {
        let passed = &self.facts.step_up.passed;
        let covers = |kinds: &[StepUpKind]| {
            let passed =
                |kind: &StepUpKind| *kind != StepUpKind::CompleteProfile && passed.contains(kind);
            !kinds.is_empty() && kinds.iter().all(passed)
        };
        for hit in &mut self.verdicts.hits {
            if hit.push == Push::StepUp && covers(&hit.rule.step_up) {
                hit.push = Push::None;
            }
        }
    }

    fn judge_bands(&mut self) {
        let Some(market) = self.market else { return };
        for &component in Component::ALL {
            let Some(score) = self.scores.of(component) else { continue };
            let Some(band) = market.band(self.facts.request.product, component, score) else {
                continue;
            };
            let passed = &self.facts.step_up.passed;
            let cleared =
                band.push == Push::StepUp && band.step_up.iter().all(|kind| passed.contains(kind));
            if band.push != Push::None && !cleared {
                self.verdicts.bands.push((component, band.clone()));
            }
        }
    }

    /// What may still be approved when the signals failed: nothing above the floor on credit, and
    /// no one-time card unless the policy says so.
    fn stand_in(&mut self) {
        if self.facts.readings.any_failed() {
            self.verdicts.stand_in =
                judge::stand_in(&self.playbook.policy.stand_in, &self.facts.request);
        }
    }

    fn strongest(&self) -> Push {
        let hits = self.verdicts.hits.iter().map(|hit| hit.push);
        let bands = self.verdicts.bands.iter().map(|(_, band)| band.push);
        let others = [self.verdicts.stand_in, self.verdicts.on_missing, self.reviewers_push()];
        hits.chain(bands).chain(others).max().unwrap_or(Push::None)
    }

    fn outcome(&self) -> Outcome {
        match self.push {
            Push::None => Outcome::Approved,
            Push::StepUp | Push::Review | Push::ReviewHeld => Outcome::ManualReview,
            Push::Decline => Outcome::Declined,
        }
    }

    fn decision(&self, slots: &[Value<'_>]) -> Decision {
        let outcome = self.outcome();
        // An approval keeps its scores; what they are made of would cost the most.
        let spoken = match outcome {
            Outcome::Approved => Vec::new(),
            Outcome::Declined | Outcome::ManualReview => models::spoken(self, slots),
        };
        let reasons = reasons::ranked(self, &spoken, slots);
        let decisive: Vec<&Judged<'_>> = self
            .verdicts
            .hits
            .iter()
            .filter(|hit| hit.push == self.push || self.band_decides(hit.rule.component))
            .collect();
        let restrict = decisive.iter().find_map(|hit| hit.rule.restrict.zip(Some(hit.rule.code)));
        let degraded = self.facts.readings.any_failed();
        let mut shares: Vec<Share> = match (outcome, &self.spending) {
            (Outcome::Approved, _) | (_, None) => Vec::new(),
            (_, Some(score)) => score.shares().map(share).collect(),
        };
        shares.extend(models::shares(self, &spoken));
        Decision {
            outcome,
            scores: self.scores,
            shares,
            not_judged: self.verdicts.not_judged.clone(),
            expires: self.approval_end(outcome),
            step_up: self.step_up_asked(),
            review: self.review_asked(&reasons),
            retry: self.retry(&reasons),
            adverse_action: self.adverse_action(outcome, &reasons),
            restriction: self.restriction(outcome, restrict),
            missing_sources: if degraded { vec![Source::Signals] } else { Vec::new() },
            versions: self.playbook.versions.clone(),
            reasons,
        }
    }

    /// Whether a band of this component has the strongest push.
    fn band_decides(&self, component: Option<Component>) -> bool {
        let decides = |band: &(Component, _)| component == Some(band.0);
        self.push != Push::None
            && self.verdicts.bands.iter().any(|band| decides(band) && band.1.push == self.push)
    }
}

fn share((part, ppm): (crate::scoring::Part, i64)) -> Share {
    Share { component: Component::Spending, part: part.name().to_owned(), ppm }
}

/// Reasons that were decisive, in order of rank.
fn decisive(reasons: &[Reason]) -> impl Iterator<Item = &Reason> {
    reasons.iter().filter(|reason| reason.effect == Effect::Decisive)
}
