//! A card bound to facts: chances, what speaks for them, and inputs that are refused.

use super::*;
use crate::scoring::scorecard::tests::sample;
use crate::scoring::{Bins, Calibration, Characteristic};

fn characteristic(
    name: &str,
    reason: ReasonCode,
    reference: i32,
    points: [i32; 2],
) -> Characteristic {
    let bins = Bins::Numeric {
        upper: vec![0.5],
        points: points.to_vec(),
        missing: -5,
        special: Vec::new(),
    };
    Characteristic { name: name.to_owned(), reason, reference, missing_reason: None, bins }
}

fn card() -> Scorecard {
    Scorecard {
        calibration: Calibration { intercept: 5.0, slope: -0.01 },
        characteristics: vec![
            characteristic("account.limit_use", ReasonCode::LimitUseHigh, 20, [30, -40]),
            characteristic("account.months_late", ReasonCode::RecentLatePayments, 10, [20, -90]),
            characteristic("account.periods_late", ReasonCode::RecentLatePayments, 5, [10, -25]),
        ],
        ..sample()
    }
}

fn bound(card: Scorecard) -> Result<Model, ModelError> {
    Model::parse(&card.seal().unwrap().1)
}

fn facts<'a>(known: &[(&str, Fact<'a>)]) -> Vec<Fact<'a>> {
    let names = features::names();
    let mut facts = vec![Fact::NotSupplied; names.len()];
    for (name, fact) in known {
        let named = names.iter().find(|named| named.name == *name).unwrap();
        facts[usize::from(named.slot)] = *fact;
    }
    facts
}

const LATE: &str = "account.months_late";

#[test]
fn a_chance_is_that_of_the_points() {
    let model = bound(card()).unwrap();
    let known = facts(&[
        ("account.limit_use", Fact::Double(0.1)),
        (LATE, Fact::Double(2.0)),
        ("account.periods_late", Fact::Double(0.0)),
    ]);
    // 480 + 30 - 90 + 10 = 430 points, log odds of 0.7.
    assert_eq!(model.chance(&known), Chance::Told(668_187));
    assert!(model.version().starts_with("sample ") && model.version().len() == 7 + 12);
}

#[test]
fn nothing_known_is_no_chance_and_a_failed_source_is_none_either() {
    let model = bound(card()).unwrap();
    assert_eq!(model.chance(&facts(&[])), Chance::Unknown);
    let told = model.chance(&facts(&[(LATE, Fact::Double(0.0))]));
    assert!(matches!(told, Chance::Told(_)));
    let failed = facts(&[(LATE, Fact::Double(0.0)), ("account.limit_use", Fact::Failed)]);
    assert_eq!(model.chance(&failed), Chance::Failed);
}

#[test]
fn what_speaks_is_what_falls_short_of_its_reference() {
    let model = bound(card()).unwrap();
    let known = facts(&[
        ("account.limit_use", Fact::Double(0.9)),
        (LATE, Fact::Double(1.0)),
        ("account.periods_late", Fact::Double(0.0)),
    ]);
    let speaks = model.speaks(&known);
    // 100 points for the delay and 60 for the use; the periods are better than the reference.
    let told: Vec<_> = speaks.iter().map(|one| (one.reason, one.ppm)).collect();
    assert_eq!(
        told,
        [(ReasonCode::RecentLatePayments, 625_000), (ReasonCode::LimitUseHigh, 375_000)]
    );
    assert_eq!(speaks[0].against, "-90 points, who just pass have 10");
}

#[test]
fn what_is_missing_speaks_under_a_reason_of_its_own() {
    let known = facts(&[("account.periods_late", Fact::Double(3.0))]);
    let mut card = card();
    card.characteristics[0].missing_reason = Some(ReasonCode::LimitedCreditHistory);
    let speaks = bound(card).unwrap().speaks(&known);
    let reasons: Vec<_> = speaks.iter().map(|one| one.reason).collect();
    // Thirty points for the periods, 25 for the use and 15 for the delay that nobody knows.
    assert_eq!(
        reasons,
        [
            ReasonCode::RecentLatePayments,
            ReasonCode::LimitedCreditHistory,
            ReasonCode::RecentLatePayments
        ]
    );
}

#[test]
fn unknown_and_barred_features_are_refused() {
    for (name, problem) in [
        ("account.shoe_size", "the feature \"account.shoe_size\" is not known here"),
        ("threshold.late_180d", "the feature \"threshold.late_180d\" is not known here"),
        ("score.fraud", "the feature \"score.fraud\" may not be an input of a model"),
        ("account.of_legal_age", "\"account.of_legal_age\" may not be an input"),
        ("request.plan", "\"request.plan\" is of type string here, and the model takes numbers"),
    ] {
        let mut card = card();
        card.characteristics[0].name = name.to_owned();
        let refused = bound(card).unwrap_err().to_string();
        assert!(refused.contains(problem), "{refused}");
    }
}

#[test]
fn a_model_to_which_larger_amounts_are_safer_is_refused() {
    for name in ["request.amount", "request.amount_to_usual", "signal.account_purchase_mean_7d"] {
        let with = |points: [i32; 2]| {
            let mut card = card();
            card.characteristics[0] = characteristic(name, ReasonCode::LargePurchase, 0, points);
            bound(card)
        };
        assert!(with([30, -40]).is_ok() && with([7, 7]).is_ok(), "{name}");
        assert_eq!(with([-40, 30]), Err(ModelError::Falls(name.to_owned())));
    }
    // What does not rise with the amount may go either way.
    let mut card = card();
    card.characteristics[0] =
        characteristic("account.opened_days", ReasonCode::LargePurchase, 0, [1, 2]);
    assert!(bound(card).is_ok());
}

#[test]
fn every_name_in_the_lists_exists() {
    let names = features::names();
    let exists = |name: &str| names.iter().any(|named| named.name == name);
    assert!(BARRED.iter().chain(&RISING).all(|name| exists(name)));
}
