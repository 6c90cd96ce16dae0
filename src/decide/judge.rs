//! Every rule is tried; what hit, what could not be judged, and what stands in for a failed source.

use crate::domain::{Component, Product, Push, ReasonCode, RequestFacts, Value};
use crate::policy::condition::Truth;
use crate::policy::{Band, OnMissing, Rule, RulePush, StandIn, StandInCards};

/// A rule that hit.
pub(super) struct Judged<'a> {
    pub rule: &'a Rule,
    /// What it pushes to, once step-ups that were passed are taken off.
    pub push: Push,
}

/// What all rules and bands came to.
pub(super) struct Verdicts<'a> {
    pub hits: Vec<Judged<'a>>,
    /// Bands that push, with their component.
    pub bands: Vec<(Component, Band)>,
    /// Rules whose facts nobody supplied.
    pub not_judged: Vec<ReasonCode>,
    /// Strongest push of the rules whose source failed.
    pub on_missing: Push,
    /// Push of the policy's stand-in for the failed source.
    pub stand_in: Push,
}

impl<'a> Verdicts<'a> {
    pub fn append(&mut self, later: Verdicts<'a>) {
        self.hits.extend(later.hits);
        self.not_judged.extend(later.not_judged);
        self.on_missing = self.on_missing.max(later.on_missing);
    }
}

/// Tries every rule of one round: score rules and hard rules first, then those that look at scores.
pub(super) fn rules<'a>(
    rules: &'a [Rule],
    after_scores: bool,
    slots: &[Value<'_>],
) -> Verdicts<'a> {
    let mut verdicts = Verdicts {
        hits: Vec::new(),
        bands: Vec::new(),
        not_judged: Vec::new(),
        on_missing: Push::None,
        stand_in: Push::None,
    };
    for rule in rules.iter().filter(|rule| rule.after_scores == after_scores) {
        match rule.when.evaluate(slots) {
            Truth::True => verdicts.hits.push(Judged { rule, push: rule.push.push() }),
            Truth::False => {}
            // The same code may have several rules; it is listed once.
            Truth::NotSupplied if verdicts.not_judged.contains(&rule.code) => {}
            Truth::NotSupplied => verdicts.not_judged.push(rule.code),
            Truth::Failed => {
                verdicts.on_missing = verdicts.on_missing.max(on_missing(rule.on_missing));
            }
        }
    }
    verdicts
}

/// What it pushes to that the source of a rule or model failed.
pub(super) fn on_missing(what: OnMissing) -> Push {
    match what {
        OnMissing::Skip => Push::None,
        OnMissing::Review => Push::Review,
        OnMissing::Decline => Push::Decline,
    }
}

/// What a failed source pushes to, whatever the rules say.
pub(super) fn stand_in(stand_in: &StandIn, request: &RequestFacts) -> Push {
    let of_cards = match (request.product, stand_in.one_time_cards) {
        (Product::Purchase, _) | (Product::OneTimeCard, StandInCards::Approve) => Push::None,
        (Product::OneTimeCard, StandInCards::Review) => Push::Review,
        (Product::OneTimeCard, StandInCards::Decline) => Push::Decline,
    };
    let of_amount =
        if request.exposure() > stand_in.floor_minor { Push::Review } else { Push::None };
    of_cards.max(of_amount)
}

/// Whether a rule only records something.
pub(super) fn informs(rule: &Rule) -> bool {
    rule.push == RulePush::Info
}
