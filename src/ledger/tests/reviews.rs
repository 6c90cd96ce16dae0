//! Review cases: written with their decision, changed by one at a time, ended with a new decision.

use std::sync::Arc;

use tokio::sync::Barrier;

use super::*;

fn by(name: &str, kind: ReviewActionKind) -> ReviewAction {
    ReviewAction {
        kind,
        actor: name.into(),
        role: Role::Reviewer,
        time: NOW,
        detail: "looked at it".into(),
    }
}

/// A decision that a person of `queue` has to make, as recorded.
async fn under_review(ledger: &Ledger, account: &str, queue: ReviewQueue) -> AssessCommit {
    let mut commit = order(account, 5_000);
    commit.record.decision.outcome = Outcome::ManualReview;
    commit.record.decision.expires = None;
    commit.record.decision.review = Some(ReviewAsked {
        queue,
        expected: NOW + Span::minutes(15),
        expires: NOW + Span::hours(24),
    });
    assert_eq!(assess(ledger, commit.clone()).await, Ok(Assessed::Recorded));
    commit
}

async fn case_of(ledger: &Ledger, id: DecisionId) -> ReviewCase {
    ledger.review_case(id).await.unwrap().expect("a case").case
}

/// The ledger as another process has it, where several may.
async fn replica(book: &Book) -> Ledger {
    match &book.place {
        Place::Sqlite(_) => book.ledger.clone(),
        Place::Postgres(_) => Ledger::open(&book.place).await.unwrap(),
    }
}

/// The case as taken, while nobody has it.
fn taking(case: &ReviewCase, name: &str) -> CaseWrite {
    let write = CaseWrite::change(case, case.taken(name, NOW), by(name, ReviewActionKind::Claimed));
    CaseWrite { free_for: Some(name.into()), ..write }
}

fn resolving(case: &ReviewCase, name: &str) -> Resolution {
    Resolution {
        version: case.version,
        verdict: ReviewVerdict::Approve,
        action: by(name, ReviewActionKind::Resolved),
    }
}

#[tokio::test]
async fn a_case_is_there_with_its_decision_and_for_no_other() {
    let book = book_of_anna().await;
    for queue in ReviewQueue::ALL {
        let commit = under_review(&book.ledger, "anna", *queue).await;
        let found = book.ledger.review_case(commit.record.id).await.unwrap().unwrap();
        assert_eq!(found.decision, commit.record);
        let case = found.case;
        assert_eq!((case.queue, case.version, case.notes), (*queue, 1, 0));
        assert_eq!((case.created, case.due), (NOW, NOW + Span::minutes(15)));
        assert_eq!(case.stored_state, ReviewCaseState::Open);
    }
    let approved = approved(&book.ledger, "anna", 1_000).await;
    let stepping = pending("anna", 1_000);
    assert_eq!(assess(&book.ledger, stepping.clone()).await, Ok(Assessed::Recorded));
    for id in [approved, stepping.record.id] {
        assert_eq!(book.ledger.review_case(id).await, Ok(None));
    }
}

#[tokio::test]
async fn open_cases_are_counted_by_queue_and_by_the_age_they_are_below() {
    let book = book_of_anna().await;
    for queue in [ReviewQueue::Credit, ReviewQueue::Security, ReviewQueue::Credit] {
        under_review(&book.ledger, "anna", queue).await;
    }
    for (later, age) in [
        (Span::minutes(14), Some("15m")),
        (Span::minutes(15), Some("1h")),
        (Span::hours(1), Some("4h")),
        (Span::hours(23), Some("1d")),
        (Span::hours(24), None),
    ] {
        let open = book.ledger.open_reviews(NOW + later).await.unwrap();
        assert_eq!(open.len(), 25, "every queue and age");
        let found = open.iter().filter(|open| open.cases > 0);
        let found: Vec<_> = found.map(|open| (open.queue, open.age, open.cases)).collect();
        let expected =
            age.map(|age| [(ReviewQueue::Credit, age, 2), (ReviewQueue::Security, age, 1)]);
        assert_eq!(found, expected.into_iter().flatten().collect::<Vec<_>>(), "{later:?}");
    }
}

#[tokio::test]
async fn of_many_who_take_a_case_one_has_it() {
    let book = book_of_anna().await;
    let other = replica(&book).await;
    for _ in 0..20 {
        let id = under_review(&book.ledger, "anna", ReviewQueue::Security).await.record.id;
        let case = case_of(&book.ledger, id).await;
        let barrier = Arc::new(Barrier::new(8));
        let claims = (0..8).map(|number| {
            let ledger = if number % 2 == 0 { book.ledger.clone() } else { other.clone() };
            let barrier = Arc::clone(&barrier);
            let write = taking(&case, &format!("person-{number}"));
            tokio::spawn(async move {
                barrier.wait().await;
                ledger.change_case(claim(), write).await
            })
        });
        let mut taken = Vec::new();
        for claim in claims.collect::<Vec<_>>() {
            match claim.await.unwrap() {
                Ok(Written::Now(answer)) => taken.push(answer.case),
                other => assert_eq!(other, Err(Error::Conflict)),
            }
        }
        assert_eq!(taken.len(), 1);
        assert_eq!(case_of(&book.ledger, id).await, taken[0]);
        assert_eq!(book.ledger.review_actions(id).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_claim_that_was_renewed_meanwhile_is_not_taken() {
    let book = book_of_anna().await;
    let id = under_review(&book.ledger, "anna", ReviewQueue::Security).await.record.id;
    let free = case_of(&book.ledger, id).await;
    now_of(book.ledger.change_case(claim(), taking(&free, "anna")).await);
    let held = case_of(&book.ledger, id).await;
    let later = NOW + Span::minutes(14);
    let renewal = CaseWrite::renewal(&held, held.renewed(later));
    now_of(book.ledger.change_case(claim_at(later), renewal).await);
    // Read before, when the claim was about to end; the version is the same.
    let late = NOW + Span::minutes(15);
    let taking = CaseWrite { after: held.taken("ben", late), ..taking(&held, "ben") };
    assert_eq!(book.ledger.change_case(claim_at(late), taking).await, Err(Error::Conflict));
    assert_eq!(case_of(&book.ledger, id).await.claim.unwrap().claimant, "anna");
}

#[tokio::test]
async fn a_change_is_answered_once_and_hits_one_version() {
    let book = book_of_anna().await;
    let id = under_review(&book.ledger, "anna", ReviewQueue::Credit).await.record.id;
    let case = case_of(&book.ledger, id).await;
    let (key, write) = (claim(), taking(&case, "anna"));
    let first = now_of(book.ledger.change_case(key.clone(), write.clone()).await);
    match book.ledger.change_case(key, write).await.unwrap() {
        Written::Before(answer) => assert_eq!(answer.read::<CaseAnswer>().unwrap(), first),
        other => panic!("{other:?}"),
    }
    let stale = CaseWrite::change(&case, case.released(), by("x", ReviewActionKind::Released));
    assert_eq!(book.ledger.change_case(claim(), stale).await, Err(Error::Conflict));
    let over = claim_at(NOW + Span::hours(24));
    let late = CaseWrite::renewal(&first.case, first.case.renewed(over.now));
    assert_eq!(book.ledger.change_case(over, late).await, Err(Error::Conflict));
}

#[tokio::test]
async fn a_case_ends_in_the_commit_that_replaces_its_decision() {
    let book = book_of_anna().await;
    let old = under_review(&book.ledger, "anna", ReviewQueue::Security).await.record.id;
    let free = case_of(&book.ledger, old).await;
    let replacing = |resolution| AssessCommit {
        supersedes: Some(old),
        resolution: Some(resolution),
        ..order("anna", 5_000)
    };
    // Nobody has it; then somebody else does, and then it is another version.
    let refused = Ok(Assessed::CaseChanged);
    assert_eq!(assess(&book.ledger, replacing(resolving(&free, "anna"))).await, refused);
    let held = now_of(book.ledger.change_case(claim(), taking(&free, "anna")).await).case;
    assert_eq!(assess(&book.ledger, replacing(resolving(&held, "ben"))).await, refused);
    assert_eq!(assess(&book.ledger, replacing(resolving(&free, "anna"))).await, refused);
    assert_eq!(held_of(&book.ledger).await, (0, 0));

    let commit = replacing(resolving(&held, "anna"));
    assert_eq!(assess(&book.ledger, commit.clone()).await, Ok(Assessed::Recorded));
    let found = book.ledger.review_case(old).await.unwrap().unwrap();
    assert_eq!(found.decision.progress.superseded_by, Some(commit.record.id));
    assert_eq!(found.case.result.unwrap().resolver, "anna");
    assert_eq!(held_of(&book.ledger).await, (0, 5_000));
    let actions = book.ledger.review_actions(old).await.unwrap();
    assert_eq!(actions.last().unwrap().kind, ReviewActionKind::Resolved);
    assert_eq!(
        assess(&book.ledger, replacing(resolving(&held, "anna"))).await,
        Ok(Assessed::NotPending)
    );
    assert_sound(&book.ledger, NOW).await;
}

async fn held_of(ledger: &Ledger) -> (i64, i64) {
    held(ledger, "anna", NOW).await
}

#[tokio::test]
async fn of_two_who_decide_at_once_one_does() {
    let book = book_of_anna().await;
    let other = replica(&book).await;
    for _ in 0..20 {
        let old = under_review(&book.ledger, "anna", ReviewQueue::Security).await.record.id;
        let free = case_of(&book.ledger, old).await;
        let case = now_of(book.ledger.change_case(claim(), taking(&free, "anna")).await).case;
        let both = [book.ledger.clone(), other.clone()].map(|ledger| {
            let commit = AssessCommit {
                supersedes: Some(old),
                resolution: Some(resolving(&case, "anna")),
                ..order("anna", 100)
            };
            tokio::spawn(async move { assess(&ledger, commit).await.unwrap() })
        });
        let mut recorded = 0;
        for one in both {
            match one.await.unwrap() {
                Assessed::Recorded => recorded += 1,
                Assessed::NotPending | Assessed::CaseChanged => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(recorded, 1);
    }
    assert_eq!(held_of(&book.ledger).await, (0, 2_000));
    assert_sound(&book.ledger, NOW).await;
}

#[tokio::test]
async fn free_cases_come_by_their_time_and_leave_out_what_waits() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(under_review(ledger, "anna", ReviewQueue::Security).await.record.id);
    }
    let free = async |second| {
        let queues = [ReviewQueue::Security];
        let found = ledger.free_cases(&queues, second, NOW, 10).await.unwrap();
        found.into_iter().map(|case| case.id).collect::<Vec<_>>()
    };
    assert_eq!(free(None).await, ids);
    let waits =
        [(ids[0], ReviewWait::Information, None), (ids[1], ReviewWait::SecondPerson, Some("anna"))];
    for (id, wait, approver) in waits {
        let case = case_of(ledger, id).await;
        let action = by("anna", ReviewActionKind::ApprovedFirst);
        let write = CaseWrite::change(&case, case.waiting(wait, approver), action);
        now_of(ledger.change_case(claim(), write).await);
    }
    now_of(
        ledger
            .cancel(
                claim(),
                Cancel { decision: ids[2], reason: "CUSTOMER".into(), taken_back: None },
            )
            .await,
    );
    assert_eq!(free(None).await, ids[3..]);
    assert_eq!(free(Some("anna")).await, ids[3..]);
    assert_eq!(free(Some("lea")).await, [ids[1], ids[3]]);
    let filter = ReviewCaseFilter {
        queues: vec![ReviewQueue::Security],
        page_size: 10,
        ..ReviewCaseFilter::default()
    };
    assert_eq!(ledger.count_review_cases(&filter, NOW).await, Ok(3));
    assert_eq!(ledger.count_review_cases(&filter, NOW + Span::hours(24)).await, Ok(0));
}

#[tokio::test]
async fn what_waits_when_cases_are_introduced_has_one() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let mut waits = Vec::new();
    let queues = [ReviewQueue::Compliance, ReviewQueue::Credit, ReviewQueue::Identity];
    for queue in queues.into_iter().chain([ReviewQueue::Security]) {
        waits.push((under_review(ledger, "anna", queue).await.record.id, queue));
    }
    let ended = under_review(ledger, "anna", ReviewQueue::Credit).await.record.id;
    let cancel = Cancel { decision: ended, reason: "CUSTOMER".into(), taken_back: None };
    now_of(ledger.cancel(claim(), cancel).await);
    let stepping = pending("anna", 1_000);
    assert_eq!(assess(ledger, stepping).await, Ok(Assessed::Recorded));
    let migration = include_str!("../migrations/0004_reviews.sql");
    let filling = &migration[migration.find("INSERT INTO review_cases").unwrap()..];
    ledger
        .write(move |connection| {
            Box::pin(async move {
                query("DELETE FROM review_cases").execute(connection).await?;
                query(filling).execute(connection).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    for (id, queue) in waits {
        let found = ledger.review_case(id).await.unwrap().unwrap();
        let waits = if queue == ReviewQueue::Credit { 120 } else { 15 };
        assert_eq!((found.case.queue, found.case.version), (queue, 1));
        assert_eq!(found.case.due, NOW + Span::minutes(waits));
        assert_eq!(found.case.expires, NOW + Span::hours(24));
    }
    assert_eq!(ledger.review_case(ended).await, Ok(None));
    let market = Country::parse("DE").ok();
    let filter = ReviewCaseFilter {
        queues: ReviewQueue::ALL.to_vec(),
        page_size: 10,
        market,
        ..ReviewCaseFilter::default()
    };
    assert_eq!(ledger.review_cases(&filter, NOW).await.unwrap().len(), 4);
}
