//! The reasons of a decision: which facts were used, how they weighed, in which order.

use std::cmp::Reverse;

use super::judge::{Judged, informs};
use super::{Case, models, review};
use crate::domain::{Component, Effect, Evidence, Outcome, Push, Reason, ReasonCode, Value};
use crate::features;
use crate::policy::Policy;
use crate::scoring::Speaks;

/// A part of the spending score below this share is no reason of its own, in parts per million.
const SHARE_THAT_COUNTS_PPM: i64 = 100_000;

/// Every reason, merged by code and ranked: decisive ones first, then by strength.
pub(super) fn ranked(
    case: &Case<'_>,
    spoken: &[(Component, Vec<Speaks>)],
    slots: &[Value<'_>],
) -> Vec<Reason> {
    let hard_decline = case.push == Push::Decline
        && case.verdicts.hits.iter().any(|hit| hit.push == Push::Decline);
    let mut reasons: Vec<Reason> = Vec::new();
    for hit in &case.verdicts.hits {
        merge(&mut reasons, of_hit(case, hit, hard_decline, slots));
    }
    for reason in of_spending(case, hard_decline) {
        merge(&mut reasons, reason);
    }
    for reason in models::reasons(case, hard_decline, spoken, slots) {
        merge(&mut reasons, reason);
    }
    if let Some(reason) = of_missing(case) {
        merge(&mut reasons, reason);
    }
    for reason in review::grounds(case) {
        merge(&mut reasons, reason);
    }
    reasons.sort_by_key(|reason| {
        (
            reason.effect,
            Reverse(reason.push),
            reason.component.is_some(),
            Reverse(reason.points),
            reason.code.category(),
            reason.code,
        )
    });
    for (reason, rank) in reasons.iter_mut().zip(1..) {
        reason.rank = rank;
        reason.share_percent = share_percent(case, reason);
    }
    reasons
}

fn of_hit(case: &Case<'_>, hit: &Judged<'_>, hard_decline: bool, slots: &[Value<'_>]) -> Reason {
    let code = told_code(case, hit.rule.code);
    let entry = case.playbook.catalog.entry(code);
    let by_band = case.band_decides(hit.rule.component) && !hard_decline;
    let effect = if entry.favourable || hit.rule.points < 0 {
        Effect::Favourable
    } else if (hit.push == case.push && case.push != Push::None) || by_band {
        Effect::Decisive
    } else if informs(hit.rule) || (hit.push == Push::None && hit.rule.component.is_none()) {
        Effect::Informational
    } else {
        Effect::Contributing
    };
    // An approval needs no proof of what did not matter, and building it would cost the most.
    let evidence = match case.outcome() {
        Outcome::Approved => Vec::new(),
        Outcome::Declined | Outcome::ManualReview => evidence(&case.playbook.policy, hit, slots),
    };
    Reason {
        code,
        effect,
        // What speaks for the customer pushes to nothing, whatever its component came to.
        push: if by_band && effect == Effect::Decisive { case.push } else { hit.push },
        component: hit.rule.component,
        rank: 0,
        points: hit.rule.points,
        share_percent: 0,
        evidence,
    }
}

/// The code under which whoever set a restriction wants it told, in place of its kind's own.
fn told_code(case: &Case<'_>, code: ReasonCode) -> ReasonCode {
    let restrictions = &case.facts.standing.restrictions;
    let set = restrictions.iter().find(|restriction| restriction.kind.own_code() == code);
    set.map_or(code, |restriction| restriction.code)
}

fn evidence(policy: &Policy, hit: &Judged<'_>, slots: &[Value<'_>]) -> Vec<Evidence> {
    hit.rule
        .when
        .evidence(slots)
        .into_iter()
        .filter_map(|found| {
            let name = &policy.names().get(usize::from(found.slot))?.name;
            let (group, _) = name.split_once('.')?;
            Some(Evidence {
                key: found.subject.to_owned(),
                observed: found.observed.to_string(),
                threshold: format!("{} {}", found.operator.symbol(), found.limit),
                window: window(found.slot),
                source: if group == "signal" { "signals" } else { group }.to_owned(),
            })
        })
        .collect()
}

/// The window of a signal as people write it; empty for what is no signal.
pub(super) fn window(slot: u16) -> String {
    features::signal_of(slot).map_or_else(String::new, |signal| signal.window.to_string())
}

/// The spending formula's own reasons, when a band makes its score push.
fn of_spending(case: &Case<'_>, hard_decline: bool) -> Vec<Reason> {
    let band = case.verdicts.bands.iter().find(|(component, _)| *component == Component::Spending);
    let (Some((_, band)), Some(score)) = (band, &case.spending) else { return Vec::new() };
    let decides = band.push == case.push && !hard_decline;
    let strongest = score.strongest().map(|part| part.code());
    [ReasonCode::AmountAboveUsual, ReasonCode::PurchaseOutOfPattern]
        .into_iter()
        .filter_map(|code| {
            let parts: Vec<_> = score.shares().filter(|(part, _)| part.code() == code).collect();
            let ppm: i64 = parts.iter().map(|(_, ppm)| ppm).sum();
            if ppm < SHARE_THAT_COUNTS_PPM && strongest != Some(code) {
                return None;
            }
            let evidence = parts.iter().map(|(part, ppm)| Evidence {
                key: format!("score.spending.{}", part.name()),
                observed: format!("{} % of the score", ppm / 10_000),
                threshold: format!("score {} >= {}", score.points(), band.from),
                window: String::new(),
                source: "score".to_owned(),
            });
            Some(Reason {
                code,
                effect: if decides { Effect::Decisive } else { Effect::Contributing },
                push: band.push,
                component: Some(Component::Spending),
                rank: 0,
                points: score.points() * ppm / 1_000_000,
                share_percent: 0,
                evidence: evidence.collect(),
            })
        })
        .collect()
}

/// The reason that a source did not answer, whatever it pushed to.
fn of_missing(case: &Case<'_>) -> Option<Reason> {
    let push = case.verdicts.on_missing.max(case.verdicts.stand_in);
    if push == Push::None && !case.facts.readings.any_failed() {
        return None;
    }
    let effect = match push {
        Push::None => Effect::Informational,
        _ if push == case.push => Effect::Decisive,
        _ => Effect::Contributing,
    };
    Some(Reason {
        code: ReasonCode::DataSourceUnavailable,
        effect,
        push,
        component: None,
        rank: 0,
        points: 0,
        share_percent: 0,
        evidence: Vec::new(),
    })
}

/// One reason a code: the stronger effect stays, points and evidence come together.
fn merge(reasons: &mut Vec<Reason>, new: Reason) {
    let Some(known) = reasons.iter_mut().find(|reason| reason.code == new.code) else {
        reasons.push(new);
        return;
    };
    if (new.effect, Reverse(new.push)) < (known.effect, Reverse(known.push)) {
        known.effect = new.effect;
        known.push = new.push;
        if known.component != new.component {
            known.component = new.component;
            known.points = 0;
        }
    }
    // Points of two components are never one sum: those of the reason's own count.
    if known.component == new.component {
        known.points += new.points;
    }
    for evidence in new.evidence {
        if !known.evidence.contains(&evidence) {
            known.evidence.push(evidence);
        }
    }
}

/// The reason's part of its component's score, in percent.
fn share_percent(case: &Case<'_>, reason: &Reason) -> u32 {
    let score = reason.component.and_then(|component| case.scores.of(component)).unwrap_or(0);
    if score <= 0 {
        return 0;
    }
    u32::try_from((reason.points * 100 / score).clamp(0, 100)).unwrap_or(0)
}
