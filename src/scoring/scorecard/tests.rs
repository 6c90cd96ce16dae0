//! Points, probabilities, shortfalls by hand; artifacts that were tampered with.

use super::*;

/// A card that was never trained.
pub fn sample() -> Scorecard {
    let figures = TestFigures {
        rows: 2,
        positives: 1,
        auc: 0.75,
        gini: 0.5,
        ks: 0.5,
        brier: 0.1,
        log_loss: 0.3,
    };
    let numeric = |upper: &[f64], points: &[i32], missing| Bins::Numeric {
        upper: upper.to_vec(),
        points: points.to_vec(),
        missing,
        special: vec![Special { value: 96.0, points: -60 }],
    };
    let one = |name: &str, reason, reference, bins| Characteristic {
        name: name.to_owned(),
        reason,
        missing_reason: None,
        reference,
        bins,
    };
    Scorecard {
        format_version: FORMAT_VERSION,
        name: "sample".to_owned(),
        target: Target { column: "bad".to_owned(), positive: "1".to_owned() },
        scaling: Scaling { base_score: 600.0, odds: 20.0, pdo: 50.0 },
        calibration: Calibration { intercept: 5.0, slope: -0.0138 },
        pass_mark: 500,
        base_points: 480,
        characteristics: vec![
            one(
                "late",
                ReasonCode::RecentLatePayments,
                20,
                numeric(&[0.0, 2.0], &[30, -10, -40], -5),
            ),
            one("used", ReasonCode::CreditLimitNearlyUsed, 5, numeric(&[0.5], &[10, -20], 0)),
            one("worst", ReasonCode::RecentLatePayments, 0, numeric(&[1.0], &[3, -15], 0)),
            one(
                "home",
                ReasonCode::AddressNotVerified,
                4,
                Bins::Category {
                    groups: vec![
                        Group { values: vec!["own".to_owned()], points: 12 },
                        Group { values: vec!["rent".to_owned(), "free".to_owned()], points: -31 },
                    ],
                    other: -2,
                    missing: -7,
                },
            ),
        ],
        training: Training {
            data_sha256: "ab".repeat(32),
            spec_sha256: "cd".repeat(32),
            rows: 10,
            positives: 3,
            split: "modulo".to_owned(),
            seed: 1,
            bin_penalty: 2.5,
            l2: 1.0,
            test: figures,
        },
        checksum: String::new(),
    }
}

fn values<'a>(values: [Value<'a>; 4]) -> impl Fn(usize) -> Value<'a> {
    move |index| values[index]
}

#[test]
fn a_value_earns_the_points_of_its_bin() {
    let card = sample();
    let late = &card.characteristics[0].bins;
    for (number, points) in
        [(-3.0, 30), (0.0, 30), (0.1, -10), (2.0, -10), (2.1, -40), (96.0, -60), (97.0, -40)]
    {
        assert_eq!(late.points(Value::Number(number)), points, "{number}");
    }
    assert_eq!(late.points(Value::Number(f64::NAN)), -5);
    assert_eq!(late.points(Value::Number(f64::INFINITY)), -40);
    assert_eq!(late.points(Value::Text("0")), -5);
    let home = &card.characteristics[3].bins;
    for (value, points) in [
        (Value::Text("free"), -31),
        (Value::Text("own"), 12),
        (Value::Text("tent"), -2),
        (Value::Number(1.0), -7),
        (Value::Missing, -7),
    ] {
        assert_eq!(home.points(value), points, "{value:?}");
    }
}

#[test]
fn points_add_up_and_more_of_them_are_a_lower_chance() {
    let card = sample();
    let best = [Value::Number(0.0), Value::Number(0.1), Value::Number(0.0), Value::Text("own")];
    assert_eq!(card.points(values(best)), 480 + 30 + 10 + 3 + 12);
    assert_eq!(card.points(|_| Value::Missing), 480 - 5 - 7);
    let chances: Vec<f64> = (300..700).map(|points| card.probability(points)).collect();
    assert!(chances.windows(2).all(|pair| pair[0] > pair[1]));
    let by_hand = 1.0 / (1.0 + (-(5.0 - 0.0138 * 535.0_f64)).exp());
    assert!((card.probability(535) - by_hand).abs() < 1e-15);
}

#[test]
fn shortfalls_are_merged_by_reason_and_come_in_order() {
    let card = sample();
    let worst = [Value::Number(1.0), Value::Number(0.9), Value::Number(2.0), Value::Text("rent")];
    let named: Vec<(ReasonCode, i32)> =
        card.shortfalls(values(worst)).iter().map(|one| (one.reason, one.points)).collect();
    // Late: 20 + 10 and 0 + 15; home: 4 + 31; used: 5 + 20.
    assert_eq!(
        named,
        [
            (ReasonCode::RecentLatePayments, 45),
            (ReasonCode::AddressNotVerified, 35),
            (ReasonCode::CreditLimitNearlyUsed, 25),
        ]
    );
    let best = [Value::Number(0.0), Value::Number(0.1), Value::Number(0.0), Value::Text("own")];
    assert_eq!(card.shortfalls(values(best)), []);
}

#[test]
fn equals_come_by_code_and_inquiries_may_be_a_fifth() {
    let mut card = sample();
    let codes = [
        ReasonCode::LimitedCreditHistory,
        ReasonCode::PaymentOverdue,
        ReasonCode::RecentCreditInquiries,
        ReasonCode::ExternalDelinquency,
        ReasonCode::CreditLimitNearlyUsed,
        ReasonCode::IncomeNotVerified,
    ];
    let bins = || Bins::Numeric { upper: vec![], points: vec![0], missing: 0, special: vec![] };
    card.characteristics = codes
        .iter()
        .map(|code| Characteristic {
            missing_reason: None,
            name: code.name().to_owned(),
            reason: *code,
            reference: if *code == ReasonCode::RecentCreditInquiries { 3 } else { 7 },
            bins: bins(),
        })
        .collect();
    let shortfalls = card.shortfalls(|_| Value::Missing);
    let named: Vec<i32> =
        Scorecard::principal(&shortfalls).map(|shortfall| shortfall.reason.number()).collect();
    assert_eq!(named, [202, 203, 207, 211, 212]);
}

#[test]
fn an_artifact_comes_back_as_it_was() {
    let (sealed, bytes) = sample().seal().unwrap();
    assert_eq!(Scorecard::parse(&bytes).unwrap(), sealed);
    assert_eq!(sample().seal().unwrap().1, bytes);
    // Spaces do not count: the checksum is of the content.
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(Scorecard::parse(&serde_json::to_vec(&value).unwrap()).unwrap(), sealed);
}

#[test]
fn what_was_changed_after_training_is_refused() {
    let text = String::from_utf8(sample().seal().unwrap().1).unwrap();
    let parse = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Scorecard::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err()
    };
    assert_eq!(parse("\"reference\": 20", "\"reference\": 21"), ArtifactError::Checksum);
    assert_eq!(parse("\"pass_mark\": 500", "\"pass_mark\": 400"), ArtifactError::Checksum);
    assert_eq!(
        parse("\"format_version\": 1", "\"format_version\": 2"),
        ArtifactError::Version { found: 2 }
    );
    for (from, to) in [
        ("CREDIT_LIMIT_NEARLY_USED", "CREDIT_LIMIT_NEARLY_UNUSED"),
        ("\"base_points\"", "\"bias_points\""),
        ("\"kind\": \"category\"", "\"kind\": \"numeric\""),
    ] {
        assert!(matches!(parse(from, to), ArtifactError::Form(_)), "{from}");
    }
    assert!(matches!(Scorecard::parse(b""), Err(ArtifactError::Form(_))));
    assert!(matches!(Scorecard::parse(&text.as_bytes()[..900]), Err(ArtifactError::Form(_))));
}

#[test]
fn what_cannot_be_scored_is_refused_even_when_the_checksum_matches() {
    let refused = |change: &dyn Fn(&mut Scorecard)| {
        let mut card = sample();
        change(&mut card);
        // `seal` refuses it; somebody else's writer might not.
        assert!(card.clone().seal().is_err());
        card.checksum = card.digest().unwrap();
        let bytes = serde_json::to_vec(&card).unwrap();
        match Scorecard::parse(&bytes) {
            Err(ArtifactError::Content { problem, .. }) => problem,
            other => panic!("{other:?}"),
        }
    };
    let bins = |card: &mut Scorecard, new: &[f64], with: &[i32]| {
        card.characteristics[0].bins = Bins::Numeric {
            upper: new.to_vec(),
            points: with.to_vec(),
            missing: 0,
            special: vec![],
        };
    };
    assert!(refused(&|card| bins(card, &[2.0, 1.0], &[1, 2, 3])).contains("ascending"));
    assert!(refused(&|card| bins(card, &[1.0, 1.0], &[1, 2, 3])).contains("ascending"));
    assert!(refused(&|card| bins(card, &[1.0], &[1])).contains("one more"));
    assert!(refused(&|card| card.calibration.slope = 0.1).contains("slope"));
    assert!(refused(&|card| card.base_points = 2_000_000).contains("million"));
    assert!(refused(&|card| card.characteristics.clear()).contains("1 to 1000"));
    assert!(refused(&|card| card.characteristics[1].name = "late".to_owned()).contains("twice"));
    let twice = Group { values: vec!["own".to_owned()], points: 1 };
    assert!(
        refused(&|card| {
            if let Bins::Category { groups, .. } = &mut card.characteristics[3].bins {
                groups.push(twice.clone());
            }
        })
        .contains("two groups")
    );
}
