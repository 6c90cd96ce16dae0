//! The standing: what counts as an order, a card, a change and a support plan, and until when.

use super::*;

async fn orders_of(ledger: &Ledger, probe: AssessCommit, now: Time) -> OrderFacts {
    let record = &probe.record;
    let probe = Probe {
        holder: &record.holder,
        merchant: &record.merchant,
        amount: record.amount.minor(),
        currency: record.amount.currency(),
        basket_hash: probe.basket_hash,
        parties: &Parties::default(),
        guest_limit: None,
        ignore: probe.supersedes,
        now,
    };
    ledger.standing(&probe).await.unwrap().orders
}

#[tokio::test]
async fn orders_are_what_is_reserved_or_captured() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    approved(&ledger, "anna", 100).await;
    bought(&ledger, "anna", 200).await;
    let canceled = approved(&ledger, "anna", 400).await;
    let cancel = Cancel { decision: canceled, reason: "TEST".into(), taken_back: None };
    now_of(ledger.cancel(claim(), cancel).await);
    assert_eq!(assess(&ledger, pending("anna", 800)).await, Ok(Assessed::Recorded));

    let facts = async |time| orders_of(&ledger, order("anna", 1), time).await;
    let at_once = facts(NOW).await;
    assert_eq!((at_once.placed_60m, at_once.placed_24h, at_once.amount_24h), (2, 2, 300));
    // What was not captured in time is no order any more.
    let expired = facts(NOW + Span::minutes(60)).await;
    assert_eq!((expired.placed_60m, expired.placed_24h, expired.amount_24h), (0, 1, 200));
    assert_eq!(facts(NOW + Span::hours(24) - Span::micros(1)).await.placed_24h, 1);
    assert_eq!(facts(NOW + Span::hours(24)).await.placed_24h, 0);
}

#[tokio::test]
async fn a_duplicate_has_the_same_shop_amount_and_basket_within_ten_minutes() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let mut first = order("anna", 100);
    first.basket_hash = Some([3; 32]);
    let id = first.record.id;
    assert_eq!(assess(&ledger, first.clone()).await, Ok(Assessed::Recorded));
    let duplicate = async |probe: &AssessCommit, minutes| {
        orders_of(&ledger, probe.clone(), NOW + Span::minutes(minutes)).await.duplicate
    };
    assert!(duplicate(&first, 0).await && duplicate(&first, 10).await);
    assert!(!duplicate(&first, 11).await);
    let mut other_shop = first.clone();
    other_shop.record.merchant = MerchantId::parse("m-78").unwrap();
    let mut other_amount = first.clone();
    other_amount.record.amount = money(101);
    let other_basket = AssessCommit { basket_hash: None, ..first.clone() };
    let itself = AssessCommit { supersedes: Some(id), ..first.clone() };
    for probe in [other_shop, other_amount, other_basket, itself] {
        assert!(!duplicate(&probe, 0).await);
    }
    let cancel = Cancel { decision: id, reason: "TEST".into(), taken_back: None };
    now_of(ledger.cancel(claim(), cancel).await);
    assert!(!duplicate(&first, 0).await);
}

#[tokio::test]
async fn cards_count_when_granted_and_while_open() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let card = || {
        let commit = cards::card_of("anna", 100, 0);
        (cards::id_of(&commit), commit)
    };
    let (used, commit) = card();
    for commit in [commit, card().1] {
        assert_eq!(assess(&ledger, commit).await, Ok(Assessed::Recorded));
    }
    cards::activated(&ledger, used, NOW).await;
    let facts = orders_of(&ledger, order("anna", 1), NOW).await;
    assert_eq!((facts.cards_24h, facts.cards_open), (2, 2));
    now_of(ledger.authorize_card(claim(), cards::purchase_of(used, 50)).await);
    let facts = orders_of(&ledger, order("anna", 1), NOW + Span::hours(23)).await;
    assert_eq!((facts.cards_24h, facts.cards_open), (2, 1));
    let facts = orders_of(&ledger, order("anna", 1), NOW + Span::hours(24)).await;
    assert_eq!((facts.cards_24h, facts.cards_open), (0, 0));
}

#[tokio::test]
async fn an_account_is_told_as_the_lender_told_it() {
    let Book { ledger, folder: _folder, .. } = book().await;
    let standing = standing_at(&ledger, "anna", NOW).await;
    assert_eq!(standing, Standing::unknown());

    let changed = NOW - Span::days(2);
    let mut account = account_of("anna", 5_000);
    account.income = Some(Income { monthly: 250_000, verified: true, as_of: None });
    account.bureau = Some(Bureau { entries: Some(3), ..Bureau::default() });
    account.profile.email =
        Some(ProfileField { status: FieldStatus::Verified, changed: Some(changed) });
    now_of(ledger.upsert_account(claim(), account, None).await);
    let standing = standing_at(&ledger, "anna", NOW).await;
    assert!(standing.known);
    assert_eq!((standing.credit_limit, standing.income_monthly), (Some(5_000), Some(250_000)));
    assert_eq!((standing.bureau.entries, standing.contact_changed), (Some(3), Some(changed)));

    let later = NOW - Span::days(1);
    let change = |field| EventKind::ProfileChange { field };
    events::tell(&ledger, "anna", later, change(ProfileFieldName::Password)).await;
    events::tell(&ledger, "anna", NOW, change(ProfileFieldName::Address)).await;
    assert_eq!(standing_at(&ledger, "anna", NOW).await.contact_changed, Some(later));
}

#[tokio::test]
async fn the_later_word_on_a_support_plan_holds() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let active = async || standing_at(&ledger, "anna", NOW).await.support_plan_active;
    assert_eq!(active().await, None);
    let begun = EventKind::SupportPlan { active: true };
    events::tell(&ledger, "anna", NOW - Span::days(3), begun).await;
    assert_eq!(active().await, Some(true), "the account says nothing of it");
    let mut account = account_of("anna", 1);
    account.support_plan_active = Some(false);
    now_of(ledger.upsert_account(claim(), account, None).await);
    assert_eq!(active().await, Some(false));
    let again = EventKind::SupportPlan { active: true };
    events::tell(&ledger, "anna", NOW + Span::days(1), again).await;
    assert_eq!(active().await, Some(true));
}
