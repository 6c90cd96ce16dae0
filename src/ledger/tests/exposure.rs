//! The limit: never passed, used to the last order that fits, free again when time says so.

use proptest::prelude::*;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_orders_at_once_take_what_the_limit_holds_and_no_more() {
    let Book { ledger, folder: _folder, .. } = book().await;
    for (round, amount) in [3_000, 7_001, 100_000, 100_001, 1_600].into_iter().enumerate() {
        let account = format!("account-{round}");
        set_limit(&ledger, &account, 100_000).await;
        let calls: Vec<_> = (0..64)
            .map(|_| {
                let (ledger, commit) = (ledger.clone(), order(&account, amount));
                tokio::spawn(async move { assess(&ledger, commit).await.unwrap() })
            })
            .collect();
        let mut recorded = 0;
        for call in calls {
            match call.await.unwrap() {
                Assessed::Recorded => recorded += 1,
                other => assert_eq!(other, Assessed::HeadroomTaken),
            }
        }
        assert_eq!(recorded, (100_000 / amount).min(64), "orders of {amount}");
        assert_eq!(held(&ledger, &account, NOW).await, (0, recorded * amount));
    }
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn an_order_above_the_headroom_leaves_nothing() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    approved(&ledger, "anna", 60_000).await;
    let before = ledger.check(NOW).await.unwrap();
    let commit = order("anna", 40_001);
    assert_eq!(assess(&ledger, commit.clone()).await, Ok(Assessed::HeadroomTaken));
    assert_eq!(ledger.answer(&commit.key).await, Ok(None));
    assert_eq!(ledger.decision(commit.record.id).await, Ok(None));
    assert_eq!(ledger.check(NOW).await, Ok(before));
    assert_eq!(ledger.signal_events(0, 10).await.unwrap().len(), 1);
    approved(&ledger, "anna", 40_000).await;
}

#[tokio::test]
async fn what_is_no_credit_reserves_nothing() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let mut paid_now = order("anna", 900_000);
    paid_now.record.plan =
        PlanTerms { kind: PlanKind::PayNow, count: 0, interval_days: 0, upfront: 0 };
    let mut declined = order("anna", 900_000);
    declined.record.decision.outcome = Outcome::Declined;
    for commit in [paid_now, declined, pending("nobody", 900_000)] {
        assert_eq!(assess(&ledger, commit).await, Ok(Assessed::Recorded));
    }
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 0));
    let unknown = order("nobody", 1);
    assert_eq!(assess(&ledger, unknown).await, Ok(Assessed::HeadroomTaken));
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn a_guest_has_the_limit_that_the_policy_names() {
    let Book { ledger, folder: _folder, .. } = book().await;
    let guest = |amount, limit| {
        let mut commit = order("anna", amount);
        commit.record.holder = Holder::Guest(party(9));
        commit.guest_limit = limit;
        commit
    };
    assert_eq!(assess(&ledger, guest(1, None)).await, Ok(Assessed::HeadroomTaken));
    assert_eq!(assess(&ledger, guest(600, Some(1_000))).await, Ok(Assessed::Recorded));
    assert_eq!(assess(&ledger, guest(401, Some(1_000))).await, Ok(Assessed::HeadroomTaken));
    assert_eq!(assess(&ledger, guest(400, Some(1_000))).await, Ok(Assessed::Recorded));
}

#[tokio::test]
async fn an_expired_reservation_is_free_without_a_sweeper() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    approved(&ledger, "anna", 100_000).await;
    let at = |time| {
        let mut commit = order("anna", 100_000);
        commit.record.created = time;
        commit.record.decision.expires = Some(time + Span::minutes(60));
        commit
    };
    let end = NOW + Span::minutes(60);
    assert_eq!(held(&ledger, "anna", end - Span::micros(1)).await, (0, 100_000));
    assert_eq!(assess(&ledger, at(end - Span::micros(1))).await, Ok(Assessed::HeadroomTaken));
    assert_eq!(held(&ledger, "anna", end).await, (0, 0));
    assert_eq!(assess(&ledger, at(end)).await, Ok(Assessed::Recorded));
    assert_sound(&ledger, end).await;
}

#[tokio::test]
async fn a_lower_limit_breaks_nothing_and_stops_new_credit() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    approved(&ledger, "anna", 60_000).await;
    set_limit(&ledger, "anna", 10_000).await;
    assert_eq!(assess(&ledger, order("anna", 1)).await, Ok(Assessed::HeadroomTaken));
    assert_eq!(standing_at(&ledger, "anna", NOW).await.headroom(), Some(-50_000));
    assert_sound(&ledger, NOW).await;
    set_limit(&ledger, "anna", 60_001).await;
    approved(&ledger, "anna", 1).await;
}

#[tokio::test]
async fn a_limit_counts_in_the_currency_of_the_account() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let mut commit = order("anna", 100);
    commit.record.amount = Money::new(100, Currency::parse("SEK").unwrap()).unwrap();
    assert_eq!(assess(&ledger, commit).await, Ok(Assessed::HeadroomTaken));
}

/// One step of a customer's life; amounts are shares of the limit in percent.
#[derive(Clone, Debug)]
enum Step {
    Order(i64),
    Capture(usize, i64),
    Cancel(usize),
    Repay(usize, i64),
    Refund(usize, i64),
    Limit(i64),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_i64..120).prop_map(Step::Order),
        3 => (0_usize..8, 1_i64..100).prop_map(|(n, amount)| Step::Capture(n, amount)),
        1 => (0_usize..8).prop_map(Step::Cancel),
        2 => (0_usize..8, 1_i64..60).prop_map(|(n, amount)| Step::Repay(n, amount)),
        1 => (0_usize..8, 1_i64..60).prop_map(|(n, amount)| Step::Refund(n, amount)),
        1 => (0_i64..150).prop_map(Step::Limit),
        2 => (1_i64..40).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_life_passes_its_limit(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(live(steps));
    }
}

async fn live(steps: Vec<Step>) {
    let Book { ledger, folder: _folder, .. } = book().await;
    set_limit(&ledger, "anna", 100).await;
    let (mut limit, mut now, mut ids) = (100, NOW, Vec::new());
    for step in steps {
        let (outstanding, reserved) = held(&ledger, "anna", now).await;
        let pick = |ids: &Vec<DecisionId>, n: usize| ids.get(n % ids.len().max(1)).copied();
        match step {
            Step::Order(amount) => {
                let mut commit = order("anna", amount);
                commit.record.created = now;
                commit.record.decision.expires = Some(now + Span::minutes(60));
                let id = commit.record.id;
                let fits = outstanding + reserved + amount <= limit;
                let expected = if fits { Assessed::Recorded } else { Assessed::HeadroomTaken };
                assert_eq!(assess(&ledger, commit).await, Ok(expected));
                ids.extend(fits.then_some(id));
            }
            Step::Capture(n, amount) => {
                let Some(id) = pick(&ids, n) else { continue };
                let done = ledger.confirm(claim_at(now), capture_of(id, amount)).await;
                let moved = if done.is_ok() { amount } else { 0 };
                let expected = (outstanding + moved, reserved - moved);
                assert_eq!(held(&ledger, "anna", now).await, expected);
            }
            Step::Cancel(n) => {
                let Some(id) = pick(&ids, n) else { continue };
                let cancel = Cancel { decision: id, reason: "TEST".into(), taken_back: None };
                let before = held(&ledger, "anna", now).await;
                // What was confirmed in full is bought, and stays as it is.
                if let Err(refused) = ledger.cancel(claim_at(now), cancel).await {
                    let confirmed = PreconditionReason::Confirmed;
                    assert!(matches!(refused, Error::Precondition(p) if p.reason == confirmed));
                    assert_eq!(held(&ledger, "anna", now).await, before);
                }
            }
            Step::Repay(n, amount) => {
                let Some(id) = pick(&ids, n) else { continue };
                let (plan_id, amount) = (id.to_string(), money(amount));
                let kind = EventKind::Repayment { plan_id, amount, due: now, paid: now };
                events::tell(&ledger, "anna", now, kind).await;
            }
            Step::Refund(n, amount) => {
                let Some(id) = pick(&ids, n) else { continue };
                let (order, amount) = (OrderName::Decision(id), money(amount));
                events::tell(&ledger, "anna", now, EventKind::Refund { order, amount }).await;
            }
            Step::Limit(next) => {
                set_limit(&ledger, "anna", next).await;
                limit = next;
            }
            Step::Wait(minutes) => now = now + Span::minutes(minutes),
        }
        let (after, still) = held(&ledger, "anna", now).await;
        assert!(after + still <= limit.max(outstanding + reserved));
        assert_sound(&ledger, now).await;
    }
}

#[tokio::test]
async fn what_has_ended_for_somebody_else_is_not_captured_late() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let first = approved(&ledger, "anna", 100_000).await;
    let end = NOW + Span::minutes(60);
    let mut second = order("anna", 100_000);
    second.record.created = end;
    second.record.decision.expires = Some(end + Span::minutes(60));
    assert_eq!(assess(&ledger, second).await, Ok(Assessed::Recorded));
    // By a clock that is behind, the first one has not ended yet.
    let late = ledger.confirm(claim_at(end - Span::micros(1)), capture_of(first, 100_000)).await;
    assert_eq!(refusal(late), PreconditionReason::AmountExceeded);
    assert_eq!(held(&ledger, "anna", end).await, (0, 100_000));
    assert_sound(&ledger, end).await;
}
