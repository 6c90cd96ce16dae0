//! What training reads: captured approvals in order, whose misuse is whose, plans as told.

use super::events::tell;
use super::*;

async fn past(book: &Book) -> Past {
    Past::open(&book.place).await.unwrap()
}

/// Records one event, told so late.
async fn tell_at(ledger: &Ledger, now: Time, (time, kind): (Time, EventKind)) {
    let id = EventId::parse(&format!("told-{}", draw())).unwrap();
    let event = AccountEvent { id, account: account_id("anna"), time, kind };
    let results = now_of(ledger.record_events(claim_at(now), vec![(event, None)]).await);
    assert_eq!(results[0].status, EventFate::Applied);
}

fn misuse(decision: DecisionId) -> EventKind {
    EventKind::ConfirmedMisuse { decision, scope: MisuseScope::Account }
}

fn charged_back(decision: DecisionId) -> EventKind {
    EventKind::Chargeback { decision, amount: money(1_000), reason: "4837".into() }
}

fn repaid(plan: DecisionId, (due, paid): (Time, Time)) -> EventKind {
    EventKind::Repayment { plan_id: plan.to_string(), amount: money(400), due, paid }
}

/// Records what is to be captured, and captures it.
async fn captured(ledger: &Ledger, commit: AssessCommit) -> DecisionId {
    let (id, amount) = (commit.record.id, commit.record.amount.minor());
    assert_eq!(assess(ledger, commit).await, Ok(Assessed::Recorded));
    now_of(ledger.confirm(claim(), capture_of(id, amount)).await);
    id
}

#[tokio::test]
async fn captured_approvals_come_in_order_with_the_facts_of_the_assessment_that_approved() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let mut late = order("anna", 1_000);
    late.record.created = NOW + Span::minutes(1);
    let (first, second) = (order("anna", 1_000), order("anna", 1_000));
    let after = first.record.created;
    let refused = pending("anna", 1_000);
    approved(ledger, "anna", 1_000).await;
    let waiting = pending("anna", 1_000);
    let mut passed = order("anna", 1_000);
    passed.facts = r#"{"passed":true}"#.into();
    passed.supersedes = Some(waiting.record.id);
    for commit in [refused, waiting] {
        assert_eq!(assess(ledger, commit).await, Ok(Assessed::Recorded));
    }
    let late = captured(ledger, late).await;
    let mut ids = Vec::new();
    for commit in [first, second, passed] {
        ids.push(captured(ledger, commit).await);
    }
    let mut past = past(&book).await;
    let all = past.captured(NOW + Span::minutes(1)).await.unwrap();
    let found: Vec<DecisionId> = all.iter().map(|one| one.id).collect();
    assert_eq!(found, [&ids[..], &[late]].concat());
    assert!(all.iter().all(|one| !one.guest && one.created >= after));
    assert_eq!(past.captured(NOW).await.unwrap().len(), 3, "nothing from the future");

    let asked = [late, ids[2], ids[0]];
    let decided = past.decided(&asked).await.unwrap();
    assert_eq!(decided.iter().map(|one| one.id).collect::<Vec<_>>(), asked);
    assert_eq!(decided[1].facts, r#"{"passed":true}"#);
    assert_eq!((decided[0].created, decided[0].holder.as_str()), (NOW + Span::minutes(1), "anna"));
    assert!(past.decided(&[DecisionId(Uuid::nil())]).await.is_err());
}

#[tokio::test]
async fn a_guests_purchase_is_marked() {
    let book = book().await;
    let mut commit = order("anna", 1_000);
    commit.record.holder = Holder::Guest(party(9));
    commit.guest_limit = Some(5_000);
    captured(&book.ledger, commit).await;
    let all = past(&book).await.captured(NOW).await.unwrap();
    assert!(all[0].guest, "{all:?}");
}

#[tokio::test]
async fn misuse_is_the_first_that_was_known_of_the_decision_that_stands() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let waiting = pending("anna", 1_000);
    let (old, mut passed) = (waiting.record.id, order("anna", 1_000));
    passed.supersedes = Some(old);
    assert_eq!(assess(ledger, waiting).await, Ok(Assessed::Recorded));
    let passed = captured(ledger, passed).await;
    let (plain, clean) = (bought(ledger, "anna", 1_000).await, bought(ledger, "anna", 1_000).await);
    let day = |number| NOW + Span::days(number);
    tell_at(ledger, day(9), (day(5), misuse(old))).await;
    tell_at(ledger, day(9), (day(7), charged_back(plain))).await;
    tell_at(ledger, day(20), (day(3), misuse(plain))).await;
    tell_at(ledger, day(9), (day(6), EventKind::Dispute { decision: clean, opened: true })).await;

    let mut past = past(&book).await;
    let known = |told: &[(DecisionId, Time)]| told.iter().copied().collect::<HashMap<_, _>>();
    assert_eq!(past.misused(day(8)).await, Ok(known(&[])));
    assert_eq!(past.misused(day(9)).await, Ok(known(&[(passed, day(5)), (plain, day(7))])));
    assert_eq!(past.misused(day(20)).await, Ok(known(&[(passed, day(5)), (plain, day(3))])));
}

#[tokio::test]
async fn a_plan_has_its_own_events_as_they_were_recorded() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let plan = bought(ledger, "anna", 1_000).await;
    let other = bought(ledger, "anna", 1_000).await;
    let now_paid = {
        let mut commit = order("anna", 1_000);
        commit.record.plan =
            PlanTerms { kind: PlanKind::PayNow, count: 0, interval_days: 0, upfront: 0 };
        captured(ledger, commit).await
    };
    let day = |number| NOW + Span::days(number);
    let due = day(30);
    // Told with the first call, and paid after the second.
    tell_at(ledger, day(33), (day(33), repaid(plan, (due, day(32))))).await;
    tell_at(ledger, day(40), (day(40), repaid(plan, (due, day(31))))).await;
    tell_at(ledger, day(33), (day(33), repaid(other, (due, day(33))))).await;
    assert_eq!(tell(ledger, "anna", NOW, misuse(plan)).await, EventFate::Applied);
    tell_at(ledger, day(35), (day(35), EventKind::Dispute { decision: plan, opened: true })).await;

    let mut past = past(&book).await;
    let ids = [plan, other, now_paid];
    let plans = past.plans(&ids, day(40)).await.unwrap();
    assert_eq!(plans.len(), 2, "who pays now has no plan");
    assert_eq!(plans[&plan].instalments, [(due, 1_000)]);
    let times: Vec<Time> = plans[&plan].told.iter().map(|(time, _)| *time).collect();
    assert_eq!(times, [day(31), day(32), day(35)], "by when it was paid");
    assert_eq!(plans[&other].told, [(day(33), repaid(other, (due, day(33))))]);
    let plans = past.plans(&ids, day(39)).await.unwrap();
    assert_eq!(plans[&plan].told[0].0, day(32), "the other was not known yet");
    assert_eq!(plans[&plan].told.len(), 2);
}

#[tokio::test]
async fn all_is_read_as_of_one_moment_while_the_ledger_is_written() {
    let book = book_of_anna().await;
    let first = bought(&book.ledger, "anna", 1_000).await;
    let mut past = past(&book).await;
    bought(&book.ledger, "anna", 1_000).await;
    assert_eq!(tell(&book.ledger, "anna", NOW, misuse(first)).await, EventFate::Applied);
    assert_eq!(past.captured(NOW).await.unwrap().len(), 1);
    assert_eq!(past.misused(NOW).await, Ok(HashMap::new()));
    drop(past);
    let Book { ledger, place, folder } = book;
    ledger.close().await;
    let mut past = Past::open(&place).await.unwrap();
    assert_eq!(past.captured(NOW).await.unwrap().len(), 2, "nobody has it open");
    drop(folder);
}

#[tokio::test]
async fn what_is_no_ledger_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    for bytes in [&b"id,time\n1,2\n"[..], b"", &[0; 5_000]] {
        std::fs::write(&path, bytes).unwrap();
        let error = Past::open(&Place::file(&path)).await.unwrap_err().to_string();
        assert!(error.contains("table.csv"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "nothing is written");
    }
    assert!(Past::open(&Place::file(&folder.path().join("missing"))).await.is_err());
    assert!(Past::open(&Place::file(folder.path())).await.is_err());
}
