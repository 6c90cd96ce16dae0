//! Account events: what each does, how late ones and duplicates are taken.

use super::*;

fn event(account: &str, time: Time, kind: EventKind) -> AccountEvent {
    let id = EventId::parse(&format!("event-{}", draw())).unwrap();
    AccountEvent { id, account: account_id(account), time, kind }
}

/// Records one event and answers what became of it.
pub(super) async fn tell(ledger: &Ledger, account: &str, time: Time, kind: EventKind) -> EventFate {
    let events = vec![(event(account, time, kind), None)];
    now_of(ledger.record_events(claim_at(NOW), events).await).remove(0).status
}

fn repayment(plan_id: impl ToString, amount: i64, due: Time, paid: Time) -> EventKind {
    EventKind::Repayment { plan_id: plan_id.to_string(), amount: money(amount), due, paid }
}

fn status(plan_id: impl ToString, outstanding: i64, state: PlanState) -> EventKind {
    EventKind::PlanStatus {
        plan_id: plan_id.to_string(),
        outstanding: money(outstanding),
        next_due: Some(NOW + Span::days(10)),
        days_overdue: 0,
        state,
    }
}

async fn assert_applied(ledger: &Ledger, time: Time, kind: EventKind) {
    assert_eq!(tell(ledger, "anna", time, kind).await, EventFate::Applied);
}

async fn assert_rejected(ledger: &Ledger, account: &str, kind: EventKind) {
    let status = tell(ledger, account, NOW, kind).await;
    assert!(matches!(status, EventFate::Rejected(_)), "{status:?}");
}

#[tokio::test]
async fn an_event_counts_once() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let plan = bought(&ledger, "anna", 1_000).await;
    let paid = event("anna", NOW, repayment(plan, 400, NOW, NOW));
    let row = SignalRow { time: NOW, kind: "repaid", payload: "{}".into() };
    let unknown = event("bert", NOW, repayment(plan, 400, NOW, NOW));
    let claim = claim();
    let told = [&paid, &paid, &unknown].map(|event| (event.clone(), Some(row.clone())));
    let results = now_of(ledger.record_events(claim.clone(), told.to_vec()).await);
    let statuses: Vec<_> = results.iter().map(|result| result.status.clone()).collect();
    let unknown = EventFate::Rejected("unknown account".into());
    assert_eq!(statuses, [EventFate::Applied, EventFate::Duplicate, unknown]);
    assert_eq!(held(&ledger, "anna", NOW).await.0, 600);

    let again = ledger.record_events(claim, told.to_vec()).await;
    let Ok(Written::Before(answer)) = again else { panic!("{again:?}") };
    assert_eq!(answer.read(), Ok(results));
    let other_key = now_of(ledger.record_events(super::claim(), vec![(paid, Some(row))]).await);
    assert_eq!(other_key[0].status, EventFate::Duplicate);
    assert_eq!(held(&ledger, "anna", NOW).await.0, 600);
    // One attempt of the order, one repayment that was applied.
    assert_eq!(ledger.signal_events(0, 10).await.unwrap().len(), 2);
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn repayments_pay_the_oldest_instalments_and_make_the_record() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let mut commit = order("anna", 900);
    commit.record.plan =
        PlanTerms { kind: PlanKind::Instalments, count: 3, interval_days: 30, upfront: 0 };
    let plan = commit.record.id;
    assert_eq!(assess(&ledger, commit).await, Ok(Assessed::Recorded));
    now_of(ledger.confirm(claim(), capture_of(plan, 900)).await);
    let due = |n: i64| NOW + Span::days(30 * n);
    let on_day = async |day| standing_at(&ledger, "anna", NOW + Span::days(day)).await.plans;

    assert_eq!(on_day(30).await.days_overdue, 0);
    assert_eq!(on_day(34).await.days_overdue, 4);
    assert_applied(&ledger, due(1), repayment(plan, 300, due(1), due(1) + Span::days(8))).await;
    assert_eq!(on_day(38).await.days_overdue, 0);
    assert_eq!((on_day(38).await.late_180d, on_day(38).await.late_365d), (1, 1));
    // Part of the second instalment: it stays late until it is paid whole.
    assert_applied(&ledger, due(2), repayment(plan, 299, due(2), due(2) + Span::days(1))).await;
    assert_eq!(on_day(61).await.days_overdue, 1);
    assert_eq!((on_day(61).await.late_180d, on_day(61).await.late_365d), (1, 2));
    let record = standing_at(&ledger, "anna", NOW + Span::days(61)).await.repayment.unwrap();
    assert_eq!(record.balance, [301, 900, 900, 0, 0, 0]);
    assert_eq!(record.paid, [599, 0, 0, 0, 0, 0]);
    // Eight days late in the last 30 days; by the end of those before it was one day, no delay.
    assert_eq!(record.months_late, [Some(1), None, None, None, None, None]);
    // More than is left: never below zero.
    assert_applied(&ledger, due(3), repayment(plan, 9_999, due(3), due(3))).await;
    let standing = standing_at(&ledger, "anna", due(4)).await;
    assert_eq!((standing.outstanding, standing.plans.open, standing.plans.repaid), (0, 0, 1));
    assert_eq!((on_day(300).await.late_180d, on_day(300).await.late_365d), (0, 2));
    assert_rejected(
        &ledger,
        "anna",
        EventKind::Repayment {
            plan_id: plan.to_string(),
            amount: Money::new(5, Currency::parse("SEK").unwrap()).unwrap(),
            due: NOW,
            paid: NOW,
        },
    )
    .await;
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn plans_of_the_lender_are_imported_and_then_only_fall() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    assert_applied(&ledger, NOW, status("old", 5_000, PlanState::Current)).await;
    let standing = standing_at(&ledger, "anna", NOW).await;
    assert_eq!((standing.outstanding, standing.plans.open), (5_000, 1));
    assert_eq!((standing.plans.due_30d, standing.plans.days_overdue), (5_000, 0));
    assert_eq!(standing_at(&ledger, "anna", NOW + Span::days(12)).await.plans.days_overdue, 2);

    assert_rejected(&ledger, "anna", status("old", 5_001, PlanState::Current)).await;
    assert_applied(&ledger, NOW, status("old", 4_000, PlanState::Paused)).await;
    let standing = standing_at(&ledger, "anna", NOW + Span::days(12)).await;
    assert_eq!((standing.outstanding, standing.plans.days_overdue), (4_000, 0));

    // A late word, and a repayment that the last word has in it, move nothing.
    let before = NOW - Span::days(1);
    assert_applied(&ledger, before, status("old", 3_000, PlanState::Defaulted)).await;
    assert_applied(&ledger, before, repayment("old", 500, before, before)).await;
    let standing = standing_at(&ledger, "anna", NOW).await;
    assert_eq!((standing.outstanding, standing.plans.defaulted), (4_000, false));

    let later = NOW + Span::days(1);
    assert_applied(&ledger, later, status("old", 4_000, PlanState::Defaulted)).await;
    let closed = later + Span::days(1);
    assert_applied(&ledger, closed, status("old", 0, PlanState::Closed)).await;
    let standing = standing_at(&ledger, "anna", later).await;
    assert_eq!((standing.outstanding, standing.plans.open), (0, 0));
    assert!(standing.plans.defaulted);
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn a_repayment_of_an_unknown_plan_counts_for_the_record_only() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let late = NOW - Span::days(20);
    assert_applied(&ledger, NOW, repayment("before-us", 500, late, NOW)).await;
    let standing = standing_at(&ledger, "anna", NOW).await;
    assert_eq!((standing.outstanding, standing.plans.repaid), (0, 1));
    assert_eq!((standing.plans.late_180d, standing.plans.days_overdue), (1, 0));
    // The status of that plan as of last week comes late, and lacks the repayment.
    let last_week = NOW - Span::days(7);
    assert_applied(&ledger, last_week, status("before-us", 2_000, PlanState::Current)).await;
    assert_eq!(held(&ledger, "anna", NOW).await.0, 1_500);
}

#[tokio::test]
async fn a_status_of_our_own_plan_moves_its_due_dates() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let plan = bought(&ledger, "anna", 1_000).await;
    let overdue = EventKind::PlanStatus {
        plan_id: plan.to_string(),
        outstanding: money(1_000),
        next_due: None,
        days_overdue: 5,
        state: PlanState::Overdue,
    };
    assert_applied(&ledger, NOW, overdue).await;
    assert_eq!(standing_at(&ledger, "anna", NOW).await.plans.days_overdue, 5);
    let paid = NOW + Span::days(1);
    assert_applied(&ledger, paid, repayment(plan, 100, NOW, paid)).await;
    assert_eq!(standing_at(&ledger, "anna", paid).await.plans.days_overdue, 0);
    assert_applied(&ledger, paid, status(plan, 600, PlanState::Current)).await;
    let plans = standing_at(&ledger, "anna", paid).await.plans;
    assert_eq!((plans.due_30d, plans.open), (600, 1));
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn refunds_take_what_is_reserved_first_and_the_last_instalments_next() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let mut commit = order("anna", 1_000);
    commit.record.order_reference = Some("SO-4".into());
    commit.record.plan =
        PlanTerms { kind: PlanKind::Instalments, count: 2, interval_days: 30, upfront: 0 };
    let id = commit.record.id;
    assert_eq!(assess(&ledger, commit).await, Ok(Assessed::Recorded));
    now_of(ledger.confirm(claim(), capture_of(id, 600)).await);
    let refund = |order, amount| EventKind::Refund { order, amount: money(amount) };
    let by_reference = || OrderName::OrderReference("SO-4".into());

    assert_applied(&ledger, NOW, refund(by_reference(), 350)).await;
    assert_eq!(held(&ledger, "anna", NOW).await, (600, 50));
    assert_applied(&ledger, NOW, refund(OrderName::Decision(id), 400)).await;
    assert_eq!(held(&ledger, "anna", NOW).await, (250, 0));
    assert_eq!(standing_at(&ledger, "anna", NOW).await.plans.due_30d, 250);
    let capture = ledger.confirm(claim(), capture_of(id, 100)).await;
    assert_eq!(refusal(capture), PreconditionReason::AmountExceeded);
    assert_applied(&ledger, NOW, refund(OrderName::Decision(id), 9_999)).await;
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 0));
    assert_eq!(standing_at(&ledger, "anna", NOW).await.plans.repaid, 0);

    let nobody = OrderName::OrderReference("SO-5".into());
    assert_rejected(&ledger, "anna", refund(nobody, 1)).await;
    set_limit(&ledger, "bert", 1).await;
    assert_rejected(&ledger, "bert", refund(OrderName::Decision(id), 1)).await;
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn a_disputed_plan_is_not_late() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let decision = bought(&ledger, "anna", 1_000).await;
    let late = NOW + Span::days(40);
    let overdue = async || standing_at(&ledger, "anna", late).await.plans.days_overdue;
    assert_eq!(overdue().await, 10);
    assert_applied(&ledger, NOW, EventKind::Dispute { decision, opened: true }).await;
    assert_eq!(overdue().await, 0);
    let closed = EventKind::Dispute { decision, opened: false };
    assert_applied(&ledger, NOW - Span::days(1), closed.clone()).await;
    assert_eq!(overdue().await, 0, "a late event does not undo a later one");
    assert_applied(&ledger, NOW, closed).await;
    assert_eq!(overdue().await, 10);
    let chargeback =
        EventKind::Chargeback { decision, amount: money(1_000), reason: "4837".into() };
    assert_applied(&ledger, NOW, chargeback).await;
    assert_eq!((overdue().await, held(&ledger, "anna", NOW).await.0), (0, 1_000));
}

#[tokio::test]
async fn confirmed_misuse_lists_the_party_of_the_decision() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    // The attempt was taught with the decision that waited for a step-up.
    let waiting = pending("anna", 1_000);
    let mut passed = order("anna", 1_000);
    passed.signal_event = None;
    passed.supersedes = Some(waiting.record.id);
    let decision = passed.record.id;
    for commit in [waiting, passed] {
        assert_eq!(assess(&ledger, commit).await, Ok(Assessed::Recorded));
    }
    let misuse = |scope| EventKind::ConfirmedMisuse { decision, scope };
    assert_applied(&ledger, NOW, misuse(MisuseScope::Device)).await;
    assert_rejected(&ledger, "anna", misuse(MisuseScope::Instrument)).await;

    let parties = Parties {
        account: Some(party(1)),
        device: Some(party(2)),
        instrument: Some(party(2)),
        ..Parties::default()
    };
    let probe = Probe {
        holder: &holder("somebody-else"),
        merchant: &MerchantId::parse("m-1").unwrap(),
        amount: 1,
        currency: eur(),
        basket_hash: None,
        parties: &parties,
        guest_limit: None,
        ignore: None,
        now: NOW,
    };
    let listed = ledger.standing(&probe).await.unwrap().listed;
    assert_eq!(listed, Listed { account: false, device: true, instrument: false });
}

#[tokio::test]
async fn a_refusal_of_the_bank_ends_an_approval_that_nobody_captured() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let decision = approved(&ledger, "anna", 1_000).await;
    let answer = |decision, response: &str| EventKind::BankAnswer {
        decision,
        response: response.to_owned(),
    };
    assert_applied(&ledger, NOW, answer(decision, "00")).await;
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 1_000));
    assert_applied(&ledger, NOW, answer(decision, "51")).await;
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 0));
    let record = ledger.decision(decision).await.unwrap().unwrap();
    assert_eq!(record.state(NOW), DecisionState::Canceled);

    let captured = bought(&ledger, "anna", 500).await;
    assert_applied(&ledger, NOW, answer(captured, "51")).await;
    assert_eq!(held(&ledger, "anna", NOW).await, (500, 0));
    assert_rejected(&ledger, "anna", answer(DecisionId(Uuid::nil()), "51")).await;
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn stored_events_hold_no_parties() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let parties = Parties { device: Some(party(0xab)), ..Parties::default() };
    let position = Some(Position { lat_e6: 52_520_000, lon_e6: 13_405_000, accuracy_km: 5 });
    let kind = EventKind::SignIn { strength: None, parties, position };
    assert_applied(&ledger, NOW, kind).await;
    let mut connection = ledger.readers.acquire().await.unwrap();
    let stored = query("SELECT payload FROM events").fetch_value::<String>(&mut connection).await;
    let stored = stored.unwrap().unwrap();
    assert!(!stored.contains("abab") && !stored.contains("52520000"), "{stored}");
}

#[tokio::test]
async fn an_amount_in_another_currency_is_rejected() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let plan = bought(&ledger, "anna", 1_000).await;
    let kronor = Money::new(400, Currency::parse("SEK").unwrap()).unwrap();
    let paid =
        EventKind::Repayment { plan_id: plan.to_string(), amount: kronor, due: NOW, paid: NOW };
    let unknown_plan = EventKind::PlanStatus {
        plan_id: "elsewhere".into(),
        outstanding: kronor,
        next_due: None,
        days_overdue: 0,
        state: PlanState::Current,
    };
    for kind in [paid, unknown_plan] {
        assert_rejected(&ledger, "anna", kind).await;
    }
    assert_eq!(held(&ledger, "anna", NOW).await.0, 1_000);
}

#[tokio::test]
async fn a_status_knows_nothing_of_what_was_captured_after_it() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let commit = order("anna", 1_000);
    let id = commit.record.id;
    assert_eq!(assess(&ledger, commit).await, Ok(Assessed::Recorded));
    // Before the purchase is confirmed there is no plan to speak of.
    assert_rejected(&ledger, "anna", status(id, 1_000, PlanState::Current)).await;
    now_of(ledger.confirm(claim(), capture_of(id, 1_000)).await);
    let before = NOW - Span::minutes(1);
    assert_applied(&ledger, before, status(id, 0, PlanState::Closed)).await;
    assert_eq!(held(&ledger, "anna", NOW).await, (1_000, 0));
}
