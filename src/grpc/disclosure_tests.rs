//! What each role is shown of decisions, rendered as it goes out; over random decisions.

use std::sync::LazyLock;

use proptest::prelude::*;
use uuid::Uuid;

use super::pb;
use super::to_proto::{Audience, decision, refusal};
use crate::domain::*;
use crate::playbook::{Playbook, SHIPPED};

const NOW: Time = Time::from_seconds(1_795_262_400);
const OUTSIDE: [Role; 4] = [Role::Checkout, Role::Issuer, Role::Ledger, Role::CustomerApp];

static PLAYBOOK: LazyLock<Playbook> = LazyLock::new(|| Playbook::parse(&SHIPPED).unwrap());

fn shown(record: &DecisionRecord, role: Role) -> pb::Decision {
    decision(record, Audience { role, playbook: &PLAYBOOK, now: NOW })
}

fn level(code: ReasonCode) -> Disclosure {
    PLAYBOOK.catalog.entry(code).disclosure
}

fn codes_of(shown: &pb::Decision) -> Vec<Option<ReasonCode>> {
    shown.reasons.iter().map(|reason| ReasonCode::from_number(reason.code)).collect()
}

fn reason(code: ReasonCode, effect: Effect, push: Push) -> Reason {
    let evidence = Evidence {
        key: "signal.account_networks_1h".into(),
        observed: "observed-7".into(),
        threshold: "threshold-3".into(),
        window: "1h".into(),
        source: "signals".into(),
    };
    let component = (push == Push::None).then_some(Component::Fraud);
    Reason {
        code,
        effect,
        push,
        component,
        rank: 1,
        points: 40,
        share_percent: 60,
        evidence: vec![evidence],
    }
}

fn record(outcome: Outcome, reasons: Vec<Reason>) -> DecisionRecord {
    let eur = Currency::parse("EUR").unwrap();
    let asked =
        StepUpAsked { kinds: vec![StepUpKind::ConfirmOnDevice], expires: NOW + Span::minutes(15) };
    DecisionRecord {
        id: DecisionId(Uuid::from_u128(7)),
        reference: Reference::from_random(7),
        caller: "local".into(),
        request_id: RequestId(Uuid::from_u128(8)),
        product: Product::Purchase,
        holder: Holder::Account(AccountId::parse("acc-1042").unwrap()),
        merchant: MerchantId::parse("m-77").unwrap(),
        order_reference: None,
        market: Country::parse("DE").unwrap(),
        locale: "de-DE".into(),
        amount: Money::positive(12_999, eur).unwrap(),
        plan: PlanTerms { kind: PlanKind::PayLater30, count: 1, interval_days: 30, upfront: 0 },
        card: None,
        decision: Decision {
            outcome,
            reasons,
            scores: Scores::default(),
            shares: Vec::new(),
            not_judged: Vec::new(),
            expires: None,
            step_up: (outcome == Outcome::ManualReview).then_some(asked),
            review: None,
            retry: Retry { disposition: RetryDisposition::AfterAction, earliest: None },
            adverse_action: (outcome == Outcome::Declined).then(|| AdverseAction {
                required: true,
                principal_reasons: vec!["Collection action or judgment".into()],
                notice_due: Some(NOW + Span::days(30)),
            }),
            restriction: None,
            missing_sources: vec![Source::Signals],
            versions: Versions::default(),
        },
        message: CustomerMessage { title: "t".into(), body: "b".into(), ..Default::default() },
        step_up_id: Some(Uuid::from_u128(9)),
        case_number: None,
        created: NOW,
        duration_micros: 1_500,
        progress: Progress::default(),
    }
}

/// A record that waits for a person in `queue`, `shift` seconds from another like it.
fn review(queue: ReviewQueue, reasons: Vec<Reason>, shift: i64) -> DecisionRecord {
    let mut record = record(Outcome::ManualReview, reasons);
    record.decision.step_up = None;
    record.decision.review = Some(ReviewAsked {
        queue,
        expected: NOW + Span::seconds(900 + shift),
        expires: NOW + Span::seconds(3_600 + shift),
    });
    record.case_number = Some(format!("C-{shift}"));
    record.id = DecisionId(Uuid::from_u128(7_000 + shift.unsigned_abs() as u128));
    record
}

/// Without ids and times, texts that state a time included.
fn blanked(mut shown: pb::Decision) -> pb::Decision {
    shown.decision_id.clear();
    shown.reference.clear();
    shown.etag.clear();
    shown.create_time = None;
    shown.decision_duration = None;
    shown.retry.as_mut().unwrap().earliest_time.take().unwrap();
    shown.review = shown.review.map(|_| pb::ReviewInfo::default());
    for reason in &mut shown.reasons {
        reason.customer_text.retain(|character| !character.is_ascii_digit());
    }
    shown
}

fn any_reason() -> impl Strategy<Value = Reason> {
    use proptest::sample::select;
    (select(ReasonCode::ALL), select(Effect::ALL), select(Push::ALL))
        .prop_map(|(code, effect, push)| reason(code, effect, push))
}

/// Reasons that differ in code, as a decision's do.
fn any_reasons() -> impl Strategy<Value = Vec<Reason>> {
    proptest::collection::vec(any_reason(), 0..9).prop_map(|mut reasons| {
        let mut met = Vec::new();
        reasons.retain(|reason| {
            !met.contains(&reason.code) && {
                met.push(reason.code);
                true
            }
        });
        reasons
    })
}

fn any_record() -> impl Strategy<Value = DecisionRecord> {
    let outcome = proptest::sample::select(Outcome::ALL);
    (outcome, any_reasons(), any::<bool>(), any::<bool>()).prop_map(
        |(outcome, reasons, in_review, canceled)| {
            let mut record = match (outcome, in_review) {
                (Outcome::ManualReview, true) => review(ReviewQueue::Security, reasons, 0),
                _ => record(outcome, reasons),
            };
            record.progress.canceled = canceled.then_some(NOW);
            record
        },
    )
}

fn is_public(reason: &pb::Reason) -> bool {
    reason.evidence.is_empty()
        && reason.support_text.is_empty()
        && reason.principal_reason.is_empty()
        && reason.share_percent.is_none()
        && (reason.effect, reason.component) == (0, 0)
}

proptest! {
    #[test]
    fn outside_nothing_is_told_that_is_not_for_everyone(record in any_record()) {
        for role in OUTSIDE {
            let shown = shown(&record, role);
            prop_assert!(shown.reasons.len() <= 5);
            for (reason, rank) in shown.reasons.iter().zip(1..) {
                let code = ReasonCode::from_number(reason.code);
                prop_assert!(code.is_some_and(|code| level(code) == Disclosure::Yes));
                prop_assert!(is_public(reason));
                prop_assert_eq!(reason.rank, rank);
            }
            prop_assert!(shown.missing_sources.is_empty());
            let mut unique = shown.public_reasons.clone();
            unique.dedup();
            prop_assert_eq!(&unique, &shown.public_reasons);
            let approved = record.decision.outcome == Outcome::Approved;
            prop_assert_eq!(shown.public_reasons.is_empty(), approved);
            prop_assert!(!shown.public_reasons.contains(&0));
        }
    }

    #[test]
    fn a_shop_is_not_told_what_is_the_customers_own(record in any_record()) {
        use pb::PublicReason::{Affordability, CreditHistory, PaymentDue};
        let own = [CreditHistory, Affordability, PaymentDue].map(i32::from);
        let shown = shown(&record, Role::Checkout);
        let details = shown.reasons.iter().map(|reason| reason.public_reason);
        for reason in shown.public_reasons.iter().copied().chain(details) {
            prop_assert!(!own.contains(&reason));
        }
        if let Some(duty) = shown.adverse_action {
            prop_assert!(duty.required && duty.principal_reasons.is_empty());
        }
    }

    #[test]
    fn a_held_review_cannot_be_told_from_a_security_review(
        others in any_reasons(),
        held in proptest::sample::select(&[
            ReasonCode::SanctionsPossibleMatch, ReasonCode::ComplianceReview,
        ][..]),
        place in 0..9_usize,
        secret in proptest::sample::select(&[
            ReasonCode::IpAnonymized, ReasonCode::HighRiskBasket, ReasonCode::TravelImplausible,
            ReasonCode::BlockListMatch, ReasonCode::IdentitySharedAcrossAccounts,
        ][..]),
        canceled in any::<bool>(),
    ) {
        // The rest of both is alike, but a held reason outweighs what else asked for a review.
        let is_open = |reason: &Reason| {
            !matches!(level(reason.code), Disclosure::Generic | Disclosure::No)
        };
        let others: Vec<Reason> = others.into_iter().filter(is_open).collect();
        let mut ordinary = others.clone();
        let place = place.min(ordinary.len());
        ordinary.insert(place, reason(secret, Effect::Decisive, Push::Review));
        let mut compliance = others;
        for other in &mut compliance {
            other.effect = match other.push {
                Push::Review => Effect::Informational,
                _ => other.effect,
            };
            other.share_percent /= 2;
        }
        compliance.insert(0, reason(held, Effect::Decisive, Push::ReviewHeld));
        let mut ordinary = review(ReviewQueue::Security, ordinary, 0);
        let mut compliance = review(ReviewQueue::Compliance, compliance, 1_234);
        if canceled {
            ordinary.progress.canceled = Some(NOW);
            compliance.progress.canceled = Some(NOW);
        }
        let roles = OUTSIDE.iter().copied().chain((!canceled).then_some(Role::Agent));
        for role in roles {
            let shown = [shown(&ordinary, role), shown(&compliance, role)].map(blanked);
            prop_assert_eq!(&shown[0], &shown[1], "{}", role);
        }
    }

    #[test]
    fn what_staff_may_search_by_is_shown_wherever_it_is(record in any_record()) {
        let staff = Role::ALL.iter().filter(|role| super::disclosure::is_staff(**role));
        for role in staff.copied() {
            let codes: Vec<_> = record.decision.reasons.iter().map(|r| r.code).collect();
            let found = super::disclosure::searchable(role, &codes, &PLAYBOOK.catalog);
            let shown = codes_of(&shown(&record, role));
            prop_assert!(found.iter().all(|code| shown.contains(&Some(*code))), "{}", role);
        }
    }

    #[test]
    fn only_compliance_and_auditors_read_what_is_held(record in any_record()) {
        for role in [Role::Agent, Role::Reviewer, Role::Lead] {
            let shown = shown(&record, role);
            for code in codes_of(&shown).into_iter().flatten() {
                prop_assert!(level(code) != Disclosure::No);
            }
            let values = |reason: &pb::Reason| {
                reason.evidence.iter().any(|seen| !seen.observed.is_empty())
            };
            prop_assert!(role != Role::Agent || !shown.reasons.iter().any(values));
        }
        for role in [Role::Compliance, Role::Auditor] {
            let shown = shown(&record, role);
            let all: Vec<_> = record.decision.reasons.iter().map(|r| Some(r.code)).collect();
            prop_assert_eq!(codes_of(&shown), all);
            for reason in &shown.reasons {
                prop_assert_eq!(reason.evidence[0].observed.as_str(), "observed-7");
                prop_assert_eq!(reason.evidence[0].threshold.as_str(), "threshold-3");
            }
        }
    }
}

#[test]
fn agents_read_security_check_while_a_review_is_open_and_restricted_after_it() {
    let hit = |code| reason(code, Effect::Decisive, Push::Review);
    let reasons = || {
        vec![
            hit(ReasonCode::SanctionsPossibleMatch),
            hit(ReasonCode::NoCreditFile),
            hit(ReasonCode::TravelImplausible),
        ]
    };
    let mut held = review(ReviewQueue::Compliance, reasons(), 0);
    let texts = |record: &DecisionRecord| {
        let shown = shown(record, Role::Agent);
        let text = |reason: &pb::Reason| (reason.code, reason.support_text.clone());
        shown.reasons.iter().map(text).collect::<Vec<_>>()
    };
    let open = texts(&held);
    assert_eq!(open[0], (0, "security check, with the review team".into()));
    assert_eq!(open.len(), 2);
    assert_eq!(open[1].0, ReasonCode::NoCreditFile.number());

    held.progress.superseded_by = Some(DecisionId(Uuid::from_u128(1)));
    let after = texts(&held);
    assert_eq!(after[0], (0, "restricted".into()));
    assert_eq!(after[2].0, ReasonCode::TravelImplausible.number());
    assert!(after[2].1.starts_with("Do not disclose."));
    let listed = record(Outcome::Declined, vec![hit(ReasonCode::BlockListMatch)]);
    assert_eq!(texts(&listed), [(0, "restricted".into())]);
    let reviewer = shown(&listed, Role::Reviewer);
    assert_eq!(codes_of(&reviewer), [Some(ReasonCode::BlockListMatch)]);
}

#[test]
fn a_reported_card_is_shown_as_refused_by_the_bank() {
    let hit = |code| reason(code, Effect::Decisive, Push::Decline);
    let lost = record(
        Outcome::Declined,
        vec![
            hit(ReasonCode::InstrumentReportedLostOrStolen),
            hit(ReasonCode::InstrumentDeclinedByBank),
        ],
    );
    let refused = [Some(ReasonCode::InstrumentDeclinedByBank)];
    assert_eq!(codes_of(&shown(&lost, Role::Checkout)), refused);
    assert_eq!(codes_of(&shown(&lost, Role::Agent)).len(), 2);
}

#[test]
fn what_may_not_be_told_leaves_a_security_check() {
    let hit = reason(ReasonCode::BlockListMatch, Effect::Decisive, Push::Decline);
    let shown = shown(&record(Outcome::Declined, vec![hit]), Role::Checkout);
    assert!(shown.reasons.is_empty());
    assert_eq!(shown.public_reasons, [i32::from(pb::PublicReason::SecurityCheck)]);
}

#[test]
fn four_reasons_are_told_and_bureau_inquiries_as_a_fifth() {
    let hit = |code| reason(code, Effect::Decisive, Push::Decline);
    let five = [
        ReasonCode::ProfileIncomplete,
        ReasonCode::CreditLimitNearlyUsed,
        ReasonCode::OpenPlansTooMany,
        ReasonCode::LargePurchase,
        ReasonCode::DeviceDataMissing,
    ];
    let mut reasons: Vec<Reason> = five.map(hit).into();
    reasons.push(hit(ReasonCode::RecentCreditInquiries));
    // What merely weighed in is not among them.
    reasons.insert(0, reason(ReasonCode::PublicNetworkUsed, Effect::Contributing, Push::None));
    let record = record(Outcome::Declined, reasons);
    assert_eq!(codes_of(&shown(&record, Role::Checkout)), five.map(Some)[..4]);
    let customer = codes_of(&shown(&record, Role::CustomerApp));
    assert_eq!(customer[4], Some(ReasonCode::RecentCreditInquiries));
    assert_eq!(customer.len(), 5);
}

#[test]
fn a_search_by_code_finds_no_more_than_is_shown() {
    let search =
        |role, codes: &[ReasonCode]| super::disclosure::searchable(role, codes, &PLAYBOOK.catalog);
    let secret = [ReasonCode::IpAnonymized, ReasonCode::SanctionsPossibleMatch];
    assert_eq!(search(Role::Checkout, &secret), []);
    assert_eq!(search(Role::Reviewer, &secret), secret[..1]);
    assert_eq!(search(Role::Auditor, &secret), secret);
    // A code that is shown under another one is found by that one only.
    let both = [ReasonCode::InstrumentDeclinedByBank, ReasonCode::InstrumentReportedLostOrStolen];
    assert_eq!(search(Role::Checkout, &both), both[..1]);
    assert_eq!(search(Role::Auditor, &both), both);
}

#[test]
fn an_issuer_reads_of_a_refusal_to_the_network_what_a_checkout_reads() {
    let granting = record(Outcome::Approved, Vec::new());
    let to = Audience { role: Role::Issuer, playbook: &PLAYBOOK, now: NOW };
    let none = refusal(&granting, &NetworkAnswer::approved(), to);
    assert_eq!(none, (Vec::new(), Vec::new()));
    for &code in ReasonCode::ALL {
        let reason = reason(code, Effect::Decisive, Push::Decline);
        let declined = shown(&record(Outcome::Declined, vec![reason.clone()]), Role::Checkout);
        let answer = NetworkAnswer { reason: Some(reason), response: "05".into() };
        assert_eq!(refusal(&granting, &answer, to), (declined.reasons, declined.public_reasons));
    }
}

#[test]
fn texts_have_no_gaps_left() {
    let hit = |code| reason(code, Effect::Decisive, Push::Decline);
    let codes = [ReasonCode::AccountTemporarilyRestricted, ReasonCode::AttemptsTooFrequent];
    for earliest in [None, Some(NOW)] {
        let mut record = record(Outcome::Declined, codes.map(hit).into());
        record.decision.retry.earliest = earliest;
        for reason in shown(&record, Role::Auditor).reasons {
            assert!(!reason.customer_text.is_empty());
            assert!(!reason.customer_text.contains('{'), "{}", reason.customer_text);
        }
    }
}
