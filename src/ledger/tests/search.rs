//! Decisions found by what is known of them, page by page, on either engine.

use super::*;

/// A decision of that minute, at that shop, with these reasons.
async fn decided(ledger: &Ledger, minute: i64, shop: &str, codes: &[ReasonCode]) -> DecisionId {
    let mut commit = order("anna", 1_000 + minute);
    let record = &mut commit.record;
    record.created = NOW + Span::minutes(minute);
    record.merchant = MerchantId::parse(shop).unwrap();
    record.order_reference = Some(format!("order of {shop}"));
    record.decision.outcome = Outcome::Declined;
    record.decision.reasons = codes.iter().map(|code| reason(*code)).collect();
    let id = record.id;
    assert_eq!(ledger.assess(commit).await, Ok(Assessed::Recorded));
    id
}

fn reason(code: ReasonCode) -> Reason {
    Reason {
        code,
        effect: Effect::Decisive,
        push: Push::Decline,
        component: None,
        rank: 1,
        points: 0,
        share_percent: 0,
        evidence: Vec::new(),
    }
}

/// All pages of so many.
async fn found(ledger: &Ledger, search: &Search, page: usize) -> Vec<DecisionId> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let records = ledger.search(search, after, page).await.unwrap();
        assert!(records.len() <= page);
        found.extend(records.iter().map(|record| record.id));
        match records.last().filter(|_| records.len() == page) {
            Some(last) => after = Some((last.created, last.id)),
            None => return found,
        }
    }
}

async fn assert_found(ledger: &Ledger, search: Search, expected: &[DecisionId]) {
    for page in [1, 2, 9] {
        assert_eq!(found(ledger, &search, page).await, expected, "{search:?} by {page}");
    }
}

#[tokio::test]
async fn every_search_finds_its_decisions_newest_first() {
    use ReasonCode::{CreditLimitExceeded, PaymentOverdue};
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let first = decided(ledger, 0, "m-1", &[CreditLimitExceeded, PaymentOverdue]).await;
    let second = decided(ledger, 5, "m-2", &[PaymentOverdue, PaymentOverdue]).await;
    let third = decided(ledger, 5, "m-1", &[]).await;
    let minute = |minute| NOW + Span::minutes(minute);
    let of_anna = |from, until| Search::Holder { holder: holder("anna"), from, until };
    assert_found(ledger, of_anna(None, None), &[third, second, first]).await;
    assert_found(ledger, of_anna(Some(minute(5)), None), &[third, second]).await;
    assert_found(ledger, of_anna(None, Some(minute(5))), &[first]).await;
    let with = |code, until| Search::Reason { code, from: None, until };
    assert_found(ledger, with(PaymentOverdue, None), &[second, first]).await;
    assert_found(ledger, with(PaymentOverdue, Some(minute(5))), &[first]).await;
    assert_found(ledger, with(CreditLimitExceeded, None), &[first]).await;
    let order = |shop: Option<&str>| Search::Order {
        order_reference: "order of m-1".into(),
        merchant: shop.map(|shop| MerchantId::parse(shop).unwrap()),
    };
    assert_found(ledger, order(None), &[third, first]).await;
    assert_found(ledger, order(Some("m-1")), &[third, first]).await;
    assert_found(ledger, order(Some("m-2")), &[]).await;
    let purchase = |amounts, times| Search::Purchase {
        merchant: MerchantId::parse("m-1").unwrap(),
        currency: eur(),
        amounts,
        times,
    };
    assert_found(ledger, purchase((1_000, 1_005), (minute(0), minute(5))), &[third, first]).await;
    assert_found(ledger, purchase((1_001, 1_005), (minute(0), minute(5))), &[third]).await;
    assert_found(ledger, purchase((1_000, 1_005), (minute(0), minute(4))), &[first]).await;
}

#[tokio::test]
async fn an_account_is_summed_up_from_its_rows() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let plan = bought(ledger, "anna", 1_000).await;
    let open = approved(ledger, "anna", 300).await;
    let due = NOW + Span::days(30);
    let plans = ledger.open_plans(&holder("anna"), due).await.unwrap();
    let expected = OpenPlan {
        plan_id: plan.to_string(),
        imported: false,
        currency: eur(),
        outstanding: 1_000,
        next_due: Some(due),
        next_amount: Some(1_000),
        overdue: 0,
        paused: false,
        disputed: false,
    };
    assert_eq!(plans, std::slice::from_ref(&expected));
    let late = ledger.open_plans(&holder("anna"), due + Span::micros(1)).await.unwrap();
    assert_eq!(late, [OpenPlan { overdue: 1_000, ..expected }]);
    let held = ledger.held_reservations(&holder("anna"), NOW).await.unwrap();
    let expires = Some(NOW + Span::minutes(60));
    assert_eq!(held, [HeldReservation { decision: open, amount: 300, expires }]);
    let later = ledger.held_reservations(&holder("anna"), NOW + Span::minutes(60)).await;
    assert_eq!(later, Ok(Vec::new()));
}

#[tokio::test]
async fn an_export_reads_a_stretch_of_time_as_of_one_moment() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let mut ids = Vec::new();
    for millis in [0, 1, 1, 2, 3] {
        let mut commit = order("anna", 10);
        let created = NOW + Span::micros(1_000 * millis + 500);
        let random = commit.record.id.0.into_bytes()[..10].try_into().unwrap();
        let stamp = created.as_micros() as u64 / 1_000;
        let id = uuid::Builder::from_unix_timestamp_millis(stamp, &random).into_uuid();
        (commit.record.id, commit.record.created) = (DecisionId(id), created);
        commit.record.decision.outcome = Outcome::Declined;
        ids.push(commit.record.id);
        assert_eq!(ledger.assess(commit).await, Ok(Assessed::Recorded));
    }
    ids.sort();
    // Within its millisecond the first is before, the last behind.
    let times = (NOW + Span::micros(501), NOW + Span::micros(3_500));
    let mut export = Export::open(&book.place, times).await.unwrap();
    approved(ledger, "anna", 10).await;
    let mut found = Vec::new();
    loop {
        let some = export.next(2).await.unwrap();
        if some.is_empty() {
            break;
        }
        found.extend(some.iter().map(|record| record.id));
    }
    assert_eq!(found, ids[1..4]);
    let mut export = Export::open(&book.place, times).await.unwrap();
    assert_eq!(export.count().await, Ok(5), "about");
}
