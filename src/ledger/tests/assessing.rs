//! Recording decisions: once a key, whole or not at all.

use tokio::sync::Notify;

use super::*;

#[tokio::test]
async fn a_decision_is_found_as_it_was_recorded() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let mut commit = order("anna", 2_500);
    commit.record.order_reference = Some("SO-1".into());
    assert_eq!(assess(&ledger, commit.clone()).await, Ok(Assessed::Recorded));

    let record = commit.record.clone();
    assert_eq!(ledger.decision(record.id).await, Ok(Some(record.clone())));
    assert_eq!(ledger.decision_by_reference(record.reference).await, Ok(Some(record.clone())));
    assert_eq!(ledger.facts(record.id).await, Ok(Some(commit.facts)));
    let signal = commit.signal_event.unwrap();
    assert_eq!(ledger.signal_event(record.id, "attempt").await, Ok(Some(signal.payload)));
    let stored = ledger.signal_events(0, 10).await.unwrap();
    assert_eq!((stored.len(), stored[0].decision), (1, Some(record.id)));
    assert_eq!(stored[0].holder, "anna");
    assert_eq!(ledger.signal_events(stored[0].seq, 10).await, Ok(Vec::new()));
    assert_eq!(ledger.decision(DecisionId(Uuid::nil())).await, Ok(None));
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let first = order("anna", 2_500);
    assert_eq!(ledger.answer(&first.key).await, Ok(None));
    assert_eq!(assess(&ledger, first.clone()).await, Ok(Assessed::Recorded));
    // What became of it since is not part of the first answer.
    now_of(ledger.confirm(claim(), capture_of(first.record.id, 2_500)).await);

    let mut again = order("anna", 9_900);
    again.key = first.key.clone();
    again.hash = [8; 32];
    let answer = Answer { hash: [7; 32], decision: Some(Box::new(first.record)), body: None };
    assert_eq!(assess(&ledger, again).await, Ok(Assessed::Before(answer.clone())));
    assert_eq!(ledger.answer(&first.key).await, Ok(Some(answer)));
    assert_eq!(held(&ledger, "anna", NOW).await, (2_500, 0));
}

#[tokio::test]
async fn the_same_key_of_another_caller_or_call_is_another_key() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let first = order("anna", 100);
    let (mut other_caller, mut other_call) = (order("anna", 100), order("anna", 100));
    other_caller.key = AnswerKey { caller: "other".into(), ..first.key.clone() };
    other_call.key = AnswerKey { call: "assess_card", ..first.key.clone() };
    for commit in [first, other_caller, other_call] {
        assert_eq!(assess(&ledger, commit).await, Ok(Assessed::Recorded));
    }
}

/// Commits as one group: the writer takes up the first alone, and the rest waits meanwhile.
async fn together(ledger: &Ledger, commits: Vec<AssessCommit>) -> Vec<Assessed> {
    let (begun, released) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begin, release) = (Arc::clone(&begun), Arc::clone(&released));
    let blocker = ledger.clone();
    let blocked = tokio::spawn(async move {
        blocker
            .write(move |_| {
                let (begin, released) = (Arc::clone(&begin), Arc::clone(&released));
                Box::pin(async move {
                    begin.notify_one();
                    released.notified().await;
                    Ok(())
                })
            })
            .await
    });
    begun.notified().await;
    let calls: Vec<_> = commits
        .into_iter()
        .map(|commit| {
            let ledger = ledger.clone();
            tokio::spawn(async move { assess(&ledger, commit).await.unwrap() })
        })
        .collect();
    if let Writer::Sqlite(jobs) = &ledger.writer {
        while jobs.max_capacity() - jobs.capacity() < calls.len() {
            tokio::task::yield_now().await;
        }
    }
    release.notify_one();
    blocked.await.unwrap().unwrap();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_key_twice_in_a_group_is_one_decision() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let first = order("anna", 2_500);
    let mut second = order("anna", 2_500);
    second.key = first.key.clone();
    let records = [first.record.clone(), second.record.clone()];
    let answers = together(&ledger, vec![first, second]).await;

    // The tasks may arrive in either order.
    let recorded = answers.iter().position(|answer| *answer == Assessed::Recorded).unwrap();
    let before =
        Answer { hash: [7; 32], decision: Some(Box::new(records[recorded].clone())), body: None };
    assert_eq!(answers[1 - recorded], Assessed::Before(before));
    assert_eq!(ledger.check(NOW).await.unwrap().decisions, 1);
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 2_500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_group_shares_the_limit_in_order_and_smaller_orders_still_fit() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let amounts = [80_000, 50_000, 20_000];
    let answers = together(&ledger, amounts.map(|amount| order("anna", amount)).into()).await;
    let granted: i64 = amounts
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| **answer == Assessed::Recorded)
        .map(|(amount, _)| amount)
        .sum();
    assert!(
        answers.iter().all(|answer| matches!(answer, Assessed::Recorded | Assessed::HeadroomTaken))
    );
    // Whatever the order of arrival, no order that still fitted was turned away.
    assert!([100_000, 70_000].contains(&granted), "{granted}");
    assert_sound(&ledger, NOW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn references_and_ids_are_unique_in_and_across_groups() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let first = order("anna", 100);
    let (mut same_reference, mut same_id) = (order("anna", 100), order("anna", 100));
    same_reference.record.reference = first.record.reference;
    same_id.record.id = first.record.id;
    let answers =
        together(&ledger, vec![first.clone(), same_reference.clone(), same_id.clone()]).await;
    assert_eq!(answers.iter().filter(|answer| **answer == Assessed::Recorded).count(), {
        // Those two differ from one another, so both are there when they came first.
        if answers[0] == Assessed::Recorded { 1 } else { 2 }
    });

    let mut late = order("anna", 100);
    late.record.reference = ledger.list_decisions(&all()).await.unwrap()[0].reference;
    assert_eq!(assess(&ledger, late.clone()).await, Ok(Assessed::ReferenceTaken));
    assert_eq!(ledger.answer(&late.key).await, Ok(None));
    late.record.reference = Reference::from_random(draw());
    assert_eq!(assess(&ledger, late).await, Ok(Assessed::Recorded));
}

fn all() -> ListFilter {
    ListFilter { limit: 200, ..ListFilter::default() }
}

#[tokio::test]
async fn only_a_pending_decision_is_replaced_and_only_once() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let waiting = pending("anna", 5_000);
    let id = waiting.record.id;
    assert_eq!(assess(&ledger, waiting).await, Ok(Assessed::Recorded));
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 0));

    let mut replacing = order("anna", 5_000);
    replacing.supersedes = Some(id);
    assert_eq!(assess(&ledger, replacing.clone()).await, Ok(Assessed::Recorded));
    let old = ledger.decision(id).await.unwrap().unwrap();
    assert_eq!(old.progress.superseded_by, Some(replacing.record.id));

    let mut again = order("anna", 5_000);
    again.supersedes = Some(id);
    assert_eq!(assess(&ledger, again).await, Ok(Assessed::NotPending));
    let mut of_approved = order("anna", 5_000);
    of_approved.supersedes = Some(replacing.record.id);
    assert_eq!(assess(&ledger, of_approved).await, Ok(Assessed::NotPending));

    let lapsing = pending("anna", 5_000);
    let mut late = order("anna", 5_000);
    late.supersedes = Some(lapsing.record.id);
    late.record.created = NOW + Span::minutes(15);
    assert_eq!(assess(&ledger, lapsing).await, Ok(Assessed::Recorded));
    assert_eq!(assess(&ledger, late).await, Ok(Assessed::NotPending));
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 5_000));
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn a_decision_brings_its_restriction() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let mut declined = order("anna", 5_000);
    declined.record.decision.outcome = Outcome::Declined;
    declined.record.decision.restriction = Some(AutomaticRestriction {
        kind: RestrictionKind::Temporary,
        code: ReasonCode::PaymentOverdue,
        end: NOW + Span::hours(72),
    });
    assert_eq!(assess(&ledger, declined).await, Ok(Assessed::Recorded));
    let set = ledger.restrictions(&account_id("anna")).await.unwrap();
    assert_eq!((set.len(), set[0].origin), (1, RestrictionOrigin::Policy));
    assert!(set[0].in_force(NOW));
    let standing = standing_at(&ledger, "anna", NOW).await;
    assert_eq!(standing.restrictions[0].code, ReasonCode::PaymentOverdue);
    assert_eq!(standing_at(&ledger, "anna", NOW + Span::hours(72)).await.restrictions, []);
}

#[tokio::test]
async fn lists_are_narrowed_and_turned_page_by_page() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    for minute in 0..5 {
        let mut commit = order("anna", 100);
        commit.record.created = NOW + Span::minutes(minute);
        if minute == 2 {
            commit.record.order_reference = Some("SO-2".into());
            commit.record.decision.outcome = Outcome::Declined;
            commit.record.decision.reasons = vec![Reason {
                code: ReasonCode::LargePurchase,
                effect: Effect::Decisive,
                push: Push::Decline,
                component: None,
                rank: 1,
                points: 0,
                share_percent: 0,
                evidence: Vec::new(),
            }];
        }
        assert_eq!(assess(&ledger, commit).await, Ok(Assessed::Recorded));
    }
    let count = async |filter: ListFilter| ledger.list_decisions(&filter).await.unwrap().len();
    assert_eq!(count(all()).await, 5);
    assert_eq!(count(ListFilter { holder: Some(holder("bert")), ..all() }).await, 0);
    assert_eq!(count(ListFilter { outcomes: vec![Outcome::Declined], ..all() }).await, 1);
    assert_eq!(count(ListFilter { codes: vec![ReasonCode::LargePurchase], ..all() }).await, 1);
    assert_eq!(count(ListFilter { codes: vec![ReasonCode::HighRiskBasket], ..all() }).await, 0);
    assert_eq!(count(ListFilter { order_reference: Some("SO-2".into()), ..all() }).await, 1);
    let (from, until) = (Some(NOW + Span::minutes(1)), Some(NOW + Span::minutes(3)));
    assert_eq!(count(ListFilter { from, until, holder: Some(holder("anna")), ..all() }).await, 2);

    let first = ledger.list_decisions(&ListFilter { limit: 3, ..all() }).await.unwrap();
    let last = first.last().map(|record| (record.created, record.id));
    let rest = ledger.list_decisions(&ListFilter { after: last, ..all() }).await.unwrap();
    assert_eq!((first.len(), rest.len()), (3, 2));
    assert!(first.iter().chain(&rest).is_sorted_by(|a, b| a.created > b.created));
}
