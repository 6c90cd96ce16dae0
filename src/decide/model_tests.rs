//! What models add to a decision: points, true reasons, and nothing where nothing is known.

use std::sync::LazyLock;

use super::decide;
use super::tests::{PLAYBOOK, codes, facts, fresh, good_standing, purchase};
use crate::domain::*;
use crate::features::Facts;
use crate::playbook::{FileText, Playbook, SHIPPED, Sources};
use crate::scoring::Scorecard;
use crate::signals::{self, Reading, Readings};

static WITHOUT_MODELS: LazyLock<Playbook> = LazyLock::new(|| {
    Playbook::parse(&Sources { credit_model: None, fraud_model: None, ..SHIPPED }).unwrap()
});

/// Late in all six periods, the limit in full use, hardly anything paid back.
fn bad_record() -> RepaymentRecord {
    RepaymentRecord {
        balance: [99_000; 6],
        payable: [99_000; 6],
        paid: [0, 100, 0, 100, 0, 100],
        months_late: [4, 3, 3, 2, 2, 2].map(Some),
    }
}

/// Always in time, little in use, all of it paid back.
fn good_record() -> RepaymentRecord {
    RepaymentRecord {
        balance: [2_000, 3_000, 1_000, 2_000, 1_000, 500],
        payable: [2_000, 3_000, 1_000, 2_000, 1_000, 500],
        paid: [3_000, 1_000, 2_000, 1_000, 500, 0],
        months_late: [Some(0); 6],
    }
}

/// Good but for its record: without repaid plans, which would speak for it.
fn standing(repayment: Option<RepaymentRecord>) -> Standing {
    let plans = PlanFacts { open: 1, ..PlanFacts::default() };
    Standing { repayment, plans, ..good_standing() }
}

fn on_credit(amount: i64, standing: Standing) -> Facts {
    facts(purchase(amount, PlanKind::PayLater30), fresh(), standing)
}

fn decisive(decision: &Decision) -> Vec<ReasonCode> {
    let decisive = decision.reasons.iter().filter(|reason| reason.effect == Effect::Decisive);
    decisive.map(|reason| reason.code).collect()
}

/// Readings of an account that usually spends 40.00, and its merchant's.
fn habit(values: &[(&str, Reading)]) -> Readings {
    let mut readings = fresh();
    let usual = [
        ("spending_weight", Reading::Double(30.0)),
        ("spending_median_minor", Reading::Double(4_000.0)),
        ("account_purchases_1d", Reading::Int(1)),
        ("account_purchases_7d", Reading::Int(3)),
        ("account_purchase_mean_1d", Reading::Double(4_000.0)),
        ("account_purchase_mean_7d", Reading::Double(4_000.0)),
        ("merchant_misuse_share_1d", Reading::Double(0.0)),
        ("merchant_misuse_share_7d", Reading::Double(0.0)),
        ("merchant_misuse_share_30d", Reading::Double(0.0)),
    ];
    for (name, reading) in usual.iter().chain(values) {
        readings.set(signals::position_of(name).unwrap(), *reading);
    }
    readings
}

#[test]
fn a_bad_record_brings_a_person_and_every_reason_is_a_fact() {
    let told = decide(&on_credit(4_900, standing(Some(bad_record()))), &PLAYBOOK);
    assert_eq!(told.outcome, Outcome::ManualReview, "{:?}", told.reasons);
    assert_eq!(told.review.unwrap().queue, ReviewQueue::Credit);
    let codes = decisive(&told);
    assert_eq!(codes[0], ReasonCode::RecentLatePayments);
    let known =
        [ReasonCode::RecentLatePayments, ReasonCode::LimitUseHigh, ReasonCode::RepaymentShareLow];
    assert!(codes.iter().all(|code| known.contains(code)), "{codes:?}");
    let first = &told.reasons[0];
    assert!(first.evidence.iter().any(|one| {
        one.key == "account.months_late" && one.observed == "4.000" && one.source == "account"
    }));
    let of_credit = told.reasons.iter().filter(|one| one.component == Some(Component::Credit));
    let points: i64 = of_credit.map(|reason| reason.points).sum();
    let score = told.scores.credit.unwrap();
    assert!(points <= score && score - points <= codes.len() as i64, "{points} of {score}");
    let shares = told.shares.iter().filter(|share| share.component == Component::Credit);
    let ppm: i64 = shares.map(|share| share.ppm).sum();
    assert!((999_990..=1_000_000).contains(&ppm), "{ppm}");
}

#[test]
fn a_good_record_and_none_at_all_give_no_points() {
    let new = RepaymentRecord::default();
    for repayment in [Some(good_record()), Some(new), None] {
        let told = decide(&on_credit(4_900, standing(repayment)), &PLAYBOOK);
        assert_eq!(told.outcome, Outcome::Approved, "{:?}", told.reasons);
        assert_eq!(told.scores.credit, Some(0));
        assert!(told.shares.is_empty());
    }
}

#[test]
fn who_pays_at_once_is_not_judged_by_a_repayment_record() {
    let at_once = purchase(4_900, PlanKind::PayNow);
    let told = decide(&facts(at_once, fresh(), standing(Some(bad_record()))), &PLAYBOOK);
    assert_eq!(told.outcome, Outcome::Approved, "{:?}", told.reasons);
    assert_eq!(told.scores.credit, Some(0));
}

#[test]
fn a_hard_refusal_names_its_rule_and_no_score() {
    let standing = Standing { outstanding: 99_000, ..standing(Some(bad_record())) };
    let told = decide(&on_credit(4_900, standing), &PLAYBOOK);
    assert_eq!(told.outcome, Outcome::Declined);
    assert_eq!(decisive(&told), [ReasonCode::CreditLimitExceeded]);
    let principal = told.adverse_action.unwrap().principal_reasons;
    assert_eq!(principal, ["Other: amount requested exceeds available spending limit"]);
}

#[test]
fn without_a_model_its_component_has_the_points_of_rules() {
    let facts = on_credit(4_900, standing(Some(bad_record())));
    let told = decide(&facts, &WITHOUT_MODELS);
    assert_eq!(told.outcome, Outcome::Approved, "{:?}", told.reasons);
    assert_eq!((told.versions.credit.as_str(), told.versions.fraud.as_str()), ("", ""));
    assert_ne!(told.versions.fingerprint, PLAYBOOK.versions.fingerprint);
    assert!(PLAYBOOK.versions.credit.starts_with("credit-repayment-record "));
    assert!(PLAYBOOK.versions.fraud.starts_with("fraud-purchase-pattern "));
}

#[test]
fn codes_of_one_principal_reason_are_one_reason() {
    let mut card = Scorecard::parse(SHIPPED.credit_model.unwrap().text.as_bytes()).unwrap();
    let late = card.characteristics.iter_mut().find(|one| one.name == "account.months_late");
    late.unwrap().reason = ReasonCode::PaymentOverdue;
    let bytes = card.seal().unwrap().1;
    let model = FileText { name: "card", text: std::str::from_utf8(&bytes).unwrap() };
    let playbook = Playbook::parse(&Sources { credit_model: Some(model), ..SHIPPED }).unwrap();
    let told = decide(&on_credit(4_900, standing(Some(bad_record()))), &playbook);
    // "Poor credit performance with us" once, under the code that weighs more.
    let late = [ReasonCode::PaymentOverdue, ReasonCode::RecentLatePayments];
    let named: Vec<_> = codes(&told).into_iter().filter(|code| late.contains(code)).collect();
    assert_eq!(named.len(), 1, "{:?}", told.reasons);
    let keys: Vec<_> = told.reasons[0].evidence.iter().map(|one| one.key.as_str()).collect();
    assert!(keys.contains(&"account.months_late") && keys.contains(&"account.periods_late"));
}

#[test]
fn the_fraud_model_alone_asks_for_a_confirmation_and_never_refuses() {
    let misused = [
        ("merchant_misuse_share_1d", Reading::Double(0.8)),
        ("merchant_misuse_share_7d", Reading::Double(0.8)),
        ("merchant_misuse_share_30d", Reading::Double(0.2)),
    ];
    let request = purchase(4_900, PlanKind::PayLater30);
    let told = decide(&facts(request.clone(), habit(&misused), good_standing()), &PLAYBOOK);
    assert_eq!(told.outcome, Outcome::ManualReview, "{:?}", told.reasons);
    assert_eq!(told.step_up.as_ref().unwrap().kinds, [StepUpKind::ConfirmOnDevice]);
    assert_eq!(decisive(&told)[0], ReasonCode::MerchantMisuseRecent);
    let usual = decide(&facts(request.clone(), habit(&[]), good_standing()), &PLAYBOOK);
    assert_eq!((usual.outcome, usual.scores.fraud), (Outcome::Approved, Some(0)));
    // Confirmed, it goes through.
    let mut confirmed = facts(request, habit(&misused), good_standing());
    confirmed.step_up.passed = vec![StepUpKind::ConfirmOnDevice];
    assert_eq!(decide(&confirmed, &PLAYBOOK).outcome, Outcome::Approved);
}

#[test]
fn a_larger_amount_never_lowers_the_fraud_score() {
    for share in [0.0, 0.2, 0.6] {
        let mut last = 0;
        for step in 0..200 {
            let amount = 500 + 700 * step;
            let readings = habit(&[
                ("merchant_misuse_share_7d", Reading::Double(share)),
                ("account_purchase_mean_1d", Reading::Double(amount as f64)),
                ("account_purchase_mean_7d", Reading::Double((8_000 + amount) as f64 / 3.0)),
            ]);
            let request = purchase(amount, PlanKind::PayNow);
            let told = decide(&facts(request, readings, good_standing()), &PLAYBOOK);
            let score = told.scores.fraud.unwrap();
            assert!(score >= last, "{share} {step}");
            last = score;
        }
        assert!(last >= 300, "{last}");
    }
}

#[test]
fn a_shop_without_misuse_is_never_named_for_it() {
    let mut asked = 0;
    for step in 0..2_000_i64 {
        // Of a shop that nobody knows, nothing is told either.
        let share = if step % 3 == 0 { Reading::NotSupplied } else { Reading::Double(0.0) };
        // All of them spread over their ranges by steps that share no factor.
        let spread = |prime: i64, to: i64| (step * prime) % to;
        let amount = 100 + spread(7_919, 150_000);
        let readings = habit(&[
            ("account_purchases_1d", Reading::Int(1 + spread(3, 9))),
            ("account_purchases_7d", Reading::Int(1 + spread(11, 30))),
            ("account_purchase_mean_1d", Reading::Double((100 + spread(104_729, 90_000)) as f64)),
            ("account_purchase_mean_7d", Reading::Double((100 + spread(1_299_709, 90_000)) as f64)),
            ("merchant_misuse_share_1d", share),
            ("merchant_misuse_share_7d", share),
            ("merchant_misuse_share_30d", share),
        ]);
        // No plan repaid yet: with that hint the model's points bring a confirmation.
        let request = purchase(amount, PlanKind::PayLater30);
        let told = decide(&facts(request, readings, standing(None)), &PLAYBOOK);
        let of_model = |one: &Reason| {
            one.component == Some(Component::Fraud) && one.code == ReasonCode::AmountAboveUsual
        };
        asked += usize::from(told.reasons.iter().any(of_model));
        assert!(!codes(&told).contains(&ReasonCode::MerchantMisuseRecent), "{:?}", told.reasons);
    }
    assert!(asked >= 200, "{asked}");
}

#[test]
fn a_party_that_cannot_be_read_brings_a_person_where_the_model_would_have_looked() {
    let misused = [
        ("merchant_misuse_share_1d", Reading::Failed),
        ("merchant_misuse_share_7d", Reading::Failed),
        ("merchant_misuse_share_30d", Reading::Failed),
    ];
    // Not even paying at once goes through unseen: the shop may be one of misuse.
    let request = purchase(4_800, PlanKind::PayNow);
    let told = decide(&facts(request, habit(&misused), good_standing()), &PLAYBOOK);
    assert_eq!(told.outcome, Outcome::ManualReview, "{:?}", told.reasons);
    assert_eq!(decisive(&told), [ReasonCode::DataSourceUnavailable]);
    assert!(told.shares.iter().all(|share| share.component != Component::Fraud));
    assert!(told.degraded());
}

#[test]
fn points_of_two_components_are_never_one_sum() {
    let readings = habit(&[
        ("spending_level", Reading::Double(libm::log(40.0))),
        ("spending_spread", Reading::Double(0.5)),
        ("spending_recent_excess", Reading::Double(0.0)),
        ("spending_recent_count", Reading::Int(0)),
        ("spending_day_count", Reading::Int(0)),
        ("spending_rate", Reading::Double(1.0)),
        ("merchant_misuse_share_1d", Reading::Double(0.8)),
        ("merchant_misuse_share_7d", Reading::Double(0.8)),
        ("merchant_misuse_share_30d", Reading::Double(0.2)),
        ("account_purchase_mean_1d", Reading::Double(60_000.0)),
        ("account_purchase_mean_7d", Reading::Double(22_000.0)),
    ]);
    let request = purchase(60_000, PlanKind::PayNow);
    let told = decide(&facts(request, readings, good_standing()), &PLAYBOOK);
    let reason = told.reasons.iter().find(|one| one.code == ReasonCode::AmountAboveUsual).unwrap();
    assert_eq!(reason.component, Some(Component::Spending));
    // Both say it, and the spending score alone is what the points are of.
    assert!(reason.evidence.iter().any(|one| one.key == "request.amount_to_usual"));
    assert!(reason.points <= told.scores.spending.unwrap(), "{reason:?}");
}

#[test]
fn who_shows_how_they_pay_is_never_worse_off_than_who_shows_nothing_unless_late() {
    let credit = |months_late: [Option<i64>; PERIODS]| {
        // Much in use, so that every change shows in the points.
        let record = RepaymentRecord {
            balance: [95_000; PERIODS],
            payable: [95_000; PERIODS],
            paid: [0; PERIODS],
            months_late,
        };
        let told = decide(&on_credit(1_000, standing(Some(record))), &PLAYBOOK);
        told.scores.credit.unwrap()
    };
    let nothing = credit([None; PERIODS]);
    assert!(nothing > 0);
    for period in 0..PERIODS {
        let with = |months: i64| {
            let mut late = [None; PERIODS];
            late[period] = Some(months);
            credit(late)
        };
        assert!(with(0) <= nothing, "{period}");
        let mut last = nothing;
        for months in 1..6 {
            let now = with(months);
            assert!(now >= last, "period {period}, {months} months: {now} after {last}");
            last = now;
        }
    }
}
