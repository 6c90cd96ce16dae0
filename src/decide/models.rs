//! What the models say: points for their components, and the reasons when those push.

use super::reasons::window;
use super::{Case, judge};
use crate::domain::{Component, Effect, Evidence, Push, Reason, ReasonCode, Share, Value};
use crate::features::Facts;
use crate::playbook::Playbook;
use crate::scoring::{Chance, Speaks};

/// What speaks for less than this share of a model's score is no reason of its own, in parts per
/// million.
const SHARE_THAT_COUNTS_PPM: i64 = 10_000;

/// Points that models give, by component in order of [`Component::ALL`]; none where there is no
/// model, or where it knows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ModelPoints {
    points: [Option<i64>; Component::ALL.len()],
    /// Strongest push of the models whose source failed.
    pub on_missing: Push,
}

impl ModelPoints {
    /// Who pays at once asks for no credit, so nobody judges whether it will be repaid.
    pub fn of(facts: &Facts, playbook: &Playbook, slots: &[Value<'_>]) -> ModelPoints {
        let mut points =
            ModelPoints { points: [None; Component::ALL.len()], on_missing: Push::None };
        let no_credit = facts.request.exposure() <= 0;
        for &component in Component::ALL {
            if component == Component::Credit && no_credit {
                continue;
            }
            let Some(model) = playbook.model(component) else { continue };
            let weight = playbook.policy.weight(component);
            match model.chance(slots) {
                Chance::Told(ppm) => points.points[component as usize] = Some(weight.points(ppm)),
                Chance::Unknown => {}
                Chance::Failed => {
                    points.on_missing = points.on_missing.max(judge::on_missing(weight.on_missing));
                }
            }
        }
        points
    }

    pub fn get(self, component: Component) -> Option<i64> {
        self.points[component as usize]
    }
}

/// What speaks against the request in each model whose points are above zero.
pub(super) fn spoken(case: &Case<'_>, slots: &[Value<'_>]) -> Vec<(Component, Vec<Speaks>)> {
    let speaks = |component: &Component| {
        let model = case.playbook.model(*component)?;
        let counts = case.points.get(*component).is_some_and(|points| points > 0);
        counts.then(|| (*component, model.speaks(slots)))
    };
    Component::ALL.iter().filter_map(speaks).collect()
}

/// The share of each input, for the record.
pub(super) fn shares(case: &Case<'_>, spoken: &[(Component, Vec<Speaks>)]) -> Vec<Share> {
    let mut shares = Vec::new();
    for (component, speaks) in spoken {
        shares.extend(speaks.iter().map(|one| Share {
            component: *component,
            part: name(case, one.slot).to_owned(),
            ppm: one.ppm,
        }));
    }
    shares
}

/// The reasons of every model whose component's band pushes.
pub(super) fn reasons(
    case: &Case<'_>,
    hard_decline: bool,
    spoken: &[(Component, Vec<Speaks>)],
    slots: &[Value<'_>],
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (component, speaks) in spoken {
        let band = case.verdicts.bands.iter().find(|(of, _)| of == component);
        let (Some((_, band)), Some(points)) = (band, case.points.get(*component)) else { continue };
        let decides = band.push == case.push && !hard_decline;
        for (code, members) in by_reason(case, speaks) {
            let ppm: i64 = members.iter().map(|one| one.ppm).sum();
            let points = points * ppm / 1_000_000;
            if ppm < SHARE_THAT_COUNTS_PPM || points == 0 {
                continue;
            }
            reasons.push(Reason {
                code,
                effect: if decides { Effect::Decisive } else { Effect::Contributing },
                push: band.push,
                component: Some(*component),
                rank: 0,
                points,
                share_percent: 0,
                evidence: members.iter().map(|one| evidence(case, one, slots)).collect(),
            });
        }
    }
    reasons
}

/// Inputs with the same code together, then codes with the same principal reason, under the code
/// that weighs most.
fn by_reason<'s>(case: &Case<'_>, speaks: &'s [Speaks]) -> Vec<(ReasonCode, Vec<&'s Speaks>)> {
    let mut codes: Vec<(ReasonCode, Vec<&Speaks>)> = Vec::new();
    for one in speaks {
        match codes.iter_mut().find(|(code, _)| *code == one.reason) {
            Some((_, members)) => members.push(one),
            None => codes.push((one.reason, vec![one])),
        }
    }
    let weight = |members: &[&Speaks]| members.iter().map(|one| one.ppm).sum::<i64>();
    codes.sort_by_key(|(code, members)| (-weight(members), code.number()));
    let principal = |code: ReasonCode| &case.playbook.catalog.entry(code).principal_reason;
    let mut merged: Vec<(ReasonCode, Vec<&Speaks>)> = Vec::new();
    for (code, members) in codes {
        let text = principal(code);
        match merged.iter_mut().find(|(known, _)| text.is_some() && principal(*known) == text) {
            Some((_, all)) => all.extend(members),
            None => merged.push((code, members)),
        }
    }
    merged
}

fn evidence(case: &Case<'_>, speaks: &Speaks, slots: &[Value<'_>]) -> Evidence {
    let key = name(case, speaks.slot);
    let group = key.split_once('.').map_or(key, |(group, _)| group);
    let share = format!("{} % of what speaks against it", speaks.ppm / 10_000);
    Evidence {
        key: key.to_owned(),
        observed: slots.get(usize::from(speaks.slot)).map_or_else(String::new, shown),
        threshold: match speaks.against.as_str() {
            "" => share,
            against => format!("{against}; {share}"),
        },
        window: window(speaks.slot),
        source: if group == "signal" { "signals" } else { group }.to_owned(),
    }
}

/// A value for people: numbers to three decimals.
fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Double(number) => format!("{number:.3}"),
        Value::NotSupplied | Value::Failed => "not known".to_owned(),
        value => value.to_string(),
    }
}

fn name<'c>(case: &'c Case<'_>, slot: u16) -> &'c str {
    case.playbook.policy.names().get(usize::from(slot)).map_or("", |named| &named.name)
}
