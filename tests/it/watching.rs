//! Watching a decision until it is decided.

use std::time::{Duration, Instant};

use surety::domain::Span;
use surety::grpc::pb;
use tonic::{Code, Status, Streaming};

use crate::staff_reads::on_record;
use crate::support::{
    ANNA, Approved, Declined, ManualReview, Staff, TestApp, by, codes, new_id, purchase, refusal,
    verdict,
};

/// Longer than a watch needs to look by itself.
const PATIENCE: Duration = Duration::from_secs(10);

type Watched = Streaming<pb::WatchDecisionResponse>;

impl TestApp {
    fn watch(&self, id: &str) -> Result<Watched, Status> {
        self.watch_as(by("auditor", watching(id)))
    }

    fn watch_as(
        &self,
        request: tonic::Request<pb::WatchDecisionRequest>,
    ) -> Result<Watched, Status> {
        let answer = self.raw(|mut client| async move { client.watch_decision(request).await })?;
        Ok(answer.into_inner())
    }

    /// The next message, or the end.
    fn seen(&self, stream: &mut Watched) -> Option<pb::Decision> {
        let next = self.block_on(async { tokio::time::timeout(PATIENCE, stream.message()).await });
        next.expect("a message in time").unwrap().map(|message| message.decision.unwrap())
    }

    /// That no message comes for a while.
    fn nothing(&self, stream: &mut Watched) {
        let wait = Duration::from_millis(100);
        let next = self.block_on(async { tokio::time::timeout(wait, stream.message()).await });
        assert!(next.is_err(), "{next:?}");
    }
}

fn watching(id: &str) -> pb::WatchDecisionRequest {
    pb::WatchDecisionRequest { decision_id: id.to_owned() }
}

#[test]
fn a_resolved_review_is_seen_at_once_and_ends_the_stream() {
    let app = TestApp::start();
    app.given_regular("watched", 100_000);
    let pending = app.under_review("watched", 4_500);
    let mut stream = app.watch(&pending.decision_id).unwrap();
    assert_eq!(app.seen(&mut stream).unwrap(), pending);
    let case = app.claim(ANNA, &pending.decision_id).unwrap();
    app.nothing(&mut stream);
    app.resolve(ANNA, verdict(&case, pb::ReviewVerdict::Approve)).unwrap();
    let made = app.seen(&mut stream).unwrap();
    assert_eq!((made.outcome(), made.state()), (Approved, pb::DecisionState::Final));
    assert_ne!(made.decision_id, pending.decision_id);
    assert_eq!(app.seen(&mut stream), None);
    // Who comes late is told the outcome, and nothing else.
    let mut stream = app.watch(&pending.decision_id).unwrap();
    assert_eq!(app.seen(&mut stream).unwrap().decision_id, made.decision_id);
    assert_eq!(app.seen(&mut stream), None);
}

#[test]
fn a_stream_follows_a_decision_through_step_ups() {
    let app = TestApp::start();
    app.given_regular("followed", 100_000);
    let pending = app.under_review("followed", 4_500);
    let mut stream = app.watch(&pending.decision_id).unwrap();
    app.seen(&mut stream).unwrap();
    let case = app.claim(ANNA, &pending.decision_id).unwrap();
    let request = pb::ResolveReviewCaseRequest {
        step_up_kinds: vec![pb::StepUpKind::OneTimeCode.into()],
        ..verdict(&case, pb::ReviewVerdict::RequestStepUp)
    };
    app.resolve(ANNA, request).unwrap();
    let asked = app.seen(&mut stream).unwrap();
    assert_eq!((asked.outcome(), asked.state()), (ManualReview, pb::DecisionState::Pending));
    assert!(asked.step_up.is_some());
    let made = app.step_up(&asked, true);
    assert_eq!(app.seen(&mut stream).unwrap(), made);
    assert_eq!(app.seen(&mut stream), None);
    // Each of them is on record as read.
    let reads = on_record(&app).into_iter().filter(|read| read.call == "WatchDecision");
    let read: Vec<String> = reads.map(|read| read.seen.decisions[0].to_string()).collect();
    assert_eq!(read, [pending, asked, made].map(|decision| decision.decision_id));
}

#[test]
fn the_end_of_the_time_and_a_cancellation_end_a_stream() {
    let app = TestApp::start();
    app.given_regular("ended", 100_000);
    let late = app.under_review("ended", 4_500);
    let mut stream = app.watch(&late.decision_id).unwrap();
    app.seen(&mut stream).unwrap();
    app.advance(Span::hours(24));
    let lapsed = app.seen(&mut stream).unwrap();
    assert_eq!((lapsed.outcome(), lapsed.state()), (Declined, pb::DecisionState::Expired));
    assert_eq!(codes(&lapsed), ["REVIEW_NOT_COMPLETED_IN_TIME"]);
    assert_eq!(app.seen(&mut stream), None);

    let taken_back = app.under_review("ended", 4_600);
    let mut stream = app.watch(&taken_back.decision_id).unwrap();
    app.seen(&mut stream).unwrap();
    app.cancel(&taken_back, pb::CancelReason::Customer);
    assert_eq!(app.seen(&mut stream).unwrap().state(), pb::DecisionState::Canceled);
    assert_eq!(app.seen(&mut stream), None);

    let plain = app.buy(purchase("ended", 4_500));
    let mut stream = app.watch(&plain.decision_id).unwrap();
    assert_eq!(app.seen(&mut stream).unwrap(), plain);
    assert_eq!(app.seen(&mut stream), None);
}

#[test]
fn a_watch_is_for_who_may_see_the_decision() {
    let app = TestApp::start();
    app.given_regular("private", 100_000);
    let pending = app.under_review("private", 4_500);
    let not_found = (Code::NotFound, "DECISION_NOT_FOUND".to_owned());
    let other = Staff("checkout", "another-shop").asks(watching(&pending.decision_id));
    assert_eq!(refusal(&app.watch_as(other).unwrap_err()), not_found);
    assert_eq!(refusal(&app.watch(&new_id()).unwrap_err()), not_found);
    assert_eq!(app.watch("x").unwrap_err().code(), Code::InvalidArgument);
    let staff = by("reviewer", watching(&pending.decision_id));
    assert_eq!(app.watch_as(staff).unwrap_err().code(), Code::PermissionDenied);
    // The shop that asked sees what a shop may see, of what a reviewer made too.
    let own = tonic::Request::new(watching(&pending.decision_id));
    let mut stream = app.watch_as(own).unwrap();
    let seen = app.seen(&mut stream).unwrap();
    assert!(seen.reasons.iter().all(|reason| reason.evidence.is_empty()));
    app.approve(ANNA, &pending.decision_id);
    let made = app.seen(&mut stream).unwrap();
    assert_eq!(made.outcome(), Approved);
    app.confirm(&made);
}

#[test]
fn streams_that_are_dropped_leave_room_for_others() {
    let app = TestApp::start();
    app.given_regular("dropped", 100_000);
    let pending = app.under_review("dropped", 4_500);
    // More than there may be at once.
    for _ in 0..1_100 {
        let mut stream = app.watch(&pending.decision_id).unwrap();
        assert!(app.seen(&mut stream).is_some());
    }
}

#[test]
fn one_caller_s_open_streams_leave_room_for_others() {
    let app = TestApp::start();
    app.given_regular("crowded", 100_000);
    let pending = app.under_review("crowded", 4_500);
    let watch = |name| app.watch_as(Staff("auditor", name).asks(watching(&pending.decision_id)));
    let open: Vec<_> = (0..128).map(|_| watch("greedy").unwrap()).collect();
    let refused = refusal(&watch("greedy").unwrap_err());
    assert_eq!(refused, (Code::Unavailable, "SHEDDING".to_owned()));
    app.seen(&mut watch("modest").unwrap()).unwrap();
    drop(open);
}

#[test]
fn an_open_stream_does_not_hold_the_stop() {
    let mut app = TestApp::start();
    app.given_regular("stopped", 100_000);
    let pending = app.under_review("stopped", 4_500);
    let mut stream = app.watch(&pending.decision_id).unwrap();
    app.seen(&mut stream).unwrap();
    let begun = Instant::now();
    assert_eq!(app.stop(), Vec::<String>::new());
    assert!(begun.elapsed() < Duration::from_secs(9), "the drain did not wait for it");
    let end = app.block_on(stream.message()).unwrap_err();
    assert_eq!(end.code(), Code::Unavailable, "{end}");
    app.resume();
    let mut stream = app.watch(&pending.decision_id).unwrap();
    assert_eq!(app.seen(&mut stream).unwrap(), pending);
}
