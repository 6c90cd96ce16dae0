//! Captures, cancellations, accounts and restrictions.

use super::*;

#[tokio::test]
async fn captures_turn_reserved_into_outstanding() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let id = approved(&ledger, "anna", 10_000).await;
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 10_000));

    let mut first = capture_of(id, 4_000);
    first.order_reference = Some("SO-9".into());
    first.purchase = Some(SignalRow { time: NOW, kind: "purchase", payload: "{}".into() });
    let record = now_of(ledger.confirm(claim(), first.clone()).await);
    assert_eq!((record.progress.captured, record.order_reference), (4_000, Some("SO-9".into())));
    assert_eq!(held(&ledger, "anna", NOW).await, (4_000, 6_000));

    let rest = Confirm { captured: money(6_000), order_reference: None, ..first };
    let record = now_of(ledger.confirm(claim(), rest).await);
    assert_eq!((record.progress.captured, record.order_reference), (10_000, Some("SO-9".into())));
    assert_eq!(held(&ledger, "anna", NOW).await, (10_000, 0));
    assert_eq!(ledger.decision(id).await.unwrap().unwrap().progress.captured, 10_000);
    // Only the first capture teaches what the customer buys.
    let kinds: Vec<String> =
        ledger.signal_events(0, 10).await.unwrap().into_iter().map(|row| row.kind).collect();
    assert_eq!(kinds, ["attempt", "purchase"]);
    let plans = standing_at(&ledger, "anna", NOW).await.plans;
    assert_eq!((plans.open, plans.due_30d), (1, 10_000));
    let over = ledger.confirm(claim(), capture_of(id, 1)).await;
    assert_eq!(refusal(over), PreconditionReason::AmountExceeded);
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn what_is_paid_upfront_counts_first_and_is_no_credit() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let mut commit = order("anna", 1_000);
    commit.record.plan =
        PlanTerms { kind: PlanKind::Instalments, count: 3, interval_days: 30, upfront: 250 };
    let id = commit.record.id;
    assert_eq!(assess(&ledger, commit).await, Ok(Assessed::Recorded));
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 750));
    for (captured, expected) in [(200, (0, 750)), (100, (50, 700)), (700, (750, 0))] {
        now_of(ledger.confirm(claim(), capture_of(id, captured)).await);
        assert_eq!(held(&ledger, "anna", NOW).await, expected);
    }
    // 50 and 700 in three parts each; what does not divide goes to the first ones, one unit each.
    let standing = standing_at(&ledger, "anna", NOW).await;
    assert_eq!(standing.plans.due_30d, 17 + 234);
    let standing = standing_at(&ledger, "anna", NOW + Span::days(60)).await;
    assert_eq!((standing.plans.due_30d, standing.plans.days_overdue), (750, 30));
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn what_is_paid_at_once_makes_no_plan() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let mut commit = order("anna", 1_000);
    commit.record.plan =
        PlanTerms { kind: PlanKind::PayNow, count: 0, interval_days: 0, upfront: 0 };
    let id = commit.record.id;
    assert_eq!(assess(&ledger, commit).await, Ok(Assessed::Recorded));
    now_of(ledger.confirm(claim(), capture_of(id, 1_000)).await);
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 0));
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn only_what_was_approved_is_captured() {
    use PreconditionReason as Why;
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let id = approved(&ledger, "anna", 1_000).await;
    let good = capture_of(id, 1_000);
    let sek = Money::new(1_000, Currency::parse("SEK").unwrap()).unwrap();
    let elsewhere = MerchantId::parse("m-78").unwrap();
    for (confirm, now, why) in [
        (Confirm { merchant: elsewhere, ..good.clone() }, NOW, Why::MerchantMismatch),
        (Confirm { captured: sek, ..good.clone() }, NOW, Why::CurrencyMismatch),
        (Confirm { captured: money(1_001), ..good.clone() }, NOW, Why::AmountExceeded),
        (Confirm { captured: money(0), ..good.clone() }, NOW, Why::AmountExceeded),
        (good.clone(), NOW + Span::minutes(60), Why::Expired),
    ] {
        let claim = claim_at(now);
        assert_eq!(refusal(ledger.confirm(claim.clone(), confirm).await), why);
        assert_eq!(ledger.answer(&claim.key).await, Ok(None));
    }
    let waiting = pending("anna", 10);
    let capture = capture_of(waiting.record.id, 10);
    assert_eq!(assess(&ledger, waiting).await, Ok(Assessed::Recorded));
    assert_eq!(refusal(ledger.confirm(claim(), capture).await), Why::NotApproved);
    let nobody = capture_of(DecisionId(Uuid::nil()), 10);
    assert_eq!(ledger.confirm(claim(), nobody).await, Err(Error::NotFound));
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 1_000));
}

#[tokio::test]
async fn a_repeated_confirmation_captures_once() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let id = approved(&ledger, "anna", 1_000).await;
    let claim = claim();
    let record = now_of(ledger.confirm(claim.clone(), capture_of(id, 400)).await);
    let again = ledger.confirm(claim, capture_of(id, 400)).await;
    let Ok(Written::Before(answer)) = again else { panic!("{again:?}") };
    assert_eq!(answer.read(), Ok(record));
    assert_eq!(held(&ledger, "anna", NOW).await, (400, 600));
}

fn cancel_of(decision: DecisionId) -> Cancel {
    let row = SignalRow { time: NOW, kind: "taken_back", payload: "{}".into() };
    Cancel { decision, reason: "CUSTOMER".into(), taken_back: Some(row) }
}

#[tokio::test]
async fn cancelling_frees_what_is_not_captured() {
    use PreconditionReason as Why;
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let id = approved(&ledger, "anna", 1_000).await;
    now_of(ledger.confirm(claim(), capture_of(id, 300)).await);
    let record = now_of(ledger.cancel(claim(), cancel_of(id)).await);
    assert_eq!(record.progress.canceled, Some(NOW));
    assert_eq!(held(&ledger, "anna", NOW).await, (300, 0));

    let later = claim_at(NOW + Span::minutes(1));
    assert_eq!(now_of(ledger.cancel(later, cancel_of(id)).await), record);
    assert_eq!(ledger.signal_events(0, 10).await.unwrap().len(), 2);
    assert_eq!(refusal(ledger.confirm(claim(), capture_of(id, 1)).await), Why::Canceled);

    let mut declined = order("anna", 10);
    declined.record.decision.outcome = Outcome::Declined;
    let waiting = pending("anna", 10);
    let (refused, open) = (declined.record.id, waiting.record.id);
    for commit in [declined, waiting] {
        assert_eq!(assess(&ledger, commit).await, Ok(Assessed::Recorded));
    }
    assert_eq!(refusal(ledger.cancel(claim(), cancel_of(refused)).await), Why::Declined);
    now_of(ledger.cancel(claim(), cancel_of(open)).await);
    let mut replacing = order("anna", 10);
    replacing.supersedes = Some(open);
    assert_eq!(assess(&ledger, replacing).await, Ok(Assessed::NotPending));
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn accounts_are_replaced_whole_by_whoever_read_them_last() {
    let Book { ledger, folder: _folder, .. } = book().await;
    let anna = account_id("anna");
    assert_eq!(ledger.account(&anna).await, Ok(None));
    let upsert = async |limit, etag: Option<&str>| {
        ledger.upsert_account(claim(), account_of("anna", limit), etag.map(str::to_owned)).await
    };
    assert_eq!(upsert(10, Some("1")).await, Err(Error::Conflict));
    assert_eq!(now_of(upsert(10, None).await), "1");
    assert_eq!(now_of(upsert(20, Some("1")).await), "2");
    assert_eq!(upsert(30, Some("1")).await, Err(Error::Conflict));
    assert_eq!(ledger.account(&anna).await, Ok(Some((account_of("anna", 20), "2".into()))));

    let mut in_sek = account_of("anna", 20);
    in_sek.currency = Currency::parse("SEK").unwrap();
    approved(&ledger, "anna", 20).await;
    let change = ledger.upsert_account(claim(), in_sek.clone(), None).await;
    assert_eq!(refusal(change), PreconditionReason::CurrencyInUse);
    let later = claim_at(NOW + Span::minutes(60));
    now_of(ledger.upsert_account(later, in_sek, None).await);
}

#[tokio::test]
async fn restrictions_are_set_and_lifted_once() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let restriction = Restriction {
        id: RestrictionId(Uuid::from_u128(5)),
        account: account_id("anna"),
        kind: RestrictionKind::Security,
        code: ReasonCode::AccountSecurityHold,
        start: NOW,
        end: NOW + Span::days(7),
        note: "stolen phone".into(),
        origin: RestrictionOrigin::Lender,
        lifted: None,
    };
    now_of(ledger.set_restriction(claim(), restriction.clone()).await);
    let again = ledger.set_restriction(claim(), restriction.clone()).await;
    assert_eq!(again, Err(Error::Conflict));
    assert_eq!(standing_at(&ledger, "anna", NOW).await.restrictions.len(), 1);

    let noon = NOW + Span::hours(1);
    let lifted = now_of(ledger.lift_restriction(claim_at(noon), restriction.id, "ok".into()).await);
    assert_eq!(lifted, Restriction { lifted: Some(noon), ..restriction.clone() });
    let later = claim_at(noon + Span::hours(1));
    assert_eq!(now_of(ledger.lift_restriction(later, restriction.id, "".into()).await), lifted);
    assert_eq!(ledger.restrictions(&account_id("anna")).await, Ok(vec![lifted]));
    assert_eq!(standing_at(&ledger, "anna", noon).await.restrictions, []);
    let unknown = RestrictionId(Uuid::nil());
    let lift = ledger.lift_restriction(claim(), unknown, "".into()).await;
    assert_eq!(lift, Err(Error::NotFound));
}

#[tokio::test]
async fn what_is_on_its_way_back_is_owed_but_not_counted_among_the_open_plans() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let id = bought(&ledger, "anna", 300).await;
    bought(&ledger, "anna", 200).await;
    let open = async || standing_at(&ledger, "anna", NOW + Span::hours(1)).await.plans.open;
    let told = async |minute, under_way| {
        let kind = EventKind::Return { order: OrderName::Decision(id), under_way };
        events::tell(&ledger, "anna", NOW + Span::minutes(minute), kind).await;
    };
    assert_eq!(open().await, 2);
    told(5, true).await;
    assert_eq!(open().await, 1);
    assert_eq!(held(&ledger, "anna", NOW + Span::hours(1)).await, (500, 0));
    // Told late, it changes nothing that was said since.
    told(4, false).await;
    assert_eq!(open().await, 1);
    told(6, false).await;
    assert_eq!(open().await, 2);
    let order = OrderName::OrderReference("SO-unknown".to_owned());
    let kind = EventKind::Return { order, under_way: true };
    let rejected = events::tell(&ledger, "anna", NOW, kind).await;
    assert_eq!(rejected, EventFate::rejected("unknown order"));
}
