//! What was kept long enough goes, a few rows at a time, and nothing else.

use super::*;

fn row(time: Time) -> SignalRow {
    SignalRow { time, kind: "sign_in", payload: "{}".into() }
}

async fn told(ledger: &Ledger, (time, recorded): (Time, Time), kind: EventKind) {
    let id = EventId::parse(&format!("told-{}", draw())).unwrap();
    let event = AccountEvent { id, account: account_id("anna"), time, kind };
    let results =
        now_of(ledger.record_events(claim_at(recorded), vec![(event, Some(row(time)))]).await);
    assert_eq!(results[0].status, EventFate::Applied);
}

fn signed_in() -> EventKind {
    EventKind::SignIn { strength: None, parties: Parties::default(), position: None }
}

/// A decision made then, with what was sent.
pub async fn decided(ledger: &Ledger, created: Time) -> DecisionId {
    let mut commit = order("anna", 1_000);
    let millis = u64::try_from(created.as_micros() / 1_000).unwrap();
    let random: [u8; 10] = *commit.record.id.0.as_bytes()[6..].first_chunk().unwrap();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    commit.record.id = DecisionId(id);
    commit.record.created = created;
    commit.record.decision.outcome = Outcome::Declined;
    commit.signal_event = Some(row(created));
    assert_eq!(ledger.assess(commit).await, Ok(Assessed::Recorded));
    DecisionId(id)
}

#[tokio::test]
async fn raw_contexts_go_by_the_time_of_their_decision() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let day = |number| NOW + Span::days(number);
    let mut ids = Vec::new();
    for number in [0, 1, 2, 3] {
        ids.push(decided(ledger, day(number)).await);
    }
    // To the microsecond: what is just as old stays.
    assert_eq!(ledger.drop_raw_contexts(day(2), 1).await, Ok(1));
    assert_eq!(ledger.drop_raw_contexts(day(2), 9).await, Ok(1));
    assert_eq!(ledger.drop_raw_contexts(day(2), 9).await, Ok(0));
    let sent = ledger.sent_about(&holder("anna"), 9).await.unwrap();
    let kept: Vec<DecisionId> =
        sent.iter().filter(|sent| sent.raw_context.is_some()).map(|sent| sent.id).collect();
    assert_eq!(kept, [ids[3], ids[2]]);
    assert!(ledger.decision(ids[0]).await.unwrap().is_some(), "decisions stay");
    assert_sound(ledger, NOW).await;
}

#[tokio::test]
async fn signal_rows_go_the_oldest_first_and_never_the_last() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let day = |number| NOW + Span::days(number);
    for number in [0, 1, 2] {
        told(ledger, (day(number), day(number)), signed_in()).await;
    }
    assert_eq!(ledger.drop_signal_events(day(1), 9).await, Ok(1));
    assert_eq!(ledger.drop_signal_events(day(9), 1).await, Ok(1));
    assert_eq!(ledger.drop_signal_events(day(9), 9).await, Ok(0), "the last one stays");
    let left = ledger.signal_events(0, 9).await.unwrap();
    assert_eq!(left.iter().map(|row| row.time).collect::<Vec<_>>(), [day(2)]);
}

#[tokio::test]
async fn events_go_by_when_they_were_recorded_but_what_holds_until_more_is_said() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let day = |number| NOW + Span::days(number);
    told(ledger, (day(0), day(0)), signed_in()).await;
    told(ledger, (day(0), day(0)), EventKind::SupportPlan { active: true }).await;
    told(ledger, (day(0), day(5)), signed_in()).await;
    told(ledger, (day(1), day(1)), signed_in()).await;
    let (mut place, mut dropped, mut steps) = (Some(EventPlace::default()), 0, 0);
    while let Some(from) = place {
        let (some, next) = ledger.drop_events(from, day(2), 2).await.unwrap();
        (place, dropped, steps) = (next, dropped + some, steps + 1);
    }
    assert_eq!((dropped, steps), (2, 3));
    assert_eq!(standing_at(ledger, "anna", day(9)).await.support_plan_active, Some(true));
}

/// Verifies all chains; gives how many decisions they hold.
pub async fn proved(book: &Book) -> u64 {
    let mut chains = Chains::open(&book.place).await.unwrap();
    assert_eq!(chains.strangers().await, Ok(0));
    let found = chains.verify((None, None), || ()).await.unwrap();
    found.into_iter().map(|chain| chain.unwrap().decisions).sum()
}

#[tokio::test]
async fn decisions_go_behind_a_checkpoint_and_what_is_owed_stays() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let day = |number| NOW + Span::days(number);
    let owed = bought(ledger, "anna", 700).await;
    let mut ids = Vec::new();
    for number in [1, 2, 3, 4] {
        ids.push(decided(ledger, day(number)).await);
    }
    assert_eq!(proved(&book).await, 5);
    while ledger.drop_answers(day(3), 1).await.unwrap() > 0 {}
    while ledger.drop_codes(day(3), 1).await.unwrap() > 0 {}
    let mut dropped = 0;
    loop {
        // A batch at a time, and after each of them the rest is proved.
        match ledger.drop_decisions(day(3), 1).await.unwrap() {
            0 => break,
            some => dropped += some,
        }
        assert_eq!(proved(&book).await, 5 - dropped);
        assert_sound(ledger, day(4)).await;
    }
    assert_eq!(dropped, 3);
    assert_eq!(ledger.decision(owed).await, Ok(None));
    assert_eq!(ledger.decision(ids[0]).await, Ok(None));
    for id in &ids[2..] {
        assert!(ledger.decision(*id).await.unwrap().is_some());
    }
    assert_eq!(held(ledger, "anna", day(4)).await, (700, 0));
    // The chain goes on.
    decided(ledger, day(5)).await;
    assert_eq!(proved(&book).await, 3);
}

#[tokio::test]
async fn what_was_tampered_with_is_not_dropped() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    decided(ledger, NOW).await;
    let remove = ledger.write(|connection| Box::pin(connection.run("DELETE FROM decisions")));
    remove.await.unwrap();
    assert_eq!(ledger.drop_decisions(NOW + Span::days(9), 9).await, Ok(0));
    let found = Chains::open(&book.place).await.unwrap().verify((None, None), || ()).await.unwrap();
    assert!(found.iter().any(Result::is_err));
}

/// Drops all events of before that time.
async fn drop_all_events(ledger: &Ledger, before: Time) -> u64 {
    let (mut place, mut dropped) = (Some(EventPlace::default()), 0);
    while let Some(from) = place {
        let (some, next) = ledger.drop_events(from, before, 9).await.unwrap();
        (place, dropped) = (next, dropped + some);
    }
    dropped
}

#[tokio::test]
async fn a_refund_that_is_sent_again_after_its_event_was_dropped_does_not_count_twice() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let plan = bought(ledger, "anna", 1_000).await;
    let day = |number| NOW + Span::days(number);
    let order = OrderName::Decision(plan);
    let send = async |name: &str, time, kind: &EventKind| {
        let id = EventId::parse(name).unwrap();
        let event = AccountEvent { id, account: account_id("anna"), time, kind: kind.clone() };
        let claim = claim_at(day(800));
        now_of(ledger.record_events(claim, vec![(event, None)]).await).remove(0).status
    };
    let refund = EventKind::Refund { order, amount: money(300) };
    let repaid = EventKind::Repayment {
        plan_id: plan.to_string(),
        amount: money(100),
        due: day(30),
        paid: day(1),
    };
    told(ledger, (day(1), day(1)), signed_in()).await;
    for (name, kind) in [("refund", &refund), ("repaid", &repaid)] {
        let id = EventId::parse(name).unwrap();
        let event =
            AccountEvent { id, account: account_id("anna"), time: day(1), kind: kind.clone() };
        now_of(ledger.record_events(claim_at(day(1)), vec![(event, None)]).await);
    }
    // Recorded at once and yet of later: this one is not dropped before its own time.
    told(ledger, (day(3), day(1)), signed_in()).await;
    assert_eq!(held(ledger, "anna", day(1)).await, (600, 0));
    assert_eq!(drop_all_events(ledger, day(2)).await, 3);
    for _ in 0..2 {
        let again = send("refund", day(1), &refund).await;
        let EventFate::Rejected(why) = again else { panic!("{again:?}") };
        assert!(why.starts_with("it happened more than 798 days ago"), "{why}");
        // What is always known again is a duplicate, or new, however old.
        assert_eq!(send("repaid", day(1), &repaid).await, EventFate::Duplicate);
        assert_eq!(held(ledger, "anna", day(800)).await, (600, 0));
    }
    let support = EventKind::SupportPlan { active: true };
    assert_eq!(send("support", day(0), &support).await, EventFate::Applied);
    // A refund of today counts, of however old a purchase.
    assert_eq!(send("refund-2", day(2), &refund).await, EventFate::Applied);
    assert_eq!(send("refund-2", day(2), &refund).await, EventFate::Duplicate);
    assert_eq!(held(ledger, "anna", day(800)).await, (300, 0));
    // A longer age, or another process with a longer one, does not open the past again.
    assert_eq!(drop_all_events(ledger, day(1)).await, 0);
    assert!(matches!(send("refund", day(1), &refund).await, EventFate::Rejected(_)));
    assert_sound(ledger, day(800)).await;
}

/// What becomes of an event of anna's, told now.
async fn tell(ledger: &Ledger, time: Time, kind: EventKind) -> EventFate {
    let id = EventId::parse(&format!("told-{}", draw())).unwrap();
    let event = AccountEvent { id, account: account_id("anna"), time, kind };
    now_of(ledger.record_events(claim_at(time), vec![(event, None)]).await).remove(0).status
}

#[tokio::test]
async fn what_is_owed_is_found_when_its_decision_was_dropped() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let mut commit = order("anna", 1_000);
    commit.record.order_reference = Some("W-1".into());
    let id = commit.record.id;
    assert_eq!(assess(ledger, commit).await, Ok(Assessed::Recorded));
    now_of(ledger.confirm(claim(), capture_of(id, 1_000)).await);
    let later = NOW + Span::days(800);
    while ledger.drop_answers(later, 9).await.unwrap() > 0 {}
    assert_eq!(ledger.drop_decisions(later, 9).await, Ok(1));
    // Refused later under the same name, which is not what money goes back for.
    let mut refused = order("anna", 1_000);
    refused.record.order_reference = Some("W-1".into());
    refused.record.decision.outcome = Outcome::Declined;
    refused.record.created = later;
    assert_eq!(assess(ledger, refused).await, Ok(Assessed::Recorded));

    let (by_id, by_name) = (OrderName::Decision(id), OrderName::OrderReference("W-1".into()));
    for order in [by_id.clone(), by_name.clone()] {
        let refund = EventKind::Refund { order, amount: money(100) };
        assert_eq!(tell(ledger, later, refund).await, EventFate::Applied);
    }
    assert_eq!(held(ledger, "anna", later).await, (800, 0));
    let foreign = Money::new(5, Currency::parse("SEK").unwrap()).unwrap();
    let foreign = EventKind::Refund { order: by_id, amount: foreign };
    assert!(matches!(tell(ledger, later, foreign).await, EventFate::Rejected(_)));

    assert_eq!(standing_at(ledger, "anna", later).await.plans.open, 1);
    let back = EventKind::Return { order: by_name, under_way: true };
    assert_eq!(tell(ledger, later, back).await, EventFate::Applied);
    assert_eq!(standing_at(ledger, "anna", later).await.plans.open, 0);
    assert!(standing_at(ledger, "anna", later).await.plans.days_overdue > 700);
    let disputed = EventKind::Dispute { decision: id, opened: true };
    assert_eq!(tell(ledger, later, disputed).await, EventFate::Applied);
    assert_eq!(standing_at(ledger, "anna", later).await.plans.days_overdue, 0);
    let answered = EventKind::BankAnswer { decision: id, response: "05".into() };
    assert_eq!(tell(ledger, later, answered).await, EventFate::Applied);
    assert_eq!(held(ledger, "anna", later).await, (800, 0));

    let nobodys = EventKind::Dispute { decision: DecisionId(Uuid::max()), opened: true };
    assert_eq!(tell(ledger, later, nobodys).await, EventFate::rejected("unknown decision"));
    assert_sound(ledger, later).await;
}

#[tokio::test]
async fn a_decision_stays_while_it_holds_a_part_of_the_limit() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    approved(ledger, "anna", 1_000).await;
    let (soon, end) = (NOW + Span::minutes(1), NOW + Span::minutes(60));
    assert_eq!(ledger.drop_decisions(soon, 9).await, Ok(0));
    assert_eq!(held(ledger, "anna", soon).await, (0, 1_000));
    while ledger.drop_answers(end, 9).await.unwrap() > 0 {}
    assert_eq!(ledger.drop_decisions(end, 9).await, Ok(1));
    assert_eq!(held(ledger, "anna", end).await, (0, 0));
    assert_sound(ledger, end).await;
}
