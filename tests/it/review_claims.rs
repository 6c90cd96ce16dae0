//! Who has a case: one of many, for a quarter of an hour.

use std::collections::BTreeSet;
use std::sync::Arc;

use surety::domain::Span;
use surety::grpc::pb;
use tokio::sync::Barrier;
use tonic::Code;

use crate::support::{
    ANNA, BEN, LEA, TestApp, claiming, new_id, noting, refusal, refused, replayed, stamp, ten_cases,
};

fn claimed() -> (Code, String) {
    (Code::Aborted, "ALREADY_CLAIMED".to_owned())
}

#[test]
fn one_case_is_claimed_by_one_of_many() {
    let app = TestApp::start();
    app.given_regular("fought", 100_000);
    for round in 0..5 {
        let id = app.under_review("fought", 4_500 + round).decision_id;
        let winners = app.block_on(async {
            let barrier = Arc::new(Barrier::new(16));
            let tasks = (0..16).map(|number| {
                let (mut client, barrier) = (app.reviews(), Arc::clone(&barrier));
                let mut request = ANNA.asks(claiming(&id));
                let name = format!("person-{number}").parse().unwrap();
                request.metadata_mut().insert("surety-caller", name);
                tokio::spawn(async move {
                    barrier.wait().await;
                    client.claim_review_case(request).await
                })
            });
            let mut winners = 0;
            for task in tasks.collect::<Vec<_>>() {
                match task.await.unwrap() {
                    Ok(_) => winners += 1,
                    Err(status) => {
                        assert_eq!(refusal(&status), claimed());
                        assert!(status.message().contains("person-"), "{}", status.message());
                    }
                }
            }
            winners
        });
        assert_eq!(winners, 1);
        app.advance(Span::minutes(20));
    }
}

#[test]
fn many_who_claim_the_next_case_get_one_each() {
    let app = TestApp::start();
    let all = ten_cases(&app);
    let taken = app.block_on(async {
        let barrier = Arc::new(Barrier::new(16));
        let tasks = (0..16).map(|number| {
            let (mut client, barrier) = (app.reviews(), Arc::clone(&barrier));
            let request = pb::ClaimNextReviewCaseRequest {
                request_id: new_id(),
                queue: pb::ReviewQueue::Security.into(),
            };
            let mut request = ANNA.asks(request);
            let name = format!("person-{number}").parse().unwrap();
            request.metadata_mut().insert("surety-caller", name);
            tokio::spawn(async move {
                barrier.wait().await;
                client.claim_next_review_case(request).await
            })
        });
        let mut taken = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            match task.await.unwrap() {
                Ok(answer) => taken.extend(answer.into_inner().review_case),
                Err(status) => assert_eq!(refusal(&status).1, "CASES_CONTENDED"),
            }
        }
        taken
    });
    let different: BTreeSet<&String> = taken.iter().map(|case| &case.case_id).collect();
    assert_eq!(different.len(), taken.len(), "nobody got another's case");
    assert_eq!(different, all.iter().collect());
    let people: BTreeSet<_> =
        taken.iter().map(|case| &case.claim.as_ref().unwrap().claimant).collect();
    assert_eq!(people.len(), 10);
}

#[test]
fn a_claim_lasts_a_quarter_of_an_hour_and_activity_renews_it() {
    let app = TestApp::start();
    app.given_regular("leased", 100_000);
    let id = app.under_review("leased", 4_500).decision_id;
    let case = app.claim(ANNA, &id).unwrap();
    let end = app.now() + Span::minutes(15);
    assert_eq!(case.claim.as_ref().unwrap().expire_time, Some(stamp(end)));
    app.advance(Span::minutes(14));
    app.note(ANNA, noting(&id, "left a message for the customer")).unwrap();
    app.advance(Span::minutes(14));
    let renewed = app.claim(ANNA, &id).unwrap();
    let noted = app.case(ANNA, &id).unwrap().review_case.unwrap();
    assert_eq!(renewed.etag, noted.etag, "a claim that is renewed changes nothing");
    app.advance_to(app.now() + Span::minutes(15) - Span::micros(1));
    let status = app.claim(BEN, &id).unwrap_err();
    assert_eq!(refusal(&status), claimed());
    assert!(status.message().contains("anna"), "{}", status.message());
    app.advance(Span::micros(1));
    assert_eq!(app.claim(BEN, &id).unwrap().claim.unwrap().claimant, "ben");
    assert_eq!(refused(app.release(ANNA, &id)), claimed());
    let free = app.release(BEN, &id).unwrap();
    assert_eq!((free.state(), free.claim), (pb::ReviewCaseState::Open, None));
    assert_eq!(app.release(BEN, &id).unwrap().etag, free.etag, "it is free already");
    // With the version that was read before somebody wrote.
    let stale = pb::ClaimReviewCaseRequest { etag: noted.etag, ..claiming(&id) };
    assert_eq!(refused(app.try_claim(ANNA, stale)), (Code::Aborted, "ETAG_MISMATCH".to_owned()));
}

#[test]
fn a_late_duplicate_of_what_changed_nothing_changes_nothing() {
    let app = TestApp::start();
    app.given_regular("late", 100_000);
    let queue = pb::ReviewQueue::Security.into();
    let next = pb::ClaimNextReviewCaseRequest { request_id: new_id(), queue };
    let claim_next = || {
        let request = ANNA.asks(next.clone());
        let answer = app.block_on(app.reviews().claim_next_review_case(request)).unwrap();
        (replayed(&answer), answer.into_inner().review_case)
    };
    assert_eq!(claim_next(), (false, None));
    let id = app.under_review("late", 4_500).decision_id;
    assert_eq!(claim_next(), (true, None));

    let free = pb::ReleaseReviewCaseRequest { request_id: new_id(), case_id: id.clone() };
    let release = || {
        let request = ANNA.asks(free.clone());
        let answer = app.block_on(app.reviews().release_review_case(request)).unwrap();
        (replayed(&answer), answer.into_inner().review_case.unwrap().etag)
    };
    let (first, etag) = release();
    let held = app.claim(ANNA, &id).unwrap();
    assert_eq!((first, release()), (false, (true, etag)));
    assert_eq!(app.case(ANNA, &id).unwrap().review_case.unwrap(), held);
}

#[test]
fn a_lead_takes_and_frees_what_others_have() {
    let app = TestApp::start();
    app.given_regular("lead", 100_000);
    let id = app.under_review("lead", 4_500).decision_id;
    app.claim(ANNA, &id).unwrap();
    let taking = || pb::ClaimReviewCaseRequest { reassign: true, ..claiming(&id) };
    assert_eq!(refused(app.try_claim(BEN, taking())), claimed());
    assert_eq!(refused(app.claim(LEA, &id)), claimed(), "not by chance");
    let case = app.try_claim(LEA, taking()).unwrap().into_inner().review_case.unwrap();
    assert_eq!(case.claim.unwrap().claimant, "lea");
    app.release(LEA, &id).unwrap();
    app.claim(ANNA, &id).unwrap();
    app.release(LEA, &id).unwrap();
    let told = app.case(LEA, &id).unwrap().timeline;
    let told: Vec<_> =
        told.iter().map(|a| (a.kind(), a.actor.as_str(), a.detail.as_str())).collect();
    use pb::ReviewActionKind::{Claimed, Reassigned, Released};
    assert_eq!(
        told,
        [
            (Claimed, "anna", ""),
            (Reassigned, "lea", "anna"),
            (Released, "lea", "lea"),
            (Claimed, "anna", ""),
            (Released, "lea", "anna"),
        ]
    );
}
