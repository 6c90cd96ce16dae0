//! What a reviewer said: an approval ends what asks for a review, and never a refusal.

use super::Case;
use crate::domain::{Effect, Evidence, Push, Reason, SOURCE_REVIEWER, StepUpKind};
use crate::features::ReviewFacts;

impl Case<'_> {
    /// Takes off, or turns into a step-up, every push to a review that the reviewer's word covers.
    /// A person outranks the checks that the customer could have been asked for (with both, it is
    /// review only), so an approval covers those too; but for details that are missing, which are
    /// not there because somebody said so.
    pub(super) fn heed_reviewer(&mut self) {
        let Some(said) = &self.facts.review else { return };
        let (review, held, approved) = match said {
            ReviewFacts::Approved { held } => (Push::None, *held, true),
            ReviewFacts::StepUp { held, .. } => (self.after_checks(), *held, false),
            ReviewFacts::Declined { .. } => return,
        };
        let heeded = |push: Push, checks: &[StepUpKind]| match push {
            Push::Review => review,
            Push::ReviewHeld if held && review != Push::Review => review,
            Push::StepUp if approved && !checks.contains(&StepUpKind::CompleteProfile) => {
                Push::None
            }
            other => other,
        };
        for hit in &mut self.verdicts.hits {
            hit.push = heeded(hit.push, &hit.rule.step_up);
        }
        for (_, band) in &mut self.verdicts.bands {
            band.push = heeded(band.push, &band.step_up);
        }
        self.verdicts.bands.retain(|(_, band)| band.push != Push::None);
        self.verdicts.on_missing = heeded(self.verdicts.on_missing, &[]);
        self.verdicts.stand_in = heeded(self.verdicts.stand_in, &[]);
    }

    /// What a review becomes by the checks that the reviewer asked for. Where one person alone may
    /// not approve, the checks alone do not either.
    fn after_checks(&self) -> Push {
        if self.reviewers_checks().next().is_some() {
            return Push::StepUp;
        }
        let two = self.market.is_some_and(|market| market.needs_two(self.facts.request.amount));
        if two { Push::Review } else { Push::None }
    }

    /// The checks that the reviewer asked for and that are not passed.
    pub(super) fn reviewers_checks(&self) -> impl Iterator<Item = &StepUpKind> {
        let asked = match &self.facts.review {
            Some(ReviewFacts::StepUp { kinds, .. }) => kinds.as_slice(),
            _ => &[],
        };
        let passed = &self.facts.step_up.passed;
        asked.iter().filter(|kind| !passed.contains(kind))
    }

    /// Towards what the reviewer's word pushes by itself.
    pub(super) fn reviewers_push(&self) -> Push {
        match &self.facts.review {
            Some(ReviewFacts::Declined { .. }) => Push::Decline,
            Some(ReviewFacts::StepUp { .. }) if self.reviewers_checks().next().is_some() => {
                Push::StepUp
            }
            _ => Push::None,
        }
    }
}

/// The grounds on which a reviewer refused.
pub(super) fn grounds(case: &Case<'_>) -> Vec<Reason> {
    let Some(ReviewFacts::Declined { codes }) = &case.facts.review else { return Vec::new() };
    let ground = |code| Reason {
        code,
        effect: Effect::Decisive,
        push: Push::Decline,
        component: None,
        rank: 0,
        points: 0,
        share_percent: 0,
        evidence: vec![Evidence {
            key: "review.verdict".to_owned(),
            observed: "DECLINE".to_owned(),
            threshold: String::new(),
            window: String::new(),
            source: SOURCE_REVIEWER.to_owned(),
        }],
    };
    codes.iter().copied().map(ground).collect()
}
