//! What follows from the strongest push: how long it holds, who acts next, when to try again.

use super::{Case, decisive};
use crate::domain::{
    AdverseAction, AutomaticRestriction, CreditRequestKind, Outcome, Product, Push, Reason,
    ReasonCategory, ReasonCode, RestrictionKind, Retry, RetryDisposition, ReviewAsked, ReviewQueue,
    Span, StepUpAsked, StepUpKind, Time,
};
use crate::policy::Timing;

/// Regulation B says that more than four reasons are unlikely to help.
const PRINCIPAL_REASONS_MAX: usize = 4;

impl Case<'_> {
    fn now(&self) -> Time {
        self.facts.request.time
    }

    fn timing(&self) -> Timing {
        self.market.map(|market| market.timing).unwrap_or_default()
    }

    /// End of an approval; a card never outlives what was asked for it.
    pub(super) fn approval_end(&self, outcome: Outcome) -> Option<Time> {
        if outcome != Outcome::Approved {
            return None;
        }
        let timing = self.timing();
        let longest = match self.facts.request.product {
            Product::Purchase => Span::minutes(timing.purchase_approval_minutes),
            Product::OneTimeCard => Span::hours(timing.card_approval_hours),
        };
        let asked = self.facts.request.card.map_or(longest, |card| card.valid_for);
        Some(self.now() + longest.min(asked))
    }

    /// The checks of every step-up that is not cleared, each once, in a fixed order.
    pub(super) fn step_up_asked(&self) -> Option<StepUpAsked> {
        if self.push != Push::StepUp {
            return None;
        }
        let rules = self.verdicts.hits.iter().filter(|hit| hit.push == Push::StepUp);
        let bands = self.verdicts.bands.iter().filter(|(_, band)| band.push == Push::StepUp);
        let asked: Vec<StepUpKind> = rules
            .flat_map(|hit| &hit.rule.step_up)
            .chain(bands.flat_map(|(_, band)| &band.step_up))
            .chain(self.reviewers_checks())
            .copied()
            .collect();
        let kinds = StepUpKind::ALL.iter().copied().filter(|kind| asked.contains(kind)).collect();
        let expires = self.now() + Span::minutes(self.timing().step_up_minutes);
        Some(StepUpAsked { kinds, expires })
    }

    pub(super) fn review_asked(&self, reasons: &[Reason]) -> Option<ReviewAsked> {
        let queue = match self.push {
            Push::ReviewHeld => ReviewQueue::Compliance,
            Push::Review => decisive(reasons).next().map_or(ReviewQueue::Security, queue_of),
            Push::None | Push::StepUp | Push::Decline => return None,
        };
        let timing = self.timing();
        // A held case promises what an ordinary security review does: they look alike outside.
        let minutes = match queue {
            ReviewQueue::Credit | ReviewQueue::Reconsideration => timing.credit_review_minutes,
            ReviewQueue::Security | ReviewQueue::Identity | ReviewQueue::Compliance => {
                timing.security_review_minutes
            }
        };
        Some(ReviewAsked {
            queue,
            expected: self.now() + Span::minutes(minutes),
            expires: self.now() + Span::hours(timing.review_expires_hours),
        })
    }

    pub(super) fn retry(&self, reasons: &[Reason]) -> Retry {
        let first = decisive(reasons).next();
        match (self.push, first) {
            (Push::None, _) | (_, None) => {
                Retry { disposition: RetryDisposition::NotApplicable, earliest: None }
            }
            (Push::StepUp, _) => {
                Retry { disposition: RetryDisposition::AfterAction, earliest: None }
            }
            (Push::Review | Push::ReviewHeld, _) => Retry {
                disposition: RetryDisposition::AfterTime,
                earliest: self.review_asked(reasons).map(|asked| asked.expected),
            },
            (Push::Decline, Some(reason)) => {
                let disposition = self.playbook.catalog.entry(reason.code).retry;
                let waits = disposition == RetryDisposition::AfterTime;
                Retry { disposition, earliest: waits.then(|| self.retry_time(reason.code)) }
            }
        }
    }

    /// When the reason will be over, as far as it is known.
    fn retry_time(&self, code: ReasonCode) -> Time {
        let restriction_end = self
            .facts
            .standing
            .restrictions
            .iter()
            .filter(|restriction| restriction.code == code)
            .map(|restriction| restriction.end)
            .max();
        let of_rule = self
            .verdicts
            .hits
            .iter()
            .filter(|hit| hit.rule.code == code)
            .filter_map(|hit| hit.rule.retry_after)
            .max();
        let default = Span::minutes(self.timing().retry_after_minutes);
        restriction_end.unwrap_or_else(|| self.now() + of_rule.unwrap_or(default))
    }

    /// A refused application needs a notice with its reasons; a refused draw within a limit is no
    /// application (12 CFR 1002.2(c), (f)).
    pub(super) fn adverse_action(
        &self,
        outcome: Outcome,
        reasons: &[Reason],
    ) -> Option<AdverseAction> {
        if outcome != Outcome::Declined {
            return None;
        }
        let kind = self.facts.request.credit_request_kind;
        // Paying now is no credit, so nobody is refused any.
        let applied =
            kind != Some(CreditRequestKind::DrawWithinLimit) && self.facts.request.exposure() > 0;
        let mut principal_reasons: Vec<String> = Vec::new();
        for reason in decisive(reasons) {
            let Some(text) = &self.playbook.catalog.entry(reason.code).principal_reason else {
                continue;
            };
            let room = principal_reasons.len() < PRINCIPAL_REASONS_MAX
                || reason.code == ReasonCode::RecentCreditInquiries;
            if room && !principal_reasons.contains(text) {
                principal_reasons.push(text.clone());
            }
        }
        let required = applied && !principal_reasons.is_empty();
        let days = Span::days(self.timing().adverse_action_notice_days);
        let notice_due = required.then(|| self.now() + days);
        Some(AdverseAction { required, principal_reasons, notice_due })
    }

    /// A restriction that the decision sets, unless one of its kind is in force: asking again does
    /// not make it longer.
    pub(super) fn restriction(
        &self,
        outcome: Outcome,
        asked: Option<((RestrictionKind, Span), ReasonCode)>,
    ) -> Option<AutomaticRestriction> {
        let ((kind, length), _) = asked?;
        let in_force = self.facts.standing.restrictions.iter().any(|known| known.kind == kind);
        let known = self.facts.standing.known;
        (outcome == Outcome::Declined && known && !in_force).then(|| AutomaticRestriction {
            kind,
            code: kind.own_code(),
            end: self.now() + length,
        })
    }
}

fn queue_of(reason: &Reason) -> ReviewQueue {
    match reason.code.category() {
        ReasonCategory::Credit | ReasonCategory::Affordability => ReviewQueue::Credit,
        ReasonCategory::Identity => ReviewQueue::Identity,
        _ => ReviewQueue::Security,
    }
}
