//! Holds that begin later: what a card held of the limit is free when they do, and not before.

use super::cards::{activated, adjust_of, granted, purchase_of};
use super::*;

const SOON: Time = Time::from_seconds(1_800_000_000 + 3_600);

async fn hold(ledger: &Ledger, kind: RestrictionKind, start: Time) -> RestrictionId {
    let id = RestrictionId(Uuid::from_u128(u128::from(draw())));
    let restriction = Restriction {
        id,
        account: account_id("anna"),
        kind,
        code: kind.own_code(),
        start,
        end: start + Span::minutes(5),
        note: String::new(),
        origin: RestrictionOrigin::Lender,
        lifted: None,
    };
    now_of(ledger.set_restriction(claim(), restriction).await);
    id
}

async fn lift(ledger: &Ledger, id: RestrictionId, now: Time) {
    now_of(ledger.lift_restriction(claim_at(now), id, String::new()).await);
}

/// What is reserved just before a moment, and at it.
async fn around(ledger: &Ledger, time: Time) -> (i64, i64) {
    (held(ledger, "anna", time - Span::micros(1)).await.1, held(ledger, "anna", time).await.1)
}

#[tokio::test]
async fn a_cards_part_of_the_limit_is_free_when_a_hold_begins() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    // Granted before the hold was known, and after.
    granted(ledger, 40_000, 0).await;
    hold(ledger, RestrictionKind::Security, SOON).await;
    let card = granted(ledger, 60_000, 0).await;
    assert_eq!(around(ledger, SOON).await, (100_000, 0));
    // The write sees it as well, with nothing having happened in between.
    let mut commit = order("anna", 100_000);
    commit.record.created = SOON;
    commit.record.decision.expires = Some(SOON + Span::minutes(60));
    assert_eq!(assess(ledger, commit).await, Ok(Assessed::Recorded));
    assert_eq!(ledger.card(card).await.unwrap().unwrap().state(SOON), CardState::Canceled);
    assert_sound(ledger, SOON).await;
}

#[tokio::test]
async fn a_hold_that_is_lifted_before_it_begins_leaves_all_as_it_was() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    granted(ledger, 1_000, 0).await;
    let first = hold(ledger, RestrictionKind::Compliance, SOON).await;
    let second = hold(ledger, RestrictionKind::Sanctions, SOON + Span::minutes(10)).await;
    hold(ledger, RestrictionKind::Temporary, SOON - Span::minutes(10)).await;
    assert_eq!(around(ledger, SOON).await, (1_000, 0));
    lift(ledger, first, NOW + Span::minutes(1)).await;
    assert_eq!(around(ledger, SOON).await, (1_000, 1_000));
    assert_eq!(around(ledger, SOON + Span::minutes(10)).await, (1_000, 0));
    lift(ledger, second, NOW + Span::minutes(2)).await;
    assert_eq!(around(ledger, NOW + Span::hours(24)).await, (1_000, 0));
    assert_sound(ledger, NOW).await;
}

#[tokio::test]
async fn what_a_shop_holds_stays_and_what_it_gives_back_ends_with_the_hold() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let card = granted(ledger, 1_000, 0).await;
    activated(ledger, card, NOW).await;
    hold(ledger, RestrictionKind::Security, SOON).await;
    let purchase = purchase_of(card, 700);
    let authorization = purchase.id;
    assert!(now_of(ledger.authorize_card(claim(), purchase).await).answer.is_approval());
    assert_eq!(around(ledger, SOON).await, (700, 700));
    let reverse = adjust_of(card, authorization, (AdjustKind::Reverse, 700));
    now_of(ledger.adjust_card(claim(), reverse).await);
    assert_eq!(around(ledger, SOON).await, (1_000, 0));
    assert_sound(ledger, SOON).await;
}
