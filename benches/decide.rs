//! Deciding with the shipped playbook, and how much of it is the evaluation of conditions.

use std::hint::black_box;

use criterion::Criterion;
use surety::decide::decide;
use surety::domain::{Component, Outcome, Scores, Value};
use surety::features::{self, Facts, View};
use surety::playbook::Playbook;
use surety::policy::condition::Truth;
use surety::scoring::Chance;

use super::sample;

pub fn define(c: &mut Criterion) {
    let playbook = sample::playbook();
    let mut group = c.benchmark_group("decide");
    for (name, facts, outcome, reasons) in [
        ("approval", sample::clean(), Outcome::Approved, 0..3),
        ("refusal", sample::troubled(), Outcome::Declined, 8..99),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let decision = decide(black_box(&facts), black_box(&playbook));
                assert_eq!(decision.outcome, outcome);
                assert!(reasons.contains(&decision.reasons.len()), "{:?}", decision.reasons);
                decision
            });
        });
        let scores = decide(&facts, &playbook).scores;
        let slots = filled(&facts, &playbook, &scores);
        for component in [Component::Credit, Component::Fraud] {
            let model = playbook.model(component).unwrap();
            group.bench_function(format!("{name}/{component} model"), |b| {
                b.iter(|| assert!(matches!(model.chance(black_box(&slots)), Chance::Told(_))));
            });
            group.bench_function(format!("{name}/{component} model, what speaks"), |b| {
                b.iter(|| model.speaks(black_box(&slots)));
            });
        }
        let hits = hits(&playbook, &slots);
        group.bench_function(format!("{name}/conditions only"), |b| {
            b.iter(|| {
                assert_eq!(self::hits(black_box(&playbook), black_box(&slots)), hits);
            });
        });
    }
}

/// How many rules hold.
fn hits(playbook: &Playbook, slots: &[Value<'_>]) -> usize {
    let holds = |truth: Truth| truth == Truth::True;
    playbook.policy.rules.iter().filter(|rule| holds(rule.when.evaluate(slots))).count()
}

/// The values of all names, as rules see them.
fn filled<'a>(facts: &'a Facts, playbook: &Playbook, scores: &'a Scores) -> Vec<Value<'a>> {
    let market = playbook.policy.market_facts(&facts.request);
    let view = View { facts, market, scores };
    let market = playbook.policy.market(facts.request.market).unwrap();
    let slots = (0..features::slot_count() as u16).map(|slot| features::read(slot, &view));
    slots.chain(market.thresholds().iter().copied()).collect()
}
